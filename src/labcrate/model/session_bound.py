"""Estimate the end of a session without an end time, from its files, the next session and a limit of 24 hours.

The rule is in docs/reference/lab-folder.md, "Sessions without an end". Modification times are not used: those of a
copied file may be the times of the copy.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from labcrate.model.timespan import TimeSpan, shift_instant

MAX_SESSION_LENGTH = timedelta(hours=24)
"""The maximum length of a session without an end time."""

_ONE_MICROSECOND = timedelta(microseconds=1)
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


class EndSource(StrEnum):
    """The source of the end of a recording or sensor file."""

    REGISTER = "register"
    NAME = "name"
    CONTAINER = "container"
    SENSOR_FILE = "sensor file"


class EndReason(StrEnum):
    """The reason for the end of a session's time."""

    DESCRIBED = "described"
    LAST_FILE = "evidence"
    NEXT_SESSION = "next session"
    MAX_LENGTH = "longest"
    NO_START = "no start"
    NO_TIMED_FILE = "no evidence"


class TimedFile(Struct, frozen=True):
    """A recording or a sensor file of the session with its end, and its start if that is known.

    ``file`` is relative to the lab folder. The times are never modification times.
    """

    file: str
    source: EndSource
    end: datetime
    start: datetime | None = None


class SessionBound(Struct, frozen=True):
    """The span of a session's readings, and the reason for its end.

    ``span`` is None if no readings can be included without ``--to`` or ``--readings all``; else both sides are known.
    ``last_file`` is the file with the latest end at or after the start. ``next_start`` is the start of the lab's next
    session, if it is after this one's start. ``file_beyond`` is the last file if it ends more than 24 hours after the
    start, so that ``span`` was cut.
    """

    span: TimeSpan | None
    reason: EndReason
    last_file: TimedFile | None = None
    next_start: datetime | None = None
    file_beyond: TimedFile | None = None

    @property
    def is_estimated(self) -> bool:
        """Return whether the end is not in the description but was estimated."""
        return self.span is not None and self.reason is not EndReason.DESCRIBED


def first_recording_start(files: Iterable[TimedFile]) -> datetime | None:
    """Return the start of the first recording (the start of a session without a description), or None."""
    return min((one.start for one in files if one.start and one.source is not EndSource.SENSOR_FILE), default=None)


def estimate_end(span: TimeSpan, files: Iterable[TimedFile], next_start: datetime | None) -> SessionBound:
    """Return the span of a session whose description has ``span``.

    An end in the description is used. Without one, the end is that of the last file, but before (not at)
    ``next_start``, the start of the lab's next session, and at most 24 hours after the start. Files that end before the
    start (because a clock was wrong) are ignored, and so is a ``next_start`` that is not after the start.
    """
    if span.start is None:
        return SessionBound(None, EndReason.NO_START)
    if span.end is not None:
        return SessionBound(span, EndReason.DESCRIBED)
    start = span.start
    later = [one for one in files if one.end >= start]
    if next_start is not None and next_start <= start:
        next_start = None
    if not later:
        return SessionBound(None, EndReason.NO_TIMED_FILE, next_start=next_start)
    latest = max(later, key=lambda one: (one.end, one.file))
    day = shift_instant(start, MAX_SESSION_LENGTH) or _LAST_INSTANT
    end, reason = latest.end, EndReason.LAST_FILE
    if end > day:
        end, reason = day, EndReason.MAX_LENGTH
    if next_start is not None and end >= next_start:
        end, reason = next_start - _ONE_MICROSECOND, EndReason.NEXT_SESSION
    beyond = latest if latest.end > day else None
    return SessionBound(TimeSpan(start, end), reason, latest, next_start, beyond)
