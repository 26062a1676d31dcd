"""Places in a name that almost name a session: faults of the marker and the id.

Only names that are linked to no session are searched. Nothing found here is exported, so the search accepts more than
the grammar.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from labcrate.linking.filename import SEPARATORS, to_nfc
from labcrate.linking.prefixes import SessionPrefixes
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule
from labcrate.model.session import has_leading_zero, is_numeric_id

# Every mention of a session matches this; most other names do not.
HINT = re.compile(r"session|s[ _-]*[0-9]", re.ASCII | re.IGNORECASE)
_AT_TOKEN = re.compile(r"(?:\A|(?<=[_-]))(session|s)([ _-]*)([0-9]+)", re.ASCII | re.IGNORECASE)
_INSIDE_TOKEN = re.compile(r"(?<=[^_-])(session|s)([0-9]+)(?=[ ._-]|\Z)", re.ASCII | re.IGNORECASE)
_TEXT_MARKER = re.compile(r"(session)([ _-]*)", re.ASCII | re.IGNORECASE)
# The platform's other ids often begin with digits, and are no numbers.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=[_-]|\Z)", re.ASCII | re.IGNORECASE)


class Mention(Struct, frozen=True):
    """A session named somewhere in a stem: ``written_id`` is its id as written, ``ids`` the possible ids.

    ``flaw`` is the fault of the marker or the id itself.
    """

    start: int
    end: int
    marker: str
    written_id: str
    ids: tuple[str, ...]
    flaw: Rule | None


def find_mentions(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> list[Mention]:
    """Return all places from ``prefix_end`` on that name a session, in order.

    Places without a separator are found anywhere.
    """
    texts = (
        list(_text_ids(stem, session_id, prefix_end, prefixes, rules))
        if rules.ids.by_folded_id or not is_numeric_id(session_id)
        else []
    )
    numbers = [*_at_tokens(stem, prefix_end), *_inside_tokens(stem, prefixes, rules)]
    # An id like 42-b begins with a number, which is no separate mention.
    alone = [n for n in numbers if not any(text.start <= n.start < text.end for text in texts)]
    return sorted([*texts, *alone], key=lambda mention: mention.start)


def _at_tokens(stem: str, prefix_end: int) -> Iterator[Mention]:
    for found in _AT_TOKEN.finditer(stem, prefix_end):
        marker, gap, digits = found.groups()
        if len(marker) > 1 and _UUID.match(stem, found.start(3)):
            continue
        ended = stem[found.end() : found.end() + 1] in ("", *SEPARATORS)
        if ended and not gap:
            flaw = Rule.LEADING_ZEROS if has_leading_zero(digits) else None
        elif ended or not gap:
            # A single s beside a number is a marker only where a marker is expected; elsewhere it is part of any word.
            if len(marker) == 1 and not (prefix_end and found.start() == prefix_end):
                continue
            flaw = Rule.SPLIT_MARKER if gap else Rule.NUMBER_RUNS_ON
        else:
            continue
        yield Mention(found.start(), found.end(), marker, digits, (_without_zeros(digits),), flaw)


def _inside_tokens(stem: str, prefixes: SessionPrefixes, rules: LinkingRules) -> Iterator[Mention]:
    for found in _INSIDE_TOKEN.finditer(stem):
        if _is_marker_expected(stem[: found.start()], found[1], prefixes, rules):
            number = (_without_zeros(found[2]),)
            yield Mention(found.start(), found.end(), found[1], found[2], number, Rule.NO_SEPARATOR)


def _text_ids(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> Iterator[Mention]:
    """Yield places with ids that are no numbers: known ids whole, the requested one also if text follows it."""
    for found in _TEXT_MARKER.finditer(stem):
        start, at, gap = found.start(), found.end(), found[2]
        inside = start > 0 and stem[start - 1] not in SEPARATORS
        if (start < prefix_end and not inside) or (
            inside and (gap or not _is_marker_expected(stem[:start], found[1], prefixes, rules))
        ):
            continue
        named = rules.ids.text_id_at(stem, at)
        if named:
            # An id can begin with a marker and a separator: then it is that id.
            flaw = Rule.NO_SEPARATOR if inside else Rule.SPLIT_MARKER if gap else None
            yield Mention(start, named.end, found[1], stem[at : named.end], named.ids, flaw)
        elif not gap and not inside and _continues_after_id(stem, at, session_id):
            end = at + len(session_id)
            yield Mention(start, end, found[1], stem[at:end], (session_id,), Rule.NUMBER_RUNS_ON)


def _continues_after_id(stem: str, at: int, session_id: str) -> bool:
    """Return whether the text id is followed by something that is no letter (a letter could be part of another id)."""
    end = at + len(session_id)
    follows = stem[end : end + 1]
    return (
        not is_numeric_id(session_id) and to_nfc(stem[at:end]) == session_id and bool(follows) and not follows.isalnum()
    )


def _is_marker_expected(before: str, marker: str, prefixes: SessionPrefixes, rules: LinkingRules) -> bool:
    """Return whether a marker without a separator is directly after a camera's prefix."""
    bare = before.rstrip(" .")
    if rules.prefixes.configured:
        return bool(prefixes.get(bare))
    return bool(bare) and len(marker) > 1


def _without_zeros(digits: str) -> str:
    return digits.lstrip("0") or "0"
