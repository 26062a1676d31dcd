"""Fewer points that draw the same line."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.readings.plot.decimate import POINTS_PER_BUCKET, decimate, insert_gaps, median_interval_us, value_changes

SCHEMA = {"us": pl.Int64, "value": pl.Float64}


def frame(*points: tuple[int, float]) -> pl.DataFrame:
    """Return points in the order of their times."""
    return pl.DataFrame(sorted(points), SCHEMA, orient="row")


series = st.lists(
    st.tuples(st.integers(-(10**6), 10**6), st.floats(-1e9, 1e9)), min_size=1, max_size=300, unique_by=lambda p: p[0]
).map(lambda points: frame(*points))
spans = st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 10**6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(series, spans, st.integers(1, 20))
def test_what_is_drawn_is_what_all_points_would_draw(points: pl.DataFrame, span: tuple[int, int], buckets: int) -> None:
    """Lowest, highest, first and last value of every pixel's time stay, and no point is invented."""
    start, end = span
    remaining = decimate(points, start, end, buckets)
    inside = points.filter(pl.col("us").is_between(start, end))
    shown = remaining.filter(pl.col("us").is_between(start, end))
    width = max(1, -(-(end - start + 1) // buckets))
    for whole, drawn in zip(by_bucket(inside, start, width), by_bucket(shown, start, width), strict=True):
        assert drawn["value"].min() == whole["value"].min()
        assert drawn["value"].max() == whole["value"].max()
        assert drawn.row(0) == whole.row(0)
        assert drawn.row(-1) == whole.row(-1)
    assert set(remaining.rows()) <= set(points.rows())
    assert remaining["us"].is_sorted()


def by_bucket(points: pl.DataFrame, start: int, width: int) -> list[pl.DataFrame]:
    """Return the points of each pixel."""
    return points.with_columns(bucket=(pl.col("us") - start) // width).partition_by("bucket", maintain_order=True)


@given(series, spans, st.integers(1, 20))
def test_points_are_bounded_by_the_width(points: pl.DataFrame, span: tuple[int, int], buckets: int) -> None:
    """However many readings there are, a drawing gets four points per pixel, and one beyond each edge."""
    assert decimate(points, *span, buckets).height <= POINTS_PER_BUCKET * buckets + 2


@given(series, spans)
def test_lines_lead_to_the_readings_beyond_the_edges(points: pl.DataFrame, span: tuple[int, int]) -> None:
    """The nearest reading before and after the drawn time is included, so that lines do not end early."""
    remaining = decimate(points, *span, 5)
    before = points.filter(pl.col("us") < span[0])
    after = points.filter(pl.col("us") > span[1])
    assert remaining.filter(pl.col("us") < span[0]).rows() == before[-1:].rows()
    assert remaining.filter(pl.col("us") > span[1]).rows() == after[:1].rows()


def test_a_single_peak_among_a_million_readings_is_drawn() -> None:
    """A peak of one reading is not lost among a million."""
    points = pl.DataFrame({"us": pl.int_range(10**6, eager=True), "value": pl.repeat(20.0, 10**6, eager=True)})
    points[123_456, "value"] = 99.0
    remaining = decimate(points, 0, 10**6, 800)
    assert (123_456, 99.0) in remaining.rows()
    assert remaining.height <= POINTS_PER_BUCKET * 800 + 2


@given(series, st.integers(1, 10**5))
def test_a_line_breaks_just_where_a_sensor_was_silent(points: pl.DataFrame, longest: int) -> None:
    """Only between two readings farther apart is a null value; all readings stay."""
    broken = insert_gaps(points, longest)
    assert broken.drop_nulls().equals(points)
    wide = points["us"].diff().drop_nulls() > longest
    assert broken["value"].null_count() == wide.sum()


def test_gaps_stay_when_points_are_left_out() -> None:
    """A silence wider than a pixel is a silence after decimation as well."""
    points = frame(*((us, 1.0) for us in (*range(1000), *range(90_000, 91_000))))
    broken = insert_gaps(decimate(points, 0, 100_000, 100), 10_000)
    assert broken["value"].null_count() == 1
    assert broken.filter(pl.col("value").is_null())["us"][0] == 1000


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_state_is_drawn_from_its_changes(states: list[bool]) -> None:
    """Only changes, the first and the last reading stay, and they give the state at every moment."""
    points = frame(*((number, float(state)) for number, state in enumerate(states)))
    remaining = value_changes(points)
    states_found = [remaining.filter(pl.col("us") <= at)["value"][-1] for at in range(len(states))]
    assert states_found == [float(state) for state in states]
    assert remaining["us"][0] == 0
    assert remaining["us"][-1] == len(states) - 1
    assert remaining.height <= 2 + sum(a != b for a, b in pairwise(states))


@pytest.mark.parametrize(("times", "usual"), [((), None), ((0, 5), None), ((0, 5, 10, 100), 5)])
def test_the_usual_distance_is_not_that_of_a_gap(times: tuple[int, ...], usual: int | None) -> None:
    """Half of the distances are shorter, so a pause of hours does not count as usual."""
    assert median_interval_us(frame(*((at, 0.0) for at in times))) == usual
