"""The grammar of a recording's name: ``prefix SEP marker ID [SEP rest] .mp4``.

Everything is anchored: a number counts only where the grammar puts it, whole, between a marker and a
separator or the extension. Nothing here searches for a number inside other text.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

SEPARATORS = "_-"
_SEPARATOR = re.compile("[_-]")

# No file system holds a longer name, so no longer number can name a session; it also keeps every
# conversion to int far below the interpreter's limit on digits.
LONGEST_NUMBER = 255

# re.ASCII keeps U+017F (the long s) from counting as an s; \Z, because $ would also match before a
# line feed that ends the name.
_MARKER = re.compile(rf"(?:session|s)(0|[1-9][0-9]{{0,{LONGEST_NUMBER - 1}}})(?=[_-]|\Z)", re.ASCII | re.IGNORECASE)
_ANY_MARKER = re.compile(r"(?:\A|(?<=[_-]))(?:session|s)([0-9]+)(?=[_-]|\Z)", re.ASCII | re.IGNORECASE)


def fold(text: str) -> str:
    """The form in which prefixes are compared: without case, composed characters (Unicode 3.13, D145).

    Equal for a name written by macOS (decomposed) and by anything else. Folding text that is joined by a
    separator is the same as folding the parts, so a part of a name can be folded alone.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


class Prefixes:
    """The recording prefixes that are configured for the cameras of a lab, built once and only read.

    Cameras without a prefix (None) and blank ones count for nothing. Where two prefixes differ only in
    case or composition, the first spelling is shown.
    """

    __slots__ = ("_depth", "_spelling")

    def __init__(self, prefixes: Iterable[str | None] = ()) -> None:
        self._spelling: dict[str, str] = {}
        for prefix in prefixes:
            if prefix and not prefix.isspace():
                self._spelling.setdefault(fold(prefix), prefix)
        # A prefix with n separators of its own can end only at a name's separator n + 1.
        self._depth = 1 + max((len(_SEPARATOR.findall(prefix)) for prefix in self._spelling), default=0)

    @property
    def configured(self) -> bool:
        """Whether any camera has a prefix."""
        return bool(self._spelling)

    @property
    def names(self) -> tuple[str, ...]:
        """The prefixes as they are configured, in that order."""
        return tuple(self._spelling.values())

    def spelling(self, text: str) -> str | None:
        """The configured prefix that ``text`` is, as configured; None when it is none."""
        return self._spelling.get(fold(text))

    def ends(self, stem: str) -> list[int]:
        """The indexes of all separators in ``stem`` that a configured prefix stands before, ascending."""
        ends = []
        for separator in islice(_SEPARATOR.finditer(stem), self._depth):
            at = separator.start()
            if fold(stem[:at]) in self._spelling:
                ends.append(at)
        return ends

    def carried_by(self, stem: str) -> str | None:
        """The longest configured prefix that a name begins with or consists of, as configured."""
        if whole := self.spelling(stem):
            return whole
        ends = self.ends(stem)
        return self.spelling(stem[: ends[-1]]) if ends else None


def stem_of_mp4(name: str) -> str | None:
    """A file name without its ``.mp4`` (any case); None for any other file."""
    return name[:-4] if name[-4:].lower() == ".mp4" else None


def number_at(stem: str, start: int) -> str | None:
    """The session's number where ``marker ID`` stands at ``start``, well formed."""
    found = _MARKER.match(stem, start)
    return found[1] if found else None


def number_in(stem: str, prefixes: Prefixes) -> str | None:
    """The number of the one session that a name (without its extension) is linked to, in digits.

    The longest configured prefix decides. With none configured any prefix will do, and every marker
    in the name must then say the same number.
    """
    if prefixes.configured:
        ends = prefixes.ends(stem)
        return number_at(stem, ends[-1] + 1) if ends else None
    number, prefixed = None, False
    for found in _ANY_MARKER.finditer(stem):
        text = found[1]
        zeros = text[0] == "0" and len(text) > 1
        if zeros or len(text) > LONGEST_NUMBER or (number is not None and text != number):
            return None
        number = text
        # At 0 the marker itself comes first; at 1 the prefix before the separator is empty.
        prefixed = prefixed or found.start() >= 2
    return number if prefixed else None
