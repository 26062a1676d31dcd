"""The recordings that ``labcrate link`` wrote down for one session: ``sessions/Session42/recordings.json``.

::

    {"writtenBy": "labcrate link", "recordings": [
      {"folder": "nvr", "file": "2025-05-02/07/kitchen/30.00.mp4", "sizeBytes": 1048576,
       "modifiedNs": "1746171010000000000", "cameraId": "2", "linkedAt": "2025-05-03T09:00:00.000Z"}]}

``folder`` is a recorder's name in ``labcrate.toml``, or empty for the lab folder; ``file`` is the path below it.
``modifiedNs`` is a text, because its digits are more than a JSON number keeps. An entry means exactly this file, of
this size and modification time, and holds no times of the recording: these are read from the file when it is needed.
``madeFrom`` (optional) is the file of the lab that labcrate made this MP4 of, ``leftOut`` what of it does not fit into
an MP4 (its codec, as FFmpeg calls it).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.lab.json_file import convert, parse_json, read_bytes
from labcrate.lab.registers import REGISTER_FILE
from labcrate.model.timespan import format_instant, parse_instant

WRITTEN_BY = "labcrate link"

_NS_DIGITS = 20


def register_path(session_folder: str) -> str:
    """Return the path of the register in a session's own folder."""
    return f"{session_folder}/{REGISTER_FILE}"


class LinkedFile(msgspec.Struct, frozen=True):
    """One file that was linked to a session; ``modified_ns`` counts nanoseconds from 1970.

    ``made_from`` is the file that it was made of, ``left_out`` the codec of that one's sound, if that does not fit.
    """

    folder: str
    file: str
    size_bytes: int
    modified_ns: int
    camera_id: str | None = None
    linked_at: datetime | None = None
    made_from: str | None = None
    left_out: str | None = None

    def matches(self, size_bytes: int, modified_ns: int, session_folder: str | None) -> bool:
        """Return whether the lab's file of this entry, as it is now, is the one that was linked.

        One that was moved into the session's own folder belongs by lying there: its modification time may change.
        """
        if size_bytes != self.size_bytes:
            return False
        return modified_ns == self.modified_ns or is_in_session_folder(self.file, session_folder)


def is_in_session_folder(path: str, session_folder: str | None) -> bool:
    """Return whether a path is below a session's own folder."""
    return session_folder is not None and path.startswith(f"{session_folder}/")


class SessionRegister(msgspec.Struct, frozen=True):
    """What a session's own register holds, and what is wrong in it; ``path`` is relative to the lab."""

    path: str
    files: tuple[LinkedFile, ...] = ()
    problems: tuple[DocumentError, ...] = ()


class _LinkedFileEntry(msgspec.Struct, rename="camel", omit_defaults=True):
    file: str
    size_bytes: int
    modified_ns: str
    folder: str = ""
    camera_id: str | int | None = None
    linked_at: str | None = None
    made_from: str | None = None
    left_out: str | None = None


class _RegisterDocument(msgspec.Struct, rename="camel"):
    written_by: str
    recordings: list[_LinkedFileEntry]


_DECODER = msgspec.json.Decoder(_RegisterDocument)


def read_session_register(lab: LabFolder, session_folder: str) -> SessionRegister:
    """Read the register in a session's own folder; an entry that cannot be meant costs itself alone.

    A ``recordings.json`` there that labcrate did not write says nothing here: it is a file of the session like others.
    """
    path = f"{session_folder}/{REGISTER_FILE}"
    try:
        data = read_bytes(lab, path)
        if data is None:
            return SessionRegister(path)
        raw = _decode_entries(data, path)
    except DocumentError as error:
        return SessionRegister(path, problems=(error,))
    files: dict[tuple[str, str], LinkedFile] = {}
    problems: list[DocumentError] = []
    for i, entry in enumerate(raw):
        try:
            one = _parse_entry(convert(entry, _LinkedFileEntry, path, f"recordings[{i}]"), path, i)
            files[one.folder, one.file] = one
        except DocumentError as error:
            problems.append(error)
    return SessionRegister(path, tuple(files.values()), tuple(problems))


def encode_entry(one: LinkedFile) -> dict[str, Any]:
    """Return one file's entry as a JSON object."""
    entry: dict[str, Any] = msgspec.to_builtins(
        _LinkedFileEntry(
            one.file,
            one.size_bytes,
            str(one.modified_ns),
            one.folder,
            one.camera_id,
            None if one.linked_at is None else format_instant(one.linked_at),
            one.made_from,
            one.left_out,
        )
    )
    return entry


def encode_register(entries: Sequence[Any]) -> bytes:
    """Return the document with these entries (a later labcrate's, too): indented JSON that ends in a line feed."""
    return msgspec.json.format(msgspec.json.encode({"writtenBy": WRITTEN_BY, "recordings": entries}), indent=2) + b"\n"


def _decode_entries(data: bytes, path: str) -> Iterable[Any]:
    """The entries: at once where all are sound, else as they are."""
    try:
        document = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = parse_json(data, path)
    else:
        return document.recordings if document.written_by == WRITTEN_BY else ()
    if not isinstance(value, dict) or value.get("writtenBy") != WRITTEN_BY:
        return ()
    found = value.get("recordings")
    if not isinstance(found, list):
        raise DocumentError(path, "key recordings", "must be the list that labcrate link wrote; restore it.")
    return found


def _parse_entry(entry: _LinkedFileEntry, path: str, i: int) -> LinkedFile:
    where = f"key recordings[{i}]"
    parts = entry.file.split("/")
    if not entry.file or "\0" in entry.file or any(part in ("", ".", "..") for part in parts):
        what = "file must be a path below its folder, without '..' and not absolute; link the file again."
        raise DocumentError(path, f"{where}.file", what)
    digits = entry.modified_ns.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _NS_DIGITS:
        raise DocumentError(path, f"{where}.modifiedNs", "must be whole nanoseconds; link the file again.")
    linked_at = None
    if entry.linked_at:
        try:
            linked_at = parse_instant(entry.linked_at)
        except (ValueError, OverflowError):
            raise DocumentError(path, f"{where}.linkedAt", "is not a date and time; link the file again.") from None
    camera_id = None if entry.camera_id is None else str(entry.camera_id)
    return LinkedFile(
        entry.folder,
        entry.file,
        entry.size_bytes,
        int(entry.modified_ns),
        camera_id,
        linked_at,
        entry.made_from,
        entry.left_out,
    )
