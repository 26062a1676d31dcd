"""Whether files and folders are as they were: a look that is cheap enough to be had with every request."""

import os
import time
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter, eq

_STATE = attrgetter("st_mtime_ns", "st_ctime_ns", "st_ino", "st_size")
State = tuple[int, int, int, int]

# A file system stamps changes with a clock that stands still between ticks: two changes within one tick look like
# one. Linux ticks at least every 10 ms; a time without a fraction of a second is of a file system that has no finer
# ones (FAT's are even).
_NS_PER_S = 1_000_000_000
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2 * _NS_PER_S + _TICK_NS


class Look:
    """The state of files and folders at one time; those that are not there are looked for as well.

    A folder's state changes with the names in it, a file's with its bytes. Take the look before reading what it is
    about: then whatever changes meanwhile differs from it.
    """

    def __init__(self, root: str, paths: Iterable[str]) -> None:
        self._began_ns = self._ended_ns = time.time_ns()
        self._there: list[str] = []
        self._absent: list[str] = []
        self._states: list[State] = []
        for path in paths:
            self.add(f"{root}/{path}")

    def __len__(self) -> int:
        return len(self._there) + len(self._absent)

    def add(self, path: str) -> None:
        """Look at one place more, before it is read. The path is absolute."""
        try:
            self._states.append(_STATE(os.lstat(path)))
            self._there.append(path)
        except OSError:
            self._absent.append(path)
        self._ended_ns = time.time_ns()

    def holds(self) -> bool:
        """Whether all is as it was then, for certain."""
        try:
            # One after the other: to hold ten thousand results at a time costs as much as to get them.
            same = all(map(eq, self._states, map(_STATE, map(os.lstat, self._there))))
        except OSError:
            return False
        return same and not any(map(os.path.lexists, self._absent)) and not self._doubtful

    @cached_property
    def _doubtful(self) -> bool:
        """Whether something was so young that a change after the look may bear the same time.

        The time of the last change of state tells: nobody can set it.
        """
        return any(self._could_recur(changed_ns) for _, changed_ns, _, _ in self._states)

    def _could_recur(self, changed_ns: int) -> bool:
        tick_ns = _TICK_NS if changed_ns % _NS_PER_S else _COARSE_TICK_NS
        return self._began_ns - tick_ns <= changed_ns <= self._ended_ns + tick_ns
