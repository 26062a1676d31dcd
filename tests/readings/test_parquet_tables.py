"""Tables as Parquet: the rows and columns of the CSV with their types, the same bytes each time."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.store.load import load_readings
from labcrate.readings.write.columns import Column
from labcrate.readings.write.parquet import write_parquet
from labcrate.readings.write.table_writers import table_writers

MESSAGES = (
    '{"messages": {"zigbee2mqtt/a": ['
    '{"timestamp": "2025-05-02T12:00:00Z", "payload": {"temperature": 21.50, "contact": true, "state": "ON"}},'
    '{"timestamp": "2025-05-02T12:00:01.000001Z", "payload": {"temperature": "n/a", "contact": false, "x": ""}},'
    '{"timestamp": "2025-05-02T12:00:02Z", "payload": {"temperature": 1e3, "action": "on"}}]}}'
)
COLUMNS = (
    Column("number", "number", None, Message("readings.column.value")),
    Column("text", "string", None, Message("readings.column.value")),
)


def written(name: str) -> pl.DataFrame:
    """Return a table of the messages, as it is read from Parquet."""
    readings = load_readings(io.BytesIO(MESSAGES.encode()), None, TimeSpan())
    file = io.BytesIO()
    getattr(table_writers(readings, "42"), name)(file)
    return pl.read_parquet(file.getvalue())


def test_the_wide_table_has_typed_columns() -> None:
    """Times, numbers and booleans have their types; what is no number is beside; an empty text is no null."""
    table = written("zigbee_parquet")
    assert table.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert table["timestamp"].dt.microsecond().to_list() == [0, 1, 0]
    assert table["temperature"].to_list() == [21.5, None, 1000.0]
    assert table["temperature_text"].to_list() == [None, "n/a", None]
    assert table["contact"].to_list() == [True, False, None]
    assert table["x"].to_list() == [None, "", None]
    assert table["session"].to_list() == ["42"] * 3


def test_the_long_table_has_its_values_as_text() -> None:
    """Values are the source's own text, changed is a boolean, the unit of a text is null."""
    table = written("sensor_parquet")
    rows = table.filter(pl.col("property").is_in(["temperature", "action"])).drop("timestamp", "device_id", "session")
    assert rows.rows() == [
        ("temperature", "21.50", "°C", "state", None),
        ("temperature", "n/a", "°C", "state", True),
        ("temperature", "1e3", "°C", "state", True),
        ("action", "on", None, "event", None),
    ]


def batches(rows: int) -> Iterator[pl.DataFrame]:
    """Return the same 100,000 rows in batches of that size."""
    numbers = pl.int_range(100_000, eager=True)
    yield from pl.DataFrame({"number": numbers / 7, "text": (numbers % 97).cast(pl.String)}).iter_slices(rows)


def digest(rows: int) -> str:
    """Return the hash of the file that is written from batches of that size."""
    file = io.BytesIO()
    write_parquet(batches(rows), COLUMNS, file)
    return hashlib.sha256(file.getvalue()).hexdigest()


def test_the_bytes_do_not_depend_on_the_batches() -> None:
    """Rows that come in other pieces give the same file."""
    assert digest(100_000) == digest(65_536) == digest(3_001)


@pytest.mark.thorough
def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    """One thread and four write the same file."""
    module = Path(__file__)
    program = (
        f"import sys; sys.path.insert(0, {str(module.parent)!r}); import {module.stem} as t; print(t.digest(20_000))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    }
    assert found == {digest(20_000) + "\n"}
