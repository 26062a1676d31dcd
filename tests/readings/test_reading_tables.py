"""The tables of readings: columns, types, units, and exact values."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from frictionless import Resource, Schema

from labcrate.model.device import Device
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings
from labcrate.readings.write.columns import zigbee_columns
from labcrate.readings.write.tables import write_sensor_csv, write_sensor_json, write_zigbee_csv, write_zigbee_json

FIXED = [
    "timestamp",
    "topic",
    "device_id",
    "temperature",
    "humidity",
    "motion",
    "battery",
    "linkquality",
    "payload",
    "session",
]


def readings_of(*sent: tuple[str, str], devices: tuple[Device, ...] = ()) -> Readings:
    """Return readings a second apart, each a device and a payload as JSON text."""
    by_topic: dict[str, list[str]] = {}
    for second, (own, payload) in enumerate(sent):
        message = f'{{"timestamp": "2025-05-02T12:00:{second:02}Z", "payload": {payload}}}'
        by_topic.setdefault(f"zigbee2mqtt/{own}", []).append(message)
    messages = ",".join(f"{json.dumps(topic)}: [{','.join(each)}]" for topic, each in by_topic.items())
    return load_readings(io.BytesIO(f'{{"messages": {{{messages}}}}}'.encode()), None, TimeSpan(), devices=devices)


def text_of(readings: Readings) -> str:
    """Return the unified CSV."""
    file = io.BytesIO()
    write_zigbee_csv(readings, file, "42")
    return file.getvalue().decode()


def rows_of(readings: Readings) -> list[dict[str, str]]:
    """Return the unified CSV's rows."""
    return list(csv.DictReader(io.StringIO(text_of(readings), newline="")))


def long_of(readings: Readings) -> list[tuple[str, str, str, str]]:
    """Return the long CSV's rows, without their time."""
    file = io.BytesIO()
    write_sensor_csv(readings, file, "42")
    rows = csv.DictReader(io.StringIO(file.getvalue().decode(), newline=""))
    return [(row["device_id"], row["property"], row["value"], row["unit"]) for row in rows]


def objects_of(readings: Readings) -> list[dict[str, Any]]:
    """Return the long JSON's objects."""
    file = io.BytesIO()
    write_sensor_json(readings, file, "42")
    whole = json.loads(file.getvalue())
    assert whole["sessionId"] == 42
    return list(whole["readings"])


def test_the_unified_csv_looks_like_the_labs_own() -> None:
    """A plain header, values quoted, no value is nothing, truth values in small letters, quotes doubled."""
    text = text_of(readings_of(("hall", '{"occupancy": true, "temperature": 21.50, "state": "ON"}')))
    assert text == (
        "timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,occupancy,state,payload,session\n"
        '"2025-05-02T12:00:00.000Z","zigbee2mqtt/hall","hall","21.50",,"true",,,"true","ON",'
        '"{""occupancy"":true,""temperature"":21.50,""state"":""ON""}","42"\n'
    )


def test_no_reading_leaves_the_structure() -> None:
    """Without readings every file is complete: header, empty lists."""
    nothing = readings_of()
    assert text_of(nothing) == ",".join(FIXED) + "\n"
    assert long_of(nothing) == []
    assert objects_of(nothing) == []
    file = io.BytesIO()
    write_zigbee_json(nothing, file)
    assert json.loads(file.getvalue()) == {"messages": {}, "topics": [], "deviceCount": 0, "lastUpdated": None}


