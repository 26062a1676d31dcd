"""Limits on how often something may be done: some times at once, then once in each period."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from labcrate.errors import TooManyError
from labcrate.messages.message import Message

_MAX_KEYS = 10_000
_log = logging.getLogger("labcrate.web")


class RateLimiter:
    """A limit on attempts by key, such as an address: ``burst`` at once, then one every ``period_s`` seconds.

    It stores one number per key: the time until which its attempts are used up (the generic cell rate algorithm).
    Use it on the event loop only. Memory is bounded: of more than 10 000 keys, the oldest is removed.
    """

    def __init__(self, burst: int, period_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst_s, self._period_s, self._clock = burst * period_s, period_s, clock
        self._used_until: OrderedDict[str, float] = OrderedDict()

    def acquire(self, key: str) -> None:
        """Count one attempt. Raises TooManyError if it is too early; such an attempt is not counted."""
        now = self._clock()
        used_until = max(self._used_until.get(key, now), now) + self._period_s
        early_s = used_until - self._burst_s - now
        if early_s > 0:
            wait = ceil(early_s)
            raise TooManyError(Message("server.too_many_attempts", count=wait), wait)
        self._used_until[key] = used_until
        self._used_until.move_to_end(key)
        self._remove_old_keys(now)

    def refund(self, key: str) -> None:
        """Subtract one attempt, which was successful. Failed attempts before it still count."""
        if key in self._used_until:
            self._used_until[key] -= self._period_s

    def __len__(self) -> int:
        return len(self._used_until)

    def _remove_old_keys(self, now: float) -> None:
        # The oldest come first. A key whose time has passed has all its attempts again.
        while self._used_until:
            key, used_until = next(iter(self._used_until.items()))
            if used_until > now and len(self._used_until) <= _MAX_KEYS:
                return
            del self._used_until[key]


class RateLimitedLog:
    """Warnings of one kind that clients can cause any number of times, limited so that the log cannot fill a disk.

    Each warning that is written gives the number of those that were omitted before it. Use it on the event loop only.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, burst: int = 1, period_s: float = 10.0) -> None:
        self._limiter = RateLimiter(burst, period_s, clock)
        self._omitted = 0

    def warn(self, text: str) -> None:
        """Write a warning to the log, or count it as omitted."""
        try:
            self._limiter.acquire("")
        except TooManyError:
            self._omitted += 1
            return
        omitted_text = f" {self._omitted} such warnings before this one were omitted." if self._omitted else ""
        self._omitted = 0
        _log.warning("%s%s", text, omitted_text)
