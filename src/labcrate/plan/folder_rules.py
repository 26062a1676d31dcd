"""Which files of a session's folder stay out of its archive by their name alone.

docs/explanation/linking.md, "The rest of the session's folder" and "What is never taken".
"""

from labcrate.plan.not_taken import Why

# At the top of a session's folder: what describes the session, with absolute paths and more in it.
DESCRIPTIONS = frozenset({"session_data.json", "config.json", "session_form_data.json", "session_files.json"})
REGISTER = "recordings.json"
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SYSTEM_FOLDERS = frozenset({"@eadir"})


def kept_out(below: str) -> tuple[Why, str] | None:
    """Return the rule that keeps a path out and the part of the path that it is about; None if none does.

    ``below`` is the path below the session's folder. A hidden folder, or one that a storage device made, is named
    once for all that lies in it: with a slash at its end.
    """
    at = 0
    for part in below.split("/"):
        at += len(part)
        if why := _why(part, last=at == len(below)):
            return why, below[:at] + ("" if at == len(below) else "/")
        at += 1
    if below in DESCRIPTIONS:
        return Why.DESCRIPTION, below
    return (Why.REGISTER, below) if below == REGISTER else None


def _why(part: str, *, last: bool) -> Why | None:
    folded = part.casefold()
    if part.startswith("."):
        return Why.HIDDEN
    if folded in _SYSTEM_FOLDERS or (last and folded in _SYSTEM_FILES):
        return Why.SYSTEM
    if last and part.startswith("~$"):
        return Why.LOCK
    return Why.UNFINISHED if last and folded.endswith(".part") else None
