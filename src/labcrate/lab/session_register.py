"""Read and write the list of files that ``labcrate link`` linked to a session: ``sessions/Session42/recordings.json``.

::

    {"writtenBy": "labcrate link", "recordings": [
      {"folder": "nvr", "file": "2025-05-02/07/kitchen/30.00.mp4", "sizeBytes": 1048576,
       "modifiedNs": "1746171010000000000", "cameraId": "2", "linkedAt": "2025-05-03T09:00:00.000Z"}]}

``folder`` is a recorder's name in ``labcrate.toml``, or empty for the lab folder; ``file`` is the path below it.
``modifiedNs`` is text, because JSON numbers have too few digits. An entry is valid for a file of this size and
modification time alone. It has no times of the recording: they are read from the file when needed. ``madeFrom``
(optional) is the file of the lab from which labcrate made this MP4, ``leftOut`` the codec of its sound (as FFmpeg
names it) if MP4 does not support that.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.lab.json_file import convert, key_place, parse_json, read_bytes
from labcrate.lab.registers import REGISTER_FILE
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant, parse_instant

WRITTEN_BY = "labcrate link"

_NS_DIGITS = 20


def register_path(session_folder: str) -> str:
    """Return the path of the register in a session's own folder."""
    return f"{session_folder}/{REGISTER_FILE}"


class LinkedFile(msgspec.Struct, frozen=True):
    """One file that was linked to a session; ``modified_ns`` is in nanoseconds since 1970.

    ``made_from`` is the file from which it was made, ``left_out`` the codec of the sound that was left out, if any.
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
        """Return whether a file with this size and modification time is the one that was linked.

        The modification time of a file in the session's own folder is ignored: the folder alone links it.
        """
        if size_bytes != self.size_bytes:
            return False
        return modified_ns == self.modified_ns or is_in_session_folder(self.file, session_folder)


def is_in_session_folder(path: str, session_folder: str | None) -> bool:
    """Return whether a path is below a session's own folder."""
    return session_folder is not None and path.startswith(f"{session_folder}/")


class SessionRegister(msgspec.Struct, frozen=True):
    """A session's own register and the errors in it; ``path`` is relative to the lab folder."""

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
    """Read the register in a session's own folder; an invalid entry is skipped and reported.

    A ``recordings.json`` that labcrate did not write is an ordinary file of the session and is ignored.
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
    """Return the register with these entries as indented JSON with a final line feed.

    Entries of later versions of labcrate are written unchanged.
    """
    return msgspec.json.format(msgspec.json.encode({"writtenBy": WRITTEN_BY, "recordings": entries}), indent=2) + b"\n"


def _decode_entries(data: bytes, path: str) -> Iterable[Any]:
    """Return the entries: parsed if all are valid, else as plain JSON values. Raises DocumentError."""
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
        raise DocumentError(path, key_place("recordings"), Message("lab.links_no_list"))
    return found


def _parse_entry(entry: _LinkedFileEntry, path: str, i: int) -> LinkedFile:
    where = f"recordings[{i}]"
    parts = entry.file.split("/")
    if not entry.file or "\0" in entry.file or any(part in ("", ".", "..") for part in parts):
        raise DocumentError(path, key_place(f"{where}.file"), Message("lab.link_path"))
    digits = entry.modified_ns.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _NS_DIGITS:
        raise DocumentError(path, key_place(f"{where}.modifiedNs"), Message("lab.link_modified"))
    linked_at = None
    if entry.linked_at:
        try:
            linked_at = parse_instant(entry.linked_at)
        except (ValueError, OverflowError):
            raise DocumentError(path, key_place(f"{where}.linkedAt"), Message("lab.link_time")) from None
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
