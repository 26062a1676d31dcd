"""States of files and folders, recorded while they are read, and compared with the disk later."""

import os
import threading
import time
from collections.abc import Container, Iterable
from operator import attrgetter, eq

from labcrate.lab.folder import Lab

_STATE = attrgetter("st_mtime_ns", "st_ctime_ns", "st_ino", "st_size")
State = tuple[int, int, int, int]

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

    def __init__(self, places: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._present: dict[str, State] = {}
        self._absent: set[str] = set()
        self._doubtful = False
        for place in places:
            self.add(place)

    def __len__(self) -> int:
        return len(self._present) + len(self._absent)

    def __contains__(self, place: object) -> bool:
        return place in self._present or place in self._absent

    def add(self, place: str) -> None:
        """Take the state of one more place; of one that was added before, the first state stays."""
        if place in self:
            return
        with self._lock:
            if place in self:
                return
            now_ns = time.time_ns()
            try:
                state = self._present[place] = _STATE(os.lstat(place))
            except OSError:
                self._absent.add(place)
            else:
                # The time of the last change of state tells how young it is: no program can set it.
                self._doubtful |= _could_recur(state[1], now_ns)

    def size_bytes(self, place: str) -> int:
        """Return the size that a file had; 0 for a place that was not there, or not added."""
        return self._present[place][-1] if place in self._present else 0

    def same(self) -> bool:
        """Return whether all is as it was then, for certain."""
        if self._doubtful:
            return False
        try:
            # One after the other: to hold ten thousand results at a time costs as much as to get them.
            same = all(map(eq, self._present.values(), map(_STATE, map(os.lstat, self._present))))
        except OSError:
            return False
        return same and not any(map(os.path.lexists, self._absent))


def _could_recur(changed_ns: int, now_ns: int) -> bool:
    """Return whether a change after ``now_ns`` may bear the same time as one before it."""
    tick_ns = _TICK_NS if changed_ns % _NS_PER_S else _COARSE_TICK_NS
    return abs(now_ns - changed_ns) <= tick_ns


_MOST_STRANGERS = 5000


class RecordingLab(Lab):
    """A lab that takes the state of every place before that is read: files, folders, and what is not there.

    All places are absolute paths. ``ignored`` are those whose changes do not matter; ``before`` is what was recorded
    earlier, to go on with. ``strangers`` are recordings that are no session's: one may turn out to be made at the right
    time, of which people are told and an archive says nothing, so they are recorded apart. Where very many lie about,
    only their coming and going is noticed.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        before: FileStates | None = None,
        ignored: Container[str] = (),
        strangers: Container[str] = (),
    ) -> None:
        self.root = lab.root
        self._ignored, self._strangers = ignored, strangers
        self.read_files, self.read_strangers = FileStates() if before is None else before, FileStates()

    def before_read(self, place: str) -> None:
        """Take the state of a place."""
        if place in self._strangers:
            if len(self.read_strangers) < _MOST_STRANGERS:
                self.read_strangers.add(place)
        elif place not in self._ignored:
            self.read_files.add(place)
