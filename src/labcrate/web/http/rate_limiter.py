"""How often somebody may try: a few times at once, then one by one as time goes by."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from labcrate.errors import TooManyError

_REMEMBERED = 10_000


class Attempts:
    """Attempts by key, such as an address. ``at_once`` are free, then there is one for every ``each_s`` seconds.

    One number is kept per key: the time until which its attempts are used up (the generic cell rate algorithm).
    Use it on the event loop alone. Memory is bounded: of more than 10 000 keys, the oldest is forgotten.
    """

    def __init__(self, at_once: int, each_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ahead_s, self._each_s, self._clock = at_once * each_s, each_s, clock
        self._used_until: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one attempt. Raises TooManyError when it comes too early; then it does not count."""
        now = self._clock()
        until = max(self._used_until.get(key, now), now) + self._each_s
        early_s = until - self._ahead_s - now
        if early_s > 0:
            wait = ceil(early_s)
            raise TooManyError(f"Too many attempts to log in; wait {wait} s, and try again.", wait)
        self._used_until[key] = until
        self._used_until.move_to_end(key)
        self._forget(now)

    def give_back(self, key: str) -> None:
        """Take one attempt back: it turned out to be right. Wrong ones before it still count."""
        if key in self._used_until:
            self._used_until[key] -= self._each_s

    def __len__(self) -> int:
        return len(self._used_until)

    def _forget(self, now: float) -> None:
        # The oldest stand first. Whoever is past their time has all attempts again, as if never seen.
        while self._used_until:
            key, until = next(iter(self._used_until.items()))
            if until > now and len(self._used_until) <= _REMEMBERED:
                return
            del self._used_until[key]
