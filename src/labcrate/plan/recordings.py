"""Plan the recordings of a session: their names in the archive, their times, and warnings about them."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from labcrate.index.records import IndexedFile
from labcrate.lab.lab_files import display_path, is_recorder_path, split_recorder_path
from labcrate.lab.path_pattern import parse_recorder_path
from labcrate.lab.recorders import segment_member_name
from labcrate.linking.verdict import Verdict
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, find_camera
from labcrate.model.fixity import Identity
from labcrate.model.recording import ClockNote, Probe, RecordingTime, TimeSource
from labcrate.model.session import SelectedCamera, Session, id_sort_key
from labcrate.model.timespan import format_instant
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.plan.lab_rules import camera_key, is_unresolved_key, selected_camera_key
from labcrate.plan.linked_files import RecordingFile
from labcrate.plan.member_names import UniqueNames
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recording_time

FOLDER = "recordings"


class SessionCameras(Struct, frozen=True):
    """The cameras of the lab by their keys, with the names and prefixes that the session gives to selected ones.

    ``selected`` are the keys of the cameras that the session selected.
    """

    by_key: Mapping[str, Camera]
    selected: frozenset[str]

    @classmethod
    def build(cls, inventory: Inventory, session: Session) -> "SessionCameras":
        """Return the cameras of the lab and those that only the session has."""
        by_key = {camera_key(camera): camera for camera in inventory.cameras}
        selected = set()
        for selected_camera in session.cameras:
            known = find_camera(inventory.cameras, selected_camera.id, session.user)
            key = selected_camera_key(selected_camera, known)
            by_key[key] = _merge_camera(selected_camera, known)
            selected.add(key)
        return cls(by_key, frozenset(selected))

    def involved(self, recordings: Iterable[PlannedRecording]) -> tuple[Camera, ...]:
        """Return the cameras that the session selected or that made a recording, by id."""
        keys = {key for r in recordings if (key := r.verdict.camera) and key in self.by_key}
        found = (self.by_key[key] for key in sorted(keys | self.selected_except(keys)))
        return tuple(sorted(found, key=lambda camera: id_sort_key(camera.id)))

    def selected_except(self, keys: AbstractSet[str]) -> set[str]:
        """Return the keys of the selected cameras other than those with ``keys``."""
        ids = {self.by_key[key].id for key in keys if key in self.by_key}
        return {key for key in self.selected - keys if not (is_unresolved_key(key) and self.by_key[key].id in ids)}

    def selects(self, verdict: Verdict) -> bool:
        """Return whether the session selected a recording's camera, by key or by an id that several cameras have."""
        camera = self.find(verdict)
        return verdict.camera in self.selected or (
            camera is not None
            and any(is_unresolved_key(key) and self.by_key[key].id == camera.id for key in self.selected)
        )

    def find(self, verdict: Verdict) -> Camera | None:
        """Return the camera of a recording by its verdict, or None if it is unknown."""
        return self.by_key.get(verdict.camera) if verdict.camera else None


def _merge_camera(selected_camera: SelectedCamera, known: Camera | None) -> Camera:
    if known is None:
        return Camera(
            selected_camera.id,
            selected_camera.name,
            selected_camera.prefix,
            raw_name=selected_camera.raw_name,
            users=(),
        )
    return replace(known, name=selected_camera.name or known.name, prefix=selected_camera.prefix or known.prefix)


def find_possible_duplicates(files: Iterable[RecordingFile]) -> set[str]:
    """Return the paths of files with the same name and size as another: only their hashes show if they are the same.

    Names of one file (hard links) are known to be the same.
    """
    groups = defaultdict(list)
    for file in files:
        if not is_recorder_path(file.path):
            groups[_name(file.path), file.identity.size_bytes].append(file)
    return {file.path for items in groups.values() if len({i.identity for i in items}) > 1 for file in items}


def plan_recordings(
    files: Iterable[RecordingFile],
    indexed: Mapping[str, IndexedFile],
    session: Session,
    cameras: SessionCameras,
    times: TimeContext | None = None,
    cleaner: LabCleaner | None = None,
) -> tuple[PlannedRecording, ...]:
    """Return the recordings of the archive in the order of their names, without the secrets that ``cleaner`` removes.

    Two files with the same name and bytes are packed once; a file with the same name and other bytes becomes
    ``name~2.mp4``. Files of recorders come last, named by camera and start, and are always packed separately.
    ``times`` defaults to the session's zone alone.
    """
    names, times, cleaner = UniqueNames(), times or TimeContext(session.time_zone), cleaner or LabCleaner()
    index_by_key: dict[tuple[str, str | Identity], int] = {}
    planned: list[PlannedRecording] = []
    recorder_files = []
    for file in sorted(files, key=lambda f: (_name(f.path), f.path)):
        record = indexed[file.path]
        if is_recorder_path(file.path):
            recorder_files.append(file)
            continue
        keys: list[tuple[str, str | Identity]] = [(_name(file.path), file.identity), *_hash_key(file.path, record)]
        index = next((index_by_key[one] for one in keys if one in index_by_key), len(planned))
        index_by_key |= dict.fromkeys(keys, index)
        if index < len(planned):
            planned[index] = _add_duplicate_path(planned[index], printable(file.path))
        else:
            member = names.reserve(cleaner.name(_name(file.path)))
            planned.append(_plan_recording(file, indexed, session.id, cameras, member, times))
    return (*planned, *_plan_recorder_files(recorder_files, indexed, session.id, cameras, names, times, cleaner))