def test_the_unified_json_has_the_documented_shape() -> None:
    """Topics are sorted, messages are in time order, devices are counted and not their topics."""
    devices = (Device("0x1", "lamp"),)
    readings = readings_of(("lamp/state", '"ON"'), ("lamp", '{"state":"ON"}'), ("attic", "{}"), devices=devices)
    file = io.BytesIO()
    write_zigbee_json(readings, file)
    assert json.loads(file.getvalue()) == {
        "messages": {
            "zigbee2mqtt/attic": [{"timestamp": "2025-05-02T12:00:02.000Z", "payload": {}}],
            "zigbee2mqtt/lamp": [{"timestamp": "2025-05-02T12:00:01.000Z", "payload": {"state": "ON"}}],
            "zigbee2mqtt/lamp/state": [{"timestamp": "2025-05-02T12:00:00.000Z", "payload": "ON"}],
        },
        "topics": ["zigbee2mqtt/attic", "zigbee2mqtt/lamp", "zigbee2mqtt/lamp/state"],
        "deviceCount": 2,
        "lastUpdated": "2025-05-02T12:00:02.000Z",
    }


def test_keys_called_like_a_fixed_column_get_their_own() -> None:
    """A payload's key never overwrites a column that means something else, nor makes a blank or doubled header."""
    payload = '{"topic": "t", "payload.topic": 1, "timestamp": 5, "": 7, "motion": "slow", "occupancy": false}'
    (row,) = rows_of(readings_of(("a", payload)))
    assert row["topic"] == "zigbee2mqtt/a"
    assert row["motion"] == "false"
    assert row["motion_text"] == "slow"
    assert {name: value for name, value in row.items() if name.startswith("payload.")} == {
        "payload.": "7",
        "payload.payload.topic": "t",
        "payload.timestamp": "5",
        "payload.topic": "1",
    }


def test_motion_that_is_true_or_false_needs_no_second_column() -> None:
    """A boolean motion is in the fixed column, and comes before occupancy."""
    (row,) = rows_of(readings_of(("a", '{"motion": false, "occupancy": true}')))
    assert row["motion"] == "false"
    assert "motion_text" not in row


def test_nested_and_null_values_make_no_column() -> None:
    """A key without a scalar value is in the payload only; a value that a spreadsheet might run stays as it is."""
    (row,) = rows_of(readings_of(("a", '{"color": {"x": 1}, "list": [1], "none": null, "=cmd": "=1+1"}')))
    assert list(row) == [*FIXED[:-2], "=cmd", "payload", "session"]
    assert row["=cmd"] == "=1+1"


@pytest.mark.parametrize(
    ("payloads", "kind"),
    [
        (["1", "2"], "number"),
        (["1", "2.5"], "number"),
        (["true", "null"], "boolean"),
        (['"x"'], "string"),
        (["true", '"on"'], "string"),
        (["1", "true"], "string"),
        (["1", "{}"], "number"),
    ],
)
def test_the_type_of_an_unknown_key_is_the_widest_of_its_values(payloads: list[str], kind: str) -> None:
    """Numbers and booleans keep their type, mixed ones are text; whole numbers are numbers like all others."""
    readings = readings_of(*((f"d{n}", f'{{"key": {payload}}}') for n, payload in enumerate(payloads)))
    assert [column.type for column in zigbee_columns(readings) if column.key == "key"] == [kind]


def test_what_does_not_fit_stands_as_text_beside_its_column() -> None:
    """Numbers that a float would change, and values of another kind, leave a typed cell empty and nothing out."""
    values = ["21.50", "0.1000000000000000055", "1e999", '"n/a"', "9223372036854775809", "1e3", "true"]
    readings = readings_of(*(("a", f'{{"temperature": {value}, "contact": false}}') for value in values))
    assert [column.name for column in zigbee_columns(readings)][3:6] == ["temperature", "temperature_text", "humidity"]
    assert [(row["temperature"], row["temperature_text"]) for row in rows_of(readings)] == [
        ("21.50", ""),
        ("", "0.1000000000000000055"),
        ("", "1e999"),
        ("", "n/a"),
        ("", "9223372036854775809"),
        ("1e3", ""),
        ("", "true"),
    ]


