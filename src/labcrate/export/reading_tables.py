"""The tables that an archive has of the readings, as the options choose them."""

from collections.abc import Iterator
from typing import NamedTuple

from labcrate.messages.message import Message
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import describe_readings
from labcrate.readings.load.slice import Readings
from labcrate.readings.write.columns import LONG_COLUMNS, Column, zigbee_columns
from labcrate.readings.write.table_writers import TableWriter, TextTable, table_writers

Columns = tuple[Column, ...]

TABLE_NAMES = (
    names.ZIGBEE_JSON,
    names.ZIGBEE_CSV,
    names.ZIGBEE_PARQUET,
    names.SENSOR_JSON,
    names.SENSOR_CSV,
    names.SENSOR_PARQUET,
)
"""The names of all tables that can be made from the readings."""


class ReadingTable(NamedTuple):
    """A table that is made from the readings; one in JSON has no columns. ``text`` is its name for `write_text`."""

    name: str
    description: Message
    writer: TableWriter
    columns: Columns = ()
    text: TextTable | None = None


def reading_tables(plan: Plan) -> Iterator[ReadingTable]:
    """Yield the tables that a plan chooses, in the order in which other documents list them."""
    left_out = {table.member for table in plan.options.without_tables}
    for table in (*_usual_tables(plan), *(_parquet_tables(plan) if plan.options.has_parquet else ())):
        if table.name not in left_out:
            yield table


def _usual_tables(plan: Plan) -> Iterator[ReadingTable]:
    write, about = table_writers(plan.readings, plan.session.id), describe_readings(plan)
    by_topic, by_row = Message("document.zigbee_json", readings=about), Message("document.zigbee_csv", readings=about)
    yield ReadingTable(names.ZIGBEE_JSON, by_topic, write.zigbee_json, text="zigbee_json")
    yield ReadingTable(names.ZIGBEE_CSV, by_row, write.zigbee_csv, zigbee_columns(plan.readings), "zigbee_csv")
    yield ReadingTable(names.SENSOR_JSON, Message("document.sensor_json"), write.sensor_json, text="sensor_json")
    yield ReadingTable(names.SENSOR_CSV, Message("document.sensor_csv"), write.sensor_csv, LONG_COLUMNS, "sensor_csv")


def _parquet_tables(plan: Plan) -> Iterator[ReadingTable]:
    write, by_value = table_writers(plan.readings, plan.session.id), Message("document.sensor_parquet")
    by_row = Message("document.zigbee_parquet", readings=describe_readings(plan))
    yield ReadingTable(names.ZIGBEE_PARQUET, by_row, write.zigbee_parquet, zigbee_columns(plan.readings))
    yield ReadingTable(names.SENSOR_PARQUET, by_value, write.sensor_parquet, LONG_COLUMNS)


def message_texts(readings: Readings) -> Iterator[bytes]:
    """Yield the text of the messages, with their topics and devices, to be searched for secrets."""
    if len(readings):
        for batch in readings.batches():
            for column in ("topic", "device_id", "payload"):
                yield "\n".join((*batch[column].drop_nulls(), "")).encode()
