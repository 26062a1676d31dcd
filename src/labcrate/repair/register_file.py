"""Writes one session's register, ``sessions/Session42/recordings.json``: whole or not at all, one writer at a time.

Entries are kept as they are, those of a later labcrate too. Nothing in the lab but this file is changed.
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
from labcrate.messages.text import printable
from labcrate.repair.lab_writer import PathInOpenFolder, convert_os_errors

_LOCK_FILE = "links.lock"
_UNFINISHED_FILE = f".{REGISTER_FILE}.part"


@contextmanager
def lock_links(lab: LabFolder) -> Iterator[None]:
    """Keep other threads and processes from linking in this lab meanwhile. Raises RepairError, CatalogError."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(state_folder(lab.root) / _LOCK_FILE, flags, 0o600)
    except OSError as error:
        raise RepairError(
            f"{_LOCK_FILE} in labcrate's own folder of the lab (.labcrate, or your state folder) cannot be opened "
            f"({os.strerror(error.errno or 0).lower()}); run labcrate as the user whose file it is."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def add_entries(lab: LabFolder, session_folder: str, files: Sequence[LinkedFile]) -> None:
    """Add files to a session's register, each in place of an older entry of the same file.

    Call it inside ``lock_links``.

    Raises RepairError, also for a register that labcrate did not write, and then nothing changed.
    """
    for one in files:
        _check_utf8_name(one)
    path = register_path(session_folder)
    added = {(one.folder, one.file): encode_entry(one) for one in files}
    kept = [entry for entry in _read_entries(lab, path) if _entry_key(entry) not in added]
    _write_entries(lab, path, [*kept, *added.values()])


def remove_entries(lab: LabFolder, session_folder: str, chosen: Callable[[dict[str, Any]], bool]) -> int:
    """Remove the entries that ``chosen`` accepts, and return their number; call it inside ``lock_links``.

    A register without entries is removed. Raises RepairError, and then nothing changed.
    """
    path = register_path(session_folder)
    entries = _read_entries(lab, path)
    kept = [entry for entry in entries if not (isinstance(entry, dict) and chosen(entry))]
    if len(kept) < len(entries):
        _write_entries(lab, path, kept)
    return len(entries) - len(kept)


def is_entry_of(entry: dict[str, Any], file: str, folder: str = "") -> bool:
    """Return whether an entry names this file of the lab, or of a recorder's ``folder``."""
    return _entry_key(entry) == (folder, file)


def _entry_key(entry: Any) -> tuple[Any, Any] | None:
    return (entry.get("folder", ""), entry.get("file")) if isinstance(entry, dict) else None


def _check_utf8_name(one: LinkedFile) -> None:
    try:
        one.file.encode()
    except UnicodeEncodeError:
        raise RepairError(
            f"{printable(one.file)} cannot be written down, because its name is not UTF-8. Rename it, or move it "
            "into the session's folder with --move."
        ) from None


def _read_entries(lab: LabFolder, path: str) -> list[Any]:
    """The entries that stand in the file, as they are; none where there is no file."""
    try:
        data = read_bytes(lab, path)
        if data is None:
            return []
        value = parse_json(data, path)
    except DocumentError as error:
        raise RepairError(f"Nothing was linked: {error}") from None
    if not isinstance(value, dict) or value.get("writtenBy") != WRITTEN_BY:
        raise RepairError(
            f"{path} was not written by labcrate, which leaves it as it is and so cannot link files there. Rename "
            "it, or move the recording into the session's folder with --move."
        )
    entries = value.get("recordings")
    if not isinstance(entries, list):
        raise RepairError(f"{path} does not hold the list that labcrate link wrote; restore it.")
    return entries


def _write_entries(lab: LabFolder, path: str, entries: Sequence[Any]) -> None:
    """Put the register in its place, on the disk before this returns; what was there before stays until then."""
    with convert_os_errors(path), PathInOpenFolder(lab, path, make_folders=True) as place:
        if not entries:
            place.unlink_if_there(place.name)
            place.sync()
            return
        place.unlink_if_there(_UNFINISHED_FILE)  # of a writer that was killed: whoever writes holds the lock
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
