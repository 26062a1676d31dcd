"""The plan as a value: what goes into the archive, what stays out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from labcrate.lab.folder import printable
from labcrate.lab.lab_files import is_recorder_path, source_of
from labcrate.linking.verdict import Verdict
from labcrate.model.bound import Bound, Reason
from labcrate.model.device import Camera, Device
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.model.recording_time import RecordingTime, TimeSource
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan, from_ns
from labcrate.readings.columns import Column
from labcrate.readings.slice import Readings
from labcrate.readings.topics import BASE_TOPIC

# The first instant that a ZIP's DOS time can tell: for a session of which no time at all is known.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


NOT_BOUNDED = Bound(TimeSpan(), Reason.DESCRIBED)


class State(StrEnum):
    """How whole an export is: the same word everywhere."""

    COMPLETE = "complete"
    WARNINGS = "complete, with warnings"
    INCOMPLETE = "incomplete"


class Only(StrEnum):
    """Which kind of a session's data is wanted."""

    ALL = "all"
    SENSORS = "sensors"
    RECORDINGS = "recordings"


@dataclass(frozen=True, slots=True)
class Options:
    """What of the session is wanted, and how its readings' topics begin.

    ``pad`` widens the readings' window on both sides; ``all_readings`` leaves it open. ``only``,
    ``cameras`` (ids, names or prefixes), ``sensors`` (addresses or names) and ``span`` select; empty
    ones select everything. Recordings that touch the span are taken whole. ``time_zone`` is the IANA zone of times
    without one (None: the session's, else that of ``labcrate.toml``).
    """

    pad: timedelta = timedelta()
    all_readings: bool = False
    base_topic: str = BASE_TOPIC
    only: Only = Only.ALL
    cameras: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    span: TimeSpan = TimeSpan()
    time_zone: str | None = None

    @property
    def partial(self) -> bool:
        """Whether less than the whole session is wanted."""
        return self.only is not Only.ALL or bool(self.cameras or self.sensors) or self.span != TimeSpan()


@dataclass(frozen=True, slots=True)
class PlannedRecording:
    """A recording that goes in.

    ``path`` is relative to the lab folder, as the disk has it, or a recorder's file (``labcrate.lab.lab_files``);
    ``also_at`` are further places with the same name and the same bytes. ``fixity`` is None until the recording is
    indexed.
    """

    member: str
    path: str
    also_at: tuple[str, ...]
    identity: Identity
    fixity: Fixity | None
    probe: Probe
    time: RecordingTime
    verdict: Verdict
    camera: Camera | None

    @property
    def span(self) -> TimeSpan:
        """Return when the recording begins and ends."""
        return self.time.span

    @property
    def start_source(self) -> TimeSource:
        """Return where the start comes from."""
        return self.time.taken.source

    @property
    def source(self) -> str:
        """The path as printable text; a recorder's file by the recorder's name and the path below its folder."""
        return source_of(self.path)

    @property
    def of_recorder(self) -> bool:
        """Whether it is a file of a recorder that knows no sessions."""
        return is_recorder_path(self.path)


class FileKind(StrEnum):
    """What a file of a session is that is no recording."""

    SENSOR_DATA = "sensor data"
    BESIDE = "sensor data of a recording"
    OTHER = "session file"


@dataclass(frozen=True, slots=True)
class SessionFile:
    """A file of the session that goes in as it is: of its own folder, or beside a ``recording`` (that one's path).

    ``columns`` are those of a table whose form is known; ``fixity`` is None until the file is indexed.
    """

    member: str
    path: str
    identity: Identity
    fixity: Fixity | None
    kind: FileKind = FileKind.OTHER
    recording: str | None = None
    columns: tuple[Column, ...] = ()

    @property
    def source(self) -> str:
        """The path as printable text."""
        return printable(self.path)


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
        """The path as printable text."""
        return source_of(self.path)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A file that may have been meant for the session and is not taken; shown to the operator alone."""

    path: str
    verdict: Verdict

    @property
    def source(self) -> str:
        """The path as printable text."""
        return printable(self.path)


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that belongs to the session and cannot be packed."""

    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} {self.why}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known before packing.

    ``left_out`` counts other files by the rule that keeps them out; ``not_chosen`` says what is the
    session's and was not asked for; ``not_taken`` names the session's own files that stay out by a rule. ``bound`` is
    the session's time and where its end comes from; ``zone`` the IANA zone in which times without one were read.
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
    bound: Bound = NOT_BOUNDED
    zone: str | None = None

    @property
    def withheld(self) -> int:
        """The number of the session's own files that were not copied and that nothing in the archive stands for."""
        return sum(one.files for one in self.not_taken if not one.rule.stood_for)

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
        files: tuple[PlannedRecording | SessionFile, ...] = (*self.recordings, *self.session_files)
        if files:
            known.append(from_ns(max(file.identity.mtime_ns for file in files)))
        if self.readings.last is not None:
            known.append(self.readings.last)
        return max(known, default=_EARLIEST)
