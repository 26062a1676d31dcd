"""The readings of one session, and what is known of all the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.problems import Problem
from labcrate.readings.profile import Profile, profile
from labcrate.readings.source import Source
from labcrate.readings.timestamps import INSTANT, instant_at, microseconds
from labcrate.readings.topics import Selection, Topics, device_id
from labcrate.readings.union import BOTH, CSV, JSON, unite

FRAME: dict[str, pl.DataType] = {
    "timestamp": INSTANT,
    "topic": pl.String(),
    "device_id": pl.String(),
    "payload": pl.String(),
}


@dataclass(frozen=True, slots=True)
class LabCounts:
    """All readings of the lab, of every session and none.

    ``json`` and ``csv`` are what each file holds, ``total`` the union of both; outside the window a reading of both
    files is recognised by instant and topic alone. ``no_readings`` counts messages that tell of no device's state.
    ``nearest`` is the reading closest to the window, known when the window holds none.
    """

    json: int = 0
    csv: int = 0
    total: int = 0
    no_readings: int = 0
    first: datetime | None = None
    last: datetime | None = None
    nearest: datetime | None = None


@dataclass(frozen=True)
class Readings:
    """The readings of a window and of some sensors.

    ``frame`` has the columns ``timestamp`` (UTC, microseconds), ``topic``, ``device_id`` (the topic without its base)
    and ``payload`` (the whole message as compact JSON), sorted by time, then topic, then payload.
    ``both``, ``only_json``, ``only_csv`` say where they were found; ``of_other_sensors`` counts those of the window
    that were not selected. ``absent_sensors`` were selected and have no topic in the lab; ``silent_sensors`` have one,
    and no reading in the frame.
    """

    frame: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FRAME), compare=False)
    window: TimeSpan = TimeSpan()
    topics: Topics = field(default_factory=Topics)
    both: int = 0
    only_json: int = 0
    only_csv: int = 0
    of_other_sensors: int = 0
    absent_sensors: tuple[str, ...] = ()
    silent_sensors: tuple[str, ...] = ()
    lab: LabCounts = LabCounts()
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return self.frame.height

    @property
    def complete(self) -> bool:
        """Whether every file that exists could be read."""
        return not any(problem.fatal for problem in self.problems)

    @property
    def first(self) -> datetime | None:
        """The time of the first reading."""
        return self.frame["timestamp"][0] if len(self) else None

    @property
    def last(self) -> datetime | None:
        """The time of the last reading."""
        return self.frame["timestamp"][-1] if len(self) else None

    @cached_property
    def profile(self) -> Profile:
        """Which keys each device's payloads hold, and of what types; computed once, as every table needs it."""
        return profile(self.frame)


def slice_readings(json: Source, csv: Source, window: TimeSpan, selection: Selection, topics: Topics) -> Readings:
    """Unite two sources, each already cut to the window, and keep the selected sensors' readings."""
    united = _with_devices(unite(json.rows, csv.rows), topics)
    chosen = _selected(united, selection)
    origin = dict(chosen["origin"].value_counts().iter_rows())
    absent = selection.without(_topics_of_lab(json, csv, topics))
    silent = selection.without(_kinds(chosen).rows())
    return Readings(
        frame=chosen.select(pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("timestamp"), *list(FRAME)[1:]),
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
