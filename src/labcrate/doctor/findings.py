"""The findings of ``labcrate doctor`` as values: what, how severe, where, and the remedy."""

from dataclasses import dataclass
from enum import StrEnum

from labcrate.messages.message import Message


class FindingKind(StrEnum):
    """The kinds of findings in the order of the report. The codes are stable: JSON and tests use them."""

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
        """Return the heading of the list of these findings."""
        return Message(f"doctor.kind.{self.name.lower()}")


class Severity(StrEnum):
    """How severe a finding is.

    A problem removes something from an archive or stops an export; a warning may do so; a hint does not.
    """

    PROBLEM = "problem"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class LabFinding:
    """One finding about a lab.

    ``session`` is the ID of the session concerned, None for the whole lab. ``command`` is a labcrate command that
    solves it or shows more, as words without ``--lab``. ``places`` are files (relative to the lab folder, printable),
    with a line or key where known. ``count`` is the number of things found, at least the number of places. ``rule`` is
    a finer code within some kinds (the rule of a near miss).
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
