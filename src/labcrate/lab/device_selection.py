"""What a session was started with: its cameras and sensors, from every place where the platform writes them.

``selectedDevices`` and ``devices`` at the top, ``metadata.devices`` and ``metadata.selectedDevices``: all of them
count. Each holds lists of cameras and sensors, or one list whose entries say of which type they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labcrate.lab.text import Cleaning
from labcrate.messages.text import printable, printable_lines
from labcrate.model.device import Camera, Device, find_camera
from labcrate.model.session import SelectedCamera, SelectedDevice, SelectedSensor, Session

_CAMERA_TYPES = frozenset({"camera", "cameras"})
_SENSOR_TYPES = frozenset({"sensor", "sensors"})


@dataclass(slots=True)
class DeviceSelection:
    """The cameras, sensors and devices of unknown type that a description selects, each once, in its order."""

    cameras: list[SelectedCamera] = field(default_factory=list)
    sensors: list[SelectedSensor] = field(default_factory=list)
    untyped: list[SelectedDevice] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_device_selection(fields: Mapping[str, Any], cleaning: Cleaning) -> DeviceSelection:
    """Read everything that a session's description selects; what cannot be meant is a warning."""
    selection = DeviceSelection()
    metadata = fields.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    places = (
        ("selectedDevices", fields.get("selectedDevices")),
        ("devices", fields.get("devices")),
        ("metadata.devices", metadata.get("devices")),
        ("metadata.selectedDevices", metadata.get("selectedDevices")),
    )
    for place, value in places:
        for kind, item in _iterate_items(place, value, selection.warnings):
            _add(selection, kind, item, cleaning)
    return selection


