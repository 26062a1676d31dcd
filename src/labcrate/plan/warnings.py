"""Make the warnings of a plan about clocks, recorders' files, faults of the lab's files and the readings' window."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labcrate.errors import DocumentError
from labcrate.lab.device_files import CAMERAS_FILE, DEVICES
from labcrate.lab.folder import SESSIONS
from labcrate.lab.registers import REGISTER_FILE
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.recording import ClockNote, TimeSource
from labcrate.model.session import Session
from labcrate.model.session_bound import SessionBound
from labcrate.model.timespan import TimeSpan, format_duration
from labcrate.plan.inventory import Inventory
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import Missing, PlannedRecording
from labcrate.plan.recordings import SessionCameras
from labcrate.plan.summary import camera_label

_UNCERTAIN_TIME_IDS = {
    ClockNote.NO_ZONE: "clock.no_zone",
    ClockNote.REPEATED_HOUR: "clock.repeated_hour",
    ClockNote.SKIPPED_HOUR: "clock.skipped_hour",
}


def clock_warnings(recordings: Iterable[PlannedRecording]) -> Iterator[Message]:
    """Yield one warning for each camera whose sources of time disagree, are uncertain or were corrected.

    It has the number of recordings and the largest difference. Recordings of unknown cameras share one warning.
    """
    of_camera = defaultdict[str | None, list[PlannedRecording]](list)
    for recording in recordings:
        of_camera[recording.camera.id if recording.camera else None].append(recording)
    for same in of_camera.values():
        camera = same[0].camera
        if sentences := (
            *_time_difference_messages(same),
            *_uncertain_time_messages(same),
            *_corrected_clock_messages(same),
        ):
            if camera:
                yield Message("clock.camera", camera=camera.name or camera.id, sentences=sentences)
            else:
                yield Message("clock.no_camera", sentences=sentences)


def _time_difference_messages(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    differing = [recording.time for recording in recordings if recording.time.max_difference_s]
    if not differing:
        return
    seconds = max(time.max_difference_s for time in differing)
    size = f"{format_duration(seconds)} ({seconds:,.0f} s)" if seconds >= 60 else f"{seconds:.1f} s"
    yield Message("clock.apart", apart=len(differing), count=len(recordings), size=size)
    local = [time for time in differing if ClockNote.LOCAL_TIME in time.notes]
    if local:
        by_name = all(time.chosen.source is TimeSource.NAME for time in local)
        source = Message("clock.file_name" if by_name else "clock.better_source")
        if len(local) == len(differing):
            yield Message("clock.local_time", taken=source)
        else:
            yield Message("clock.local_time_in_some", count=len(local), taken=source)


def _uncertain_time_messages(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    for note, message_id in _UNCERTAIN_TIME_IDS.items():
        if count := sum(note in recording.time.notes for recording in recordings):
            yield Message(message_id, count=count)


def _corrected_clock_messages(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    for offset_s in sorted({r.time.offset_s for r in recordings if r.time.offset_s}):
        yield Message("clock.moved", seconds=f"{offset_s:+,.10g}")


def recorder_warnings(
    recordings: Iterable[PlannedRecording], session: Session, cameras: SessionCameras
) -> Iterator[str]:
    """Yield the warnings about files of recorders, by camera. They name no other session."""
    by_camera = defaultdict[str, list[PlannedRecording]](list)
    for recording in recordings:
        if recording.is_from_recorder:
            by_camera[camera_label(recording.camera)].append(recording)
    for camera, same in sorted(by_camera.items()):
        yield from _recorder_camera_warnings(camera, same, session, cameras)


def _recorder_camera_warnings(
    camera: str, recordings: Sequence[PlannedRecording], session: Session, cameras: SessionCameras
) -> Iterator[str]:
    damaged = [one for one in recordings if not one.probe.is_readable]
    if damaged:
        yield Message("recorder.damaged", camera=camera, count=len(damaged), first=damaged[0].member)
    if shared := sum(bool(one.verdict.also_linked_to) for one in recordings):
        yield Message("recorder.shared", camera=camera, count=shared)
    if cameras.selected and recordings[0].verdict.camera and not cameras.selects(recordings[0].verdict):
        yield Message("recorder.not_selected", camera=camera, count=len(recordings))
    outside = [one for one in recordings if one.probe.is_readable and not one.span.overlaps(session.span)]
    if outside:
        yield Message("recorder.outside", camera=camera, count=len(outside), first=outside[0].member)


def lab_faults_missing(inventory: Inventory, session_id: str, options: Options) -> Iterator[Missing]:
    """Yield the files that could not be read although they may say what belongs to the session."""
    for error in _faults_of_session(inventory, session_id):
        if _may_hide_files(error, options):
            place = Message("missing.place", file=error.file, where=error.where)
            yield Missing(
                place if error.where else printable(error.file), error.problem, Message("missing.export_again")
            )


def lab_faults_warnings(inventory: Inventory, session_id: str, options: Options) -> Iterator[str]:
    """Yield the other faults of the lab's files that may concern the session."""
    for error in _faults_of_session(inventory, session_id):
        if not _may_hide_files(error, options):
            yield str(error)
    for error in inventory.book.unreadable_files:
        yield Message("session.list_unread", error=(str(error),))


