"""Finds the recorders' files that overlap a session's time: what ``labcrate link ID --by-time`` offers.

Which of them are the session's, a person decides: what reaches past the session or into another one is kept apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from labcrate.errors import RepairError, UsageError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.records import IndexedFile
from labcrate.lab.exclude import Excluded
from labcrate.lab.lab_files import LabFiles, recorder_path, source_of
from labcrate.lab.recorders import Segment, Skipped, folder_of, scan_recorder
from labcrate.model.bound import LONGEST
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.lab_settings import Recorder
from labcrate.model.recording import ClockNote, Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan, shifted
from labcrate.plan.inventory import Inventory
from labcrate.plan.recorder_cameras import RecorderCameras, unknown_word, word_of
from labcrate.plan.recorder_files import recorder_entries
from labcrate.plan.recording_time import Evidence, TimeContext, recording_time
from labcrate.plan.session_time import Starts, registered_spans, session_time, undescribed_starts

TOLERANCE = timedelta(minutes=1)
"""A file may reach so far past the session without being asked about by itself."""

_TWICE = (ClockNote.REPEATED_HOUR, ClockNote.SKIPPED_HOUR)


class Beyond(StrEnum):
    """Why a file needs a yes of its own."""

    PAST = "it reaches over a minute past the session"
    OTHER = "it reaches into the time of another session"
    UNSURE = "clocks changed then, and it may have been recorded an hour later"


@dataclass(frozen=True, slots=True)
class Other:
    """Another session of the lab, with the time that it is taken to last."""

    session_id: str
    span: TimeSpan


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that overlaps the session; ``word`` is what the recorder calls the camera, ``beyond`` why to ask.

    ``others`` are the sessions into whose time it reaches, where that is why.
    """

    recorder: str
    file: str
    word: str
    camera: Camera | None
    span: TimeSpan
    identity: Identity
    beyond: Beyond | None = None
    others: tuple["Other", ...] = ()

    @property
    def source(self) -> str:
        """Return the recorder's name and the path below its folder, as printable text."""
        return source_of(recorder_path(self.recorder, self.file))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched: recorders by name, cameras by id, name, prefix or the recorder's word; none means all."""

    recorders: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    pad: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Offer:
    """The files of recorders that overlap a session.

    ``span`` is the session's time, padded. ``unknown`` and ``not_selected`` count the files of cameras that the lab
    does not know, or the session had not selected, by recorder and camera; ``already`` are linked. ``skipped`` says
    of files in that time why they are not offered.
    """

    session: Session
    span: TimeSpan
    files: tuple[Offered, ...]
    unknown: Mapping[tuple[str, str], int]
    not_selected: Mapping[tuple[str, str], int]
    already: int
    skipped: tuple[tuple[str, str], ...]


