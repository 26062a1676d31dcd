"""Waiting for what a server does a moment after its client has all it asked for."""

import time
from collections.abc import Callable
from typing import Any

from labcrate.people.exports import Line


def until(met: Callable[[], Any]) -> Any:
    """Wait for something that is bound to happen, and give it."""
    ends = time.monotonic() + 60
    while not (found := met()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    return found


def ended(server: Any, count: int = 0) -> list[Line]:
    """The lines of the export log, the newest first, once there are so many and all have ended."""

    def lines() -> tuple[list[Line]] | None:
        found: list[Line] = server.services.export_log.lines()
        return (found,) if len(found) >= count and all(line.outcome != "running" for line in found) else None

    return list(until(lines)[0])
