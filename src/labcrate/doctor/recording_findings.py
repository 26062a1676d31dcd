"""Findings about recordings: camera clocks, and files that do not match their checksums."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.index.byte_checks import DAY_MS, now_ms
from labcrate.index.catalog import Catalog
from labcrate.lab.lab_files import display_path
from labcrate.linking.verdict import Verdict
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.recording import ClockNote, Probe, RecordingTime
from labcrate.model.timespan import format_duration, format_instant, from_ns
from labcrate.plan.inventory import Inventory
from labcrate.plan.planner import CHECK_COMMAND


@dataclass(frozen=True, slots=True)
class LinkedRecording:
    """A recording of a session that was probed; ``path`` is relative to the lab folder."""

    path: str
    probe: Probe
    time: RecordingTime
    verdict: Verdict
    camera: Camera | None

    @property
    def source(self) -> str:
        """Return the path as printable text."""
        return printable(self.path)


@dataclass(slots=True)
class _CameraClock:
    """What the recordings of one camera show about its clock."""

    name: str
    total: int = 0
    apart_s: float = 0.0
    disagreeing: list[str] = field(default_factory=list)
    files_by_note: dict[ClockNote, list[str]] = field(default_factory=lambda: defaultdict(list))


class CameraClocks:
    """The recordings' times, collected by camera."""

    def __init__(self) -> None:
        self._of_camera: dict[str | None, _CameraClock] = {}

    def add(self, recording: LinkedRecording) -> None:
        """Add one recording."""
        camera, key = recording.camera, recording.verdict.camera
        clock = self._of_camera.get(key if camera else None)
        if clock is None:
            name = printable(camera.name or camera.id) if camera else ""
            clock = self._of_camera[key if camera else None] = _CameraClock(name)
        clock.total += 1
        if recording.time.max_difference_s:
            clock.disagreeing.append(recording.source)
            clock.apart_s = max(clock.apart_s, recording.time.max_difference_s)
        for note in recording.time.notes:
            clock.files_by_note[note].append(recording.source)

    def findings(self, session_id: str | None) -> Iterator[LabFinding]:
        """Yield the findings about each camera's clock; ``session_id`` is set if only its recordings were added."""
        for clock in self._of_camera.values():
            yield from _clock_findings(clock, session_id)


def _clock_findings(clock: _CameraClock, session_id: str | None) -> Iterator[LabFinding]:
    camera = clock.name or "?"
    if clock.disagreeing:
        local = clock.files_by_note.get(ClockNote.LOCAL_TIME, [])
        what = Message(
            "doctor.clock.local" if local else "doctor.clock.apart",
            camera=camera,
            count=len(clock.disagreeing),
            total=clock.total,
            size=_format_difference(clock.apart_s),
        )
        remedy = Message("doctor.clock.local_remedy" if local else "doctor.clock.remedy")
        yield _make_finding(FindingKind.CLOCK, what, remedy, session_id, clock.disagreeing)
    for note, kind, topic in (
        (ClockNote.NO_ZONE, FindingKind.TIME_ZONE, "no_zone"),
        (ClockNote.REPEATED_HOUR, FindingKind.CLOCK, "repeated"),
        (ClockNote.SKIPPED_HOUR, FindingKind.CLOCK, "skipped"),
    ):
        if files := clock.files_by_note.get(note):
            what = Message(f"doctor.clock.{topic}", camera=camera, count=len(files), total=clock.total)
            remedy = Message("doctor.zone.remedy" if kind is FindingKind.TIME_ZONE else "doctor.clock.hour_remedy")
            yield _make_finding(kind, what, remedy, session_id, files)


def _make_finding(
    kind: FindingKind, what: Message, remedy: Message, session: str | None, files: list[str]
) -> LabFinding:
    return LabFinding(kind, Severity.WARNING, what, remedy, session, places=tuple(files), count=len(files))


def _format_difference(seconds: float) -> str:
    return f"{format_duration(seconds)} ({seconds:,.0f} s)" if seconds >= 60 else f"{seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Confirmations:
    """How many ``files`` of a lab have checksums, and how many of them were ``confirmed`` in the last ``days``.

    ``oldest`` is the oldest of these confirmations; it is None if a file was never confirmed or there are no files.
    ``differing`` files do not match their checksum.
    """

    files: int
    confirmed: int
    oldest: datetime | None
    differing: int
    days: int

    @property
    def message(self) -> Message:
        """Return the figures as a sentence."""
        values = {"confirmed": self.confirmed, "files": self.files, "count": self.days, "differing": self.differing}
        if self.oldest is None:
            return Message("doctor.bytes.figures", **values)
        return Message("doctor.bytes.figures_oldest", **values, oldest=f"{self.oldest:%Y-%m-%d}")

    def as_object(self) -> dict[str, Any]:
        """Return the figures as a JSON object."""
        return {
            "files": self.files,
            "confirmed": self.confirmed,
            "oldest": format_instant(self.oldest) if self.oldest else None,
            "differing": self.differing,
            "days": self.days,
        }


def count_confirmations(inventory: Inventory, catalog: Catalog) -> Confirmations:
    """Count the confirmations in the index of a lab. Raises CatalogError."""
    days = inventory.settings.confirm_days
    files, confirmed, oldest_ms = catalog.count_confirmed(now_ms() - days * DAY_MS)
    oldest = from_ns(oldest_ms * 1_000_000) if oldest_ms else None
    return Confirmations(files, confirmed, oldest, len(find_differing_files(inventory, catalog)), days)


def find_differing_files(inventory: Inventory, catalog: Catalog) -> Sequence[str]:
    """Return the files that do not match their checksum and have not changed since that was found. Raises CatalogError.

    A file that changed since then (restored or touched) is hashed again at its next use.
    """
    found: Mapping[str, Identity] = {path: one.identity for path, one in catalog.differing_files().items()}
    present = {}
    for path in found:
        try:
            present[path] = inventory.files.identity(path)
        except OSError:
            continue
    return [path for path, one in catalog.lookup(present).items() if one.differs_ms is not None]


def byte_findings(inventory: Inventory, catalog: Catalog, session_id: str | None) -> Iterator[LabFinding]:
    """Yield the files of a lab, or of one session, that do not match their checksum, once for each session.

    Raises CatalogError.
    """
    for path in find_differing_files(inventory, catalog):
        sessions: list[str | None] = [*_sessions_of(inventory, path)]
        for session in sessions or [None]:
            if session_id in (None, session):
                yield LabFinding(
                    FindingKind.BYTES,
                    Severity.PROBLEM,
                    Message("doctor.bytes", file=display_path(path)),
                    Message("bytes.differ.remedy"),
                    session,
                    command=CHECK_COMMAND,
                    places=(display_path(path),),
                )


def _sessions_of(inventory: Inventory, path: str) -> Iterator[str]:
    for session in inventory.ids:
        own = path.startswith(f"{inventory.folder(session)}/")
        if own or any(entry.path == path for entry in inventory.linked.get(session, ())):
            yield session
