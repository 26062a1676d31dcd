"""The files of a database: its own and those that SQLite keeps beside it, its owner's alone."""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_SUFFIXES = ("", "-journal", "-wal", "-shm")


def database_files(file: Path) -> list[Path]:
    """Return the paths of a database's files, which need not be there."""
    return [file.with_name(file.name + suffix) for suffix in _SUFFIXES]


def create_private_file(file: Path) -> None:
    """Make an empty file that its owner alone may read. Raises OSError, also where there is something already."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def remove_database(file: Path) -> None:
    """Remove a database's files, as far as they are there. Raises OSError."""
    for own in database_files(file):
        own.unlink(missing_ok=True)


def first_irregular_file(file: Path) -> Path | None:
    """Return the first of a database's files that is a symbolic link or no file at all. Raises OSError."""
    for own in database_files(file):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(own.lstat().st_mode):
                return own
    return None


def leftover_journal(file: Path) -> Path | None:
    """Return a journal that is there, which a new database in this place would take for its own."""
    return next((own for own in database_files(file)[1:3] if own.exists()), None)


def restrict_permissions(file: Path) -> None:
    """Take away what others may do with a file, if they may do anything. Raises OSError."""
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        with suppress(PermissionError):  # whose file it is shows when it is opened
            file.chmod(0o600)


def are_writable(file: Path) -> bool:
    """Return whether all files of a database that are there may be written: SQLite opens others, and fails later."""
    return all(os.access(own, os.R_OK | os.W_OK) for own in database_files(file) if own.exists())


def lock_file(path: Path) -> BinaryIO:
    """Return a file, made if need be, under a lock that other processes wait for until it is closed. Raises OSError."""
    lock = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except BaseException:
        lock.close()
        raise
    return lock
