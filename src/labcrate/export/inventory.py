"""Everything the lab holds, before any one session is looked at."""

import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from labcrate.errors import NoSessionError
from labcrate.lab.documents import read_cameras
from labcrate.lab.folder import SESSIONS, Entry, Kind, Lab
from labcrate.lab.sessions import SessionBook, read_sessions
from labcrate.linking.filename import Prefixes
from labcrate.linking.judging import session_named
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
    prefixes: Prefixes
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
    # The prefixes of all sessions count for all: what is camera "lab_s1" in one session must not
    # read as camera "lab", session 1, in another.
    prefixes = Prefixes([*(c.prefix for c in cameras if c.prefix), *sorted(book.prefixes)])
    linked: dict[int, list[Entry]] = defaultdict(list)
    unlinked = []
    for entry in lab.recordings():
        number = session_named(entry.path, prefixes)
        if number is None:
            unlinked.append(entry)
        else:
            linked[number].append(entry)
    return Inventory(lab, cameras, book, prefixes, {n: tuple(e) for n, e in linked.items()}, tuple(unlinked))
