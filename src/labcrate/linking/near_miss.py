"""Names that almost name a session: what is wrong with them, and the correct name.

Only names that are linked to no session are examined. A near miss is reported only for the session it is about.
"""

from msgspec import Struct

from labcrate.linking.filename import SEPARATORS, to_nfc
from labcrate.linking.grammar import ParsedName
from labcrate.linking.ids import IdUncertainty
from labcrate.linking.mentions import HINT, Mention, find_mentions
from labcrate.linking.prefixes import CameraNames, SessionPrefixes
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule, sessions_message
from labcrate.messages.message import Message, first_names
from labcrate.model.session import is_numeric_id

_LOOSE = SEPARATORS + " ."


class NameDiagnosis(Struct, frozen=True):
    """What a name almost says; without ``advice`` it has nothing to do with the requested session.

    ``stem`` is a name (without extension) that may be correct; judge it before suggesting it.
    """

    rule: Rule
    reason: Message
    advice: Message | None = None
    stem: str | None = None
    camera: CameraNames | None = None
    """The camera whose name is where its prefix should be."""


_NO_SESSION = NameDiagnosis(Rule.NO_SESSION, Message("linking.no_session"))


def diagnose_name(stem: str, session_id: str, parsed_name: ParsedName, rules: LinkingRules) -> NameDiagnosis:
    """Return what a name that is linked to no session has to do with the requested one."""
    if parsed_name.possible_sessions:
        return _uncertain_session(stem, session_id, parsed_name)
    prefixes = rules.prefixes.of_session(session_id)
    ends = prefixes.prefix_ends(stem)
    prefix_end = ends[-1] + 1 if ends else 0
    rivals, mentions = _rival_sessions(stem, ends, rules), _mentions(stem, session_id, prefix_end, prefixes, rules)
    sessions = list(dict.fromkeys([*(one for mention in mentions for one in mention.ids), *rivals]))
    if session_id in rivals:
        values = {"session": session_id, "shorter": stem[: rivals[session_id]], "longer": stem[: ends[-1]]}
        diagnosis = NameDiagnosis(
            Rule.AMBIGUOUS,
            Message("linking.another_recording", **values),
            Message("linking.another_recording.advice", session=session_id),
        )
    elif not sessions:
        diagnosis = _id_without_marker(stem, session_id, prefix_end, prefixes, rules)
    elif session_id not in sessions:
        diagnosis = NameDiagnosis(Rule.OTHER_SESSION, sessions_message("linking.named", tuple(sessions)))
    elif len(sessions) > 1:
        diagnosis = NameDiagnosis(
            Rule.AMBIGUOUS,
            Message("linking.several_sessions", sessions=first_names(sessions)),
            Message("linking.several_sessions.advice", session=session_id),
        )
    else:
        diagnosis = _one_session(stem, session_id, prefix_end, mentions, rules)
    return diagnosis


