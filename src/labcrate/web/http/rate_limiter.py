"""How often something may be done: a few times at once, then once for every period of time."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from labcrate.errors import TooManyError

_MAX_KEYS = 10_000
_log = logging.getLogger("labcrate.web")


class RateLimiter:
    """Attempts by key, such as an address: ``burst`` of them at once, then one for every ``period_s`` seconds.

    One number is kept per key: the time until which its attempts are used up (the generic cell rate algorithm).
    Use it on the event loop alone. Memory is bounded: of more than 10 000 keys, the oldest is forgotten.
    """

    def __init__(self, burst: int, period_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst_s, self._period_s, self._clock = burst * period_s, period_s, clock
        self._used_until: OrderedDict[str, float] = OrderedDict()

    def acquire(self, key: str) -> None:
        """Count one attempt. Raises TooManyError when it comes too early; then it does not count."""
        now = self._clock()
        used_until = max(self._used_until.get(key, now), now) + self._period_s
        early_s = used_until - self._burst_s - now
        if early_s > 0:
            wait = ceil(early_s)
            raise TooManyError(f"Too many attempts to log in; wait {wait} s, and try again.", wait)
        self._used_until[key] = used_until
        self._used_until.move_to_end(key)
        self._remove_old_keys(now)

    def refund(self, key: str) -> None:
        """Take back the count of one attempt, which turned out to be right. Wrong ones before it still count."""
        if key in self._used_until:
            self._used_until[key] -= self._period_s

    def __len__(self) -> int:
        return len(self._used_until)

    def _remove_old_keys(self, now: float) -> None:
        # The oldest come first. A key whose time is over has all attempts again, as if never seen.
        while self._used_until:
            key, used_until = next(iter(self._used_until.items()))
            if used_until > now and len(self._used_until) <= _MAX_KEYS:
                return
            del self._used_until[key]


class RateLimitedLog:
    """Warnings of one kind that a client could cause without end, limited so that the log cannot fill a disk.

    The next warning that is written gives the number of those that were left out before it. Use it on the event loop
    alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, burst: int = 1, period_s: float = 10.0) -> None:
        self._limiter = RateLimiter(burst, period_s, clock)
        self._omitted = 0

    def warn(self, text: str) -> None:
        """Write the warning, or count it."""
        try:
            self._limiter.acquire("")
        except TooManyError:
            self._omitted += 1
            return
        omitted_text = f" Before it, {self._omitted} such lines were left out." if self._omitted else ""
        self._omitted = 0
        _log.warning("%s%s", text, omitted_text)
