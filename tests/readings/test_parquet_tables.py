"""Parquet tables have the rows, columns and values of the CSV of the same name."""

import io
from collections.abc import Callable
from typing import IO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.readings.test_columns_and_loop import messages, readings_of

from labcrate.readings.load.slice import Readings
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.table_output import write_header
from labcrate.readings.write.table_writers import table_writers

Write = Callable[[IO[bytes]], object]


def written(write: Write) -> bytes:
    """Return what a writer writes."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def typed(cells: pl.Series, column: Column) -> pl.Series:
    """Return the cells of a CSV with the type of their column; an empty text stays a text."""
    match column.type:
        case "datetime":
            return cells.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
        case "number":
            return pl.Series(column.name, [None if one is None else float(one) for one in cells], pl.Float64)
        case "boolean":
            return pl.Series(column.name, [None if one is None else one == "true" for one in cells], pl.Boolean)
    return cells


def of_csv(data: bytes, columns: tuple[Column, ...]) -> pl.DataFrame:
    """Return a CSV with the types of its columns."""
    names = [column.name for column in columns]
    header = io.BytesIO()
    write_header(names, header)
    assert data.startswith(header.getvalue())
    rows = data.removeprefix(header.getvalue())
    texts = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    if rows:
        texts = pl.read_csv(rows, has_header=False, infer_schema=False)
        texts.columns = names
    return pl.DataFrame([typed(texts[column.name], column) for column in columns])


@given(messages, st.integers(1, 20))
def test_parquet_is_the_csv_with_types(sent: list[tuple[str, int, str]], size: int) -> None:
    """For any messages in batches of any size: no value is another, null or text where it was not in the CSV."""
    readings = readings_of(sent, size)
    write = table_writers(readings, "42")
    for csv, parquet, columns in (
        (write.zigbee_csv, write.zigbee_parquet, zigbee_columns(readings)),
        (write.sensor_csv, write.sensor_parquet, LONG_COLUMNS),
    ):
        found = pl.read_parquet(io.BytesIO(written(parquet)))
        assert_frame_equal(found, of_csv(written(csv), columns), check_exact=True)


@given(messages, st.integers(1, 20))
def test_batches_do_not_show_in_the_bytes(sent: list[tuple[str, int, str]], size: int) -> None:
    """The same rows give the same file, however they are cut."""
    one, other = (table_writers(readings_of(sent, rows), "42") for rows in (size, 1000))
    assert written(one.zigbee_parquet) == written(other.zigbee_parquet)
    assert written(one.sensor_parquet) == written(other.sensor_parquet)


@pytest.mark.parametrize("name", ["zigbee_parquet", "sensor_parquet"])
def test_tables_are_compressed_with_zstd(name: str) -> None:
    """A thousand equal readings need a small part of the CSV's bytes."""
    readings = readings_of([("lamp", 1, '{"temperature":21.5,"state":"ON"}')] * 1000)
    data = written(getattr(table_writers(readings, "42"), name))
    assert data[:4] == data[-4:] == b"PAR1"
    assert len(data) * 10 < len(written(getattr(table_writers(readings, "42"), name.replace("parquet", "csv"))))


def test_no_reading_is_an_empty_table_with_the_same_columns() -> None:
    """Their types too, so that tables of several sessions can be joined."""
    write = table_writers(Readings(), "42")
    for parquet, columns in ((write.zigbee_parquet, zigbee_columns(Readings())), (write.sensor_parquet, LONG_COLUMNS)):
        empty = pl.read_parquet(io.BytesIO(written(parquet)))
        assert (empty.height, empty.columns) == (0, [column.name for column in columns])
        assert empty.schema["timestamp"] == pl.Datetime("us", "UTC")
