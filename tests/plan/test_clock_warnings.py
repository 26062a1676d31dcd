"""Warnings about cameras' clocks and sources of time: one for each camera."""

from datetime import UTC, datetime

from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.recording import ClockNote, Probe, RecordingTime, StartCandidate, TimeSource
from labcrate.model.timespan import TimeSpan
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.warnings import clock_warnings

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
HALL, ATTIC = Camera("1", "Hall", "hall"), Camera("2", None, "attic")


def recording(
    camera: Camera | None,
    *notes: ClockNote,
    apart_s: float = 0,
    offset_s: float = 0,
    source: TimeSource = TimeSource.NAME,
) -> PlannedRecording:
    """Return a recording with these notes about its time."""
    claim = StartCandidate(source, START, 1, is_chosen=True)
    time = RecordingTime(TimeSpan(START, START), (claim,), frozenset(notes), apart_s, offset_s)
    verdict = Verdict(VerdictKind.LINKED, Rule.NAME, Message("linking.named", sessions="42", count=1))
    return PlannedRecording("recordings/a.mp4", "a.mp4", (), Identity(1, 1, 1, 1), None, Probe(), time, verdict, camera)


def test_cameras_that_agree_are_not_named() -> None:
    """Without anything unusual there is no warning."""
    assert list(clock_warnings([recording(HALL), recording(None)])) == []


def test_one_warning_a_camera() -> None:
    """The recordings of a camera share one warning, and so do those of unknown cameras."""
    recordings = [recording(HALL, apart_s=4), recording(ATTIC, apart_s=90), recording(HALL, apart_s=2.5)]
    recordings += [recording(HALL), recording(None, apart_s=3)]
    assert list(clock_warnings(recordings)) == [
        "Camera Hall: The start times disagree in 2 of 3 recordings, by up to 4.0 s; see other_starts.",
        "Camera 2: The start times disagree in 1 of 1 recording, by up to 1:30 (90 s); see other_starts.",
        "Unknown camera: The start times disagree in 1 of 1 recording, by up to 3.0 s; see other_starts.",
    ]


def test_local_time_says_what_was_taken() -> None:
    """The warning has the number of recordings, if not all, and whether the file name or another source was used."""
    local = ClockNote.LOCAL_TIME
    (all_of_them,) = clock_warnings([recording(HALL, local, apart_s=7200)])
    assert "into the video file as if it were UTC: the file name was used instead." in all_of_them
    (some,) = clock_warnings(
        [recording(HALL, local, apart_s=7200, source=TimeSource.REGISTER), recording(HALL, apart_s=9)]
    )
    assert "as if it were UTC in 1 of them: a better source was used instead." in some


def test_everything_odd_is_in_the_same_warning() -> None:
    """A missing zone, hours that occur twice or never, and corrections are in the camera's one warning."""
    (warning,) = clock_warnings(
        [
            recording(HALL, ClockNote.NO_ZONE),
            recording(HALL, ClockNote.NO_ZONE),
            recording(HALL, ClockNote.REPEATED_HOUR, offset_s=-3.5),
            recording(HALL, ClockNote.SKIPPED_HOUR, offset_s=-3.5),
        ]
    )
    assert warning == (
        "Camera Hall: The file names of 2 recordings show no time zone and none is known: their times were read as UTC "
        "and may be up to 14 hours wrong. Set the zone with --time-zone. 1 recording began in the hour that occurs "
        "twice when clocks go back. The first was used unless another source shows the second, so the start may be an "
        "hour wrong. 1 recording began, according to its file name, in the hour that is skipped when clocks go "
        "forward. The start was moved past it and may be an hour wrong. The times in its file names and video files "
        "were moved by -3.5 s, as labcrate.toml says."
    )
