"""Tables written from columns are, byte for byte, those that a plain loop over the decoded messages writes."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labcrate.model.device import Device
from labcrate.model.timespan import format_instant
from labcrate.readings.load.payload import Number, compact
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.timestamps import FRAME, iso_text
from labcrate.readings.load.topics import Topics
from labcrate.readings.property_types import PropertyTypes, ValueKind, fits, is_exact_float
from labcrate.readings.units import Units
from labcrate.readings.write.columns import Column, columns_of, zigbee_columns
from labcrate.readings.write.sizes import summary_key_kinds, table_sizes
from labcrate.readings.write.summary import TableSummary, merge, select, summarise
from labcrate.readings.write.tables import TextTables, write_sensor_parquet, write_text_tables, write_zigbee_parquet

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
SESSION = 'P07 "morning"'
KEYS = [
    "temperature",
    "state",
    "occupancy",
    "motion",
    "battery",
    "n",
    "n_text",
    "action",
    "a,",
    "topic",
    "",
    "é",
    "x-y",
    "x",
]

numbers = st.sampled_from(
    [
        "0",
        "-0",
        "-0.0",
        "7",
        "21.50",
        "1e3",
        "1E-7",
        "0.1000000000000000055",
        "1e999",
        "9223372036854775809",
        "123456789012345",
        "1234567890123456",
        "21.799999999999997",
        "-5",
        "12345678901234567890123",
        "2.0",
    ]
) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
texts = st.sampled_from(
    ["ON", "", ",", "a,", ",a", ":x", '"', "\\", "null", "}", "[", "{", 'a","b', "é\n", "=1+1", "'"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def escaped(text: str) -> st.SearchStrategy[str]:
    """Return the ways to write a text as JSON: as it is, or every letter as an escape."""
    return st.sampled_from(
        [json.dumps(text, ensure_ascii=False), json.dumps(text), f'"{"".join(map(as_escape, text))}"']
    )


def as_escape(letter: str) -> str:
    """Return the escape of a letter, in two parts where necessary."""
    if ord(letter) < 0x10000:
        return f"\\u{ord(letter):04x}"
    return json.dumps(letter)[1:-1]


strings = texts.flatmap(escaped)
scalars = numbers | strings | st.sampled_from(["true", "false", "null"])


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return JSON objects, also with a key twice."""
    keys = st.sampled_from(KEYS).map(json.dumps) | strings
    pairs = st.lists(st.tuples(keys, values).map(":".join), max_size=6)
    return pairs.map(lambda each: "{" + ",".join(each) + "}")


values = st.recursive(
    scalars,
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]"),
    max_leaves=5,
)
payloads = st.one_of(objects(scalars), objects(values), scalars, values)
ALIKE = st.tuples(numbers, numbers, st.sampled_from(["true", "false"]), strings).map(
    lambda one: f'{{"temperature":{one[0]},"color":{{"x":{one[1]},"y":2}},"occupancy":{one[2]},"state":{one[3]}}}'
)
messages = st.lists(
    st.tuples(st.sampled_from(["lamp", "hall/door", "lamp/state", "0x1"]), st.integers(0, 3), payloads | ALIKE),
    max_size=40,
)
DEFINITION = {"exposes": [{"type": "numeric", "property": "n", "unit": "mV"}]}
DEVICES = (Device("0x2", "lamp", extra={"definition": DEFINITION}), Device("0x3", "hall/door"))


class SlicedReadings(Readings):
    """Readings whose batches have a few rows, cut anywhere between two instants."""

    size = 7

    def __len__(self) -> int:
        return self.frame.height

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield some rows at a time."""
        start, times = 0, self.frame["timestamp"]
        while start < len(times):
            end = int(times.search_sorted(times[min(start + self.size, len(times)) - 1], side="right"))
            yield self.frame[start:end]
            start = end

    @property
    def last(self) -> datetime | None:
        """Return the time of the last reading."""
        return self.frame["timestamp"].max()  # type: ignore[return-value]

    @property
    def topic_kinds(self) -> list[tuple[str, str, bool]]:
        """Return every topic with its device, and whether its messages are whole."""
        whole = pl.col("payload").str.starts_with("{")
        return self.frame.select("topic", "device_id", whole).unique().sort(pl.all()).rows()


def readings_of(sent: list[tuple[str, int, str]], size: int = 7) -> Readings:
    """Return readings of the messages (device, microseconds after the one before, payload)."""
    rows, time = [], START
    for topic, later, payload in sent:
        time += timedelta(microseconds=later * 500)
        rows.append((time, f"zigbee2mqtt/{topic}", "lamp" if topic == "0x1" else topic, compact(payload)))
    frame = pl.DataFrame(rows, FRAME, orient="row").sort("timestamp", "topic", "payload")
    found = SlicedReadings(topics=Topics(devices=DEVICES))
    vars(found).update(frame=frame, size=size)
    return found


def loaded(payload: str) -> Any:
    """Return the value of a payload, with the texts of numbers."""
    return json.loads(payload, parse_int=Number, parse_float=Number)


def cell(value: Any) -> str:
    """Return a value as the text of a cell."""
    return str(value) if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """Return a value as JSON."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{as_json(key)}:{as_json(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    if isinstance(value, str):
        return plain_json(value)
    return json.dumps(value)


