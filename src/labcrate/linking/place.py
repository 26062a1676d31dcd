"""Where in a lab folder a path lies, as far as that decides which session it belongs to."""

import re
from enum import Enum

from labcrate.linking.filename import LONGEST_NUMBER

SHARED = "recordings/"
_SESSION = re.compile(rf"sessions/Session(0|[1-9][0-9]{{0,{LONGEST_NUMBER - 1}}})/recordings/", re.ASCII)
_MISSPELT = re.compile(r"sessions/ *session[ _-]*0*([0-9]+) */recordings/", re.ASCII | re.IGNORECASE)


class Area(Enum):
    """The kinds of folder that a file can lie in."""

    SHARED = "below recordings/"
    SESSION = "below a session's recordings folder"
    MISSPELT = "below a folder that is nearly called like a session's"
    ELSEWHERE = "anywhere else"


def is_hidden(path: str) -> bool:
    """Whether any component begins with a dot: hidden files and folders, ``._*`` files, ``..``."""
    return path.startswith(".") or "/." in path


def own_folder(asked: str) -> str:
    """The folder whose MP4s all belong to the session, with a slash at its end."""
    return f"sessions/Session{asked}/recordings/"


def session_of_folder(path: str) -> str | None:
    """The number of the session in whose recordings folder the path lies; the spelling is exact."""
    found = _SESSION.match(path)
    return found[1] if found else None


def place_of(path: str) -> tuple[Area, str | None]:
    """Where a path of the lab (relative, with slashes) lies.

    With it comes the number (in digits) of the session whose folder that is or seems to be.
    """
    if path.startswith(SHARED):
        return Area.SHARED, None
    if number := session_of_folder(path):
        return Area.SESSION, number
    if found := _MISSPELT.match(path):
        return Area.MISSPELT, found[1]
    return Area.ELSEWHERE, None
