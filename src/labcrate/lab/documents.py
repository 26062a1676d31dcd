"""How the lab's JSON files are read: as they are, oddities included, with errors that say where.

The layout is that of the reference platform (docs/reference/lab-folder.md).
"""

import errno
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.folder import DATA, Lab
from labcrate.lab.redact import redact, redact_text
from labcrate.lab.text import one_line
from labcrate.model.device import Camera, Device

CAMERAS = f"{DATA}/cameras.json"
DEVICES = f"{DATA}/devices.json"

T = TypeVar("T")
_MAX_DEPTH = 64
_TOO_DEEP = f"nests objects and lists more than {_MAX_DEPTH} levels deep, as no lab does; correct the file."
_BOM = b"\xef\xbb\xbf"


def read_json(lab: Lab, path: str) -> Any:
    """The value in a JSON file of the lab; None where there is no file. Raises DocumentError."""
    try:
        data = lab.read(path)
    except OSError as error:
        remedy = "put the file itself in its place" if error.errno == errno.ELOOP else "check its permissions"
        raise DocumentError(path, "", f"cannot be read ({error.strerror}); {remedy}.") from None
    if data is None:
        return None
    try:
        value = msgspec.json.decode(data.removeprefix(_BOM))
    except RecursionError:
        raise DocumentError(path, "", _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(path, *_where_json_breaks(data, error)) from error
    if _deeper_than(_MAX_DEPTH, value):
        raise DocumentError(path, "", _TOO_DEEP)
    return value


def _deeper_than(limit: int, value: Any) -> bool:
    """Whether objects and lists nest further: what is done with them later goes down level by level."""
    level = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _where_json_breaks(data: bytes, error: Exception) -> tuple[str, str]:
    """Line and reason of a JSON error: msgspec tells a byte, people count lines."""
    remedy = "Correct the file, or wait until the lab has finished writing it."
    if not data.strip():
        return "", f"is empty, not JSON. {remedy}"
    try:
        json.loads(data.removeprefix(_BOM))
    except json.JSONDecodeError as found:
        return f"line {found.lineno}, column {found.colno}", f"is not valid JSON: {found.msg}. {remedy}"
    except UnicodeDecodeError as found:
        line = data.count(b"\n", 0, found.start) + 1
        return f"line {line}", f"is not UTF-8 text. {remedy}"
    except ValueError:  # a number of more digits than Python converts
        return "", f"holds a number too long to be one. {remedy}"
    return "", f"is not valid JSON: {error}. {remedy}"


def convert(value: Any, to: type[T], path: str, key: str) -> T:
    """Check a JSON value against a type. Raises DocumentError naming the key that does not fit."""
    try:
        return msgspec.convert(value, to, strict=False)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        where = (key + at.rstrip("`")).lstrip(".")
        raise DocumentError(path, f"key {where}" if where else "", f"{problem}.") from error


class _Camera(msgspec.Struct, rename="camel"):
    name: str | None = None
    recording_prefix: str | None = None


class _Device(msgspec.Struct, rename="camel"):
    id: str | None = None
    name: str | None = None
    type: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    last_seen: str | int | None = None
    battery: float | None = None
    linkquality: float | None = None


def _extras(value: Mapping[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a JSON object that a type does not take, without secrets."""
    known = struct.__struct_encode_fields__
    kept: dict[str, Any] = redact({k: v for k, v in value.items() if k not in known})
    return kept


def read_cameras(lab: Lab) -> tuple[Camera, ...]:
    """The cameras of ``data/cameras.json``, by number. Raises DocumentError."""
    value = read_json(lab, CAMERAS)
    if value is None:
        return ()
    table = convert(value, dict[str, dict[str, Any]], CAMERAS, "")
    cameras = []
    for number, fields in sorted(table.items(), key=lambda item: (len(item[0]), item[0])):
        camera = convert(fields, _Camera, CAMERAS, number)
        kept = {k: v for k, v in _extras(fields, _Camera).items() if k != "id"}
        cameras.append(
            Camera(number, camera.name and one_line(redact_text(camera.name)), camera.recording_prefix or None, kept)
        )
    return tuple(cameras)


def read_devices(lab: Lab) -> tuple[Device, ...]:
    """The Zigbee devices of ``data/devices.json``, in its order. Raises DocumentError."""
    value = read_json(lab, DEVICES)
    if value is None:
        return ()
    rows = convert(value, list[dict[str, Any]], DEVICES, "")
    devices = []
    for i, row in enumerate(rows):
        device = convert(row, _Device, DEVICES, f"[{i}]")
        identifier = device.id or device.name
        if identifier is None:
            raise DocumentError(DEVICES, f"key [{i}]", "the device has neither an id nor a name; give it one.")
        seen = None if device.last_seen is None else str(device.last_seen)
        devices.append(
            Device(
                identifier,
                _clean(device.name),
                device.type,
                device.model,
                device.manufacturer,
                seen,
                device.battery,
                device.linkquality,
                _extras(row, _Device),
            )
        )
    return tuple(devices)


def _clean(text: str | None) -> str | None:
    # Compared with topics: left as it is but for secrets, and made visible where it is shown.
    return None if text is None else redact_text(text)
