"""A gate in the reading of sensor messages: tests decide how far it comes, and when it ends."""

from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

import pytest

from labcrate.plan.planner import Planner

TOTAL_BYTES = 1000


class ReadingGate:
    """Stops every reading of sensor messages until ``opened``; ``error`` is raised then.

    ``begun`` is set when a plan begins to read. ``read`` lets it come further.
    """

    def __init__(self) -> None:
        self.begun, self.opened = Event(), Event()
        self.error: Exception | None = None
        self.readings = 0
        self._pieces: SimpleQueue[tuple[int, int]] = SimpleQueue()

    def read(self, size_bytes: int, messages: int) -> None:
        """Let the plan read so many more bytes, with so many messages, of ``TOTAL_BYTES``."""
        self._pieces.put((size_bytes, messages))

    def hold(self, monkeypatch: pytest.MonkeyPatch) -> "ReadingGate":
        """Put the gate into every plan."""
        original = Planner._readings

        def read_readings(planner: Planner, *arguments: Any) -> Any:
            if planner.skip_readings or arguments[2].only == "recordings":
                return original(planner, *arguments)
            self.readings += 1
            planner.progress.readings.begin(TOTAL_BYTES)
            self.begun.set()
            while not self.opened.is_set():
                try:
                    planner.progress.readings.advance(*self._pieces.get(timeout=0.01))
                except Empty:
                    planner.progress.raise_if_cancelled()
            if self.error:
                raise self.error
            return original(planner, *arguments)

        monkeypatch.setattr(Planner, "_readings", read_readings)
        return self
