"""``labcrate.toml`` at the lab's root: read, checked key by key, and given as one frozen value.

Every table below is the schema of one part of the file. docs/reference/labcrate-toml.md describes the same keys; a
test holds the two against each other.
"""

import errno
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.lab.path_pattern import name_pattern, recorder_pattern
from labcrate.lab.recorders import LONGEST_FILE, RECORDER_TYPES, SETTINGS_FILE
from labcrate.lab.setting_values import (
    InvalidValueError,
    camera_id,
    date_format,
    days,
    exclude_pattern,
    folder_path,
    lab_uuid,
    length,
    nearest,
    number,
    path_pattern,
    prefix,
    recorder_name,
    recorder_type,
    short_text,
    single_line,
    topic,
    zone,
)
from labcrate.messages.text import printable
from labcrate.model.lab_settings import CameraSettings, LabSettings, Recorder, SessionDefaults

_BOM = b"\xef\xbb\xbf"
_ERROR_PLACE = re.compile(r" \(at (line [0-9]+, column [0-9]+|end of document)\)\Z")

Check = Callable[[Any], Any]
"""Gives the checked value, or raises Invalid with the rest of a sentence about the key."""


_SESSION: Mapping[str, Check] = {"pad": length}
_CAMERA: Mapping[str, Check] = {
    "name": single_line,
    "prefix": prefix,
    "time_zone": zone,
    "offset_s": number,
    "name_pattern": path_pattern(name_pattern),
}
_RECORDER: Mapping[str, Check] = {
    "name": recorder_name,
    "type": recorder_type,
    "folder": folder_path,
    "pattern": path_pattern(recorder_pattern),
    "zone": zone,
    "longest": length,
    "cameras": dict,
}
_ROOT: Mapping[str, Check | Mapping[str, Check]] = {
    "lab_id": lab_uuid,
    "time_zone": zone,
    "base_topic": topic,
    "date_formats": date_format,
    "exclude": exclude_pattern,
    "confirm_days": days,
    "session": _SESSION,
    "cameras": _CAMERA,
    "recorder": _RECORDER,
}
_LISTS = ("date_formats", "exclude")
_KEY_PREFIXES = {"session": "session.", "cameras": "cameras.ID.", "recorder": "recorder."}


def known_keys() -> tuple[str, ...]:
    """Return every key that the file may have, dotted; ``ID`` and ``WORD`` stand for what the lab decides."""
    keys: list[str] = []
    for key, inside in _ROOT.items():
        keys += [f"{_KEY_PREFIXES[key]}{inner}" for inner in inside] if isinstance(inside, Mapping) else [key]
    return tuple(f"{key}.WORD" if key == "recorder.cameras" else key for key in keys)


def read_settings(lab: LabFolder) -> LabSettings:
    """Read and check ``labcrate.toml``; a lab without one has the defaults. Raises DocumentError."""
    try:
        data = lab.read(SETTINGS_FILE)
    except OSError as error:
        remedy = {errno.ELOOP: "put the file itself in its place", errno.EINVAL: "put a text file in its place"}
        what = remedy.get(error.errno or 0, "check its permissions")
        raise DocumentError(SETTINGS_FILE, "", f"cannot be read ({error.strerror}); {what}.") from None
    return LabSettings() if data is None else parse_settings(data)


def parse_settings(data: bytes) -> LabSettings:
    """Check the bytes of a ``labcrate.toml``. Raises DocumentError naming line or key."""
    table = _parse_toml(data)
    values: dict[str, Any] = {}
    for key, value in table.items():
        check = _ROOT.get(key)
        if check is None:
            raise _unknown_key_error("key ", key, _ROOT)
        if callable(check):
            values[key] = _check_list(key, value, check) if key in _LISTS else _check_value("key ", key, value, check)
    session = _check_section("key session", table.get("session", {}), _SESSION)
    cameras = _check_table("key cameras", table.get("cameras", {}))
    zone_of_lab = values.get("time_zone")
    return LabSettings(
        **values,
        session=SessionDefaults(**session),
        cameras={
            str(id_): CameraSettings(str(id_), **_check_section(f"key cameras.{short_text(id_)}", camera, _CAMERA))
            for id_, camera in cameras.items()
        },
        recorders=_check_recorders(table.get("recorder", []), zone_of_lab),
    )


