"""Cutting two sources of readings to one session's, and counting all the others."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.frame import FRAME
from labcrate.readings.slice import LabCounts, Readings
from labcrate.readings.source import Source
from labcrate.readings.timestamps import instant_at, microseconds
from labcrate.readings.topics import Selection, Topics, device_id
from labcrate.readings.union import BOTH, CSV, JSON, unite


def slice_readings(json: Source, csv: Source, window: TimeSpan, selection: Selection, topics: Topics) -> Readings:
    """Unite two sources, each already cut to the window, and keep the selected sensors' readings."""
    united = _with_devices(unite(json.rows, csv.rows), topics)
    chosen = _selected(united, selection)
    origin = dict(chosen["origin"].value_counts().iter_rows())
    absent = selection.without(_topics_of_lab(json, csv, topics))
    silent = selection.without(_kinds(chosen).rows())
    return Readings(
        rows=chosen.select(pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("timestamp"), *list(FRAME)[1:]),
        window=window,
        topics=topics,
        both=origin.get(BOTH, 0),
        only_json=origin.get(JSON, 0),
        only_csv=origin.get(CSV, 0),
        of_other_sensors=united.height - chosen.height,
        absent_sensors=absent,
        silent_sensors=tuple(label for label in silent if label not in absent),
        lab=_lab_counts(json, csv, window, united),
        problems=json.problems + csv.problems,
    )


def _with_devices(united: pl.DataFrame, topics: Topics) -> pl.DataFrame:
    return united.with_columns(
        device_id=pl.col("topic").str.strip_prefix(f"{topics.base}/"), whole=pl.col("payload").str.starts_with("{")
    )


def _kinds(readings: pl.DataFrame) -> pl.DataFrame:
    """The devices and whether whole messages or single values came of them."""
    return readings.select("device_id", "whole").unique()


def _selected(united: pl.DataFrame, selection: Selection) -> pl.DataFrame:
    if not selection:
        return united
    taken = [kind for kind in _kinds(united).iter_rows() if selection.takes(*kind)]
    chosen = pl.DataFrame(taken, {"device_id": pl.String, "whole": pl.Boolean}, orient="row")
    return united.join(chosen, on=["device_id", "whole"], how="semi", maintain_order="left")


def _topics_of_lab(json: Source, csv: Source, topics: Topics) -> Sequence[tuple[str, bool]]:
    """Every device of the lab; outside the window it is not known whether its messages are whole, so both may be."""
    names = {name for source in (json, csv) for name in source.keys["topic"].unique().to_list()}
    return [(device_id(name, topics.base), whole) for name in sorted(names) for whole in (True, False)]


def _lab_counts(json: Source, csv: Source, window: TimeSpan, united: pl.DataFrame) -> LabCounts:
    times = [source.keys["us"] for source in (json, csv) if source.keys.height]
    return LabCounts(
        json=json.keys.height,
        csv=csv.keys.height,
        total=max(_count_union(json.keys, csv.keys), united.height),
        no_readings=(json.no_readings | csv.no_readings).total(),
        first=instant_at(min(int(one.min()) for one in times)) if times else None,  # type: ignore[arg-type]
        last=instant_at(max(int(one.max()) for one in times)) if times else None,  # type: ignore[arg-type]
        nearest=None if united.height else _nearest(times, window),
    )


def _count_union(json: pl.DataFrame, csv: pl.DataFrame) -> int:
    """How many readings both hold together; one of a hash of 64 bits stands for instant and topic."""
    if not json.height or not csv.height:
        return json.height + csv.height
    ours, theirs = (one.hash_rows().sort() for one in (json, csv))
    if ours.equals(theirs):
        return json.height
    counts = [one.alias("hash").to_frame().group_by("hash").agg(pl.len()) for one in (ours, theirs)]
    more = pl.concat(counts).group_by("hash").agg(pl.col("len").max())
    return int(more["len"].sum())


def _nearest(times: list[pl.Series], window: TimeSpan) -> datetime | None:
    """The reading closest to the window, the earlier one if two are as close."""
    found: list[tuple[int, int]] = []
    for us in times:
        if window.start is not None:
            start = microseconds(window.start)
            found += [(start - at, at) for at in _values(us.filter(us < start).max())]
        if window.end is not None:
            end = microseconds(window.end)
            found += [(at - end, at) for at in _values(us.filter(us > end).min())]
    return instant_at(min(found)[1]) if found else None


def _values(one: object) -> list[int]:
    return [one] if isinstance(one, int) else []
