"""The files of a session's folder that stay out of its archive, and by which rule."""

from dataclasses import dataclass
from enum import StrEnum

from labcrate.lab.lab_files import display_path


class NotTakenRule(StrEnum):
    """The rule by which a file of the session stays out: a stable code, the same in the plan and the metadata."""

    EXCLUDED = "excluded"
    HIDDEN = "hidden file"
    SYSTEM = "system file"
    LOCK = "lock file"
    UNFINISHED = "unfinished copy"
    DESCRIPTION = "description"
    REGISTER = "register"
    ARCHIVE = "labcrate archive"
    LINK = "symbolic link"
    NO_FILE = "no file"
    EMPTY = "empty"

    @property
    def reason(self) -> str:
        """The rule in a few words."""
        return _REASONS[self]

    @property
    def is_in_metadata(self) -> bool:
        """Whether what the file says stands elsewhere in the archive."""
        return self in (NotTakenRule.DESCRIPTION, NotTakenRule.REGISTER)


_REASONS = {
    NotTakenRule.EXCLUDED: "the lab keeps it out (exclude in labcrate.toml)",
    NotTakenRule.HIDDEN: "hidden files are never taken",
    NotTakenRule.SYSTEM: "made by an operating system or a storage device",
    NotTakenRule.LOCK: "the mark of an office program that has a document open",
    NotTakenRule.UNFINISHED: "an unfinished copy; finish it and give it its own name",
    NotTakenRule.DESCRIPTION: "describes the session and may hold paths of the lab's computers; "
    "the metadata stand for it",
    NotTakenRule.REGISTER: "a list of the session's recordings; the metadata stand for it",
    NotTakenRule.ARCHIVE: "an archive that labcrate wrote",
    NotTakenRule.LINK: "symbolic links are never followed",
    NotTakenRule.NO_FILE: "neither file nor folder",
    NotTakenRule.EMPTY: "empty (0 bytes)",
}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A file of the session that stays out; a ``path`` with a slash at its end stands for ``files`` in that folder."""

    path: str
    rule: NotTakenRule
    files: int = 1

    @property
    def source(self) -> str:
        """The path as printable text, with the recorder's name before one of its files."""
        return display_path(self.path)


# At the top of a session's folder: what describes the session, with absolute paths and more in it.
DESCRIPTIONS = frozenset({"session_data.json", "config.json", "session_form_data.json", "session_files.json"})
REGISTER = "recordings.json"
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SYSTEM_FOLDERS = frozenset({"@eadir"})


def not_taken_rule(below: str) -> tuple[NotTakenRule, str] | None:
    """Return the rule that keeps a path out and the part of the path that it is about; None if none does.

    ``below`` is the path below the session's folder. A hidden folder, or one that a storage device made, is named
    once for all that lies in it: with a slash at its end.
    """
    at = 0
    for part in below.split("/"):
        at += len(part)
        if why := _rule_for_part(part, last=at == len(below)):
            return why, below[:at] + ("" if at == len(below) else "/")
        at += 1
    if below in DESCRIPTIONS:
        return NotTakenRule.DESCRIPTION, below
    return (NotTakenRule.REGISTER, below) if below == REGISTER else None


def _rule_for_part(part: str, *, last: bool) -> NotTakenRule | None:
    folded = part.casefold()
    if part.startswith("."):
        return NotTakenRule.HIDDEN
    if folded in _SYSTEM_FOLDERS or (last and folded in _SYSTEM_FILES):
        return NotTakenRule.SYSTEM
    if last and part.startswith("~$"):
        return NotTakenRule.LOCK
    return NotTakenRule.UNFINISHED if last and folded.endswith(".part") else None
