"""States of files and folders: recorded when they are read, and compared with the disk later."""

import os
import threading
import time
from collections.abc import Container, Iterable
from operator import attrgetter, eq

from labcrate.lab.folder import LabFolder

_read_state = attrgetter("st_mtime_ns", "st_ctime_ns", "st_ino", "st_size")
FileState = tuple[int, int, int, int]

# The clock of a file system advances in ticks: two changes within one tick have the same time. A tick of Linux is at
# most 10 ms. A time without a fraction of a second is from a file system with a coarser clock (2 s for FAT).
_NS_PER_S = 1_000_000_000
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2 * _NS_PER_S + _TICK_NS


class FileStates:
    """The states of files and folders by absolute path, also of paths that do not exist. Any thread may call it.

    The state of a folder changes with the names in it, that of a file with its bytes. Add a path before it is read:
    then any later change is detected.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._present: dict[str, FileState] = {}
        self._absent: set[str] = set()
        self._is_uncertain = False
        for path in paths:
            self.add(path)

    def __len__(self) -> int:
        return len(self._present) + len(self._absent)

    def __contains__(self, path: object) -> bool:
        return path in self._present or path in self._absent

    def add(self, path: str) -> None:
        """Record the state of a path; if it was added before, its first state is kept."""
        if path in self:
            return
        with self._lock:
            if path in self:
                return
            now_ns = time.time_ns()
            try:
                state = self._present[path] = _read_state(os.lstat(path))
            except OSError:
                self._absent.add(path)
            else:
                # The time of the last change of status: unlike the modification time, no program can set it.
                self._is_uncertain |= _may_have_same_time(state[1], now_ns)

    def size_bytes(self, path: str) -> int:
        """Return the recorded size of a file in bytes; 0 for a path that did not exist, or was not added."""
        return self._present[path][-1] if path in self._present else 0

    def is_unchanged(self) -> bool:
        """Return whether all states are certainly unchanged."""
        if self._is_uncertain:
            return False
        try:
            # One after the other: storing ten thousand results takes as long as reading them.
            same = all(map(eq, self._present.values(), map(_read_state, map(os.lstat, self._present))))
        except OSError:
            return False
        return same and not any(map(os.path.lexists, self._absent))


def _may_have_same_time(changed_ns: int, now_ns: int) -> bool:
    """Return whether a change after ``now_ns`` may have the same time as the last change before it."""
    tick_ns = _TICK_NS if changed_ns % _NS_PER_S else _COARSE_TICK_NS
    return abs(now_ns - changed_ns) <= tick_ns


_MAX_UNLINKED = 5000


class TrackingLab(LabFolder):
    """A lab folder that records the state of every path before it is read: files, folders, and missing paths.

    All paths are absolute. Changes of ``ignored`` paths do not matter; ``states`` are earlier states to continue with.
    ``unlinked`` are recordings of no session. A plan may list one as a near miss, but archives do not depend on them,
    so their states are recorded separately. If there are very many, only added and removed ones are detected.
    """

    def __init__(
        self,
        lab: LabFolder,
        *,
        states: FileStates | None = None,
        ignored: Container[str] = (),
        unlinked: Container[str] = (),
    ) -> None:
        self.root = lab.root
        self._ignored, self._unlinked = ignored, unlinked
        self.read_files, self.read_unlinked = FileStates() if states is None else states, FileStates()

    def before_read(self, path: str) -> None:
        """Record the state of a path."""
        if path in self._unlinked:
            if len(self.read_unlinked) < _MAX_UNLINKED:
                self.read_unlinked.add(path)
        elif path not in self._ignored:
            self.read_files.add(path)
