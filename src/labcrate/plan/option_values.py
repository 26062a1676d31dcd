"""Read one word of a command line, a query or a program: a length of time, a time, a zone, a session's id."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from labcrate.errors import UsageError
from labcrate.messages.text import printable_lines
from labcrate.model.session import ID_RULE, is_session_id, normalize_id
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import format_instant, parse_instant, parse_length

_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)


def parse_session(text: str) -> str:
    """Read a session's id, which may be one of no session: ``42``, ``P07-morning`` (NFC). Raises UsageError."""
    session_id = normalize_id(text.strip())
    if not is_session_id(session_id):
        raise UsageError(f"{printable_lines(text)!r} is no session id: {ID_RULE}. 'labcrate sessions' lists the ids.")
    return session_id


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``1h``, ``500ms`` or plain seconds. Raises UsageError."""
    try:
        return parse_length(text)
    except ValueError:
        raise UsageError(f"{text!r} is no length of time; write it like 30s, 5m or 1h.") from None
    except OverflowError:
        raise UsageError(f"{text!r} is longer than any calendar; write it like 30s, 5m or 1h.") from None


def write_duration(length: timedelta) -> str:
    """Write a length of time as ``parse_duration`` reads it: to the microsecond, however long."""
    seconds, rest = divmod(length, _SECOND)
    return f"{seconds}.{rest // _MICROSECOND:06}".rstrip("0").rstrip(".") + "s"


def parse_zone(name: str) -> str:
    """Return the name of an IANA time zone. Raises UsageError, with the nearest name."""
    if is_time_zone(name):
        return name
    near = nearest_time_zone(name)
    hint = f"did you mean {near}?" if near else "use an IANA name like Europe/Madrid."
    raise UsageError(f"There is no time zone {printable_lines(name)!r}; {hint}")


def parse_time(name: str, given: str | datetime) -> datetime | None:
    """Return a time in UTC; one without a zone stays without, until the session says in which it is read.

    Return None for an empty text. Raises UsageError, which calls the option ``name``.
    """
    if given == "":
        return None
    try:
        at = datetime.fromisoformat(given.strip() if isinstance(given, str) else given.isoformat())
        return at if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is {str(given)!r}, which is no date and time; write it like 2025-05-02T10:00:00+02:00 "
            "(without a zone, it is read in the session's)."
        ) from None


def write_time(at: datetime) -> str:
    """Write a time as ``parse_time`` reads it: without a zone where it was given without."""
    return format_instant(at) if at.tzinfo else at.isoformat()


def parse_bound(name: str, text: str | None, zone: str, after: timedelta = timedelta()) -> datetime | None:
    """Read an instant; a date alone is that day's beginning in ``zone``, or (``after``, a day, later) its end.

    An instant with ``after`` is one just after it, so that it is inside. Return None for no text. Raises UsageError.
    """
    if not text or not text.strip():
        return None
    try:
        if len(text.strip()) <= len("2025-05-02"):
            day = date.fromisoformat(text.strip()) + after
            return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        return parse_instant(text) + (timedelta(microseconds=1) if after else after)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} is {printable_lines(text)!r}, which is no date; write it like 2025-05-02 or 2025-05-02T10:00:00Z."
        ) from None
