"""The start time in a recording's path, from its text alone.

Patterns are those of the reference platform and of common recorders and cameras
(docs/explanation/recording-times.md). A date alone is no time, and digits that are no date are ignored.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

FIRST_YEAR, LAST_YEAR = 2001, 2100
MINUTE_S, SECOND_S = 60.0, 1.0

_DATE = r"(?P<Y>20[0-9]{2}|2100)(?P<d>[-_.]?)(?P<m>[0-9]{2})(?P=d)(?P<D>[0-9]{2})"
_OFFSET = r"[+-](?:0[0-9]|1[0-4]):?(?:00|15|30|45)"
_ZONE = rf"(?:(?P<z>[Zz]|[ _-]?(?:UTC|GMT))(?![0-9A-Za-z+])|[ _]?(?P<o>{_OFFSET})(?![0-9:]))?"
_SECONDS = r"(?P=t)(?P<S>[0-5][0-9])(?:[.,](?P<f>[0-9]{1,6})|-(?P<ms>[0-9]{3})|(?P<more>[0-9]{3}))?"
_STAMP = re.compile(
    rf"(?<![0-9]){_DATE}(?P<sep>[Tt_ .-]|__|--|_-_|\ -\ )?"
    rf"(?P<H>[01][0-9]|2[0-3])(?P<t>[-_.:]?)(?P<M>[0-5][0-9])(?:{_SECONDS})?{_ZONE}"
    r"(?![0-9])"
)
# "9.30.00 PM" is not read: as a 24-hour time it would be half a day wrong.
_HALF_DAY = re.compile(r"[-_.:0-9]{0,8}\ ?[AaPp][Mm](?![A-Za-z])")
# Day first, "02-05-2025-09-30-00": here "2025-09-30" is no date.
_DAY_FIRST = re.compile(r"(?:0[1-9]|[12][0-9]|3[01])[-_.](?:0[1-9]|[12][0-9]|3[01])[-_.]\Z")
# Start and end in one name (Brickcom): the end is a time of the same day, or of the next.
_END_TIME = re.compile(r"-(?P<H>[01][0-9]|2[0-3])(?P<t>[-_.:]?)(?P<M>[0-5][0-9])(?P=t)(?P<S>[0-5][0-9])(?![0-9])")
_LONGEST = timedelta(hours=24)

_FRIGATE = re.compile(
    r"(?:\A|/)(20[0-9]{2})-([0-9]{2})-([0-9]{2})/([01][0-9]|2[0-3])/[^/]+/([0-5][0-9])\.([0-5][0-9])\Z"
)
_DATE_FOLDER = re.compile(_DATE)
_YEAR_MONTH_DAY = re.compile(r"(?:\A|/)(20[0-9]{2})/([0-9]{2})/([0-9]{2})/[^/]*\Z")
# A time alone, in a folder that is a date: with separators anywhere in the name (but in no IP address), or six digits
# that are a field of their own, perhaps after a letter for the kind of recording (Panasonic: 1M123455).
_CLOCK = re.compile(
    r"(?<![0-9])(?<![0-9]\.)"
    rf"(?P<H>[01][0-9]|2[0-3])(?P<t>[-_.:]?)(?P<M>[0-5][0-9])(?P=t)(?P<S>[0-5][0-9]){_ZONE}(?![0-9])(?!\.[0-9])"
)
_KIND_LETTER = re.compile(r"[0-9]?[A-Za-z]|")
_EPOCH = re.compile(r"(?<![^_ ()\[\]-])(?:(?P<ms>[0-9]{13})|(?P<s>[0-9]{10})(?:\.(?P<f>[0-9]{1,6}))?)(?![^_ ()\[\]-])")
_DATE_AND_HOUR = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])")


class NameTime(Struct, frozen=True):
    """The start, and perhaps the end, of a recording from its path.

    Both are aware (UTC or with an offset) if the path contains the zone, else naive: the camera's local time.
    ``precision_s`` is 60 for a name in minutes, else 1.
    """

    start: datetime
    end: datetime | None = None
    precision_s: float = SECOND_S

    @property
    def has_zone(self) -> bool:
        """Return whether the path contains the time zone."""
        return self.start.tzinfo is not None


def time_in_path(path: str) -> NameTime | None:
    """Return the time in a path (with slashes, as complete as possible); None if there is none.

    Digits with another meaning (a session's id) must have been removed from the path.
    """
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return _frigate(f"{folder}/{stem}") or _stamp(stem) or _clock_in_date_folder(folder, stem) or _epoch(stem)


def _frigate(path: str) -> NameTime | None:
    """Return the UTC time in ``{YYYY-MM-DD}/{HH}/{camera}/{MM.SS}.mp4``: Frigate's segments (docs: "record")."""
    found = _FRIGATE.search(path)
    start = found and _datetime(f"{found[1]}-{found[2]}-{found[3]}", found[4], found[5], found[6])
    return NameTime(start.replace(tzinfo=UTC)) if start else None


def _stamp(stem: str) -> NameTime | None:
    """Return the time of a date and time that follow each other in the name; of two, the second may be the end."""
    first: tuple[NameTime, re.Match[str]] | None = None
    for found in _STAMP.finditer(stem):
        shown = _of_stamp(stem, found)
        if shown is None:
            continue
        if first is None:
            first = shown, found
        elif first[0].has_zone == shown.has_zone and timedelta() < shown.start - first[0].start <= _LONGEST:
            return NameTime(first[0].start, shown.start, first[0].precision_s)
    if first is None:
        return None
    shown, found = first
    end = _END_TIME.match(stem, found.end())
    return NameTime(shown.start, end and _end_time(shown.start, end), shown.precision_s)


def _of_stamp(stem: str, found: re.Match[str]) -> NameTime | None:
    date_by, between, time_by, seconds = found["d"], found["sep"], found["t"], found["S"]
    if _HALF_DAY.match(stem, found.end()):
        return None
    if between is None and (date_by or time_by or not seconds or stem[found.end() : found.end() + 1].isalpha()):
        return None  # only 14 digits (or 17, with milliseconds) are a date and time without a separator
    if not seconds and not _is_minutes(date_by, between, time_by):
        return None
    if date_by == between == time_by and _DAY_FIRST.search(stem, max(0, found.start() - 6), found.start()):
        return None
    fraction = found["f"] or found["ms"] or found["more"]
    start = _datetime(f"{found['Y']}-{found['m']}-{found['D']}", found["H"], found["M"], seconds, fraction)
    return NameTime(_with_zone(start, found), None, SECOND_S if seconds else MINUTE_S) if start else None


def _is_minutes(date_by: str, between: str | None, time_by: str) -> bool:
    """Return True for ``20250502T2140`` and ``2025-05-02_21-40``; False for counters (``20250502_0001``)."""
    if not time_by:
        return between in ("T", "t")
    return bool(date_by) or between != time_by


def _clock_in_date_folder(folder: str, stem: str) -> NameTime | None:
    """Return the time from a time in the name and a date in a folder: motionEye, Panasonic and others."""
    date = _date_of(folder)
    if date is None:
        return None
    clocks = [found for found in _CLOCK.finditer(stem) if found["t"] or _is_separate_field(stem, found)]
    if not clocks:
        return None
    start = _datetime(date, clocks[0]["H"], clocks[0]["M"], clocks[0]["S"])
    end = clocks[1] if len(clocks) > 1 and not clocks[1]["o"] else None
    if start is None:
        return None
    start = _with_zone(start, clocks[0])
    return NameTime(start, end and _end_time(start, end))


def _is_separate_field(stem: str, found: re.Match[str]) -> bool:
    """Return whether six digits are between separators, or begin the name after a letter."""
    before, after = stem[: found.start()], stem[found.end() : found.end() + 1]
    return (before[-1:] in ("_", "-", " ") or _KIND_LETTER.fullmatch(before) is not None) and not after.isalnum()


def _date_of(folder: str) -> str | None:
    """Return the date that is the name of the nearest folder, or of the last three folders together."""
    for part in reversed(folder.split("/")):
        if found := _DATE_FOLDER.fullmatch(part):
            return f"{found['Y']}-{found['m']}-{found['D']}"
    found = _YEAR_MONTH_DAY.search(f"{folder}/")
    return f"{found[1]}-{found[2]}-{found[3]}" if found else None


def _epoch(stem: str) -> NameTime | None:
    """Return the time from seconds or milliseconds since 1970, if exactly one field of the name can be that."""
    fields = [found for found in _EPOCH.finditer(stem) if not _DATE_AND_HOUR.fullmatch(found["s"] or "")]
    if len(fields) != 1:
        return None
    found = fields[0]
    us = int(found["ms"]) * 1000 if found["ms"] else int(found["s"]) * 10**6 + int((found["f"] or "").ljust(6, "0"))
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return NameTime(start) if FIRST_YEAR <= start.year <= LAST_YEAR else None


def _datetime(
    date: str, hour: str | None, minute: str | None, second: str | None, fraction: str | None = None
) -> datetime | None:
    """Return the local time; None for digits that look like a date but are not."""
    try:
        start = datetime.fromisoformat(f"{date}T{hour}:{minute}:{second or '00'}.{(fraction or '').ljust(6, '0')}")
    except ValueError:
        return None
    return start if FIRST_YEAR <= start.year <= LAST_YEAR else None


def _with_zone(start: datetime, found: re.Match[str]) -> datetime:
    if found["z"]:
        return start.replace(tzinfo=UTC)
    if not (text := found["o"]):
        return start
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return start.replace(tzinfo=timezone(-offset if text[0] == "-" else offset))


def _end_time(start: datetime, found: re.Match[str]) -> datetime:
    end = start.replace(hour=int(found["H"]), minute=int(found["M"]), second=int(found["S"]), microsecond=0)
    return end if end >= start else end + timedelta(days=1)
