"""The progress of long operations, reported to one callback."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from labcrate.index.indexing import Progress

Callback = Callable[[str, int, int], None]
"""Called with the stage (``indexing``, ``packing``, ``verifying``), the bytes done, and all bytes of the stage."""


class StageProgress(Progress):
    """The number of bytes done in one stage. The callback is called by one thread at a time.

    An exception from the callback stops the work, as Ctrl-C does.
    """

    def __init__(self, name: str, callback: Callback | None, total: int = 0) -> None:
        self._name, self._callback, self._total = name, callback, total
        self._done = 0
        self._lock = threading.Lock()

    def begin(self, files: int, size_bytes: int) -> None:
        """Start counting from 0 if there is anything to read."""
        if files:
            with self._lock:
                self._done, self._total = 0, size_bytes

    def advance(self, size_bytes: int) -> None:
        """Report that this many more bytes are done."""
        if self._callback is None:
            return
        with self._lock:
            self._done += size_bytes
            self._callback(self._name, self._done, self._total)


def stage_progress(callback: Callback | None) -> Callable[[str], AbstractContextManager[StageProgress]]:
    """Return a function that makes the progress of a stage, by its name, for a callback."""
    return lambda name: nullcontext(StageProgress(name, callback))
