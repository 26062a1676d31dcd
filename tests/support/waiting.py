"""Waiting for what a server does shortly after its answer is complete."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from labcrate.people.export_log import ExportLogLine

TICK_NS = 20_000_000


def wait_until(met: Callable[[], Any]) -> Any:
    """Wait until a condition is met, and return its value."""
    ends = time.monotonic() + 60
    while not (found := met()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    return found


def wait_for_ended(server: Any, count: int = 0) -> list[ExportLogLine]:
    """Return the lines of the export log, newest first, once there are ``count`` and all have ended."""

    def lines() -> tuple[list[ExportLogLine]] | None:
        found: list[ExportLogLine] = server.resources.export_log.lines()
        return (found,) if len(found) >= count and all(line.outcome != "running" for line in found) else None

    return list(wait_until(lines)[0])


def wait_for_next_tick() -> None:
    """Wait until the clock of the file system advances, so that the next change has another time than the last.

    The server counts two changes within 20 ms as one (``FileStates``).
    """
    with TemporaryDirectory() as folder:
        probe = Path(folder) / "probe"
        probe.touch()
        begun = probe.stat().st_ctime_ns

        def ticked() -> bool:
            probe.chmod(0o600)
            return probe.stat().st_ctime_ns - begun > 2 * TICK_NS

        wait_until(ticked)


def wait_for_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages wait for a plan as long as it takes: how busy the machine is decides nothing."""
    monkeypatch.setattr("labcrate.web.archives.plan_queue.PAGE_WAIT_S", 60.0)
    monkeypatch.setattr("labcrate.web.archives.page_waits.OUTLINE_WAIT_S", 60.0)
    monkeypatch.setattr("labcrate.web.archives.page_waits.READINGS_WAIT_S", 60.0)
