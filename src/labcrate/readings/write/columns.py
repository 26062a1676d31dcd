"""The columns of the tables of readings, and of CSVs that the platform wrote: name, type and unit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labcrate.messages.message import Message
from labcrate.readings.load.slice import Readings
from labcrate.readings.units import CERTAIN_UNITS, Units

ColumnType = Literal["datetime", "string", "integer", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type and meaning; ``key`` is the payload's top-level key in it, if any.

    The type names are those of the Frictionless table schema. An empty cell is no value, in every type; a quoted empty
    cell of a string column is an empty text.
    """

    name: str
    type: ColumnType
    unit: str | None
    description: Message
    key: str | None = None


_BEFORE = (
    Column("timestamp", "datetime", None, Message("readings.column.timestamp")),
    Column("topic", "string", None, Message("readings.column.topic")),
    Column("device_id", "string", None, Message("readings.column.device_id")),
)
_MEASURED = {
    "temperature": ("number", Message("readings.column.temperature")),
    "humidity": ("number", Message("readings.column.humidity")),
    "motion": ("boolean", Message("readings.column.motion")),
    "battery": ("number", Message("readings.column.battery")),
    "linkquality": ("number", Message("readings.column.linkquality")),
}
_AFTER = (Column("payload", "string", None, Message("readings.column.payload")),)

FIXED_COLUMNS = (*(column.name for column in _BEFORE), *_MEASURED, *(column.name for column in _AFTER))
PREFIX = "payload."

LONG_COLUMNS = (
    Column("timestamp", "datetime", None, Message("readings.column.timestamp")),
    Column("device_id", "string", None, Message("readings.column.device")),
    Column("property", "string", None, Message("readings.column.property")),
    Column("value", "string", None, Message("readings.column.value")),
    Column("unit", "string", None, Message("readings.column.unit")),
)
"""The columns of ``sensor_readings.csv``."""


def zigbee_columns(readings: Readings) -> tuple[Column, ...]:
    """Return the columns of ``zigbee-sensors.csv`` in order: the fixed ones, every further scalar key, the payload.

    A key is a column if one of its values is neither null nor nested. A key that is blank, or has the name of a fixed
    column with another meaning (``topic``, ``payload``, a ``motion`` that is no boolean), becomes ``payload.KEY``.
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
                name,
                _type(types),
                units.shared_unit(list(found[key]), key),
                Message("readings.column.key", key=key),
                key,
            )
    return (*_BEFORE, *fixed, *(further[name] for name in sorted(further)), *_AFTER)


def _types_by_key(readings: Readings) -> dict[str, dict[str, frozenset[str]]]:
    """Return the types by key and device, from the profile by device and key."""
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
    """Return the type that fits values of all the types."""
    match sorted(types):
        case ["integer"]:
            return "integer"
        case ["boolean"]:
            return "boolean"
        case ["number"] | ["integer", "number"]:
            return "number"
    return "string"


def _column_name(key: str, keys: Collection[str]) -> str:
    """Return the key, or the key after a prefix if the plain key is blank or a fixed column."""
    if key.strip() and key not in FIXED_COLUMNS:
        return key
    name = PREFIX + key
    while name in keys:
        name = PREFIX + name
    return name


_TIME = Column("timestamp", "datetime", None, Message("readings.column.timestamp_platform"))
_SENSOR = Column("sensor_id", "string", None, Message("readings.column.sensor_id"))
_STATE = (
    Column("battery", "number", CERTAIN_UNITS["battery"], Message("readings.column.battery_platform")),
    Column("linkquality", "number", CERTAIN_UNITS["linkquality"], Message("readings.column.linkquality_platform")),
)
_TRAFFIC = (
    _TIME,
    Column("topic", "string", None, Message("readings.column.topic")),
    Column("payload", "string", None, Message("readings.column.payload_platform")),
    _SENSOR,
    *_STATE,
)
_VALUES: dict[str, tuple[ColumnType, Message]] = {
    "temperature": ("number", Message("readings.column.temperature")),
    "humidity": ("number", Message("readings.column.humidity")),
    "motion": ("boolean", Message("readings.column.motion_platform")),
}


def describe_platform_csv(name: str, header: Sequence[str]) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the platform writes, None for any other file.

    ``name`` is the file's name, perhaps with folders; ``header`` the names in its first line. A known name with another
    header is another file.
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
