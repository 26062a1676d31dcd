"""Instants and spans of time, always in UTC and written as ISO 8601."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Self

from msgspec import Struct

_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|min|h)?")
_MICROSECONDS = {"ms": 1000, "s": 10**6, "m": 60 * 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, None: 10**6}


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 date and time as an instant in UTC.

    A text without a zone is read as UTC. Raises ValueError for any other text.
    """
    instant = datetime.fromisoformat(text.strip())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def parse_length(text: str) -> timedelta:
    """Parse a length of time: ``30s``, ``5m``, ``1h``, ``500ms`` or plain seconds.

    Raises ValueError for any other text, OverflowError if it is longer than the calendar.
    """
    match = _LENGTH.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a length of time")
    return timedelta(microseconds=round(Decimal(match[1]) * _MICROSECONDS[match[2]]))


@lru_cache(maxsize=4096)  # the start of each of thousands of segments is written to four documents
def format_instant(instant: datetime) -> str:
    """Return an instant as ``2025-05-02T19:40:00.000Z``, with microseconds if it is not in whole milliseconds."""
    spec = "milliseconds" if instant.microsecond % 1000 == 0 else "microseconds"
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec=spec)[: -len("+00:00")] + "Z"


def from_ns(nanoseconds: int) -> datetime:
    """Convert a file time (nanoseconds since 1970) to an instant, cut to microseconds and to the years 1 to 9999."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:  # some file systems hold any 64-bit number of seconds
        return datetime.max.replace(tzinfo=UTC) if nanoseconds > 0 else datetime.min.replace(tzinfo=UTC)


def shift_instant(instant: datetime, by: timedelta) -> datetime | None:
    """Return the instant that is ``by`` later, or None if it is outside the calendar's years 1 to 9999."""
    try:
        return instant + by
    except OverflowError:
        return None


def format_duration(seconds: float) -> str:
    """Return a duration in seconds as ``1:02:03`` or ``0:07``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class TimeSpan(Struct, frozen=True):
    """A span from ``start`` to ``end``, both inclusive; ``None`` leaves a side open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """Return the length in seconds, or None if a side is open."""
        return (self.end - self.start).total_seconds() if self.start and self.end else None

    def padded(self, pad: timedelta) -> Self:
        """Return the span widened by ``pad`` on both sides; a side outside the calendar is open."""
        return type(self)(self.start and shift_instant(self.start, -pad), self.end and shift_instant(self.end, pad))

    def contains(self, instant: datetime) -> bool:
        """Return whether the instant is inside, both ends included."""
        return (self.start is None or self.start <= instant) and (self.end is None or instant <= self.end)

    def overlaps(self, other: "TimeSpan") -> bool:
        """Return whether the two spans have an instant in common."""
        return (self.start is None or other.end is None or self.start <= other.end) and (
            other.start is None or self.end is None or other.start <= self.end
        )


EMPTY_SPAN = TimeSpan(datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
"""A span that contains no instant."""


MAX_SEAM = timedelta(seconds=2)
"""The maximum time between two consecutive files of a recorder that is not a gap."""


class Coverage(Struct, frozen=True):
    """A number of recordings from ``span.start`` to ``span.end``, with the gaps between them in order of time.

    ``size_bytes`` and ``recorded`` (the sum of the lengths) include all recordings, ``span`` those with a known start.
    """

    count: int
    size_bytes: int
    span: TimeSpan
    recorded: timedelta
    gaps: tuple[TimeSpan, ...]

    @property
    def gap_seconds(self) -> float:
        """Return the total length of all gaps, in seconds."""
        return sum(gap.seconds or 0.0 for gap in self.gaps)


def measure_coverage(recordings: Iterable[tuple[TimeSpan, int]]) -> Coverage:
    """Return the coverage of recordings, each given as its span and its size in bytes."""
    every = list(recordings)
    timed = sorted((span.start, span.end or span.start) for span, _ in every if span.start)
    gaps: list[TimeSpan] = []
    end: datetime | None = None
    for start, stop in timed:
        if end is not None and start - end > MAX_SEAM:
            gaps.append(TimeSpan(end, start))
        end = stop if end is None else max(end, stop)
    return Coverage(
        count=len(every),
        size_bytes=sum(size for _, size in every),
        span=TimeSpan(timed[0][0] if timed else None, end),
        recorded=sum((stop - start for start, stop in timed), timedelta()),
        gaps=tuple(gaps),
    )
