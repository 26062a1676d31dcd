"""Make the plan of an export from the lab, the index, the linking rules, readings and videos."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from msgspec.structs import replace

from labcrate.errors import IncompleteError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import CancelOnlyProgress, IndexRequest, Progress, index_files
from labcrate.index.records import IndexedFile
from labcrate.index.secret_search import SecretSearcher
from labcrate.lab.exclude import ExcludePatterns
from labcrate.lab.lab_files import display_path
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.session_bound import SessionBound
from labcrate.model.timespan import TimeSpan
from labcrate.plan.choices import (
    ChosenFiles,
    choose_files,
    choose_sensors,
    describe_readings_not_chosen,
    readings_window,
    refuse_unknown_sensors,
)
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.plan.linked_files import RecordingFile, count_left_out, find_linked_files
from labcrate.plan.manual_links import lost_sound_warnings, missing_manual_links
from labcrate.plan.not_taken import NotTakenRule
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import CopiedFile, Missing, Plan, PlannedRecording, SessionFile
from labcrate.plan.recorder_files import RecorderFiles, check_recorder_files
from labcrate.plan.recording_time import TimeContext
from labcrate.plan.recordings import (
    SessionCameras,
    cameras_without_recordings,
    find_possible_duplicates,
    plan_recordings,
    possible_duplicate_warnings,
    recording_warnings,
)
from labcrate.plan.secrecy import (
    clean_plan,
    clean_readings,
    find_secrecy,
    refuse_secrets,
    secrecy_warnings,
)
from labcrate.plan.sensors import (
    describe_platform_table,
    involved_devices,
    load_session_readings,
    readings_index_folder,
    readings_missing,
    readings_warnings,
    with_columns,
)
from labcrate.plan.session_files import SessionFolderFiles, find_session_files, sidecar_path
from labcrate.plan.session_time import (
    describe_span_zone,
    options_in_utc,
    refuse_empty_span,
    registered_spans,
    session_time,
)
from labcrate.plan.table_choice import describe_tables_left_out
from labcrate.plan.warnings import (
    clock_warnings,
    files_not_searched,
    lab_faults_missing,
    lab_faults_warnings,
    recorder_warnings,
    register_warnings,
    window_warnings,
)
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.topics import BASE_TOPIC

CHECK_COMMAND = ("labcrate", "index", "--check")
"""The command that reads files again that do not match their checksums."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans of exports of one lab; ``progress`` shows the indexing that a plan needs.

    With ``skip_duplicate_check``, a plan without fixity reads no file whole to find out whether two files are the same;
    a warning says if its size depends on that. ``unreadable`` are files that are not tried again, by path, with the
    state in which each could not be read and the reason. With ``skip_readings``, no sensor message is read, and a plan
    says nothing about readings.
    """

    inventory: Inventory
    catalog: Catalog
    progress: Progress = field(default_factory=Progress)
    workers: int | None = None
    skip_duplicate_check: bool = False
    unreadable: Mapping[str, tuple[Identity, Message]] = field(default_factory=dict)
    skip_readings: bool = False

    def plan(
        self,
        session_id: str,
        options: Options = Options(),
        *,
        with_fixity: bool,
        allow_incomplete: bool = True,
        stop_on_secrets: bool = False,
    ) -> Plan:
        """Return the plan of one session, ``with_fixity`` with the checksums that an archive needs.

        Raises NoSessionError, DocumentError, CatalogError, IncompleteError unless that is allowed, and with
        ``stop_on_secrets`` SecretsError for files that may not be packed, before hashing if possible.
        """
        inventory, described = self.inventory, self.inventory.session(session_id)
        zone = options.time_zone or described.time_zone or inventory.zone
        given_options, options = options, options_in_utc(options, zone)
        recorders = {recorder.name: recorder for recorder in inventory.settings.recorders}
        times = TimeContext(zone, registered_spans(inventory), inventory.clocks, recorders)
        time = session_time(inventory, described, times, self._probe_files)
        session = choose_sensors(options, described, inventory.devices)
        pad = inventory.settings.session.pad if options.pad is None else options.pad
        window = readings_window(options, described, time.bound, pad)
        refuse_empty_span(options, described, time.bound, window, None)
        readings, messages = self._readings(session, window, options, zone)
        is_excluded = ExcludePatterns(inventory.settings.exclude).matches
        recorder_files = check_recorder_files(inventory, session, is_excluded)
        linking = find_linked_files(
            inventory,
            _with_known_time(session, time.bound),
            self._probe_files,
            times,
            recorder_files=recorder_files.found,
        )
        cameras = SessionCameras.build(inventory, session)
        folder_files = find_session_files(inventory, session, linking, is_excluded)
        found = [*folder_files.recordings, *recorder_files.found]
        chosen = choose_files(options, session, cameras, found, folder_files.files, self._probe_recordings, times)
        refuse_empty_span(options, described, time.bound, window, len(chosen.recordings))
        missing = [*_active_session(session), *lab_faults_missing(inventory, session_id, options)]
        missing += _missing(options, folder_files, recorder_files, readings)
        missing += missing_manual_links(inventory, session.id) if options.only is not DataKind.SENSORS else ()
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        unread: list[Missing] = []
        hash_at_once = with_fixity and not stop_on_secrets
        recordings, files = self._index(chosen, session, cameras, times, unread, with_fixity=hash_at_once)
        if with_fixity and stop_on_secrets:
            known: tuple[CopiedFile, ...] = (*recordings, *files)
            refuse_secrets(session.id, find_secrecy(session, (), (), known, 0, options, inventory.cleaner))
            # In an indexed lab all is known by now.
            if unread or any(one.fixity is None or one.search is None for one in known):
                unread = []
                recordings, files = self._index(chosen, session, cameras, times, unread, with_fixity=True)
        missing += unread
        near_misses = tuple(near for near in linking.near_misses if not is_excluded(near.path))
        excluded_near_misses = len(linking.near_misses) - len(near_misses)
        sidecars = count_left_out(inventory, session, {sidecar_path(found.path) for found in folder_files.recordings})
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        involved, devices = cameras.involved(recordings), involved_devices(inventory.devices, session, readings)
        packed: tuple[CopiedFile, ...] = (*recordings, *files)
        unsearched = files_not_searched(inventory, session.id)
        secrecy = find_secrecy(session, involved, devices, packed, messages, options, inventory.cleaner, unsearched)
        if stop_on_secrets:
            refuse_secrets(session.id, secrecy)
        warnings = [
            *session_warnings(session),
            *lab_faults_warnings(inventory, session_id, options),
            *map(str, time.problems),
            *(time.warnings if not options.all_readings else ()),
            *window_warnings(inventory, described, window, time.bound, options),
            *register_warnings(inventory, recordings),
            *(() if zone else describe_span_zone(given_options, options, zone)),
            *lost_sound_warnings(inventory, session.id),
            *linking.warnings,
            *folder_files.warnings,
            *(cameras_without_recordings(found, cameras) if options.only is not DataKind.SENSORS else ()),
            *_recording_warnings(recordings, session, cameras, inventory.cleaner),
            *(readings_warnings(readings, options) if self._reads_readings(options) else ()),
            *secrecy_warnings(secrecy, packed),
        ]
        plan = Plan(
            session=described,
            options=options,
            window=window,
            cameras=involved,
            devices=devices,
            recordings=recordings,
            session_files=with_columns(inventory.lab, files, inventory.folder(session.id), describe_platform_table),
            readings=readings,
            near_misses=near_misses,
            left_out=linking.left_out
            - sidecars
            + Counter({NotTakenRule.EXCLUDED.value: excluded_near_misses} if excluded_near_misses else {}),
            missing=tuple(missing),
            warnings=tuple(dict.fromkeys(warnings)),
            not_chosen=(
                *chosen.not_chosen,
                *describe_readings_not_chosen(options, readings),
                *(describe_span_zone(given_options, options, zone) if zone else ()),
            ),
            tables_left_out=tuple(
                describe_tables_left_out(options.with_tables, options.without_tables, [file.member for file in files])
            ),
            not_taken=(*folder_files.not_taken, *recorder_files.not_taken),
            pad=pad,
            bound=time.bound,
            zone=zone,
            secrecy=secrecy,
        )
        return clean_plan(plan, inventory.cleaner)

    def _readings(self, session: Session, window: TimeSpan, options: Options, zone: str | None) -> tuple[Readings, int]:
        """Return the readings without secrets, and the number of messages from which something was removed."""
        if not self._reads_readings(options):
            return Readings(window=window), 0
        devices = self.inventory.devices
        settings, lab = self.inventory.settings, self.inventory.lab
        base = options.base_topic or settings.base_topic or BASE_TOPIC
        readings = load_session_readings(
            lab,
            session,
            devices,
            window,
            base,
            zone,
            settings.date_formats,
            self.progress.raise_if_cancelled,
            self.progress.readings,
            readings_index_folder(lab),
        )
        refuse_unknown_sensors(options, self.inventory.session(session.id), readings.absent_sensors, devices)
        return clean_readings(readings, self.inventory.cleaner)

    def _reads_readings(self, options: Options) -> bool:
        return options.only is not DataKind.RECORDINGS and not self.skip_readings

    def _index(
        self,
        chosen: ChosenFiles,
        session: Session,
        cameras: SessionCameras,
        times: TimeContext,
        missing: list[Missing],
        *,
        with_fixity: bool,
    ) -> tuple[tuple[PlannedRecording, ...], tuple[SessionFile, ...]]:
        """Hash and probe the chosen files; those that cannot be read are added to ``missing``."""
        possible_duplicates = set() if self.skip_duplicate_check else find_possible_duplicates(chosen.recordings)
        searcher = SecretSearcher(self.inventory.cleaner.matcher, self.catalog)
        requests = [
            IndexRequest(file.path, file.identity, with_fixity or file.path in possible_duplicates, search=True)
            for file in chosen.recordings
        ]
        requests += [
            IndexRequest(file.path, file.identity, with_fixity, probe=False, search=True)
            for file in chosen.session_files
        ]
        failed = [request for request in requests if self.unreadable.get(request.path, (None,))[0] == request.identity]
        indexed, failures = index_files(
            self.inventory.files,
            self.catalog,
            [request for request in requests if request not in failed] if failed else requests,
            probe_video,
            self.progress,
            self.workers,
            searcher,
        )
        failures |= {request.path: self.unreadable[request.path][1] for request in failed}
        missing += missing_files(failures)
        missing += [_changed_bytes(path) for path, one in indexed.items() if one.differs_ms is not None]
        known = {
            path: replace(one, search=one.search_with(searcher.fingerprint))
            for path, one in indexed.items()
            if one.differs_ms is None
        }
        readable = [found for found in chosen.recordings if found.path in known]
        recordings = plan_recordings(readable, known, session, cameras, times, self.inventory.cleaner)
        return recordings, tuple(_with_index_records(chosen.session_files, known))

    def _probe_recordings(self, found: Sequence[RecordingFile]) -> Mapping[str, Probe]:
        """Probe linked files, to find out which of them overlap the chosen span."""
        return self._probe_files({one.path: one.identity for one in found})

    def _probe_files(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        """Probe files, to find out when they were recorded."""
        requests = [IndexRequest(path, identity, hash=False) for path, identity in candidates.items()]
        ending = CancelOnlyProgress(self.progress)
        indexed, _ = index_files(self.inventory.files, self.catalog, requests, probe_video, ending, self.workers)
        return {path: record.probe for path, record in indexed.items() if record.probe}


def probe_video(file: BinaryIO, path: str) -> Probe:
    """Return the length, times and codecs of an opened video."""
    # FFmpeg is loaded only when a file is probed: not in an indexed lab.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)


def _changed_bytes(path: str) -> Missing:
    """Return a file that does not match its checksum as missing: it is not simply hashed again."""
    return Missing(display_path(path), Message("bytes.differ"), Message("bytes.differ.remedy"), CHECK_COMMAND)


def missing_files(failures: Mapping[str, str]) -> list[Missing]:
    """Return the files that could not be read, by path with the reason, as missing."""
    remedy = Message("missing.failed.remedy")
    return [Missing(display_path(path), why, remedy) for path, why in failures.items()]


def refuse_incomplete(session: Session, missing: Sequence[Missing]) -> None:
    """Raise IncompleteError if anything is missing, with all of it and the remedies."""
    if missing:
        lines = tuple(Message("incomplete.line", sentence=one.sentence, remedy=one.remedy) for one in missing)
        raise IncompleteError(
            Message("incomplete.refused", session=session.id, lines=lines),
            [(one.what, one.why, one.remedy) for one in missing],
        )


def _recording_warnings(
    recordings: Sequence[PlannedRecording], session: Session, cameras: SessionCameras, cleaner: LabCleaner
) -> Iterator[str]:
    """Yield the warnings about recordings: one by one, those of recorders by camera, and about clocks."""
    for recording in recordings:
        if not recording.is_from_recorder:
            yield from recording_warnings(recording, session, cameras, cleaner)
    yield from recorder_warnings(recordings, session, cameras)
    yield from clock_warnings(recordings)
    yield from possible_duplicate_warnings(recordings)


def _with_known_time(session: Session, bound: SessionBound) -> Session:
    """Return the session with its time as far as it is known, to find the other recordings of that time."""
    return replace(session, span=bound.span) if bound.span else session


def _active_session(session: Session) -> Iterator[Missing]:
    if session.is_active:
        what = Message("missing.session", session=session.id)
        yield Missing(what, Message("missing.active"), Message("missing.active.remedy"))


def _missing(
    options: Options, folder_files: SessionFolderFiles, recorder_files: RecorderFiles, readings: Readings
) -> Iterator[Missing]:
    """Yield what belongs to the session, was chosen and cannot be read."""
    if options.only is not DataKind.SENSORS:
        yield from folder_files.missing_recordings
        yield from recorder_files.missing
    if options.only is not DataKind.RECORDINGS:
        yield from folder_files.missing_files
        yield from readings_missing(readings)


def _with_index_records(files: Iterable[SessionFile], records: Mapping[str, IndexedFile]) -> Iterator[SessionFile]:
    for file in files:
        if record := records.get(file.path):
            yield replace(file, fixity=record.fixity, search=record.search)


def session_warnings(session: Session) -> Iterator[str]:
    """Yield the warnings about a session's description."""
    if not session.description_files:
        yield Message("session.undescribed", session=session.id)
    yield from session.warnings
