"""The platform's registers of recordings: ``recordings.json``, which says session, camera, start and end of a file.

Read in its shape of the reference platform: an object keyed by id (or a list), in ``data/`` and below each user.
A field that is absent, null or of a wrong type is unknown; nothing wrong in one entry costs another.
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
from labcrate.lab.json_file import list_entries, parse_json, read_bytes, short_text
from labcrate.model.session import ID_RULE, has_leading_zero, is_session_id, normalize_id

REGISTER_FILE = "recordings.json"
REGISTER = f"{DATA}/{REGISTER_FILE}"

_BOM = b"\xef\xbb\xbf"
_NO_TIME = "a time that is none, and is not used; write it as 2025-05-02T19:40:00Z"

_Faults = dict[str, list[str]]
"""The keys of the entries that have each fault."""


class RegisteredRecording(msgspec.Struct, frozen=True, gc=False):
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


class RecordingRegisters(msgspec.Struct, frozen=True):
    """All registers of a lab.

    ``unreadable``: whether a register could not be read. ``refused``: texts that stand for a session's id and are
    none. ``local``: whether times without a zone were read as UTC, because no zone is known.
    """

    recordings: tuple[RegisteredRecording, ...] = ()
    problems: tuple[DocumentError, ...] = ()
    has_unreadable_file: bool = False
    invalid_ids: frozenset[str] = frozenset()
    assumed_utc: bool = False


class _TypedEntry(msgspec.Struct, rename="camel", gc=False):
    """The fields of interest as the platform writes them: msgspec reads their times many times as fast as Python."""

    file_path: str | None = None
    session_id: str | int | None = None
    camera_id: str | int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    status: str | None = None
    user_id: str | int | None = None


class _UntypedEntry(msgspec.Struct, rename="camel"):
    """The same fields, of whatever type they are: a wrong one must not cost the file."""

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
    files, closed = user_files(lab, REGISTER_FILE)
    reading = _RegisterReader(zone, list(closed))
    unreadable = bool(closed)
    for user, path in [(None, REGISTER), *files.items()]:
        try:
            data = read_bytes(lab, path)
            if data is not None:
                reading.add_file(path, user, data)
        except DocumentError as error:
            reading.problems.append(error)
            unreadable = True
    refused = frozenset(reading.invalid_ids)
    return RecordingRegisters(
        tuple(reading.recordings), tuple(reading.problems), unreadable, refused, reading.assumed_utc
    )


def _decode_typed(data: bytes) -> Iterable[tuple[str, _TypedEntry]]:
    """The entries of a register with their keys. Raises one of _UNDECODED where a field of any is not as it should."""
    begins = data.removeprefix(_BOM).lstrip()
    if begins.startswith(b"["):
        return [(f"[{i}]", entry) for i, entry in enumerate(_TYPED_LIST.decode(begins))]
    return _TYPED_OBJECT.decode(begins).items()


def _decode_untyped(
    data: bytes, path: str, report: Callable[[DocumentError], None]
) -> Iterable[tuple[str, _UntypedEntry]]:
    """The same, whatever their fields are: at once where all are objects, else one by one. Raises DocumentError."""
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
            report(DocumentError(path, f"key {where}", "is no object that describes a recording; correct it."))


class _RegisterReader:
    """Entries made of what the files say, with what is wrong in them, once for each file and fault."""

    def __init__(self, zone: str | None, problems: list[DocumentError]) -> None:
        self.recordings: list[RegisteredRecording] = []
        self.problems = problems
        self.invalid_ids: set[str] = set()
        self.assumed_utc = False
        self._zone = zone
        # A few sessions, cameras and users have all the entries.
        self._ids: dict[str | int, str] = {}
        self._texts: dict[str | int | None, str | None] = {None: None}

    def add_file(self, path: str, user: str | None, data: bytes) -> None:
        """Add the entries of one file. Raises DocumentError for a file that is no register."""
        faults: dict[str, list[str]] = {}
        try:
            self._add(path, user, _decode_typed(data), faults)
        except _DECODE_ERRORS:
            self._add(
                path, user, self._drop_invalid_fields(_decode_untyped(data, path, self.problems.append), faults), faults
            )
        self.problems += [_fault_error(path, what, keys) for what, keys in faults.items()]

    def _add(self, path: str, user: str | None, parsed: Iterable[tuple[str, _TypedEntry]], faults: _Faults) -> None:
        ids, texts = self._ids, self._texts
        for key, raw in parsed:
            name = _base_name(raw.file_path)
            if not name:
                faults.setdefault("no file path, so that nobody knows which recording is meant", []).append(key)
                continue
            start, end = raw.start_time, raw.end_time
            if start is not None and start.tzinfo is not UTC:
                start = self._convert_to_utc(start, key, faults)
            if end is not None and end.tzinfo is not UTC:
                end = self._convert_to_utc(end, key, faults)
            if start and end and end < start:
                faults.setdefault("an end before its start; neither time is used", []).append(key)
                start = end = None
            told, camera = raw.session_id, raw.camera_id
            session_id = ids.get(told) if told else None
            if session_id is None and told not in (None, ""):
                session_id = self._session_id(told, key, faults)
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
        """The entries without what is wrong in them."""
        for key, raw in parsed:
            entry = _TypedEntry(raw.file_path if isinstance(raw.file_path, str) else None)
            if _base_name(entry.file_path):
                entry.session_id, entry.camera_id, entry.user_id = map(
                    _text_or_number, (raw.session_id, raw.camera_id, raw.user_id)
                )
                if entry.session_id is None and raw.session_id is not None:
                    faults.setdefault("a session's id that is neither text nor number", []).append(key)
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
            faults.setdefault(f"a session's id that is none: {ID_RULE}", []).append(key)
        return None

    def _text(self, value: str | int | None) -> str | None:
        """A text or whole number as a text, None for an empty one."""
        if value not in self._texts:
            self._texts[value] = str(value) or None
        return self._texts[value]

    def _time(self, value: Any, key: str, faults: _Faults) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            with suppress(msgspec.ValidationError):  # as it is read where the whole file is sound
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


def _fault_error(path: str, what: str, keys: list[str]) -> DocumentError:
    others = f"; so have {len(keys) - 1:,} others" if len(keys) > 1 else ""
    return DocumentError(path, f"key {short_text(keys[0])}", f"the entry has {what}{others}.")


def _base_name(path: str | None) -> str:
    name = path[path.rfind("/") + 1 :] if path else ""
    return name[name.rfind("\\") + 1 :] if "\\" in name else name


def _text_or_number(value: Any) -> str | int | None:
    return value if type(value) in (str, int) else None
