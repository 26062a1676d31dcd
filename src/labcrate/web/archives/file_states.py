"""States of files and folders, recorded while they are read, and compared with the disk later."""

import os
import threading
import time
from collections.abc import Container, Iterable
from operator import attrgetter, eq

from labcrate.lab.folder import LabFolder

_read_state = attrgetter("st_mtime_ns", "st_ctime_ns", "st_ino", "st_size")
FileState = tuple[int, int, int, int]

# A file system stamps changes with a clock that stands still between ticks: two changes within one tick look like
# one. Linux ticks at least every 10 ms; a time without a fraction of a second is of a file system that has no finer
# ones (FAT's are even).
_NS_PER_S = 1_000_000_000
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2 * _NS_PER_S + _TICK_NS


class FileStates:
    """The states of files and folders by absolute path, also of those that are not there. Any thread may call it.

    A folder's state changes with the names in it, a file's with its bytes. Add a place before it is read: then
    whatever changes meanwhile differs from its state.
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
        """Take the state of one more place; of one that was added before, the first state stays."""
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
                # The time of the last change of state tells how young it is: no program can set it.
                self._is_uncertain |= _may_have_same_time(state[1], now_ns)

    def size_bytes(self, path: str) -> int:
        """Return the size that a file had; 0 for a place that was not there, or not added."""
        return self._present[path][-1] if path in self._present else 0

    def is_unchanged(self) -> bool:
        """Return whether all is as it was then, for certain."""
        if self._is_uncertain:
            return False
        try:
            # One after the other: to hold ten thousand results at a time costs as much as to get them.
            same = all(map(eq, self._present.values(), map(_read_state, map(os.lstat, self._present))))
        except OSError:
            return False
        return same and not any(map(os.path.lexists, self._absent))


def _may_have_same_time(changed_ns: int, now_ns: int) -> bool:
    """Return whether a change after ``now_ns`` may bear the same time as one before it."""
    tick_ns = _TICK_NS if changed_ns % _NS_PER_S else _COARSE_TICK_NS
    return abs(now_ns - changed_ns) <= tick_ns


_MAX_UNLINKED = 5000


class TrackingLab(LabFolder):
    """A lab that takes the state of every place before that is read: files, folders, and what is not there.

    All places are absolute paths. ``ignored`` are those whose changes do not matter; ``before`` is what was recorded
    earlier, to go on with. ``strangers`` are recordings that are no session's: one may turn out to be made at the right
    time, of which people are told and an archive says nothing, so they are recorded apart. Where very many lie about,
    only their coming and going is noticed.
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
        """Take the state of a place."""
        if path in self._unlinked:
            if len(self.read_unlinked) < _MAX_UNLINKED:
                self.read_unlinked.add(path)
        elif path not in self._ignored:
            self.read_files.add(path)
