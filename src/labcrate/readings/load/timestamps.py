"""Reading timestamps as instants, including local times that are skipped or occur twice.

Offsets come from the zone database that the rest of the program uses, looked up once per quarter of an hour. The rule
for a skipped time is that of PEP 495: the offset before the change.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from labcrate.model.timespan import TimeSpan, parse_instant
from labcrate.readings.load.date_formats import read_formats
from labcrate.readings.load.time_rules import TimeRules

_STEP_US = 900_000_000
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_MICROSECOND = timedelta(microseconds=1)
_OFFSETS = {"key": pl.Int64, "early": pl.Int64, "late": pl.Int64}


class LocalInstants(NamedTuple):
    """Microseconds since 1970 of local times.

    ``us`` is the only or first instant; ``second`` the other one of a time that occurs twice, else null; ``skipped``
    marks those that never occurred.
    """

    us: pl.Series
    second: pl.Series
    skipped: pl.Series


def to_instants(local_us: pl.Series, zone: ZoneInfo) -> LocalInstants:
    """Return the instants of local times, given as microseconds since 1970 in local time; null stays null."""
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
    instants = frame.select(
        us=pl.col("local") - early,
        second=pl.when(early > late).then(pl.col("local") - late),
        skipped=(early < late).fill_null(False),
    )
    return LocalInstants(instants["us"], instants["second"], instants["skipped"])


def _table(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, _OFFSETS, orient="row")


def _offsets(local_us: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the zone's offsets at a local time, in microseconds: before and after a change of clocks, else equal."""
    try:
        local = _NAIVE_EPOCH + timedelta(microseconds=local_us)
    except OverflowError:  # the last quarter of an hour of the calendar
        return 0, 0
    early, late = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return early // _MICROSECOND, late // _MICROSECOND


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")

