"""Numbers in payloads: the properties that can be drawn, and their values with times."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from labcrate.readings.load.slice import Readings
from labcrate.readings.property_types import ValueKind
from labcrate.readings.write.columns import key_kinds

_NUMBERS = {"number", "long number"}
_STATES = ("true", "false")
_IS_OBJECT = pl.col("payload").str.starts_with("{")
_IS_SINGLE_VALUE = ~_IS_OBJECT & (pl.col("payload") != "null")
_NO_POINTS = pl.DataFrame(schema={"us": pl.Int64, "value": pl.Float64})


class SeriesKind(StrEnum):
    """Whether values are numbers, or on and off."""

    NUMBER = "number"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """A property of a device.

    ``key`` is its key in the device's payloads; None for a topic whose payloads are the values themselves.
    ``source_name`` is the ``device_id`` of these payloads, or that topic.
    """

    device: str
    name: str
    kind: SeriesKind
    source_name: str
    key: str | None


def plot_series(readings: Readings) -> Iterator[PlotSeries]:
    """Yield every property with numbers or booleans."""
    kinds_by_device: defaultdict[str, dict[str, frozenset[ValueKind]]] = defaultdict(dict)
    for key, by_device in key_kinds(readings).items():
        for device, kinds in by_device.items():
            kinds_by_device[device][key] = kinds
    for device, kinds_by_key in sorted(kinds_by_device.items()):
        for key, kinds in kinds_by_key.items():
            if kind := _kind(kinds):
                yield PlotSeries(device, key, kind, device, key)
    single = {topic: known_as for topic, known_as, whole in readings.topic_kinds if not whole}
    for topic, kind in sorted(_kinds_of_single_values(readings, single).items()):
        device, name = readings.topics.device_and_key(topic, single[topic], whole_message=False)
        yield PlotSeries(device, name or "value", kind, topic, None)


def series_points(readings: Readings, series: Collection[PlotSeries]) -> dict[PlotSeries, pl.DataFrame]:
    """Return the points of each: ``us`` (since 1970, sorted) and ``value`` (states as 0 and 1), without null."""
    objects: defaultdict[str, dict[str, PlotSeries]] = defaultdict(dict)
    single: defaultdict[str, list[PlotSeries]] = defaultdict(list)
    for one in series:
        if one.key is None:
            single[one.source_name].append(one)
        else:
            objects[one.source_name][one.key] = one
    # Devices with the same keys are decoded together: many small tables take longer than a large one.
    alike: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for source, by_key in objects.items():
        alike[tuple(sorted(by_key))].append(source)
    tables: dict[tuple[str, ...], list[pl.DataFrame]] = {keys: [] for keys in alike}
    values_of_topics: list[pl.DataFrame] = []
    for batch in readings.batches() if series else ():
        rows = batch.select(pl.col("timestamp").dt.epoch("us").alias("us"), "topic", "device_id", "payload")
        for keys, sources in alike.items():
            messages = rows.filter(pl.col("device_id").is_in(sources) & _IS_OBJECT)
            values = pl.DataFrame(_decoded(messages["payload"], list(keys))).rename(_column)
            tables[keys].append(messages.select("us", pl.col("device_id").cast(pl.Enum(sources))).hstack(values))
        if single:
            text = pl.col("payload").replace({"true": "1", "false": "0"})
            messages = rows.filter(pl.col("topic").is_in(list(single)) & _IS_SINGLE_VALUE)
            values_of_topics.append(messages.select("us", "topic", text.cast(pl.Float64, strict=False).alias("value")))
    found = dict.fromkeys(series, _NO_POINTS)
    for parts in tables.values():
        for device, own in _partitions(parts, "device_id"):
            for key, one in objects[device].items():
                found[one] = _finite_points(own["us"], own[_column(key)])
    for topic, own in _partitions(values_of_topics, "topic"):
        for one in single[topic]:
            found[one] = _finite_points(own["us"], own["value"])
    return found


def _partitions(tables: Sequence[pl.DataFrame], column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each value of a column with its rows, in their order."""
    if tables:
        for (value,), rows in pl.concat(tables).partition_by(column, as_dict=True).items():
            yield str(value), rows


def _column(key: str) -> str:
    """Return the name of the column of a key, which may be any text."""
    return f"value {key}"


def _kinds_of_single_values(readings: Readings, topics: Collection[str]) -> dict[str, SeriesKind]:
    """Return the kind of each topic whose payloads are values: states if all are, numbers if any is."""
    if not topics:
        return {}
    text = pl.col("payload")
    counts = pl.concat(
        batch.filter(pl.col("topic").is_in(list(topics)) & _IS_SINGLE_VALUE)
        .group_by("topic")
        .agg(
            text.is_in(_STATES).all().alias("states"),
            text.cast(pl.Float64, strict=False).is_finite().any().alias("numbers"),
        )
        for batch in readings.batches()
    )
    merged = counts.group_by("topic").agg(pl.col("states").all(), pl.col("numbers").any())
    return {
        topic: SeriesKind.STATE if states else SeriesKind.NUMBER
        for topic, states, numbers in merged.iter_rows()
        if states or numbers
    }


def _finite_points(us: pl.Series, values: pl.Series) -> pl.DataFrame:
    return pl.DataFrame([us, values.alias("value")]).drop_nulls().filter(pl.col("value").is_finite())


def _kind(kinds: frozenset[ValueKind]) -> SeriesKind | None:
    if kinds and kinds <= _NUMBERS:
        return SeriesKind.NUMBER
    return SeriesKind.STATE if kinds == {"boolean"} else None


def _decoded(payloads: pl.Series, keys: list[str]) -> Mapping[str, pl.Series]:
    """Return the keys' values as numbers."""
    try:
        decoded = payloads.str.json_decode(pl.Struct(dict.fromkeys(keys, pl.Float64)))
    except pl.exceptions.ComputeError:
        # A number beyond the range of floats (1e999): only its own value is lost.
        texts = {key: payloads.str.extract(rf'"{_escape_key(key)}":(-?[0-9.eE+-]+|true|false)') for key in keys}
        plain = {key: text.replace({"true": "1", "false": "0"}) for key, text in texts.items()}
        return {key: text.cast(pl.Float64, strict=False) for key, text in plain.items()}
    return {key: decoded.struct.field(key) for key in keys}


def _escape_key(key: str) -> str:
    """Return the key for a pattern: every special character by its number."""
    return "".join(c if c.isalnum() or c == "_" else rf"\x{{{ord(c):x}}}" for c in key)
