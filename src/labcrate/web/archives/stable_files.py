"""The files that the indexer may read: those that have not changed for a while, and have not failed recently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labcrate.model.fixity import Identity

STABLE_AFTER_S = 10.0
"""The time in seconds for which a file must not change before it is read: a camera may still write to it."""

_FIRST_RETRY_S = 60.0
_LONGEST_RETRY_S = 3600.0


@dataclass(frozen=True, slots=True)
class _SeenFile:
    """A file in its current state, and when it was first seen in this state."""

    identity: Identity
    since_s: float


@dataclass(frozen=True, slots=True)
class _FailedFile:
    """A file that could not be read in one state; it is retried at ``retry_at_s``, then after twice the time."""

    identity: Identity
    reason: str
    retry_at_s: float
    wait_s: float


class StableFiles:
    """The files of a lab in the states last seen, with those that were read and those that failed.

    Both clocks are in seconds: ``clock`` is monotonic, ``wall_clock`` is compared with file times.
    """

    def __init__(self, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._clock, self._wall_clock = clock, wall_clock
        self._seen: dict[str, _SeenFile] = {}
        self._read: dict[str, Identity] = {}
        self._failures: dict[str, _FailedFile] = {}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Return the path of each file that could not be read, with the reason."""
        return [(path, failure.reason) for path, failure in sorted(self._failures.items())]

    @property
    def waiting_count(self) -> int:
        """Return how many files were neither read nor failed."""
        return len(self._seen) - len(self._read) - len(self._failures)

    def files_to_read(self, present: Mapping[str, Identity]) -> dict[str, Identity]:
        """Set the files that exist, with their current states; return those that may be read now."""
        now = self._clock()
        self._seen = {path: self._seen_file(path, identity, now) for path, identity in present.items()}
        self._read = {path: identity for path, identity in self._read.items() if present.get(path) == identity}
        self._failures = {p: f for p, f in self._failures.items() if present.get(p) == f.identity}
        return {path: seen.identity for path, seen in self._seen.items() if self._is_due(path, seen, now)}

    def forget_read_files(self) -> None:
        """Forget which files were read, so that all are read again."""
        self._read = {}

    def add_read(self, known: Mapping[str, Identity]) -> None:
        """Add files that were read, with the states they had."""
        self._read |= known
        self._failures = {path: failure for path, failure in self._failures.items() if path not in known}

    def add_failures(self, failures: Mapping[str, str], identities: Mapping[str, Identity]) -> None:
        """Add files that could not be read, with the reason; ``identities`` are their states."""
        for path, reason in failures.items():
            previous = self._failures.get(path)
            wait_s = min(2 * previous.wait_s, _LONGEST_RETRY_S) if previous else _FIRST_RETRY_S
            self._failures[path] = _FailedFile(identities[path], reason, self._clock() + wait_s, wait_s)

    def _seen_file(self, path: str, identity: Identity, now: float) -> _SeenFile:
        previous = self._seen.get(path)
        return previous if previous is not None and previous.identity == identity else _SeenFile(identity, now)

    def _is_due(self, path: str, seen: _SeenFile, now: float) -> bool:
        failure = self._failures.get(path)
        return (
            path not in self._read
            and now - seen.since_s >= STABLE_AFTER_S
            # A time in the future comes from a wrong clock, and does not show that the file is being written.
            and abs(self._wall_clock() - seen.identity.mtime_ns / 1e9) >= STABLE_AFTER_S
            and (failure is None or failure.retry_at_s <= now)
        )
