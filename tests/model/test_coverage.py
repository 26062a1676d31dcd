"""The coverage of many recordings: first start, last end, and every gap over two seconds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from labcrate.model.timespan import MAX_SEAM, TimeSpan, measure_coverage

START = datetime(2025, 5, 2, 8, tzinfo=UTC)


def span(start_s: float, length_s: float) -> TimeSpan:
    """Return a span that begins this many seconds after eight."""
    begun = START + timedelta(seconds=start_s)
    return TimeSpan(begun, begun + timedelta(seconds=length_s))


def test_a_seam_of_two_seconds_is_no_gap() -> None:
    """Recorders begin the next file a moment later: up to two seconds are not a gap."""
    covered = measure_coverage([(span(0, 10), 5), (span(12, 8), 7), (span(22.5, 1), 1)])
    assert (covered.count, covered.size_bytes, covered.recorded) == (3, 13, timedelta(seconds=19))
    assert covered.span == span(0, 23.5)
    assert covered.gaps == (span(20, 2.5),)


def test_a_recording_without_a_time() -> None:
    """It is included in the number and the size, and changes no span."""
    covered = measure_coverage([(TimeSpan(), 5), (span(0, 1), 5)])
    assert (covered.count, covered.size_bytes, covered.span) == (2, 10, span(0, 1))
    assert measure_coverage([(TimeSpan(), 5)]).span == TimeSpan()


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), min_size=1, max_size=30))
def test_gaps_are_just_where_nothing_was_recorded(given_spans: list[tuple[int, int]]) -> None:
    """A second is in a gap if no recording contains it and the time between recordings is longer than two seconds."""
    spans = [span(start, length) for start, length in given_spans]
    covered = measure_coverage((one, 1) for one in spans)
    assert covered.span == TimeSpan(min(s.start for s in spans if s.start), max(s.end for s in spans if s.end))
    for gap in covered.gaps:
        assert gap.start
        assert gap.end
        assert gap.end - gap.start > MAX_SEAM
        inside = TimeSpan(gap.start + timedelta(microseconds=1), gap.end - timedelta(microseconds=1))
        assert not any(one.overlaps(inside) for one in spans)
    for second in range(221):
        middle = START + timedelta(seconds=second, milliseconds=500)
        assert covered.span.start
        assert covered.span.end
        held = any(one.contains(middle) for one in spans)
        if covered.span.contains(middle) and not held and not any(gap.contains(middle) for gap in covered.gaps):
            before = max(one.end for one in spans if one.end and one.end < middle)
            after = min(one.start for one in spans if one.start and one.start > middle)
            assert after - before <= MAX_SEAM