def test_a_column_beside_another_never_has_the_name_of_a_key() -> None:
    """A key that has this name keeps it; the column of what does not fit gets a prefix."""
    (row,) = rows_of(readings_of(("a", '{"battery": "low", "battery_text": "x", "payload.battery_text": "y"}')))
    assert row["battery_text"] == "x"
    assert row["payload.battery_text"] == "y"
    assert row["payload.payload.battery_text"] == "low"


def test_long_tables_tell_events_from_states_and_say_what_changed() -> None:
    """Actions are events; a value is compared with the one before of its own device and property."""
    readings = readings_of(
        ("a", '{"action": "on", "battery": 90, "action_rate": 1}'),
        ("b", '{"battery": 91}'),
        ("a", '{"action": "on", "battery": 90.0}'),
        ("a", '{"battery": 90.0}'),
    )
    file = io.BytesIO()
    write_sensor_csv(readings, file, "42")
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert [(row["device_id"], row["property"], row["value"], row["kind"], row["changed"]) for row in rows] == [
        ("a", "action", "on", "event", ""),
        ("a", "battery", "90", "state", ""),
        ("a", "action_rate", "1", "event", ""),
        ("b", "battery", "91", "state", ""),
        ("a", "action", "on", "event", "false"),
        ("a", "battery", "90.0", "state", "true"),
        ("a", "battery", "90.0", "state", "false"),
    ]
    assert {row["session"] for row in rows} == {"42"}
    assert [one["changed"] for one in objects_of(readings)] == [None] * 4 + [False, True, False]


def test_the_columns_describe_the_csv_and_frictionless_agrees(tmp_path: Path) -> None:
    """A table schema made of the columns is valid for the file that is written with them."""
    readings = readings_of(
        ("a", '{"temperature": 21.5, "humidity": 40, "occupancy": true, "n": 123456789012345678901, "tiny": 1e-7}'),
        ("b", '{"temperature": "unknown", "linkquality": 99, "mixed": 1, "text": " é\\n\\"x\\", =1", "": "blank"}'),
        ("c/state", '"ON"'),
        ("d", '{"mixed": "one", "topic": "t", "battery": 100}'),
    )
    layout = zigbee_columns(readings)
    write_zigbee_csv(readings, tmp_path / "z.csv", "42")
    assert (tmp_path / "z.csv").read_text().partition("\n")[0].split(",") == [column.name for column in layout]
    fields = [{"name": column.name, "type": column.type} for column in layout]
    schema = Schema.from_descriptor({"fields": fields})
    report = Resource(path="z.csv", basepath=str(tmp_path), schema=schema).validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])


def test_plain_pandas_and_polars_read_the_columns_types(tmp_path: Path) -> None:
    """Without any argument a column with empty cells is one of numbers or truth values, and \"\" is no missing text."""
    readings = readings_of(
        ("a", '{"temperature": 21.5, "linkquality": 80, "occupancy": true, "note": ""}'),
        ("b", '{"battery": 90, "voltage": 3000}'),
        ("c", '{"temperature": 22, "battery": 80.5, "occupancy": false, "note": "x"}'),
    )
    write_zigbee_csv(readings, tmp_path / "z.csv", "42")
    frame = pl.read_csv(tmp_path / "z.csv")
    assert {name: frame.schema[name] for name in ("temperature", "battery", "linkquality", "voltage", "motion")} == {
        "temperature": pl.Float64,
        "battery": pl.Float64,
        "linkquality": pl.Int64,  # the CSV does not say that it is a number like all others
        "voltage": pl.Int64,
        "motion": pl.Boolean,
    }
    assert frame["temperature"].to_list() == [21.5, None, 22.0]
    assert frame["motion"].to_list() == [True, None, False]
    assert frame["note"].to_list() == ["", None, "x"]
    table = pd.read_csv(tmp_path / "z.csv")
    assert [str(table[name].dtype) for name in ("temperature", "battery", "linkquality", "voltage")] == ["float64"] * 4
    assert table["temperature"].dropna().tolist() == [21.5, 22.0]
    assert table["motion"].dropna().tolist() == [True, False]


