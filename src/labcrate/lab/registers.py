"""The platform's registers of recordings: ``recordings.json``, which says session, camera, start and end of a file.

Read in its shape of the reference platform: an object keyed by id (or a list), in ``data/`` and below each user.
A field that is absent, null or of a wrong type is unknown; nothing wrong in one entry costs another.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.documents import user_files
from labcrate.lab.folder import DATA, Lab
from labcrate.lab.instants import read_instant
from labcrate.lab.json_file import entries, parse_json, read_bytes, shown
from labcrate.model.session_id import RULE, has_leading_zero, is_session_id, normalized_id

REGISTER_FILE = "recordings.json"
REGISTER = f"{DATA}/{REGISTER_FILE}"


class RegisterEntry(msgspec.Struct, frozen=True):
    """What a register says of one recording; None is unknown.

    ``file`` and ``key`` are where it says so. ``name`` is the recording's base name: the path before it is of the
    machine that recorded, and leads nowhere here.
    """

    file: str
    key: str
    name: str
    session_id: str | None = None
    camera_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    status: str | None = None
    user: str | None = None


class Registers(msgspec.Struct, frozen=True):
    """All registers of a lab.

    ``unreadable``: whether a register could not be read. ``refused``: texts that stand for a session's id and are
    none. ``local``: whether times without a zone were read as UTC, because no zone is known.
    """

    entries: tuple[RegisterEntry, ...] = ()
    problems: tuple[DocumentError, ...] = ()
    unreadable: bool = False
    refused: frozenset[str] = frozenset()
    local: bool = False


class _Entry(msgspec.Struct, rename="camel"):
    """The fields of interest, of whatever type they are: a wrong one must not cost the file."""

    file_path: Any = None
    session_id: Any = None
    camera_id: Any = None
    start_time: Any = None
    end_time: Any = None
    status: Any = None
    user_id: Any = None


_OBJECT = msgspec.json.Decoder(dict[str, _Entry])
_LIST = msgspec.json.Decoder(list[_Entry])


def read_registers(lab: Lab, *, zone: str | None = None) -> Registers:
    """Read ``data/recordings.json`` and ``data/user_*/recordings.json``; times without a zone are read in ``zone``."""
    files, closed = user_files(lab, REGISTER_FILE)
    reading = _Reading(zone, list(closed))
    unreadable = bool(closed)
    for user, path in [(None, REGISTER), *files.items()]:
        try:
            data = read_bytes(lab, path)
            if data is not None:
                reading.add(path, user, _parsed(data, path, reading.problems.append))
        except DocumentError as error:
            reading.problems.append(error)
            unreadable = True
    refused = frozenset(reading.refused)
    return Registers(tuple(reading.found), tuple(reading.problems), unreadable, refused, reading.local)


def _parsed(data: bytes, path: str, report: Callable[[DocumentError], None]) -> Iterator[tuple[str, _Entry]]:
    """The entries of a register with their keys: at once where all are objects, else one by one."""
    begins = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        if begins.startswith(b"["):
            return ((f"[{i}]", entry) for i, entry in enumerate(_LIST.decode(begins)))
        return iter(_OBJECT.decode(begins).items())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _one_by_one(list(entries(parse_json(data, path), path)), path, report)


def _one_by_one(
    found: list[tuple[str | None, str, Any]], path: str, report: Callable[[DocumentError], None]
) -> Iterator[tuple[str, _Entry]]:
    for _, where, value in found:
        if isinstance(value, dict):
            yield where, msgspec.convert(value, _Entry)
        else:
            report(DocumentError(path, f"key {where}", "is no object that describes a recording; correct it."))


class _Reading:
    """Entries made of what the files say, with what is wrong in them, once for each file and fault."""

    def __init__(self, zone: str | None, problems: list[DocumentError]) -> None:
        self.found: list[RegisterEntry] = []
        self.problems = problems
        self.refused: set[str] = set()
        self.local = False
        self._zone = zone
        self._ids: dict[str, str | None] = {}

    def add(self, path: str, user: str | None, parsed: Iterator[tuple[str, _Entry]]) -> None:
        """Add the entries of one file."""
        faults: dict[str, list[str]] = {}
        for key, raw in parsed:
            file_path = raw.file_path
            name = _base_name(file_path) if isinstance(file_path, str) else ""
            if not name:
                faults.setdefault("no file path, so that nobody knows which recording is meant", []).append(key)
                continue
            entry = RegisterEntry(
                path,
                key,
                name,
                self._session_id(raw.session_id, key, faults),
                _text(raw.camera_id),
                self._time(raw.start_time, key, faults),
                self._time(raw.end_time, key, faults),
                raw.status if isinstance(raw.status, str) else None,
                user if user is not None else _text(raw.user_id),
            )
            if entry.start and entry.end and entry.end < entry.start:
                faults.setdefault("an end before its start; neither time is used", []).append(key)
                entry = msgspec.structs.replace(entry, start=None, end=None)
            self.found.append(entry)
        self.problems += [_fault(path, what, keys) for what, keys in faults.items()]

    def _session_id(self, value: Any, key: str, faults: dict[str, list[str]]) -> str | None:
        text = _text(value)
        if text is None:
            if value is not None and value != "":
                faults.setdefault("a session's id that is neither text nor number", []).append(key)
            return None
        if text not in self._ids:
            session_id = normalized_id(text)
            self._ids[text] = session_id if is_session_id(session_id) else None
        if self._ids[text] is None and not has_leading_zero(text):
            self.refused.add(normalized_id(text))
            faults.setdefault(f"a session's id that is none: {RULE}", []).append(key)
        return self._ids[text]

    def _time(self, value: Any, key: str, faults: dict[str, list[str]]) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            # As the platform writes it, without the detour that any other spelling takes.
            if type(value) is str and value[-1] == "Z":
                return datetime.fromisoformat(value)
            read = read_instant(value, self._zone)
        except (ValueError, OverflowError):
            faults.setdefault("a time that is none, and is not used; write it as 2025-05-02T19:40:00Z", []).append(key)
            return None
        self.local |= read.naive and self._zone is None
        return read.instant


def _fault(path: str, what: str, keys: list[str]) -> DocumentError:
    others = f"; so have {len(keys) - 1:,} others" if len(keys) > 1 else ""
    return DocumentError(path, f"key {shown(keys[0])}", f"the entry has {what}{others}.")


def _base_name(path: str) -> str:
    return path[max(path.rfind("/"), path.rfind("\\")) + 1 :]


def _text(value: Any) -> str | None:
    """A text or whole number as a text; None for anything else and for an empty text."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None
