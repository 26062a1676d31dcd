"""What of a session was chosen: which cameras, sensors and times, and what that leaves out.

Less than the whole is a decision that the archive must show: everything left out is counted and said.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from labcrate.errors import UsageError
from labcrate.linking.filename import fold
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device
from labcrate.model.recording import Probe
from labcrate.model.session import SelectedSensor, Session
from labcrate.model.session_bound import SessionBound
from labcrate.model.timespan import EMPTY_SPAN, TimeSpan
from labcrate.plan.linked_files import RecordingFile
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import FileKind, SessionFile
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recorded_span
from labcrate.plan.recordings import SessionCameras
from labcrate.plan.summary import plural
from labcrate.readings.load.slice import Readings

_FILE_KIND_WORDS = {
    FileKind.SENSOR_DATA: "file of the session's own sensor_data folder|files of the session's own sensor_data folder",
    FileKind.SIDECAR: "file of sensor data beside a recording|files of sensor data beside recordings",
    FileKind.OTHER: "other file of the session's own folder|other files of the session's own folder",
}

# Looks into files: their probes by path.
ProbeRecordings = Callable[[Sequence[RecordingFile]], Mapping[str, Probe]]


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """What is left of a session's files, and a sentence on each kind of thing that was not chosen."""

    recordings: tuple[RecordingFile, ...]
    session_files: tuple[SessionFile, ...]
    not_chosen: tuple[str, ...]


def choose_files(
    options: Options,
    session: Session,
    cameras: SessionCameras,
    recordings: Sequence[RecordingFile],
    files: Sequence[SessionFile],
    probe_recordings: ProbeRecordings,
    times: TimeContext | None = None,
) -> ChosenFiles:
    """Keep what the options ask for. Recordings are taken whole if a moment of them lies in the span.

    ``times`` is what the lab knows about times: the session's zone unless it is given.
    Raises UsageError for a camera that neither the lab nor the session knows.
    """
    camera_keys = _named_camera_keys(options.cameras, cameras)
    if not options.is_partial:
        return ChosenFiles(tuple(recordings), tuple(files), ())
    if options.only is DataKind.SENSORS:
        chosen: Sequence[RecordingFile] = ()
        sentences = [_not_chosen_sentence(len(recordings), "recording", "only sensor data was chosen")]
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
        sentences = [
            _not_chosen_sentence(len(recordings) - len(of_named_cameras), "recording", "other cameras were chosen"),
            _not_chosen_sentence(len(of_named_cameras) - len(chosen), "recording", "they lie outside the chosen time"),
        ]
    paths = {one.path for one in chosen}
    reasons = {file.path: _reason_not_chosen(options, file, paths) for file in files}
    chosen_files = [file for file in files if reasons[file.path] is None]
    for (kind, why), count in Counter((file.kind, reasons[file.path]) for file in files).items():
        sentences.append(_not_chosen_sentence(count, _FILE_KIND_WORDS[kind], why) if why else None)
    return ChosenFiles(tuple(chosen), tuple(chosen_files), tuple(filter(None, sentences)))


