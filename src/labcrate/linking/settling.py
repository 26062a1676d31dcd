"""Which sessions a file of the lab is linked to, whichever session is asked for: folder, name and register together."""

from dataclasses import replace
from typing import NamedTuple

from labcrate.linking.filename import base_name, is_other_video, stem_of_mp4
from labcrate.linking.grammar import UNREAD, Reading, read_name
from labcrate.linking.ids import Doubt
from labcrate.linking.place import ELSEWHERE, Area, Place, is_hidden, place_of
from labcrate.linking.rules import UNREGISTERED, LinkingRules, Registered
from labcrate.linking.verdict import Rule


class Settled(NamedTuple):
    """What folder, name and register say of one file, and the ``sessions`` that it is linked to by ``rule``.

    ``stem`` is the name of a recording without its extension: None for any other file. ``said`` is the session that
    the file's own folder or, below ``recordings/``, its name says for sure. ``conflict`` names the sessions that the
    file may belong to: first those of its folder or name, then those of the register.
    """

    place: Place
    stem: str | None = None
    said: str | None = None
    reading: Reading = UNREAD
    registered: Registered = UNREGISTERED
    by_hand: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    rule: Rule = Rule.NO_SESSION
    conflict: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def sessions_named(path: str, rules: LinkingRules) -> tuple[str, ...]:
    """Return the sessions that a path is linked to, whichever is asked for.

    That is one at most, but for files that ``labcrate link`` gave to several. A path is relative to the lab folder,
    with slashes, and may hold undecodable bytes as surrogate escapes.
    """
    return settle(path, rules).sessions


def links_by_entry(path: str, session_id: str, rules: LinkingRules) -> bool:
    """Return whether an entry of ``labcrate link`` would make a file part of a session.

    It would not where folder or name surely say another one, or where files of its kind are not taken.
    """
    given = (*rules.register.by_path.get(path, ()), session_id)
    register = replace(rules.register, by_path={path: given})
    return session_id in settle(path, replace(rules, register=register)).sessions


def settle(path: str, rules: LinkingRules) -> Settled:
    """Take folder, name and register of a file together."""
    if is_hidden(path):
        return Settled(ELSEWHERE, rule=Rule.HIDDEN)
    place, name = place_of(path, rules.ids), base_name(path)
    by_hand = rules.register.by_path.get(path, ())
    stem = stem_of_mp4(name)
    if stem is None and place.area in (Area.SESSION, Area.MISSPELT) and is_other_video(name):
        stem = name.rpartition(".")[0]
    if stem is None or (place.area is Area.ELSEWHERE and not by_hand):
        return Settled(place, rule=Rule.NOT_A_RECORDING)
    registered = UNREGISTERED if place.area is Area.ELSEWHERE else rules.register.of_name(name)
    reading = read_name(stem, rules)
    said = reading.session if place.area is Area.SHARED else place.session
    told = Settled(place, stem, said, reading, registered, by_hand, () if said is None else (said,), _rule(place, said))
    return _with_register(told, rules) if by_hand or registered.sessions else told


def _with_register(told: Settled, rules: LinkingRules) -> Settled:
    """What folder and name say, together with what the registers say."""
    own, registered = told.sessions, told.registered.sessions
    if told.by_hand:
        # Whoever linked a file by hand knew what the platform's register says of its name.
        agree, sessions = not own or told.said in told.by_hand, told.by_hand
    elif not told.registered.counts:
        return told
    else:
        own = own or _hinted(told, rules)
        agree, sessions = len(registered) == 1 and own in ((), registered), registered
    if not agree:
        return told._replace(sessions=(), rule=Rule.AMBIGUOUS, conflict=(own, sessions))
    rule = Rule.REGISTER if told.said is None else told.rule
    return Settled(told.place, told.stem, told.said, told.reading, told.registered, told.by_hand, sessions, rule)


def _hinted(told: Settled, rules: LinkingRules) -> tuple[str, ...]:
    """The sessions that folder and name nearly say: a register must not pass over them."""
    stem = told.stem or ""
    said = [*told.place.sessions, *told.reading.possible]
    carried = max(rules.prefixes.begin(stem), default=None)
    start = carried[0] + 1 if carried else 0
    for named in rules.ids.markers(stem):
        if named.start >= start and named.doubt is not Doubt.LENGTH:
            said += named.ids
    return tuple(dict.fromkeys(said))


def _rule(place: Place, said: str | None) -> Rule:
    if said is None:
        return Rule.NO_SESSION
    return Rule.FOLDER if place.area is Area.SESSION else Rule.NAME
