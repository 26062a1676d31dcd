"""The examination of a lab, or of one session of it.

Findings about a session come from the functions that make its plan. What sessions share (file states, probes, the
starts of other sessions, the lab's readings) is read once for all of them.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import msgspec.structs

from labcrate.doctor.file_findings import FileWithSecrets, unlinked_file_findings, unreadable_findings
from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.lab_findings import (
    broken_session_findings,
    document_findings,
    exclude_findings,
    folder_findings,
    prefix_findings,
    recorder_findings,
    register_findings,
    settings_findings,
    unknown_camera_findings,
)
from labcrate.doctor.near_miss_candidates import find_near_miss_candidates
from labcrate.doctor.reading_findings import LabSensors, device_findings, row_findings, sensor_findings
from labcrate.doctor.recording_findings import CameraClocks, LinkedRecording
from labcrate.doctor.session_findings import (
    bound_findings,
    description_findings,
    kept_out_findings,
    missing_findings,
    near_miss_findings,
    recording_findings,
)
from labcrate.errors import DocumentError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.records import IndexedFile
from labcrate.lab.exclude import ExcludePatterns
from labcrate.lab.folder import EntryKind, FolderEntry, LabFolder
from labcrate.linking.filename import base_name, stem_of_mp4
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.linked_files import RecordingFile, find_linked_files
from labcrate.plan.manual_links import missing_manual_links
from labcrate.plan.options import Options
from labcrate.plan.recorder_files import check_recorder_files
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recording_time
from labcrate.plan.recordings import SessionCameras
from labcrate.plan.sensors import load_session_readings, readings_index_folder
from labcrate.plan.session_files import find_session_files
from labcrate.plan.session_time import (
    SessionStarts,
    SessionTime,
    registered_spans,
    session_time,
    undescribed_session_starts,
)
from labcrate.plan.warnings import lab_faults_missing
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.topics import BASE_TOPIC

UNLIMITED = TimeSpan()


def examine(
    inventory: Inventory,
    catalog: Catalog,
    session_id: str | None = None,
    *,
    settings_problem: DocumentError | None = None,
    secrets: Sequence[FileWithSecrets] = (),
    base_topic: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Iterator[LabFinding]:
    """Yield the findings about a lab, or about one session of it (``session_id``), each with its remedy.

    ``settings_problem`` is the error in ``labcrate.toml`` if the inventory was taken without it. ``secrets`` are the
    files that contain secrets. Recordings that are not in the index are probed; ``progress`` is informed, and an
    exception that it raises ends the work. Raises NoSessionError, CatalogError.
    """
    progress = progress or Progress()
    inventory = replace(inventory, lab=_LabWithStateCache(inventory.lab))
    if session_id is not None and session_id not in inventory.book.broken:
        inventory.session(session_id)
    ids = inventory.ids if session_id is None else [session_id]
    yield from secret_findings(secrets)
    for one in ids:
        yield from broken_session_findings(inventory, one)
    examination = _Examination(inventory, catalog, progress, workers, base_topic, alone=session_id is not None)
    examination.prepare([one for one in ids if one not in inventory.book.broken])
    yield from examination.check_sessions()
    yield from examination.check_readings(session_id)
    if session_id is None:
        yield from settings_findings(inventory, settings_problem)
        yield from unknown_camera_findings(inventory)
        yield from recorder_findings(inventory)
        yield from document_findings(inventory)
        yield from folder_findings(inventory)
        yield from unreadable_findings(inventory, list(inventory.book.folders.values()))
        yield from register_findings(inventory)
        yield from prefix_findings(inventory)
        yield from unlinked_file_findings(inventory, examination.near_miss_paths, examination.excluded.matches)
        yield from exclude_findings(inventory, examination.own_files)
    yield from examination.clocks.findings(session_id)


def secret_findings(secrets: Iterable[FileWithSecrets]) -> Iterator[LabFinding]:
    """Yield the files that contain secrets of the lab, with the kinds of secrets and without their values."""
    for one in secrets:
        shown = printable(one.path)
        yield LabFinding(
            FindingKind.SECRET,
            Severity.WARNING,
            Message("doctor.secret", file=shown, kinds=list(one.kinds)),
            Message("doctor.secret.remedy" if one.redactable else "doctor.secret.take_out"),
            one.session,
            places=(shown,),
            rule=None if one.redactable else "not redactable",
        )


class _LabWithStateCache(LabFolder):
    """A lab that reads the state of each file once."""

    def __init__(self, lab: LabFolder) -> None:
        self.root = lab.root
        self._states: dict[str, Identity] = {}

    def identity(self, path: str) -> Identity:
        known = self._states.get(path)
        if known is None:
            # The same as the method of Lab, without the cost of pathlib for a hundred thousand paths.
            known = self._states[path] = Identity.of(os.lstat(f"{self.root}/{path}"))
        return known


@dataclass(slots=True)
class _SessionWithTime:
    """A session with its time, and the time context that its recordings are read with."""

    session: Session
    times: TimeContext
    time: SessionTime


@dataclass
class _Examination:
    """One examination, with what its sessions share."""

    inventory: Inventory
    catalog: Catalog
    progress: Progress
    workers: int | None
    base_topic: str | None
    alone: bool = False
    clocks: CameraClocks = field(default_factory=CameraClocks)
    near_miss_paths: set[str] = field(default_factory=set)
    own_files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    excluded: ExcludePatterns = field(init=False)
    _indexed: dict[str, IndexedFile] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _contexts: dict[str | None, TimeContext] = field(default_factory=dict)
    _undescribed: dict[str | None, SessionStarts] = field(default_factory=dict)
    _sessions: dict[str, _SessionWithTime] = field(default_factory=dict)
    _near_miss_candidates: Mapping[str, list[FolderEntry]] = field(default_factory=dict)

    def prepare(self, session_ids: Sequence[str]) -> None:
        """Probe the files of these sessions, and find the time of each session."""
        inventory = self.inventory
        self.excluded = ExcludePatterns(inventory.settings.exclude)
        self._registered = registered_spans(inventory)
        linked = [entry for one in session_ids for entry in inventory.linked.get(one, ())]
        states = self._read_states(linked)
        self.probe_files(states)
        for one in session_ids:
            self.progress.raise_if_cancelled()
            session = inventory.session(one)
            times = self._time_context(session.time_zone or inventory.zone)
            self._sessions[one] = _SessionWithTime(
                session, times, session_time(inventory, session, times, self.probe_files, self._undescribed_starts)
            )
        nameless = self._read_states(e for e in inventory.unlinked if stem_of_mp4(base_name(e.path)) is not None)
        if len(self._sessions) == 1:  # the session's own selection probes what it needs
            self._load_known(nameless)
        else:
            self.probe_files(nameless)
        spans = {one: (self._effective_span(timed) or UNLIMITED, timed.times) for one, timed in self._sessions.items()}
        probes = {path: known.probe for path, known in self._indexed.items() if known.probe}
        self._near_miss_candidates = find_near_miss_candidates(inventory, spans, nameless, probes)

    def _effective_span(self, timed: _SessionWithTime) -> TimeSpan | None:
        """Return the time of a session as its plan uses it, which decides which recordings were made during it."""
        return timed.time.bound.span or timed.session.span

    def _read_states(self, entries: Iterable[FolderEntry]) -> dict[str, Identity]:
        states = {}
        for entry in entries:
            if entry.kind is EntryKind.FILE:
                try:
                    states[entry.path] = self.inventory.lab.identity(entry.path)
                except OSError:
                    continue  # deleted since the walk
        return states

    def _time_context(self, zone: str | None) -> TimeContext:
        if zone not in self._contexts:
            self._contexts[zone] = TimeContext(zone, self._registered, self.inventory.clocks)
        return self._contexts[zone]

    def _undescribed_starts(self, times: TimeContext) -> SessionStarts:
        if times.zone not in self._undescribed:
            self._undescribed[times.zone] = list(undescribed_session_starts(self.inventory, times, self.probe_files))
        return self._undescribed[times.zone]

    def _load_known(self, states: Mapping[str, Identity]) -> None:
        """Add what the index has for these files, without opening any of them."""
        self._indexed |= {p: k for p, k in self.catalog.lookup(states).items() if p not in self._indexed and k.probe}

    def probe_files(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        """Return the probes of files; probe those that are not in the index."""
        todo = {p: i for p, i in candidates.items() if p not in self._indexed and p not in self._failed}
        if todo:
            files = [IndexRequest(path, identity, hash=False) for path, identity in todo.items() if identity.size_bytes]
            lab = self.inventory.lab
            found, failed = index_files(lab, self.catalog, files, _probe, self.progress, self.workers)
            self._indexed |= found
            self._failed |= failed
        known = {path: self._indexed[path].probe for path in candidates if path in self._indexed}
        return {path: probe for path, probe in known.items() if probe}

    def check_sessions(self) -> Iterator[LabFinding]:
        """Yield the findings of each session; collect those of its cameras in ``clocks``."""
        taken = self.inventory.paths
        closed = [entry for entry in self.inventory.unlinked if entry.kind is not EntryKind.FILE]
        for timed in self._sessions.values():
            self.progress.raise_if_cancelled()
            yield from description_findings(timed.session)
            starts = self._undescribed.get(timed.times.zone, ())
            yield from bound_findings(self.inventory, timed.session, timed.time, starts)
            yield from self._file_findings(timed, closed, taken)

    def _file_findings(
        self, timed: _SessionWithTime, closed: Sequence[FolderEntry], taken: frozenset[str]
    ) -> Iterator[LabFinding]:
        inventory, session, times = self.inventory, timed.session, timed.times
        bounded = msgspec.structs.replace(session, span=self._effective_span(timed) or UNLIMITED)
        own = f"{inventory.folder(session.id)}/"
        unlinked = [e for e in closed if len(self._sessions) == 1 or e.path.startswith(own)]
        unlinked += self._near_miss_candidates.get(session.id, ())
        selection = find_linked_files(inventory, bounded, self.probe_files, times, unlinked, taken)
        found = find_session_files(inventory, session, selection, self.excluded.matches)
        self.own_files[session.id] = [
            *(one.path for one in found.files),
            *(one.path for one in found.not_taken),
            *(one.path for one in found.recordings),
        ]
        near_misses = [near for near in selection.near_misses if not self.excluded.matches(near.path)]
        self.near_miss_paths.update(near.path for near in near_misses)
        yield from near_miss_findings(session.id, near_misses)
        yield from missing_findings(session.id, [*found.missing_recordings, *found.missing_files])
        recorder_files = check_recorder_files(inventory, session, self.excluded.matches)
        yield from missing_findings(session.id, [*recorder_files.missing, *missing_manual_links(inventory, session.id)])
        if self.alone:  # for a whole lab they are findings of their own
            yield from missing_findings(session.id, lab_faults_missing(inventory, session.id, Options()))
        yield from kept_out_findings(session.id, found.not_taken)
        self.probe_files({one.path: one.identity for one in found.recordings})
        for path, why in ((one.path, self._failed.get(one.path)) for one in found.recordings):
            if why:
                yield LabFinding(
                    FindingKind.MISSING,
                    Severity.PROBLEM,
                    Message("doctor.missing.file", file=path, why=why),
                    Message("doctor.missing.remedy"),
                    session.id,
                    places=(printable(path),),
                )
        cameras = SessionCameras.build(inventory, session)
        recordings = [
            self._linked_recording(one, timed, cameras) for one in found.recordings if one.path in self._indexed
        ]
        for recording in recordings:
            self.clocks.add(recording)
        yield from recording_findings(session, recordings, cameras)

    def _linked_recording(
        self, found: RecordingFile, timed: _SessionWithTime, cameras: SessionCameras
    ) -> LinkedRecording:
        """Return a linked recording as its session's plan has it."""
        probe, camera = self._indexed[found.path].probe or Probe(), cameras.find(found.verdict)
        evidence = RecordingFacts(
            found.path,
            probe,
            found.identity.mtime_ns,
            camera.id if camera else None,
            found.verdict.prefix,
            timed.session.id,
        )
        return LinkedRecording(found.path, probe, recording_time(evidence, timed.times), found.verdict, camera)

    def check_readings(self, session_id: str | None) -> Iterator[LabFinding]:
        """Yield the findings about the lab's sensor files; for one session, those within its time."""
        inventory = self.inventory
        if session_id is not None:
            for timed in self._sessions.values():
                span = timed.time.bound.span
                if span is None:
                    continue  # no readings are included: bound_findings reports it
                readings = self._load_readings(timed.session, span, timed.times.zone)
                yield from row_findings(readings, session_id)
                absent, silent = readings.absent_sensors, readings.silent_sensors
                yield from sensor_findings(session_id, absent, silent, readings.ambiguous_sensors)
            return
        zones = {timed.session.time_zone for timed in self._sessions.values()}
        # If only the sessions have a zone, use it: their exports read the readings in it.
        zone = inventory.zone or (next(iter(zones)) if len(zones) == 1 else None)
        whole = self._load_readings(Session("lab"), UNLIMITED, zone)
        yield from row_findings(whole, None, every_session_has_zone=bool(zones) and None not in zones)
        yield from device_findings(inventory, whole)
        if not any(timed.session.sensors for timed in self._sessions.values()):
            return
        sensors = LabSensors(whole)
        for timed in self._sessions.values():
            self.progress.raise_if_cancelled()
            yield from sensors.findings(timed.session, timed.time.bound.span)

    def _load_readings(self, session: Session, window: TimeSpan, zone: str | None) -> Readings:
        settings, lab = self.inventory.settings, self.inventory.lab
        base = self.base_topic or settings.base_topic or BASE_TOPIC
        devices, formats = self.inventory.devices, settings.date_formats
        return load_session_readings(
            lab,
            session,
            devices,
            window,
            base,
            zone,
            formats,
            self.progress.raise_if_cancelled,
            index_folder=readings_index_folder(lab),
        )


def _probe(file: BinaryIO, path: str) -> Probe:
    # Imported late: FFmpeg is not needed if all files are in the index.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)
