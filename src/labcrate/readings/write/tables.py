"""Writing the tables of the readings: the two unified files, and one row per value as CSV and JSON; also as Parquet.

All are written batch by batch, and the same readings give the same bytes. Values are exact: a text that a spreadsheet
would interpret as a formula is unchanged.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import IO

import msgspec
import polars as pl

from labcrate.model.session import json_id
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.timestamps import iso_text
from labcrate.readings.values.decode import DecodedBatch, Decoder
from labcrate.readings.write.by_topic import ByTopicFile
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.long import LongRows, typed_rows
from labcrate.readings.write.parquet import parse_cell, write_parquet
from labcrate.readings.write.table_output import Target, open_target, write_header, write_rows
from labcrate.readings.write.wide import wide_cells

# Lines of text are many times larger than what they are made from.
_LINES_AT_ONCE = 65_536
# Joining texts uses one core; the tables are independent of each other.
_THREADS = 2


@dataclass(frozen=True, slots=True)
class TextTables:
    """Where to write each of the tables that are text; None for one that is not written."""

    zigbee_json: Target | None = None
    zigbee_csv: Target | None = None
    sensor_json: Target | None = None
    sensor_csv: Target | None = None


def write_text_tables(readings: Readings, session_id: str, targets: TextTables) -> None:
    """Write tables, all in one pass, as their values are then decoded only once.

    - ``zigbee_json``: ``messages`` by topic, each topic's in time order and one per line; the topics are sorted.
    - ``zigbee_csv``: one row per reading in the columns of `columns.zigbee_columns`. Numbers are as in the source,
      booleans are ``true`` and ``false``, null is an empty cell; every cell that is not empty is quoted.
    - ``sensor_csv``: one row per value in the columns ``LONG_COLUMNS``; every cell that is not empty is quoted.
    - ``sensor_json``: ``{"sessionId", "readings": [{"timestamp", "device_id", "property", "value", "unit", "kind",
      "changed"}]}``, one per line.
    """
    with ExitStack() as stack:

        def opened(target: Target | None) -> IO[bytes] | None:
            return None if target is None else stack.enter_context(open_target(target))

        by_topic, by_row = opened(targets.zigbee_json), opened(targets.zigbee_csv)
        objects, lines = opened(targets.sensor_json), opened(targets.sensor_csv)
        messages = ByTopicFile(readings, by_topic) if by_topic else None
        wide = _WideCsv(readings, session_id, by_row) if by_row else None
        long = _LongTables(readings, session_id, objects, lines) if objects or lines else None
        decoder = Decoder()
        threads = stack.enter_context(ThreadPoolExecutor(_THREADS))
        begun: list[Future[None]] = []
        for batch in readings.batches():
            writers: list[Callable[[], None]] = [partial(messages.add, batch)] if messages else []
            if wide or long:
                decoded = decoder.decode(batch)
                writers += [partial(wide.add, decoded)] if wide else []
                writers += [partial(write, rows) for rows, write in long.jobs(decoded)] if long else []
            # A batch is decoded while the one before is written; each file gets its batches in order.
            _wait_for(begun)
            begun = [threads.submit(write) for write in writers]
        _wait_for(begun)
        if messages:
            messages.finish()
        if long:
            long.finish()


def _wait_for(jobs: Iterable[Future[None]]) -> None:
    for job in jobs:
        job.result()


class _WideCsv:
    """``zigbee-sensors.csv`` while it is written."""

    def __init__(self, readings: Readings, session_id: str, file: IO[bytes]) -> None:
        self._layout, self._session, self._file = zigbee_columns(readings), session_id, file
        write_header((column.name for column in self._layout), file)

    def add(self, decoded: DecodedBatch) -> None:
        rows = _wide_rows(decoded, self._layout, self._session)
        write_rows(rows.with_columns(iso_text("timestamp")), self._file)


def _wide_rows(decoded: DecodedBatch, layout: Sequence[Column], session_id: str) -> pl.DataFrame:
    batch, cells = decoded.batch, wide_cells(decoded, layout)
    before = batch.select("timestamp", "topic", "device_id")
    after = batch.select("payload").with_columns(session=pl.lit(session_id))
    return pl.concat([before, cells, after], how="horizontal")


class _LongTables:
    """``sensor_readings`` as JSON, CSV or both while they are written."""

    def __init__(self, readings: Readings, session_id: str, objects: IO[bytes] | None, lines: IO[bytes] | None) -> None:
        self._rows = LongRows(readings, session_id)
        self._objects, self._lines = objects, lines
        self._between = b""
        if lines:
            write_header((column.name for column in LONG_COLUMNS), lines)
        if objects:
            objects.write(b'{\n"sessionId": ' + msgspec.json.encode(json_id(session_id)) + b',\n"readings": [\n')

    def jobs(self, decoded: DecodedBatch) -> Iterator[tuple[pl.DataFrame, Callable[[pl.DataFrame], None]]]:
        """Yield what is to be done for a batch: the functions that write its rows, one for each file."""
        rows = self._rows.next(decoded)
        if self._lines:
            yield rows, partial(self._write_lines, self._lines)
        if self._objects:
            yield rows, partial(self._write_objects, self._objects)

    def _write_lines(self, file: IO[bytes], rows: pl.DataFrame) -> None:
        for part in rows.iter_slices(_LINES_AT_ONCE):
            file.write(_join(self._rows.csv_lines(part), "\n"))

    def _write_objects(self, file: IO[bytes], rows: pl.DataFrame) -> None:
        for part in rows.iter_slices(_LINES_AT_ONCE):
            file.write(self._between)
            self._between = b",\n"
            file.write(_join(self._rows.json_objects(part), ",\n")[:-2])

    def finish(self) -> None:
        if self._objects:
            self._objects.write(b"\n]\n}\n")


def _join(lines: pl.Series, end: str) -> memoryview:
    """Return the lines, each with its end."""
    text = io.BytesIO()
    # Writing a table of one column without quotes is the fastest way to join them.
    lines.to_frame().write_csv(text, include_header=False, quote_style="never", line_terminator=end)
    return text.getbuffer()


def write_zigbee_parquet(readings: Readings, target: Target, session_id: str) -> None:
    """Write the rows and columns of ``zigbee-sensors.csv`` as Parquet, with the columns' types."""
    layout = zigbee_columns(readings)

    def batches() -> Iterator[pl.DataFrame]:
        decoder = Decoder()
        for batch in readings.batches():
            rows = _wide_rows(decoder.decode(batch), layout, session_id)
            yield rows.select(parse_cell(column.name, column.type) for column in layout)

    write_parquet(batches(), layout, target)


def write_sensor_parquet(readings: Readings, target: Target, session_id: str) -> None:
    """Write the rows and columns of ``sensor_readings.csv`` as Parquet; values are text."""
    write_parquet(typed_rows(readings, session_id), LONG_COLUMNS, target)


def write_zigbee_json(readings: Readings, target: Target) -> None:
    """Write the messages by topic; see `write_text_tables`."""
    write_text_tables(readings, "", TextTables(zigbee_json=target))


def write_zigbee_csv(readings: Readings, target: Target, session_id: str) -> None:
    """Write one row per reading; see `write_text_tables`."""
    write_text_tables(readings, session_id, TextTables(zigbee_csv=target))


def write_sensor_json(readings: Readings, target: Target, session_id: str) -> None:
    """Write one object per value; see `write_text_tables`."""
    write_text_tables(readings, session_id, TextTables(sensor_json=target))


def write_sensor_csv(readings: Readings, target: Target, session_id: str) -> None:
    """Write one row per value; see `write_text_tables`."""
    write_text_tables(readings, session_id, TextTables(sensor_csv=target))
