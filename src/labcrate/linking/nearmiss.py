"""Names that almost say a session: what is wrong with them, and the name that would be right.

Only names that are linked to no session come here. Nothing found here is ever exported, so the search
is wider than the grammar; but a finding is reported only for the session that it would be for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labcrate.linking.filename import SEPARATORS, Prefixes, number_at
from labcrate.linking.verdict import Rule, printable

# Every mention of a session fits this; most names without one are done with it.
_HINT = re.compile(r"s(?:ession)?[ _-]*[0-9]", re.ASCII | re.IGNORECASE)
_AT_TOKEN = re.compile(r"(?:\A|(?<=[_-]))(session|s)([ _-]*)([0-9]+)", re.ASCII | re.IGNORECASE)
_INSIDE_TOKEN = re.compile(r"(?<=[^_-])(session|s)([0-9]+)(?=[ ._-]|\Z)", re.ASCII | re.IGNORECASE)
_BARE = re.compile(r"(0|[1-9][0-9]*)(?=[_-]|\Z)", re.ASCII)
_LOOSE = SEPARATORS + " ."
_MOST_PREFIXES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """What a name almost says; without ``advice`` it has nothing to do with the session asked for.

    ``stem`` is the name (without extension) that might be right; who takes it up must judge it first.
    """

    rule: Rule
    reason: str
    advice: str | None = None
    stem: str | None = None


_NOTHING = Finding(Rule.NO_SESSION, "no session in the name")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A session named somewhere in a stem; ``flaw`` is what the marker or number itself has wrong."""

    start: int
    end: int
    marker: str
    digits: str
    flaw: Rule | None

    @property
    def number(self) -> str:
        return self.digits.lstrip("0") or "0"


def examine(stem: str, asked: str, prefixes: Prefixes) -> Finding:
    """Say what a name that is linked to no session has to do with the one asked for (in digits)."""
    ends = prefixes.ends(stem)
    anchor = ends[-1] + 1 if ends else 0
    if not _HINT.search(stem):
        return _bare_number(stem, asked, anchor, prefixes)
    rivals = {number: end for end in ends[:-1] if (number := number_at(stem, end + 1))}
    if asked and asked in rivals:
        longer, shorter = printable(stem[: ends[-1]]), printable(stem[: rivals[asked]])
        reason = f'either session {asked} of "{shorter}" or another recording of "{longer}"'
        return Finding(Rule.AMBIGUOUS, reason, f"write session{asked} after the whole prefix of its camera")
    mentions = _mentions(stem, anchor, prefixes)
    if anchor and mentions and mentions[0].start == anchor and mentions[0].flaw is Rule.LEADING_ZEROS:
        mentions = mentions[:1]  # right after its prefix the first number decides, as it does when well formed
    numbers = list(dict.fromkeys([mention.number for mention in mentions] + list(rivals)))
    if not numbers:
        return _bare_number(stem, asked, anchor, prefixes)
    if asked not in numbers:
        return Finding(Rule.OTHER_SESSION, f"names {_sessions(numbers)}")
    if len(numbers) > 1:
        count = "two sessions" if len(numbers) == 2 else "several sessions"
        advice = f"let session{asked} be the only one, right after the prefix of its camera"
        return Finding(Rule.AMBIGUOUS, f"names {count}: {_listed(numbers)}", advice)
    return _one_session(stem, asked, anchor, mentions, prefixes)


def _mentions(stem: str, anchor: int, prefixes: Prefixes) -> list[_Mention]:
    """All places after the camera's prefix that name a session, well formed or not, in order."""
    found = [*_at_tokens(stem, anchor), *_inside_tokens(stem, prefixes)]
    return sorted(found, key=lambda mention: mention.start)


def _at_tokens(stem: str, anchor: int) -> Iterator[_Mention]:
    for found in _AT_TOKEN.finditer(stem, anchor):
        marker, gap, digits = found.groups()
        ended = stem[found.end() : found.end() + 1] in ("", *SEPARATORS)
        if ended and not gap:
            flaw = Rule.LEADING_ZEROS if digits[0] == "0" and len(digits) > 1 else None
        elif ended or not gap:
            # A lone s beside a number is a marker only where a marker is due; elsewhere it is any word.
            if len(marker) == 1 and not (anchor and found.start() == anchor):
                continue
            flaw = Rule.SPLIT_MARKER if gap else Rule.NUMBER_RUNS_ON
        else:
            continue
        yield _Mention(found.start(), found.end(), marker, digits, flaw)


def _inside_tokens(stem: str, prefixes: Prefixes) -> Iterator[_Mention]:
    for found in _INSIDE_TOKEN.finditer(stem):
        before = stem[: found.start()].rstrip(" .")
        known = bool(prefixes.spelling(before)) if prefixes.configured else bool(before) and len(found[1]) > 1
        if known:
            yield _Mention(found.start(), found.end(), found[1], found[2], Rule.NO_SEPARATOR)


