"""The sessions of very many paths at once: what ``sessions_named`` says of each, at a fraction of its price.

A lab has a hundred thousand recordings, but few folders and few beginnings of names: each of these is read once.
"""

import re
from collections.abc import Iterable, Iterator

from labcrate.linking.filename import SEPARATORS, composed
from labcrate.linking.grammar import read_name
from labcrate.linking.ids import holds_token
from labcrate.linking.place import ELSEWHERE, Area, Place, is_hidden, place_of
from labcrate.linking.rules import LinkingRules
from labcrate.linking.settling import sessions_named


def sessions_of_paths(paths: Iterable[str], rules: LinkingRules) -> Iterator[tuple[str, ...]]:
    """Yield the sessions that each path is linked to, exactly as ``sessions_named`` returns them.

    It is fastest where paths that begin alike come one after the other.
    """
    by_name, by_path = rules.register.by_name, rules.register.by_path
    folders: dict[str, Place] = {}
    names = _Names(rules)
    for path in paths:
        at = path.rfind("/") + 1
        folder, name = path[:at], path[at:]
        place = folders.get(folder)
        if place is None:
            place = folders[folder] = ELSEWHERE if is_hidden(path) else place_of(path, rules.ids)
        own = None
        if name[-4:] == ".mp4" and name[0] != "." and not (by_path and path in by_path):
            if place.area is Area.SHARED:
                own = names.said(name)
            elif place.area is Area.SESSION:
                own = place.sessions
        registered = by_name.get(name if name.isascii() else composed(name))
        if own is None:
            yield sessions_named(path, rules)
        elif registered is None or not registered.sessions or not registered.counts:
            yield own
        elif own:
            yield own if own == registered.sessions else ()
        elif place.sessions or names.hint(name):
            yield sessions_named(path, rules)
        else:
            yield registered.sessions if len(registered.sessions) == 1 else ()


class _Names:
    """What names say of sessions, read once for all names that begin alike."""

    def __init__(self, rules: LinkingRules) -> None:
        self._rules = rules
        self._pattern = _beginning(rules)
        self._read: dict[str, tuple[str, ...]] = {}
        self._doubtful: set[str] = set()
        self._last = "/"  # how no name begins
        self._last_said: tuple[str, ...] = ()

    def said(self, name: str) -> tuple[str, ...]:
        """Return the session that the name of an MP4 says for sure, if any."""
        if name.startswith(self._last):
            return self._last_said
        beginning = self._beginning(name)
        said = self._read.get(beginning)
        if said is None:
            reading = read_name(beginning, self._rules)
            said = self._read[beginning] = () if reading.session is None else (reading.session,)
            if reading.possible:
                self._doubtful.add(beginning)
        follows = name[len(beginning) : len(beginning) + 1]
        if self._rules.prefixes.configured and follows in SEPARATORS:
            # The pattern ends before a separator where it has all its parts: so it does in any name that goes on so.
            self._last, self._last_said = beginning + follows, said
        return said

    def hint(self, name: str) -> bool:
        """Return whether a name that says no session for sure may still mean one."""
        return self._beginning(name) in self._doubtful or holds_token(name)

    def _beginning(self, name: str) -> str:
        """As much of a name as the grammar looks at."""
        if self._pattern is None:
            return name[:-4]
        found = self._pattern.match(name, 0, len(name) - 4)
        return found[0] if found else ""


def _beginning(rules: LinkingRules) -> re.Pattern[str] | None:
    """The pattern of what ``read_name`` looks at; None where it depends on all of a name.

    After a known prefix, that is the prefix and an id, with the separators that these may hold. Where any prefix will
    do, it reaches to the last part that can begin with a marker, and an id from there. What follows is looked at only
    while a description cannot be read.
    """
    if rules.ids.unreadable:
        return None
    part, separator = f"[^{SEPARATORS}]*", f"[{SEPARATORS}]"
    if rules.prefixes.configured:
        return re.compile(f"{part}(?:{separator}{part}){{0,{rules.prefixes.depth + rules.ids.depth}}}")
    return re.compile(f"(?:.*{separator})?[sS]{part}(?:{separator}{part}){{0,{rules.ids.depth}}}", re.DOTALL)
