"""Read the platform's registers of recordings: ``recordings.json`` with the session, camera, start and end of files.

The format is that of the reference platform: an object keyed by id (or a list), in ``data/`` and in each user's folder.
A field that is missing, null or of a wrong type is unknown; an error in one entry does not affect the others.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.device_files import user_files
from labcrate.lab.folder import DATA, LabFolder
from labcrate.lab.instants import ParsedTime, convert_to_utc, read_instant
from labcrate.lab.json_file import key_place, list_entries, parse_json, read_bytes, short_text
from labcrate.messages.message import Message
from labcrate.model.session import ID_RULE, has_leading_zero, is_session_id, normalize_id

REGISTER_FILE = "recordings.json"
REGISTER = f"{DATA}/{REGISTER_FILE}"

_BOM = b"\xef\xbb\xbf"
_NO_PATH = Message("lab.register_no_path")
_NO_TIME = Message("lab.register_no_time")
_ENDS_BEFORE_START = Message("lab.register_ends_before_start")
_SESSION_ID_TYPE = Message("lab.register_session_id_type")
_SESSION_ID = Message("lab.register_session_id", rule=ID_RULE)

_Faults = dict[Message, list[str]]
"""The keys of the entries that have each fault."""


class RegisteredRecording(msgspec.Struct, frozen=True, gc=False):
    """A register's entry for one recording; None is unknown.

    ``file`` and ``key`` are the place of the entry. ``name`` is the recording's base name: the path in the register is
    one of the machine that recorded it.
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


class RecordingRegisters(msgspec.Struct, frozen=True):
    """All registers of a lab.

    ``has_unreadable_file``: whether a register could not be read. ``invalid_ids``: texts in the place of a session's
    id that are not ids. ``assumed_utc``: whether times without a zone were read as UTC, because no zone is known.
    """

    recordings: tuple[RegisteredRecording, ...] = ()
    problems: tuple[DocumentError, ...] = ()
    has_unreadable_file: bool = False
    invalid_ids: frozenset[str] = frozenset()
    assumed_utc: bool = False


class _TypedEntry(msgspec.Struct, rename="camel", gc=False):
    """The used fields of an entry with the types that the platform writes; msgspec parses times faster than Python."""

    file_path: str | None = None
    session_id: str | int | None = None
    camera_id: str | int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    status: str | None = None
    user_id: str | int | None = None


class _UntypedEntry(msgspec.Struct, rename="camel"):
    """The same fields with any type, for files in which some have a wrong type."""

    file_path: Any = None
    session_id: Any = None
    camera_id: Any = None
    start_time: Any = None
    end_time: Any = None
    status: Any = None
    user_id: Any = None


_TYPED_OBJECT = msgspec.json.Decoder(dict[str, _TypedEntry])
_TYPED_LIST = msgspec.json.Decoder(list[_TypedEntry])
_UNTYPED_OBJECT = msgspec.json.Decoder(dict[str, _UntypedEntry])
_UNTYPED_LIST = msgspec.json.Decoder(list[_UntypedEntry])
_DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_registers(lab: LabFolder, *, zone: str | None = None) -> RecordingRegisters:
    """Read ``data/recordings.json`` and ``data/user_*/recordings.json``; times without a zone are read in ``zone``."""
    files, errors = user_files(lab, REGISTER_FILE)
    reader = _RegisterReader(zone, list(errors))
    unreadable = bool(errors)
    for user, path in [(None, REGISTER), *files.items()]:
        try:
            data = read_bytes(lab, path)
            if data is not None:
                reader.add_file(path, user, data)
        except DocumentError as error:
            reader.problems.append(error)
            unreadable = True
    return RecordingRegisters(
        tuple(reader.recordings),
        tuple(reader.problems),
        unreadable,
        frozenset(reader.invalid_ids),
        reader.assumed_utc,
    )


def _decode_typed(data: bytes) -> Iterable[tuple[str, _TypedEntry]]:
    """Return the entries of a register with their keys. Raises one of _DECODE_ERRORS if any field has a wrong type."""
    begins = data.removeprefix(_BOM).lstrip()
    if begins.startswith(b"["):
        return [(f"[{i}]", entry) for i, entry in enumerate(_TYPED_LIST.decode(begins))]
    return _TYPED_OBJECT.decode(begins).items()


def _decode_untyped(
    data: bytes, path: str, report: Callable[[DocumentError], None]
) -> Iterable[tuple[str, _UntypedEntry]]:
    """Return the entries of a register with their keys, with fields of any type. Raises DocumentError.

    They are decoded at once if all are objects, else one by one.
    """
    begins = data.removeprefix(_BOM).lstrip()
    try:
        if begins.startswith(b"["):
            return [(f"[{i}]", entry) for i, entry in enumerate(_UNTYPED_LIST.decode(begins))]
        return _UNTYPED_OBJECT.decode(begins).items()
    except _DECODE_ERRORS:
        return _decode_one_by_one(list(list_entries(parse_json(data, path), path)), path, report)


def _decode_one_by_one(
    found: list[tuple[str | None, str, Any]], path: str, report: Callable[[DocumentError], None]
) -> Iterator[tuple[str, _UntypedEntry]]:
    for _, where, value in found:
        if isinstance(value, dict):
            yield where, msgspec.convert(value, _UntypedEntry)
        else:
            report(DocumentError(path, key_place(where), Message("lab.recording_no_object")))


