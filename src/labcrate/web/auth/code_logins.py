"""Logins that wait for their code: name and password were right, and nothing is open yet."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from labcrate.errors import LoginError, TooManyError
from labcrate.people.tokens import hash_secret, make_secret
from labcrate.people.users import User
from labcrate.web.http.rate_limiter import RateLimitedLog, RateLimiter

GOOD_SECONDS = 300
_MOST_OF_USER = 10
_NETWORK = "Too many codes of one user were wrong, the last from %s: whoever types them knows the password."


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """A login that waits for its code until ``until``; ``goal`` is where its browser goes on to."""

    user: User
    goal: str
    stamp: bytes = field(repr=False)
    until: float


class HalfLogins:
    """Kept in memory alone, by the hash of what the browser's cookie holds. Use it on the event loop alone.

    Each is good for five minutes. Of one user's the oldest goes where there would be more than ten: only who knows
    the password makes any.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[bytes, HalfLogin] = {}

    def begin(self, user: User, goal: str, stamp: bytes) -> str:
        """Have a login wait for its code, and return the secret for the browser's cookie."""
        now, secret = self._clock(), make_secret()
        self._waiting = {hashed: half for hashed, half in self._waiting.items() if half.until > now}
        own = [hashed for hashed, half in self._waiting.items() if half.user.id == user.id]
        for hashed in own[: max(0, len(own) + 1 - _MOST_OF_USER)]:
            del self._waiting[hashed]
        self._waiting[hash_secret(secret)] = HalfLogin(user, goal, stamp, now + GOOD_SECONDS)
        return secret

    def find(self, secret: str) -> HalfLogin | None:
        """The login that waits, if it still does."""
        half = self._waiting.get(hash_secret(secret))
        return half if half and half.until > self._clock() else None

    def take(self, secret: str) -> HalfLogin | None:
        """The same, and nobody else finds it from now on."""
        half = self.find(secret)
        self._waiting.pop(hash_secret(secret), None)
        return half

    def give_back(self, secret: str, half: HalfLogin) -> None:
        """Have a login wait on: its code was wrong."""
        self._waiting[hash_secret(secret)] = half

    def __len__(self) -> int:
        return len(self._waiting)


class CodeGuesses:
    """How often codes may be wrong: for one user ten at once, then one an hour, from wherever. A right one is free.

    Three codes of a million are right at any time, and whoever gets to guess them knows the password: limits that
    are meant for passwords would let one be found within months.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_user = RateLimiter(10, 3600, clock)
        self._lines = RateLimitedLog(clock, burst=10, period_s=3600)

    @contextmanager
    def one(self, user: User, address: str) -> Iterator[None]:
        """One code, checked in the block. Raises TooManyError, and says so in the log."""
        key = str(user.id)
        try:
            self._of_user.acquire(key)
        except TooManyError:
            self._lines.warn(_NETWORK % (address or "an unknown address"))
            raise
        try:
            yield
        except LoginError:
            raise
        except BaseException:
            self._of_user.refund(key)
            raise
        self._of_user.refund(key)
