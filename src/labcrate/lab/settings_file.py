"""Read ``labcrate.toml`` in the lab's root and check it key by key.

Each table below is the schema of one part of the file. docs/reference/labcrate-toml.md describes the same keys; a test
compares the two.
"""

import errno
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.lab.json_file import key_place
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
    number,
    path_pattern,
    prefix,
    recorder_name,
    recorder_type,
    short_text,
    single_line,
    topic,
    unknown_word,
    zone,
)
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.lab_settings import CameraSettings, LabSettings, Recorder, SessionDefaults

_BOM = b"\xef\xbb\xbf"
_ERROR_PLACE = re.compile(r" \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)\Z")

Place = Callable[[str], str]
"""Returns the place of a key of one table, as an error names it."""

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
    """Return every key that the file may have, dotted; ``ID`` and ``WORD`` are names that the lab chooses."""
    keys: list[str] = []
    for key, inside in _ROOT.items():
        keys += [f"{_KEY_PREFIXES[key]}{inner}" for inner in inside] if isinstance(inside, Mapping) else [key]
    return tuple(f"{key}.WORD" if key == "recorder.cameras" else key for key in keys)


def read_settings(lab: LabFolder) -> LabSettings:
    """Read and check ``labcrate.toml``; return the defaults if it does not exist. Raises DocumentError."""
    try:
        data = lab.read(SETTINGS_FILE)
    except OSError as error:
        ids = {errno.ELOOP: "lab.file_is_link", errno.EINVAL: "lab.file_not_regular"}
        problem = Message(ids.get(error.errno or 0, "lab.file_unreadable"), reason=error.strerror)
        raise DocumentError(SETTINGS_FILE, "", problem) from None
    return LabSettings() if data is None else parse_settings(data)


def parse_settings(data: bytes) -> LabSettings:
    """Parse and check the bytes of a ``labcrate.toml``. Raises DocumentError naming the line or key."""
    table = _parse_toml(data)
    values: dict[str, Any] = {}
    for key, value in table.items():
        check = _ROOT.get(key)
        if check is None:
            raise _unknown_key_error(key_place, key, _ROOT)
        if callable(check):
            values[key] = (
                _check_list(key, value, check) if key in _LISTS else _check_value(key_place, key, value, check)
            )
    session = _check_section("session", table.get("session", {}), _SESSION)
    cameras = _check_table("cameras", table.get("cameras", {}))
    zone_of_lab = values.get("time_zone")
    return LabSettings(
        **values,
        session=SessionDefaults(**session),
        cameras={
            str(id_): CameraSettings(str(id_), **_check_section(f"cameras.{short_text(id_)}", camera, _CAMERA))
            for id_, camera in cameras.items()
        },
        recorders=_check_recorders(table.get("recorder", []), zone_of_lab),
    )


