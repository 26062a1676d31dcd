"""Numbers in payloads: the properties that can be drawn, and their values with times."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from labcrate.readings.load.slice import Readings

_NUMBERS = {"integer", "number"}
_STATES = ("true", "false")


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
    for device in sorted({device for _, device, whole in readings.topic_kinds if whole}):
        for key, types in readings.profile.get(device, {}).items():
            kind = _kind(types - {"null"})
            if kind:
                yield PlotSeries(device, key, kind, device, key)
    for topic, known_as, whole in readings.topic_kinds:
        if not whole:
            device, name = readings.topics.device_and_key(topic, known_as, whole_message=False)
            values = _values(readings, topic)
            if values["payload"].is_in(_STATES).all():
                yield PlotSeries(device, name or "value", SeriesKind.STATE, topic, None)
            elif values["payload"].cast(pl.Float64, strict=False).is_finite().any():
                yield PlotSeries(device, name or "value", SeriesKind.NUMBER, topic, None)


def series_points(readings: Readings, series: Collection[PlotSeries]) -> dict[PlotSeries, pl.DataFrame]:
    """Return the points of each: ``us`` (since 1970, sorted) and ``value`` (states as 0 and 1), without null."""
    by_source: dict[str, list[PlotSeries]] = {}
    for one in series:
        by_source.setdefault(one.source_name, []).append(one)
    found: dict[PlotSeries, pl.DataFrame] = {}
    for own, of_source in by_source.items():
        keyed = [one for one in of_source if one.key is not None]
        if keyed:
            rows = _of(readings, pl.col("device_id") == own).filter(pl.col("payload").str.starts_with("{"))
            values = _decoded(rows["payload"], [one.key for one in keyed if one.key is not None])
            found |= {one: _finite_points(rows["us"], values[one.key or ""]) for one in keyed}
        for one in of_source:
            if one.key is None:
                rows = _values(readings, own)
                text = rows["payload"].replace({"true": "1", "false": "0"})
                found[one] = _finite_points(rows["us"], text.cast(pl.Float64, strict=False))
    return found


def _of(readings: Readings, rows_of: pl.Expr) -> pl.DataFrame:
    us = pl.col("timestamp").dt.epoch("us").alias("us")
    batches = [batch.filter(rows_of).select(us, "payload") for batch in readings.batches()]
    return pl.concat([pl.DataFrame(schema={"us": pl.Int64, "payload": pl.String}), *batches])


def _values(readings: Readings, topic: str) -> pl.DataFrame:
    return _of(readings, pl.col("topic") == topic).filter(
        ~pl.col("payload").str.starts_with("{") & (pl.col("payload") != "null")
    )


def _finite_points(us: pl.Series, values: pl.Series) -> pl.DataFrame:
    return pl.DataFrame([us, values.alias("value")]).drop_nulls().filter(pl.col("value").is_finite())


def _kind(types: frozenset[str]) -> SeriesKind | None:
    if types and types <= _NUMBERS:
        return SeriesKind.NUMBER
    return SeriesKind.STATE if types == {"boolean"} else None


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
