"""Read the lab's cameras and devices from its files; an invalid entry is skipped and reported.

The layout is that of the reference platform (docs/reference/lab-folder.md).
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from labcrate.errors import DocumentError
from labcrate.lab.folder import DATA, EntryKind, LabFolder
from labcrate.lab.json_file import check_text_lengths, convert, key_place, list_entries, read_json
from labcrate.lab.text import NO_CLEANING, Cleaning
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device

CAMERAS_FILE = "cameras.json"
CAMERAS = f"{DATA}/{CAMERAS_FILE}"
DEVICES = f"{DATA}/devices.json"

T = TypeVar("T")
_MOST_URLS = 1000
FOLDER_NOT_READ = {
    EntryKind.LINK: Message("lab.folder_is_link"),
    EntryKind.UNREADABLE: Message("lab.folder_unreadable"),
}
"""Why a folder was not read, by the kind of its entry."""


class _CameraFields(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    name: str | None = None
    recording_prefix: str | None = None


class _DeviceFields(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    name: str | None = None
    type: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    last_seen: str | int | None = None
    battery: float | None = None
    linkquality: float | None = None


def user_files(lab: LabFolder, name: str) -> tuple[dict[str, str], tuple[DocumentError, ...]]:
    """Return the paths ``data/user_2/NAME`` by user, and an error for each user's folder that cannot be read."""
    folders, unreadable = lab.user_folders()
    problems = tuple(DocumentError(entry.path, "", FOLDER_NOT_READ[entry.kind]) for entry in unreadable)
    return {user: f"{folder}/{name}" for user, folder in folders.items()}, problems


def read_all_cameras(
    lab: LabFolder, cleaning: Cleaning = NO_CLEANING
) -> tuple[tuple[Camera, ...], tuple[DocumentError, ...]]:
    """Return the cameras of ``data/cameras.json`` and ``data/user_*/cameras.json``, by id, and the errors in them.

    Entries of several files with the same id and prefix are one camera (with the same id and name, if they have no
    prefix). A file that cannot be read and an invalid entry are skipped.
    """
    files, found_problems = user_files(lab, CAMERAS_FILE)
    problems = list(found_problems)
    cameras: dict[tuple[str, str], Camera] = {}
    for user, path in [(None, CAMERAS), *files.items()]:
        for camera in _parse_entries(lab, path, lambda *entry: _parse_camera(*entry, cleaning=cleaning), problems):
            key = (camera.id, _fold_case(camera.prefix or camera.raw_name or ""))
            known = cameras.get(key)
            users = (user,) if known is None else (*known.users, user)
            cameras[key] = replace(camera, users=users) if known is None else _merge_cameras(known, camera, users)
    return tuple(sorted(cameras.values(), key=lambda c: (len(c.id), c.id))), tuple(problems)


def _merge_cameras(one: Camera, other: Camera, users: tuple[str | None, ...]) -> Camera:
    named = one if one.name else other
    extra = {**other.extra, **one.extra}
    removed = tuple(sorted({*one.removed_keys, *other.removed_keys}))
    users = tuple(dict.fromkeys(users))
    return replace(one, name=named.name, raw_name=named.raw_name, extra=extra, users=users, removed_keys=removed)


def _fold_case(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def read_all_devices(
    lab: LabFolder, cleaning: Cleaning = NO_CLEANING
) -> tuple[tuple[Device, ...], tuple[DocumentError, ...]]:
    """Return the Zigbee devices of ``data/devices.json``, in the file's order, and the errors in it.

    An invalid entry is skipped.
    """
    problems: list[DocumentError] = []
    devices = tuple(_parse_entries(lab, DEVICES, lambda *entry: _parse_device(*entry, cleaning=cleaning), problems))
    return devices, tuple(problems)


def _parse_entries(
    lab: LabFolder, path: str, parse: Callable[[str, str | None, str, Any], T], problems: list[DocumentError]
) -> Iterator[T]:
    """Yield the parsed entries of a file; append an error for each invalid one to ``problems``."""
    try:
        value = read_json(lab, path)
        found = [] if value is None else list(list_entries(value, path))
    except DocumentError as error:
        problems.append(error)
        return
    for key, where, entry in found:
        try:
            check_text_lengths(entry, path, where)
            yield parse(path, key, where, entry)
        except DocumentError as error:
            problems.append(error)


def _parse_camera(path: str, key: str | None, where: str, value: Any, *, cleaning: Cleaning) -> Camera:
    raw = convert(value, dict[str, Any], path, where)
    _check_url_count(raw, path, where)
    fields = convert(raw, _CameraFields, path, where)
    camera_id = key if key is not None else _text(fields.id)
    if not camera_id:
        raise DocumentError(path, key_place(where), Message("lab.camera_no_id"))
    shown = None if fields.name is None else printable(cleaning.text(fields.name))
    removed: list[str] = []
    extra = {name: v for name, v in _other_fields(raw, _CameraFields, cleaning, removed).items() if name != "id"}
    prefix = fields.recording_prefix or None
    return Camera(camera_id, shown, prefix, extra, fields.name, removed_keys=tuple(removed))


def _check_url_count(camera: dict[str, Any], path: str, where: str) -> None:
    """Raise DocumentError for a camera with thousands of URLs: each of them is searched for in every exported file."""
    with suppress(OverflowError):  # the JSON has an integer that this encoder does not support
        count = msgspec.json.encode(camera).count(b"://")
        if count > _MOST_URLS:
            raise DocumentError(path, key_place(where), Message("lab.camera_urls", count=count, most=_MOST_URLS))


def _parse_device(path: str, key: str | None, where: str, value: Any, *, cleaning: Cleaning) -> Device:
    raw = convert(value, dict[str, Any], path, where)
    device = convert(raw, _DeviceFields, path, where)
    identifier = _text(device.id) or key or device.name
    if not identifier:
        raise DocumentError(path, key_place(where), Message("lab.device_no_id"))
    removed: list[str] = []
    return Device(
        identifier,
        cleaning.optional(device.name),  # compared with topics, so not made printable here
        cleaning.optional(device.type),
        cleaning.optional(device.model),
        cleaning.optional(device.manufacturer),
        None if device.last_seen is None else str(device.last_seen),
        device.battery,
        device.linkquality,
        _other_fields(raw, _DeviceFields, cleaning, removed),
        tuple(removed),
    )


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _other_fields(
    value: Mapping[str, Any], struct: type[msgspec.Struct], cleaning: Cleaning, removed: list[str]
) -> dict[str, Any]:
    """Return the cleaned fields of a JSON object that a type does not have; append blanked places to ``removed``."""
    known = struct.__struct_encode_fields__
    others: dict[str, Any] = cleaning.value({k: v for k, v in value.items() if k not in known}, removed)
    return others
