"""Parse times in the lab's JSON files: ISO 8601 with or without a zone, and numbers that count from 1970."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"[0-9]{9,17}(?:\.[0-9]{1,9})?", re.ASCII)
_COMPACT = re.compile(r"(?:19|20)[0-9]{12}", re.ASCII)


class ParsedTime(NamedTuple):
    """A parsed time: the instant in UTC, whether its text has no zone, and whether it is ambiguous.

    ``is_ambiguous``: the time occurs twice in the zone, or is skipped, when clocks change; the first one is used.
    """

    instant: datetime
    has_no_zone: bool = False
    is_ambiguous: bool = False


def read_instant(value: Any, zone: str | None) -> ParsedTime:
    """Parse a time; one without a zone is in the IANA zone ``zone``, or in UTC if that is None.

    Numbers are seconds, milliseconds or microseconds since 1970, depending on their size. Raises ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("neither a text nor a number")  # noqa: TRY004 - callers catch ValueError
    if not isinstance(value, str):
        return ParsedTime(_convert_epoch(value))
    text = value.strip()
    if _COMPACT.fullmatch(text):
        try:
            return convert_to_utc(datetime.strptime(text, "%Y%m%d%H%M%S"), zone)  # noqa: DTZ007 - the zone follows
        except ValueError:
            pass  # not a date but milliseconds
    if _DIGITS.fullmatch(text):
        return ParsedTime(_convert_epoch(int(text) if text.isdigit() else float(text)))
    try:
        return convert_to_utc(datetime.fromisoformat(text), zone)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _convert_epoch(value: float) -> datetime:
    """Return the instant of a number that counts from 1970. Raises ValueError.

    By the digits before the point: 9 to 11 are seconds (until the year 5138), 12 to 14 milliseconds, 15 to 17
    microseconds.
    """
    size = abs(value)
    if not 10**8 <= size < 10**17:
        raise ValueError("too small or too large to count from 1970")
    unit = 1_000_000 if size < 10**11 else 1000 if size < 10**14 else 1
    try:
        return _EPOCH + timedelta(microseconds=value * unit)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def convert_to_utc(local: datetime, zone: str | None) -> ParsedTime:
    """Convert a time to UTC from its own zone, else from the IANA zone ``zone``, else as if it were UTC.

    Raises OverflowError for a time that is before the year 1 or after 9999 in UTC.
    """
    if local.tzinfo is not None:
        return ParsedTime(local.astimezone(UTC))
    if zone is None:
        return ParsedTime(local.replace(tzinfo=UTC), has_no_zone=True)
    there = local.replace(tzinfo=ZoneInfo(zone))
    doubtful = there.utcoffset() != there.replace(fold=1).utcoffset()
    return ParsedTime(there.astimezone(UTC), has_no_zone=True, is_ambiguous=doubtful)