def find_by_time(
    inventory: Inventory,
    catalog: Catalog,
    session_id: str,
    wanted: Wanted,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Offer:
    """Find the recorders' files that overlap a session's time, looking into each to know where it ends.

    Raises UsageError for a recorder or camera that is not known, RepairError for a session without a time or one
    that still runs, NoSessionError, DocumentError and CatalogError.
    """
    recorders = chosen_recorders(inventory.settings.recorders, wanted.recorders)
    search = _Search(inventory, catalog, inventory.session(session_id), progress, workers)
    return search.offer(recorders, wanted)


def chosen_recorders(recorders: Sequence[Recorder], names: Iterable[str]) -> tuple[Recorder, ...]:
    """Return the recorders of these names, all where none is named. Raises UsageError."""
    if not recorders:
        raise UsageError(
            "labcrate.toml describes no recorder; add a [[recorder]] table with name, type and folder, as "
            "'labcrate init --print' shows it."
        )
    known = {recorder.name.casefold(): recorder for recorder in recorders}
    chosen = {}
    for name in names:
        if name.casefold() not in known:
            raise unknown_word("recorder", name, [recorder.name for recorder in recorders], "labcrate.toml has")
        chosen[name.casefold()] = known[name.casefold()]
    return tuple(chosen.values()) or tuple(recorders)


class _Search:
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
        self._undescribed_starts: dict[str | None, Starts] = {}

    def offer(self, recorders: Sequence[Recorder], wanted: Wanted) -> Offer:
        """Search these recorders."""
        session = self._session
        span = self._time().padded(wanted.pad)
        skipped: list[tuple[str, str]] = []
        found: list[tuple[Recorder, Segment]] = []
        folders: dict[str, Path] = {}
        for recorder in recorders:
            folder = folders[recorder.name] = folder_of(recorder, self._inventory.lab.root)
            closed: list[Skipped] = []
            found += [(recorder, segment) for segment in scan_recorder(folder, recorder, span, closed)]
            skipped += [(source_of(recorder_path(recorder.name, one.path)), one.reason) for one in closed]
        found = list(self._not_excluded(found, folders))
        unknown, not_selected = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        kept = list(self._cameras.chosen(found, wanted.cameras, unknown, not_selected))
        probed = self._probed(kept, folders, skipped)
        files = [one for one in self._overlapping(kept, probed, span, skipped) if one is not None]
        linked = {
            (entry.folder, entry.file, entry.size_bytes, entry.modified_ns)
            for entry in recorder_entries(self._inventory, session.id)
        }
        fresh = [
            one
            for one in files
            if (one.recorder, one.file, one.identity.size_bytes, one.identity.mtime_ns) not in linked
        ]
        return Offer(
            session, span, tuple(fresh), unknown, not_selected, len(files) - len(fresh), tuple(sorted(skipped))
        )

    def _time(self) -> TimeSpan:
        session = self._session
        if session.active:
            raise RepairError(f"Session {session.id} is still active; stop it in the lab first.")
        span = session_time(self._inventory, session, self._times, self._look).span
        if span is None:
            raise RepairError(
                f"Session {session.id} has no time that is known, so no recording can be linked by it: give it a "
                "start and an end in the lab's session file."
            )
        return span

    def _look(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        wishes = [IndexRequest(path, identity, hash=False) for path, identity in candidates.items()]
        indexed, _ = index_files(self._inventory.files, self._catalog, wishes, _probe, None, self._workers)
        return {path: known.probe for path, known in indexed.items() if known.probe}

    def _not_excluded(
        self, found: Sequence[tuple[Recorder, Segment]], folders: Mapping[str, Path]
    ) -> Iterator[tuple[Recorder, Segment]]:
        excluded, root = Excluded(self._inventory.settings.exclude).matches, self._inventory.lab.root
        for recorder, segment in found:
            place = folders[recorder.name] / segment.path
            if not (place.is_relative_to(root) and excluded(place.relative_to(root).as_posix())):
                yield recorder, segment

    def _probed(
        self,
        kept: Sequence[tuple[Recorder, Segment]],
        folders: Mapping[str, Path],
        skipped: list[tuple[str, str]],
    ) -> Mapping[str, IndexedFile]:
        wishes = [
            IndexRequest(recorder_path(recorder.name, segment.path), segment.identity, hash=False)
            for recorder, segment in kept
        ]
        files = LabFiles(self._inventory.lab, folders)
        indexed, failures = index_files(files, self._catalog, wishes, _probe, self._progress, self._workers)
        skipped += [(source_of(path), f"it {why}") for path, why in failures.items()]
        return indexed

    def _overlapping(
        self,
        kept: Sequence[tuple[Recorder, Segment]],
        probed: Mapping[str, IndexedFile],
        span: TimeSpan,
        skipped: list[tuple[str, str]],
    ) -> Iterator[Offered | None]:
        start, end = span.start, span.end
        others = list(self._times_of_others(span))
        for recorder, segment in kept:
            path, word = recorder_path(recorder.name, segment.path), word_of(recorder, segment)
            known = probed.get(path)
            if known is None or known.probe is None or start is None or end is None:
                continue
            camera = self._cameras.of(recorder, word)
            own, later = self._span(recorder, path, segment, known.probe, camera)
            latest = TimeSpan(own.start and shifted(own.start, later), own.end and shifted(own.end, later))
            if not _share(own, span) and not _share(latest, span):
                if known.probe.duration_s is None and own.start and own.start < start:
                    skipped.append((source_of(path), "its length cannot be read, so it may end before the session"))
                continue
            offered = Offered(recorder.name, segment.path, word, camera, own, segment.identity)
            shared = tuple(one for one in others if _share(own, one.span) or _share(latest, one.span))
            beyond = _beyond(own, latest, span, shared)
            yield replace(offered, beyond=beyond, others=shared if beyond is Beyond.OTHER else ())

    def _times_of_others(self, span: TimeSpan) -> Iterator[Other]:
        """Yield the lab's other sessions whose time may reach into a span.

        One that nobody ended ends at its bound, as its own export has it: without any evidence, at the next
        session's start. It claims no file that lies in a session which began after it. One that still runs is taken
        to last as long as it can.
        """
        start, begun = span.start, self._session.span.start or span.start
        for other in self._inventory.book.sessions.values():
            began, end = other.span.start, other.span.end
            if other.id == self._session.id or began is None:
                continue
            if end is None:
                end = shifted(began, LONGEST)
                if start is None or end is None or end <= start or (span.end is not None and began >= span.end):
                    continue
                if not other.active:
                    end = self._end(other, end)
                    if begun is not None and began < begun:
                        end = min(end, begun - TOLERANCE)
            if end > began:
                yield Other(other.id, TimeSpan(began, end))

    def _end(self, other: Session, longest: datetime) -> datetime:
        """Return when another session that nobody ended is taken to end, ``longest`` at the latest."""
        times = replace(self._times, zone=other.time_zone or self._inventory.zone)
        bound = session_time(self._inventory, other, times, self._look, self._undescribed).bound
        if bound.span is not None and bound.span.end is not None:
            return min(bound.span.end, longest)
        return min(bound.next_start or longest, longest)

    def _undescribed(self, times: TimeContext) -> Starts:
        if times.zone not in self._undescribed_starts:
            found = list(undescribed_starts(self._inventory, times, self._look))
            self._undescribed_starts[times.zone] = found
        return self._undescribed_starts[times.zone]

    def _span(
        self, recorder: Recorder, path: str, segment: Segment, probe: Probe, camera: Camera | None
    ) -> tuple[TimeSpan, timedelta]:
        """Return when a file began and ended, and how much later that may have been; none is longer than it can be."""
        evidence = Evidence(path, probe, segment.identity.mtime_ns, camera.id if camera else None)
        time = recording_time(evidence, self._times)
        begun = time.span.start or segment.start
        length = min(evidence.length or timedelta(), recorder.longest)
        unsure = time.taken.uncertainty_s if time.notes.intersection(_TWICE) else 0.0
        return TimeSpan(begun, shifted(begun, length) or begun), timedelta(seconds=unsure)


def _probe(file: BinaryIO, path: str) -> Probe:
    # FFmpeg is loaded when there is something to probe.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)


def _share(one: TimeSpan, other: TimeSpan) -> bool:
    """Return whether two spans share more than an edge, or one is an instant inside the other."""
    if one.start is None or one.end is None or other.start is None:
        return False
    other_end = other.end or datetime.max.replace(tzinfo=other.start.tzinfo)
    return one.start < other_end and (other.start < one.end or other.start <= one.start)


def _beyond(own: TimeSpan, latest: TimeSpan, span: TimeSpan, others: Sequence[Other]) -> Beyond | None:
    if own.start is None or own.end is None or span.start is None or span.end is None:
        return None
    if latest != own and not (_share(own, span) and _share(latest, span)):
        return Beyond.UNSURE
    if others:
        return Beyond.OTHER
    if span.start - own.start > TOLERANCE or own.end - span.end > TOLERANCE:
        return Beyond.PAST
    return None
