"""Everything the lab holds, before any one session is looked at."""

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labcrate.errors import NoSessionError
from labcrate.lab.documents import read_cameras
from labcrate.lab.folder import SESSION_FOLDER, SESSIONS, Entry, Kind, Lab
from labcrate.lab.sessions import SessionBook, read_sessions
from labcrate.linking.filename import Prefixes
from labcrate.linking.judging import session_named
from labcrate.model.device import Camera
from labcrate.model.session import Session
from labcrate.model.session_id import is_number, resolved, sort_key

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
    linked: Mapping[str, tuple[Entry, ...]]
    unlinked: tuple[Entry, ...]

    @property
    def ids(self) -> list[str]:
        """Every session there is: described by a file, having a folder, or named by a recording."""
        return sorted({*self.book.sessions, *self.book.broken, *self.book.folders, *self.linked}, key=sort_key)

    def resolve(self, text: str) -> str:
        """Return the id of the session that somebody means: ``42``, also ``s42`` or ``Session42``."""
        return resolved(text, self.ids)

    def folder(self, session_id: str) -> str:
        """Return the path of the session's own folder, as the disk spells it where there is one."""
        return self.book.folders.get(session_id, f"{SESSIONS}/{SESSION_FOLDER}{session_id}")

    def session(self, session_id: str) -> Session:
        """One session. Raises NoSessionError, or DocumentError when its description is broken."""
        session = self.book.get(session_id)
        if session is not None:
            return session
        if session_id in self.linked:
            return Session(session_id)
        for entry in self.unlinked:
            if entry.path in (SESSIONS, self.folder(session_id)) and entry.kind in _NOT_ENTERED:
                raise NoSessionError(
                    f"No session {session_id} was found, but {entry.path} {_NOT_ENTERED[entry.kind]} and was left out."
                )
        raise NoSessionError(f"There is no session {session_id} in this lab; {self._instead(session_id)}")

    def _instead(self, session_id: str) -> str:
        ids = self.ids
        if not ids:
            return "it has no sessions at all."
        shown = ", ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
        nearest = _nearest(session_id, ids)
        return f"it has {shown}." + (f" Nearest: {nearest}." if nearest else "")


def _nearest(session_id: str, ids: Sequence[str]) -> str | None:
    """The id that looks most like one that does not exist, or the nearest number; None where nothing is near."""
    folded = {known.casefold(): known for known in reversed(ids)}
    if similar := difflib.get_close_matches(session_id.casefold(), folded, n=1):
        return folded[similar[0]]
    numbers = [int(known) for known in ids if is_number(known)]
    if not is_number(session_id) or not numbers:
        return None
    asked = int(session_id)
    return str(min(numbers, key=lambda number: (abs(number - asked), number)))


def take_inventory(lab: Lab) -> Inventory:
    """Read the lab's descriptions and walk its recordings. Raises DocumentError."""
    cameras = read_cameras(lab)
    book = read_sessions(lab)
    # The prefixes of all sessions count for all: what is camera "lab_s1" in one session must not
    # read as camera "lab", session 1, in another.
    prefixes = Prefixes([*(c.prefix for c in cameras if c.prefix), *sorted(book.prefixes)])
    linked: dict[str, list[Entry]] = defaultdict(list)
    unlinked = []
    for entry in lab.recordings():
        session_id = session_named(entry.path, prefixes)
        if session_id is None:
            unlinked.append(entry)
        else:
            linked[session_id].append(entry)
    return Inventory(lab, cameras, book, prefixes, {n: tuple(e) for n, e in linked.items()}, tuple(unlinked))
