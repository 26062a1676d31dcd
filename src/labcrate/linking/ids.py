"""Session ids in file names: a marker, followed by a known id or a number.

An id counts only if it begins directly after its marker and ends at a separator or at the end of the name. No function
here searches for an id inside other text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import islice
from typing import NamedTuple

from msgspec import Struct, field

from labcrate.linking.filename import MAX_NAME_LENGTH, SEPARATOR, fold, to_nfc
from labcrate.model.session import MAX_ID_LENGTH, has_leading_zero, is_numeric_id

# re.ASCII keeps U+017F (the long s) from counting as an s; \Z, because $ would also match before a line feed.
_LONG_MARKER = re.compile("session", re.ASCII | re.IGNORECASE)
_NUMBERED = re.compile(r"(session|s)([0-9]+)(?=[_-]|\Z)", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"(?:\A|(?<=[_-]))(?:session|s)", re.ASCII | re.IGNORECASE)
_NUMBER_AFTER_MARKER = re.compile(r"[_-](?:session|s)[0-9]", re.ASCII | re.IGNORECASE)


class IdUncertainty(Enum):
    """Why an id in a name is not certain."""

    CASE = "it differs from a known id only in case, or two known ids do"
    NAME_CONTINUES = "the name continues after it, and a file that describes sessions cannot be read"
    LEADING_ZEROS = "it is a number with leading zeros"
    TOO_LONG = "it is a number longer than any id"


class NamedId(NamedTuple):
    """An id in a name, from ``start`` (the start of its marker, if it has one) to ``end``.

    ``ids`` is that one id or, with an ``uncertainty``, the possible ones. ``marker`` is as written in the name, and
    empty if none was searched.
    """

    start: int
    end: int
    marker: str
    ids: tuple[str, ...]
    uncertainty: IdUncertainty | None = None

    @property
    def is_certain(self) -> bool:
        """Return whether the id is certain."""
        return self.uncertainty is None


def contains_marker(name: str) -> bool:
    """Return whether a part of a name begins with a session's marker."""
    return _TOKEN.search(name) is not None


class SessionIds(Struct, frozen=True):
    """The session ids of a lab, including refused ones.

    ``by_folded_id`` has the ids that are no numbers by their folded form, ``first_parts`` their parts before the first
    separator, ``max_separators`` the most separators in one of them. ``descriptions_unreadable`` means that a file that
    describes sessions cannot be read, so that there may be more ids.
    """

    known: frozenset[str] = frozenset()
    by_folded_id: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first_parts: frozenset[str] = frozenset()
    max_separators: int = 0
    descriptions_unreadable: bool = False

    @classmethod
    def build(cls, known: Iterable[str], *, unreadable: bool = False) -> "SessionIds":
        """Index ids, in NFC. Leave out numbers with leading zeros, and ids that are longer than a file name."""
        ids = {to_nfc(one) for one in known}
        valid = frozenset(i for i in ids if 0 < len(i) <= MAX_NAME_LENGTH and not has_leading_zero(i))
        texts = sorted(i for i in valid if not is_numeric_id(i))
        groups: dict[str, tuple[str, ...]] = {}
        for text in texts:
            groups[fold(text)] = (*groups.get(fold(text), ()), text)
        parts = [SEPARATOR.split(folded) for folded in groups]
        max_separators = max(map(len, parts), default=1) - 1
        return cls(valid, groups, frozenset(part[0] for part in parts), max_separators, unreadable)

    def equal_ignoring_case(self, text: str) -> tuple[str, ...]:
        """Return the known ids that equal a text without regard to case; none for a number."""
        return self.by_folded_id.get(fold(text), ())

    def id_after_marker(self, stem: str, start: int) -> NamedId | None:
        """Return the id after the marker at ``start``: the longest known id that fits, else a number."""
        if self.by_folded_id and _LONG_MARKER.match(stem, start):
            at = start + len("session")
            if text := self.text_id_at(stem, at):
                return NamedId(start, text.end, stem[start:at], text.ids, text.uncertainty)
        found = _NUMBERED.match(stem, start)
        if found is None:
            return None
        marker, number = found.groups()
        uncertainty = None
        if number[0] == "0" and has_leading_zero(number):
            number, uncertainty = number.lstrip("0") or "0", IdUncertainty.LEADING_ZEROS
        elif len(number) > MAX_ID_LENGTH:
            uncertainty = IdUncertainty.TOO_LONG
        return NamedId(start, found.end(), marker, (number,), uncertainty)

    def text_id_at(self, stem: str, start: int) -> NamedId | None:
        """Return the longest known id that begins at ``start`` and ends at an id's end; None for a plain number."""
        head = SEPARATOR.search(stem, start)
        if not self.by_folded_id or fold(stem[start : head.start() if head else len(stem)]) not in self.first_parts:
            return None
        possible: list[str] = []
        longest = start
        for end in reversed(self._ends(stem, start)):
            text = to_nfc(stem[start:end])
            if possible:  # already uncertain: a shorter id is possible as well
                possible += [text] if text in self.known else []
                continue
            group = self.equal_ignoring_case(text)
            if group == (text,):
                continues = self.descriptions_unreadable and end < len(stem)
                return NamedId(start, end, "", group, IdUncertainty.NAME_CONTINUES if continues else None)
            if group:
                possible, longest = [*group], end
        return NamedId(start, longest, "", tuple(possible), IdUncertainty.CASE) if possible else None

    def ids_after_markers(self, stem: str) -> Iterator[NamedId]:
        """Yield every ``marker ID`` that begins a name or follows a separator, in order and without overlaps."""
        at = 0
        while found := _TOKEN.search(stem, at):
            named = self.id_after_marker(stem, found.start())
            at = found.end()
            if named:
                yield named
                at = named.end

    def contains_id(self, prefix: str) -> bool:
        """Return whether a prefix contains a session's marker after a separator, as in ``cam1-session42``."""
        if _NUMBER_AFTER_MARKER.search(prefix):
            return True
        return any(named.start > 0 for named in self.ids_after_markers(prefix))

    def _ends(self, stem: str, start: int) -> list[int]:
        """Return the possible ends of an id that begins at ``start``, ascending."""
        ends = [found.start() for found in islice(SEPARATOR.finditer(stem, start), self.max_separators + 1)]
        return ends if len(ends) > self.max_separators else [*ends, len(stem)]
