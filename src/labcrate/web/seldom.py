"""Warnings that a client could cause without end: written seldom, so that the log cannot fill a disk."""

import logging
import time
from collections.abc import Callable

_EVERY_SECONDS = 10.0
_log = logging.getLogger("labcrate.web")


class Seldom:
    """One kind of warning, at most every ten seconds; the next one says how many there were in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._again_at = float("-inf")
        self._held_back = 0

    def warn(self, text: str) -> None:
        """Write the warning, or count it."""
        now = self._clock()
        if now < self._again_at:
            self._held_back += 1
            return
        more = f" Before it, {self._held_back} such lines were left out." if self._held_back else ""
        _log.warning("%s%s", text, more)
        self._again_at, self._held_back = now + _EVERY_SECONDS, 0