def recording_prefixes(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the recording prefixes that a description gives its cameras, read without judging it."""
    metadata = fields.get("metadata")
    inner = metadata if isinstance(metadata, Mapping) else {}
    for value in (
        fields.get("selectedDevices"),
        fields.get("devices"),
        inner.get("devices"),
        inner.get("selectedDevices"),
    ):
        for _, item in _iterate_items("", value, []):
            prefix = item.get("recordingPrefix")
            if isinstance(prefix, str) and prefix:
                yield prefix


def resolve_selection(session: Session, cameras: Sequence[Camera], devices: Sequence[Device]) -> Session:
    """Return the session with what it selects looked up among the lab's cameras and devices.

    A device of unknown type is a camera, a sensor, or both, by whose id or name it has; one that is neither is taken
    as a sensor, so that no readings come along that were not selected, with a warning. A camera that is selected by
    its name gets its id.
    """
    found = DeviceSelection(list(session.cameras), list(session.sensors))
    for thing in session.untyped_devices:
        texts = {text for text in (thing.id, thing.name) if text}
        known = _find_camera(thing.id, thing.name, cameras, session.user)
        device = any(texts & {one.id, one.name} for one in devices)
        if known:
            _add_camera(found, SelectedCamera(known.id, known.name, known.prefix, known.raw_name))
        if device or not known:
            _add_sensor(found, SelectedSensor(thing.id, thing.name))
        if not device and not known:
            named = printable(thing.name or thing.id)
            what = "is neither a camera nor a device of the lab's files; it is taken as a sensor"
            found.warnings.append(f"The session selects {named!r}, which {what}.")
    chosen = tuple(_resolve_camera(camera, cameras, session.user) for camera in found.cameras)
    if not session.untyped_devices and chosen == session.cameras:
        return session
    warnings = (*session.warnings, *found.warnings)
    return replace(session, cameras=chosen, sensors=tuple(found.sensors), untyped_devices=(), warnings=warnings)


def _resolve_camera(chosen: SelectedCamera, cameras: Sequence[Camera], user: str | None) -> SelectedCamera:
    known = _find_camera(chosen.id, chosen.raw_name, cameras, user)
    return chosen if known is None or known.id == chosen.id else replace(chosen, id=known.id)


def _find_camera(camera_id: str, name: str | None, cameras: Sequence[Camera], user: str | None) -> Camera | None:
    """The camera of that id, else the one camera of that name."""
    if known := find_camera(cameras, camera_id, user):
        return known
    if any(camera.id == camera_id for camera in cameras):
        return None  # several users have one
    texts = {text for text in (camera_id, name) if text}
    called = [camera for camera in cameras if texts & {camera.name, camera.raw_name}]
    own = [camera for camera in called if user is not None and user in camera.users]
    called = own or called
    return called[0] if len(called) == 1 else None


def _iterate_items(place: str, value: Any, warnings: list[str]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """The entries of one place, as objects, with their type: in lists by type, in one list, or keyed by id."""
    if value is None or value == "":
        return
    if isinstance(value, list):
        yield from _iterate_list(place, None, value, warnings)
    elif not isinstance(value, Mapping):
        warnings.append(f"{place} of the session is no list of devices; nothing was taken from it.")
    elif value.keys() & {"cameras", "sensors"}:
        for kind in ("cameras", "sensors"):
            chosen = value.get(kind)
            if isinstance(chosen, Mapping):
                yield from ((kind, {"id": key, **_object(item)}) for key, item in chosen.items())
            elif isinstance(chosen, list):
                yield from _iterate_list(f"{place}.{kind}", kind, chosen, warnings)
            elif chosen is not None:
                warnings.append(f"{place}.{kind} of the session is no list; nothing was taken from it.")
    else:
        yield from ((None, {"id": key, **item}) for key, item in value.items() if isinstance(item, Mapping))


def _iterate_list(
    place: str, kind: str | None, items: Sequence[Any], warnings: list[str]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    for i, item in enumerate(items):
        if isinstance(item, Mapping):
            yield kind, dict(item)
        elif isinstance(item, str | int) and not isinstance(item, bool):
            yield kind, {"id": item}
        elif item is not None:
            warnings.append(f"{place}[{i}] of the session names no device; it was left out.")


def _add(selection: DeviceSelection, kind: str | None, item: Mapping[str, Any], cleaning: Cleaning) -> None:
    name, given = _text(item.get("name")), _text(item.get("type"))
    identifier = _text(item.get("id")) or name
    topic = _text(item.get("topic"))
    kind = kind or (given or "").strip().lower()
    if kind in _CAMERA_TYPES:
        if identifier is not None:
            shown = None if name is None else printable(cleaning.text(name))
            prefix = _text(item.get("recordingPrefix"))
            _add_camera(selection, SelectedCamera(identifier, shown, prefix, name))
    elif kind in _SENSOR_TYPES:
        if identifier or topic:
            # Compared with topics: left as it is but for secrets, and made printable_lines where it is shown.
            sensor = SelectedSensor(identifier or topic or "", cleaning.optional(name), topic)
            _add_sensor(selection, sensor)
    elif identifier:
        thing = SelectedDevice(identifier, cleaning.optional(name), None if given is None else printable_lines(given))
        if thing not in selection.untyped:
            selection.untyped.append(thing)


def _add_camera(selection: DeviceSelection, camera: SelectedCamera) -> None:
    """Add a camera; of one that is there already, only what was missing is added."""
    for i, known in enumerate(selection.cameras):
        if known.id == camera.id:
            selection.cameras[i] = replace(
                known,
                name=known.name or camera.name,
                prefix=known.prefix or camera.prefix,
                raw_name=known.raw_name or camera.raw_name,
            )
            return
    selection.cameras.append(camera)


def _add_sensor(selection: DeviceSelection, sensor: SelectedSensor) -> None:
    """Add a sensor; of one that is there already, only what was missing is added."""
    for i, known in enumerate(selection.sensors):
        if known.id == sensor.id:
            selection.sensors[i] = replace(known, name=known.name or sensor.name, topic=known.topic or sensor.topic)
            return
    selection.sensors.append(sensor)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """A text or number as a text; None for anything else and for an empty text."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
