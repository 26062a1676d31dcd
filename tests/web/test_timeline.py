"""Recordings and sensor activity as places on a drawing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe, RecordingTime, StartCandidate, TimeSource
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan, PlannedRecording
from labcrate.readings.load.slice import Readings
from labcrate.web.pages.i18n import Locale
from labcrate.web.pages.timeline import MAX_BLOCKS, Lane, Timeline, Timelines, draw

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
HOUR = TimeSpan(START, START + timedelta(hours=1))
HALL = Camera("1", "Hall", "hall")
ENGLISH = Locale("en", "Europe/Madrid")


def recording(
    start: float | None, length: float, camera: Camera | None = HALL, *, damaged: bool = False
) -> PlannedRecording:
    """Return a recording that starts so many seconds after the session."""
    at = None if start is None else START + timedelta(seconds=start)
    span = TimeSpan(at, at and at + timedelta(seconds=length))
    probe = Probe(problem=Message("video.cut_short")) if damaged else Probe(duration_s=length)
    verdict = Verdict(VerdictKind.LINKED, Rule.NAME, Message("linking.named", sessions="42", count=1))
    time = RecordingTime(span, (StartCandidate(TimeSource.NAME, at or START, 1, is_chosen=True),))
    return PlannedRecording("recordings/a.mp4", "a.mp4", (), Identity(1, 1, 1, 1), None, probe, time, verdict, camera)


def plan(*recordings: PlannedRecording, span: TimeSpan = HOUR, cameras: tuple[Camera, ...] = (HALL,)) -> Plan:
    """Return a plan with only recordings."""
    return Plan(Session("42", span=span), Options(), span, cameras, (), recordings, (), Readings(), (), {})


def drawn(*recordings: PlannedRecording, span: TimeSpan = HOUR) -> Timeline:
    """Return the timeline of such a plan."""
    timeline = draw(plan(*recordings, span=span), ENGLISH)
    assert timeline is not None
    return timeline


def lane(*recordings: PlannedRecording) -> Lane:
    """Return the lane of the only camera."""
    return drawn(*recordings).lanes[0]


def test_a_recording_lies_where_its_time_lies() -> None:
    """A quarter of an hour, a quarter of an hour after the start, is a quarter of the drawing's width at a quarter."""
    [block] = lane(recording(900, 900)).blocks
    assert (block.left, block.width) == (25.0, 25.0)


def test_gaps_are_where_nothing_was_recorded() -> None:
    """Before the first recording, between two, and after the last; recordings end to end leave none."""
    gaps = lane(recording(600, 600), recording(1200.5, 600), recording(2400, 600)).gaps
    assert [(gap.left, round(gap.seconds)) for gap in gaps] == [(0.0, 600), (50.014, 600), (83.333, 600)]
    assert lane(recording(-5, 1805), recording(1799, 1810)).gaps == ()


def test_a_camera_that_recorded_nothing_has_a_lane_of_one_gap() -> None:
    """A selected camera without any recording is shown, not left out."""
    empty = lane()
    assert empty.recordings == 0
    assert [gap.seconds for gap in empty.gaps] == [3600]


def test_a_damaged_recording_is_marked_and_fills_no_gap() -> None:
    """Its duration is unknown: it is drawn at its start, and the gap stays."""
    one = lane(recording(0, 1800), recording(1800, 0, damaged=True))
    assert [block.damaged for block in one.blocks] == [False, True]
    assert (one.damaged, one.gap_count) == (1, 1)


def test_recordings_of_no_known_camera_come_last_and_have_no_gaps() -> None:
    """They may be of several cameras, so nothing can be missing of one."""
    lanes = drawn(recording(0, 60, None), recording(0, 3600)).lanes
    assert [one.camera for one in lanes] == [HALL, None]
    assert lanes[1].gaps == ()


def test_a_recording_from_another_year_does_not_squeeze_the_drawing() -> None:
    """One whose clock was never set lies outside, and is counted instead of drawn."""
    timeline = drawn(recording(0, 60), recording(-40 * 365 * 86400, 60))
    assert (timeline.start, timeline.end, timeline.outside) == (HOUR.start, HOUR.end, 1)


