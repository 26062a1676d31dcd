"""Make the plan of an export: the one place where lab, index, linking, readings and video meet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from labcrate.errors import IncompleteError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import CancelOnlyProgress, IndexRequest, Progress, index_files
from labcrate.index.records import IndexedFile
from labcrate.index.secret_search import SecretSearcher
from labcrate.lab.exclude import Excluded
from labcrate.lab.lab_files import source_of
from labcrate.messages.message import Message
from labcrate.model.bound import Bound
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.choices import (
    Choice,
    choose,
    choose_sensors,
    chosen_window,
    readings_not_chosen,
    refuse_unknown_sensors,
)
from labcrate.plan.cleaning import LabCleaner
from labcrate.plan.hand_links import left_out_of_mp4, no_longer_there
from labcrate.plan.inventory import Inventory
from labcrate.plan.not_taken import Why
from labcrate.plan.options import Only, Options
from labcrate.plan.plan import CopiedFile, Missing, Plan, PlannedRecording, SessionFile
from labcrate.plan.recorder_files import RecorderFiles, find_recorder_files
from labcrate.plan.recording_time import TimeContext
from labcrate.plan.recordings import (
    Cameras,
    cameras_without_recordings,
    not_compared,
    plan_recordings,
    twins,
    warnings_about,
)
from labcrate.plan.secrecy import (
    clean_readings,
    refuse_secrets,
    secrecy_of,
    secrecy_warnings,
    without_secrets,
)
from labcrate.plan.select import Found, counted, select
from labcrate.plan.sensors import (
    describe_platform_table,
    involved_devices,
    load,
    readings_missing,
    readings_warnings,
    with_columns,
)
from labcrate.plan.session_files import OwnFiles, beside, find_session_files
from labcrate.plan.session_time import in_utc, refuse_nothing, registered_spans, session_time, zone_said
from labcrate.plan.warnings import (
    clock_warnings,
    files_not_read,
    lab_faults_missing,
    lab_faults_warnings,
    recorder_warnings,
    register_warnings,
    window_warnings,
)
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.topics import BASE_TOPIC

CHECK_AGAIN = ("labcrate", "index", "--check")
"""The command that reads files again that were found to hold other bytes."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans exports of one lab; ``progress`` is told about the indexing that a plan needs.

    In a ``hurry`` no file is read through for a plan that is not hashed: where that leaves its size open, it says so.
    ``unreadable`` are files that are not tried again, by path: the state in which each could not be read, and why.
    """

    inventory: Inventory
    catalog: Catalog
    progress: Progress = field(default_factory=Progress)
    workers: int | None = None
    hurry: bool = False
    unreadable: Mapping[str, tuple[Identity, Message]] = field(default_factory=dict)

    def plan(
        self,
        session_id: str,
        options: Options = Options(),
        *,
        hashed: bool,
        allow_incomplete: bool = True,
        refuse: bool = False,
    ) -> Plan:
        """The plan of one session; ``hashed`` also computes the fixity that an archive needs.

        Raises NoSessionError, DocumentError, CatalogError, IncompleteError unless that is allowed, and, to
        ``refuse`` what may not be packed, SecretsError; it does so before the long work of hashing wherever it can.
        """
        inventory, told = self.inventory, self.inventory.session(session_id)
        zone = options.time_zone or told.time_zone or inventory.zone
        asked, options = options, in_utc(options, zone)
        recorders = {recorder.name: recorder for recorder in inventory.settings.recorders}
        times = TimeContext(zone, registered_spans(inventory), inventory.clocks, recorders)
        time = session_time(inventory, told, times, self._look)
        session = choose_sensors(options, told, inventory.devices)
        pad = inventory.settings.session.pad if options.pad is None else options.pad
        window = chosen_window(options, told, time.bound, pad)
        refuse_nothing(options, told, time.bound, window, None)
        readings, messages = self._readings(session, window, options, zone)
        excluded = Excluded(inventory.settings.exclude).matches
        recorded = find_recorder_files(inventory, session, excluded)
        selection = select(inventory, _bounded(session, time.bound), self._look, times, recorded=recorded.found)
        cameras = Cameras.of(inventory, session)
        own = find_session_files(inventory, session, selection, excluded)
        found = [*own.recordings, *recorded.found]
        choice = choose(options, session, cameras, found, own.files, self._probed, times)
        refuse_nothing(options, told, time.bound, window, len(choice.recordings))
        missing = [*_still_running(session), *lab_faults_missing(inventory, session_id, options)]
        missing += _missing(options, own, recorded, readings)
        missing += no_longer_there(inventory, session.id) if options.only is not Only.SENSORS else ()
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        if hashed and refuse:
            before = self._index(choice, session, cameras, times, [], hashed=False)
            known: tuple[CopiedFile, ...] = (*before[0], *before[1])
            refuse_secrets(session.id, secrecy_of(session, (), (), known, 0, options, inventory.cleaner))
        recordings, files = self._index(choice, session, cameras, times, missing, hashed=hashed)
        near_misses = tuple(near for near in selection.near_misses if not excluded(near.path))
        kept_out = len(selection.near_misses) - len(near_misses)
        go_along = counted(inventory, session, {beside(found.path) for found in own.recordings})
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        involved, devices = cameras.involved(recordings), involved_devices(inventory.devices, session, readings)
        packed: tuple[CopiedFile, ...] = (*recordings, *files)
        unread = files_not_read(inventory, session.id)
        secrecy = secrecy_of(session, involved, devices, packed, messages, options, inventory.cleaner, unread)
        if refuse:
            refuse_secrets(session.id, secrecy)
        warnings = [
            *session_warnings(session),
            *lab_faults_warnings(inventory, session_id, options),
            *map(str, time.problems),
            *(time.warnings if not options.all_readings else ()),
            *window_warnings(inventory, told, window, time.bound, options),
            *register_warnings(inventory, recordings),
            *(() if zone else zone_said(asked, options, zone)),
            *left_out_of_mp4(inventory, session.id),
            *selection.warnings,
            *own.warnings,
            *(cameras_without_recordings(found, cameras) if options.only is not Only.SENSORS else ()),
            *_about_recordings(recordings, session, cameras, inventory.cleaner),
            *(readings_warnings(readings, options) if options.only is not Only.RECORDINGS else ()),
            *secrecy_warnings(secrecy, packed),
        ]
        plan = Plan(
            session=told,
            options=options,
            window=window,
            cameras=involved,
            devices=devices,
            recordings=recordings,
            session_files=with_columns(inventory.lab, files, inventory.folder(session.id), describe_platform_table),
            readings=readings,
            near_misses=near_misses,
            left_out=selection.left_out - go_along + Counter({Why.EXCLUDED.value: kept_out} if kept_out else {}),
            missing=tuple(missing),
            warnings=tuple(dict.fromkeys(warnings)),
            not_chosen=(
                *choice.not_chosen,
                *readings_not_chosen(options, readings),
                *(zone_said(asked, options, zone) if zone else ()),
            ),
            not_taken=(*own.not_taken, *recorded.not_taken),
            pad=pad,
            bound=time.bound,
            zone=zone,
            secrecy=secrecy,
        )
        return without_secrets(plan, inventory.cleaner)

    def _readings(self, session: Session, window: TimeSpan, options: Options, zone: str | None) -> tuple[Readings, int]:
        """The readings without secrets, and from how many messages something was removed."""
        if options.only is Only.RECORDINGS:
            return Readings(window=window), 0
        devices = self.inventory.devices
        settings, lab = self.inventory.settings, self.inventory.lab
        base = options.base_topic or settings.base_topic or BASE_TOPIC
        readings = load(
            lab, session, devices, window, base, zone, settings.date_formats, self.progress.raise_if_cancelled
        )
        refuse_unknown_sensors(options, self.inventory.session(session.id), readings.absent_sensors, devices)
        return clean_readings(readings, self.inventory.cleaner)

    def _index(
        self,
        choice: Choice,
        session: Session,
        cameras: Cameras,
        times: TimeContext,
        missing: list[Missing],
        *,
        hashed: bool,
    ) -> tuple[tuple[PlannedRecording, ...], tuple[SessionFile, ...]]:
        """Hash and probe what goes in; what cannot be read is added to ``missing``."""
        same_named = set() if self.hurry else twins(choice.recordings)
        searcher = SecretSearcher(self.inventory.cleaner.matcher, self.catalog)
        wishes = [
            IndexRequest(f.path, f.identity, hashed or f.path in same_named, search=True) for f in choice.recordings
        ]
        wishes += [IndexRequest(f.path, f.identity, hashed, probe=False, search=True) for f in choice.session_files]
        failed = [wish for wish in wishes if self.unreadable.get(wish.path, (None,))[0] == wish.identity]
        indexed, failures = index_files(
            self.inventory.files,
            self.catalog,
            [wish for wish in wishes if wish not in failed] if failed else wishes,
            probe_video,
            self.progress,
            self.workers,
            searcher,
        )
        failures |= {wish.path: self.unreadable[wish.path][1] for wish in failed}
        missing += missing_files(failures)
        missing += [_differing(path) for path, one in indexed.items() if one.differs_ms is not None]
        known = {
            path: replace(one, search=one.search_with(searcher.fingerprint))
            for path, one in indexed.items()
            if one.differs_ms is None
        }
        readable = [found for found in choice.recordings if found.path in known]
        recordings = plan_recordings(readable, known, session, cameras, times, self.inventory.cleaner)
        return recordings, tuple(_as_known(choice.session_files, known))

    def _probed(self, found: Sequence[Found]) -> Mapping[str, Probe]:
        """Probe linked files, to tell which of them touch the chosen span."""
        return self._look({one.path: one.identity for one in found})

    def _look(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        """Probe files that are not linked, to tell when they were made."""
        wishes = [IndexRequest(path, identity, hash=False) for path, identity in candidates.items()]
        ending = CancelOnlyProgress(self.progress)
        indexed, _ = index_files(self.inventory.files, self.catalog, wishes, probe_video, ending, self.workers)
        return {path: known.probe for path, known in indexed.items() if known.probe}


def probe_video(file: BinaryIO, path: str) -> Probe:
    """Look into an opened video for its length and times."""
    # FFmpeg is loaded when there is something to probe; in an indexed lab there is not.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)


def _differing(path: str) -> Missing:
    """What was found to hold other bytes than its checksums are of: it is not hashed anew in silence."""
    return Missing(source_of(path), Message("bytes.differ"), Message("bytes.differ.remedy"), CHECK_AGAIN)


def missing_files(failures: Mapping[str, str]) -> list[Missing]:
    """Return the files that could not be read as what is missing, by path with the reason."""
    remedy = "Make the file readable and whole, and export again."
    return [Missing(source_of(path), why, remedy) for path, why in failures.items()]


def refuse_incomplete(session: Session, missing: Sequence[Missing]) -> None:
    """Raise IncompleteError when anything is missing, naming all of it with its remedy."""
    if missing:
        listed = "\n".join(f"  - {m.what} {m.why}. {m.remedy}" for m in missing)
        raise IncompleteError(
            f"Session {session.id} is incomplete and was not exported:\n{listed}\n"
            "  To pack the rest all the same, and have the archive say what is missing, add --allow-incomplete.",
            [(m.what, m.why, m.remedy) for m in missing],
        )


def _about_recordings(
    recordings: Sequence[PlannedRecording], session: Session, cameras: Cameras, cleaner: LabCleaner
) -> Iterator[str]:
    """What is worth knowing about recordings: one by one, those of recorders by camera, and about clocks."""
    for recording in recordings:
        if not recording.of_recorder:
            yield from warnings_about(recording, session, cameras, cleaner)
    yield from recorder_warnings(recordings, session, cameras)
    yield from clock_warnings(recordings)
    yield from not_compared(recordings)


def _bounded(session: Session, bound: Bound) -> Session:
    """The session with its time as far as it is known, to tell which other recordings were made then."""
    return replace(session, span=bound.span) if bound.span else session


def _still_running(session: Session) -> Iterator[Missing]:
    if session.active:
        yield Missing(f"Session {session.id}", "is still active", "Stop it in the lab first.")


def _missing(options: Options, own: OwnFiles, recorded: RecorderFiles, readings: Readings) -> Iterator[Missing]:
    """What belongs to the session, was asked for, and cannot be read."""
    if options.only is not Only.SENSORS:
        yield from own.missing_recordings
        yield from recorded.missing
    if options.only is not Only.RECORDINGS:
        yield from own.missing_files
        yield from readings_missing(readings)


def _as_known(files: Iterable[SessionFile], indexed: Mapping[str, IndexedFile]) -> Iterator[SessionFile]:
    for file in files:
        if known := indexed.get(file.path):
            yield replace(file, fixity=known.fixity, search=known.search)


def session_warnings(session: Session) -> Iterator[str]:
    """What is worth knowing about a session's description."""
    if not session.described_in:
        yield f"No file of the lab describes session {session.id}: its name, times and sensors are unknown."
    yield from session.warnings
