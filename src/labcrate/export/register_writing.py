"""Writes the register in a session's own folder: which files ``labcrate link`` gave to the session.

One process at a time changes a register, the file is replaced whole or not at all, and no symbolic link is followed.
A ``recordings.json`` that labcrate did not write, or that holds entries which cannot be meant, stays as it is.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from labcrate.catalog.state import state_folder
from labcrate.errors import DocumentError, RepairError
from labcrate.lab.folder import Lab, printable
from labcrate.lab.json_file import parse_json, read_bytes
from labcrate.lab.registers import REGISTER_FILE
from labcrate.lab.session_register import WRITTEN_BY, LinkedFile, encode_session_register, read_session_register
from labcrate.model.message import Message

_LOCK = "register.lock"
_NEW_FOLDER = 0o755

Entries = dict[tuple[str, str], LinkedFile]


def add_entries(lab: Lab, session_folder: str, session_id: str, files: Iterable[LinkedFile]) -> None:
    """Add files to the register of a session; an entry of the same folder and path is replaced.

    ``session_folder`` is the path of the session's own folder in the lab; it is made where there is none. Raises
    RepairError when the register is another program's, is damaged, or cannot be written.
    """
    added = {(one.folder, one.file): one for one in files}
    _change(lab, session_folder, session_id, lambda known: known | added)


def remove_entries(lab: Lab, session_folder: str, session_id: str, files: Iterable[LinkedFile]) -> None:
    """Remove just these entries from the register of a session; those that are gone or others by now stay so.

    A register without entries is removed. Raises RepairError as ``add_entries`` does.
    """
    gone = set(files)
    _change(lab, session_folder, session_id, lambda known: {key: one for key, one in known.items() if one not in gone})


def _change(lab: Lab, session_folder: str, session_id: str, change: Callable[[Entries], Entries]) -> None:
    path = f"{session_folder}/{REGISTER_FILE}"
    try:
        with _locked(lab):
            known = _known(lab, session_folder, path)
            changed = change(known)
            if changed != known:
                with _folder(lab, session_folder) as folder:
                    _write(folder, encode_session_register(changed.values()) if changed else None)
    except DocumentError as error:
        raise RepairError(Message("register.damaged", session=session_id, problem=str(error))) from None
    except OSError as error:
        why = error.strerror or ""
        raise RepairError(Message("register.unwritable", file=printable(path), why=why)) from None


def _known(lab: Lab, session_folder: str, path: str) -> Entries:
    """Read the entries that are there. Raises DocumentError for a file that must not be replaced."""
    data = read_bytes(lab, path)
    if data is None:
        return {}
    value = parse_json(data, path)
    if not isinstance(value, dict) or value.get("writtenBy") != WRITTEN_BY:
        raise DocumentError(path, "", "was not written by labcrate and is never replaced; give it another name.")
    register = read_session_register(lab, session_folder)
    if register.problems:
        raise register.problems[0]
    return {(one.folder, one.file): one for one in register.files}


@contextmanager
def _locked(lab: Lab) -> Iterator[None]:
    """Keep other processes from changing a register of the lab meanwhile."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(state_folder(lab.root) / _LOCK, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _folder(lab: Lab, path: str) -> Iterator[int]:
    """Open a folder of the lab, making what is missing of its path; no part may be a symbolic link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    at = os.open(lab.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.split("/"):
            with suppress(FileExistsError):
                os.mkdir(name, _NEW_FOLDER, dir_fd=at)
            below = os.open(name, flags, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _write(folder: int, data: bytes | None) -> None:
    """Replace the register in an open folder, or remove it; the change is on the disk afterwards."""
    if data is None:
        os.unlink(REGISTER_FILE, dir_fd=folder)
        os.fsync(folder)
        return
    part = f".{REGISTER_FILE}.{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part, flags, _mode(folder), dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, REGISTER_FILE, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        raise
    os.fsync(folder)


def _mode(folder: int) -> int:
    """Return the permissions of the register that is replaced; those of any new file where there is none."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(REGISTER_FILE, dir_fd=folder, follow_symlinks=False).st_mode)
    return 0o644
