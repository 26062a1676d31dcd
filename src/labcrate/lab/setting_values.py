"""Check single values of ``labcrate.toml``: each function returns the checked value or raises InvalidValueError."""

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
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import parse_length

_LONGEST_OFFSET_S = 4e9  # more than a century: a clock that counts from 1904 is wrong by that much
_NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
_SHOWN = 60
_MOST_DAYS = 3650
_LOCALE_DEPENDENT = re.compile("%[aAbBcxX]")  # the same file would be read differently on another machine
# All parts differ, so that none can be confused; in the afternoon, clocks of 12 and 24 hours differ.
_SAMPLE = datetime(2001, 2, 3, 16, 5, tzinfo=UTC)


class InvalidValueError(ValueError):
    """An invalid value of a key; the message is a sentence without its subject, which is the key."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message)


def text(value: Any) -> str:
    """Return a text unchanged."""
    if not isinstance(value, str):
        raise InvalidValueError(Message("lab.value_text"))
    return value


def single_line(value: Any) -> str:
    """Return a text that is one line and not blank."""
    line = text(value)
    if not line.strip() or not line.isprintable():
        raise InvalidValueError(Message("lab.value_line"))
    return line


def prefix(value: Any) -> str:
    """Return the beginning of a camera's file names."""
    word = single_line(value)
    if "/" in word:
        raise InvalidValueError(Message("lab.value_prefix"))
    return word


def topic(value: Any) -> str:
    """Return a base topic of MQTT without slashes at its ends."""
    word = single_line(value).strip("/")
    if not word or "#" in word or "+" in word:
        raise InvalidValueError(Message("lab.value_topic"))
    return word


def zone(value: Any) -> str:
    """Return an IANA time zone."""
    name = text(value)
    if is_time_zone(name):
        return name
    near = nearest_time_zone(name)
    if near:
        raise InvalidValueError(Message("lab.value_zone_misspelled", zone=short_text(name), nearest=near))
    raise InvalidValueError(Message("lab.value_zone", zone=short_text(name)))


def number(value: Any) -> float:
    """Return a number of seconds, which may be negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValueError(Message("lab.value_seconds"))
    if not math.isfinite(value) or abs(value) > _LONGEST_OFFSET_S:
        raise InvalidValueError(Message("lab.value_seconds_range"))
    return float(value)


def days(value: Any) -> int:
    """Return a number of days."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS:
        raise InvalidValueError(Message("lab.value_days", most=str(_MOST_DAYS)))
    return value


def length(value: Any) -> timedelta:
    """Return a length of time, written as on the command line (``30s``)."""
    try:
        return parse_length(text(value))
    except InvalidValueError:
        raise InvalidValueError(Message("lab.value_length_quotes")) from None
    except (ValueError, OverflowError):
        raise InvalidValueError(Message("lab.value_length")) from None


def date_format(value: Any) -> str:
    """Return a strptime format that contains the date, hour and minute."""
    pattern = text(value)
    if _LOCALE_DEPENDENT.search(pattern.replace("%%", "")):
        raise InvalidValueError(Message("lab.value_date_locale", format=short_text(pattern)))
    try:
        read = datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007 - only compared
    except (ValueError, re.error, UnicodeError):
        read = None
    if read is None or read.replace(second=0, tzinfo=UTC) != _SAMPLE:
        raise InvalidValueError(Message("lab.value_date_format", format=short_text(pattern)))
    return pattern


def lab_uuid(value: Any) -> str:
    """Return a UUID in its standard form."""
    try:
        return str(UUID(text(value)))
    except ValueError as error:
        if isinstance(error, InvalidValueError):
            raise
        raise InvalidValueError(Message("lab.value_uuid")) from None


def exclude_pattern(value: Any) -> str:
    """Return a gitignore pattern."""
    pattern = text(value)
    if problem := pattern_problem(pattern):
        raise InvalidValueError(problem)
    return pattern


def path_pattern(compiled: Callable[[str], Any]) -> Callable[[Any], str]:
    """Return the check of a pattern that the function ``compiled`` compiles."""

    def check(value: Any) -> str:
        pattern = text(value)
        try:
            compiled(pattern)
        except PatternError as error:
            raise InvalidValueError(error.message) from None
        return pattern

    return check


def recorder_name(value: Any) -> str:
    """Return the name of a recorder."""
    name = text(value)
    if not _NAME.fullmatch(name):
        raise InvalidValueError(Message("lab.value_recorder_name"))
    return name


def recorder_type(value: Any) -> str:
    """Return the name of a built-in type of recorder."""
    name = text(value)
    if name not in RECORDER_TYPES:
        raise InvalidValueError(unknown_word("lab.value_recorder_type", name, RECORDER_TYPES))
    return name


def folder_path(value: Any) -> str:
    """Return the path of a folder unchanged."""
    folder = text(value)
    if not folder.strip() or not folder.isprintable():
        raise InvalidValueError(Message("lab.value_folder"))
    return folder


def camera_id(value: Any) -> str:
    """Return a camera's id as text."""
    # An id of digits may be a number, as in the lab's own files.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else single_line(value)


def unknown_word(id: str, word: str, known: Iterable[str]) -> Message:
    """Return the message for an unknown word, with the nearest known word (``<id>_misspelled``) or all known words."""
    words = list(known)
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.5)
    if near:
        return Message(f"{id}_misspelled", word=short_text(word), nearest=near[0])
    return Message(id, word=short_text(word), known=words, count=len(words))


def short_text(word: object) -> str:
    """Return a word of the file for a message: on one line, shortened to 60 characters."""
    return printable(str(word), _SHOWN)
