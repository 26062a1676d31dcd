"""Where in a lab folder a path lies, as far as that decides which session it belongs to."""

from dataclasses import dataclass
from enum import Enum

from labcrate.linking.filename import to_nfc
from labcrate.linking.ids import SessionIds
from labcrate.model.session import has_leading_zero, is_session_id

SHARED = "recordings/"
_SESSIONS = "sessions/"
_OWN = "Session"


class Area(Enum):
    """The kinds of folder that a file can lie in."""

    SHARED = "below recordings/"
    SESSION = "below a session's own folder"
    MISSPELT = "below a folder that is nearly called like a session's"
    ELSEWHERE = "anywhere else"


@dataclass(frozen=True, slots=True)
class PathLocation:
    """Where a path lies. ``sessions`` are those whose folder that is (one) or seems to be (below ``recordings/`` too).

    ``folder`` is that folder, and ``below`` the path in it.
    """

    area: Area
    sessions: tuple[str, ...] = ()
    folder: str = ""
    below: str = ""

    @property
    def session(self) -> str | None:
        """The session in whose own folder the path lies, spelt exactly."""
        return self.sessions[0] if self.area is Area.SESSION else None


ELSEWHERE = PathLocation(Area.ELSEWHERE)
_SHARED = PathLocation(Area.SHARED)


def is_hidden(path: str) -> bool:
    """Whether any component begins with a dot: hidden files and folders, ``._*`` files, ``..``."""
    return path.startswith(".") or "/." in path


def session_folder(session_id: str) -> str:
    """The folder whose files all belong to the session, with a slash at its end."""
    return f"{_SESSIONS}{_OWN}{session_id}/"


def locate_path(path: str, ids: SessionIds) -> PathLocation:
    """Where a path of the lab (relative, with slashes) lies."""
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
    """A session's folder that was put into ``recordings/``: the first folder on the way that seems to be one."""
    at = len(SHARED)
    while (end := path.find("/", at)) >= 0:
        name = path[at:end]
        if name[:1] in "sS " and (seems := _sessions_nearly_named(name, ids)):
            return PathLocation(Area.SHARED, seems, path[:end], path[end + 1 :])
        at = end + 1
    return _SHARED


def _session_of_folder(name: str) -> str | None:
    """The id of the session whose folder is called so; the spelling is exact but for Unicode composition."""
    session_id = to_nfc(name.removeprefix(_OWN))
    return session_id if name.startswith(_OWN) and is_session_id(session_id) else None


def _sessions_nearly_named(name: str, ids: SessionIds) -> tuple[str, ...]:
    """The sessions that a folder's name nearly says: other case, spaces, separators, leading zeros."""
    bare = name.strip(" ")
    if bare[: len(_OWN)].lower() != _OWN.lower():
        return ()
    text = to_nfc(bare[len(_OWN) :].lstrip(" _-"))
    if has_leading_zero(text):
        text = text.lstrip("0") or "0"
    if text.isascii() and text.isdigit():
        return (text,) if is_session_id(text) else ()
    return ids.equal_ignoring_case(text)