def _mentions(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> list[Mention]:
    found = find_mentions(stem, session_id, prefix_end, prefixes, rules) if HINT.search(stem) else []
    if prefix_end and found and found[0].start == prefix_end and found[0].flaw is Rule.LEADING_ZEROS:
        return found[:1]  # right after its prefix the first number decides, as it does in a correct name
    return found


def _rival_sessions(stem: str, ends: list[int], rules: LinkingRules) -> dict[str, int]:
    """Return the sessions named after a prefix with which a longer prefix begins, and the end of that prefix."""
    named = {end: rules.ids.id_after_marker(stem, end + 1) for end in ends[:-1]}
    return {found.ids[0]: end for end, found in named.items() if found and found.is_certain}


def _uncertain_session(stem: str, session_id: str, parsed_name: ParsedName) -> NameDiagnosis:
    """Return the diagnosis of a name that fits the grammar, but may mean one of several sessions."""
    possible = parsed_name.possible_sessions
    if session_id not in possible:
        return NameDiagnosis(Rule.OTHER_SESSION, sessions_message("linking.may_name", possible))
    named = parsed_name.uncertain_id
    if named is None:
        (shorter, longer), (one, other) = parsed_name.rival_prefixes, possible
        reason = Message("linking.rival_cameras", session=one, shorter=shorter, other=other, longer=longer)
        advice = Message("linking.rival_cameras.advice", session=session_id)
        return NameDiagnosis(Rule.AMBIGUOUS, reason, advice)
    at = named.start + len(named.marker)
    if named.uncertainty is IdUncertainty.NAME_CONTINUES:
        reason = Message("linking.unreadable_description", text=stem[at:])
        return NameDiagnosis(Rule.AMBIGUOUS, reason, Message("linking.unreadable_description.advice"))
    if len(possible) > 1:
        reason = Message("linking.ids_alike", sessions=first_names(possible))
        return NameDiagnosis(Rule.AMBIGUOUS, reason, Message("linking.ids_alike.advice"))
    reason = Message("linking.id_spelling", written=stem[at : named.end])
    corrected = f"{stem[:at]}{session_id}{stem[named.end :]}"
    return NameDiagnosis(Rule.AMBIGUOUS, reason, Message("linking.id_spelling.advice", id=session_id), corrected)


def _one_session(
    stem: str, session_id: str, prefix_end: int, mentions: list[Mention], rules: LinkingRules
) -> NameDiagnosis:
    """Return why a name that mentions only the requested session is not linked to it."""
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
    match first.flaw:
        case Rule.NO_SEPARATOR:
            reason, advice = Message("linking.no_separator", written=written), Message("linking.no_separator.advice")
        case Rule.LEADING_ZEROS:
            reason = Message("linking.leading_zeros", written=first.written_id)
            advice = Message("linking.leading_zeros.advice", id=session_id)
        case Rule.SPLIT_MARKER:
            reason = Message("linking.split_marker", marker=first.marker, id=first.written_id)
            advice = Message("linking.split_marker.advice", written=written)
        case _:
            reason = Message("linking.followed_by", id=first.written_id, text=stem[first.end : first.end + 1])
            advice = Message("linking.followed_by.advice")
    return NameDiagnosis(first.flaw or Rule.NUMBER_RUNS_ON, reason, advice, corrected)


def _marker_first(stem: str, session_id: str, first: Mention, prefixes: SessionPrefixes) -> NameDiagnosis:
    rest = stem[first.end :].lstrip(_LOOSE)
    ends = [len(rest)] if prefixes.get(rest) else prefixes.prefix_ends(rest)
    written = f"{first.marker}{session_id}"
    corrected = _join_name(rest[: ends[-1]], "_", written, rest[ends[-1] :]) if ends else None
    reason, advice = (Message(id, written=written) for id in ("linking.marker_first", "linking.marker_first.advice"))
    return NameDiagnosis(Rule.MARKER_FIRST, reason, advice, corrected)


def _unknown_prefix(
    stem: str, session_id: str, prefix_end: int, first: Mention, prefixes: SessionPrefixes
) -> NameDiagnosis:
    prefix = stem[: first.start - 1]
    if found := prefixes.camera_called(prefix):
        camera, right = found
        reason = Message("linking.camera_name", name=prefix, prefix=right)
        corrected = _join_name(right, stem[first.start - 1], f"{first.marker}{session_id}", stem[first.end :])
        return NameDiagnosis(
            Rule.UNKNOWN_PREFIX, reason, Message("linking.camera_name.advice"), corrected, camera=camera
        )
    reason = Message("linking.unknown_prefix", prefix=prefix, prefixes=first_names(prefixes.texts))
    advice = Message("linking.unknown_prefix.advice")
    if not prefix_end:
        return NameDiagnosis(Rule.UNKNOWN_PREFIX, reason, advice)
    rest = f"{stem[prefix_end : first.start].rstrip(_LOOSE)}_{stem[first.end :].lstrip(_LOOSE)}".rstrip("_")
    corrected = _join_name(stem[: prefix_end - 1], stem[prefix_end - 1], f"{first.marker}{session_id}", rest)
    return NameDiagnosis(Rule.UNKNOWN_PREFIX, reason, advice, corrected)


# The advice by whether the id is a number, and whether a configured prefix must come before it.
_WRITE_SESSION = {
    (True, False): "linking.write_number",
    (True, True): "linking.write_number_after_prefix",
    (False, False): "linking.write_id",
    (False, True): "linking.write_id_after_prefix",
}


def _id_without_marker(
    stem: str, session_id: str, prefix_end: int, prefixes: SessionPrefixes, rules: LinkingRules
) -> NameDiagnosis:
    """Return the diagnosis of an id without a marker, right after the camera's prefix or, without one, the first word.

    Right after its prefix, the camera's own id is no session: the platform names recordings without a session so.
    """
    after_prefix = not prefix_end and rules.prefixes.configured
    prefix = prefixes.get(stem[: prefix_end - 1]) if prefix_end else None
    if not prefix_end:
        prefix_end = next((at + 1 for at, c in enumerate(stem) if c in SEPARATORS and at), 0)
        prefix = prefixes.get(stem[: prefix_end - 1]) if prefix_end else None
    if not prefix_end or (prefix and session_id in prefix.ids):
        return _NO_SESSION
    # Text ids follow the whole marker only.
    number = is_numeric_id(session_id)
    short = not number and stem[prefix_end : prefix_end + 1] in ("s", "S")
    start = prefix_end + 1 if short else prefix_end
    known = rules.ids.text_id_at(stem, start)
    end = known.end if known else start + len(session_id)
    if stem[end : end + 1] not in ("", *SEPARATORS) or to_nfc(stem[start:end]) != session_id:
        return _NO_SESSION
    corrected = _join_name(stem[: prefix_end - 1], stem[prefix_end - 1], f"session{session_id}", stem[end:])
    advice = Message(_WRITE_SESSION[number, after_prefix], id=session_id)
    if short:
        reason = Message("linking.short_marker", marker=stem[prefix_end], id=session_id)
        return NameDiagnosis(Rule.SHORT_MARKER, reason, advice, corrected)
    return NameDiagnosis(Rule.BARE_NUMBER, Message("linking.bare_number", id=session_id), advice, corrected)


def name_with_session(stem: str, session_id: str, rules: LinkingRules) -> str | None:
    """Return a name with the session inserted after its prefix; None for a name without a prefix."""
    prefixes = rules.prefixes.of_session(session_id)
    if prefixes.get(stem):
        return f"{stem}_session{session_id}"
    if ends := prefixes.prefix_ends(stem):
        return _join_name(stem[: ends[-1]], stem[ends[-1]], f"session{session_id}", stem[ends[-1] :])
    return None if rules.prefixes.configured else f"{stem}_session{session_id}"


def _join_name(prefix: str, separator: str, written: str, rest: str) -> str:
    """Return ``prefix SEP marker ID [SEP rest]``, keeping the separator with which ``rest`` begins."""
    tail = rest.lstrip(_LOOSE)
    return f"{prefix}{separator}{written}{_separator(rest, 0)}{tail}" if tail else f"{prefix}{separator}{written}"


def _separator(text: str, at: int) -> str:
    return text[at] if text[at : at + 1] in (*SEPARATORS,) else "_"
