"""Findings about cameras' clocks: one of each kind a camera, over all the recordings that were looked at."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from labcrate.doctor.findings import Finding, FindingKind, Severity
from labcrate.lab.folder import printable
from labcrate.linking.verdict import Verdict
from labcrate.model.device import Camera
from labcrate.model.message import Message
from labcrate.model.recording import ClockNote, Probe, RecordingTime
from labcrate.model.timespan import format_duration


@dataclass(frozen=True, slots=True)
class Seen:
    """A recording of a session that was looked into; ``path`` is relative to the lab folder."""

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
class _Clock:
    """What the recordings of one camera say of its clock."""

    name: str
    total: int = 0
    apart_s: float = 0.0
    apart: list[str] = field(default_factory=list)
    noted: dict[ClockNote, list[str]] = field(default_factory=lambda: defaultdict(list))


class Clocks:
    """Gathers recordings' times, camera by camera."""

    def __init__(self) -> None:
        self._of_camera: dict[str | None, _Clock] = {}

    def add(self, recording: Seen) -> None:
        """Take one recording into account."""
        camera, key = recording.camera, recording.verdict.camera
        clock = self._of_camera.get(key if camera else None)
        if clock is None:
            name = printable(camera.name or camera.id) if camera else ""
            clock = self._of_camera[key if camera else None] = _Clock(name)
        clock.total += 1
        if recording.time.apart_s:
            clock.apart.append(recording.source)
            clock.apart_s = max(clock.apart_s, recording.time.apart_s)
        for note in recording.time.notes:
            clock.noted[note].append(recording.source)

    def findings(self, session_id: str | None) -> Iterator[Finding]:
        """Yield what is wrong with each camera's clock; of a session alone where only its recordings were added."""
        for clock in self._of_camera.values():
            yield from _of(clock, session_id)


def _of(clock: _Clock, session_id: str | None) -> Iterator[Finding]:
    camera = clock.name or "?"
    if clock.apart:
        local = clock.noted.get(ClockNote.LOCAL_TIME, [])
        what = Message(
            "doctor.clock.local" if local else "doctor.clock.apart",
            camera=camera,
            count=len(clock.apart),
            total=clock.total,
            size=_size(clock.apart_s),
        )
        remedy = Message("doctor.clock.local_remedy" if local else "doctor.clock.remedy")
        yield _finding(FindingKind.CLOCK, what, remedy, session_id, clock.apart)
    for note, kind, word in (
        (ClockNote.NO_ZONE, FindingKind.TIME_ZONE, "no_zone"),
        (ClockNote.REPEATED_HOUR, FindingKind.CLOCK, "repeated"),
        (ClockNote.SKIPPED_HOUR, FindingKind.CLOCK, "skipped"),
    ):
        if files := clock.noted.get(note):
            what = Message(f"doctor.clock.{word}", camera=camera, count=len(files), total=clock.total)
            remedy = Message("doctor.zone.remedy" if kind is FindingKind.TIME_ZONE else "doctor.clock.hour_remedy")
            yield _finding(kind, what, remedy, session_id, files)


def _finding(kind: FindingKind, what: Message, remedy: Message, session: str | None, files: list[str]) -> Finding:
    return Finding(kind, Severity.WARNING, what, remedy, session, places=tuple(files), count=len(files))


def _size(seconds: float) -> str:
    return f"{format_duration(seconds)} ({seconds:,.0f} s)" if seconds >= 60 else f"{seconds:.1f} s"
