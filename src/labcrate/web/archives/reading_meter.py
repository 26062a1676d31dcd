"""How much of the sensor messages a plan has read, counted by the threads that read them."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingState:
    """How much of the sensor messages was read.

    ``percent`` is by bytes, None before their number is known, and 100 only if all were read. ``messages`` is the
    number of messages so far, 0 while it is unknown.
    """

    percent: int | None = None
    messages: int = 0

    @property
    def is_read(self) -> bool:
        """Return whether all messages were read; their plan may not be finished yet."""
        return self.percent == 100


class ReadingMeter:
    """A counter of the bytes and messages that were read; its percentage never decreases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = self._done = self._messages = 0
        self._percent: int | None = None

    def begin(self, total_bytes: int) -> None:
        """Add to the bytes that are to be read."""
        with self._lock:
            self._total += total_bytes

    def advance(self, size_bytes: int, rows: int) -> None:
        """Count what was read."""
        with self._lock:
            self._done += size_bytes
            self._messages += rows

    def state(self) -> ReadingState:
        """Return how much was read."""
        with self._lock:
            if self._total:
                # A file that grows while it is read is longer than its total.
                percent = min(100, 100 * self._done // self._total)
                self._percent = max(percent, self._percent or 0)
            return ReadingState(self._percent, self._messages)
