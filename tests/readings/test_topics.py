"""The device of a topic's messages, and the topics of selected sensors."""

import io
import json
from datetime import UTC, datetime

import pytest

from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.selection import SensorSelection
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.topics import Topics, device_id
from labcrate.readings.plot.points import plot_series
from labcrate.readings.store.load import load_readings
from labcrate.readings.write.tables import write_sensor_csv

DEVICES = (
    Device("0x00158d0001", "door"),
    Device("0x00158d0002", "backdoor"),
    Device("0x00158d0003", "attic/lamp"),
    Device("0x00158d0004", "attic/lamp/left"),
    Device("0x00158d0005", "attic/get"),
)
TOPICS = Topics(devices=DEVICES)


def selected(sensor: SelectedSensor, own: str, whole: bool = True) -> bool:
    """Return whether a session with this one sensor includes the topic, in a lab without others."""
    kind = (f"zigbee2mqtt/{own}", whole)
    return SensorSelection([sensor], TOPICS).match_topics([kind]).includes(*kind)


def test_the_device_is_the_topic_without_its_base() -> None:
    """Only the base and its slash are removed; names may have slashes, and another base stays."""
    assert device_id("zigbee2mqtt/attic/lamp") == "attic/lamp"
    assert device_id("home/zigbee2mqtt/lamp") == "home/zigbee2mqtt/lamp"
    assert device_id("home/z2m/lamp", "home/z2m") == "lamp"


@pytest.mark.parametrize(
    ("topic", "reading"),
    [
        ("zigbee2mqtt/door", True),
        ("zigbee2mqtt/door/availability", False),
        ("zigbee2mqtt/door/set", False),
        ("zigbee2mqtt/door/get", False),
        ("zigbee2mqtt/door/set/state", False),
        ("zigbee2mqtt/room/set/lamp", True),
        ("zigbee2mqtt/bridge/devices", False),
        ("zigbee2mqtt/bridge", False),
        ("zigbee2mqtt/bridges/a", True),
        ("zigbee2mqtt/attic/get", True),
        ("zigbee2mqtt/set", True),
        ("zigbee2mqtt/sunset", True),
    ],
)
def test_which_topics_are_readings(topic: str, reading: bool) -> None:
    """Availability, commands and the bridge are no readings, unless a device has that name."""
    assert TOPICS.is_reading(topic) is reading


@pytest.mark.parametrize(
    ("own", "whole", "owner"),
    [
        ("attic/lamp", True, ("attic/lamp", "")),
        ("attic/lamp/left", False, ("attic/lamp/left", "")),
        ("attic/lamp/left/state", False, ("attic/lamp/left", "state")),
        ("attic/lamp/color-x", False, ("attic/lamp", "color-x")),
        ("unknown/state", False, ("unknown", "state")),
        ("unknown/state", True, ("unknown/state", "")),
        ("unknown", False, ("unknown", "")),
    ],
)
def test_single_values_belong_to_the_longest_known_name(own: str, whole: bool, owner: tuple[str, str]) -> None:
    """With attribute output the device is the longest name the topic begins with, and the rest is the key."""
    assert TOPICS.owner_of(own, whole) == owner


@pytest.mark.parametrize(
    ("sensor", "own", "taken"),
    [
        (SelectedSensor("0x00158d0001"), "door", True),
        (SelectedSensor("0x00158D0001", "door"), "door", True),
        (SelectedSensor("door"), "0x00158d0001", True),
        (SelectedSensor("door"), "backdoor", False),
        (SelectedSensor("door"), "doors", False),
        (SelectedSensor("door"), "attic/door", True),
        (SelectedSensor("window"), "attic/window", True),
        (SelectedSensor("window"), "window/attic", False),
        (SelectedSensor("0x00158d0001", "backdoor"), "backdoor", False),
        (SelectedSensor("", "backdoor"), "backdoor", True),
        (SelectedSensor("lamp"), "attic/lamp", True),
        (SelectedSensor("attic/lamp"), "attic/lamp/left", False),
    ],
)
def test_a_sensor_is_matched_by_its_names_alone(sensor: SelectedSensor, own: str, taken: bool) -> None:
    """Address and name are equivalent; a part of a name is not; the address comes before an old name."""
    assert selected(sensor, own) is taken


