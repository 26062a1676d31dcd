"""Criterion 1, the name of a recording: ``prefix SEP marker ID [SEP rest] .mp4``.

The result does not depend on the requested session, so a name is linked to one session at most.
"""

from typing import NamedTuple

from labcrate.linking.ids import IdUncertainty, NamedId
from labcrate.linking.rules import LinkingRules


class ParsedName(NamedTuple):
    """The session in a name: a certain ``session``, or ``possible_sessions`` with the ``uncertain_id``.

    ``rival_prefixes`` are the two prefixes after which two of the possible sessions are written.
    """

    session: str | None = None
    possible_sessions: tuple[str, ...] = ()
    uncertain_id: NamedId | None = None
    rival_prefixes: tuple[str, ...] = ()


NOTHING_FOUND = ParsedName()


def parse_name(stem: str, rules: LinkingRules) -> ParsedName:
    """Return the session in the name of an MP4, given without its extension."""
    return _after_known_prefix(stem, rules) if rules.prefixes.configured else _after_any_prefix(stem, rules)


def _after_known_prefix(stem: str, rules: LinkingRules) -> ParsedName:
    """Return the session after the longest prefix.

    A prefix of a session's selection counts only if that session follows it.
    """
    prefixes = rules.prefixes
    skipped: list[tuple[int, str, NamedId | None]] = []
    for at, folded in reversed(prefixes.prefixes_in(stem)):
        named_id = rules.ids.id_after_marker(stem, at + 1)
        if folded not in prefixes.lab and not (
            named_id and any(prefixes.is_selected_for(i, folded) for i in named_id.ids)
        ):
            skipped.append((at, folded, named_id))
        elif named_id is None:
            return NOTHING_FOUND
        elif not named_id.is_certain:
            return _uncertain(named_id)
        else:
            return _unless_longer_prefix(stem, named_id.ids[0], at, skipped, rules)
    return NOTHING_FOUND


def _unless_longer_prefix(
    stem: str, session: str, at: int, skipped: list[tuple[int, str, NamedId | None]], rules: LinkingRules
) -> ParsedName:
    """Return the session after a prefix, unless a longer prefix contradicts it.

    The longer prefix is of another session's selection and counts for that session only. But if yet another session
    follows it, the name may be of a camera that the description of the first session no longer contains.
    """
    if any(rules.prefixes.is_selected_for(session, folded) for _, folded, _ in skipped):
        return NOTHING_FOUND
    for longer, _, named_id in skipped:
        if named_id and named_id.is_certain and named_id.ids[0] != session:
            return ParsedName(possible_sessions=(session, named_id.ids[0]), rival_prefixes=(stem[:at], stem[:longer]))
    return ParsedName(session)


def _after_any_prefix(stem: str, rules: LinkingRules) -> ParsedName:
    """Return the session in a name if no prefix is configured: every marker in the name must have the same one."""
    found = list(rules.ids.ids_after_markers(stem))
    uncertain_ids = [named_id for named_id in found if not named_id.is_certain]
    if uncertain_ids:
        parsed = _uncertain(uncertain_ids[0])
        others = [i for named_id in found for i in named_id.ids if i not in parsed.possible_sessions]
        return NOTHING_FOUND if others else parsed
    sessions = {named_id.ids[0] for named_id in found}
    # At 0 the name begins with the marker; at 1 the prefix before the separator is empty.
    if len(sessions) != 1 or not any(named_id.start >= 2 for named_id in found):
        return NOTHING_FOUND
    return ParsedName(found[0].ids[0])


def _uncertain(named_id: NamedId) -> ParsedName:
    """Return the possible sessions of an uncertain id; nothing for a faulty number, which is a near miss later."""
    if named_id.uncertainty in (IdUncertainty.LEADING_ZEROS, IdUncertainty.TOO_LONG):
        return NOTHING_FOUND
    return ParsedName(possible_sessions=named_id.ids, uncertain_id=named_id)
