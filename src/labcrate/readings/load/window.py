"""Uniting two sources of readings without loss or duplicates, and selecting those of the selected sensors.

Two readings are the same if instant, topic and payload are, the payload compared as a JSON value. A message that was
sent twice is two readings: the union has each as often as the source that has it more often.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.payload import comparison_text, covers
from labcrate.readings.load.problems import ReadingsProblem, to_problems
from labcrate.readings.load.selection import SelectedTopics, SensorSelection
from labcrate.readings.load.slice import LabCounts, Readings
from labcrate.readings.load.source import FileReadings
from labcrate.readings.load.timestamps import FRAME, instant_at, microseconds
from labcrate.readings.load.topics import TopicKind, TopicOwners, Topics, device_id

BOTH, JSON, CSV = "both", "json", "csv"

_GROUP = ["us", "topic"]


def unite(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Unite two frames of `source.ROWS`; the JSON's text is used if both have a reading.

    Return ``us``, ``topic``, ``payload`` and ``origin`` (both, json or csv), sorted by the first three.
    """
    origins = _origins(json, csv)
    json, csv = (one.join(origins, on=_GROUP, how="left") for one in (json, csv))
    decided = pl.concat([json.filter(pl.col("origin").is_in([BOTH, JSON])), csv.filter(pl.col("origin") == CSV)])
    ours, theirs = (_numbered(one.filter(pl.col("origin").is_null()).drop("origin")) for one in (json, csv))
    key = [*_GROUP, "same", "nth"]
    whole, built = theirs.filter(~pl.col("built")), theirs.filter("built")
    matched = ours.join(whole, on=key, how="semi").with_columns(origin=pl.lit(BOTH))
    alone = _match_built_rows(ours.join(whole, on=key, how="anti"), built)
    parts = (decided, matched, *alone, whole.join(ours, on=key, how="anti").with_columns(origin=pl.lit(CSV)))
    columns = ["us", "topic", "payload", "origin"]
    return pl.concat([part.select(columns) for part in parts]).sort(columns)