def test_single_values_go_with_the_sensor_they_belong_to() -> None:
    """With attribute output a sensor's values are included, those of a device with a longer name are not."""
    sensor = SelectedSensor("attic/lamp")
    assert selected(sensor, "attic/lamp/state", whole=False)
    assert not selected(sensor, "attic/lamp/left/state", whole=False)


def test_a_selection_leaves_the_others_out_and_names_who_is_missing() -> None:
    """Other sensors' readings are counted; a sensor without a topic, and one without a reading inside, are named."""
    day, night = "2025-05-02T12:00:00Z", "2025-05-02T23:00:00Z"
    sent = {"door": day, "backdoor": day, "attic/lamp": night}
    messages = {f"zigbee2mqtt/{own}": [{"timestamp": time, "payload": {"on": True}}] for own, time in sent.items()}
    sensors = [SelectedSensor("0x00158d0001"), SelectedSensor("9", "attic/lamp"), SelectedSensor("8", "cellar")]
    whole = load_readings(io.BytesIO(json.dumps({"messages": messages}).encode()), None, TimeSpan(), sensors, DEVICES)
    assert whole.frame["device_id"].to_list() == ["door", "attic/lamp"]
    assert whole.of_other_sensors == 1
    assert (whole.absent_sensors, whole.silent_sensors) == (("cellar",), ())
    assert whole.first is not None
    window = TimeSpan(None, whole.first)
    noon = load_readings(io.BytesIO(json.dumps({"messages": messages}).encode()), None, window, sensors, DEVICES)
    assert noon.frame["device_id"].to_list() == ["door"]
    assert (noon.absent_sensors, noon.silent_sensors) == (("cellar",), ("attic/lamp",))


def lab(*topics: str, sensors: list[SelectedSensor], devices: tuple[Device, ...] = (), night: str = "") -> Readings:
    """Return readings of a lab with a message on each topic at noon; the one on ``night`` was at night."""
    sent = {topic: [{"timestamp": "2025-05-02T12:00:00Z", "payload": {"on": True}}] for topic in topics}
    if night:
        sent[night] = [{"timestamp": "2025-05-02T23:00:00Z", "payload": {"on": True}}]
    window = TimeSpan(datetime(2025, 5, 2, 11, tzinfo=UTC), datetime(2025, 5, 2, 13, tzinfo=UTC))
    return load_readings(io.BytesIO(json.dumps({"messages": sent}).encode()), None, window, sensors, devices)


SENSOR = SelectedSensor("sensor1", "sensor1")
ROOM, OTHER, OWN = "zigbee2mqtt/livinglab/sensor1", "zigbee2mqtt/attic/sensor1", "zigbee2mqtt/sensor1"


@pytest.mark.parametrize("devices", [(), (Device("0x1", "sensor1"),), (Device("sensor1"),)])
def test_a_topic_with_a_room_is_the_sensor_that_its_last_part_names(devices: tuple[Device, ...]) -> None:
    """The only topic with this end is included, and its device_id is the name in devices.json if it is there."""
    readings = lab(ROOM, "zigbee2mqtt/livinglab/sensor11", "zigbee2mqtt/sensor1x", sensors=[SENSOR], devices=devices)
    assert readings.frame["topic"].to_list() == [ROOM]
    assert readings.frame["device_id"].to_list() == ["sensor1" if devices else "livinglab/sensor1"]
    assert (readings.absent_sensors, readings.silent_sensors, readings.ambiguous_sensors) == ((), (), ())


