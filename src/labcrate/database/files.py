"""The files of a database: the main file and those that SQLite creates beside it, readable only by their owner."""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIXES = ("", "-journal", "-wal", "-shm")


def database_files(file: Path) -> list[Path]:
    """Return the paths of a database's files, which may not exist."""
    return [file.with_name(file.name + suffix) for suffix in _SUFFIXES]


def create_private_file(file: Path) -> None:
    """Create an empty file that only its owner may read. Raises OSError, also if it exists."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def remove_database(file: Path) -> None:
    """Remove the files of a database that exist. Raises OSError."""
    for own in database_files(file):
        own.unlink(missing_ok=True)


def first_irregular_file(file: Path) -> Path | None:
    """Return the first of a database's files that is not a regular file, or None. Raises OSError."""
    for own in database_files(file):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(own.lstat().st_mode):
                return own
    return None


def leftover_journal(file: Path) -> Path | None:
    """Return an existing journal, which a new database with this path would read as its own, or None."""
    return next((own for own in database_files(file)[1:3] if own.exists()), None)


def restrict_permissions(file: Path) -> None:
    """Remove the permissions of other users on a file. Raises OSError."""
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        with suppress(PermissionError):  # a file of another user fails when it is opened
            file.chmod(0o600)


def are_writable(file: Path) -> bool:
    """Return whether all existing files of a database may be written; SQLite would open the others and fail later."""
    return all(os.access(own, os.R_OK | os.W_OK) for own in database_files(file) if own.exists())


def lock_file(path: Path) -> BinaryIO:
    """Open a file, or create it, with a lock for which other processes wait until it is closed. Raises OSError."""
    lock = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except BaseException:
        lock.close()
        raise
    return lock
