"""The sessions that a file of the lab is linked to, from folder, name and register together."""

from typing import NamedTuple

from msgspec.structs import replace

from labcrate.linking.filename import base_name, is_non_mp4_video, stem_of_mp4
from labcrate.linking.grammar import NOTHING_FOUND, ParsedName, parse_name
from labcrate.linking.ids import IdUncertainty
from labcrate.linking.location import ELSEWHERE, Area, PathLocation, is_hidden, locate_path
from labcrate.linking.rules import UNREGISTERED, LinkingRules, RegisteredName
from labcrate.linking.verdict import Rule


class ResolvedLinks(NamedTuple):
    """The result of folder, name and register for one file: the ``sessions`` that it is linked to, by ``rule``.

    ``stem`` is the name of a recording without its extension: None for any other file. ``own_session`` is the session
    that the file's own folder or, below ``recordings/``, its name certainly names. ``manual_sessions`` are those of
    ``labcrate link``. ``conflict`` has the sessions that the file may belong to: first by folder or name, then by
    register.
    """

    location: PathLocation
    stem: str | None = None
    own_session: str | None = None
    parsed_name: ParsedName = NOTHING_FOUND
    registered: RegisteredName = UNREGISTERED
    manual_sessions: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    rule: Rule = Rule.NO_SESSION
    conflict: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def linked_sessions(path: str, rules: LinkingRules) -> tuple[str, ...]:
    """Return the sessions that a path is linked to.

    It is one at most, but for files that ``labcrate link`` gave to several. A path is relative to the lab folder, with
    slashes, and may hold undecodable bytes as surrogate escapes.
    """
    return resolve_links(path, rules).sessions


def entry_would_link(path: str, session_id: str, rules: LinkingRules) -> bool:
    """Return whether an entry of ``labcrate link`` would link a file to a session.

    It would not if folder or name certainly name another one, or if files of its kind are never included.
    """
    given = (*rules.register.by_path.get(path, ()), session_id)
    register = replace(rules.register, by_path={path: given})
    return session_id in resolve_links(path, replace(rules, register=register)).sessions


def resolve_links(path: str, rules: LinkingRules) -> ResolvedLinks:
    """Return the sessions of a file by folder, name and register."""
    if is_hidden(path):
        return ResolvedLinks(ELSEWHERE, rule=Rule.HIDDEN)
    location, name = locate_path(path, rules.ids), base_name(path)
    manual_sessions = rules.register.by_path.get(path, ())
    stem = stem_of_mp4(name)
    if stem is None and location.area in (Area.SESSION, Area.MISSPELT) and is_non_mp4_video(name):
        stem = name.rpartition(".")[0]
    if stem is None or (location.area is Area.ELSEWHERE and not manual_sessions):
        return ResolvedLinks(location, rule=Rule.NOT_A_RECORDING)
    registered = UNREGISTERED if location.area is Area.ELSEWHERE else rules.register.of_name(name)
    parsed_name = parse_name(stem, rules)
    own_session = parsed_name.session if location.area is Area.SHARED else location.session
    links = ResolvedLinks(
        location,
        stem,
        own_session,
        parsed_name,
        registered,
        manual_sessions,
        () if own_session is None else (own_session,),
        _rule(location, own_session),
    )
    return _with_register(links, rules) if manual_sessions or registered.sessions else links


def _with_register(links: ResolvedLinks, rules: LinkingRules) -> ResolvedLinks:
    """Return the links by folder and name, combined with the registers."""
    own, registered = links.sessions, links.registered.sessions
    if links.manual_sessions:
        # A link by hand overrides the platform's register.
        agree, sessions = not own or links.own_session in links.manual_sessions, links.manual_sessions
    elif not links.registered.is_unique:
        return links
    else:
        own = own or _hinted_sessions(links, rules)
        agree, sessions = len(registered) == 1 and own in ((), registered), registered
    if not agree:
        return links._replace(sessions=(), rule=Rule.AMBIGUOUS, conflict=(own, sessions))
    rule = Rule.REGISTER if links.own_session is None else links.rule
    return ResolvedLinks(
        links.location,
        links.stem,
        links.own_session,
        links.parsed_name,
        links.registered,
        links.manual_sessions,
        sessions,
        rule,
    )


def _hinted_sessions(links: ResolvedLinks, rules: LinkingRules) -> tuple[str, ...]:
    """Return the sessions that folder and name almost name: a register must not contradict them."""
    stem = links.stem or ""
    hinted = [*links.location.sessions, *links.parsed_name.possible_sessions]
    carried = max(rules.prefixes.prefixes_in(stem), default=None)
    start = carried[0] + 1 if carried else 0
    for named in rules.ids.ids_after_markers(stem):
        if named.start >= start and named.uncertainty is not IdUncertainty.TOO_LONG:
            hinted += named.ids
    return tuple(dict.fromkeys(hinted))


def _rule(location: PathLocation, own_session: str | None) -> Rule:
    if own_session is None:
        return Rule.NO_SESSION
    return Rule.FOLDER if location.area is Area.SESSION else Rule.NAME