@pytest.mark.parametrize("devices", [(), (Device("0x1", "sensor1"),)])
@pytest.mark.parametrize("at_night", [True, False])
def test_two_topics_that_end_so_are_both_named_and_neither_is_taken(
    devices: tuple[Device, ...], at_night: bool
) -> None:
    """It does not matter whether the second one has a reading in the window: the whole lab counts."""
    topics = [ROOM] if at_night else [ROOM, OTHER]
    readings = lab(*topics, sensors=[SENSOR], devices=devices, night=OTHER if at_night else "")
    assert len(readings) == 0
    (ambiguous,) = readings.ambiguous_sensors
    assert ambiguous.topics == (OTHER, ROOM)
    assert ROOM in str(ambiguous)
    assert OTHER in str(ambiguous)
    assert readings.absent_sensors == ()


@pytest.mark.parametrize("own", [OWN, "zigbee2mqtt/0x1", "zigbee2mqtt/0X1"])
def test_a_devices_own_topic_is_taken_and_no_other_that_ends_so(own: str) -> None:
    """The topic by name or address is the device's; the one with a room is left out and reported."""
    readings = lab(own, ROOM, sensors=[SENSOR], devices=(Device("0x1", "sensor1"),))
    assert readings.frame.select("topic", "device_id").rows() == [(own, "sensor1")]
    (ambiguous,) = readings.ambiguous_sensors
    assert (ambiguous.topics, ambiguous.own_topics) == ((ROOM,), (own,))


def test_another_devices_own_topic_is_never_taken() -> None:
    """attic/sensor1 is a device of its own: it is not the sensor1 that the session selected, and that one is absent."""
    devices = (Device("0x1", "sensor1"), Device("0x2", "attic/sensor1"))
    readings = lab(OTHER, sensors=[SENSOR], devices=devices)
    assert (len(readings), readings.absent_sensors, readings.ambiguous_sensors) == (0, ("sensor1",), ())
    everything = lab(OTHER, sensors=[], devices=devices)
    assert everything.frame["device_id"].to_list() == ["attic/sensor1"]


def test_a_row_that_names_its_device_is_the_same_reading_as_its_topics() -> None:
    """A CSV without topics gets the JSON's topic with a room, and no other topic is made."""
    sent = {ROOM: [{"timestamp": "2025-05-02T12:00:00Z", "payload": {"temperature": 21.5}}]}
    table = b"timestamp,device_id,temperature\n2025-05-02T12:00:00Z,sensor1,21.5\n2025-05-02T12:01:00Z,sensor1,22\n"
    for devices in ((), (Device("0x1", "sensor1"),)):
        files = io.BytesIO(json.dumps({"messages": sent}).encode()), io.BytesIO(table)
        readings = load_readings(*files, TimeSpan(), [SENSOR], devices)
        assert (readings.both, readings.only_json, readings.only_csv) == (1, 0, 1)
        assert readings.frame["topic"].unique().to_list() == [ROOM]
        assert readings.lab.total == 2


def test_single_values_join_their_device() -> None:
    """With attribute output and a room the device is known, the key is the property, and the plots have both."""
    topics = [f"{ROOM}/temperature", f"{ROOM}/battery"]
    sent = {topic: [{"timestamp": "2025-05-02T12:00:00Z", "payload": 21.5}] for topic in topics}
    text = json.dumps({"messages": sent}).encode()
    readings = load_readings(io.BytesIO(text), None, TimeSpan(), [SENSOR], (Device("0x1", "sensor1"),))
    assert readings.frame["device_id"].to_list() == ["sensor1", "sensor1"]
    assert {(one.device, one.name) for one in plot_series(readings)} == {
        ("sensor1", "temperature"),
        ("sensor1", "battery"),
    }
    long = io.BytesIO()
    write_sensor_csv(readings, long, "42")
    assert b'"sensor1","temperature","21.5","\xc2\xb0C"' in long.getvalue()


def test_no_reading_is_taken_for_two_sensors_and_none_is_lost_without_a_selection() -> None:
    """Whatever comes before a name, a lab without a selection gives every reading under its own topic."""
    readings = lab(ROOM, OTHER, OWN, sensors=[], devices=(Device("0x1", "sensor1"),))
    assert readings.frame.select("topic", "device_id").rows() == [
        (OTHER, "attic/sensor1"),
        (ROOM, "livinglab/sensor1"),
        (OWN, "sensor1"),
    ]
