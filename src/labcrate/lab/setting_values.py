"""Checks of single values of ``labcrate.toml``: each gives the checked value or says what it has to be."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from labcrate.lab.text import one_line
from labcrate.model.time_zones import is_time_zone, nearest_time_zone
from labcrate.model.timespan import parse_length

_LONGEST_OFFSET_S = 4e9  # more than a century: a clock that began at 1904 is off by that much
# In the language of the machine that reads them: the same file would mean something else elsewhere.
_OF_THE_LOCALE = re.compile("%[aAbBcxXp]")
# All parts differ, so that no part can be taken for another; the afternoon tells 12 hours from 24.
_SAMPLE = datetime(2001, 2, 3, 16, 5, tzinfo=UTC)


class Invalid(ValueError):  # noqa: N818 - the rest of a sentence about a key, not an error of its own
    """A value that a key cannot have; the message says what it has to be and ends with a full stop."""


def text(value: Any) -> str:
    """Return a text as it is."""
    if not isinstance(value, str):
        raise Invalid("has to be a text in quotes.")
    return value


def printable_line(value: Any) -> str:
    """Return a text that names something: one line, not blank."""
    line = text(value)
    if not line.strip() or not line.isprintable():
        raise Invalid("has to be a text on one line that is not blank.")
    return line


def prefix(value: Any) -> str:
    """Return how a camera's file names begin."""
    word = printable_line(value)
    if "/" in word:
        raise Invalid("has to be the beginning of a file's name, without a folder.")
    return word


def topic(value: Any) -> str:
    """Return a base topic of MQTT, without slashes at its ends."""
    word = printable_line(value).strip("/")
    if not word or "#" in word or "+" in word:
        raise Invalid("has to be a topic without # and +, like zigbee2mqtt.")
    return word


def zone(value: Any) -> str:
    """Return an IANA time zone."""
    name = text(value)
    if is_time_zone(name):
        return name
    near = nearest_time_zone(name)
    hint = f"did you mean {near}?" if near else "write one like Europe/Madrid, or UTC."
    raise Invalid(f'"{one_line(name)[:60]}" is no IANA time zone; {hint}')


def number(value: Any) -> float:
    """Return seconds, also less than none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid("has to be a number of seconds, like 3.5 or -3600.")
    if not math.isfinite(value) or abs(value) > _LONGEST_OFFSET_S:
        raise Invalid("has to be a number of seconds of at most a century or so.")
    return float(value)


def length(value: Any) -> timedelta:
    """Return a length of time, written as on the command line."""
    try:
        return parse_length(text(value))
    except Invalid:
        raise Invalid('has to be a length of time in quotes, like "30s", "5m" or "1h".') from None
    except (ValueError, OverflowError):
        raise Invalid('has to be a length of time like "30s", "5m" or "1h".') from None


def date_format(value: Any) -> str:
    """Return a strptime format that gives back the day and the minute it was written with."""
    pattern = text(value)
    if _OF_THE_LOCALE.search(pattern.replace("%%", "").replace("%p", "")):
        raise Invalid(
            f'"{one_line(pattern)[:60]}" has a part that depends on the machine\'s language '
            "(%a %A %b %B %c %x %X); use numbers, like %d/%m/%Y %H:%M:%S."
        )
    try:
        read = datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007 - only compared
    except (ValueError, re.error, UnicodeError):
        read = None
    if read is None or read.replace(second=0, tzinfo=UTC) != _SAMPLE:
        raise Invalid(
            f'"{one_line(pattern)[:60]}" does not give date, hour and minute back; '
            "write it with strptime's letters, like %d/%m/%Y %H:%M:%S."
        )
    return pattern
