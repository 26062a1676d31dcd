"""Rule out most files of another time quickly, before the times in their names are read.

In a lab with a hundred thousand recordings without sessions, reading each name takes longer than the rest of a plan.
"""

import re
from datetime import datetime, timedelta

from labcrate.model.timespan import TimeSpan, from_ns
from labcrate.plan.recording_time import TimeContext

# Names have local time, at most 14:45 from UTC, and an end within 24 hours: two days include both.
_MARGIN = timedelta(days=2)
_MAX_DAYS = 60
_DAY = timedelta(days=1)
_SEPARATORS = str.maketrans("", "", "-_./")
_EPOCH = re.compile(r"(?<![0-9])(?:[0-9]{13}|[0-9]{10})(?![0-9])")


class TimeFilter:
    """Rules out files that cannot overlap a span; the others may or may not overlap it.

    The sources are the register, the name (video.name_time: a date, or seconds since 1970) and the modification time.
    No file is ruled out if ``labcrate.toml`` corrects cameras' clocks, or if the span is very long.
    """

    def __init__(self, span: TimeSpan, times: TimeContext) -> None:
        self._span, self._times = span, times
        corrected = any(clock.offset_s or clock.name_pattern for clock in times.clocks.values())
        self._days = None if corrected else _days_around(span)

    def may_overlap(self, path: str, mtime_ns: int) -> bool:
        """Return whether any time of a file may overlap the span."""
        if self._days is None or self._span.contains(from_ns(mtime_ns)):
            return True
        registered = self._times.registered.get(path)
        if registered and registered.start and TimeSpan(registered.start, registered.end).overlaps(self._span):
            return True
        digits = path.translate(_SEPARATORS)
        return any(day in digits for day in self._days) or _EPOCH.search(path) is not None


def _days_around(span: TimeSpan) -> tuple[str, ...] | None:
    """Return the days around a span as eight digits, or None if they are too many or outside the calendar."""
    if span.start is None or span.end is None or span.end - span.start > _MAX_DAYS * _DAY:
        return None
    try:
        first: datetime = span.start - _MARGIN
        last = span.end + _MARGIN
    except OverflowError:
        return None
    return tuple(f"{first + n * _DAY:%Y%m%d}" for n in range((last - first).days + 2))
