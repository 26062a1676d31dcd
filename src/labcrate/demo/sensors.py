"""The twelve Zigbee devices of the sample lab, and their messages around the two sessions.

Payloads are those of Zigbee2MQTT: every message repeats the whole cached state, ``action`` is an event that is not
cached, ``.../availability`` is not a reading. Random values have a fixed seed, so every run makes the same readings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from labcrate.demo.story import FIRST_START

BASE = "zigbee2mqtt"
# The readings reach from four minutes before session 42 to three minutes after session 43, in seconds from FIRST_START.
FIRST_S, LAST_S = -240.0, 420.0
# The times that are missing in one of the two unified files because of a crash, in seconds from FIRST_START.
LOST_IN_CSV, LOST_IN_JSON = (80.0, 86.0), (130.0, 138.0)

Event = tuple[float, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DemoSensor:
    """A device: its cached ``state`` at the start, and its changes.

    It reports about every ``every_s`` seconds, and each key of ``drift`` then changes by at most a step, rounded to a
    number of decimals. It also reports at each event, in seconds from the start of session 42, with its values.
    """

    id: str
    name: str
    model: str
    manufacturer: str
    state: Mapping[str, Any]
    every_s: float | None = None
    drift: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    type: str = "EndDevice"

    @property
    def topic(self) -> str:
        """Return the MQTT topic of the state."""
        return f"{BASE}/{self.name}"


@dataclass(frozen=True, slots=True)
class ZigbeeMessage:
    """One MQTT message, and which of the two unified files contain it."""

    at: datetime
    topic: str
    payload: Mapping[str, Any]
    in_csv: bool
    in_json: bool


def _motion_events(*spans: tuple[float, float]) -> tuple[Event, ...]:
    """Return the events of a motion sensor: a person is detected, and later a timer ends."""
    return tuple(event for on, off in spans for event in ((on, {"occupancy": True}), (off, {"occupancy": False})))


def _contact_events(*spans: tuple[float, float]) -> tuple[Event, ...]:
    """Return the events of a contact sensor: opened, and closed again."""
    return tuple(event for on, off in spans for event in ((on, {"contact": False}), (off, {"contact": True})))


_AIR = {"temperature": (0.08, 2), "humidity": (0.35, 2)}

SENSORS = (
    DemoSensor(
        "0x00158d0009a1c001", "kitchen climate", "WSDCGQ11LM", "Aqara",
        {"battery": 91, "voltage": 2995, "temperature": 20.84, "humidity": 47.2, "pressure": 1013.4},
        45, {**_AIR, "pressure": (0.1, 1)},
        ((75, {"temperature": 21.52, "humidity": 55.81}), (118, {"temperature": 21.98, "humidity": 61.37})),
    ),
    DemoSensor(
        "0x00124b002a5b1002", "living room climate", "SNZB-02D", "SONOFF",
        {"battery": 100, "temperature": 21.3, "humidity": 44.6}, 60, _AIR,
    ),
    DemoSensor(
        "0x00124b002a5b1003", "bathroom climate", "SNZB-02D", "SONOFF",
        {"battery": 78, "temperature": 22.1, "humidity": 58.9}, 75, _AIR,
    ),
    DemoSensor(
        "0x00158d0009a1c004", "hall motion", "RTCGQ11LM", "Aqara",
        {"battery": 100, "voltage": 3015, "device_temperature": 22, "illuminance": 34, "occupancy": False},
        events=_motion_events((-178.4, -88.4), (12.35, 102.4), (181.2, 271.2)),
    ),
    DemoSensor(
        "0x00124b002a5b1005", "kitchen motion", "SNZB-03", "SONOFF",
        {"battery": 64, "voltage": 2800, "battery_low": False, "tamper": False, "occupancy": False},
        events=_motion_events((18.1, 78.1), (84.2, 144.2)),
    ),
    DemoSensor(
        "0x00158d0009a1c006", "front door", "MCCGQ11LM", "Aqara",
        {"battery": 88, "voltage": 2985, "device_temperature": 19, "power_outage_count": 3, "contact": True},
        events=_contact_events((-201.7, -195.2), (173.62, 180.4)),
    ),
    DemoSensor(
        "0x00158d0009a1c007", "kitchen/fridge door", "MCCGQ11LM", "Aqara",
        {"battery": 95, "voltage": 3005, "device_temperature": 8, "power_outage_count": 1, "contact": True},
        events=_contact_events((22.05, 31.4), (134.8, 139.9)),
    ),
    DemoSensor(
        "0x04cf8cdf3c7a1008", "window light", "GZCGQ01LM", "Aqara",
        {"battery": 100, "voltage": 3100, "illuminance": 412}, 15, {"illuminance": (18, 0)},
    ),
    DemoSensor(
        "0xa4c1381e5d2f1009", "kettle plug", "TS011F_plug_1", "Tuya",
        {"state": "ON", "power": 0, "current": 0, "voltage": 231, "energy": 12.41, "power_outage_memory": "restore"},
        10, {"voltage": (1, 0)},
        ((40.2, {"power": 1985, "current": 8.61}), (125.7, {"power": 0, "current": 0, "energy": 12.46})),
        "Router",
    ),
    DemoSensor(
        "0x00158d0009a1c010", "bedside button", "WXKG11LM", "Aqara",
        {"battery": 97, "voltage": 3000, "device_temperature": 21, "power_outage_count": 12},
        events=((-30.5, {"action": "single"}), (4.9, {"action": "double"}), (5.3, {"action": "release"})),
    ),
    DemoSensor(
        "0x00158d0009a1c011", "washing machine vibration", "DJT11LM", "Aqara",
        {"battery": 83, "voltage": 2975, "vibration": False, "angle": 2, "angle_x": 1, "angle_y": -1, "angle_z": 89},
        events=(
            (58.8, {"vibration": True, "strength": 14, "action": "vibration"}),
            (81.6, {"strength": 23, "action": "vibration"}),
            (148.6, {"vibration": False}),
            (205.1, {"vibration": True, "angle": 5, "angle_x": 3, "action": "tilt"}),
        ),
    ),
    DemoSensor(
        "0x00158d0009a1c012", "sink leak", "SJCGQ11LM", "Aqara",
        {"battery": 100, "voltage": 3035, "battery_low": False, "tamper": False, "water_leak": False},
        events=((108.3, {}), (300.2, {"water_leak": True}), (322.9, {"water_leak": False})),
    ),
)  # fmt: skip


def zigbee_messages() -> tuple[ZigbeeMessage, ...]:
    """Return all messages in time order."""
    published = [message for sensor in SENSORS for message in _reports(sensor)]
    published += [_availability(SENSORS[0], 47.7, "offline"), _availability(SENSORS[0], 61.1, "online")]
    return tuple(sorted(published, key=lambda message: message.at))


def _reports(sensor: DemoSensor) -> Iterator[ZigbeeMessage]:
    """Yield the messages of one device: regular reports and events, each with the state at that time."""
    rng = Random(sensor.id)  # noqa: S311 - not for secrets
    state: dict[str, Any] = dict(sensor.state)
    link_quality = rng.randint(90, 200)
    for seconds, changes in sorted((*_regular_reports(sensor, rng), *sensor.events), key=lambda event: event[0]):
        for key, (step, decimals) in sensor.drift.items():
            state[key] = _round(state[key] + rng.uniform(-step, step), decimals)
        state |= {key: value for key, value in changes.items() if not key.startswith("action")}
        link_quality = min(255, max(40, link_quality + rng.randint(-6, 6)))
        yield _message(sensor.topic, seconds, {**state, **changes, "linkquality": link_quality})


def _regular_reports(sensor: DemoSensor, rng: Random) -> Iterator[Event]:
    """Yield the times of the regular reports, with random intervals."""
    if sensor.every_s is None:
        return
    seconds = FIRST_S + rng.uniform(0, sensor.every_s)
    while seconds < LAST_S:
        yield round(seconds, 3), {}
        seconds += sensor.every_s * rng.uniform(0.9, 1.1)


def _round(value: float, decimals: int) -> float | int:
    return round(value, decimals) if decimals else round(value)


def _availability(sensor: DemoSensor, seconds: float, state: str) -> ZigbeeMessage:
    return _message(f"{sensor.topic}/availability", seconds, {"state": state})


def _message(topic: str, seconds: float, payload: Mapping[str, Any]) -> ZigbeeMessage:
    lost_in_csv = LOST_IN_CSV[0] <= seconds < LOST_IN_CSV[1]
    lost_in_json = LOST_IN_JSON[0] <= seconds < LOST_IN_JSON[1]
    at = FIRST_START + timedelta(milliseconds=round(seconds * 1000))
    return ZigbeeMessage(at, topic, dict(sorted(payload.items())), not lost_in_csv, not lost_in_json)
