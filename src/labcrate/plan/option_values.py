"""Read the values of options: durations, times, time zones and session IDs.

They come from a command line, a query or a Python call.
"""

import difflib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.model.session import ID_RULE, is_session_id, normalize_id
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import format_instant, parse_instant, parse_length

_MAX_NAMES = 20
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)


def parse_session(text: str) -> str:
    """Return a session ID in its normal form (NFC): ``42``, ``P07-morning``. Raises UsageError.

    There need not be a session with that ID.
    """
    session_id = normalize_id(text.strip())
    if not is_session_id(session_id):
        raise UsageError(Message("option.session", text=text, rule=ID_RULE))
    return session_id


def parse_duration(text: str) -> timedelta:
    """Return the duration of ``30s``, ``5m``, ``1h``, ``500ms`` or plain seconds. Raises UsageError."""
    try:
        return parse_length(text)
    except ValueError:
        raise UsageError(Message("option.duration", text=text)) from None
    except OverflowError:
        raise UsageError(Message("option.duration_too_long", text=text)) from None


def write_duration(length: timedelta) -> str:
    """Write a duration as ``parse_duration`` reads it, to the microsecond."""
    seconds, rest = divmod(length, _SECOND)
    return f"{seconds}.{rest // _MICROSECOND:06}".rstrip("0").rstrip(".") + "s"


def parse_zone(name: str) -> str:
    """Return the name of an IANA time zone. Raises UsageError with the nearest name."""
    if is_time_zone(name):
        return name
    nearest = nearest_time_zone(name)
    hint = Message("hint.did_you_mean", name=nearest) if nearest else Message("zone.example")
    raise UsageError(Message("zone.unknown", name=name, hint=hint))


def parse_time(name: str, given: str | datetime) -> datetime | None:
    """Return a time in UTC, or as it is if it has no zone: the session's zone is applied later.

    Return None for an empty text. Raises UsageError with the option's ``name``.
    """
    if given == "":
        return None
    try:
        at = datetime.fromisoformat(given.strip() if isinstance(given, str) else given.isoformat())
        return at if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(Message("option.time", name=name, value=str(given))) from None


def write_time(at: datetime) -> str:
    """Write a time as ``parse_time`` reads it, without a zone if it was given without."""
    return format_instant(at) if at.tzinfo else at.isoformat()


def parse_bound(name: str, text: str | None, zone: str, after: timedelta = timedelta()) -> datetime | None:
    """Return an instant, or for a date the beginning of that day in ``zone``, plus ``after`` (a day: its end).

    An instant with ``after`` is moved by a microsecond only, so that it is inside. Return None for no text. Raises
    UsageError with the option's ``name``.
    """
    if not text or not text.strip():
        return None
    try:
        if len(text.strip()) <= len("2025-05-02"):
            day = date.fromisoformat(text.strip()) + after
            return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        return parse_instant(text) + (timedelta(microseconds=1) if after else after)
    except (ValueError, OverflowError):
        raise UsageError(Message("option.date", name=name, value=text)) from None


def unknown_name_error(message_id: str, name: str, known: Iterable[str], list_id: str) -> UsageError:
    """Return the error for an unknown name, with the nearest known name or, under ``list_id``, the known names."""
    names = sorted(dict.fromkeys(known))
    if nearest := difflib.get_close_matches(name, names, n=1):
        hint = Message("hint.did_you_mean", name=nearest[0])
    else:
        hint = Message(list_id, names=names[:_MAX_NAMES]) if names else Message("hint.lab_has_none")
    return UsageError(Message(message_id, name=name, hint=hint))
