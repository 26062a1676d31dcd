"""The progress of a job, counted by the threads that read files."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from labcrate.index.indexing import Progress
from labcrate.messages.text import printable

_RATE_PERIOD_S = 10.0
_SAMPLE_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The bytes and files read so far, and the speed over the last seconds.

    The totals are None until they are known, ``bytes_per_s`` and ``seconds_left`` until enough was read to compute
    them. ``current_file`` is relative to the lab folder and printable.
    """

    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int | None = None
    bytes_per_s: float | None = None
    seconds_left: float | None = None
    current_file: str | None = None


class WorkCancelled(Exception):  # noqa: N818 - not an error: it was requested
    """Raised in work that was cancelled."""


class ProgressMeter(Progress):
    """A counter of what is read by several threads, which ends their work when the job is cancelled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._stopped = threading.Event()
        self._done = self._files = 0
        self._total: int | None = None
        self._files_total: int | None = None
        self._open: dict[str, None] = {}
        self._samples: deque[tuple[float, int]] = deque()

    def stop(self) -> None:
        """Make the work end at its next step."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Return whether ``stop`` was called."""
        return self._stopped.is_set()

    def begin(self, files: int, size_bytes: int) -> None:
        """Add to the totals: reading may begin more than once, for more files."""
        self.raise_if_cancelled()
        with self._lock:
            self._files_total = (self._files_total or 0) + files
            self._total = (self._total or 0) + size_bytes
            self._samples.append((self._clock(), self._done))

    def start(self, path: str) -> None:
        """Record that reading a file has begun."""
        with self._lock:
            self._open[path] = None

    def advance(self, size_bytes: int) -> None:
        """Count bytes that were read. Raises WorkCancelled."""
        self.raise_if_cancelled()
        with self._lock:
            self._done += size_bytes
            now = self._clock()
            if not self._samples or now - self._samples[-1][0] >= _SAMPLE_INTERVAL_S:
                self._samples.append((now, self._done))
                while now - self._samples[0][0] > _RATE_PERIOD_S:
                    self._samples.popleft()

    def finish(self, path: str) -> None:
        """Count a file that was read. Raises WorkCancelled."""
        self.raise_if_cancelled()
        with self._lock:
            self._files += 1
            self._open.pop(path, None)

    def set_final_totals(self) -> None:
        """Set unknown totals to 0: nothing had to be read."""
        with self._lock:
            self._total, self._files_total = self._total or 0, self._files_total or 0

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled if ``stop`` was called."""
        if self._stopped.is_set():
            raise WorkCancelled

    def progress(self) -> JobProgress:
        """Return the progress."""
        with self._lock:
            total = None if self._total is None else max(self._total, self._done)  # a file may have grown
            bytes_per_s = self._bytes_per_s()
            left = (total - self._done) / bytes_per_s if total is not None and bytes_per_s else None
            current = next(reversed(self._open), None)
            return JobProgress(
                self._done,
                total,
                self._files,
                self._files_total,
                bytes_per_s,
                left,
                None if current is None else printable(current),
            )

    def _bytes_per_s(self) -> float | None:
        if not self._samples:
            return None
        sampled_at_s, done = self._samples[0]
        elapsed_s = self._clock() - sampled_at_s
        return (self._done - done) / elapsed_s if elapsed_s > 0 else None