def _parse_toml(data: bytes) -> dict[str, Any]:
    plain = data.removeprefix(_BOM)
    try:
        return tomllib.loads(plain.decode())
    except UnicodeDecodeError as error:
        line = plain.count(b"\n", 0, error.start) + 1
        raise DocumentError(SETTINGS_FILE, f"line {line}", "is not UTF-8 text; save the file as UTF-8.") from None
    except RecursionError:
        raise DocumentError(SETTINGS_FILE, "", "nests lists or tables too deep; no key needs that.") from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of more digits than Python converts
        message = printable(str(error))
        at = _ERROR_PLACE.search(message)
        where = at[1].replace("end of document", "at its end") if at else ""
        problem = message[: at.start()] if at else "a number is too long to be one"
        problem = problem[:1].lower() + problem[1:]
        if problem == "cannot overwrite a value":
            problem = "a key or table stands twice"
        raise DocumentError(SETTINGS_FILE, where, f"is not valid TOML: {problem}. Correct the line.") from None


def _check_recorders(value: Any, zone_of_lab: str | None) -> tuple[Recorder, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DocumentError(SETTINGS_FILE, "key recorder", "has to be a list of tables; begin each with [[recorder]].")
    recorders: list[Recorder] = []
    for i, table in enumerate(value, 1):
        where = f"recorder {i}, key "
        if "name" not in table:
            raise DocumentError(SETTINGS_FILE, f"{where}name", "is missing; write what you call the recorder.")
        name = _check_value(where, "name", table["name"], recorder_name)
        if any(name.casefold() == other.name.casefold() for other in recorders):
            raise DocumentError(
                SETTINGS_FILE, f"{where}name", f'another recorder is called "{name}"; give each a name of its own.'
            )
        recorders.append(_check_recorder(f'recorder "{name}", key ', table, zone_of_lab))
    return tuple(recorders)


def _check_recorder(where: str, table: dict[str, Any], zone_of_lab: str | None) -> Recorder:
    values = _check_values(where, table, _RECORDER)
    words = _check_table(f"{where}cameras", table.get("cameras", {}))
    cameras = {word: _check_value(f"{where}cameras.", word, id_, camera_id) for word, id_ in words.items()}
    if "folder" not in values:
        raise DocumentError(
            SETTINGS_FILE,
            f"{where}folder",
            "is missing; write the path of the folder that the recorder's files lie in.",
        )
    known = RECORDER_TYPES.get(values.get("type", ""))
    pattern: str | None = values.get("pattern") or (known.pattern if known else None)
    if pattern is None:
        raise DocumentError(
            SETTINGS_FILE,
            f"{where}pattern",
            f"is missing; write the pattern of its paths, or 'type' with one of {', '.join(RECORDER_TYPES)}.",
        )
    time_zone: str | None = values.get("zone") or (known.time_zone if known else None) or zone_of_lab
    if time_zone is None and "{epoch}" not in pattern:
        raise DocumentError(
            SETTINGS_FILE,
            f"{where}zone",
            "is missing; write the IANA zone of the times in its paths, like Europe/Madrid or UTC.",
        )
    longest: timedelta = values.get("longest") or (known.longest if known else LONGEST_FILE)
    return Recorder(values["name"], values["folder"], pattern, time_zone or "UTC", longest, values.get("type"), cameras)


def _check_section(where: str, value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    return _check_values(f"{where}.", _check_table(where, value), checks)


def _check_values(where: str, table: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    for key in table:
        if key not in checks:
            raise _unknown_key_error(where, key, checks)
    return {
        key: _check_value(where, key, value, checks[key]) for key, value in table.items() if checks[key] is not dict
    }


def _check_value(where: str, key: str, value: Any, check: Check) -> Any:
    try:
        return check(value)
    except InvalidValueError as error:
        raise DocumentError(SETTINGS_FILE, f"{where}{short_text(key)}", str(error)) from None


def _check_list(key: str, value: Any, check: Check) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DocumentError(SETTINGS_FILE, f"key {key}", 'has to be a list of texts, like ["one", "two"].')
    return tuple(_check_value(f"key {key}", f"[{i}]", item, check) for i, item in enumerate(value))


def _check_table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        header = where.removeprefix("key ")
        remedy = "write it like { kitchen = 5 }" if " " in header else f"begin it with [{header}]"
        raise DocumentError(SETTINGS_FILE, where, f"has to be a table; {remedy}.")
    return value


def _unknown_key_error(where: str, key: str, known: Mapping[str, object]) -> DocumentError:
    return DocumentError(SETTINGS_FILE, f"{where}{short_text(key)}", f"there is no such key; {nearest(key, known)}")
