"""Where a session ends that has no end: bounded by what is known of it, by the next session and by a day.

The rule is that of docs/reference/lab-folder.md, "Sessions without an end". Modification times are no evidence:
a copied file has the copy's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from labcrate.model.timespan import TimeSpan, shift_instant

MAX_SESSION_LENGTH = timedelta(hours=24)
"""How long a session without an end can be at most."""

_ONE_MICROSECOND = timedelta(microseconds=1)
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)


class EndSource(StrEnum):
    """What says when a recording or a sensor file ended."""

    REGISTER = "register"
    NAME = "name"
    CONTAINER = "container"
    SENSOR_FILE = "sensor file"


class EndReason(StrEnum):
    """Why a session's time ends where it does."""

    DESCRIBED = "described"
    LAST_FILE = "last file"
    NEXT_SESSION = "next session"
    MAX_LENGTH = "maximum length"
    NO_START = "no start"
    NO_TIMED_FILE = "no timed file"


@dataclass(frozen=True, slots=True)
class TimedFile:
    """A recording or a sensor file of the session with its end, and its start where that is known.

    ``file`` is relative to the lab folder. Never made of a modification time.
    """

    file: str
    source: EndSource
    end: datetime
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionBound:
    """The time that readings of a session are taken from, and why.

    ``span`` is None where no readings may be taken without ``--to`` or ``--readings all``; else both its sides are
    known. ``evidence`` is the latest there is at or after the start. ``next_start`` is when the lab's next session
    began, as far as it matters here. ``beyond`` is the latest evidence that lies after the end of ``span`` because
    that is cut at 24 hours: with ``--to`` and its end it comes along.
    """

    span: TimeSpan | None
    reason: EndReason
    last_file: TimedFile | None = None
    next_start: datetime | None = None
    file_beyond: TimedFile | None = None

    @property
    def is_estimated(self) -> bool:
        """Whether the end was not described but found."""
        return self.span is not None and self.reason is not EndReason.DESCRIBED


def first_recording_start(files: Iterable[TimedFile]) -> datetime | None:
    """Return when the first recording began: the start of a session that no file describes."""
    return min((one.start for one in files if one.start and one.source is not EndSource.SENSOR_FILE), default=None)


def estimate_end(span: TimeSpan, files: Iterable[TimedFile], next_start: datetime | None) -> SessionBound:
    """Return the time of a session whose description says ``span``.

    A described end stands. Without one it is the latest evidence's end, but before (not at) ``next_start``, the
    start of the lab's next session, and at most 24 hours after the start. Evidence that ends before the start is
    of a clock that was set wrong, and counts for nothing; so does a ``next_start`` that is not after the start.
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
