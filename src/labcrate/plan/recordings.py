"""Turns a session's linked files into planned recordings: probed, timed, named, warned about."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta

from labcrate.index.records import IndexedFile
from labcrate.lab.lab_files import is_recorder_path, source_of, split_recorder_path
from labcrate.lab.path_pattern import recorder_stamp
from labcrate.lab.recorders import segment_member_name
from labcrate.linking.verdict import Verdict
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, find_camera
from labcrate.model.fixity import Identity
from labcrate.model.recording import ClockNote, Probe, RecordingTime, TimeSource
from labcrate.model.session import SelectedCamera, Session, sort_key
from labcrate.model.timespan import format_instant
from labcrate.plan.cleaning import LabCleaner
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key, is_unresolved, selected_key
from labcrate.plan.member_names import Names
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.recording_time import Evidence, TimeContext, recording_time
from labcrate.plan.select import Found

FOLDER = "recordings"


@dataclass(frozen=True, slots=True)
class Cameras:
    """The cameras of the lab by their keys; what the session itself says of a camera it selected comes first.

    ``selected`` are the keys of the cameras that the session selected.
    """

    by_key: Mapping[str, Camera]
    selected: frozenset[str]

    @classmethod
    def of(cls, inventory: Inventory, session: Session) -> "Cameras":
        """The cameras of the lab with those that only the session knows."""
        by_key = {camera_key(camera): camera for camera in inventory.cameras}
        selected = set()
        for chosen in session.cameras:
            known = find_camera(inventory.cameras, chosen.id, session.user)
            key = selected_key(chosen, known)
            by_key[key] = _merged(chosen, known)
            selected.add(key)
        return cls(by_key, frozenset(selected))

    def involved(self, recordings: Iterable[PlannedRecording]) -> tuple[Camera, ...]:
        """Those that the session selected or that a recording is of, by id."""
        keys = {key for r in recordings if (key := r.verdict.camera) and key in self.by_key}
        found = (self.by_key[key] for key in sorted(keys | self.selected_beside(keys)))
        return tuple(sorted(found, key=lambda camera: sort_key(camera.id)))

    def selected_beside(self, keys: AbstractSet[str]) -> set[str]:
        """Return the keys of the selected cameras that are none of those with ``keys``."""
        ids = {self.by_key[key].id for key in keys if key in self.by_key}
        return {key for key in self.selected - keys if not (is_unresolved(key) and self.by_key[key].id in ids)}

    def selects(self, verdict: Verdict) -> bool:
        """Whether the session selected a recording's camera, by its key or by an id that several cameras have."""
        camera = self.of_recording(verdict)
        return verdict.camera in self.selected or (
            camera is not None and any(is_unresolved(key) and self.by_key[key].id == camera.id for key in self.selected)
        )

    def of_recording(self, verdict: Verdict) -> Camera | None:
        """The camera that a recording is of, as its name or a register says."""
        return self.by_key.get(verdict.camera) if verdict.camera else None


def _merged(chosen: SelectedCamera, known: Camera | None) -> Camera:
    if known is None:
        return Camera(chosen.id, chosen.name, chosen.prefix, raw_name=chosen.raw_name, users=())
    return replace(known, name=chosen.name or known.name, prefix=chosen.prefix or known.prefix)


def twins(found: Iterable[Found]) -> set[str]:
    """Paths whose file has a namesake of the same size: only their hashes tell whether it is the same.

    Names of one file (hard links) are known to be the same.
    """
    groups = defaultdict(list)
    for item in found:
        if not is_recorder_path(item.path):
            groups[_name(item.path), item.identity.size_bytes].append(item)
    return {item.path for items in groups.values() if len({i.identity for i in items}) > 1 for item in items}


def plan_recordings(
    found: Iterable[Found],
    indexed: Mapping[str, IndexedFile],
    session: Session,
    cameras: Cameras,
    times: TimeContext | None = None,
    cleaner: LabCleaner | None = None,
) -> tuple[PlannedRecording, ...]:
    """The recordings of the archive in the order of their names, in which ``cleaner`` blanks secrets.

    The same name and bytes from two places go in once; the same name with other bytes goes in as
    ``name~2.mp4``. Files of recorders come last, named by camera and start, and are never taken for one.
    ``times`` is what the lab knows about times: the session's zone unless it is given.
    """
    names, times, cleaner = Names(), times or TimeContext(session.time_zone), cleaner or LabCleaner()
    first: dict[tuple[str, str | Identity], int] = {}
    planned: list[PlannedRecording] = []
    of_recorders = []
    for item in sorted(found, key=lambda f: (_name(f.path), f.path)):
        known = indexed[item.path]
        if is_recorder_path(item.path):
            of_recorders.append(item)
            continue
        told_by: list[tuple[str, str | Identity]] = [(_name(item.path), item.identity), *_hash_of(item.path, known)]
        at = next((first[one] for one in told_by if one in first), len(planned))
        first |= dict.fromkeys(told_by, at)
        if at < len(planned):
            planned[at] = _also_at(planned[at], printable(item.path))
        else:
            member = names.take(cleaner.name(_name(item.path)))
            planned.append(_planned(item, indexed, session.id, cameras, member, times))
    return (*planned, *_of_recorders(of_recorders, indexed, session.id, cameras, names, times, cleaner))