def test_recordings_that_reach_beyond_the_session_are_shown_whole_within_reason() -> None:
    """A little before and after the session is seen; a recording of a day is cut at a quarter of its length."""
    timeline = drawn(recording(-60, 3700), recording(0, 86400))
    assert HOUR.start
    assert HOUR.end
    assert timeline.start == HOUR.start - timedelta(seconds=60)
    assert timeline.end == HOUR.end + timedelta(minutes=15)
    assert timeline.session is not None
    assert timeline.session.left > 0


def test_nothing_known_is_nothing_drawn() -> None:
    """No cameras, no recordings, no readings: there is no drawing."""
    assert draw(plan(cameras=()), ENGLISH) is None
    assert draw(plan(span=TimeSpan(), cameras=(HALL,)), ENGLISH) is None


def test_a_session_without_an_end_is_drawn_from_what_there_is() -> None:
    """What has a time decides what is shown."""
    timeline = drawn(recording(10, 20), span=TimeSpan(START))
    assert (timeline.start, timeline.end) == (START, START + timedelta(seconds=30))


def test_ticks_are_round_times_of_the_zone() -> None:
    """In Madrid an hour from 10:00 local time has a tick every ten minutes or so, named in local time."""
    labels = [tick.label for tick in drawn().ticks]
    assert labels == ["10:00", "10:10", "10:20", "10:30", "10:40", "10:50", "11:00"]


spans = st.lists(st.tuples(st.floats(-7200, 7200), st.floats(0, 5000), st.booleans()), max_size=40)


@given(spans, st.integers(1, 10**6))
def test_everything_lies_inside_the_drawing(recordings: list[tuple[float, float, bool]], seconds: int) -> None:
    """For any times, no block, gap or tick leaves the drawing, and blocks are in order."""
    span = TimeSpan(START, START + timedelta(seconds=seconds))
    timeline = drawn(*(recording(at, length, damaged=bad) for at, length, bad in recordings), span=span)
    for one in timeline.lanes:
        for block in (*one.blocks, *one.gaps):
            assert 0 <= block.left <= 100
            assert block.width >= 0
            assert block.left + block.width <= 100.01
        assert all(a.left <= b.left for a, b in pairwise(one.blocks))
    assert 1 <= len(timeline.ticks) <= 8
    assert all(0 <= tick.left <= 100 for tick in timeline.ticks)
    assert sum(one.recordings for one in timeline.lanes) + timeline.outside == len(recordings)


@given(spans)
def test_recorded_and_gaps_fill_the_session(recordings: list[tuple[float, float, bool]]) -> None:
    """What was recorded inside the session and its gaps come to its length (gaps of a second are none)."""
    found = lane(*(recording(at, length, damaged=bad) for at, length, bad in recordings))
    inside = sorted((max(0.0, at), min(3600.0, at + length)) for at, length, bad in recordings if not bad)
    covered, reached = 0.0, 0.0
    for start, end in inside:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    gaps = sum(gap.seconds for gap in found.gaps)
    assert abs(covered + gaps - 3600) <= len(recordings) + 1.01


@pytest.mark.thorough
def test_thousands_of_recordings_are_a_bounded_drawing() -> None:
    """Ten thousand short recordings are drawn as a few hundred blocks that count them all."""
    one = lane(*(recording(number * 0.36, 0.3) for number in range(10_000)))
    assert len(one.blocks) <= MAX_BLOCKS + 1
    assert sum(block.count for block in one.blocks) == one.recordings == 10_000


def test_a_drawing_is_made_again_only_for_another_plan() -> None:
    """The same plan gives the same drawing; a new plan of the same session a new one."""
    timelines, first = Timelines(), plan(recording(0, 60))
    assert timelines.get(first, ENGLISH) is timelines.get(first, ENGLISH)
    assert timelines.get(plan(recording(60, 60)), ENGLISH) != timelines.get(first, ENGLISH)


def test_ticks_say_what_the_clock_said_when_the_clocks_were_changed() -> None:
    """On 26 October 2025 Madrid's clocks went from three back to two: both twos are there, an hour apart."""
    night = datetime(2025, 10, 25, 22, tzinfo=UTC)
    ticks = drawn(span=TimeSpan(night, night + timedelta(hours=6))).ticks
    assert [tick.label for tick in ticks] == [ENGLISH.clock(tick.at)[:5] for tick in ticks]
    assert [tick.label for tick in ticks].count("02:00") == 2
    assert ticks[-1].label == "05:00"
