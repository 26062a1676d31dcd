"""Patterns of paths that contain a camera and a time: ``{Y}-{m}-{d}/{H}/{camera}/{M}.{S}.mp4``.

A pattern is compiled to one regular expression for each folder of the path and one for the file name, so that a search
can skip folders of other days. All placeholders of time have a fixed width. If one part has two placeholders of any
length (``{camera}`` and ``{any}``), the first one ends at the first position where the text after it matches; an atomic
group prevents backtracking, so that matching takes linear time.
"""

import difflib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from labcrate.messages.message import Message
from labcrate.model.timespan import shift_instant

EXTENSION = ".mp4"
_MAX_LENGTH = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PLACEHOLDERS: Mapping[str, str] = {
    "Y": "year, four digits",
    "y": "year of this century, two digits",
    "m": "month, 01 to 12",
    "d": "day, 01 to 31",
    "H": "hour, 00 to 23",
    "M": "minute",
    "S": "second",
    "f": "milliseconds, three digits",
    "epoch": "seconds since 1970 (ten digits) or milliseconds (thirteen)",
    "camera": "the recorder's name of the camera",
    "any": "any text within one name, also none",
}
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 3}
_UNBOUNDED = {"camera": "[^/]+", "any": "[^/]*"}
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")
# In this order, so that folders with the first of these fields alone already bound the time.
_ORDER = ("Y", "m", "d", "H", "M", "S")


class PatternError(ValueError):
    """An invalid pattern; the message is a sentence without its subject, which is the pattern."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message)


class ParsedPath(Struct, frozen=True):
    """The camera in a path (None if the pattern has no camera) and its time.

    ``time`` is in UTC if the path has seconds since 1970, else it has no zone. The recording began at ``time`` or at
    most ``uncertainty_s`` seconds later.
    """

    camera: str | None
    time: datetime
    uncertainty_s: float = 0.0

    def start_bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the earliest and the latest start (UTC) of the recording, with the time read in a zone.

        They differ in the hour that occurs twice when summer time ends, in the one that is skipped when it begins (PEP
        495, "The fold attribute"), and by ``uncertainty_s``.
        """
        earliest, latest = (
            utc_bounds(self.time, self.time, zone) if self.time.tzinfo is None else (self.time, self.time)
        )
        return earliest, latest + timedelta(seconds=self.uncertainty_s)


