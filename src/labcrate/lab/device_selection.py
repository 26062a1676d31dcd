"""Read the cameras and sensors that a session selects, from every place where the platform writes them.

These are the fields ``selectedDevices``, ``devices``, ``metadata.devices`` and ``metadata.selectedDevices``. Each has
lists of cameras and sensors, or one list of entries with a type.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from labcrate.lab.text import Cleaning
from labcrate.messages.message import Message
from labcrate.messages.text import printable, printable_lines
from labcrate.model.device import Camera, Device, find_camera
from labcrate.model.session import SelectedCamera, SelectedDevice, SelectedSensor, Session

_CAMERA_TYPES = frozenset({"camera", "cameras"})
_SENSOR_TYPES = frozenset({"sensor", "sensors"})


@dataclass(slots=True)
class DeviceSelection:
    """The cameras, sensors and devices of unknown type that a description selects, each once, in their order."""

    cameras: list[SelectedCamera] = field(default_factory=list)
    sensors: list[SelectedSensor] = field(default_factory=list)
    untyped: list[SelectedDevice] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)


def read_device_selection(fields: Mapping[str, Any], cleaning: Cleaning) -> DeviceSelection:
    """Return all devices that a session's description selects, with a warning for each invalid entry."""
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
    """Yield the recording prefixes of the cameras in a description, which need not be valid."""
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
    """Return the session with its selected devices matched to the lab's cameras and devices.

    A device of unknown type is a camera or a sensor (or both) if the lab has one with its id or name. Otherwise it
    counts as a sensor, with a warning: without any sensor, all readings would be exported. A camera that is selected by
    name gets its id.
    """
    found = DeviceSelection(list(session.cameras), list(session.sensors))
    for selected in session.untyped_devices:
        texts = {text for text in (selected.id, selected.name) if text}
        known = _find_camera(selected.id, selected.name, cameras, session.user)
        is_device = any(texts & {one.id, one.name} for one in devices)
        if known:
            _add_camera(found, SelectedCamera(known.id, known.name, known.prefix, known.raw_name))
        if is_device or not known:
            _add_sensor(found, SelectedSensor(selected.id, selected.name))
        if not is_device and not known:
            found.warnings.append(Message("lab.selected_unknown", name=selected.name or selected.id))
    chosen = tuple(_resolve_camera(camera, cameras, session.user) for camera in found.cameras)
    if not session.untyped_devices and chosen == session.cameras:
        return session
    warnings = (*session.warnings, *found.warnings)
    return replace(session, cameras=chosen, sensors=tuple(found.sensors), untyped_devices=(), warnings=warnings)


def _resolve_camera(chosen: SelectedCamera, cameras: Sequence[Camera], user: str | None) -> SelectedCamera:
    known = _find_camera(chosen.id, chosen.raw_name, cameras, user)
    return chosen if known is None or known.id == chosen.id else replace(chosen, id=known.id)


def _find_camera(camera_id: str, name: str | None, cameras: Sequence[Camera], user: str | None) -> Camera | None:
    """Return the camera with this id, else the only camera with this name, else None."""
    if known := find_camera(cameras, camera_id, user):
        return known
    if any(camera.id == camera_id for camera in cameras):
        return None  # several users have a camera with this id
    texts = {text for text in (camera_id, name) if text}
    called = [camera for camera in cameras if texts & {camera.name, camera.raw_name}]
    own = [camera for camera in called if user is not None and user in camera.users]
    called = own or called
    return called[0] if len(called) == 1 else None


def _iterate_items(place: str, value: Any, warnings: list[Message]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield the entries of one field with their type: from lists by type, one list, or an object with ids as keys."""
    if value is None or value == "":
        return
    if isinstance(value, list):
        yield from _iterate_list(place, None, value, warnings)
    elif not isinstance(value, Mapping):
        warnings.append(Message("lab.selection_no_devices", field=place))
    elif value.keys() & {"cameras", "sensors"}:
        for kind in ("cameras", "sensors"):
            chosen = value.get(kind)
            if isinstance(chosen, Mapping):
                yield from ((kind, {"id": key, **_object(item)}) for key, item in chosen.items())
            elif isinstance(chosen, list):
                yield from _iterate_list(f"{place}.{kind}", kind, chosen, warnings)
            elif chosen is not None:
                warnings.append(Message("lab.selection_no_list", field=f"{place}.{kind}"))
    else:
        yield from ((None, {"id": key, **item}) for key, item in value.items() if isinstance(item, Mapping))


def _iterate_list(
    place: str, kind: str | None, items: Sequence[Any], warnings: list[Message]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    for i, item in enumerate(items):
        if isinstance(item, Mapping):
            yield kind, dict(item)
        elif isinstance(item, str | int) and not isinstance(item, bool):
            yield kind, {"id": item}
        elif item is not None:
            warnings.append(Message("lab.selection_no_device", field=f"{place}[{i}]"))


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
            # Compared with topics, so only secrets are removed; it is made printable for display.
            sensor = SelectedSensor(identifier or topic or "", cleaning.optional(name), topic)
            _add_sensor(selection, sensor)
    elif identifier:
        device = SelectedDevice(identifier, cleaning.optional(name), None if given is None else printable_lines(given))
        if device not in selection.untyped:
            selection.untyped.append(device)


def _add_camera(selection: DeviceSelection, camera: SelectedCamera) -> None:
    """Add a camera, or fill in the missing fields of one with the same id."""
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
    """Add a sensor, or fill in the missing fields of one with the same id."""
    for i, known in enumerate(selection.sensors):
        if known.id == sensor.id:
            selection.sensors[i] = replace(known, name=known.name or sensor.name, topic=known.topic or sensor.topic)
            return
    selection.sensors.append(sensor)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """Return a text or whole number as text; None for an empty text and for any other value."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
