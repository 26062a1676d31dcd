"""The tables of a session's readings, each as a function that writes it.

A session without readings has its tables as well. Their content is here, so that Polars, which takes longer to import
than the rest of a small export, is not imported for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal

import msgspec

from labcrate.model.session import json_id
from labcrate.readings.load.slice import Readings
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.table_output import write_header

TableWriter = Callable[[IO[bytes]], object]

TextTable = Literal["zigbee_json", "zigbee_csv", "sensor_json", "sensor_csv"]


@dataclass(frozen=True, slots=True)
class TableWriters:
    """The functions that write each table into an open file."""

    zigbee_json: TableWriter
    zigbee_csv: TableWriter
    sensor_json: TableWriter
    sensor_csv: TableWriter
    zigbee_parquet: TableWriter
    sensor_parquet: TableWriter


def table_writers(readings: Readings, session_id: str) -> TableWriters:
    """Return the writers of a session's tables; those for no readings write the same bytes as `tables`."""
    if not len(readings):
        return TableWriters(
            _write_no_messages,
            partial(_write_header_only, zigbee_columns(readings)),
            partial(_write_no_values, session_id),
            partial(_write_header_only, LONG_COLUMNS),
            partial(_write_zigbee_parquet, readings, session_id),
            partial(_write_sensor_parquet, readings, session_id),
        )
    from labcrate.readings.write import tables  # noqa: PLC0415

    return TableWriters(
        partial(tables.write_zigbee_json, readings),
        partial(tables.write_zigbee_csv, readings, session_id=session_id),
        partial(tables.write_sensor_json, readings, session_id=session_id),
        partial(tables.write_sensor_csv, readings, session_id=session_id),
        partial(_write_zigbee_parquet, readings, session_id),
        partial(_write_sensor_parquet, readings, session_id),
    )


def write_text(readings: Readings, session_id: str, names: Sequence[TextTable], files: Sequence[IO[bytes]]) -> None:
    """Write some of the tables that are text, each into its file, all in one pass over the readings."""
    if len(readings):
        from labcrate.readings.write.tables import TextTables, write_text_tables  # noqa: PLC0415

        write_text_tables(readings, session_id, TextTables(**dict(zip(names, files, strict=True))))
        return
    writers = table_writers(readings, session_id)
    for name, file in zip(names, files, strict=True):
        getattr(writers, name)(file)


def _write_zigbee_parquet(readings: Readings, session_id: str, file: IO[bytes]) -> None:
    from labcrate.readings.write.tables import write_zigbee_parquet  # noqa: PLC0415

    write_zigbee_parquet(readings, file, session_id)


def _write_sensor_parquet(readings: Readings, session_id: str, file: IO[bytes]) -> None:
    from labcrate.readings.write.tables import write_sensor_parquet  # noqa: PLC0415

    write_sensor_parquet(readings, file, session_id)


def _write_header_only(layout: tuple[Column, ...], file: IO[bytes]) -> None:
    write_header((column.name for column in layout), file)


def _write_no_messages(file: IO[bytes]) -> None:
    file.write(b'{\n"messages": {\n},\n"topics":[],"deviceCount":0,"lastUpdated":null}\n')


def _write_no_values(session_id: str, file: IO[bytes]) -> None:
    file.write(b'{\n"sessionId": ' + msgspec.json.encode(json_id(session_id)) + b',\n"readings": [\n\n]\n}\n')
