"""The linked sessions of many paths: the results of ``linked_sessions``, computed faster.

A lab has a hundred thousand recordings, but few folders and few beginnings of names: each of these is read once.
"""

import re
from collections.abc import Iterable, Iterator

from labcrate.linking.filename import SEPARATORS, to_nfc
from labcrate.linking.grammar import parse_name
from labcrate.linking.ids import contains_marker
from labcrate.linking.location import ELSEWHERE, Area, PathLocation, is_hidden, locate_path
from labcrate.linking.resolve import linked_sessions
from labcrate.linking.rules import LinkingRules


def sessions_of_paths(paths: Iterable[str], rules: LinkingRules) -> Iterator[tuple[str, ...]]:
    """Yield the sessions that each path is linked to, the same as ``linked_sessions`` returns.

    The order of paths matters for speed only: paths with the same beginning should follow each other.
    """
    by_name, by_path = rules.register.by_name, rules.register.by_path
    folders: dict[str, PathLocation] = {}
    names = _SessionsByName(rules)
    for path in paths:
        at = path.rfind("/") + 1
        folder, name = path[:at], path[at:]
        location = folders.get(folder)
        if location is None:
            location = folders[folder] = ELSEWHERE if is_hidden(path) else locate_path(path, rules.ids)
        own_sessions = None
        if name[-4:] == ".mp4" and name[0] != "." and not (by_path and path in by_path):
            if location.area is Area.SHARED:
                own_sessions = names.session_in_name(name)
            elif location.area is Area.SESSION:
                own_sessions = location.sessions
        registered = by_name.get(name if name.isascii() else to_nfc(name))
        if own_sessions is None:
            yield linked_sessions(path, rules)
        elif registered is None or not registered.sessions or not registered.is_unique:
            yield own_sessions
        elif own_sessions:
            yield own_sessions if own_sessions == registered.sessions else ()
        elif location.sessions or names.may_name_session(name):
            yield linked_sessions(path, rules)
        else:
            yield registered.sessions if len(registered.sessions) == 1 else ()


class _SessionsByName:
    """The sessions in file names, read once for all names with the same beginning."""

    def __init__(self, rules: LinkingRules) -> None:
        self._rules = rules
        self._pattern = _relevant_part(rules)
        self._sessions: dict[str, tuple[str, ...]] = {}
        self._uncertain: set[str] = set()
        self._last_start = "/"  # no name begins like this
        self._last_sessions: tuple[str, ...] = ()

    def session_in_name(self, name: str) -> tuple[str, ...]:
        """Return the session that the name of an MP4 certainly contains, if any."""
        if name.startswith(self._last_start):
            return self._last_sessions
        beginning = self._relevant_part(name)
        sessions = self._sessions.get(beginning)
        if sessions is None:
            parsed_name = parse_name(beginning, self._rules)
            sessions = self._sessions[beginning] = () if parsed_name.session is None else (parsed_name.session,)
            if parsed_name.possible_sessions:
                self._uncertain.add(beginning)
        follows = name[len(beginning) : len(beginning) + 1]
        if self._rules.prefixes.configured and follows in SEPARATORS:
            # The pattern ends before a separator once it has all its parts, whatever follows in a name.
            self._last_start, self._last_sessions = beginning + follows, sessions
        return sessions

    def may_name_session(self, name: str) -> bool:
        """Return whether a name without a certain session may still contain one."""
        return self._relevant_part(name) in self._uncertain or contains_marker(name)

    def _relevant_part(self, name: str) -> str:
        """Return the part of a name that the grammar reads."""
        if self._pattern is None:
            return name[:-4]
        found = self._pattern.match(name, 0, len(name) - 4)
        return found[0] if found else ""


def _relevant_part(rules: LinkingRules) -> re.Pattern[str] | None:
    """Return the pattern of the part that ``parse_name`` reads; None where it depends on the whole name.

    After a known prefix, that is the prefix and an id, with the separators that these may contain. If any prefix is
    accepted, it extends to the last part that can begin with a marker, and an id after it. The rest is read only while
    a session description is unreadable.
    """
    if rules.ids.descriptions_unreadable:
        return None
    part, separator = f"[^{SEPARATORS}]*", f"[{SEPARATORS}]"
    if rules.prefixes.configured:
        return re.compile(
            f"{part}(?:{separator}{part}){{0,{rules.prefixes.max_separators + rules.ids.max_separators}}}"
        )
    return re.compile(f"(?:.*{separator})?[sS]{part}(?:{separator}{part}){{0,{rules.ids.max_separators}}}", re.DOTALL)