_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
# What may follow the whole seconds in the usual form, and its microseconds.
_TAILS = pl.Series(["Z", *(f".{ms:03}Z" for ms in range(1000))])
_TAIL_US = pl.Series([0, *range(0, 1_000_000, 1000)])
# Seconds, milliseconds and microseconds from 1973 to 2286. 14 digits may be 20250502093000: not read.
_NUMBER = re.compile(r"(\d{9,10}|\d{12,13}|\d{15,16})(\.\d+)?")
_YEAR_1000 = (datetime(1000, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


class Instants(NamedTuple):
    """The times of some rows.

    ``us``: microseconds since 1970 (Int64, null where unreadable), of a time that occurs twice the first; ``naive``:
    rows without a zone that were read as UTC; ``second``: the other instant of a time that occurs twice, else null;
    ``skipped``: times that clocks skipped. The last two are None if there are no local times at all.
    """

    us: pl.Series
    naive: pl.Series
    second: pl.Series | None = None
    skipped: pl.Series | None = None


def microseconds(instant: datetime) -> int:
    """Return the exact microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant_at(us: int) -> datetime:
    """Return the instant at a number of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def is_inside(us: pl.Series, window: TimeSpan) -> pl.Series:
    """Return which rows are in the window, both ends included; an unreadable time never is."""
    mask = us.is_not_null()
    if window.start is not None:
        mask &= (us >= microseconds(window.start)).fill_null(False)
    if window.end is not None:
        mask &= (us <= microseconds(window.end)).fill_null(False)
    return mask


def parse_timestamps(texts: pl.Series, rules: TimeRules | None = None) -> Instants:
    """Read timestamps: ISO 8601 with any zone or none, digits counting from 1970, or the lab's own formats.

    ``texts`` is a String series. Digits are seconds, milliseconds or microseconds by their length. Raises
    ``zoneinfo.ZoneInfoNotFoundError`` for a zone that does not exist.
    """
    rules = rules or TimeRules()
    frame = texts.alias("text").to_frame().select("text", us=_parse_usual(pl.col("text")), naive=pl.lit(False))
    if frame["us"].null_count() == 0 and frame["us"].is_between(_FIRST, _LAST).all():
        return Instants(frame["us"], frame["naive"])
    if rules.date_formats and frame["us"].null_count():
        us, naive = read_formats(frame["text"].set(frame["us"].is_not_null(), None), rules.date_formats)
        frame = _fill(frame, us, naive)
    for form, is_naive in (("%Y-%m-%dT%H:%M:%S%.f%#z", False), ("%Y-%m-%dT%H:%M:%S%.f", True)):
        if frame["us"].null_count() == 0:
            break
        us = frame["text"].str.to_datetime(form, time_unit="us", strict=False).cast(pl.Int64)
        # This parser reads "25" as the year 25.
        us = us.set((us < _YEAR_1000).fill_null(False), None)
        frame = _fill(frame, us, pl.repeat(is_naive, len(us), eager=True))
    frame = frame.with_columns(us=pl.when(pl.col("us").is_between(_FIRST, _LAST)).then("us"))
    if frame["us"].null_count() > frame["text"].null_count():
        frame = _one_by_one(frame)
    if rules.zone is None or not frame["naive"].any():
        return Instants(frame["us"], frame["naive"])
    return _in_zone(frame, ZoneInfo(rules.zone))


def _in_zone(frame: pl.DataFrame, zone: ZoneInfo) -> Instants:
    """Return the naive rows as times of the zone."""
    instants = to_instants(frame["us"].set(~frame["naive"], None), zone)
    us = pl.select(pl.when(frame["naive"]).then(instants.us).otherwise(frame["us"]))["us"]
    us = us.set(~us.is_between(_FIRST, _LAST).fill_null(True), None)
    return Instants(us, pl.repeat(False, len(us), eager=True), instants.second, instants.skipped)


def iso_text(column: str) -> pl.Expr:
    """Return a Datetime column as UTC ISO 8601: milliseconds, or microseconds where necessary."""
    time = pl.col(column)
    milliseconds = time.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return pl.when(time.dt.microsecond() % 1000 == 0).then(milliseconds).otherwise(time.dt.strftime("%FT%T%.6fZ"))


def _parse_usual(text: pl.Expr) -> pl.Expr:
    seconds = text.str.head(19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False, cache=False)
    return seconds.cast(pl.Int64) + text.str.slice(19).replace_strict(
        _TAILS, _TAIL_US, default=None, return_dtype=pl.Int64
    )


def _fill(frame: pl.DataFrame, us: pl.Series, naive: pl.Series) -> pl.DataFrame:
    """Fill in ``us`` for the rows without a time."""
    found = frame["us"].is_null() & us.is_not_null()
    return frame.with_columns(us=frame["us"].fill_null(us), naive=frame["naive"] | (found & naive))


def _one_by_one(frame: pl.DataFrame) -> pl.DataFrame:
    rest = frame.filter(pl.col("us").is_null() & pl.col("text").is_not_null())["text"].unique().to_list()
    read = [(text, *_parse(text)) for text in rest]
    schema = {"text": pl.String, "slow": pl.Int64, "slow_naive": pl.Boolean}
    joined = frame.join(pl.DataFrame(read, schema, orient="row"), on="text", how="left", maintain_order="left")
    # A wrong year was refused above although a parser read it: do not use the parser's "no zone" for its row.
    return joined.select(
        "text",
        naive=pl.when(pl.col("us").is_null()).then(pl.col("slow_naive").fill_null(False)).otherwise("naive"),
        us=pl.col("us").fill_null(pl.col("slow")),
    )


def _parse(text: str) -> tuple[int | None, bool]:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        whole = len(text.partition(".")[0])
        scale = 1_000_000 if whole <= 10 else 1000 if whole <= 13 else 1
        digits, _, fraction = text.partition(".")
        return int(digits) * scale + int(fraction[:6].ljust(6, "0")) * scale // 1_000_000, False
    try:
        return microseconds(parse_instant(text)), datetime.fromisoformat(text).tzinfo is None
    except (ValueError, OverflowError):
        return None, False


FRAME: dict[str, pl.DataType] = {
    "timestamp": INSTANT,
    "topic": pl.String(),
    "device_id": pl.String(),
    "payload": pl.String(),
}
