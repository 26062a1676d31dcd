"""Cleaning payloads, and the platform's own files by their columns."""

import io
import json

import pytest

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.cleaned_rows import clean_payloads
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings
from labcrate.readings.write.columns import describe_platform_csv


def of(*sent: tuple[str, object]) -> Readings:
    """Return readings of one instant."""
    messages: dict[str, list[object]] = {}
    for topic, payload in sent:
        messages.setdefault(topic, []).append({"timestamp": "2025-05-02T12:00:00Z", "payload": payload})
    return load_readings(io.BytesIO(json.dumps({"messages": messages}).encode()), None, TimeSpan())


def blank(topic: str, payload: str) -> str:
    """Return the payload without the pin, and without anything on one topic."""
    value = json.loads(payload)
    if topic.endswith("secret"):
        return '"[removed]"'
    if isinstance(value, dict) and "pin_code" in value:
        value["pin_code"] = "[removed]"
        return json.dumps(value, separators=(",", ":"))
    return payload


def test_payloads_are_cleaned_and_stay_in_order() -> None:
    """Every payload with a needle, however it is written, is passed to the function; counts and order stay."""
    readings = of(
        ("z/lock", {"pin_code": "4711"}), ("z/lock", {"a": 1}), ("z/secret", 7), ("z/lock", {"state": "LOCK"})
    )
    cleaned, count = clean_payloads(readings, ["PIN_CODE", "secret"], blank)
    assert count == 2
    assert cleaned.frame["payload"].to_list() == [
        '{"a":1}',
        '{"pin_code":"[removed]"}',
        '{"state":"LOCK"}',
        '"[removed]"',
    ]
    assert cleaned.frame.equals(cleaned.frame.sort("timestamp", "topic", "payload"))
    assert (len(cleaned), cleaned.only_json) == (len(readings), readings.only_json)
    assert clean_payloads(readings, [], blank)[1] == 2


def test_an_escape_hides_nothing() -> None:
    """A key written with an escape is the same key."""
    text = b'{"messages":{"z/lock":[{"timestamp":"2025-05-02T12:00:00Z","payload":{"pin\\u005fcode":"4711"}}]}}'
    cleaned, count = clean_payloads(load_readings(io.BytesIO(text), None, TimeSpan()), ["pin_code"], blank)
    assert count == 1
    assert "4711" not in cleaned.frame["payload"][0]


def test_readings_without_anything_to_clean_are_the_same() -> None:
    """No copy is made where nothing changes, nor of a lab without readings."""
    readings = of(("z/a", {"on": True}))
    assert clean_payloads(readings, ["pin_code"], blank) == (readings, 0)
    assert clean_payloads(readings, ["on"], blank)[0] is readings
    assert clean_payloads(Readings(), ["on"], blank)[1] == 0


@pytest.mark.parametrize(
    ("name", "header", "types"),
    [
        (
            "mqtt_data/session_7_mqtt_traffic.csv",
            "timestamp,topic,payload,sensor_id,battery,linkquality",
            ["datetime", "string", "string", "string", "number", "number"],
        ),
        (
            "sensor_data/temperature_sensors.csv",
            "timestamp,sensor_id,temperature,battery,linkquality",
            ["datetime", "string", "number", "number", "number"],
        ),
        (
            "motion_sensors.csv",
            "timestamp, sensor_id,motion,battery,linkquality",
            ["datetime", "string", "boolean", "number", "number"],
        ),
        ("temperature_sensors.csv", "timestamp,sensor_id,humidity,battery,linkquality", None),
        ("pressure_sensors.csv", "timestamp,sensor_id,pressure,battery,linkquality", None),
        ("acc.csv", "timestamp,sensor_id,temperature,battery,linkquality", None),
    ],
)
def test_the_platforms_files_are_known_by_name_and_header(name: str, header: str, types: list[str] | None) -> None:
    """Another header under a known name is another file, and is not described."""
    columns = describe_platform_csv(name, header.split(","))
    assert (columns and [column.type for column in columns]) == types
