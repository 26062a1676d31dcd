"""The plan as a value: what goes into the archive, what stays out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from labcrate.index.records import SecretSearch
from labcrate.lab.lab_files import display_path, is_recorder_path
from labcrate.linking.verdict import Verdict
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

# The first instant that a ZIP's DOS time can tell: for a session of which no time at all is known.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


UNKNOWN_BOUND = SessionBound(TimeSpan(), EndReason.DESCRIBED)


class State(StrEnum):
    """How whole an export is: the same word everywhere."""

    COMPLETE = "complete"
    WARNINGS = "complete, with warnings"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class PlannedRecording:
    """A recording that goes in.

    ``path`` is relative to the lab folder, as the disk has it, or a recorder's file (``labcrate.lab.lab_files``);
    ``also_at`` are further places with the same name and the same bytes. ``fixity`` is what is packed has, None until
    that is known; ``search`` what a search for secrets found, None until there was one. ``shown`` is the path without
    secrets.
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
    shown: str | None = None

    @property
    def size_bytes(self) -> int:
        """Return how large the member is: a text that was redacted has another size than its file."""
        return self.fixity.size_bytes if self.fixity else self.identity.size_bytes

    @property
    def span(self) -> TimeSpan:
        """Return when the recording begins and ends."""
        return self.time.span

    @property
    def start_source(self) -> TimeSource:
        """Return where the start comes from."""
        return self.time.chosen.source

    @property
    def source(self) -> str:
        """The path as printable text; a recorder's file by the recorder's name and the path below its folder."""
        return self.shown or display_path(self.path)

    @property
    def is_from_recorder(self) -> bool:
        """Whether it is a file of a recorder that knows no sessions."""
        return is_recorder_path(self.path)


class FileKind(StrEnum):
    """What a file of a session is that is no recording."""

    SENSOR_DATA = "sensor data"
    SIDECAR = "sensor data of a recording"
    OTHER = "session file"


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file of the session that goes in as it is: of its own folder, or beside a ``recording`` (that one's path).

    ``columns`` are those of a table whose form is known; ``fixity``, ``search`` and ``shown`` are as a recording has
    them.
    """

    member: str
    path: str
    identity: Identity
    fixity: Fixity | None
    kind: FileKind = FileKind.OTHER
    recording: str | None = None
    columns: tuple[Column, ...] = ()
    search: SecretSearch | None = None
    shown: str | None = None

    @property
    def size_bytes(self) -> int:
        """Return how large the member is: a text that was redacted has another size than its file."""
        return self.fixity.size_bytes if self.fixity else self.identity.size_bytes

    @property
    def source(self) -> str:
        """The path as printable text."""
        return self.shown or printable(self.path)


CopiedFile = PlannedRecording | SessionFile
"""A file of the lab that goes in as it is."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A file that may have been meant for the session and is not taken; shown to the operator alone, as ``shown``."""

    path: str
    verdict: Verdict
    shown: str | None = None

    @property
    def source(self) -> str:
        """The path as printable text."""
        return self.shown or printable(self.path)


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that belongs to the session and cannot be packed; ``command`` mends it or leads on (no ``--lab``)."""

    what: str
    why: str
    remedy: str
    command: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"{self.what} {self.why}"


class SecretTreatment(StrEnum):
    """What becomes of a file that holds a secret."""

    REFUSED = "refused"
    REDACTED = "redacted"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that is to be copied and holds a secret: which ``kinds``, never the values.

    ``redactable`` says whether they can be taken out; ``places`` counts them.
    """

    member: str
    source: str
    kinds: tuple[str, ...]
    places: int
    redactable: bool
    treatment: SecretTreatment = SecretTreatment.REFUSED

    @property
    def kinds_text(self) -> str:
        """The kinds as words: ``a camera's password and a network address``."""
        *most, last = self.kinds
        return f"{', '.join(most)} and {last}" if most else last


@dataclass(frozen=True, slots=True)
class Secrecy:
    """What was done to keep the lab's secrets out of an archive.

    ``blanked`` are the places in the lab's descriptions, ``messages`` the sensors' messages from which something was
    removed; ``files`` hold a secret, ``not_searched`` are members that are compressed. ``pending`` are files that are
    so large that they are searched when an archive is made: never of an archive. ``unread`` are files of the lab that
    could not be read for their secrets: those were searched for nowhere.
    """

    blanked: tuple[str, ...] = ()
    messages: int = 0
    files: tuple[SecretFile, ...] = ()
    not_searched: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[SecretFile, ...]:
        """The files because of which nothing may be packed."""
        return tuple(one for one in self.files if one.treatment is SecretTreatment.REFUSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known before packing.

    ``left_out`` counts other files by the rule that keeps them out; ``not_chosen`` says what is the
    session's and was not asked for; ``not_taken`` names the session's own files that stay out by a rule. ``pad`` is
    what the window was widened by; ``bound`` is the session's time and where its end comes from; ``zone`` is the IANA
    zone in which times without one were read. ``secrecy`` says where secrets were found. No text of it holds one.
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
    not_taken: tuple[NotTaken, ...] = ()
    pad: timedelta = timedelta()
    bound: SessionBound = UNKNOWN_BOUND
    zone: str | None = None
    secrecy: Secrecy = Secrecy()

    @property
    def copied(self) -> tuple[CopiedFile, ...]:
        """All files of the lab that go in: recordings, then the session's other files."""
        return (*self.recordings, *self.session_files)

    @property
    def withheld(self) -> int:
        """The number of the session's own files that were not copied and that nothing in the archive stands for."""
        return sum(one.files for one in self.not_taken if not one.rule.is_in_metadata)

    @property
    def state(self) -> State:
        """Whether the archive of this plan is whole."""
        if self.missing:
            return State.INCOMPLETE
        return State.WARNINGS if self.warnings else State.COMPLETE

    @property
    def latest_change(self) -> datetime:
        """The last instant among the session's own data: the date of every generated document.

        The lab's shared files do not count: they change with every reading of the next session, and
        this session's archive must not.
        """
        known = [instant for instant in (self.session.span.start, self.session.span.end) if instant]
        if self.copied:
            known.append(from_ns(max(file.identity.mtime_ns for file in self.copied)))
        if self.readings.last is not None:
            known.append(self.readings.last)
        return max(known, default=_EARLIEST)