def _of_recorders(
    found: Iterable[Found],
    indexed: Mapping[str, IndexedFile],
    session_id: str,
    cameras: Cameras,
    names: Names,
    times: TimeContext,
    cleaner: LabCleaner,
) -> Iterator[PlannedRecording]:
    """The files of recorders in the order of their names in the archive."""
    wished = []
    for item in found:
        name, below = split_recorder_path(item.path) or ("", item.path)
        recorder, camera = times.recorders.get(name), cameras.of_recording(item.verdict)
        stamp = recorder_stamp(recorder.pattern, below) if recorder else None
        word = (stamp and stamp.camera) or (camera and (camera.name or camera.id)) or name
        time = recording_time(_evidence(item, _probe(item, indexed), camera, session_id), times)
        wished.append((segment_member_name(word, time.span.start or time.taken.start), item, camera, time))
    for member, item, camera, time in sorted(wished, key=lambda one: (one[0], one[1].path)):
        yield PlannedRecording(
            member=f"{FOLDER}/{names.take(cleaner.name(member))}",
            path=item.path,
            also_at=(),
            identity=item.identity,
            fixity=indexed[item.path].fixity,
            probe=_probe(item, indexed),
            search=indexed[item.path].search,
            time=time,
            verdict=item.verdict,
            camera=camera,
        )


def _probe(item: Found, indexed: Mapping[str, IndexedFile]) -> Probe:
    probe = indexed[item.path].probe
    if probe is None:
        raise AssertionError(f"{source_of(item.path)} was planned without having been probed")
    return probe


def _evidence(item: Found, probe: Probe, camera: Camera | None, session_id: str) -> Evidence:
    camera_id = camera.id if camera else None
    return Evidence(item.path, probe, item.identity.mtime_ns, camera_id, item.verdict.prefix, session_id)


def _hash_of(path: str, known: IndexedFile) -> Iterator[tuple[str, str]]:
    if known.fixity:
        yield _name(path), known.fixity.sha256


def _planned(
    item: Found,
    indexed: Mapping[str, IndexedFile],
    session_id: str,
    cameras: Cameras,
    member: str,
    times: TimeContext,
) -> PlannedRecording:
    probe, camera = _probe(item, indexed), cameras.of_recording(item.verdict)
    return PlannedRecording(
        member=f"{FOLDER}/{member}",
        path=item.path,
        also_at=(),
        identity=item.identity,
        fixity=indexed[item.path].fixity,
        probe=probe,
        search=indexed[item.path].search,
        time=recording_time(_evidence(item, probe, camera, session_id), times),
        verdict=item.verdict,
        camera=camera,
    )


def warnings_about(
    recording: PlannedRecording, session: Session, cameras: Cameras, cleaner: LabCleaner
) -> Iterator[str]:
    """What is worth knowing about one recording."""
    name = recording.member
    if recording.probe.problem:
        yield f"{name} is damaged and kept as it is: {recording.probe.problem.rstrip('.')}."
    if recording.verdict.warning:
        yield f"{name}: {recording.verdict.warning}."
    original = recording.source.rpartition("/")[2]
    if cleaner.name(original) != original:
        yield Message("recording.secret_name", file=name)
    elif printable(unicodedata.normalize("NFC", recording.path.rpartition("/")[2])) != name.rpartition("/")[2]:
        yield f"{name} is called {original} in the lab; that name is taken or cannot be written everywhere."
    camera = recording.camera
    if cameras.selected and camera and not cameras.selects(recording.verdict):
        yield f"{name} is of camera {camera.name or printable(camera.id)}, which the session had not selected."
    if recording.probe.readable and not may_be_of(session, recording.time):
        hint = " That may be the time of a copy." if recording.start_source is TimeSource.MODIFIED else ""
        start = format_instant(recording.span.start) if recording.span.start else "unknown"
        yield f"{name} starts at {start} ({recording.start_source}), outside the session's time.{hint}"


def cameras_without_recordings(found: Iterable[Found], cameras: Cameras) -> Iterator[str]:
    """Name the cameras that the session selected and that no recording is of.

    Nothing is said where the camera of a recording is not known: it may be any of them.
    """
    keys = [one.verdict.camera for one in found]
    seen = {key for key in keys if key is not None}
    if None in keys:
        return
    for key in sorted(cameras.selected_beside(seen)):
        camera = cameras.by_key[key]
        yield Message("recording.none_of_camera", camera=camera.name or printable(camera.id))


def may_be_of(session: Session, time: RecordingTime) -> bool:
    """Whether a recording may be of the session's time: one without a known zone is said to be unsure by its camera."""
    span, taken = time.span, time.taken
    if taken.source is TimeSource.NAME and ClockNote.NO_ZONE in time.notes:
        span = span.padded(timedelta(seconds=taken.uncertainty_s))
    return span.overlaps(session.span)


def not_compared(recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Says which recordings may turn out to be one: they share name and size, and were not read yet."""
    groups = defaultdict(list)
    for recording in recordings:
        if not recording.of_recorder:
            groups[_name(recording.path), recording.identity.size_bytes].append(recording)
    for alike in groups.values():
        if len(alike) > 1 and not all(recording.fixity for recording in alike):
            yield (
                f"{', '.join(recording.source for recording in alike)} have one name and size, and may be the same. "
                "All of them are counted until they are read; the ZIP may turn out smaller."
            )


def _also_at(recording: PlannedRecording, path: str) -> PlannedRecording:
    return replace(recording, also_at=(*recording.also_at, path))


def _name(path: str) -> str:
    return path.rpartition("/")[2]