def test_long_tables_have_a_row_per_value() -> None:
    """Nested keys are joined by -, lists are JSON with their numbers as they were, null has no row."""
    readings = readings_of(
        ("a", '{"color": {"x": 0.30, "more": {"y": true}}, "list": [1.50, {"k": "é"}], "none": null, "s": "ON"}'),
        ("b/level", "1.0"),
        ("c", '"online"'),
    )
    assert long_of(readings) == [
        ("a", "color-x", "0.30", ""),
        ("a", "color-more-y", "true", ""),
        ("a", "list", '[1.50,{"k":"é"}]', ""),
        ("a", "s", "ON", ""),
        ("b", "level", "1.0", ""),
        ("c", "value", "online", ""),
    ]
    assert [(one["property"], one["value"], one["unit"]) for one in objects_of(readings)] == [
        ("color-x", 0.3, None),
        ("color-more-y", True, None),
        ("list", [1.5, {"k": "é"}], None),
        ("s", "ON", None),
        ("level", 1.0, None),
        ("value", "online", None),
    ]


def test_units_are_the_devices_own_or_certain_ones() -> None:
    """A device's definition gives the unit, features included; without one voltage has none, temperature has."""
    exposes = [
        {"type": "numeric", "property": "voltage", "unit": "mV"},
        {"type": "numeric", "property": "pressure", "unit": "kPa"},
        {"type": "climate", "features": [{"type": "numeric", "property": "setpoint", "unit": "°C"}]},
        {
            "type": "composite",
            "property": "color",
            "features": [{"type": "numeric", "property": "hue", "unit": "°"}],
        },
    ]
    known = Device("0x1", "known", extra={"definition": {"exposes": exposes}})
    other = Device("0x2", "other", extra={"definition": None})
    payload = '{"voltage": 3000, "pressure": 101.3, "setpoint": 20, "color": {"hue": 9}, "temperature": 21}'
    readings = readings_of(("known", payload), ("other", '{"voltage": 230}'), devices=(known, other))
    assert {(device, prop): unit for device, prop, _, unit in long_of(readings)} == {
        ("known", "voltage"): "mV",
        ("known", "pressure"): "kPa",
        ("known", "setpoint"): "°C",
        ("known", "color-hue"): "°",
        ("known", "temperature"): "°C",
        ("other", "voltage"): "",
    }
    by_name = {column.name: column.unit for column in zigbee_columns(readings)}
    assert (by_name["voltage"], by_name["pressure"], by_name["temperature"]) == (None, "kPa", "°C")


def test_a_unit_without_text_is_none() -> None:
    """A definition may say that a property has no unit with an empty text; both long tables stay what they are."""
    exposes = [{"type": "numeric", "property": "angle", "unit": ""}]
    readings = readings_of(
        ("d", '{"angle": 3}'), devices=(Device("d", "d", extra={"definition": {"exposes": exposes}}),)
    )
    assert [row["unit"] for row in objects_of(readings)] == [None]
    assert long_of(readings) == [("d", "angle", "3", "")]


def test_the_same_readings_give_the_same_bytes_from_either_file(tmp_path: Path) -> None:
    """What is written from the JSON and from the CSV made of it is equal byte for byte, and a path is like a file."""
    first = readings_of(("b", '{"x": 1}'), ("a", '{"y": {"z": 2.0}}'), ("a/x", "true"))
    write_zigbee_csv(first, tmp_path / "z.csv", "42")
    again = load_readings(None, tmp_path / "z.csv", TimeSpan())
    assert text_of(again) == (tmp_path / "z.csv").read_text()
    files = io.BytesIO(), io.BytesIO()
    for readings, file in zip((first, again), files, strict=True):
        write_zigbee_json(readings, file)
    assert files[0].getvalue() == files[1].getvalue()
