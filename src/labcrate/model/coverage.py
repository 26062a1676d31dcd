"""What many recordings of one camera cover together: first start, last end, and the gaps between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from labcrate.model.timespan import TimeSpan

LONGEST_SEAM = timedelta(seconds=2)
"""Recorders begin the next file within this time of the end of the one before: what is longer is a gap."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """So many recordings from ``span.start`` to ``span.end``, with gaps in the order of time.

    ``size_bytes`` and ``recorded`` (the sum of the lengths) are of all of them, ``span`` of those with a known start.
    """

    count: int
    size_bytes: int
    span: TimeSpan
    recorded: timedelta
    gaps: tuple[TimeSpan, ...]

    @property
    def gap_seconds(self) -> float:
        """Return how long all gaps are together."""
        return sum(gap.seconds or 0.0 for gap in self.gaps)


def cover(recordings: Iterable[tuple[TimeSpan, int]]) -> Coverage:
    """Return what recordings cover; each is its span and its size in bytes."""
    every = list(recordings)
    timed = sorted((span.start, span.end or span.start) for span, _ in every if span.start)
    gaps: list[TimeSpan] = []
    end: datetime | None = None
    for start, stop in timed:
        if end is not None and start - end > LONGEST_SEAM:
            gaps.append(TimeSpan(end, start))
        end = stop if end is None else max(end, stop)
    return Coverage(
        count=len(every),
        size_bytes=sum(size for _, size in every),
        span=TimeSpan(timed[0][0] if timed else None, end),
        recorded=sum((stop - start for start, stop in timed), timedelta()),
        gaps=tuple(gaps),
    )
