"""Local times of a zone as instants: what is skipped and what occurs twice when clocks change.

Offsets come from the zone database that the rest of the program uses, looked up once per quarter of an hour.
The rule for a time that was skipped is that of PEP 495: the offset before the change.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

_STEP_US = 900_000_000
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_MICROSECOND = timedelta(microseconds=1)
_OFFSETS = {"key": pl.Int64, "early": pl.Int64, "late": pl.Int64}


class Settled(NamedTuple):
    """Microseconds since 1970 of local times.

    ``us`` is the only or first instant; ``second`` the other one of a time that occurs twice, else null; ``skipped``
    tells which never occurred.
    """

    us: pl.Series
    second: pl.Series
    skipped: pl.Series


def to_instants(local_us: pl.Series, zone: ZoneInfo) -> Settled:
    """Turn local times, given as microseconds since 1970 in local time, into instants; null stays null."""
    frame = local_us.alias("local").to_frame().with_columns(step=pl.col("local").floordiv(_STEP_US))
    steps = frame["step"].drop_nulls().unique().to_list()
    even, uneven = [], []
    for step in steps:
        first, last = (_offsets(us, zone) for us in (step * _STEP_US, (step + 1) * _STEP_US - 1))
        if first == last:
            even.append((step, *first))
        else:
            uneven.append(step)
    frame = frame.join(_table(even), left_on="step", right_on="key", how="left", maintain_order="left")
    if uneven:
        each = frame["local"].filter(frame["step"].is_in(uneven)).unique().to_list()
        exact = _table([(us, *_offsets(us, zone)) for us in each])
        frame = frame.join(exact, left_on="local", right_on="key", how="left", maintain_order="left", suffix="_exact")
        frame = frame.with_columns(
            early=pl.col("early").fill_null(pl.col("early_exact")), late=pl.col("late").fill_null(pl.col("late_exact"))
        )
    early, late = pl.col("early"), pl.col("late")
    settled = frame.select(
        us=pl.col("local") - early,
        second=pl.when(early > late).then(pl.col("local") - late),
        skipped=(early < late).fill_null(False),
    )
    return Settled(settled["us"], settled["second"], settled["skipped"])


def _table(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, _OFFSETS, orient="row")


def _offsets(local_us: int, zone: ZoneInfo) -> tuple[int, int]:
    """The zone's offsets at a local time, in microseconds: before and after a change of clocks, else twice the same."""
    try:
        local = _NAIVE_EPOCH + timedelta(microseconds=local_us)
    except OverflowError:  # the last quarter of an hour of the calendar
        return 0, 0
    early, late = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return early // _MICROSECOND, late // _MICROSECOND
