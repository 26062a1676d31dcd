"""The plan of an export as a value: what goes into the archive, what stays out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from labcrate.index.records import SecretSearch
from labcrate.lab.lab_files import display_path, is_recorder_path
from labcrate.linking.verdict import Verdict
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe, RecordingTime, TimeSource
from labcrate.model.session import Session
from labcrate.model.session_bound import EndReason, SessionBound
from labcrate.model.timespan import TimeSpan, from_ns
from labcrate.plan.not_taken import NotTaken
from labcrate.plan.options import Options
from labcrate.readings.load.slice import Readings
from labcrate.readings.write.columns import Column

# The first instant that a ZIP's DOS time can hold: the date of documents if no time is known.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


UNKNOWN_BOUND = SessionBound(TimeSpan(), EndReason.DESCRIBED)


class State(StrEnum):
    """Whether an export has everything that belongs to the session: the same word everywhere."""

    COMPLETE = "complete"
    WARNINGS = "complete, with warnings"
    INCOMPLETE = "incomplete"


class PlannedRecording(Struct, frozen=True):
    """A recording that is exported.

    ``path`` is relative to the lab folder, spelled as on disk, or a recorder's file (``labcrate.lab.lab_files``);
    ``duplicate_paths`` are further files with the same name and bytes. ``fixity`` is that of the packed bytes, None
    while unknown; ``search`` is the result of the search for secrets, None before it. ``clean_path`` is the path
    without secrets, None if it has none.
    """

    member: str
    path: str
    duplicate_paths: tuple[str, ...]
    identity: Identity
    fixity: Fixity | None
    probe: Probe
    time: RecordingTime
    verdict: Verdict
    camera: Camera | None
    search: SecretSearch | None = None
    clean_path: str | None = None

    @property
    def size_bytes(self) -> int:
        """Return the size of the member: a redacted text has another size than its file."""
        return self.fixity.size_bytes if self.fixity else self.identity.size_bytes

    @property
    def span(self) -> TimeSpan:
        """Return the start and end of the recording."""
        return self.time.span

    @property
    def start_source(self) -> TimeSource:
        """Return the source of the start."""
        return self.time.chosen.source

    @property
    def source(self) -> str:
        """Return the path as printable text, for a recorder's file with the recorder's name before it."""
        return self.clean_path or display_path(self.path)

    @property
    def is_from_recorder(self) -> bool:
        """Return whether it is a file of a recorder, whose names have no sessions."""
        return is_recorder_path(self.path)


class FileKind(StrEnum):
    """The kinds of a session's files other than recordings."""

    SENSOR_DATA = "sensor data"
    SIDECAR = "sensor data of a recording"
    OTHER = "session file"


class SessionFile(Struct, frozen=True):
    """A file of the session that is copied: from its own folder, or next to a ``recording`` (with that path).

    ``columns`` are those of a table of a known form; ``fixity``, ``search`` and ``clean_path`` are as in a recording.
    """

    member: str
    path: str
    identity: Identity
    fixity: Fixity | None
    kind: FileKind = FileKind.OTHER
    recording: str | None = None
    columns: tuple[Column, ...] = ()
    search: SecretSearch | None = None
    clean_path: str | None = None

    @property
    def size_bytes(self) -> int:
        """Return the size of the member: a redacted text has another size than its file."""
        return self.fixity.size_bytes if self.fixity else self.identity.size_bytes

    @property
    def source(self) -> str:
        """Return the path as printable text."""
        return self.clean_path or printable(self.path)


CopiedFile = PlannedRecording | SessionFile
"""A file of the lab that is copied."""


class NearMiss(Struct, frozen=True):
    """A file that may belong to the session and is not exported; only operators see it, as ``clean_path``."""

    path: str
    verdict: Verdict
    clean_path: str | None = None

    @property
    def source(self) -> str:
        """Return the path as printable text."""
        return self.clean_path or printable(self.path)


