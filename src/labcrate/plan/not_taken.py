"""The files of a session's folder that stay out of its archive, and the rules for that."""

from enum import StrEnum

from msgspec import Struct

from labcrate.lab.lab_files import display_path
from labcrate.messages.message import Message


class NotTakenRule(StrEnum):
    """The rule by which a file of the session stays out: a stable word, the same in the plan and the metadata."""

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
    def reason(self) -> Message:
        """Return why the rule keeps files out."""
        return Message(f"not_taken.{self.name.lower()}")

    @property
    def is_in_metadata(self) -> bool:
        """Return whether the archive's metadata have the content of the file."""
        return self in (NotTakenRule.DESCRIPTION, NotTakenRule.REGISTER)


class NotTaken(Struct, frozen=True):
    """A file of the session that stays out; a ``path`` that ends with a slash is a folder with that many ``files``."""

    path: str
    rule: NotTakenRule
    files: int = 1

    @property
    def source(self) -> str:
        """Return the path as printable text, for a recorder's file with the recorder's name before it."""
        return display_path(self.path)


# Files at the top of a session's folder that describe the session, with absolute paths and more in them.
DESCRIPTIONS = frozenset({"session_data.json", "config.json", "session_form_data.json", "session_files.json"})
REGISTER = "recordings.json"
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SYSTEM_FOLDERS = frozenset({"@eadir"})


def not_taken_rule(below: str) -> tuple[NotTakenRule, str] | None:
    """Return the rule that keeps a path out, with the part of the path that matches it, or None.

    ``below`` is the path below the session's folder. For a hidden folder, or one that a storage device made, the part
    is the folder, with a slash at its end.
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
