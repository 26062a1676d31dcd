"""Names that almost say a session: what is wrong with them, and the name that would be right.

Only names that are linked to no session come here, and a finding is reported only for the session that it would be for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labcrate.linking.filename import SEPARATORS, to_nfc
from labcrate.linking.grammar import ParsedName
from labcrate.linking.ids import IdUncertainty
from labcrate.linking.mentions import HINT, Mention, find_mentions
from labcrate.linking.prefixes import CameraNames, SessionPrefixes
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule
from labcrate.messages.message import first_names
from labcrate.messages.text import printable
from labcrate.model.session import is_numeric_id

_LOOSE = SEPARATORS + " ."


@dataclass(frozen=True, slots=True)
class NameDiagnosis:
    """What a name almost says; without ``advice`` it has nothing to do with the session asked for.

    ``stem`` is the name (without extension) that might be right; who takes it up must judge it first.
    """

    rule: Rule
    reason: str
    advice: str | None = None
    stem: str | None = None
    camera: CameraNames | None = None
    """The camera whose name stands where its prefix should."""


_NO_SESSION = NameDiagnosis(Rule.NO_SESSION, "no session in the name")


def diagnose_name(stem: str, session_id: str, parsed_name: ParsedName, rules: LinkingRules) -> NameDiagnosis:
    """Say what a name that is linked to no session has to do with the one asked for."""
    if parsed_name.possible_sessions:
        return _uncertain_session(stem, session_id, parsed_name)
    prefixes = rules.prefixes.of_session(session_id)
    ends = prefixes.prefix_ends(stem)
    prefix_end = ends[-1] + 1 if ends else 0
    rivals, mentions = _rival_sessions(stem, ends, rules), _mentions(stem, session_id, prefix_end, prefixes, rules)
    sessions = list(dict.fromkeys([*(one for mention in mentions for one in mention.ids), *rivals]))
    if session_id in rivals:
        longer, shorter = printable(stem[: ends[-1]]), printable(stem[: rivals[session_id]])
        reason = f'either session {session_id} of "{shorter}" or another recording of "{longer}"'
        diagnosis = NameDiagnosis(
            Rule.AMBIGUOUS, reason, f"write session{session_id} after the whole prefix of its camera"
        )
    elif not sessions:
        diagnosis = _id_without_marker(stem, session_id, prefix_end, prefixes, rules)
    elif session_id not in sessions:
        diagnosis = NameDiagnosis(Rule.OTHER_SESSION, f"names {_session_words(sessions)}")
    elif len(sessions) > 1:
        diagnosis = _several_sessions(session_id, sessions)
    else:
        diagnosis = _one_session(stem, session_id, prefix_end, mentions, rules)
    return diagnosis


def _mentions(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> list[Mention]:
    found = find_mentions(stem, session_id, prefix_end, prefixes, rules) if HINT.search(stem) else []
    if prefix_end and found and found[0].start == prefix_end and found[0].flaw is Rule.LEADING_ZEROS:
        return found[:1]  # right after its prefix the first number decides, as it does when well formed
    return found


def _rival_sessions(stem: str, ends: list[int], rules: LinkingRules) -> dict[str, int]:
    """The sessions that are named after a prefix which a longer one begins with, and where that prefix ends."""
    named = {end: rules.ids.id_after_marker(stem, end + 1) for end in ends[:-1]}
    return {found.ids[0]: end for end, found in named.items() if found and found.is_certain}


def _several_sessions(session_id: str, sessions: list[str]) -> NameDiagnosis:
    count = "two sessions" if len(sessions) == 2 else "several sessions"
    advice = f"let session{session_id} be the only one, right after the prefix of its camera"
    return NameDiagnosis(Rule.AMBIGUOUS, f"names {count}: {first_names(sessions)}", advice)


def _uncertain_session(stem: str, session_id: str, parsed_name: ParsedName) -> NameDiagnosis:
    """Names that the grammar takes up, but for which it cannot tell the session for sure."""
    if session_id not in parsed_name.possible_sessions:
        return NameDiagnosis(Rule.OTHER_SESSION, f"may name {_session_words(parsed_name.possible_sessions)}")
    named = parsed_name.uncertain_id
    if named is None:
        (short, long), (one, other) = (
            map(printable, parsed_name.rival_prefixes),
            map(printable, parsed_name.possible_sessions),
        )
        reason = f'names session {one} of "{short}" or session {other} of "{long}"'
        return NameDiagnosis(
            Rule.AMBIGUOUS, reason, f"write session{session_id} after the prefix of a camera of its own"
        )
    at = named.start + len(named.marker)
    written = printable(stem[at : named.end])
    if named.uncertainty is IdUncertainty.NAME_CONTINUES:
        longer = printable(stem[at:])
        reason = f'a file that describes sessions cannot be read; "{longer}" may be the ID of another one'
        return NameDiagnosis(Rule.AMBIGUOUS, reason, "mend that file")
    if len(parsed_name.possible_sessions) > 1:
        ids = first_names(parsed_name.possible_sessions)
        reason = f"may name sessions {ids}, whose IDs begin alike or differ in case alone"
        return NameDiagnosis(Rule.AMBIGUOUS, reason, "give the sessions IDs that differ in more than case")
    corrected = f"{stem[:at]}{session_id}{stem[named.end :]}"
    return NameDiagnosis(Rule.AMBIGUOUS, f"the ID is written {written}", f"write the ID as {session_id}", corrected)


def _one_session(
    stem: str, session_id: str, prefix_end: int, mentions: list[Mention], rules: LinkingRules
) -> NameDiagnosis:
    """What keeps a name that mentions only the session asked for from being linked to it."""
    configured, prefixes = rules.prefixes.configured, rules.prefixes.of_session(session_id)
    flawed = [mention for mention in mentions if mention.flaw]
    first = mentions[0] if configured or not flawed else flawed[0]
    before = stem[: first.start]
    if not before.strip(_LOOSE):
        return _marker_first(stem, session_id, first, prefixes)
    if first.flaw is not Rule.NO_SEPARATOR and configured and first.start != prefix_end:
        return _unknown_prefix(stem, session_id, prefix_end, first, prefixes)
    written = f"{first.marker}{session_id}"
    corrected = _join_name(before.rstrip(_LOOSE), _separator(stem, first.start - 1), written, stem[first.end :])
    shown = printable(first.written_id)
    match first.flaw:
        case Rule.NO_SEPARATOR:
            reason, advice = f"no _ or - between the prefix and {written}", "put _ or - between prefix and session"
        case Rule.LEADING_ZEROS:
            reason, advice = f"the number is written {shown}", f"write the number as {session_id}"
        case Rule.SPLIT_MARKER:
            reason, advice = f"{first.marker} and {shown} stand apart", f"write {written} in one piece"
        case _:
            follows = printable(stem[first.end : first.end + 1])
            reason, advice = f'the number {shown} runs on into "{follows}"', "end the number with _ or -"
    return NameDiagnosis(first.flaw or Rule.NUMBER_RUNS_ON, reason, advice, corrected)


def _marker_first(stem: str, session_id: str, first: Mention, prefixes: SessionPrefixes) -> NameDiagnosis:
    rest = stem[first.end :].lstrip(_LOOSE)
    ends = [len(rest)] if prefixes.get(rest) else prefixes.prefix_ends(rest)
    written = f"{first.marker}{session_id}"
    corrected = _join_name(rest[: ends[-1]], "_", written, rest[ends[-1] :]) if ends else None
    advice = f"put the camera's prefix before {written}"
    return NameDiagnosis(Rule.MARKER_FIRST, f"begins with {written}; the camera prefix comes first", advice, corrected)


def _unknown_prefix(
    stem: str, session_id: str, prefix_end: int, first: Mention, prefixes: SessionPrefixes
) -> NameDiagnosis:
    prefix = printable(stem[: first.start - 1])
    if found := prefixes.camera_called(stem[: first.start - 1]):
        camera, right = found
        shown = printable(right)
        reason = f'"{prefix}" is the name of a camera whose prefix is "{shown}"'
        corrected = _join_name(right, stem[first.start - 1], f"{first.marker}{session_id}", stem[first.end :])
        return NameDiagnosis(Rule.UNKNOWN_PREFIX, reason, "link it as that camera's", corrected, camera)
    reason = f'no camera has the prefix "{prefix}"; configured: {first_names(prefixes.texts)}'
    advice = "link it and name its camera with --camera CAMERA"
    if not prefix_end:
        return NameDiagnosis(Rule.UNKNOWN_PREFIX, reason, advice)
    rest = f"{stem[prefix_end : first.start].rstrip(_LOOSE)}_{stem[first.end :].lstrip(_LOOSE)}".rstrip("_")
    corrected = _join_name(stem[: prefix_end - 1], stem[prefix_end - 1], f"{first.marker}{session_id}", rest)
    return NameDiagnosis(Rule.UNKNOWN_PREFIX, reason, advice, corrected)


def _id_without_marker(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> NameDiagnosis:
    """The id without a marker right after the camera's prefix or, when no known one is there, after the first word.

    Right after its prefix, the camera's own id is no session: the platform names recordings without one so.
    """
    where = "" if prefix_end or not rules.prefixes.configured else " after a configured prefix"
    prefix = prefixes.get(stem[: prefix_end - 1]) if prefix_end else None
    if not prefix_end:
        prefix_end = next((at + 1 for at, c in enumerate(stem) if c in SEPARATORS and at), 0)
        prefix = prefixes.get(stem[: prefix_end - 1]) if prefix_end else None
    if not prefix_end or (prefix and session_id in prefix.ids):
        return _NO_SESSION
    # Text ids follow the whole marker only.
    short = not is_numeric_id(session_id) and stem[prefix_end : prefix_end + 1] in ("s", "S")
    start = prefix_end + 1 if short else prefix_end
    known = rules.ids.text_id_at(stem, start)
    end = known.end if known else start + len(session_id)
    if stem[end : end + 1] not in ("", *SEPARATORS) or to_nfc(stem[start:end]) != session_id:
        return _NO_SESSION
    corrected = _join_name(stem[: prefix_end - 1], stem[prefix_end - 1], f"session{session_id}", stem[end:])
    if short:
        reason = f"{stem[prefix_end]} stands before {session_id}, and only numbers follow it"
        return NameDiagnosis(Rule.SHORT_MARKER, reason, f"write session{session_id}{where}", corrected)
    forms = f"session{session_id} or s{session_id}" if is_numeric_id(session_id) else f"session{session_id}"
    return NameDiagnosis(
        Rule.BARE_NUMBER, f"{session_id} alone does not name a session", f"write {forms}{where}", corrected
    )


def name_with_session(stem: str, session_id: str, rules: LinkingRules) -> str | None:
    """Return a name with the session put after its prefix; None when the name carries no prefix."""
    prefixes = rules.prefixes.of_session(session_id)
    if prefixes.get(stem):
        return f"{stem}_session{session_id}"
    if ends := prefixes.prefix_ends(stem):
        return _join_name(stem[: ends[-1]], stem[ends[-1]], f"session{session_id}", stem[ends[-1] :])
    return None if rules.prefixes.configured else f"{stem}_session{session_id}"


def _join_name(prefix: str, separator: str, written: str, rest: str) -> str:
    """``prefix SEP marker ID [SEP rest]``, keeping the separator that ``rest`` begins with."""
    tail = rest.lstrip(_LOOSE)
    return f"{prefix}{separator}{written}{_separator(rest, 0)}{tail}" if tail else f"{prefix}{separator}{written}"


def _separator(text: str, at: int) -> str:
    return text[at] if text[at : at + 1] in (*SEPARATORS,) else "_"


def _session_words(sessions: Sequence[str]) -> str:
    shown = first_names(sessions)
    return f"session {shown}" if len(sessions) == 1 else f"sessions {shown}"
