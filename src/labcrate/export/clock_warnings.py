"""What is worth knowing about the cameras' clocks: one warning a camera, however many recordings it has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labcrate.export.contents import PlannedRecording
from labcrate.export.documents.summary import plural
from labcrate.model.recording_time import ClockNote, TimeSource
from labcrate.model.timespan import format_duration


def clock_warnings(recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Yield one warning for each camera whose sources of time are apart, unsure or corrected.

    It has the number of recordings and the largest difference. Recordings of no known camera are taken together.
    """
    of_camera = defaultdict[str | None, list[PlannedRecording]](list)
    for recording in recordings:
        of_camera[recording.camera.id if recording.camera else None].append(recording)
    for same in of_camera.values():
        camera = same[0].camera
        if sentences := [*_apart(same), *_unsure(same), *_corrected(same)]:
            yield f"{f'Camera {camera.name or camera.id}' if camera else 'No known camera'}: {' '.join(sentences)}"


def _apart(recordings: Sequence[PlannedRecording]) -> Iterator[str]:
    apart = [recording.time for recording in recordings if recording.time.apart_s]
    if not apart:
        return
    seconds = max(time.apart_s for time in apart)
    size = f"{format_duration(seconds)} ({seconds:,.0f} s)" if seconds >= 60 else f"{seconds:.1f} s"
    counted = plural(len(recordings), "recording")
    yield f"The sources of the start are apart in {len(apart):,} of {counted}, by up to {size}; see other_starts."
    local = [time for time in apart if ClockNote.LOCAL_TIME in time.notes]
    if local:
        how_many = "" if len(local) == len(apart) else f" in {len(local):,} of them"
        by_name = all(time.taken.source is TimeSource.NAME for time in local)
        taken = "the file name" if by_name else "a better source"
        yield f"The camera's clock writes local time into the container as if it were UTC{how_many}: {taken} was taken."


def _unsure(recordings: Sequence[PlannedRecording]) -> Iterator[str]:
    if no_zone := _with_note(recordings, ClockNote.NO_ZONE):
        shows = "the file name shows" if no_zone == 1 else "the file names show"
        yield (
            f"In {plural(no_zone, 'recording')} {shows} no time zone and none is known: read as UTC, it may be up to "
            "14 hours wrong. Say the zone with --time-zone."
        )
    if repeated := _with_note(recordings, ClockNote.REPEATED_HOUR):
        yield (
            f"{plural(repeated, 'recording')} began in the hour that occurs twice when clocks go back; the first is "
            "meant unless another source says otherwise, so the start may be an hour wrong."
        )
    if skipped := _with_note(recordings, ClockNote.SKIPPED_HOUR):
        yield (
            f"{plural(skipped, 'recording')} began, by name, in the hour that clocks skip when they go forward; the "
            "start was moved past it and may be an hour wrong."
        )


def _corrected(recordings: Sequence[PlannedRecording]) -> Iterator[str]:
    for offset_s in sorted({r.time.offset_s for r in recordings if r.time.offset_s}):
        yield f"The times in its file names and containers were moved by {offset_s:+,.10g} s, as labcrate.toml says."


def _with_note(recordings: Sequence[PlannedRecording], note: ClockNote) -> int:
    return sum(note in recording.time.notes for recording in recordings)