def _parse_toml(data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few labs need settings

    plain = data.removeprefix(_BOM)
    try:
        return tomllib.loads(plain.decode())
    except UnicodeDecodeError as error:
        line = str(plain.count(b"\n", 0, error.start) + 1)
        raise DocumentError(SETTINGS_FILE, Message("lab.line", line=line), Message("lab.toml_not_utf8")) from None
    except RecursionError:
        raise DocumentError(SETTINGS_FILE, "", Message("lab.toml_too_deep")) from None
    except ValueError as error:  # TOMLDecodeError, or a number with more digits than Python converts
        where, problem = _describe_toml_error(printable(str(error)))
        raise DocumentError(SETTINGS_FILE, where, Message("lab.toml_invalid", problem=problem)) from None


def _describe_toml_error(text: str) -> tuple[str, str]:
    """Return the place and the problem of an error of tomllib."""
    at = _ERROR_PLACE.search(text)
    if at is None:
        return "", Message("lab.toml_number")
    problem = text[: at.start()]
    problem = problem[:1].lower() + problem[1:]
    if problem == "cannot overwrite a value":
        problem = Message("lab.toml_twice")
    if at[1] is None:
        return Message("lab.file_end"), problem
    return Message("lab.line_column", line=at[1], column=at[2]), problem


def _check_recorders(value: Any, zone_of_lab: str | None) -> tuple[Recorder, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DocumentError(SETTINGS_FILE, key_place("recorder"), Message("lab.recorders_no_list"))
    recorders: list[Recorder] = []
    for i, table in enumerate(value, 1):
        place = partial(_numbered_recorder_place, str(i))
        if "name" not in table:
            raise DocumentError(SETTINGS_FILE, place("name"), Message("lab.recorder_no_name"))
        name = _check_value(place, "name", table["name"], recorder_name)
        if any(name.casefold() == other.name.casefold() for other in recorders):
            raise DocumentError(SETTINGS_FILE, place("name"), Message("lab.recorder_name_taken", name=name))
        recorders.append(_check_recorder(partial(_recorder_place, name), table, zone_of_lab))
    return tuple(recorders)


def _numbered_recorder_place(number: str, key: str) -> str:
    return Message("lab.recorder_number_key", number=number, key=key)


def _recorder_place(name: str, key: str) -> str:
    return Message("lab.recorder_key", name=name, key=key)


def _check_recorder(place: Place, table: dict[str, Any], zone_of_lab: str | None) -> Recorder:
    values = _check_values(place, table, _RECORDER)
    words = table.get("cameras", {})
    if not isinstance(words, dict):
        raise DocumentError(SETTINGS_FILE, place("cameras"), Message("lab.value_inline_table"))
    cameras = {
        word: _check_value(lambda key: place(f"cameras.{key}"), word, id_, camera_id) for word, id_ in words.items()
    }
    if "folder" not in values:
        raise DocumentError(SETTINGS_FILE, place("folder"), Message("lab.recorder_no_folder"))
    known = RECORDER_TYPES.get(values.get("type", ""))
    pattern: str | None = values.get("pattern") or (known.pattern if known else None)
    if pattern is None:
        problem = Message("lab.recorder_no_pattern", types=", ".join(RECORDER_TYPES))
        raise DocumentError(SETTINGS_FILE, place("pattern"), problem)
    time_zone: str | None = values.get("zone") or (known.time_zone if known else None) or zone_of_lab
    if time_zone is None and "{epoch}" not in pattern:
        raise DocumentError(SETTINGS_FILE, place("zone"), Message("lab.recorder_no_zone"))
    longest: timedelta = values.get("longest") or (known.longest if known else LONGEST_FILE)
    return Recorder(values["name"], values["folder"], pattern, time_zone or "UTC", longest, values.get("type"), cameras)


def _check_section(name: str, value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    return _check_values(lambda key: key_place(f"{name}.{key}"), _check_table(name, value), checks)


def _check_values(place: Place, table: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    for key in table:
        if key not in checks:
            raise _unknown_key_error(place, key, checks)
    return {
        key: _check_value(place, key, value, checks[key]) for key, value in table.items() if checks[key] is not dict
    }


def _check_value(place: Place, key: str, value: Any, check: Check) -> Any:
    try:
        return check(value)
    except InvalidValueError as error:
        raise DocumentError(SETTINGS_FILE, place(short_text(key)), error.message) from None


def _check_list(key: str, value: Any, check: Check) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DocumentError(SETTINGS_FILE, key_place(key), Message("lab.value_list"))
    return tuple(
        _check_value(lambda at: key_place(f"{key}{at}"), f"[{i}]", item, check) for i, item in enumerate(value)
    )


def _check_table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError(SETTINGS_FILE, key_place(name), Message("lab.value_table", name=name))
    return value


def _unknown_key_error(place: Place, key: str, known: Mapping[str, object]) -> DocumentError:
    return DocumentError(SETTINGS_FILE, place(short_text(key)), unknown_word("lab.unknown_key", key, known))