def _plan_recorder_files(
    files: Iterable[RecordingFile],
    indexed: Mapping[str, IndexedFile],
    session_id: str,
    cameras: SessionCameras,
    names: UniqueNames,
    times: TimeContext,
    cleaner: LabCleaner,
) -> Iterator[PlannedRecording]:
    """Yield the files of recorders in the order of their names in the archive."""
    named = []
    for file in files:
        name, below = split_recorder_path(file.path) or ("", file.path)
        recorder, camera = times.recorders.get(name), cameras.find(file.verdict)
        stamp = parse_recorder_path(recorder.pattern, below) if recorder else None
        camera_word = (stamp and stamp.camera) or (camera and (camera.name or camera.id)) or name
        time = recording_time(_recording_facts(file, _known_probe(file, indexed), camera, session_id), times)
        named.append((segment_member_name(camera_word, time.span.start or time.chosen.start), file, camera, time))
    for member, file, camera, time in sorted(named, key=lambda one: (one[0], one[1].path)):
        yield PlannedRecording(
            member=f"{FOLDER}/{names.reserve(cleaner.name(member))}",
            path=file.path,
            duplicate_paths=(),
            identity=file.identity,
            fixity=indexed[file.path].fixity,
            probe=_known_probe(file, indexed),
            search=indexed[file.path].search,
            time=time,
            verdict=file.verdict,
            camera=camera,
        )


def _known_probe(file: RecordingFile, indexed: Mapping[str, IndexedFile]) -> Probe:
    probe = indexed[file.path].probe
    if probe is None:
        raise AssertionError(f"{display_path(file.path)} was planned without having been probed")
    return probe


def _recording_facts(file: RecordingFile, probe: Probe, camera: Camera | None, session_id: str) -> RecordingFacts:
    camera_id = camera.id if camera else None
    return RecordingFacts(file.path, probe, file.identity.mtime_ns, camera_id, file.verdict.prefix, session_id)


def _hash_key(path: str, record: IndexedFile) -> Iterator[tuple[str, str]]:
    if record.fixity:
        yield _name(path), record.fixity.sha256


def _plan_recording(
    file: RecordingFile,
    indexed: Mapping[str, IndexedFile],
    session_id: str,
    cameras: SessionCameras,
    member: str,
    times: TimeContext,
) -> PlannedRecording:
    probe, camera = _known_probe(file, indexed), cameras.find(file.verdict)
    return PlannedRecording(
        member=f"{FOLDER}/{member}",
        path=file.path,
        duplicate_paths=(),
        identity=file.identity,
        fixity=indexed[file.path].fixity,
        probe=probe,
        search=indexed[file.path].search,
        time=recording_time(_recording_facts(file, probe, camera, session_id), times),
        verdict=file.verdict,
        camera=camera,
    )


def recording_warnings(
    recording: PlannedRecording, session: Session, cameras: SessionCameras, cleaner: LabCleaner
) -> Iterator[str]:
    """Yield the warnings about one recording."""
    name = recording.member
    if recording.probe.problem:
        yield Message("recording.damaged", file=name, problem=recording.probe.problem)
    if recording.verdict.warning:
        yield Message("recording.warning", file=name, warning=recording.verdict.warning)
    original = recording.source.rpartition("/")[2]
    if cleaner.name(original) != original:
        yield Message("recording.secret_name", file=name)
    elif printable(unicodedata.normalize("NFC", recording.path.rpartition("/")[2])) != name.rpartition("/")[2]:
        yield Message("recording.renamed", file=name, original=original)
    camera = recording.camera
    if cameras.selected and camera and not cameras.selects(recording.verdict):
        yield Message("recording.not_selected", file=name, camera=camera.name or camera.id)
    if recording.probe.is_readable and not may_overlap_session(session, recording.time):
        source, start = recording.start_source, recording.span.start
        yield Message(
            "recording.outside_or_copied" if source is TimeSource.MODIFIED else "recording.outside",
            file=name,
            time=format_instant(start) if start else Message("recording.start_unknown"),
            source=source,
        )


def cameras_without_recordings(found: Iterable[RecordingFile], cameras: SessionCameras) -> Iterator[str]:
    """Yield a warning for each selected camera without a recording.

    If the camera of a recording is unknown, there are no warnings: it may be any of them.
    """
    keys = [one.verdict.camera for one in found]
    recorded = {key for key in keys if key is not None}
    if None in keys:
        return
    for key in sorted(cameras.selected_except(recorded)):
        camera = cameras.by_key[key]
        yield Message("recording.none_of_camera", camera=camera.name or camera.id)


def may_overlap_session(session: Session, time: RecordingTime) -> bool:
    """Return whether a recording overlaps the session's time, within the uncertainty of a time without a known zone."""
    span, chosen = time.span, time.chosen
    if chosen.source is TimeSource.NAME and ClockNote.NO_ZONE in time.notes:
        span = span.padded(timedelta(seconds=chosen.uncertainty_s))
    return span.overlaps(session.span)


def possible_duplicate_warnings(recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Yield a warning for recordings with the same name and size of which not all were read yet."""
    groups = defaultdict(list)
    for recording in recordings:
        if not recording.is_from_recorder:
            groups[_name(recording.path), recording.identity.size_bytes].append(recording)
    for group in groups.values():
        if len(group) > 1 and not all(recording.fixity for recording in group):
            yield Message("recording.possible_duplicates", files=[recording.source for recording in group])


def _add_duplicate_path(recording: PlannedRecording, path: str) -> PlannedRecording:
    return replace(recording, duplicate_paths=(*recording.duplicate_paths, path))


def _name(path: str) -> str:
    return path.rpartition("/")[2]