def choose_sensors(options: Options, session: Session, devices: Sequence[Device]) -> Session:
    """The session as if only the chosen sensors had been selected when it was started.

    Raises UsageError for a sensor that the session, where it selected any, did not.
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
            raise _unknown_name_error("sensor", word, [s.name or s.id for s in session.sensors], "the session selected")
        chosen += found
    return replace(session, sensors=tuple(dict.fromkeys(chosen)))


def describe_readings_not_chosen(options: Options, readings: Readings) -> Iterator[str]:
    """What of the readings was left out by choice."""
    if options.only is DataKind.RECORDINGS:
        yield "All readings were left out: only recordings were chosen."
        return
    if options.sensors and readings.of_other_sensors:
        others = plural(readings.of_other_sensors, "reading")
        yield f"{others} of other sensors {'was' if readings.of_other_sensors == 1 else 'were'} left out."
    if options.span != TimeSpan():
        yield "Readings outside the chosen time were left out."


def refuse_unknown_sensors(
    options: Options, session: Session, absent: Iterable[str], devices: Sequence[Device]
) -> None:
    """Raise UsageError for a chosen sensor that has neither a reading nor a name in the lab: it is a slip."""
    if session.sensors:
        return
    for word in options.sensors:
        if word in absent and len(_device_names(word, devices)) == 1:
            raise _unknown_name_error("sensor", word, [d.name or d.id for d in devices], "the lab knows")


def readings_window(options: Options, session: Session, bound: SessionBound, pad: timedelta) -> TimeSpan:
    """Return the readings' window: the session's time, padded, or all; and of that what lies in the chosen span.

    Where no end is known, or one that was only found, ``--to`` may name a later one.
    """
    if options.all_readings:
        return options.span
    span, end = bound.span, options.span.end
    if session.span.end is None and session.span.start is not None and end is not None:
        start = span.start if span else session.span.start
        span = TimeSpan(start, max(end, span.end) if span and span.end else end)
    return EMPTY_SPAN if span is None else intersection(span.padded(pad), options.span)


def intersection(first: TimeSpan, second: TimeSpan) -> TimeSpan:
    """What two spans share. Where that is nothing, the end comes before the start, and no instant is inside."""
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
        # One that cannot be read is kept: reading it again will say what is wrong with it.
        probe = probes.get(recording.path)
        if probe is None:
            return True
        camera = cameras.find(recording.verdict)
        camera_id, prefix = camera.id if camera else None, recording.verdict.prefix
        evidence = RecordingFacts(recording.path, probe, recording.identity.mtime_ns, camera_id, prefix, session_id)
        return recorded_span(evidence, times).overlaps(span)

    return [recording for recording in recordings if touches(recording)]


def _reason_not_chosen(options: Options, file: SessionFile, chosen_paths: Collection[str]) -> str | None:
    """Why a file of the session is not among what was chosen: it is of all sensors and times, and cannot be cut.

    Only sensor data is taken for sensor data: another file may hold voices or faces.
    """
    if options.only is DataKind.RECORDINGS:
        return "only recordings were chosen"
    if options.sensors:
        return "only some sensors were chosen"
    if options.span != TimeSpan():
        return "only some of the session's time was chosen"
    if options.only is DataKind.SENSORS:
        return "only sensor data was chosen" if file.kind is FileKind.OTHER else None
    return "other cameras were chosen" if file.recording is not None and file.recording not in chosen_paths else None


def _named_camera_keys(words: Sequence[str], cameras: SessionCameras) -> set[str] | None:
    """The keys of the cameras that were named; None when none was, which means all."""
    if not words:
        return None
    chosen = set()
    for word in words:
        chosen.update(find_camera_keys(word, cameras))
    return chosen


def find_camera_keys(word: str, cameras: SessionCameras) -> list[str]:
    """Return the keys of the cameras with this id, name or prefix. Raises UsageError where there is none."""
    found = [key for key, camera in cameras.by_key.items() if fold(word) in map(fold, _camera_names(camera))]
    if not found:
        raise _unknown_name_error("camera", word, [c.name or c.id for c in cameras.by_key.values()], "the lab knows")
    return found


def _camera_names(camera: Camera) -> list[str]:
    return [text for text in (camera.id, camera.name, camera.prefix) if text]


def _device_names(word: str, devices: Sequence[Device]) -> set[str]:
    """The word, and what else the device of that name or address is called."""
    names = {name for d in devices if word in (d.id, d.id.lower(), d.name) for name in (d.id, d.id.lower(), d.name)}
    return {name for name in names if name} | {word}


def _unknown_name_error(what: str, word: str, known: Iterable[str], known_by: str) -> UsageError:
    names = sorted(dict.fromkeys(known))
    nearest = difflib.get_close_matches(word, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"{known_by} {', '.join(names[:20]) or 'none'}."
    return UsageError(f"There is no {what} {printable(word)!r}; {printable(hint)}")


def _not_chosen_sentence(number: int, noun: str, reason: str) -> str | None:
    """A sentence on what was left out; none where that is nothing."""
    if not number:
        return None
    return f"{plural(number, *noun.split('|'))} {'was' if number == 1 else 'were'} left out: {reason}."
