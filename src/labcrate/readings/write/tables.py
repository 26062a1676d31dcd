"""Writing the four tables of the readings: the two unified files, and one row per value as CSV and JSON.

All are written batch by batch, and the same readings give the same bytes. Values are exact: a text that a spreadsheet
would interpret as a formula is unchanged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.readings.load.payload import SCALAR_TEXT, VALUE_JSON, VALUE_TEXT
from labcrate.readings.load.slice import CHUNK_ROWS, Readings
from labcrate.readings.load.timestamps import iso_text
from labcrate.readings.units import Units
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.parquet import parse_cell, write_parquet
from labcrate.readings.write.table_output import (
    Target,
    iter_batches,
    open_target,
    write_header,
    write_lines,
    write_rows,
)


def write_zigbee_csv(readings: Readings, target: Target) -> None:
    """Write one row per reading, in the columns of `columns.zigbee_columns`; every cell that is not empty is quoted.

    Numbers are as in the source, booleans are ``true`` and ``false``, null is an empty cell.
    """
    layout = zigbee_columns(readings)
    with open_target(target) as file:
        write_header((column.name for column in layout), file)
        for batch, payloads in iter_batches(readings):
            cells = _cells(payloads, layout)
            write_rows(batch.select(iso_text("timestamp"), "topic", "device_id", *cells, "payload"), file)


def write_zigbee_json(readings: Readings, target: Target) -> None:
    """Write ``messages`` by topic, each topic's in time order and one per line; the topics are sorted."""
    by_topic = readings.frame.sort("topic", maintain_order=True)
    counts = by_topic.group_by("topic", maintain_order=True).agg(pl.len())
    start = 0
    with open_target(target) as file:
        file.write(b'{\n"messages": {')
        for number, (topic, count) in enumerate(counts.iter_rows()):
            file.write((b",\n" if number else b"\n") + msgspec.json.encode(topic) + b": [\n")
            write_lines(_messages(by_topic[start : start + count]), file)
            file.write(b"\n]")
            start += count
        summary = {
            "topics": counts["topic"].to_list(),
            "deviceCount": _count_devices(readings),
            "lastUpdated": format_instant(readings.last) if readings.last else None,
        }
        file.write(b"\n},\n" + msgspec.json.encode(summary).removeprefix(b"{") + b"\n")


def _cells(payloads: Sequence[object], layout: Sequence[Column]) -> list[pl.Series]:
    """Return the columns between device and payload, as text."""
    filled = [column for column in layout if column.key is not None or column.name == "motion"]
    cells: dict[str, list[str | None]] = {column.name: [None] * len(payloads) for column in filled}
    by_key = {column.key: cells[column.name] for column in filled if column.key is not None}
    motion, text_of = cells["motion"], SCALAR_TEXT
    for row, payload in enumerate(payloads):
        if not isinstance(payload, dict):
            continue
        for key, value in payload.items():
            if (column := by_key.get(key)) is not None and (writers := text_of.get(type(value))) is not None:
                column[row] = writers(value)
        motion[row] = _motion(payload)
        if "motion" in by_key and isinstance(payload.get("motion"), bool):
            by_key["motion"][row] = None  # it is in the fixed column
    return [pl.Series(name, column, dtype=pl.String) for name, column in cells.items()]


def _motion(payload: Mapping[str, object]) -> str | None:
    """Return the payload's motion or, without one, its occupancy, if that is a boolean."""
    motion = payload.get("motion")
    if not isinstance(motion, bool):
        motion = payload.get("occupancy")
    return SCALAR_TEXT[bool](motion) if isinstance(motion, bool) else None


def _messages(readings: pl.DataFrame) -> Iterator[pl.Series]:
    for batch in readings.iter_slices(CHUNK_ROWS):
        text = pl.concat_str(
            pl.lit('{"timestamp":"'), iso_text("timestamp"), pl.lit('","payload":'), "payload", pl.lit("}")
        )
        yield batch.select(message=text)["message"]


def _count_devices(readings: Readings) -> int:
    return len({readings.topics.device_and_key(*kind)[0] for kind in readings.topic_kinds})


ValueWriters = Mapping[type, Callable[[Any], str]]

_TEXTS = ("device_id", "property", "value", "unit")


def write_sensor_csv(readings: Readings, target: Target) -> None:
    """Write one row per value in the columns ``LONG_COLUMNS``; every cell that is not empty is quoted."""
    with open_target(target) as file:
        write_header((column.name for column in LONG_COLUMNS), file)
        for table in _value_rows(readings, VALUE_TEXT):
            write_rows(table, file)


