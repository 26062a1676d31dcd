"""A lock file for each running process that writes to the export log, which shows that the process is running.

A lock ends when its process crashes. Unlike process numbers, it works between containers that share a lab.
"""

import fcntl
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from labcrate.errors import PeopleError
from labcrate.messages.message import Message
from labcrate.people.database import creation_lock

LOCKS_FOLDER = "running"


class ProcessLock:
    """The lock of this process, under a random name that the lines of the export log refer to."""

    def __init__(self, state_folder: Path) -> None:
        self._state_folder = state_folder
        self._folder = state_folder / LOCKS_FOLDER
        self._acquiring = threading.Lock()
        self._lock: int | None = None
        self._name = secrets.token_hex(8)

    def acquire(self) -> str:
        """Lock, unless the lock is already held, and return the name of this process. Raises PeopleError."""
        with self._acquiring:
            if self._lock is None:
                # Other processes must not see the file before it is locked: they would take it for a dead one's.
                with creation_lock(self._state_folder):
                    self._lock = self._create_lock()
        return self._name

    def _create_lock(self) -> int:
        try:
            if self._folder.is_symlink():  # never write through a symbolic link
                self._folder.unlink()
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self._folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise PeopleError(
                Message("people.log_not_writable", error=os.strerror(error.errno or 0).lower())
            ) from error
        return lock

    def running_processes(self) -> set[str]:
        """Return the names of all running processes, including this one, and remove the files of dead ones."""
        found: set[str] = set()
        with creation_lock(self._state_folder):
            if self._folder.is_symlink():
                return found
            with suppress(FileNotFoundError, NotADirectoryError):
                for path in list(self._folder.iterdir()):
                    if _is_locked(path):
                        found.add(path.name)
                    else:
                        path.unlink(missing_ok=True)
        return found

    def close(self) -> None:
        """Release the lock and remove its file."""
        with self._acquiring:
            if self._lock is not None:
                with suppress(OSError):  # on a file system that is now read-only, the file stays, but not its lock
                    (self._folder / self._name).unlink()
                os.close(self._lock)
                self._lock = None


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        return True  # the process of another user: assume that it is running
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
