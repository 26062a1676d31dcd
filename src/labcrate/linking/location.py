"""The location of a path in a lab folder, as far as it decides the session."""

from enum import Enum

from msgspec import Struct

from labcrate.linking.filename import to_nfc
from labcrate.linking.ids import SessionIds
from labcrate.model.session import has_leading_zero, is_session_id

SHARED = "recordings/"
_SESSIONS = "sessions/"
_OWN = "Session"


class Area(Enum):
    """The kinds of folder that can contain a file."""

    SHARED = "below recordings/"
    SESSION = "below a session's own folder"
    MISSPELT = "below a folder whose name is almost that of a session"
    ELSEWHERE = "anywhere else"


class PathLocation(Struct, frozen=True):
    """The location of a path.

    ``sessions`` are the sessions whose folder it is (one) or seems to be (also below ``recordings/``). ``folder`` is
    that folder, and ``below`` the path in it.
    """

    area: Area
    sessions: tuple[str, ...] = ()
    folder: str = ""
    below: str = ""

    @property
    def session(self) -> str | None:
        """Return the session whose own, exactly named folder contains the path."""
        return self.sessions[0] if self.area is Area.SESSION else None


ELSEWHERE = PathLocation(Area.ELSEWHERE)
_SHARED = PathLocation(Area.SHARED)


def is_hidden(path: str) -> bool:
    """Return whether any part of a path begins with a dot: hidden files and folders, ``._*`` files, ``..``."""
    return path.startswith(".") or "/." in path


def session_folder(session_id: str) -> str:
    """Return the folder whose files all belong to the session, with a slash at its end."""
    return f"{_SESSIONS}{_OWN}{session_id}/"


def locate_path(path: str, ids: SessionIds) -> PathLocation:
    """Return the location of a path of the lab (relative, with slashes)."""
    if path.startswith(SHARED):
        return _locate_below_recordings(path, ids)
    if not path.startswith(_SESSIONS):
        return ELSEWHERE
    name, slash, below = path[len(_SESSIONS) :].partition("/")
    if not slash:
        return ELSEWHERE
    folder = f"{_SESSIONS}{name}"
    if (session := _session_of_folder(name)) is not None:
        return PathLocation(Area.SESSION, (session,), folder, below)
    seems = _sessions_nearly_named(name, ids)
    return PathLocation(Area.MISSPELT, seems, folder, below) if seems else ELSEWHERE


def _locate_below_recordings(path: str, ids: SessionIds) -> PathLocation:
    """Return the location of a path below ``recordings/``, with the first folder that seems to be a session's."""
    at = len(SHARED)
    while (end := path.find("/", at)) >= 0:
        name = path[at:end]
        if name[:1] in "sS " and (seems := _sessions_nearly_named(name, ids)):
            return PathLocation(Area.SHARED, seems, path[:end], path[end + 1 :])
        at = end + 1
    return _SHARED


def _session_of_folder(name: str) -> str | None:
    """Return the id of the session whose folder has this name; exact but for Unicode composition."""
    session_id = to_nfc(name.removeprefix(_OWN))
    return session_id if name.startswith(_OWN) and is_session_id(session_id) else None


def _sessions_nearly_named(name: str, ids: SessionIds) -> tuple[str, ...]:
    """Return the sessions that a folder's name almost matches: other case, spaces, separators, leading zeros."""
    bare = name.strip(" ")
    if bare[: len(_OWN)].lower() != _OWN.lower():
        return ()
    text = to_nfc(bare[len(_OWN) :].lstrip(" _-"))
    if has_leading_zero(text):
        text = text.lstrip("0") or "0"
    if text.isascii() and text.isdigit():
        return (text,) if is_session_id(text) else ()
    return ids.equal_ignoring_case(text)