def _one_session(stem: str, asked: str, anchor: int, mentions: list[_Mention], prefixes: Prefixes) -> Finding:
    """What keeps a name that mentions only the session asked for from being linked to it."""
    flawed = [mention for mention in mentions if mention.flaw]
    first = mentions[0] if prefixes.configured or not flawed else flawed[0]
    before = stem[: first.start]
    if not before.strip(_LOOSE):
        return _marker_first(stem, asked, first, prefixes)
    if first.flaw is not Rule.NO_SEPARATOR and prefixes.configured and first.start != anchor:
        return _unknown_prefix(stem, asked, anchor, first, prefixes)
    written = f"{first.marker}{asked}"
    corrected = _joined(before.rstrip(_LOOSE), _separator(stem, first.start - 1), written, stem[first.end :])
    match first.flaw:
        case Rule.NO_SEPARATOR:
            reason, advice = f"no _ or - between the prefix and {written}", "put _ or - between prefix and session"
        case Rule.LEADING_ZEROS:
            reason, advice = f"the number is written {first.digits}", f"write the number as {asked}"
        case Rule.SPLIT_MARKER:
            reason, advice = f"{first.marker} and {first.digits} stand apart", f"write {written} in one piece"
        case _:
            follows = printable(stem[first.end])
            reason, advice = f'the number {first.digits} runs on into "{follows}"', "end the number with _ or -"
    return Finding(first.flaw or Rule.NUMBER_RUNS_ON, reason, advice, corrected)


def _marker_first(stem: str, asked: str, first: _Mention, prefixes: Prefixes) -> Finding:
    rest = stem[first.end :].lstrip(_LOOSE)
    ends = [len(rest)] if prefixes.spelling(rest) else prefixes.ends(rest)
    written = f"{first.marker}{asked}"
    corrected = _joined(rest[: ends[-1]], "_", written, rest[ends[-1] :]) if ends else None
    advice = f"put the camera's prefix before {written}"
    return Finding(Rule.MARKER_FIRST, f"begins with {written}; the camera prefix comes first", advice, corrected)


def _unknown_prefix(stem: str, asked: str, anchor: int, first: _Mention, prefixes: Prefixes) -> Finding:
    prefix = printable(stem[: first.start - 1])
    reason = f'no camera has the prefix "{prefix}"; configured: {_listed(prefixes.names)}'
    advice = f'give its camera the prefix "{prefix}"'
    if not anchor:
        return Finding(Rule.UNKNOWN_PREFIX, reason, advice)
    rest = f"{stem[anchor : first.start].rstrip(_LOOSE)}_{stem[first.end :].lstrip(_LOOSE)}".rstrip("_")
    corrected = _joined(stem[: anchor - 1], stem[anchor - 1], f"{first.marker}{asked}", rest)
    return Finding(Rule.UNKNOWN_PREFIX, reason, advice, corrected)


def _bare_number(stem: str, asked: str, anchor: int, prefixes: Prefixes) -> Finding:
    """A lone number right after the camera's prefix or, when no known one is there, after the first word."""
    where = "" if anchor or not prefixes.configured else " after a configured prefix"
    if not anchor:
        anchor = next((at + 1 for at, c in enumerate(stem) if c in SEPARATORS and at), 0)
    found = _BARE.match(stem, anchor) if anchor else None
    if not found or found[1] != asked:
        return _NOTHING
    corrected = _joined(stem[: anchor - 1], stem[anchor - 1], f"session{asked}", stem[found.end() :])
    reason = f"{asked} alone does not name a session"
    return Finding(Rule.BARE_NUMBER, reason, f"write session{asked} or s{asked}{where}", corrected)


def with_session(stem: str, asked: str, prefixes: Prefixes) -> str | None:
    """A name without a session, with the session put after its prefix; None when it carries no prefix."""
    if prefixes.spelling(stem) or not prefixes.configured:
        return f"{stem}_session{asked}"
    ends = prefixes.ends(stem)
    return _joined(stem[: ends[-1]], stem[ends[-1]], f"session{asked}", stem[ends[-1] :]) if ends else None


def _joined(prefix: str, separator: str, written: str, rest: str) -> str:
    """``prefix SEP marker ID [SEP rest]``, keeping the separator that ``rest`` begins with."""
    tail = rest.lstrip(_LOOSE)
    return f"{prefix}{separator}{written}{_separator(rest, 0)}{tail}" if tail else f"{prefix}{separator}{written}"


def _separator(text: str, at: int) -> str:
    return text[at] if text[at : at + 1] in (*SEPARATORS,) else "_"


def _sessions(numbers: list[str]) -> str:
    return f"session {numbers[0]}" if len(numbers) == 1 else f"sessions {_listed(numbers)}"


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = [printable(name) for name in names[:_MOST_PREFIXES_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
