"""Numbers in payloads."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from labcrate.model.device import Device
from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.readings.load.slice import Readings
from labcrate.readings.plot.points import PlotSeries, SeriesKind, plot_series, series_points
from labcrate.readings.store.load import load_readings

START = datetime(2025, 5, 2, 8, tzinfo=UTC)


def load(messages: dict[str, list[object]], *devices: Device) -> Readings:
    """Return readings a second apart on each topic."""
    stamped = {
        f"zigbee2mqtt/{name}": [
            {"timestamp": format_instant(START + timedelta(seconds=n)), "payload": payload}
            for n, payload in enumerate(payloads)
        ]
        for name, payloads in messages.items()
    }
    return load_readings(BytesIO(json.dumps({"messages": stamped}).encode()), None, TimeSpan(), (), devices)


def values(readings: Readings) -> dict[tuple[str, str], list[float]]:
    """Return all values by device and property."""
    series = list(plot_series(readings))
    found = series_points(readings, series)
    return {(one.device, one.name): found[one]["value"].to_list() for one in series}


def test_numbers_and_states_are_found_with_their_kind() -> None:
    """Numbers and true or false can be drawn; texts, lists and nested values cannot."""
    readings = load({"hall": [{"temperature": 21.5, "occupancy": True, "action": "on", "color": {"x": 1}, "l": [1]}]})
    assert {(one.name, one.kind) for one in plot_series(readings)} == {
        ("temperature", SeriesKind.NUMBER),
        ("occupancy", SeriesKind.STATE),
    }


def test_values_keep_their_order_and_null_is_no_value() -> None:
    """Every number is returned with its time; null and a missing key are no points."""
    readings = load({"hall": [{"t": 1}, {"t": None}, {"other": 5}, {"t": 2.5}]})
    assert values(readings) == {("hall", "t"): [1.0, 2.5], ("hall", "other"): [5.0]}
    one = PlotSeries("hall", "t", SeriesKind.NUMBER, "hall", "t")
    seconds = series_points(readings, [one])[one]["us"] - int(START.timestamp() * 1_000_000)
    assert seconds.to_list() == [0, 3_000_000]


def test_single_values_on_a_topic_of_their_own_belong_to_their_device() -> None:
    """With Zigbee2MQTT's attribute output, ``hall/door/contact`` is the property contact of hall/door."""
    readings = load({"hall/door/contact": [True, False], "hall/door/battery": [90, 89.5]}, Device("0x1", "hall/door"))
    assert values(readings) == {("hall/door", "contact"): [1.0, 0.0], ("hall/door", "battery"): [90.0, 89.5]}


@pytest.mark.parametrize("key", ['a"b', "temp (°C)", "x.y", "$['t']", "\\n", "a b"])
def test_any_key_can_be_drawn(key: str) -> None:
    """Keys are foreign text: quotes, dots and signs in them have no meaning."""
    assert values(load({"hall": [{key: 1.5, "other": 2}]}))["hall", key] == [1.5]


def test_a_number_that_nothing_holds_costs_only_itself() -> None:
    """``1e999`` is no finite number: the other values of the same device are still drawn."""
    text = (
        '{"messages": {"zigbee2mqtt/hall": ['
        '{"timestamp": "2025-05-02T08:00:00Z", "payload": {"t": 1e999, "a": true}},'
        '{"timestamp": "2025-05-02T08:00:01Z", "payload": {"t": -2.5e1, "a": false}}]}}'
    )
    readings = load_readings(BytesIO(text.encode()), None, TimeSpan())
    assert values(readings) == {("hall", "t"): [-25.0], ("hall", "a"): [1.0, 0.0]}


def test_without_readings_there_is_nothing_to_draw() -> None:
    """An empty file has no properties."""
    assert list(plot_series(load({}))) == []
