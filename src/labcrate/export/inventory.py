"""Everything the lab holds, before any one session is looked at."""

import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from labcrate.errors import NoSessionError
from labcrate.lab.documents import read_cameras
from labcrate.lab.folder import SESSIONS, Entry, Kind, Lab
from labcrate.lab.sessions import SessionBook, read_sessions
from labcrate.linking.prefixes import CameraNames
from labcrate.linking.rules import LinkingRules
from labcrate.linking.settling import sessions_named
from labcrate.model.device import Camera
from labcrate.model.session import Session

_NOT_ENTERED = {
    Kind.LINK: "is a symbolic link, which labcrate never follows,",
    Kind.UNREADABLE: "is a folder without permission to read it",
}


@dataclass(frozen=True, slots=True)
class Inventory:
    """The lab's cameras, sessions and recordings; ``linked`` holds the entries of each session."""

    lab: Lab
    cameras: tuple[Camera, ...]
    book: SessionBook
    rules: LinkingRules
    linked: Mapping[int, tuple[Entry, ...]]
    unlinked: tuple[Entry, ...]

    @property
    def numbers(self) -> list[int]:
        """Every session there is: described by a file, having a folder, or named by a recording."""
        return sorted({*self.book.sessions, *self.book.broken, *self.book.folders, *self.linked})

    def session(self, number: int) -> Session:
        """One session. Raises NoSessionError, or DocumentError when its description is broken."""
        session = self.book.get(number)
        if session is not None:
            return session
        if number in self.linked:
            return Session(number)
        for entry in self.unlinked:
            if entry.path in (SESSIONS, f"{SESSIONS}/Session{number}") and entry.kind in _NOT_ENTERED:
                raise NoSessionError(
                    f"No session {number} was found, but {entry.path} {_NOT_ENTERED[entry.kind]} and was left out."
                )
        raise NoSessionError(f"There is no session {number} in this lab; {self._instead(number)}")

    def _instead(self, number: int) -> str:
        numbers = self.numbers
        if not numbers:
            return "it has no sessions at all."
        shown = ", ".join(map(str, numbers[:12])) + (f" and {len(numbers) - 12} more" if len(numbers) > 12 else "")
        similar = difflib.get_close_matches(str(number), map(str, numbers), n=1)
        nearest = similar[0] if similar else str(min(numbers, key=lambda n: (abs(n - number), n)))
        return f"it has {shown}. Nearest: {nearest}."


def take_inventory(lab: Lab) -> Inventory:
    """Read the lab's descriptions and walk its recordings. Raises DocumentError."""
    cameras = read_cameras(lab)
    book = read_sessions(lab)
    rules = LinkingRules.build(
        cameras=[CameraNames(c.id, c.id, c.name, c.prefix) for c in cameras],
        selections=_selections(cameras, book),
        session_ids=[*book.sessions, *book.broken, *book.folders],
        prefix_configured=bool(book.prefixes),
    )
    linked: dict[int, list[Entry]] = defaultdict(list)
    unlinked = []
    for entry in lab.recordings():
        numbers = sessions_named(entry.path, rules)
        for number in numbers:
            linked[number].append(entry)
        if not numbers:
            unlinked.append(entry)
    return Inventory(lab, cameras, book, rules, {n: tuple(e) for n, e in linked.items()}, tuple(unlinked))


def _selections(cameras: tuple[Camera, ...], book: SessionBook) -> dict[str, list[CameraNames]]:
    """The cameras that each session selected, called as the session or else the lab calls them."""
    known = {camera.id: camera for camera in cameras}
    return {
        number: [
            CameraNames(c.id, c.id, c.name or lab.name, c.prefix or lab.prefix)
            for c in session.cameras
            for lab in (known.get(c.id, Camera(c.id)),)
        ]
        for number, session in book.sessions.items()
    }
