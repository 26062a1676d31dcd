"""Name the columns of the tables of readings, and of CSVs that the platform wrote: type and unit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labcrate.readings.load.slice import Readings
from labcrate.readings.units import CERTAIN_UNITS, Units

ColumnType = Literal["datetime", "string", "integer", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type and meaning; ``key`` is the payload's top-level key that it holds, if any.

    The type names are those of the Frictionless table schema. An empty cell is no value, in every type; of texts a
    quoted empty cell is a text without letters.
    """

    name: str
    type: ColumnType
    unit: str | None
    description: str
    key: str | None = None


_BEFORE = (
    Column("timestamp", "datetime", None, "When the message came: UTC, ISO 8601"),
    Column("topic", "string", None, "MQTT topic of the message"),
    Column("device_id", "string", None, "The device's name in devices.json, else the topic without its base"),
)
_MEASURED = {
    "temperature": ("number", "Air temperature"),
    "humidity": ("number", "Relative humidity of the air"),
    "motion": ("boolean", "Whether motion or occupancy was reported: the payload's motion or, without one, occupancy"),
    "battery": ("number", "Charge of the device's battery"),
    "linkquality": ("number", "Quality of the radio link, 0 to 255"),
}
_AFTER = (Column("payload", "string", None, "The whole message as JSON, every value as the source has it"),)

FIXED_COLUMNS = (*(column.name for column in _BEFORE), *_MEASURED, *(column.name for column in _AFTER))
PREFIX = "payload."

LONG_COLUMNS = (
    Column("timestamp", "datetime", None, "When the message came: UTC, ISO 8601"),
    Column("device_id", "string", None, "The device"),
    Column("property", "string", None, "What is told of the device; the keys of nested values are joined by -"),
    Column("value", "string", None, "The value: a number, true or false, a text, or a list as JSON"),
    Column("unit", "string", None, "The value's unit, where it is certain"),
)
"""The columns of ``sensor_readings.csv``."""


def zigbee_columns(readings: Readings) -> tuple[Column, ...]:
    """The columns of ``zigbee-sensors.csv``, in order: the fixed ones, every further scalar key, the payload.

    A key is a column if one of its values is neither null nor nested. A key that is called like a fixed column that
    means something else (``topic``, ``payload``, a ``motion`` that is not true or false), or that is blank,
    becomes ``payload.KEY``.
    """
    found = _types_by_key(readings)
    units = Units(readings.topics.devices)
    fixed = [_measured_column(name, found, units) for name in _MEASURED]
    further: dict[str, Column] = {}
    for key in sorted(found):
        types = frozenset().union(*found[key].values()) - {"null", "nested"}
        if key == "motion":
            types -= {"boolean"}
        if types and (key == "motion" or key not in _MEASURED):
            name = _column_name(key, found)
            further[name] = Column(
                name, _type(types), units.shared_unit(list(found[key]), key), f"The payload's {key!r}", key
            )
    return (*_BEFORE, *fixed, *(further[name] for name in sorted(further)), *_AFTER)


def _types_by_key(readings: Readings) -> dict[str, dict[str, frozenset[str]]]:
    """Key to device to types: the profile seen from the keys."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for device, keys in readings.profile.items():
        for key, types in keys.items():
            found.setdefault(key, {})[device] = types
    return found


def _measured_column(name: str, found: Mapping[str, Mapping[str, frozenset[str]]], units: Units) -> Column:
    usual, meaning = _MEASURED[name]
    if name == "motion":
        return Column(name, "boolean", None, meaning)
    holders = found.get(name, {})
    types = frozenset().union(*holders.values()) - {"null", "nested"}
    kind: ColumnType = "number" if usual == "number" and types <= {"integer", "number"} else _type(types)
    return Column(name, kind, units.shared_unit(list(holders) or [""], name), meaning, name)


def _type(types: Collection[str]) -> ColumnType:
    """The type that holds values of all the types."""
    match sorted(types):
        case ["integer"]:
            return "integer"
        case ["boolean"]:
            return "boolean"
        case ["number"] | ["integer", "number"]:
            return "number"
    return "string"


def _column_name(key: str, taken: Collection[str]) -> str:
    """The key, or the key behind a prefix where the plain key would be blank or a fixed column."""
    if key.strip() and key not in FIXED_COLUMNS:
        return key
    name = PREFIX + key
    while name in taken:
        name = PREFIX + name
    return name


_TIME = Column("timestamp", "datetime", None, "When the platform received the message: ISO 8601")
_SENSOR = Column("sensor_id", "string", None, "What the platform took for the sensor: a part of the topic")
_STATE = (
    Column("battery", "number", CERTAIN_UNITS["battery"], "Charge of the device's battery, where the message says it"),
    Column(
        "linkquality", "number", CERTAIN_UNITS["linkquality"], "Quality of the radio link, where the message says it"
    ),
)
_TRAFFIC = (
    _TIME,
    Column("topic", "string", None, "MQTT topic of the message"),
    Column("payload", "string", None, "The whole message as JSON, or as the text that came"),
    _SENSOR,
    *_STATE,
)
_VALUES: dict[str, tuple[ColumnType, str]] = {
    "temperature": ("number", "Air temperature"),
    "humidity": ("number", "Relative humidity of the air"),
    "motion": ("boolean", "Whether motion or occupancy was reported"),
}


def describe_platform_csv(name: str, header: Sequence[str]) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the platform writes, None for any other file.

    ``name`` is the file's name, perhaps with folders before it; ``header`` the names in its first line. A known name
    over another header is another file.
    """
    last = name.rpartition("/")[2]
    columns: tuple[Column, ...] | None = None
    if last.startswith("session_") and last.endswith("_mqtt_traffic.csv"):
        columns = _TRAFFIC
    elif last.endswith("_sensors.csv") and (quantity := last.removesuffix("_sensors.csv")) in _VALUES:
        kind, meaning = _VALUES[quantity]
        columns = (_TIME, _SENSOR, Column(quantity, kind, CERTAIN_UNITS.get(quantity), meaning), *_STATE)
    if columns is None or [one.strip() for one in header] != [column.name for column in columns]:
        return None
    return columns
