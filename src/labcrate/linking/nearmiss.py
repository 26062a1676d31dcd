"""Names that almost say a session: what is wrong with them, and the name that would be right.

Only names that are linked to no session come here, and a finding is reported only for the session that it would be for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labcrate.linking.filename import SEPARATORS, composed
from labcrate.linking.grammar import Reading
from labcrate.linking.ids import Doubt
from labcrate.linking.mentions import HINT, Mention, find_mentions
from labcrate.linking.prefixes import CameraNames, View
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule
from labcrate.messages.message import first_names
from labcrate.messages.text import printable
from labcrate.model.session import is_number

_LOOSE = SEPARATORS + " ."


@dataclass(frozen=True, slots=True)
class Finding:
    """What a name almost says; without ``advice`` it has nothing to do with the session asked for.

    ``stem`` is the name (without extension) that might be right; who takes it up must judge it first.
    """

    rule: Rule
    reason: str
    advice: str | None = None
    stem: str | None = None
    camera: CameraNames | None = None
    """The camera whose name stands where its prefix should."""


_NOTHING = Finding(Rule.NO_SESSION, "no session in the name")


def examine(stem: str, asked: str, reading: Reading, rules: LinkingRules) -> Finding:
    """Say what a name that is linked to no session has to do with the one asked for."""
    if reading.possible:
        return _in_doubt(stem, asked, reading)
    view = rules.prefixes.of_session(asked)
    ends = view.ends(stem)
    anchor = ends[-1] + 1 if ends else 0
    rivals, mentions = _rivals(stem, ends, rules), _mentions(stem, asked, anchor, view, rules)
    sessions = list(dict.fromkeys([*(one for mention in mentions for one in mention.ids), *rivals]))
    if asked in rivals:
        longer, shorter = printable(stem[: ends[-1]]), printable(stem[: rivals[asked]])
        reason = f'either session {asked} of "{shorter}" or another recording of "{longer}"'
        finding = Finding(Rule.AMBIGUOUS, reason, f"write session{asked} after the whole prefix of its camera")
    elif not sessions:
        finding = _alone(stem, asked, anchor, view, rules)
    elif asked not in sessions:
        finding = Finding(Rule.OTHER_SESSION, f"names {_sessions(sessions)}")
    elif len(sessions) > 1:
        finding = _several(asked, sessions)
    else:
        finding = _one_session(stem, asked, anchor, mentions, rules)
    return finding


def _mentions(stem: str, asked: str, anchor: int, view: View, rules: LinkingRules) -> list[Mention]:
    found = find_mentions(stem, asked, anchor, view, rules) if HINT.search(stem) else []
    if anchor and found and found[0].start == anchor and found[0].flaw is Rule.LEADING_ZEROS:
        return found[:1]  # right after its prefix the first number decides, as it does when well formed
    return found


def _rivals(stem: str, ends: list[int], rules: LinkingRules) -> dict[str, int]:
    """The sessions that are named after a prefix which a longer one begins with, and where that prefix ends."""
    named = {end: rules.ids.after_marker(stem, end + 1) for end in ends[:-1]}
    return {found.ids[0]: end for end, found in named.items() if found and found.sure}


def _several(asked: str, sessions: list[str]) -> Finding:
    count = "two sessions" if len(sessions) == 2 else "several sessions"
    advice = f"let session{asked} be the only one, right after the prefix of its camera"
    return Finding(Rule.AMBIGUOUS, f"names {count}: {first_names(sessions)}", advice)


def _in_doubt(stem: str, asked: str, reading: Reading) -> Finding:
    """Names that the grammar takes up, but for which it cannot tell the session for sure."""
    if asked not in reading.possible:
        return Finding(Rule.OTHER_SESSION, f"may name {_sessions(reading.possible)}")
    named = reading.in_doubt
    if named is None:
        (short, long), (one, other) = map(printable, reading.rivals), map(printable, reading.possible)
        reason = f'names session {one} of "{short}" or session {other} of "{long}"'
        return Finding(Rule.AMBIGUOUS, reason, f"write session{asked} after the prefix of a camera of its own")
    at = named.start + len(named.marker)
    written = printable(stem[at : named.end])
    if named.doubt is Doubt.GOES_ON:
        longer = printable(stem[at:])
        reason = f'a file that describes sessions cannot be read; "{longer}" may be the ID of another one'
        return Finding(Rule.AMBIGUOUS, reason, "mend that file")
    if len(reading.possible) > 1:
        reason = f"may name sessions {first_names(reading.possible)}, whose IDs begin alike or differ in case alone"
        return Finding(Rule.AMBIGUOUS, reason, "give the sessions IDs that differ in more than case")
    corrected = f"{stem[:at]}{asked}{stem[named.end :]}"
    return Finding(Rule.AMBIGUOUS, f"the ID is written {written}", f"write the ID as {asked}", corrected)


def _one_session(stem: str, asked: str, anchor: int, mentions: list[Mention], rules: LinkingRules) -> Finding:
    """What keeps a name that mentions only the session asked for from being linked to it."""
    configured, view = rules.prefixes.configured, rules.prefixes.of_session(asked)
    flawed = [mention for mention in mentions if mention.flaw]
    first = mentions[0] if configured or not flawed else flawed[0]
    before = stem[: first.start]
    if not before.strip(_LOOSE):
        return _marker_first(stem, asked, first, view)
    if first.flaw is not Rule.NO_SEPARATOR and configured and first.start != anchor:
        return _unknown_prefix(stem, asked, anchor, first, view)
    written = f"{first.marker}{asked}"
    corrected = _joined(before.rstrip(_LOOSE), _separator(stem, first.start - 1), written, stem[first.end :])
    shown = printable(first.written)
    match first.flaw:
        case Rule.NO_SEPARATOR:
            reason, advice = f"no _ or - between the prefix and {written}", "put _ or - between prefix and session"
        case Rule.LEADING_ZEROS:
            reason, advice = f"the number is written {shown}", f"write the number as {asked}"
        case Rule.SPLIT_MARKER:
            reason, advice = f"{first.marker} and {shown} stand apart", f"write {written} in one piece"
        case _:
            follows = printable(stem[first.end : first.end + 1])
            reason, advice = f'the number {shown} runs on into "{follows}"', "end the number with _ or -"
    return Finding(first.flaw or Rule.NUMBER_RUNS_ON, reason, advice, corrected)


def _marker_first(stem: str, asked: str, first: Mention, view: View) -> Finding:
    rest = stem[first.end :].lstrip(_LOOSE)
    ends = [len(rest)] if view.get(rest) else view.ends(rest)
    written = f"{first.marker}{asked}"
    corrected = _joined(rest[: ends[-1]], "_", written, rest[ends[-1] :]) if ends else None
    advice = f"put the camera's prefix before {written}"
    return Finding(Rule.MARKER_FIRST, f"begins with {written}; the camera prefix comes first", advice, corrected)


def _unknown_prefix(stem: str, asked: str, anchor: int, first: Mention, view: View) -> Finding:
    prefix = printable(stem[: first.start - 1])
    if found := view.called(stem[: first.start - 1]):
        camera, right = found
        shown = printable(right)
        reason = f'"{prefix}" is the name of a camera whose prefix is "{shown}"'
        corrected = _joined(right, stem[first.start - 1], f"{first.marker}{asked}", stem[first.end :])
        return Finding(Rule.UNKNOWN_PREFIX, reason, "link it as that camera's", corrected, camera)
    reason = f'no camera has the prefix "{prefix}"; configured: {first_names(view.names)}'
    advice = "link it and name its camera with --camera CAMERA"
    if not anchor:
        return Finding(Rule.UNKNOWN_PREFIX, reason, advice)
    rest = f"{stem[anchor : first.start].rstrip(_LOOSE)}_{stem[first.end :].lstrip(_LOOSE)}".rstrip("_")
    corrected = _joined(stem[: anchor - 1], stem[anchor - 1], f"{first.marker}{asked}", rest)
    return Finding(Rule.UNKNOWN_PREFIX, reason, advice, corrected)


def _alone(stem: str, asked: str, anchor: int, view: View, rules: LinkingRules) -> Finding:
    """The id without a marker right after the camera's prefix or, when no known one is there, after the first word.

    Right after its prefix, the camera's own id is no session: the platform names recordings without one so.
    """
    where = "" if anchor or not rules.prefixes.configured else " after a configured prefix"
    prefix = view.get(stem[: anchor - 1]) if anchor else None
    if not anchor:
        anchor = next((at + 1 for at, c in enumerate(stem) if c in SEPARATORS and at), 0)
        prefix = view.get(stem[: anchor - 1]) if anchor else None
    if not anchor or (prefix and asked in prefix.ids):
        return _NOTHING
    # Text ids follow the whole marker only.
    short = not is_number(asked) and stem[anchor : anchor + 1] in ("s", "S")
    start = anchor + 1 if short else anchor
    known = rules.ids.text_at(stem, start)
    end = known.end if known else start + len(asked)
    if stem[end : end + 1] not in ("", *SEPARATORS) or composed(stem[start:end]) != asked:
        return _NOTHING
    corrected = _joined(stem[: anchor - 1], stem[anchor - 1], f"session{asked}", stem[end:])
    if short:
        reason = f"{stem[anchor]} stands before {asked}, and only numbers follow it"
        return Finding(Rule.SHORT_MARKER, reason, f"write session{asked}{where}", corrected)
    forms = f"session{asked} or s{asked}" if is_number(asked) else f"session{asked}"
    return Finding(Rule.BARE_NUMBER, f"{asked} alone does not name a session", f"write {forms}{where}", corrected)


def with_session(stem: str, asked: str, rules: LinkingRules) -> str | None:
    """Return a name with the session put after its prefix; None when the name carries no prefix."""
    view = rules.prefixes.of_session(asked)
    if view.get(stem):
        return f"{stem}_session{asked}"
    if ends := view.ends(stem):
        return _joined(stem[: ends[-1]], stem[ends[-1]], f"session{asked}", stem[ends[-1] :])
    return None if rules.prefixes.configured else f"{stem}_session{asked}"


def _joined(prefix: str, separator: str, written: str, rest: str) -> str:
    """``prefix SEP marker ID [SEP rest]``, keeping the separator that ``rest`` begins with."""
    tail = rest.lstrip(_LOOSE)
    return f"{prefix}{separator}{written}{_separator(rest, 0)}{tail}" if tail else f"{prefix}{separator}{written}"


def _separator(text: str, at: int) -> str:
    return text[at] if text[at : at + 1] in (*SEPARATORS,) else "_"


def _sessions(sessions: Sequence[str]) -> str:
    shown = first_names(sessions)
    return f"session {shown}" if len(sessions) == 1 else f"sessions {shown}"
