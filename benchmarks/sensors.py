"""The forty Zigbee devices of the benchmark's lab, and their messages as Zigbee2MQTT publishes them.

Every message repeats the device's whole state; ``action`` is an event. Values follow from a device's number and the
number of its message by integer arithmetic alone, so that each run and each machine makes the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

BASE = "zigbee2mqtt"
DAY_MS = 86_400_000
_ROOMS = ("livingroom", "kitchen", "bedroom", "hall", "bathroom")

Exposes = Sequence[Mapping[str, Any]]
State = Mapping[str, pl.Expr | Mapping[str, pl.Expr]]
"""Key to the JSON text of its value, or to the keys and texts of an object."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A device: ``share`` of all messages are its own, in parts of `SHARES`; without a room its topic has none."""

    number: int
    kind: str
    share: int
    room: str

    @property
    def name(self) -> str:
        """Return the friendly name, which is the last part of the topic."""
        return f"{self.kind} {self.number:02}"

    @property
    def address(self) -> str:
        """Return the IEEE address."""
        return f"0x00158d0009b{self.number:05x}"

    @property
    def topic(self) -> str:
        """Return the MQTT topic of the state."""
        return "/".join(part for part in (BASE, self.room, self.name) if part)

    def describe(self) -> dict[str, object]:
        """Return the entry in ``devices.json``."""
        model, vendor = _MODELS[self.kind]
        definition = {"model": model, "vendor": vendor, "description": self.kind, "exposes": _EXPOSES[self.kind]}
        return {
            "id": self.address,
            "name": self.name,
            "type": "Router" if self.kind in {"plug", "light"} else "EndDevice",
            "model": model,
            "manufacturer": vendor,
            "definition": definition,
        }

    def state(self) -> State:
        """Return the state at each message, from the columns ``k`` (number of the message) and ``ms`` (time)."""
        return dict(sorted(_STATES[self.kind](self.number).items()))


def _noise(number: int, salt: int, top: int) -> pl.Expr:
    """Return integers from 0 up to ``top``, which repeat no pattern that a compressor would find."""
    return (pl.col("k") * 2_654_435_761 + (number * 97 + salt) * 40_503) % 4_294_967_296 // 65_536 % top


