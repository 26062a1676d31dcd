"""The readings as ``sensor_readings``: one row per value, for those who want to plot one property of one device.

Nested values are flattened, their keys joined by ``-`` as Zigbee2MQTT's attribute output does; lists stay JSON. Null is
no value and has no row. A single value that came on ``BASE/NAME/KEY`` is property ``KEY`` of the device ``NAME``.
"""

from collections.abc import Callable, Iterator
from functools import cache

import msgspec
import polars as pl

from labcrate.readings.columns import LONG_COLUMNS
from labcrate.readings.payload import to_json, to_text
from labcrate.readings.slice import Readings
from labcrate.readings.timestamps import iso
from labcrate.readings.units import Units
from labcrate.readings.writing import Target, in_pieces, opened, write_header, write_lines, write_rows

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
    """The rows as text, everything but the time written by ``write``; the unit is null where it is not known."""
    rows = _Rows(readings, write)
    for piece, payloads in in_pieces(readings):
        for row, (own, payload) in enumerate(zip(piece["device_id"], payloads, strict=True)):
            rows.add(row, own, payload)
        yield rows.taken(piece.select(iso("timestamp"))["timestamp"])


class _Rows:
    """Gathers the rows of a piece: per value its reading's row, its property's number, and itself."""

    def __init__(self, readings: Readings, write: Callable[[object], str]) -> None:
        self._owner = cache(readings.topics.owner)
        self._units = Units(readings.topics.devices)
        self._write = write
        self._numbers: dict[tuple[str, str], int] = {}
        self._described: list[tuple[str, str, str | None]] = []
        self._rows: list[int] = []
        self._props: list[int] = []
        self._values: list[str] = []

    def add(self, row: int, own: str, payload: object) -> None:
        """Add the values of a reading, ``own`` being its topic without the base."""
        device, key = self._owner(own, isinstance(payload, dict))
        if isinstance(payload, dict):
            for name, value in payload.items():
                if isinstance(value, dict):
                    for path, inner in _flat(name, value):
                        self._add(row, device, path, inner)
                elif value is not None:
                    self._add(row, device, name, value)
        elif payload is not None:
            self._add(row, device, key or "value", payload)

    def _add(self, row: int, device: str, prop: str, value: object) -> None:
        number = self._numbers.get((device, prop))
        if number is None:
            number = self._numbers[device, prop] = len(self._described)
            unit = self._units.of(device, prop)
            self._described.append((self._write(device), self._write(prop), unit and self._write(unit)))
        self._rows.append(row)
        self._props.append(number)
        self._values.append(self._write(value))

    def taken(self, timestamps: pl.Series) -> pl.DataFrame:
        """The rows gathered since the last call."""
        described = pl.DataFrame(
            self._described, dict.fromkeys(("device_id", "property", "unit"), pl.String), orient="row"
        )
        rows, props = (pl.Series(numbers, dtype=pl.UInt32) for numbers in (self._rows, self._props))
        table = described[props].with_columns(
            timestamps.gather(rows), pl.Series("value", self._values, dtype=pl.String)
        )
        self._rows, self._props, self._values = [], [], []
        return table.select("timestamp", *_TEXTS)


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """A value's scalars and lists, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{path}-{key}", inner)
    elif value is not None:
        yield path, value