def write_zigbee_parquet(readings: Readings, target: Target) -> None:
    """Write the rows and columns of ``zigbee-sensors.csv`` as Parquet, with the columns' types."""
    layout = zigbee_columns(readings)

    def batches() -> Iterator[pl.DataFrame]:
        for batch, payloads in iter_batches(readings):
            table = batch.select("timestamp", "topic", "device_id", *_cells(payloads, layout), "payload")
            yield table.select(parse_cell(column.name, column.type) for column in layout)

    write_parquet(batches(), layout, target)


def write_sensor_parquet(readings: Readings, target: Target) -> None:
    """Write the rows and columns of ``sensor_readings.csv`` as Parquet; values are text."""

    def batches() -> Iterator[pl.DataFrame]:
        for table in _value_rows(readings, VALUE_TEXT):
            yield table.with_columns(pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC"))

    write_parquet(batches(), LONG_COLUMNS, target)


def write_sensor_json(readings: Readings, target: Target, session_id: str) -> None:
    """Write ``{"sessionId", "readings": [{"timestamp", "device_id", "property", "value", "unit"}]}``, one per line."""
    with open_target(target) as file:
        file.write(b'{\n"sessionId": ' + msgspec.json.encode(json_id(session_id)) + b',\n"readings": [\n')
        write_lines((_objects(table) for table in _value_rows(readings, VALUE_JSON)), file)
        file.write(b"\n]\n}\n")


def _objects(table: pl.DataFrame) -> pl.Series:
    """Return the rows as JSON objects; all but the time are JSON already."""
    parts: list[pl.Expr] = [pl.lit('{"timestamp":"'), pl.col("timestamp"), pl.lit('"')]
    for name in _TEXTS:
        parts += [pl.lit(f',"{name}":'), pl.col(name)]
    return table.fill_null("null").select(object=pl.concat_str(*parts, pl.lit("}")))["object"]


def _value_rows(readings: Readings, writers: ValueWriters) -> Iterator[pl.DataFrame]:
    """Yield the rows as text, all but the time written by ``writers``; the unit is null if it is not known."""
    properties = _Properties(Units(readings.topics.devices), writers)
    owners: dict[bool, dict[str, tuple[str, str]]] = {True: {}, False: {}}
    for topic, known_as, whole in readings.topic_kinds:
        owners[whole][topic] = readings.topics.device_and_key(topic, known_as, whole)
    for batch, payloads in iter_batches(readings):
        rows: list[int] = []
        numbers: list[int] = []
        values: list[object] = []
        for row, (topic, payload) in enumerate(zip(batch["topic"], payloads, strict=True)):
            device, key = owners[isinstance(payload, dict)][topic]
            known = properties.numbers[device]
            for name, value in _values(payload, key):
                if value is not None:
                    rows.append(row)
                    numbers.append(known[name] if name in known else properties.add(device, name))
                    values.append(value)
        texts = pl.Series("value", [writers[type(value)](value) for value in values], dtype=pl.String)
        times = batch.select(iso_text("timestamp"))["timestamp"].gather(rows)
        described = properties.to_frame().select(pl.all().gather(pl.Series(numbers, dtype=pl.UInt32)))
        yield described.with_columns(times, texts).select("timestamp", *_TEXTS)


def _values(payload: object, key: str) -> Iterable[tuple[str, object]]:
    """Return a reading's properties and their values, none of them an object."""
    if not isinstance(payload, dict):
        return ((key or "value", payload),)
    if dict in map(type, payload.values()):
        return (pair for name, value in payload.items() for pair in _flatten(name, value))
    return payload.items()


def _flatten(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield a value's scalars and lists, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(f"{path}-{key}", inner)
    else:
        yield path, value


class _Properties:
    """Every property of every device so far; each has a number, by the device's name and its own."""

    def __init__(self, units: Units, writers: ValueWriters) -> None:
        self.numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._units, self._writers = units, writers
        self._described: list[tuple[str, str, str | None]] = []

    def add(self, device: str, name: str) -> int:
        """Add a property, and return its number."""
        unit, writers = self._units.unit_of(device, name), self._writers[str]
        self.numbers[device][name] = len(self._described)
        self._described.append((writers(device), writers(name), unit and writers(unit)))
        return self.numbers[device][name]

    def to_frame(self) -> pl.DataFrame:
        """Return the properties as text, by their numbers."""
        columns = dict.fromkeys(("device_id", "property", "unit"), pl.String)
        return pl.DataFrame(self._described, columns, orient="row")
