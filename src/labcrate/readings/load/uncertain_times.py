"""Rows whose time occurs twice, resolved by the rows around them."""

from collections.abc import Mapping

import polars as pl

_MIN_STEP_US = 1_000_000  # messages that arrive out of order differ by less
_APART_US = 86_400_000_000
_BACKWARDS_US = 10_800_000_000

REPEATED_ROWS = {"order": pl.Int64, "topic": pl.String, "us": pl.Int64, "second": pl.Int64}
"""Rows of a repeated hour: the place in the file, and the two instants of the time."""


def second_occurrences(rows: pl.DataFrame, newest_first: frozenset[str], in_time_order: bool) -> pl.Series:
    """Return for each row (`REPEATED_ROWS`, in any order) whether it is of the second occurrence; null where unknown.

    ``newest_first`` are the topics whose newest rows come first. ``in_time_order``: the file may have the rows of all
    topics in the order of time.
    """
    numbered = rows.with_row_index("row").sort("us")
    hour = (pl.col("us").diff() > _APART_US).fill_null(False).cum_sum().alias("hour")
    numbered = numbered.with_columns(hour).sort("order")
    is_second: dict[int, bool] = {}
    for _, of_hour in numbered.partition_by("hour", as_dict=True).items():
        own = _by_topic(of_hour, newest_first)
        is_second |= own
        if in_time_order and not newest_first and own:
            is_second = _by_file(of_hour, own) | is_second
    return pl.Series([is_second.get(row) for row in range(rows.height)], dtype=pl.Boolean)


def _by_topic(rows: pl.DataFrame, newest_first: frozenset[str]) -> dict[int, bool]:
    is_second: dict[int, bool] = {}
    for (topic,), of_topic in rows.partition_by("topic", as_dict=True).items():
        ordered = of_topic.reverse() if topic in newest_first else of_topic
        at = _only_step(ordered["us"])
        if at is not None:
            is_second |= {row: place >= at for place, row in enumerate(ordered["row"])}
    return is_second


def _by_file(rows: pl.DataFrame, own: dict[int, bool]) -> dict[int, bool]:
    """Return the occurrence of every row by the file's only step back.

    Only if a topic steps back there as well and no other row is between.
    """
    at = _only_step(rows["us"])
    first, last = rows["order"][0], rows["order"][-1]
    if at is None or last - first + 1 != rows.height:
        return {}
    is_second = {row: place >= at for place, row in enumerate(rows["row"])}
    return is_second if all(is_second[row] == second for row, second in own.items()) else {}


def _only_step(us: pl.Series) -> int | None:
    """Return the index of the first row after the only step back; None if there is none, or more than one."""
    steps = (us.diff() <= -_MIN_STEP_US).fill_null(False).arg_true()
    return int(steps[0]) if len(steps) == 1 else None


def newest_first_topics(ends: Mapping[str, tuple[int, int]]) -> frozenset[str]:
    """Return the topics whose newest rows come first; ``ends`` are the first and last times of each in the file."""
    return frozenset(topic for topic, (first, last) in ends.items() if last < first - _BACKWARDS_US)