class _RegisterReader:
    """Collects the entries of all registers, and one error for each file and fault."""

    def __init__(self, zone: str | None, problems: list[DocumentError]) -> None:
        self.recordings: list[RegisteredRecording] = []
        self.problems = problems
        self.invalid_ids: set[str] = set()
        self.assumed_utc = False
        self._zone = zone
        # All entries have few different sessions, cameras and users.
        self._ids: dict[str | int, str] = {}
        self._texts: dict[str | int | None, str | None] = {None: None}

    def add_file(self, path: str, user: str | None, data: bytes) -> None:
        """Add the entries of one file. Raises DocumentError if the file is not a register."""
        faults: _Faults = {}
        try:
            self._add(path, user, _decode_typed(data), faults)
        except _DECODE_ERRORS:
            untyped = _decode_untyped(data, path, self.problems.append)
            self._add(path, user, self._drop_invalid_fields(untyped, faults), faults)
        self.problems += [_fault_error(path, what, keys) for what, keys in faults.items()]

    def _add(self, path: str, user: str | None, parsed: Iterable[tuple[str, _TypedEntry]], faults: _Faults) -> None:
        ids, texts = self._ids, self._texts
        for key, raw in parsed:
            name = _base_name(raw.file_path)
            if not name:
                faults.setdefault(_NO_PATH, []).append(key)
                continue
            start, end = raw.start_time, raw.end_time
            if start is not None and start.tzinfo is not UTC:
                start = self._convert_to_utc(start, key, faults)
            if end is not None and end.tzinfo is not UTC:
                end = self._convert_to_utc(end, key, faults)
            if start and end and end < start:
                faults.setdefault(_ENDS_BEFORE_START, []).append(key)
                start = end = None
            session, camera = raw.session_id, raw.camera_id
            session_id = ids.get(session) if session else None
            if session_id is None and session not in (None, ""):
                session_id = self._session_id(session, key, faults)
            self.recordings.append(
                RegisteredRecording(
                    path,
                    key,
                    name,
                    session_id,
                    texts[camera] if camera in texts else self._text(camera),
                    start,
                    end,
                    raw.status,
                    user if user is not None else self._text(raw.user_id),
                )
            )

    def _drop_invalid_fields(
        self, parsed: Iterable[tuple[str, _UntypedEntry]], faults: _Faults
    ) -> Iterator[tuple[str, _TypedEntry]]:
        """Yield the entries with None in the place of invalid fields."""
        for key, raw in parsed:
            entry = _TypedEntry(raw.file_path if isinstance(raw.file_path, str) else None)
            if _base_name(entry.file_path):
                entry.session_id, entry.camera_id, entry.user_id = map(
                    _text_or_number, (raw.session_id, raw.camera_id, raw.user_id)
                )
                if entry.session_id is None and raw.session_id is not None:
                    faults.setdefault(_SESSION_ID_TYPE, []).append(key)
                entry.start_time = self._time(raw.start_time, key, faults)
                entry.end_time = self._time(raw.end_time, key, faults)
                entry.status = raw.status if isinstance(raw.status, str) else None
            yield key, entry

    def _session_id(self, value: str | int, key: str, faults: _Faults) -> str | None:
        text = str(value)
        session_id = normalize_id(text)
        if is_session_id(session_id):
            self._ids[value] = session_id
            return session_id
        if not has_leading_zero(text):
            self.invalid_ids.add(session_id)
            faults.setdefault(_SESSION_ID, []).append(key)
        return None

    def _text(self, value: str | int | None) -> str | None:
        """Return a text or whole number as text, or None if it is empty."""
        if value not in self._texts:
            self._texts[value] = str(value) or None
        return self._texts[value]

    def _time(self, value: Any, key: str, faults: _Faults) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            with suppress(msgspec.ValidationError):  # first as msgspec reads it in a valid file
                return self._note_missing_zone(convert_to_utc(msgspec.convert(value, datetime), self._zone))
            return self._note_missing_zone(read_instant(value, self._zone))
        except (ValueError, OverflowError):
            faults.setdefault(_NO_TIME, []).append(key)
            return None

    def _convert_to_utc(self, time: datetime, key: str, faults: _Faults) -> datetime | None:
        try:
            return self._note_missing_zone(convert_to_utc(time, self._zone))
        except OverflowError:
            faults.setdefault(_NO_TIME, []).append(key)
            return None

    def _note_missing_zone(self, read: ParsedTime) -> datetime:
        self.assumed_utc |= read.has_no_zone and self._zone is None
        return read.instant


def _fault_error(path: str, fault: Message, keys: list[str]) -> DocumentError:
    others = len(keys) - 1
    problem = Message("lab.register_fault_in_more", fault=fault, count=others) if others else fault
    return DocumentError(path, key_place(short_text(keys[0])), problem)


def _base_name(path: str | None) -> str:
    name = path[path.rfind("/") + 1 :] if path else ""
    return name[name.rfind("\\") + 1 :] if "\\" in name else name


def _text_or_number(value: Any) -> str | int | None:
    return value if type(value) in (str, int) else None
