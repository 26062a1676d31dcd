"""What is worth knowing about the cameras' clocks: one warning a camera, however many recordings it has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labcrate.lab.text import one_line
from labcrate.model.message import Message
from labcrate.model.recording_time import ClockNote, TimeSource
from labcrate.model.timespan import format_duration
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.summary import plural

_UNSURE = {
    ClockNote.NO_ZONE: "clock.no_zone",
    ClockNote.REPEATED_HOUR: "clock.repeated_hour",
    ClockNote.SKIPPED_HOUR: "clock.skipped_hour",
}


def clock_warnings(recordings: Iterable[PlannedRecording]) -> Iterator[Message]:
    """Yield one warning for each camera whose sources of time are apart, unsure or corrected.

    It has the number of recordings and the largest difference. Recordings of no known camera are taken together.
    """
    of_camera = defaultdict[str | None, list[PlannedRecording]](list)
    for recording in recordings:
        of_camera[recording.camera.id if recording.camera else None].append(recording)
    for same in of_camera.values():
        camera = same[0].camera
        if sentences := (*_apart(same), *_unsure(same), *_corrected(same)):
            if camera:
                yield Message("clock.camera", camera=camera.name or one_line(camera.id), sentences=sentences)
            else:
                yield Message("clock.no_camera", sentences=sentences)


def _apart(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    apart = [recording.time for recording in recordings if recording.time.apart_s]
    if not apart:
        return
    seconds = max(time.apart_s for time in apart)
    size = f"{format_duration(seconds)} ({seconds:,.0f} s)" if seconds >= 60 else f"{seconds:.1f} s"
    yield Message("clock.apart", apart=len(apart), recordings=plural(len(recordings), "recording"), size=size)
    local = [time for time in apart if ClockNote.LOCAL_TIME in time.notes]
    if local:
        by_name = all(time.taken.source is TimeSource.NAME for time in local)
        taken = Message("clock.file_name" if by_name else "clock.better_source")
        if len(local) == len(apart):
            yield Message("clock.local_time", taken=taken)
        else:
            yield Message("clock.local_time_in_some", count=len(local), taken=taken)


def _unsure(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    for note, message_id in _UNSURE.items():
        if count := sum(note in recording.time.notes for recording in recordings):
            yield Message(message_id, recordings=plural(count, "recording"))


def _corrected(recordings: Sequence[PlannedRecording]) -> Iterator[Message]:
    for offset_s in sorted({r.time.offset_s for r in recordings if r.time.offset_s}):
        yield Message("clock.moved", seconds=f"{offset_s:+,.10g}")