def _origins(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Return per instant and topic the source of its readings: one, or both with the same texts as often; else null.

    In real files almost none are null, and only those payloads must be compared as values.
    """
    counted = pl.concat([json.with_columns(count=pl.lit(1)), csv.with_columns(count=pl.lit(-1))])
    count = pl.col("count")
    texts = counted.group_by(*_GROUP, "payload").agg(count.sum(), json=(count > 0).any(), csv=(count < 0).any())
    groups = texts.group_by(_GROUP).agg(even=(count == 0).all(), json=pl.col("json").any(), csv=pl.col("csv").any())
    origin = pl.when(~pl.col("csv")).then(pl.lit(JSON)).when(~pl.col("json")).then(pl.lit(CSV))
    return groups.select(*_GROUP, origin=origin.when("even").then(pl.lit(BOTH)))


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with their payload's value, and a number that counts equal ones."""
    same = pl.Series("same", [comparison_text(text) for text in rows["payload"]], dtype=pl.String)
    rows = rows.with_columns(same).sort("us", "topic", "same", "payload", "built")
    # Built rows are matched otherwise, so they are numbered apart from the whole ones.
    return rows.with_columns(nth=pl.int_range(pl.len()).over("us", "topic", "same", "built"))


def _match_built_rows(json: pl.DataFrame, built: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Match rows that had no payload of their own with readings that have all their values.

    Return the JSON's readings, each with its origin, and the built rows without a match.
    """
    candidates: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    if built.height:
        for row, (us, topic) in enumerate(json.select(_GROUP).iter_rows()):
            candidates[us, topic].append(row)
    payloads = json["payload"].to_list()
    covered: set[int] = set()
    unmatched: list[bool] = []
    for us, topic, payload in built.select(*_GROUP, "payload").iter_rows():
        fits = (row for row in candidates[us, topic] if row not in covered and covers(payloads[row], payload))
        found = next(fits, None)
        unmatched.append(found is None)
        if found is not None:
            covered.add(found)
    origin = pl.Series("origin", [BOTH if row in covered else JSON for row in range(json.height)], dtype=pl.String)
    rest = built.filter(pl.Series(unmatched, dtype=pl.Boolean)).with_columns(origin=pl.lit(CSV))
    return json.with_columns(origin), rest


def slice_readings(
    json: FileReadings, csv: FileReadings, window: TimeSpan, selection: SensorSelection, topics: Topics
) -> Readings:
    """Unite two sources, each already cut to the window, and select the readings of the selected sensors."""
    json, csv, kinds = _with_topics(json, csv, topics)
    united = unite(json.rows, csv.rows).with_columns(whole=pl.col("payload").str.starts_with("{"))
    kinds_inside = united.select("topic", "whole").unique().rows()
    kinds |= set(kinds_inside)
    owners, selected = TopicOwners(topics, kinds), selection.match_topics(kinds)
    united = _with_devices(united, kinds_inside, owners)
    selected_kinds = [kind for kind in kinds_inside if selected.includes(*kind)]
    chosen = united if len(selected_kinds) == len(kinds_inside) else _of_kinds(united, selected_kinds)
    origin = dict(chosen["origin"].value_counts().iter_rows())
    absent = selected.sensors_without(list(kinds))
    return Readings(
        rows=chosen.select(pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("timestamp"), *list(FRAME)[1:]),
        window=window,
        topics=topics,
        both=origin.get(BOTH, 0),
        only_json=origin.get(JSON, 0),
        only_csv=origin.get(CSV, 0),
        of_other_sensors=united.height - chosen.height,
        absent_sensors=absent,
        silent_sensors=tuple(label for label in selected.sensors_without(selected_kinds) if label not in absent),
        ambiguous_sensors=selected.ambiguous_sensors,
        lab=_lab_counts(json, csv, window, united),
        problems=tuple(_problems(json, csv, selected)),
    )


def _with_topics(
    json: FileReadings, csv: FileReadings, topics: Topics
) -> tuple[FileReadings, FileReadings, set[TopicKind]]:
    """Replace the topic of rows that had only a device_id by the topic of that device, if the lab has only one."""
    made = {topic for source in (json, csv) for topic in source.topics_from_ids}
    kinds = {kind for source in (json, csv) for kind in source.kinds if kind[0] not in source.topics_from_ids}
    missing = made - {topic for topic, _ in kinds}
    owners = TopicOwners(topics, kinds) if missing else None
    found = {topic: owners.topic_of(device_id(topic, topics.base)) for topic in missing} if owners else {}
    renamed = {topic: name for topic, name in found.items() if name is not None}
    kinds |= {(topic, True) for topic in missing if topic not in renamed}
    return _renamed(json, renamed), _renamed(csv, renamed), kinds


def _renamed(source: FileReadings, topics: dict[str, str]) -> FileReadings:
    if not topics or source.topics_from_ids.isdisjoint(topics):
        return source
    topic = pl.col("topic").cast(pl.String).replace(topics)
    return replace(
        source, rows=source.rows.with_columns(topic), keys=source.keys.with_columns(topic.cast(pl.Categorical))
    )


def _with_devices(united: pl.DataFrame, kinds: Sequence[TopicKind], owners: TopicOwners) -> pl.DataFrame:
    rows = [(topic, whole, owners.device_id(topic, whole)) for topic, whole in kinds]
    devices = pl.DataFrame(rows, {"topic": pl.String, "whole": pl.Boolean, "device_id": pl.String}, orient="row")
    return united.join(devices, on=["topic", "whole"], how="left", maintain_order="left")


def _of_kinds(united: pl.DataFrame, kinds: Sequence[TopicKind]) -> pl.DataFrame:
    chosen = pl.DataFrame(kinds, {"topic": pl.String, "whole": pl.Boolean}, orient="row")
    return united.join(chosen, on=["topic", "whole"], how="semi", maintain_order="left")


def _problems(json: FileReadings, csv: FileReadings, selected: SelectedTopics) -> Iterator[ReadingsProblem]:
    def is_selected(topic: str) -> bool:
        return selected.includes(topic, True) or selected.includes(topic, False)

    for source in (json, csv):
        yield from source.problems
        yield from to_problems(source.label, source.faults, is_selected)


def _lab_counts(json: FileReadings, csv: FileReadings, window: TimeSpan, united: pl.DataFrame) -> LabCounts:
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
    """Return the number of readings in both; a hash of 64 bits represents instant and topic."""
    if not json.height or not csv.height:
        return json.height + csv.height
    ours, theirs = (one.hash_rows().sort() for one in (json, csv))
    if ours.equals(theirs):
        return json.height
    counts = [one.alias("hash").to_frame().group_by("hash").agg(pl.len()) for one in (ours, theirs)]
    more = pl.concat(counts).group_by("hash").agg(pl.col("len").max())
    return int(more["len"].sum())


def _nearest(times: list[pl.Series], window: TimeSpan) -> datetime | None:
    """Return the time of the reading closest to the window; the earlier one of two that are as close."""
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
