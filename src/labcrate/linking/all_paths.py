"""The sessions of very many paths at once: what ``sessions_named`` says of each, at a fraction of its price.

A lab has a hundred thousand recordings, but few folders and few beginnings of names: each of these is read once.
"""

import re
from collections.abc import Iterable, Iterator

from labcrate.linking.filename import SEPARATORS, composed, stem_of_mp4
from labcrate.linking.grammar import read_name
from labcrate.linking.ids import holds_token
from labcrate.linking.place import Area, Place, is_hidden, place_of
from labcrate.linking.register import UNREGISTERED
from labcrate.linking.rules import LinkingRules
from labcrate.linking.settling import sessions_named


def sessions_of_paths(paths: Iterable[str], rules: LinkingRules) -> Iterator[tuple[str, ...]]:
    """Yield the sessions that each path is linked to, exactly as ``sessions_named`` returns them."""
    by_name, by_path = rules.register.by_name, rules.register.by_path
    folders: dict[str, Place] = {}
    names = _Names(rules)
    for path in paths:
        name = path[path.rfind("/") + 1 :]
        folder = path[: -len(name)]
        place = folders.get(folder)
        if place is None:
            place = folders[folder] = place_of(path, rules.ids)
        own = None
        if name.endswith(".mp4") and path not in by_path and not is_hidden(path):
            own = _own(place) if place.area is not Area.SHARED else names.said(name)
        registered = by_name.get(composed(name), UNREGISTERED)
        if own is None:
            yield sessions_named(path, rules)
        elif not registered.sessions or not registered.counts:
            yield own
        elif own:
            yield own if own == registered.sessions else ()
        elif place.sessions or names.hint(name):
            yield sessions_named(path, rules)
        else:
            yield registered.sessions if len(registered.sessions) == 1 else ()


def _own(place: Place) -> tuple[str, ...] | None:
    """The session in whose folder a recording lies; None where that is not all there is to it."""
    return place.sessions if place.area is Area.SESSION else None


class _Names:
    """What names say of sessions, read once for all names that begin alike."""

    def __init__(self, rules: LinkingRules) -> None:
        self._rules = rules
        self._beginning = _beginning(rules)
        self._read: dict[str, tuple[str, ...]] = {}
        self._doubtful: set[str] = set()

    def said(self, name: str) -> tuple[str, ...]:
        """Return the session that the name of an MP4 says for sure, if any."""
        beginning = self._of(name)
        said = self._read.get(beginning)
        if said is None:
            reading = read_name(beginning, self._rules)
            said = self._read[beginning] = () if reading.session is None else (reading.session,)
            if reading.possible:
                self._doubtful.add(beginning)
        return said

    def hint(self, name: str) -> bool:
        """Return whether a name that says no session for sure may still mean one."""
        return self._of(name) in self._doubtful or holds_token(name)

    def _of(self, name: str) -> str:
        """As much of a name as the grammar looks at."""
        if self._beginning is None:
            return stem_of_mp4(name) or ""
        found = self._beginning.match(name, 0, len(name) - len(".mp4"))
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
