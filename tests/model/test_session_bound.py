"""The end of a session without an end time: never in another session's time, never after 24 hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.model.session_bound import (
    MAX_SESSION_LENGTH,
    EndReason,
    EndSource,
    TimedFile,
    estimate_end,
    first_recording_start,
)
from labcrate.model.timespan import TimeSpan

START = datetime(2025, 6, 10, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda after: START + after)
EVIDENCE = st.builds(
    TimedFile, st.sampled_from(["a.mp4", "b.csv"]), st.sampled_from(EndSource), INSTANTS, st.none() | INSTANTS
)


def ends(after: timedelta, file: str = "a.mp4", source: EndSource = EndSource.REGISTER) -> TimedFile:
    """Return a file that ends this long after the session's start."""
    return TimedFile(file, source, START + after)


def test_the_latest_file_is_the_end() -> None:
    """The end is that of the recording or sensor file that ends last, which is named."""
    row = ends(2 * HOUR, "x_sensors.csv", EndSource.SENSOR_FILE)
    bound = estimate_end(TimeSpan(START), [ends(HOUR), row, ends(-HOUR)], None)
    assert (bound.span, bound.reason, bound.last_file) == (TimeSpan(START, START + 2 * HOUR), EndReason.LAST_FILE, row)
    assert bound.is_estimated
    assert bound.file_beyond is None


def test_the_next_sessions_start_is_not_reached() -> None:
    """A file that ends at or after the next session's start ends the session just before that start."""
    for after in (3 * HOUR, 5 * HOUR):
        bound = estimate_end(TimeSpan(START), [ends(after)], START + 3 * HOUR)
        assert bound.span == TimeSpan(START, START + 3 * HOUR - timedelta(microseconds=1))
        assert (bound.reason, bound.next_start) == (EndReason.NEXT_SESSION, START + 3 * HOUR)
    assert estimate_end(TimeSpan(START), [ends(HOUR)], START + 3 * HOUR).reason is EndReason.LAST_FILE


def test_a_session_has_at_most_24_hours() -> None:
    """A file that ends later than 24 hours ends the session there, and is named."""
    late = ends(30 * HOUR)
    bound = estimate_end(TimeSpan(START), [ends(HOUR), late], None)
    assert (bound.span, bound.reason, bound.file_beyond) == (
        TimeSpan(START, START + MAX_SESSION_LENGTH),
        EndReason.MAX_LENGTH,
        late,
    )
    assert estimate_end(TimeSpan(START), [ends(MAX_SESSION_LENGTH)], None).reason is EndReason.LAST_FILE
    both = estimate_end(TimeSpan(START), [late], START + 2 * HOUR)
    assert (both.reason, both.file_beyond) == (EndReason.NEXT_SESSION, late)


def test_without_a_file_or_start_there_is_no_span() -> None:
    """No file at or after the start, or no start: no readings; an end in the description needs no file."""
    assert estimate_end(TimeSpan(START), [], None).span is None
    assert estimate_end(TimeSpan(START), [ends(-HOUR)], None).reason is EndReason.NO_TIMED_FILE
    assert estimate_end(TimeSpan(None, START), [ends(HOUR)], None).reason is EndReason.NO_START
    whole = TimeSpan(START, START + 50 * HOUR)
    described = estimate_end(whole, [], START + HOUR)
    assert (described.span, described.is_estimated) == (whole, False)


def test_a_start_that_is_not_later_bounds_nothing() -> None:
    """Two sessions that start together do not limit each other."""
    assert estimate_end(TimeSpan(START), [ends(HOUR)], START).span == TimeSpan(START, START + HOUR)


def test_the_last_day_of_the_calendar() -> None:
    """A session in the last hours of the year 9999 has an end like any other."""
    start = datetime(9999, 12, 31, 20, tzinfo=UTC)
    bound = estimate_end(TimeSpan(start), [TimedFile("a", EndSource.NAME, start + HOUR)], None)
    assert bound.span == TimeSpan(start, start + HOUR)


def test_the_start_of_a_session_without_a_description() -> None:
    """The earliest start of a recording is used, that of a sensor file is not."""
    row = TimedFile("x.csv", EndSource.SENSOR_FILE, START, START - HOUR)
    first = TimedFile("a.mp4", EndSource.NAME, START + HOUR, START)
    assert first_recording_start([row, TimedFile("b.mp4", EndSource.NAME, START, START + HOUR), first]) == START
    assert first_recording_start([row, TimedFile("b.mp4", EndSource.NAME, START)]) is None


@given(INSTANTS, st.lists(EVIDENCE, max_size=6), st.none() | INSTANTS)
def test_no_bound_reaches_the_next_session_or_exceeds_a_day(
    start: datetime, evidence: list[TimedFile], next_start: datetime | None
) -> None:
    """With any files, the end is not before the start, before the next start, and within 24 hours."""
    bound = estimate_end(TimeSpan(start), evidence, next_start)
    later = [one.end for one in evidence if one.end >= start]
    assert (bound.span is None) == (not later)
    if bound.span is None:
        return
    assert bound.span.start == start
    assert bound.span.end is not None
    assert start <= bound.span.end <= min(start + MAX_SESSION_LENGTH, max(later))
    if next_start is not None and next_start > start:
        assert bound.span.end < next_start
    assert (bound.file_beyond is not None) == (max(later) > start + MAX_SESSION_LENGTH)


@pytest.mark.parametrize("source", EndSource)
def test_every_source_counts(source: EndSource) -> None:
    """A register, a name, a container and a sensor file can each end a session alone."""
    assert estimate_end(TimeSpan(START), [ends(HOUR, source=source)], None).span == TimeSpan(START, START + HOUR)
