"""Whose message a topic carries, and which sensors a session's selection takes."""

import io
import json

import pytest

from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load import load_readings
from labcrate.readings.selection import Selection
from labcrate.readings.topics import Topics, device_id

DEVICES = (
    Device("0x00158d0001", "door"),
    Device("0x00158d0002", "backdoor"),
    Device("0x00158d0003", "attic/lamp"),
    Device("0x00158d0004", "attic/lamp/left"),
    Device("0x00158d0005", "attic/get"),
)
TOPICS = Topics(devices=DEVICES)


def selected(sensor: SelectedSensor, own: str, whole: bool = True) -> bool:
    """Whether a session with this one sensor takes the topic, in a lab that has no other."""
    kind = (f"zigbee2mqtt/{own}", whole)
    return Selection([sensor], TOPICS).among([kind]).takes(*kind)


def test_the_device_is_the_topic_without_its_base() -> None:
    """Only the base and its slash go; names may hold slashes, and another base stays."""
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
    """Availability, commands and the bridge are none, unless a device is really called so."""
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
    assert TOPICS.owner(own, whole) == owner


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
    """Address and name stand for each other; a piece of a name never does; the address outdoes an old name."""
    assert selected(sensor, own) is taken


def test_single_values_go_with_the_sensor_they_belong_to() -> None:
    """With attribute output a sensor's values are taken, those of a device with a longer name are not."""
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
