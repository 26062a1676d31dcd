"""A file of readings and the state by which it is known to be unchanged."""

import os
import time
from dataclasses import dataclass

from labcrate.readings.load.source_file import OpenFile
from labcrate.readings.store.manifest import FileState

_COARSE_NS = 2_000_000_000
"""The time in nanoseconds within which a second change may leave a file's times as they are."""


@dataclass(slots=True)
class SourceFile:
    """A file to read, open at any position; ``has_changed`` is whether it changed while it was read last."""

    file: OpenFile
    has_changed: bool = False

    def is_known(self, state: FileState | None) -> bool:
        """Return whether the file is in this state, so that it need not be read."""
        return state is not None and state == self.state()

    def state(self) -> FileState | None:
        """Return the file's state; None if it may change without another one, so that its bytes must be compared."""
        found = self.stat()
        return None if found is None or time.time_ns() - max(found[1:3]) < _COARSE_NS else found

    def stat(self) -> FileState | None:
        """Return the file's size, times and inode; None for what is no file on a disk."""
        try:
            found = os.fstat(self.file.fileno())
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
