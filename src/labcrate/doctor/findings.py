"""Findings as values: what was found, how bad it is, where, and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from labcrate.messages.message import Message


class FindingKind(StrEnum):
    """The kinds of finding, in the order in which they are shown: stable codes, the same in JSON and tests."""

    SETTINGS = "settings"
    DOCUMENT = "document"
    REFUSED_ID = "refused id"
    FOLDER_NAME = "folder name"
    ACTIVE = "active session"
    DESCRIPTION = "description"
    UNBOUNDED = "no end"
    CLOCK = "clock"
    TIME_ZONE = "time zone"
    SECRET = "secret"  # noqa: S105 - a kind
    ROWS = "unread rows"
    NEAR_MISS = "near miss"
    MISSING = "missing file"
    BYTES = "other bytes"
    DAMAGED = "damaged recording"
    EMPTY = "empty file"
    RECORDING = "recording"
    REGISTER = "register"
    PREFIX = "shared prefix"
    SENSOR = "sensor"
    KEPT_OUT = "kept out"
    UNKNOWN = "unknown file"
    EXCLUDE = "exclude"

    @property
    def heading(self) -> Message:
        """Return the kind as the heading of a list."""
        return Message(f"doctor.kind.{self.name.lower()}")


class Severity(StrEnum):
    """How bad a finding is.

    A problem takes something away from an archive or stops an export; a warning may; a hint does not.
    """

    PROBLEM = "problem"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class LabFinding:
    """One thing that was found in a lab.

    ``session`` is the id of the session that it is about, None for the whole lab. ``command`` is a command of labcrate
    that mends it or shows more, in words, without ``--lab``. ``places`` are files (relative to the lab folder,
    printable), with line or key where that is known. ``count`` is how many things were found, at least the number of
    places; ``rule`` is a finer code within some kinds (the rule of a near miss).
    """

    kind: FindingKind
    severity: Severity
    what: str
    remedy: str
    session: str | None = None
    command: tuple[str, ...] | None = None
    places: tuple[str, ...] = ()
    count: int = 1
    rule: str | None = None
