"""The session's own files that stay out of its archive, and by which rule."""

from dataclasses import dataclass
from enum import StrEnum

from labcrate.lab.lab_files import source_of


class Why(StrEnum):
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
    def stood_for(self) -> bool:
        """Whether what the file says stands elsewhere in the archive."""
        return self in (Why.DESCRIPTION, Why.REGISTER)


_REASONS = {
    Why.EXCLUDED: "the lab keeps it out (exclude in labcrate.toml)",
    Why.HIDDEN: "hidden files are never taken",
    Why.SYSTEM: "made by an operating system or a storage device",
    Why.LOCK: "the mark of an office program that has a document open",
    Why.UNFINISHED: "an unfinished copy; finish it and give it its own name",
    Why.DESCRIPTION: "describes the session and may hold paths of the lab's computers; the metadata stand for it",
    Why.REGISTER: "a list of the session's recordings; the metadata stand for it",
    Why.ARCHIVE: "an archive that labcrate wrote",
    Why.LINK: "symbolic links are never followed",
    Why.NO_FILE: "neither file nor folder",
    Why.EMPTY: "empty (0 bytes)",
}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A file of the session that stays out; a ``path`` with a slash at its end stands for ``files`` in that folder."""

    path: str
    rule: Why
    files: int = 1

    @property
    def source(self) -> str:
        """The path as printable text, with the recorder's name before one of its files."""
        return source_of(self.path)