def utc_bounds(low: datetime, high: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the earliest and the latest instant (UTC) of a span of local time in a zone."""
    if zone.key == "UTC":
        return low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)
    instants = [
        shift_instant(time, -offset) or time
        for time in {low, high}
        for offset in _offsets(zone, time.replace(second=0, microsecond=0))
    ]
    return min(instants).replace(tzinfo=UTC), max(instants).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _offsets(zone: ZoneInfo, minute: datetime) -> tuple[timedelta, ...]:
    """Return the possible offsets from UTC of a minute of local time; clocks change at whole minutes."""
    return tuple(minute.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))


class PathPattern:
    """A compiled pattern: one part for each folder and one for the file name.

    ``parts`` are regular expressions for ``fullmatch``; ``literals`` has the text of each part without placeholders,
    else None. ``repeats_date[i]`` is whether a field of time in parts 0 to i occurs again in a later part, which is
    used.
    """

    __slots__ = ("literals", "parts", "repeats_date", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        names = text.split("/")
        pieces = [_split_placeholders(name) for name in names]
        self.parts = tuple(_compile_part(part, last=i == len(names) - 1) for i, part in enumerate(pieces))
        self.literals = tuple(name if all(key is None for key, _ in part) else None
                              for name, part in zip(names, pieces, strict=True))  # fmt: skip
        fields = [{_field_name(key) for key, _ in part if key and key not in _UNBOUNDED} for part in pieces]
        self.repeats_date = tuple(
            bool(set().union(*fields[: i + 1]) & set().union(*fields[i + 1 :])) for i in range(len(fields))
        )
        _check_fields(set().union(*fields))

    def parse(self, path: str) -> ParsedPath | None:
        """Return the camera and time of a path, or None if it does not match or has no valid date."""
        names = path.split("/")
        if len(names) != len(self.parts):
            return None
        fields: dict[str, str] = {}
        for part, name in zip(self.parts, names, strict=True):
            match = part.fullmatch(name)
            if not match:
                return None
            fields |= matched_fields(match)
        return interpret_fields(fields)

    def format(self, time: datetime, camera: str = "", anything: str = "") -> str:
        """Return the path of a recording; ``time`` is in UTC for ``{epoch}``, else local time."""
        values = {
            "Y": f"{time.year:04}", "y": f"{time.year % 100:02}", "m": f"{time.month:02}", "d": f"{time.day:02}",
            "H": f"{time.hour:02}", "M": f"{time.minute:02}", "S": f"{time.second:02}",
            "f": f"{time.microsecond // 1000:03}", "epoch": f"{int(time.replace(tzinfo=UTC).timestamp()):010}",
            "camera": camera, "any": anything,
        }  # fmt: skip
        return "/".join(
            "".join(values[key] if key else text for key, text in _split_placeholders(name))
            for name in self.text.split("/")
        )


@lru_cache(maxsize=64)
def recorder_pattern(text: str) -> PathPattern:
    """Compile the pattern of a recorder's paths. Raises PatternError."""
    if not text.lower().endswith(EXTENSION):
        raise PatternError(Message("lab.pattern_extension", extension=EXTENSION))
    _check_path(text)
    return PathPattern(text)


@lru_cache(maxsize=1 << 14)
def parse_recorder_path(pattern: str, path: str) -> ParsedPath | None:
    """Return the camera and time of a recorder's path; cached, because a plan parses the same paths several times."""
    return recorder_pattern(pattern).parse(path)


@lru_cache(maxsize=64)
def name_pattern(text: str) -> PathPattern:
    """Compile the pattern of a camera's file names, without their extension. Raises PatternError."""
    if "/" in text:
        raise PatternError(Message("lab.pattern_folder"))
    if text.lower().endswith(EXTENSION):
        raise PatternError(Message("lab.pattern_no_extension", extension=EXTENSION))
    _check_path(text)
    return PathPattern(text)


def _check_path(text: str) -> None:
    if len(text) > _MAX_LENGTH:
        raise PatternError(Message("lab.pattern_length", most=_MAX_LENGTH))
    if not text.isprintable():
        raise PatternError(Message("lab.pattern_control"))
    if any(name in ("", ".", "..") for name in text.split("/")):
        raise PatternError(Message("lab.pattern_path"))


def _split_placeholders(name: str) -> list[tuple[str | None, str]]:
    """Split one part of a path into placeholders (key, "") and plain text (None, text)."""
    pieces: list[tuple[str | None, str]] = []
    for key, text, brace in _PIECE.findall(name):
        if brace:
            raise PatternError(Message("lab.pattern_brace", brace=brace))
        if text:
            pieces.append((None, text))
        elif key in PLACEHOLDERS:
            pieces.append((key, ""))
        else:
            near = difflib.get_close_matches(key, PLACEHOLDERS, n=1, cutoff=0.5)
            if near:
                raise PatternError(Message("lab.pattern_misspelled", name=key[:40], nearest=near[0]))
            others = [f"{{{known}}}" for known in PLACEHOLDERS]
            raise PatternError(Message("lab.pattern_placeholder", name=key[:40], placeholders=others))
    return pieces


def _compile_part(pieces: list[tuple[str | None, str]], *, last: bool) -> re.Pattern[str]:
    """Compile one part; everything from one unbounded placeholder to the next one is an atomic group."""
    unbounded = [i for i, (key, _) in enumerate(pieces) if key in _UNBOUNDED]
    if any(after == before + 1 for before, after in pairwise(unbounded)):
        raise PatternError(Message("lab.pattern_side_by_side"))
    if any(sum(key == name for key, _ in pieces) > 1 for name in {key for key, _ in pieces if key} - {"any"}):
        raise PatternError(Message("lab.pattern_twice"))
    expression = []
    for i, (key, text) in enumerate(pieces):
        if key is None:
            end = last and i == len(pieces) - 1 and text.lower().endswith(EXTENSION)
            stem = text[: -len(EXTENSION)] if end else text
            expression.append(re.escape(stem) + (rf"(?i:{re.escape(EXTENSION)})" if end else ""))
        elif key in _UNBOUNDED:
            more = i != unbounded[-1]
            inside = f"{_UNBOUNDED[key]}{'?' if more else ''}"
            opened = f"{')' if i != unbounded[0] else ''}{'(?>' if more else ''}"
            expression.append(opened + (f"(?P<camera>{inside})" if key == "camera" else f"(?:{inside})"))
        elif key == "epoch":
            expression.append("(?P<epoch>[0-9]{13}|[0-9]{10})")
        else:
            expression.append(f"(?P<{key}>[0-9]{{{_DIGITS[key]}}})")
    return re.compile("".join(expression))


def _field_name(key: str) -> str:
    return "Y" if key == "y" else key


def _check_fields(fields: set[str]) -> None:
    """Check that the placeholders are enough for a time. Raises PatternError."""
    if "epoch" in fields:
        if fields > {"epoch"}:
            raise PatternError(Message("lab.pattern_epoch_and_date"))
        return
    missing = [f"{{{key}}}" for key in ("Y", "m", "d", "H", "M") if key not in fields]
    if missing:
        raise PatternError(Message("lab.pattern_incomplete", missing=missing))
    if "f" in fields and "S" not in fields:
        raise PatternError(Message("lab.pattern_milliseconds"))


def matched_fields(match: re.Match[str]) -> dict[str, str]:
    """Return the fields of a matched part; a year of two digits becomes one of four (20yy)."""
    fields = match.groupdict()
    if "y" in fields:
        fields["Y"] = f"20{fields.pop('y')}"
    return fields


def interpret_fields(fields: Mapping[str, str]) -> ParsedPath | None:
    """Return the camera and time of the fields of a whole path, or None if they are not a valid date."""
    camera = fields.get("camera")
    try:
        if "epoch" in fields:
            seconds = int(fields["epoch"]) / (1000 if len(fields["epoch"]) > 10 else 1)
            return ParsedPath(camera, _EPOCH + timedelta(seconds=seconds))
        day = int(fields["Y"]), int(fields["m"]), int(fields["d"])
        second, thousandths = int(fields.get("S", "0")), int(fields.get("f", "0"))
        time = datetime(*day, int(fields["H"]), int(fields["M"]), second, thousandths * 1000)  # noqa: DTZ001 - local time
    except (ValueError, OverflowError):
        return None
    return ParsedPath(camera, time, 0.0 if "S" in fields else 60.0)


def wall_clock_bounds(fields: Mapping[str, str]) -> tuple[datetime, datetime] | None:
    """Return the span of local time that the fields of the first folders allow, or None if they do not bound it.

    Raises ValueError if the fields are not a valid date.
    """
    known = []
    for key in _ORDER:
        if key not in fields:
            break
        known.append(int(fields[key]))
    if not known:
        return None
    year, month, day, hour, minute, second = [*known, *(1, 1, 1, 0, 0, 0)[len(known) :]]
    low = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - local time
    width = (366, 31, 1, 1 / 24, 1 / 1440, 1 / 86400)[len(known) - 1]
    return low, low + timedelta(days=width)
