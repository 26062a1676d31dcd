"""Write one session's register, ``sessions/Session42/recordings.json``, atomically, one writer at a time.

Existing entries are not changed, including those of a later labcrate. No other file of the lab is changed.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from labcrate.errors import DocumentError, RepairError
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.lab.json_file import parse_json, read_bytes
from labcrate.lab.registers import REGISTER_FILE
from labcrate.lab.session_register import WRITTEN_BY, LinkedFile, encode_entry, encode_register, register_path
from labcrate.messages.message import Message
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors

_LOCK_FILE = "links.lock"
_UNFINISHED_FILE = f".{REGISTER_FILE}.part"


@contextmanager
def lock_links(lab: LabFolder) -> Iterator[None]:
    """Prevent other threads and processes from linking in this lab meanwhile. Raises RepairError, CatalogError."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(state_folder(lab.root) / _LOCK_FILE, flags, 0o600)
    except OSError as error:
        problem = os.strerror(error.errno or 0).lower()
        raise RepairError(Message("repair.lock_not_opened", file=_LOCK_FILE, error=problem)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def add_entries(lab: LabFolder, session_folder: str, files: Sequence[LinkedFile]) -> None:
    """Add files to a session's register, each in place of an older entry of the same file.

    Call it inside ``lock_links``. Raises RepairError, also for a register that labcrate did not write. Then nothing
    is changed.
    """
    for one in files:
        _check_utf8_name(one)
    path = register_path(session_folder)
    added = {(one.folder, one.file): encode_entry(one) for one in files}
    others = [entry for entry in _read_entries(lab, path) if _entry_key(entry) not in added]
    _write_entries(lab, path, [*others, *added.values()])


def remove_entries(lab: LabFolder, session_folder: str, chosen: Callable[[dict[str, Any]], bool]) -> int:
    """Remove the entries for which ``chosen`` returns True, and return their number. Call it inside ``lock_links``.

    A register without entries is deleted. Raises RepairError; then nothing is changed.
    """
    path = register_path(session_folder)
    entries = _read_entries(lab, path)
    remaining = [entry for entry in entries if not (isinstance(entry, dict) and chosen(entry))]
    if len(remaining) < len(entries):
        _write_entries(lab, path, remaining)
    return len(entries) - len(remaining)


def is_entry_of(entry: dict[str, Any], file: str, folder: str = "") -> bool:
    """Return whether an entry is of this file of the lab, or of a recorder's ``folder``."""
    return _entry_key(entry) == (folder, file)


def _entry_key(entry: Any) -> tuple[Any, Any] | None:
    return (entry.get("folder", ""), entry.get("file")) if isinstance(entry, dict) else None


def _check_utf8_name(one: LinkedFile) -> None:
    try:
        one.file.encode()
    except UnicodeEncodeError:
        raise RepairError(Message("repair.name_not_utf8", file=one.file)) from None


def _read_entries(lab: LabFolder, path: str) -> list[Any]:
    """Return the entries of the file, unchanged; none if there is no file."""
    try:
        data = read_bytes(lab, path)
        if data is None:
            return []
        value = parse_json(data, path)
    except DocumentError as error:
        raise RepairError(Message("repair.register_unreadable", problem=error.message)) from None
    if not isinstance(value, dict) or value.get("writtenBy") != WRITTEN_BY:
        raise RepairError(Message("repair.foreign_register", file=path))
    entries = value.get("recordings")
    if not isinstance(entries, list):
        raise RepairError(Message("repair.register_without_list", file=path))
    return entries


def _write_entries(lab: LabFolder, path: str, entries: Sequence[Any]) -> None:
    """Write the register and wait for the disk. The old register stays until the new one is complete."""
    with convert_os_errors(path), PathInOpenFolder(lab, path, make_folders=True) as place:
        if not entries:
            place.unlink_if_there(place.name)
            place.sync()
            return
        place.unlink_if_there(_UNFINISHED_FILE)  # of a writer that was killed: only one can hold the lock
        fd = place.create(_UNFINISHED_FILE)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(encode_register(entries))
                file.flush()
                os.fsync(file.fileno())
            os.rename(_UNFINISHED_FILE, place.name, src_dir_fd=place.folder_fd, dst_dir_fd=place.folder_fd)
        except BaseException:
            place.unlink_if_there(_UNFINISHED_FILE)
            raise
        place.sync()
