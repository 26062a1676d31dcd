"""Where a session without an end ends: never in another session's time, never beyond a day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.model.bound import LONGEST, Evidence, Reason, Told, bound_end, start_of_recordings
from labcrate.model.timespan import TimeSpan

START = datetime(2025, 6, 10, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANTS = st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda after: START + after)
EVIDENCE = st.builds(
    Evidence, st.sampled_from(["a.mp4", "b.csv"]), st.sampled_from(Told), INSTANTS, st.none() | INSTANTS
)


def ends(after: timedelta, file: str = "a.mp4", told: Told = Told.REGISTER) -> Evidence:
    """A file that ends so long after the session's start."""
    return Evidence(file, told, START + after)


def test_the_latest_evidence_is_the_end() -> None:
    """Of recordings and sensor files the one that ends last tells the end, and is named."""
    row = ends(2 * HOUR, "x_sensors.csv", Told.SENSOR_FILE)
    bound = bound_end(TimeSpan(START), [ends(HOUR), row, ends(-HOUR)], None)
    assert (bound.span, bound.reason, bound.evidence) == (TimeSpan(START, START + 2 * HOUR), Reason.EVIDENCE, row)
    assert bound.estimated
    assert bound.beyond is None


def test_the_next_sessions_start_is_not_reached() -> None:
    """Evidence at or after the next session's start ends the session just before it; earlier evidence stands."""
    for after in (3 * HOUR, 5 * HOUR):
        bound = bound_end(TimeSpan(START), [ends(after)], START + 3 * HOUR)
        assert bound.span == TimeSpan(START, START + 3 * HOUR - timedelta(microseconds=1))
        assert (bound.reason, bound.next_start) == (Reason.NEXT_SESSION, START + 3 * HOUR)
    assert bound_end(TimeSpan(START), [ends(HOUR)], START + 3 * HOUR).reason is Reason.EVIDENCE


def test_a_day_is_the_longest_and_what_lies_beyond_is_named() -> None:
    """Evidence later than 24 hours ends the session there, and is handed on so that it can be said."""
    late = ends(30 * HOUR)
    bound = bound_end(TimeSpan(START), [ends(HOUR), late], None)
    assert (bound.span, bound.reason, bound.beyond) == (TimeSpan(START, START + LONGEST), Reason.LONGEST, late)
    assert bound_end(TimeSpan(START), [ends(LONGEST)], None).reason is Reason.EVIDENCE
    both = bound_end(TimeSpan(START), [late], START + 2 * HOUR)
    assert (both.reason, both.beyond) == (Reason.NEXT_SESSION, late)


def test_without_evidence_or_start_there_is_no_time() -> None:
    """No evidence at or after the start, or no start: no readings; a described end needs no evidence."""
    assert bound_end(TimeSpan(START), [], None).span is None
    assert bound_end(TimeSpan(START), [ends(-HOUR)], None).reason is Reason.NO_EVIDENCE
    assert bound_end(TimeSpan(None, START), [ends(HOUR)], None).reason is Reason.NO_START
    whole = TimeSpan(START, START + 50 * HOUR)
    described = bound_end(whole, [], START + HOUR)
    assert (described.span, described.estimated) == (whole, False)


def test_a_start_that_is_not_later_bounds_nothing() -> None:
    """Two sessions that start together do not cut each other to nothing."""
    assert bound_end(TimeSpan(START), [ends(HOUR)], START).span == TimeSpan(START, START + HOUR)


def test_the_calendars_last_day_does_not_break_the_bound() -> None:
    """A session in the last hours of the year 9999 is bounded like any other."""
    start = datetime(9999, 12, 31, 20, tzinfo=UTC)
    bound = bound_end(TimeSpan(start), [Evidence("a", Told.NAME, start + HOUR)], None)
    assert bound.span == TimeSpan(start, start + HOUR)


def test_recordings_alone_tell_the_start_of_a_session_that_no_file_describes() -> None:
    """The earliest start of a recording counts, a sensor file's does not."""
    row = Evidence("x.csv", Told.SENSOR_FILE, START, START - HOUR)
    first = Evidence("a.mp4", Told.NAME, START + HOUR, START)
    assert start_of_recordings([row, Evidence("b.mp4", Told.NAME, START, START + HOUR), first]) == START
    assert start_of_recordings([row, Evidence("b.mp4", Told.NAME, START)]) is None


@given(INSTANTS, st.lists(EVIDENCE, max_size=6), st.none() | INSTANTS)
def test_no_bound_reaches_the_next_session_or_exceeds_a_day(
    start: datetime, evidence: list[Evidence], next_start: datetime | None
) -> None:
    """Whatever the evidence: the end is not before the start, before the next start, and within 24 hours."""
    bound = bound_end(TimeSpan(start), evidence, next_start)
    later = [one.end for one in evidence if one.end >= start]
    assert (bound.span is None) == (not later)
    if bound.span is None:
        return
    assert bound.span.start == start
    assert bound.span.end is not None
    assert start <= bound.span.end <= min(start + LONGEST, max(later))
    if next_start is not None and next_start > start:
        assert bound.span.end < next_start
    assert (bound.beyond is not None) == (max(later) > start + LONGEST)


@pytest.mark.parametrize("told", Told)
def test_every_source_counts(told: Told) -> None:
    """A register, a name, a container and a sensor file each bound a session alone."""
    assert bound_end(TimeSpan(START), [ends(HOUR, told=told)], None).span == TimeSpan(START, START + HOUR)