def plain_json(text: str) -> str:
    """Return a text as JSON that escapes only what it must."""
    return json.dumps(text, ensure_ascii=False)


def scalars_of(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values in a value that are neither null nor objects, with their joined keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from scalars_of((*path, key), inner)
    elif value is not None:
        yield "-".join(path), value


def kind_of(value: Any) -> ValueKind | None:
    """Return the kind of a scalar."""
    match value:
        case bool():
            return "boolean"
        case Number():
            return "number" if is_exact_float(value) else "long number"
        case str():
            return "string"
    return None


def long_by_loop(readings: Readings) -> list[list[str | None]]:
    """Return the rows of the long table: time, device, property, JSON, cell, unit, kind, changed."""
    rows: list[list[str | None]] = []
    before: dict[tuple[str, str], str] = {}
    units = Units(DEVICES)
    for time, topic, device_id, payload in readings.frame.iter_rows():
        value = loaded(payload)
        device, key = readings.topics.device_and_key(topic, device_id, isinstance(value, dict))
        for name, one in scalars_of(() if isinstance(value, dict) else (key or "value",), value):
            text, last = as_json(one), before.get((device, name))
            changed = None if last is None else json.dumps(text != last)
            before[device, name] = text
            kind = "event" if name == "action" or name.startswith(("action_", "action-")) else "state"
            rows.append(
                [format_instant(time), device, name, text, cell(one), units.unit_of(device, name), kind, changed]
            )
    return rows


def wide_by_loop(readings: Readings) -> list[list[str | None]]:
    """Return the rows of the wide table."""
    layout, types = zigbee_columns(readings), PropertyTypes(DEVICES)
    typed = {column.key: column for column in layout if column.key is not None and not column.beside}
    beside = {column.key: column.name for column in layout if column.beside}
    rows = []
    for time, topic, device_id, payload in readings.frame.iter_rows():
        row: dict[str, str | None] = dict.fromkeys(column.name for column in layout)
        row |= {
            "timestamp": format_instant(time),
            "topic": topic,
            "device_id": device_id,
            "payload": payload,
            "session": SESSION,
        }
        value = loaded(payload)
        for key, one in value.items() if isinstance(value, dict) else ():
            if (kind := kind_of(one)) is None or (key == "motion" and kind == "boolean"):
                continue
            if key != "motion" and fits(kind, typed[key].type):
                row[typed[key].name] = cell(one)
            else:
                row[beside[key]] = cell(one)
        if isinstance(value, dict):
            found = [value[key] for key in ("motion", "occupancy") if isinstance(value.get(key), bool)]
            row["motion"] = cell(found[0]) if found else None
        rows.append(list(row.values()))
    for column in typed.values():
        kinds = {
            kind
            for v in map(loaded, readings.frame["payload"])
            if isinstance(v, dict) and (kind := kind_of(v.get(column.key)))
        }
        assert column.type == types.type_of(column.key or "", kinds)
    return rows


def lines(header: list[str], rows: list[list[str | None]]) -> str:
    """Return a CSV whose cells are quoted unless they are null."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(header)
    for row in rows:
        quoted = ("" if one is None else '"' + one.replace('"', '""') + '"' for one in row)
        text.write(",".join(quoted) + "\n")
    return text.getvalue()


def json_by_topic(readings: Readings) -> str:
    """Return the unified JSON."""
    topics: dict[str, list[str]] = {}
    for time, topic, _, payload in readings.frame.iter_rows():
        topics.setdefault(topic, []).append(f'{{"timestamp":"{format_instant(time)}","payload":{payload}}}')
    parts = [f"\n{json.dumps(topic)}: [\n" + ",\n".join(each) + "\n]" for topic, each in sorted(topics.items())]
    devices = {readings.topics.device_and_key(*kind)[0] for kind in readings.topic_kinds}
    last = f'"{format_instant(readings.last)}"' if readings.last else "null"
    names = json.dumps(sorted(topics), separators=(",", ":"))
    end = f'"topics":{names},"deviceCount":{len(devices)},"lastUpdated":{last}}}\n'
    return '{\n"messages": {' + ",".join(parts) + "\n},\n" + end


HARD = [
    ("lamp", 1, '{"state":"x","n":1}'),
    ("lamp", 1, '{"state":"x,","n":1}'),
    ("lamp", 1, '{"n":-0,"l":[1]}'),
    ("lamp", 1, '{"n":1,"x":2,"n":3}'),
    ("lamp", 1, '{"x":{"n":1},"n":2,"x":{"y":3}}'),
    ("lamp", 1, '{"x":{"y":1},"x-y":1}'),
    ("lamp", 1, '{"n":1234567890123456789,"temperature":0.1000000000000000055}'),
    ("lamp/state", 1, "-0"),
    ("lamp/state", 1, "1e999"),
]


@settings(deadline=None)
@given(messages, st.integers(1, 20))
@example(HARD, 3)
def test_tables_from_columns_are_those_of_a_loop(sent: list[tuple[str, int, str]], size: int) -> None:
    """For any messages, in batches of any size, all four tables are those that are made value by value."""
    readings = readings_of(sent, size)
    files = [io.BytesIO() for _ in range(4)]
    write_text_tables(readings, SESSION, TextTables(*files))
    by_topic, wide, objects_, long = (file.getvalue().decode() for file in files)
    assert by_topic == json_by_topic(readings)
    assert wide == lines([column.name for column in zigbee_columns(readings)], wide_by_loop(readings))
    rows = long_by_loop(readings)
    header = ["timestamp", "device_id", "property", "value", "unit", "kind", "changed", "session"]
    assert long == lines(header, [[*row[:3], *row[4:], SESSION] for row in rows])
    expected = ",\n".join(
        f'{{"timestamp":"{time}","device_id":{plain_json(device or "")},'
        f'"property":{plain_json(name or "")},"value":{value},'
        f'"unit":{plain_json(unit) if unit else "null"},"kind":"{kind}","changed":{changed or "null"}}}'
        for time, device, name, value, _, unit, kind, changed in rows
    )
    assert objects_ == f'{{\n"sessionId": {plain_json(SESSION)},\n"readings": [\n{expected}\n]\n}}\n'


@settings(deadline=None)
@given(messages, st.integers(1, 20))
def test_sizes_from_summaries_are_those_of_the_tables(sent: list[tuple[str, int, str]], size: int) -> None:
    """Summaries of batches of any size, stored and merged, give the exact bytes and columns of the tables."""
    readings = readings_of(sent, size)
    files = [io.BytesIO() for _ in range(4)]
    write_text_tables(readings, SESSION, TextTables(*files))
    stored = [summarise(batch, readings.topics).encode() for batch in readings.batches()]
    summary = merge(map(TableSummary.decode, stored))
    sizes = table_sizes(summary, readings.topics, SESSION)
    assert [sizes.zigbee_json, sizes.zigbee_csv, sizes.sensor_json, sizes.sensor_csv] == [
        len(file.getvalue()) for file in files
    ]
    assert columns_of(summary_key_kinds(summary), DEVICES) == zigbee_columns(readings)


@settings(deadline=None)
@given(messages, st.sets(st.sampled_from(["lamp", "hall/door", "lamp/state", "0x1"])))
def test_a_summary_of_some_topics_is_that_of_their_readings(sent: list[tuple[str, int, str]], chosen: set[str]) -> None:
    """Where the summary of a choice is known, it gives the sizes of the tables of that choice alone."""
    readings, some = readings_of(sent), readings_of([one for one in sent if one[0] in chosen])
    # The messages of a choice have the same times as among all.
    vars(some)["frame"] = readings.frame.filter(pl.col("topic").is_in([f"zigbee2mqtt/{one}" for one in chosen]))
    kinds = {(topic, whole) for topic, _, whole in some.topic_kinds}
    summary = select(merge(summarise(batch, readings.topics) for batch in readings.batches()), kinds)
    if summary is not None:
        file = io.BytesIO()
        write_text_tables(some, SESSION, TextTables(sensor_json=file))
        assert table_sizes(summary, readings.topics, SESSION).sensor_json == len(file.getvalue())


def typed(column: Column, text: str | None) -> object:
    """Return a cell in the type of its column."""
    if text is None or column.type in ("string", "datetime"):
        return text
    return float(text) if column.type == "number" else text == "true"


@settings(deadline=None, max_examples=30)
@given(messages, st.integers(1, 20))
def test_parquet_has_the_cells_of_the_csv_in_their_types(sent: list[tuple[str, int, str]], size: int) -> None:
    """For any messages, both tables have the same rows as the text of a loop."""
    readings = readings_of(sent, size)
    wide, long = io.BytesIO(), io.BytesIO()
    write_zigbee_parquet(readings, wide, SESSION)
    write_sensor_parquet(readings, long, SESSION)
    layout = zigbee_columns(readings)
    rows = pl.read_parquet(wide.getvalue()).with_columns(iso_text("timestamp")).rows()
    expected = [
        [typed(column, text) for column, text in zip(layout, row, strict=True)] for row in wide_by_loop(readings)
    ]
    assert [list(row) for row in rows] == expected
    values = pl.read_parquet(long.getvalue()).with_columns(iso_text("timestamp"), pl.col("changed").cast(pl.String))
    assert [list(row) for row in values.rows()] == [[*row[:3], *row[4:], SESSION] for row in long_by_loop(readings)]
