"""Which processes that write to the export log are alive: each holds a lock for as long as it runs.

A lock outlives no crash, and works where process numbers do not: between containers that share a lab.
"""

import fcntl
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from labcrate.errors import PeopleError
from labcrate.people.database import creation_lock

LOCKS_FOLDER = "running"


class ProcessLock:
    """This process as a writer of log lines; ``acquire`` tells it from all others."""

    def __init__(self, state_folder: Path) -> None:
        self._state_folder = state_folder
        self._folder = state_folder / LOCKS_FOLDER
        self._acquiring = threading.Lock()
        self._lock: int | None = None
        self._name = secrets.token_hex(8)

    def acquire(self) -> str:
        """The name, under a lock that is held from now on. Raises PeopleError."""
        with self._acquiring:
            if self._lock is None:
                # Between making the file and locking it, it would look like a dead process's.
                with creation_lock(self._state_folder):
                    self._lock = self._create_lock()
        return self._name

    def _create_lock(self) -> int:
        try:
            if self._folder.is_symlink():  # what is behind it is not ours to write to
                self._folder.unlink()
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self._folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise PeopleError(
                f"The export log cannot be written ({os.strerror(error.errno or 0).lower()}); see that labcrate's own "
                "folder of the lab (.labcrate, or your state folder) has room and is yours."
            ) from error
        return lock

    def running_processes(self) -> set[str]:
        """The names of all processes that live, this one too; files that dead ones left are removed."""
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
        """Let go of the lock."""
        with self._acquiring:
            if self._lock is not None:
                with suppress(OSError):  # on a file system that became read-only, its lock alone ends
                    (self._folder / self._name).unlink()
                os.close(self._lock)
                self._lock = None


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        return True  # another user's process, of which nothing more is known
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