def files_not_searched(inventory: Inventory, session_id: str) -> Iterator[str]:
    """Yield the printable paths of files, not in other sessions' folders, that could not be read for secrets."""
    folder = inventory.folder(session_id)
    for error in inventory.secrets.problems:
        if not error.file.startswith(f"{SESSIONS}/") or (folder and error.file.startswith(f"{folder}/")):
            yield printable(error.file)


def _faults_of_session(inventory: Inventory, session_id: str) -> Iterator[DocumentError]:
    registers = inventory.own_registers.items()
    others = [error for one, register in registers if one != session_id for error in register.problems]
    known = {str(inventory.cleaner.error(error)) for error in (*inventory.book.problems, *others)}
    yield from (error for error in inventory.problems if str(error) not in known)


def _may_hide_files(error: DocumentError, options: Options) -> bool:
    """Return whether a fault could hide chosen files; for most files, only if nothing of them could be read."""
    if error.where.startswith("key ") and not error.file.startswith(f"{SESSIONS}/"):
        return False  # one entry; in the session's own register it would be a linked recording
    name = error.file.rpartition("/")[2]
    if name in (CAMERAS_FILE, REGISTER_FILE):
        return options.only is not DataKind.SENSORS
    return error.file != DEVICES or options.only is not DataKind.RECORDINGS


def window_warnings(
    inventory: Inventory, session: Session, window: TimeSpan, bound: SessionBound, options: Options
) -> Iterator[str]:
    """Yield a warning if the window was extended into the time of other sessions, without naming them."""
    if options.all_readings:
        yield Message("window.all_readings")
        return
    own = bound.span or session.span
    for start, end in ((window.start, own.start), (own.end, window.end)):
        if start is None or end is None or start >= end:
            continue
        beyond = TimeSpan(start, end)
        if any(
            _was_held_in(other.span, beyond, own) for other in inventory.book.sessions.values() if other is not session
        ):
            yield Message("window.reaches_other_session")
            return


def _was_held_in(other: TimeSpan, beyond: TimeSpan, own: TimeSpan) -> bool:
    """Return whether another session took place in the part of the window outside this session's own time."""
    return other.start is not None and other != own and other.overlaps(beyond)


def register_warnings(inventory: Inventory, recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Yield the session's files whose register entries are not used, because other files have the same name."""
    uncounted = frozenset(inventory.rules.register.ambiguous_names)
    for recording in recordings:
        if not recording.is_from_recorder and recording.path.rpartition("/")[2] in uncounted:
            yield Message("register.name_taken", file=recording.member)