def _wave(period_ms: int, height: int) -> pl.Expr:
    """Return integers that rise from 0 to ``height`` and fall again in that time."""
    return (pl.col("ms") % period_ms - period_ms // 2).abs() * 2 * height // period_ms


def _decimal(integer: pl.Expr, digits: int) -> pl.Expr:
    """Return a number with that many decimals, as JSON.stringify writes it: ``21.5`` and ``21``."""
    whole, rest = integer // 10**digits, integer % 10**digits
    decimals = rest.cast(pl.String).str.zfill(digits).str.strip_chars_end("0")
    return pl.concat_str(whole.cast(pl.String), pl.lit("."), decimals).str.strip_suffix(".")


def _text(integer: pl.Expr) -> pl.Expr:
    return integer.cast(pl.String)


def _choose(number: pl.Expr, *texts: str) -> pl.Expr:
    """Return one of the texts by a number from 0 on, as JSON: a text is quoted already."""
    return number.cast(pl.Int64).replace_strict(dict(enumerate(texts)), return_dtype=pl.String)


def _battery(number: int) -> pl.Expr:
    return 100 - number % 9 - pl.col("ms") // (2 * DAY_MS) % 90


def _powered(number: int) -> dict[str, pl.Expr]:
    """Return what every device with a battery reports."""
    return {
        "battery": _text(_battery(number)),
        "linkquality": _text(60 + number * 3 + _noise(number, 1, 40)),
        "voltage": _text(2_600 + 4 * _battery(number) + 5 * _noise(number, 2, 3)),
    }


def _climate(number: int) -> State:
    return {
        **_powered(number),
        "humidity": _decimal(4_100 + 10 * number + _wave(DAY_MS, 1_500) + _noise(number, 3, 90), 2),
        "pressure": _decimal(10_080 + _wave(5 * DAY_MS, 200) + _noise(number, 4, 3), 1),
        "temperature": _decimal(1_800 + 7 * number + _wave(DAY_MS, 500) + _noise(number, 5, 20), 2),
    }


def _contact(number: int) -> State:
    return {
        **_powered(number),
        "contact": _choose(pl.col("k") % 2, "false", "true"),
        "device_temperature": _text(18 + _wave(DAY_MS, 6)),
        "power_outage_count": _text(pl.lit(number % 7)),
    }


def _occupancy(number: int) -> State:
    return {
        **_powered(number),
        "device_temperature": _text(19 + _wave(DAY_MS, 5)),
        "illuminance": _text(_wave(DAY_MS, 700) + _noise(number, 6, 30)),
        "occupancy": _choose(pl.col("k") % 2, "true", "false"),
    }


def _plug(number: int) -> State:
    on = (pl.col("k") // 40 % 3 == 0).cast(pl.Int64)
    watts = on * (1_100 + 30 * number + _noise(number, 7, 60))
    return {
        "current": _decimal(watts * 100 // 230, 2),
        "energy": _decimal(1_200 + 10 * number + pl.col("ms") // 180_000, 2),
        "linkquality": _text(60 + number * 3 + _noise(number, 1, 40)),
        "power": _text(watts),
        "power_outage_memory": pl.lit('"restore"'),
        "state": _choose(pl.col("k") // 960 % 8 // 7, '"ON"', '"OFF"'),
        "voltage": _text(227 + _noise(number, 8, 7)),
    }


def _button(number: int) -> State:
    return {**_powered(number), "action": _choose(_noise(number, 9, 4), '"single"', '"double"', '"hold"', '"release"')}


def _light(number: int) -> State:
    scene = pl.col("k") // 9 * 37
    firmware = pl.lit(str(16_777_241 + number))
    return {
        "brightness": _text(20 + scene % 235),
        "color": {"x": _decimal(3_000 + scene % 1_700, 4), "y": _decimal(3_100 + scene % 900, 4)},
        "color_mode": pl.lit('"color_temp"'),
        "color_temp": _text(200 + scene % 250),
        "linkquality": _text(60 + number * 3 + _noise(number, 1, 40)),
        "state": _choose(pl.col("k") // 30 % 2, '"ON"', '"OFF"'),
        "update": {"installed_version": firmware, "latest_version": firmware, "state": pl.lit('"idle"')},
    }


def _numeric(**units: str) -> list[dict[str, str]]:
    return [{"type": "numeric", "name": name, "property": name, "unit": unit} for name, unit in units.items()]


def _binary(name: str, on: object, off: object) -> dict[str, object]:
    return {"type": "binary", "name": name, "property": name, "value_on": on, "value_off": off}


def _enum(name: str, *values: str) -> dict[str, object]:
    return {"type": "enum", "name": name, "property": name, "values": values}


_POWERED = _numeric(battery="%", linkquality="lqi", voltage="mV")
_SWITCH = {"type": "switch", "features": [_binary("state", "ON", "OFF")]}
_COLOR = {"type": "composite", "name": "color_xy", "property": "color", "features": [
    {"type": "numeric", "name": name, "property": name} for name in ("x", "y")]}  # fmt: skip
_LIGHT = {"type": "light", "features": [
    _binary("state", "ON", "OFF"), {"type": "numeric", "name": "brightness", "property": "brightness"},
    *_numeric(color_temp="mired"), _COLOR]}  # fmt: skip
_STATES = {
    "climate": _climate, "contact": _contact, "motion": _occupancy, "plug": _plug, "button": _button, "light": _light,
}  # fmt: skip
_EXPOSES: Mapping[str, Exposes] = {
    "climate": [*_numeric(temperature="°C", humidity="%", pressure="hPa"), *_POWERED],
    "contact": [
        _binary("contact", False, True), *_numeric(device_temperature="°C"),
        {"type": "numeric", "name": "power_outage_count", "property": "power_outage_count"}, *_POWERED,
    ],
    "motion": [_binary("occupancy", True, False), *_numeric(illuminance="lx", device_temperature="°C"), *_POWERED],
    "plug": [
        _SWITCH, *_numeric(power="W", energy="kWh", current="A", voltage="V", linkquality="lqi"),
        _enum("power_outage_memory", "on", "off", "restore"),
    ],
    "button": [_enum("action", "single", "double", "hold", "release"), *_POWERED],
    "light": [_LIGHT, _enum("color_mode", "color_temp", "xy"), *_numeric(linkquality="lqi")],
}  # fmt: skip
_MODELS = {
    "climate": ("WSDCGQ11LM", "Aqara"), "contact": ("MCCGQ11LM", "Aqara"), "motion": ("RTCGQ11LM", "Aqara"),
    "plug": ("TS011F_plug_1", "Tuya"), "button": ("WXKG11LM", "Aqara"), "light": ("LED1924G9", "IKEA"),
}  # fmt: skip

_COUNTS = {
    "climate": (14, 24),
    "contact": (6, 8),
    "motion": (7, 22),
    "plug": (6, 62),
    "button": (3, 2),
    "light": (4, 22),
}
"""The number of devices of a kind, and the share of each."""

SENSORS = tuple(
    Sensor(number, kind, share, _ROOMS[number % 5] if number % 3 else "")
    for number, (kind, share) in enumerate(
        ((kind, share) for kind, (count, share) in _COUNTS.items() for _ in range(count)), start=1
    )
)
SHARES = sum(sensor.share for sensor in SENSORS)
