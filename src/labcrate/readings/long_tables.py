"""The readings as ``sensor_readings``: one row per value, for those who want to plot one property of one device.

Nested values are flattened, their keys joined by ``-`` as Zigbee2MQTT's attribute output does; lists stay JSON. Null is
no value and has no row. A single value that came on ``BASE/NAME/KEY`` is property ``KEY`` of the device ``NAME``.
"""

from collections.abc import Callable, Iterator
from functools import cache

import msgspec
import polars as pl

from labcrate.readings.columns import Column
from labcrate.readings.payload import to_json, to_text
from labcrate.readings.slice import Readings
from labcrate.readings.timestamps import iso
from labcrate.readings.units import Units
from labcrate.readings.writing import Target, in_pieces, opened, write_header, write_lines, write_rows

LONG_COLUMNS = (
    Column("timestamp", "datetime", None, "When the message came: UTC, ISO 8601"),
    Column("device_id", "string", None, "The device"),
    Column("property", "string", None, "What is told of the device; the keys of nested values are joined by -"),
    Column("value", "string", None, "The value: a number, true or false, a text, or a list as JSON"),
    Column("unit", "string", None, "The value's unit, where it is certain"),
)
"""The columns of ``sensor_readings.csv``."""

_TEXTS = ("device_id", "property", "value", "unit")


def write_sensor_csv(readings: Readings, target: Target) -> None:
    """Write one row per value in the columns ``LONG_COLUMNS``; every cell is quoted."""
    with opened(target) as file:
        write_header((column.name for column in LONG_COLUMNS), file)
        for table in _long(readings, to_text):
            write_rows(table, file)


def write_sensor_json(readings: Readings, target: Target, session_id: int) -> None:
    """Write ``{"sessionId", "readings": [{"timestamp", "device_id", "property", "value", "unit"}]}``, one to a line."""
    with opened(target) as file:
        file.write(b'{\n"sessionId": ' + msgspec.json.encode(session_id) + b',\n"readings": [\n')
        write_lines((_objects(table) for table in _long(readings, to_json)), file)
        file.write(b"\n]\n}\n")


def _objects(table: pl.DataFrame) -> pl.Series:
    """The rows as JSON objects; all but the time are JSON already."""
    parts: list[pl.Expr] = [pl.lit('{"timestamp":"'), pl.col("timestamp"), pl.lit('"')]
    for name in _TEXTS:
        parts += [pl.lit(f',"{name}":'), pl.col(name)]
    return table.fill_null("null").select(object=pl.concat_str(*parts, pl.lit("}")))["object"]


def _long(readings: Readings, write: Callable[[object], str]) -> Iterator[pl.DataFrame]:
    """The rows as text, values written by ``write``, the unit null where it is not known."""
    owner = cache(readings.topics.owner)
    units = Units(readings.topics.devices)

    @cache
    def described(device: str, prop: str) -> tuple[str, str, str | None]:
        unit = units.of(device, prop)
        return write(device), write(prop), None if unit is None else write(unit)

    for piece, payloads in in_pieces(readings):
        rows: list[int] = []
        texts: tuple[list[str | None], ...] = tuple([] for _ in _TEXTS)
        for row, (own, payload) in enumerate(zip(piece["device_id"], payloads, strict=True)):
            device, key = owner(own, isinstance(payload, dict))
            for prop, value in _flat(key, payload):
                name, described_prop, unit = described(device, prop or "value")
                rows.append(row)
                for column, text in zip(texts, (name, described_prop, write(value), unit), strict=True):
                    column.append(text)
        table = piece.select(iso("timestamp"))[rows] if rows else piece.clear().select(iso("timestamp"))
        yield table.with_columns(
            pl.Series(name, column, dtype=pl.String) for name, column in zip(_TEXTS, texts, strict=True)
        )


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """A value's scalars and lists, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{path}-{key}" if path else str(key), inner)
    elif value is not None:
        yield path, value
