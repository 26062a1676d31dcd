"""Apply the options to what a session has: cameras, sensors and time; report what that leaves out.

The archive lists everything that was left out by choice, with counts.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from labcrate.linking.filename import fold
from labcrate.messages.message import Message
from labcrate.model.device import Camera, Device
from labcrate.model.recording import Probe
from labcrate.model.session import SelectedSensor, Session
from labcrate.model.session_bound import SessionBound
from labcrate.model.timespan import EMPTY_SPAN, TimeSpan
from labcrate.plan.linked_files import RecordingFile
from labcrate.plan.option_values import unknown_name_error
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import FileKind, SessionFile
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recorded_span
from labcrate.plan.recordings import SessionCameras
from labcrate.readings.load.slice import Readings

_NOT_CHOSEN_IDS = {
    FileKind.SENSOR_DATA: "not_chosen.sensor_data",
    FileKind.SIDECAR: "not_chosen.sidecars",
    FileKind.OTHER: "not_chosen.other_files",
}

ProbeRecordings = Callable[[Sequence[RecordingFile]], Mapping[str, Probe]]
"""Reads the length and times of recordings, and returns them by path."""


class ChosenFiles(Struct, frozen=True):
    """The files of a session that were chosen, and a message about each kind of thing that was not."""

    recordings: tuple[RecordingFile, ...]
    session_files: tuple[SessionFile, ...]
    not_chosen: tuple[Message, ...]


def choose_files(
    options: Options,
    session: Session,
    cameras: SessionCameras,
    recordings: Sequence[RecordingFile],
    files: Sequence[SessionFile],
    probe_recordings: ProbeRecordings,
    times: TimeContext | None = None,
) -> ChosenFiles:
    """Return the files that the options choose. A recording is included whole if any part of it is in the span.

    ``times`` defaults to the session's zone alone. Raises UsageError for a camera that neither the lab nor the session
    has.
    """
    camera_keys = _named_camera_keys(options.cameras, cameras)
    if not options.is_partial:
        return ChosenFiles(tuple(recordings), tuple(files), ())
    if options.only is DataKind.SENSORS:
        chosen: Sequence[RecordingFile] = ()
        messages = [_not_chosen("not_chosen.recordings", len(recordings), "only_sensors")]
    else:
        of_named_cameras = [r for r in recordings if camera_keys is None or r.verdict.camera in camera_keys]
        chosen = _within_span(
            options.span,
            of_named_cameras,
            session.id,
            cameras,
            probe_recordings,
            times or TimeContext(session.time_zone),
        )
        messages = [
            _not_chosen("not_chosen.recordings", len(recordings) - len(of_named_cameras), "other_cameras"),
            _not_chosen("not_chosen.recordings", len(of_named_cameras) - len(chosen), "outside"),
        ]
    paths = {one.path for one in chosen}
    reasons = {file.path: _reason_not_chosen(options, file, paths) for file in files}
    chosen_files = [file for file in files if reasons[file.path] is None]
    for (kind, reason), count in Counter((file.kind, reasons[file.path]) for file in files).items():
        messages.append(_not_chosen(_NOT_CHOSEN_IDS[kind], count, reason) if reason else None)
    return ChosenFiles(tuple(chosen), tuple(chosen_files), tuple(filter(None, messages)))


def choose_sensors(options: Options, session: Session, devices: Sequence[Device]) -> Session:
    """Return the session with only the chosen sensors selected.

    Raises UsageError for a sensor that the session did not select, if it selected any.
    """
    if not options.sensors:
        return session
    chosen: list[SelectedSensor] = []
    for word in options.sensors:
        names = _device_names(word, devices)
        if not session.sensors:
            chosen.append(SelectedSensor(word))
            continue
        found = [s for s in session.sensors if names & {s.id, s.id.lower(), s.name}]
        if not found:
            known = [s.name or s.id for s in session.sensors]
            raise unknown_name_error("sensor.unknown_name", word, known, "hint.session_selected")
        chosen += found
    return replace(session, sensors=tuple(dict.fromkeys(chosen)))


def describe_readings_not_chosen(options: Options, readings: Readings) -> Iterator[Message]:
    """Yield a message about each kind of reading that was left out by choice."""
    if options.only is DataKind.RECORDINGS:
        yield Message("not_chosen.all_readings")
        return
    if options.sensors and readings.of_other_sensors:
        yield Message("not_chosen.other_sensors", count=readings.of_other_sensors)
    if options.span != TimeSpan():
        yield Message("not_chosen.readings_outside")


def refuse_unknown_sensors(
    options: Options, session: Session, absent: Iterable[str], devices: Sequence[Device]
) -> None:
    """Raise UsageError for a chosen sensor that has neither a reading nor a name in the lab."""
    if session.sensors:
        return
    for word in options.sensors:
        if word in absent and len(_device_names(word, devices)) == 1:
            known = [device.name or device.id for device in devices]
            raise unknown_name_error("sensor.unknown_name", word, known, "hint.lab_sensors")


def readings_window(options: Options, session: Session, bound: SessionBound, pad: timedelta) -> TimeSpan:
    """Return the readings' window: the part of the session's padded time, or of all time, in the chosen span.

    For a session without an end in its description, the chosen span may end later than the estimated end.
    """
    if options.all_readings:
        return options.span
    span, end = bound.span, options.span.end
    if session.span.end is None and session.span.start is not None and end is not None:
        start = span.start if span else session.span.start
        span = TimeSpan(start, max(end, span.end) if span and span.end else end)
    return EMPTY_SPAN if span is None else intersection(span.padded(pad), options.span)


def intersection(first: TimeSpan, second: TimeSpan) -> TimeSpan:
    """Return what two spans share. If that is nothing, the end is before the start, and no instant is inside."""
    starts = [span.start for span in (first, second) if span.start]
    ends = [span.end for span in (first, second) if span.end]
    return TimeSpan(max(starts, default=None), min(ends, default=None))


def _within_span(
    span: TimeSpan,
    recordings: Sequence[RecordingFile],
    session_id: str,
    cameras: SessionCameras,
    probe_recordings: ProbeRecordings,
    times: TimeContext,
) -> Sequence[RecordingFile]:
    if span == TimeSpan():
        return recordings
    probes = probe_recordings(recordings)

    def touches(recording: RecordingFile) -> bool:
        # A recording that cannot be read stays chosen: indexing reports what is wrong with it.
        probe = probes.get(recording.path)
        if probe is None:
            return True
        camera = cameras.find(recording.verdict)
        camera_id, prefix = camera.id if camera else None, recording.verdict.prefix
        evidence = RecordingFacts(recording.path, probe, recording.identity.mtime_ns, camera_id, prefix, session_id)
        return recorded_span(evidence, times).overlaps(span)

    return [recording for recording in recordings if touches(recording)]


def _reason_not_chosen(options: Options, file: SessionFile, chosen_paths: Collection[str]) -> str | None:
    """Return why a file of the session is not chosen (the end of a message id), or None if it is.

    A file covers all sensors and all of the session's time, and cannot be cut. Files other than sensor data are left
    out of sensor data: they may hold voices or faces.
    """
    if options.only is DataKind.RECORDINGS:
        return "only_recordings"
    if options.sensors:
        return "some_sensors"
    if options.span != TimeSpan():
        return "part_of_time"
    if options.only is DataKind.SENSORS:
        return "only_sensors" if file.kind is FileKind.OTHER else None
    return "other_cameras" if file.recording is not None and file.recording not in chosen_paths else None


def _named_camera_keys(words: Sequence[str], cameras: SessionCameras) -> set[str] | None:
    """Return the keys of the cameras with these names, or None for all cameras if there are no names."""
    if not words:
        return None
    chosen = set()
    for word in words:
        chosen.update(find_camera_keys(word, cameras))
    return chosen


def find_camera_keys(word: str, cameras: SessionCameras) -> list[str]:
    """Return the keys of the cameras with this id, name or prefix. Raises UsageError if there is none."""
    found = [key for key, camera in cameras.by_key.items() if fold(word) in map(fold, _camera_names(camera))]
    if not found:
        known = [camera.name or camera.id for camera in cameras.by_key.values()]
        raise unknown_name_error("camera.unknown_name", word, known, "hint.lab_cameras")
    return found


def _camera_names(camera: Camera) -> list[str]:
    return [text for text in (camera.id, camera.name, camera.prefix) if text]


def _device_names(word: str, devices: Sequence[Device]) -> set[str]:
    """Return the word, and the other names and addresses of the device with that name or address."""
    names = {name for d in devices if word in (d.id, d.id.lower(), d.name) for name in (d.id, d.id.lower(), d.name)}
    return {name for name in names if name} | {word}


def _not_chosen(message_id: str, count: int, reason: str) -> Message | None:
    """Return a message about what was left out, or None if that is nothing; ``reason`` is the end of its id."""
    return Message(message_id, count=count, reason=Message(f"not_chosen.{reason}")) if count else None
