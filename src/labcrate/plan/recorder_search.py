"""Find the recorders' files that overlap a session's time, for ``labcrate link ID --by-time``.

The user decides which of them are the session's. Files that reach past the session or into another one need to be
confirmed by themselves.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec.structs

from labcrate.errors import RepairError, UsageError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.records import IndexedFile
from labcrate.lab.exclude import ExcludePatterns
from labcrate.lab.lab_files import LabFiles, display_path, recorder_path
from labcrate.lab.recorders import Segment, SkippedFile, recorder_folder_path, scan_recorder
from labcrate.messages.message import Message
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.lab_settings import Recorder
from labcrate.model.recording import ClockNote, Probe
from labcrate.model.session import Session
from labcrate.model.session_bound import MAX_SESSION_LENGTH
from labcrate.model.timespan import TimeSpan, shift_instant
from labcrate.plan.inventory import Inventory
from labcrate.plan.option_values import unknown_name_error
from labcrate.plan.recorder_cameras import RecorderCameras, recorder_camera_word
from labcrate.plan.recorder_files import recorder_entries
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recording_time
from labcrate.plan.session_time import SessionStarts, registered_spans, session_time, undescribed_session_starts

TOLERANCE = timedelta(minutes=1)
"""How far a file may reach past the session without a confirmation of its own."""

_CLOCK_CHANGES = (ClockNote.REPEATED_HOUR, ClockNote.SKIPPED_HOUR)


class ConfirmReason(StrEnum):
    """Why a file needs a confirmation of its own."""

    PAST = "it reaches more than a minute past the session"
    OTHER = "it overlaps another session"
    UNCERTAIN = "clocks were changed at that time, so it may have been recorded an hour later"


@dataclass(frozen=True, slots=True)
class OtherSession:
    """Another session of the lab, with its time as far as it is known."""

    session_id: str
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class CandidateFile:
    """A file that overlaps the session.

    ``camera_word`` is the recorder's own name for the camera; ``confirm_reason`` is why the file needs a separate
    confirmation, and ``other_sessions`` are the sessions that it overlaps, if that is the reason.
    """

    recorder: str
    file: str
    camera_word: str
    camera: Camera | None
    span: TimeSpan
    identity: Identity
    confirm_reason: ConfirmReason | None = None
    other_sessions: tuple["OtherSession", ...] = ()

    @property
    def source(self) -> str:
        """Return the recorder's name and the path below its folder, as printable text."""
        return display_path(recorder_path(self.recorder, self.file))


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What is searched: recorders by name, cameras by id, name, prefix or the recorder's own name; empty means all."""

    recorders: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    pad: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The files of recorders that overlap a session.

    ``span`` is the session's time with the pad. ``unknown`` and ``not_selected`` count the files of cameras that the
    lab does not have or the session did not select, by recorder and camera; ``already_linked`` is the number of files
    that are linked. ``skipped`` has files of that time that are left out, each with the reason.
    """

    session: Session
    span: TimeSpan
    files: tuple[CandidateFile, ...]
    unknown: Mapping[tuple[str, str], int]
    not_selected: Mapping[tuple[str, str], int]
    already_linked: int
    skipped: tuple[tuple[str, str], ...]


def search_recorders(
    inventory: Inventory,
    catalog: Catalog,
    session_id: str,
    search_filter: SearchFilter,
    progress: Progress | None = None,
    workers: int | None = None,
) -> SearchResult:
    """Find the recorders' files that overlap a session's time; each is opened to find its end.

    Raises UsageError for an unknown recorder or camera, RepairError for a session that has no known time or is still
    active, NoSessionError, DocumentError and CatalogError.
    """
    recorders = find_recorders(inventory.settings.recorders, search_filter.recorders)
    search = _RecorderSearch(inventory, catalog, inventory.session(session_id), progress, workers)
    return search.run(recorders, search_filter)


def find_recorders(recorders: Sequence[Recorder], names: Iterable[str]) -> tuple[Recorder, ...]:
    """Return the recorders with these names, or all of them without names. Raises UsageError."""
    if not recorders:
        raise UsageError(Message("recorder.none_described"))
    by_name = {recorder.name.casefold(): recorder for recorder in recorders}
    chosen = {}
    for name in names:
        if name.casefold() not in by_name:
            known = [recorder.name for recorder in recorders]
            raise unknown_name_error("recorder.unknown_name", name, known, "hint.settings_have")
        chosen[name.casefold()] = by_name[name.casefold()]
    return tuple(chosen.values()) or tuple(recorders)


class _RecorderSearch:
    """The search for one session."""

    def __init__(
        self, inventory: Inventory, catalog: Catalog, session: Session, progress: Progress | None, workers: int | None
    ) -> None:
        self._inventory, self._catalog, self._session = inventory, catalog, session
        self._progress, self._workers = progress, workers
        self._cameras = RecorderCameras(inventory, session)
        zone = session.time_zone or inventory.zone
        recorders = {recorder.name: recorder for recorder in inventory.settings.recorders}
        self._times = TimeContext(zone, registered_spans(inventory), inventory.clocks, recorders)
        self._undescribed_starts: dict[str | None, SessionStarts] = {}

    def run(self, recorders: Sequence[Recorder], search_filter: SearchFilter) -> SearchResult:
        """Return the result of searching these recorders."""
        session = self._session
        span = self._session_time().padded(search_filter.pad)
        skipped: list[tuple[str, str]] = []
        found: list[tuple[Recorder, Segment]] = []
        folders: dict[str, Path] = {}
        for recorder in recorders:
            folder = folders[recorder.name] = recorder_folder_path(recorder, self._inventory.lab.root)
            unreadable: list[SkippedFile] = []
            found += [(recorder, segment) for segment in scan_recorder(folder, recorder, span, unreadable)]
            skipped += [(display_path(recorder_path(recorder.name, one.path)), one.reason) for one in unreadable]
        found = list(self._not_excluded(found, folders))
        unknown, not_selected = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        chosen = list(self._cameras.choose_segments(found, search_filter.cameras, unknown, not_selected))
        probed = self._probe_recordings(chosen, folders, skipped)
        files = [one for one in self._overlapping(chosen, probed, span, skipped) if one is not None]
        linked = {
            (entry.folder, entry.file, entry.size_bytes, entry.modified_ns)
            for entry in recorder_entries(self._inventory, session.id)
        }
        not_linked = [
            one
            for one in files
            if (one.recorder, one.file, one.identity.size_bytes, one.identity.mtime_ns) not in linked
        ]
        return SearchResult(
            session,
            span,
            tuple(not_linked),
            unknown,
            not_selected,
            len(files) - len(not_linked),
            tuple(sorted(skipped)),
        )

    def _session_time(self) -> TimeSpan:
        session = self._session
        if session.is_active:
            raise RepairError(Message("recorder.search.active", session=session.id))
        span = session_time(self._inventory, session, self._times, self._probe_files).span
        if span is None:
            raise RepairError(Message("recorder.search.no_time", session=session.id))
        return span

    def _probe_files(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        requests = [IndexRequest(path, identity, hash=False) for path, identity in candidates.items()]
        indexed, _ = index_files(self._inventory.files, self._catalog, requests, _probe_video, None, self._workers)
        return {path: record.probe for path, record in indexed.items() if record.probe}

    def _not_excluded(
        self, found: Sequence[tuple[Recorder, Segment]], folders: Mapping[str, Path]
    ) -> Iterator[tuple[Recorder, Segment]]:
        is_excluded, root = ExcludePatterns(self._inventory.settings.exclude).matches, self._inventory.lab.root
        for recorder, segment in found:
            path = folders[recorder.name] / segment.path
            if not (path.is_relative_to(root) and is_excluded(path.relative_to(root).as_posix())):
                yield recorder, segment

    def _probe_recordings(
        self,
        segments: Sequence[tuple[Recorder, Segment]],
        folders: Mapping[str, Path],
        skipped: list[tuple[str, str]],
    ) -> Mapping[str, IndexedFile]:
        requests = [
            IndexRequest(recorder_path(recorder.name, segment.path), segment.identity, hash=False)
            for recorder, segment in segments
        ]
        files = LabFiles(self._inventory.lab, folders)
        indexed, failures = index_files(files, self._catalog, requests, _probe_video, self._progress, self._workers)
        skipped += [
            (display_path(path), Message("recorder.search.unreadable", reason=reason))
            for path, reason in failures.items()
        ]
        return indexed

    def _overlapping(
        self,
        segments: Sequence[tuple[Recorder, Segment]],
        probed: Mapping[str, IndexedFile],
        span: TimeSpan,
        skipped: list[tuple[str, str]],
    ) -> Iterator[CandidateFile | None]:
        start, end = span.start, span.end
        other_sessions = list(self._other_sessions(span))
        for recorder, segment in segments:
            path, word = recorder_path(recorder.name, segment.path), recorder_camera_word(recorder, segment)
            record = probed.get(path)
            if record is None or record.probe is None or start is None or end is None:
                continue
            camera = self._cameras.find(recorder, word)
            span_of_file, later = self._possible_span(recorder, path, segment, record.probe, camera)
            latest_span = TimeSpan(
                span_of_file.start and shift_instant(span_of_file.start, later),
                span_of_file.end and shift_instant(span_of_file.end, later),
            )
            if not _overlap(span_of_file, span) and not _overlap(latest_span, span):
                if record.probe.duration_s is None and span_of_file.start and span_of_file.start < start:
                    skipped.append((display_path(path), Message("recorder.search.no_length")))
                continue
            candidate = CandidateFile(recorder.name, segment.path, word, camera, span_of_file, segment.identity)
            overlapped = tuple(
                one for one in other_sessions if _overlap(span_of_file, one.span) or _overlap(latest_span, one.span)
            )
            confirm_reason = _confirm_reason(span_of_file, latest_span, span, overlapped)
            yield replace(
                candidate,
                confirm_reason=confirm_reason,
                other_sessions=overlapped if confirm_reason is ConfirmReason.OTHER else (),
            )

    def _other_sessions(self, span: TimeSpan) -> Iterator[OtherSession]:
        """Yield the lab's other sessions whose time may overlap a span.

        A session without an end ends at its estimated end, as in its own export: without any evidence, at the next
        session's start. It does not overlap a session that began after it. An active session lasts as long as is
        possible.
        """
        start, own_start = span.start, self._session.span.start or span.start
        for other in self._inventory.book.sessions.values():
            other_start, other_end = other.span.start, other.span.end
            if other.id == self._session.id or other_start is None:
                continue
            if other_end is None:
                other_end = shift_instant(other_start, MAX_SESSION_LENGTH)
                if (
                    start is None
                    or other_end is None
                    or other_end <= start
                    or (span.end is not None and other_start >= span.end)
                ):
                    continue
                if not other.is_active:
                    other_end = self._assumed_end(other, other_end)
                    if own_start is not None and other_start < own_start:
                        other_end = min(other_end, own_start - TOLERANCE)
            if other_end > other_start:
                yield OtherSession(other.id, TimeSpan(other_start, other_end))

    def _assumed_end(self, other: Session, longest: datetime) -> datetime:
        """Return the estimated end of another session without an end, at most ``longest``."""
        times = msgspec.structs.replace(self._times, zone=other.time_zone or self._inventory.zone)
        bound = session_time(self._inventory, other, times, self._probe_files, self._get_undescribed_starts).bound
        if bound.span is not None and bound.span.end is not None:
            return min(bound.span.end, longest)
        return min(bound.next_start or longest, longest)

    def _get_undescribed_starts(self, times: TimeContext) -> SessionStarts:
        if times.zone not in self._undescribed_starts:
            found = list(undescribed_session_starts(self._inventory, times, self._probe_files))
            self._undescribed_starts[times.zone] = found
        return self._undescribed_starts[times.zone]

    def _possible_span(
        self, recorder: Recorder, path: str, segment: Segment, probe: Probe, camera: Camera | None
    ) -> tuple[TimeSpan, timedelta]:
        """Return the start and end of a file, cut at the recorder's longest, and by how much they may be later."""
        evidence = RecordingFacts(path, probe, segment.identity.mtime_ns, camera.id if camera else None)
        time = recording_time(evidence, self._times)
        start = time.span.start or segment.start
        length = min(evidence.length or timedelta(), recorder.longest)
        uncertainty_s = time.chosen.uncertainty_s if time.notes.intersection(_CLOCK_CHANGES) else 0.0
        return TimeSpan(start, shift_instant(start, length) or start), timedelta(seconds=uncertainty_s)


def _probe_video(file: BinaryIO, path: str) -> Probe:
    # FFmpeg is loaded only when a file is probed.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)


def _overlap(first: TimeSpan, second: TimeSpan) -> bool:
    """Return whether two spans share more than a boundary, or the first is an instant inside the second."""
    if first.start is None or first.end is None or second.start is None:
        return False
    second_end = second.end or datetime.max.replace(tzinfo=second.start.tzinfo)
    return first.start < second_end and (second.start < first.end or second.start <= first.start)


def _confirm_reason(
    file_span: TimeSpan, latest_span: TimeSpan, session_span: TimeSpan, other_sessions: Sequence[OtherSession]
) -> ConfirmReason | None:
    if file_span.start is None or file_span.end is None or session_span.start is None or session_span.end is None:
        return None
    if latest_span != file_span and not (_overlap(file_span, session_span) and _overlap(latest_span, session_span)):
        return ConfirmReason.UNCERTAIN
    if other_sessions:
        return ConfirmReason.OTHER
    if session_span.start - file_span.start > TOLERANCE or file_span.end - session_span.end > TOLERANCE:
        return ConfirmReason.PAST
    return None
