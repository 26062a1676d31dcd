"""Criterion 1, the name of a recording: ``prefix SEP marker ID [SEP rest] .mp4``.

Whichever session is asked for, a name is read in one way, so it is linked to at most one.
"""

from typing import NamedTuple

from labcrate.linking.ids import Doubt, Named
from labcrate.linking.rules import LinkingRules


class Reading(NamedTuple):
    """What a name says: one ``session`` for sure; or, in doubt, ``possible`` ones, with what is in doubt.

    ``rivals`` are the prefixes that two of the possible sessions stand after.
    """

    session: str | None = None
    possible: tuple[str, ...] = ()
    in_doubt: Named | None = None
    rivals: tuple[str, ...] = ()


UNREAD = Reading()


def read_name(stem: str, rules: LinkingRules) -> Reading:
    """Read the name of an MP4, without its extension."""
    return _after_known_prefix(stem, rules) if rules.prefixes.configured else _after_any_prefix(stem, rules)


def _after_known_prefix(stem: str, rules: LinkingRules) -> Reading:
    """The longest prefix decides; one of a session's selection counts only where that session is named after it."""
    prefixes = rules.prefixes
    passed: list[tuple[int, str, Named | None]] = []
    for at, folded in reversed(prefixes.begin(stem)):
        named = rules.ids.after_marker(stem, at + 1)
        if folded not in prefixes.lab and not (named and any(prefixes.selects(i, folded) for i in named.ids)):
            passed.append((at, folded, named))
        elif named is None:
            return UNREAD
        elif not named.sure:
            return _doubtful(named)
        else:
            return _unless_longer(stem, named.ids[0], at, passed, rules)
    return UNREAD


def _unless_longer(
    stem: str, session: str, at: int, passed: list[tuple[int, str, Named | None]], rules: LinkingRules
) -> Reading:
    """The session, unless a longer prefix stands in its way.

    Such a prefix is of another session's selection and counts for that one alone. But where it is followed by yet
    another session, a camera may be meant that the named session's description no longer knows.
    """
    if any(rules.prefixes.selects(session, folded) for _, folded, _ in passed):
        return UNREAD
    for longer, _, named in passed:
        if named and named.sure and named.ids[0] != session:
            return Reading(possible=(session, named.ids[0]), rivals=(stem[:at], stem[:longer]))
    return Reading(session)


def _after_any_prefix(stem: str, rules: LinkingRules) -> Reading:
    """With no prefix configured any will do, and every marker in the name must then say the same session."""
    found = list(rules.ids.markers(stem))
    unsure = [named for named in found if not named.sure]
    if unsure:
        doubtful = _doubtful(unsure[0])
        others = [i for named in found for i in named.ids if i not in doubtful.possible]
        return UNREAD if others else doubtful
    sessions = {named.ids[0] for named in found}
    # At 0 the marker itself comes first; at 1 the prefix before the separator is empty.
    if len(sessions) != 1 or not any(named.start >= 2 for named in found):
        return UNREAD
    return Reading(found[0].ids[0])


def _doubtful(named: Named) -> Reading:
    """What is wrong with a number can be mended in the name, and is a near miss like any other there."""
    return UNREAD if named.doubt in (Doubt.ZEROS, Doubt.LENGTH) else Reading(possible=named.ids, in_doubt=named)
