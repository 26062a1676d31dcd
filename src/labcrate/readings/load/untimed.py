"""Rows without a readable time: whether they count is told by the nearest rows around them that have one."""

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import Extent, Tally
from labcrate.readings.load.timestamps import instant_at


class Untimed:
    """Rows without a readable time, until that of the next row that has one is known."""

    def __init__(self, tally: Tally, window: TimeSpan) -> None:
        self._tally, self._window = tally, window
        self._waiting: dict[tuple[str, str | None], tuple[str, int]] = {}
        self._last_us: int | None = None
        self._before: int | None = None

    def pass_by(self, first: int | None, last: int | None) -> None:
        """Take notice of a piece's first and last readable times; None where a list of rows ends."""
        for (what, topic), (where, count) in self._waiting.items():
            self._count(what, where, count, topic, self._last_us, first)
        self._waiting.clear()
        self._before, self._last_us = self._last_us, last

    def add(self, what: str, where: str, topic: str | None, before: int | None, after: int | None) -> None:
        """Count a row that lies between two readable times; None is one that is not in this piece."""
        if after is not None:
            self._count(what, where, 1, topic, self._before if before is None else before, after)
        else:
            first, count = self._waiting.get((what, topic), (where, 0))
            self._waiting[what, topic] = (first, count + 1)

    def _count(
        self, what: str, where: str, count: int, topic: str | None, before: int | None, after: int | None
    ) -> None:
        around = [instant_at(us) for us in (before, after) if us is not None]
        span = TimeSpan(min(around), max(around)) if around else TimeSpan()
        extent = Extent.INSIDE if self._window.overlaps(span) else Extent.OUTSIDE
        self._tally.add(what, where, count, extent, topic)