class Missing(Struct, frozen=True):
    """Something that belongs to the session and cannot be packed; ``command`` is one that helps (without ``--lab``)."""

    what: str
    why: str
    remedy: str
    command: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return Message("missing.line", what=self.what, why=self.why)

    @property
    def sentence(self) -> Message:
        """Return what is missing and why, with a full stop."""
        return Message("missing.line" if self.why.endswith(".") else "missing.sentence", what=self.what, why=self.why)


class SecretTreatment(StrEnum):
    """What happens to a file that holds a secret."""

    REFUSED = "refused"
    REDACTED = "redacted"
    ALLOWED = "allowed"


class SecretFile(Struct, frozen=True):
    """A file to be copied that holds a secret: the ``kinds`` of secrets, never the values.

    ``redactable`` says whether they can be removed; ``places`` is their number.
    """

    member: str
    source: str
    kinds: tuple[str, ...]
    places: int
    redactable: bool
    treatment: SecretTreatment = SecretTreatment.REFUSED

    @property
    def kinds_text(self) -> Message:
        """Return the kinds as text: ``a camera's password and a network address``."""
        return Message("secrets.kinds", kinds=list(self.kinds))


class Secrecy(Struct, frozen=True):
    """What was done to keep the lab's secrets out of an archive.

    ``blanked`` are the places in the lab's descriptions and ``messages`` is the number of sensor messages from which
    something was removed; ``files`` hold a secret; ``not_searched`` are members that are compressed. ``pending`` are
    files that are searched only when an archive is made, because they are large: an archive has none. ``unread`` are
    files of the lab that could not be read, so that the secrets in them are unknown.
    """

    blanked: tuple[str, ...] = ()
    messages: int = 0
    files: tuple[SecretFile, ...] = ()
    not_searched: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[SecretFile, ...]:
        """Return the files that stop the export."""
        return tuple(one for one in self.files if one.treatment is SecretTreatment.REFUSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is known before packing.

    ``left_out`` counts other files by the rule that keeps them out; ``not_chosen`` has messages about what is the
    session's and was not chosen, ``tables_left_out`` those about tables that were to be left out, which leaves out no
    reading; ``not_taken`` lists the session's own files that stay out by a rule. ``pad`` is by how much the window was
    extended; ``bound`` is the session's time with the source of its end; ``zone`` is the IANA zone in which times
    without one were read. ``secrecy`` says where secrets were found. No text of a plan holds a secret.
    """

    session: Session
    options: Options
    window: TimeSpan
    cameras: tuple[Camera, ...]
    devices: tuple[Device, ...]
    recordings: tuple[PlannedRecording, ...]
    session_files: tuple[SessionFile, ...]
    readings: Readings
    near_misses: tuple[NearMiss, ...]
    left_out: Mapping[str, int]
    missing: tuple[Missing, ...] = ()
    warnings: tuple[str, ...] = ()
    not_chosen: tuple[str, ...] = ()
    tables_left_out: tuple[str, ...] = ()
    not_taken: tuple[NotTaken, ...] = ()
    pad: timedelta = timedelta()
    bound: SessionBound = UNKNOWN_BOUND
    zone: str | None = None
    secrecy: Secrecy = Secrecy()

    @property
    def copied(self) -> tuple[CopiedFile, ...]:
        """Return all files of the lab that are copied: recordings, then the session's other files."""
        return (*self.recordings, *self.session_files)

    @property
    def withheld(self) -> int:
        """Return the number of the session's own files that are not copied and not replaced by the metadata."""
        return sum(one.files for one in self.not_taken if not one.rule.is_in_metadata)

    @property
    def state(self) -> State:
        """Return whether the archive of this plan has everything."""
        if self.missing:
            return State.INCOMPLETE
        return State.WARNINGS if self.warnings else State.COMPLETE

    @property
    def latest_change(self) -> datetime:
        """Return the last instant in the session's own data: the date of every generated document.

        The lab's shared files do not count: they change with every reading of the next session, and this session's
        archive must stay the same.
        """
        known = [instant for instant in (self.session.span.start, self.session.span.end) if instant]
        if self.copied:
            known.append(from_ns(max(file.identity.mtime_ns for file in self.copied)))
        if self.readings.last is not None:
            known.append(self.readings.last)
        return max(known, default=_EARLIEST)
