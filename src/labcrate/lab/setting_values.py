"""Checks of single values of ``labcrate.toml``: each gives the checked value or says what it has to be."""

import difflib
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from labcrate.lab.exclude import pattern_problem
from labcrate.lab.path_pattern import PatternError
from labcrate.lab.recorders import RECORDER_TYPES
from labcrate.messages.text import printable
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import parse_length

_LONGEST_OFFSET_S = 4e9  # more than a century: a clock that began at 1904 is off by that much
# In the language of the machine that reads them: the same file would mean something else elsewhere.
_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
_SHOWN = 60
_MOST_DAYS = 3650
_LOCALE_DEPENDENT = re.compile("%[aAbBcxX]")
# All parts differ, so that no part can be taken for another; the afternoon tells 12 hours from 24.
_SAMPLE = datetime(2001, 2, 3, 16, 5, tzinfo=UTC)


class InvalidValueError(ValueError):
    """A value that a key cannot have; the message says what it has to be and ends with a full stop."""


def text(value: Any) -> str:
    """Return a text as it is."""
    if not isinstance(value, str):
        raise InvalidValueError("has to be a text in quotes.")
    return value


def single_line(value: Any) -> str:
    """Return a text that names something: one line, not blank."""
    line = text(value)
    if not line.strip() or not line.isprintable():
        raise InvalidValueError("has to be a text on one line that is not blank.")
    return line


def prefix(value: Any) -> str:
    """Return how a camera's file names begin."""
    word = single_line(value)
    if "/" in word:
        raise InvalidValueError("has to be the beginning of a file's name, without a folder.")
    return word


def topic(value: Any) -> str:
    """Return a base topic of MQTT, without slashes at its ends."""
    word = single_line(value).strip("/")
    if not word or "#" in word or "+" in word:
        raise InvalidValueError("has to be a topic without # and +, like zigbee2mqtt.")
    return word


def zone(value: Any) -> str:
    """Return an IANA time zone."""
    name = text(value)
    if is_time_zone(name):
        return name
    near = nearest_time_zone(name)
    hint = f"did you mean {near}?" if near else "write one like Europe/Madrid, or UTC."
    raise InvalidValueError(f"{quoted(name)} is no IANA time zone; {hint}")


def number(value: Any) -> float:
    """Return seconds, also less than none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError("has to be a number of seconds, like 3.5 or -3600.")
    if not math.isfinite(value) or abs(value) > _LONGEST_OFFSET_S:
        raise InvalidValueError("has to be a number of seconds of at most a century or so.")
    return float(value)


def days(value: Any) -> int:
    """Return a number of days."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS:
        raise InvalidValueError(f"has to be a whole number of days from 0 to {_MOST_DAYS}, like 30.")
    return value


def length(value: Any) -> timedelta:
    """Return a length of time, written as on the command line."""
    try:
        return parse_length(text(value))
    except InvalidValueError:
        raise InvalidValueError('has to be a length of time in quotes, like "30s", "5m" or "1h".') from None
    except (ValueError, OverflowError):
        raise InvalidValueError('has to be a length of time like "30s", "5m" or "1h".') from None


def date_format(value: Any) -> str:
    """Return a strptime format that gives back the day and the minute it was written with."""
    pattern = text(value)
    if _LOCALE_DEPENDENT.search(pattern.replace("%%", "")):
        raise InvalidValueError(
            f"{quoted(pattern)} has a part that depends on the machine's language "
            "(%a %A %b %B %c %x %X); use numbers, like %d/%m/%Y %H:%M:%S."
        )
    try:
        read = datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007 - only compared
    except (ValueError, re.error, UnicodeError):
        read = None
    if read is None or read.replace(second=0, tzinfo=UTC) != _SAMPLE:
        raise InvalidValueError(
            f"{quoted(pattern)} does not give date, hour and minute back; "
            "write it with strptime's letters, like %d/%m/%Y %H:%M:%S."
        )
    return pattern


def lab_uuid(value: Any) -> str:
    """Return a UUID in its usual form."""
    try:
        return str(UUID(text(value)))
    except ValueError as error:
        if isinstance(error, InvalidValueError):
            raise
        raise InvalidValueError("is no UUID; 'labcrate init --print' shows one that is fresh.") from None


def exclude_pattern(value: Any) -> str:
    """Return a gitignore pattern."""
    pattern = text(value)
    if problem := pattern_problem(pattern):
        raise InvalidValueError(f"{quoted(pattern)} {problem}.")
    return pattern


def path_pattern(compiled: Callable[[str], Any]) -> Callable[[Any], str]:
    """Return the check of a pattern that ``compiled`` compiles."""

    def check(value: Any) -> str:
        pattern = text(value)
        try:
            compiled(pattern)
        except PatternError as error:
            sentence = str(error)
            raise InvalidValueError(sentence if sentence.endswith("?") else f"{sentence}.") from None
        return pattern

    return check


def recorder_name(value: Any) -> str:
    """Return the name of a recorder."""
    name = text(value)
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            "has to have 1 to 64 letters, digits, spaces, '.', '_' or '-', and begin with a letter or digit: archives "
            "name a recorder's files by it."
        )
    return name


def recorder_type(value: Any) -> str:
    """Return the name of a type of recorder that is built in."""
    name = text(value)
    if name not in RECORDER_TYPES:
        raise InvalidValueError(f"{quoted(name)} is no type of recorder; {nearest(name, RECORDER_TYPES)}")
    return name


def folder_path(value: Any) -> str:
    """Return the path of a folder as it is."""
    folder = text(value)
    if not folder.strip() or not folder.isprintable():
        raise InvalidValueError("has to be the path of a folder, on one line.")
    return folder


def camera_id(value: Any) -> str:
    """Return a camera's id as a text."""
    # An id of digits may be written as a number, as the lab's own files have it.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else single_line(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the one that was meant, or all there are."""
    words = list(known)
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"there {'are' if len(words) > 1 else 'is'} {', '.join(words)}."


def short_text(word: object) -> str:
    """Return a word of the file as a message quotes it: on one line, at most so long."""
    return printable(str(word), _SHOWN)


def quoted(word: str) -> str:
    """Return a word of the file in quotes."""
    return f'"{short_text(word)}"'
