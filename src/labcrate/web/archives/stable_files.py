"""Which files the indexer may read: those that nothing has touched for a while, and that did not fail a moment ago."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labcrate.model.fixity import Identity

STABLE_SECONDS = 10.0
"""How long a file must not change before it is read: a camera still writes to the others."""

_FIRST_RETRY_SECONDS = 60.0
_LAST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was first seen in its present state, and when."""

    identity: Identity
    since: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """A file that could not be read in one state: not tried again before ``again``, then after twice the time."""

    identity: Identity
    why: str
    again: float
    wait: float


class StableFiles:
    """The files of a lab as they were last seen, which of them were read, and which failed.

    The clocks are seconds: ``clock`` only ever goes on, ``wall`` is what file times are compared with.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock, self._wall = clock, wall
        self._seen: dict[str, _Seen] = {}
        self._done: dict[str, Identity] = {}
        self._failures: dict[str, _Failure] = {}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Return the files that could not be read, by path, with the reason."""
        return [(path, failure.why) for path, failure in sorted(self._failures.items())]

    @property
    def untouched(self) -> int:
        """Return how many files were neither read nor failed."""
        return len(self._seen) - len(self._done) - len(self._failures)

    def due(self, present: Mapping[str, Identity]) -> dict[str, Identity]:
        """Take up the files that are there, in their present states; return those that may be read now."""
        now = self._clock()
        self._seen = {path: self._as_seen(path, identity, now) for path, identity in present.items()}
        self._done = {path: identity for path, identity in self._done.items() if present.get(path) == identity}
        self._failures = {p: f for p, f in self._failures.items() if present.get(p) == f.identity}
        return {path: seen.identity for path, seen in self._seen.items() if self._is_due(path, seen, now)}

    def read_again(self) -> None:
        """Take up that all files are to be read again."""
        self._done = {}

    def take_done(self, known: Mapping[str, Identity]) -> None:
        """Take up files that were read, in the states in which they were."""
        self._done |= known
        self._failures = {path: failure for path, failure in self._failures.items() if path not in known}

    def take_failures(self, failures: Mapping[str, str], identities: Mapping[str, Identity]) -> None:
        """Take up files that could not be read, with the reason; ``identities`` are their states."""
        for path, why in failures.items():
            before = self._failures.get(path)
            wait = min(2 * before.wait, _LAST_RETRY_SECONDS) if before else _FIRST_RETRY_SECONDS
            self._failures[path] = _Failure(identities[path], why, self._clock() + wait, wait)

    def _as_seen(self, path: str, identity: Identity, now: float) -> _Seen:
        before = self._seen.get(path)
        return before if before is not None and before.identity == identity else _Seen(identity, now)

    def _is_due(self, path: str, seen: _Seen, now: float) -> bool:
        failure = self._failures.get(path)
        return (
            path not in self._done
            and now - seen.since >= STABLE_SECONDS
            # A time in the future is a clock that is set wrong, and says nothing of who writes now.
            and abs(self._wall() - seen.identity.mtime_ns / 1e9) >= STABLE_SECONDS
            and (failure is None or failure.again <= now)
        )
