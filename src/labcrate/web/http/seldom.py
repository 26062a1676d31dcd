"""Warnings that a client could cause without end: written seldom, so that the log cannot fill a disk."""

import logging
import time
from collections.abc import Callable

from labcrate.errors import TooManyError
from labcrate.web.http.rate_limiter import Attempts

_log = logging.getLogger("labcrate.web")


class Seldom:
    """Warnings of one kind: ``at_once`` are written, then one for every ``each_s`` seconds.

    The next one that is written says how many were left out before it. Use it on the event loop alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, at_once: int = 1, each_s: float = 10.0) -> None:
        self._lines = Attempts(at_once, each_s, clock)
        self._left_out = 0

    def warn(self, text: str) -> None:
        """Write the warning, or count it."""
        try:
            self._lines.take("")
        except TooManyError:
            self._left_out += 1
            return
        more = f" Before it, {self._left_out} such lines were left out." if self._left_out else ""
        self._left_out = 0
        _log.warning("%s%s", text, more)
