"""Text that others wrote, made safe to show: a name in a file must not move a cursor or turn a line around."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# C0 and C1 controls but line feed and tab, DEL, halves of surrogate pairs, and the controls that reorder text
# (Unicode Standard Annex 9). Joiners stay: Persian names and emoji need them.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
# What JSON may hold as it is, but steers a terminal: C1 controls (U+009B is an escape) and what reorders text.
_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\n\t\u2028\u2029]")


def _written_out(pattern: re.Pattern[str], *ranges: range) -> dict[int, str]:
    """Return how each character that fits a pattern is written out: a table costs a tenth of a call for each."""
    fitting = (point for points in ranges for point in points if pattern.match(chr(point)))
    return {point: chr(point).encode("unicode_escape").decode() for point in fitting}


_WRITTEN_OUT = _written_out(_UNSEEN, range(0xA0), range(0xD800, 0xE000), range(0x2000, 0x2070))
_BREAKS_WRITTEN_OUT = _written_out(_BREAKS, range(0x20), range(0x2000, 0x2070))


def visible(text: str) -> str:
    """The text with every control character written out (``\\x1b``); line feeds and tabs stay."""
    text = text.replace("\r\n", "\n")
    return text.translate(_WRITTEN_OUT) if _UNSEEN.search(text) else text


def one_line(text: str) -> str:
    """The text on one line, as a name is: what would break the line is written out as well."""
    text = visible(text)
    return text.translate(_BREAKS_WRITTEN_OUT) if _BREAKS.search(text) else text


def escaped_steering(text: str) -> str:
    """Return a JSON or TOML text in which what steers a terminal is escaped (``\\u009b``): the same value."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def typed_path(text: str) -> Path:
    """Return the path that somebody typed, ``~`` as their home; of a user who is not there it stays (no exception)."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises RuntimeError


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done with every text and JSON value that is taken from a file of the lab.

    ``text`` cleans one text. ``value`` cleans a JSON value and adds the places that it blanks to the list.
    """

    text: Callable[[str], str]
    value: Callable[[Any, list[str]], Any]

    def optional(self, text: str | None) -> str | None:
        """Clean a text that may be missing."""
        return None if text is None else self.text(text)


AS_WRITTEN = Cleaning(lambda text: text, lambda value, _removed: value)
"""Leave everything as it is. Only for what never leaves the lab."""
