"""Reducing points for a line: a plot is some thousand pixels wide, a sensor has a million readings.

Of each pixel's time the first, the lowest, the highest and the last value remain (M4: Jugel, Jerzak, Hackenbroich,
Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", PVLDB 7(10), 2014), so that the drawing is the same
as of all points, and no peak is lost.
"""

import polars as pl

POINTS_PER_BUCKET = 4


def decimate(points: pl.DataFrame, start: int, end: int, buckets: int) -> pl.DataFrame:
    """Return the points for a drawing from ``start`` to ``end``, ``buckets`` pixels wide.

    ``points`` has the columns ``us`` (microseconds since 1970, sorted) and ``value`` (numbers without null). At most
    ``POINTS_PER_BUCKET`` times ``buckets`` points are returned, in their order, and in addition the last one before
    ``start`` and the first one after ``end``, to which lines lead.
    """
    inside, before, after = _cut(points, start, end)
    if inside.height > POINTS_PER_BUCKET * buckets:
        width = max(1, -(-(end - start + 1) // buckets))
        rows = inside.with_row_index("row")
        bucket = ((pl.col("us") - start) // width).alias("bucket")
        rows_to_keep = (
            rows.lazy()
            .group_by(bucket)
            .agg(
                first=pl.col("row").first(),
                last=pl.col("row").last(),
                lowest=pl.col("row").get(pl.col("value").arg_min()),
                highest=pl.col("row").get(pl.col("value").arg_max()),
            )
            .unpivot(["first", "last", "lowest", "highest"])
            .select(pl.col("value").unique().sort())
            .collect()["value"]
        )
        inside = inside[rows_to_keep]
    return pl.concat([before, inside, after])


def value_changes(points: pl.DataFrame) -> pl.DataFrame:
    """Return the points whose value differs from the one before, and the last one: a state lasts until it changes."""
    value = pl.col("value")
    return points.filter(value.ne_missing(value.shift()) | (pl.int_range(pl.len()) == pl.len() - 1) | _is_first())


def insert_gaps(points: pl.DataFrame, longest_us: int) -> pl.DataFrame:
    """Return the points with a null value, which breaks the line, between two more than ``longest_us`` apart."""
    apart = pl.col("us").shift(-1) - pl.col("us") > longest_us
    breaks = points.filter(apart).with_columns(pl.col("us") + 1, pl.lit(None, points.schema["value"]).alias("value"))
    return pl.concat([points, breaks]).sort("us", maintain_order=True)


def median_interval_us(points: pl.DataFrame) -> int | None:
    """Return the median distance between readings, in microseconds; None for fewer than three."""
    median = points["us"].diff().median() if points.height > 2 else None
    return int(median) if isinstance(median, int | float) else None


def _is_first() -> pl.Expr:
    return pl.int_range(pl.len()) == 0


def _cut(points: pl.DataFrame, start: int, end: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    first = int(points["us"].search_sorted(start, side="left"))
    last = int(points["us"].search_sorted(end, side="right"))
    return points[first:last], points[max(0, first - 1) : first], points[last : last + 1]
