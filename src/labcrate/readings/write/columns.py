"""The columns of the tables of readings, and of CSVs that the platform wrote: name, type and unit."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labcrate.messages.message import Message
from labcrate.model.device import Device
from labcrate.readings.load.slice import Readings
from labcrate.readings.property_types import PropertyTypes, ValueKind, fits
from labcrate.readings.units import CERTAIN_UNITS, Units

if TYPE_CHECKING:
    from labcrate.readings.values.key_kinds import KeyKinds

ColumnType = Literal["datetime", "string", "integer", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type and meaning; ``key`` is the payload's top-level key in it, if any.

    A column ``beside`` another has the values of its key that do not fit the other's type, as text.
    The type names are those of the Frictionless table schema. An empty cell is no value, in every type; a quoted empty
    cell of a string column is an empty text.
    """

    name: str
    type: ColumnType
    unit: str | None
    description: Message
    key: str | None = None
    beside: bool = False


_SESSION = Column("session", "string", None, Message("readings.column.session"))
_BEFORE = (
    Column("timestamp", "datetime", None, Message("readings.column.timestamp")),
    Column("topic", "string", None, Message("readings.column.topic")),
    Column("device_id", "string", None, Message("readings.column.device_id")),
)
_MEASURED = {
    "temperature": Message("readings.column.temperature"),
    "humidity": Message("readings.column.humidity"),
    "motion": Message("readings.column.motion"),
    "battery": Message("readings.column.battery"),
    "linkquality": Message("readings.column.linkquality"),
}
_AFTER = (Column("payload", "string", None, Message("readings.column.payload")), _SESSION)

FIXED_COLUMNS = (*(column.name for column in _BEFORE), *_MEASURED, *(column.name for column in _AFTER))
PREFIX = "payload."
_BESIDE = "_text"
# Readings that are equal may have other rows: they are known by their identity, as long as they exist.
_KEPT: dict[int, KeyKinds] = {}

LONG_COLUMNS = (
    Column("timestamp", "datetime", None, Message("readings.column.timestamp")),
    Column("device_id", "string", None, Message("readings.column.device")),
    Column("property", "string", None, Message("readings.column.property")),
    Column("value", "string", None, Message("readings.column.value")),
    Column("unit", "string", None, Message("readings.column.unit")),
    Column("kind", "string", None, Message("readings.column.kind")),
    Column("changed", "boolean", None, Message("readings.column.changed")),
    _SESSION,
)
"""The columns of ``sensor_readings.csv``."""


def zigbee_columns(readings: Readings) -> tuple[Column, ...]:
    """Return the columns of ``zigbee-sensors.csv`` in order: fixed ones, every further scalar key, payload, session.

    A key is a column if one of its values is neither null nor nested. A key that is blank, or has the name of a fixed
    column with another meaning (``topic``, ``payload``), becomes ``payload.KEY``. If a value does not fit the type of
    its key, the column is followed by ``KEY_text``, which has such values.
    """
    return columns_of(key_kinds(readings), readings.topics.devices)


def columns_of(found: KeyKinds, devices: Sequence[Device]) -> tuple[Column, ...]:
    """Return the columns for keys with values of these kinds; see `zigbee_columns`."""
    names = {key: _main_name(key, found) for key in found if key not in _MEASURED}
    taken = {*found, *names.values(), *FIXED_COLUMNS}
    layout = _Layout(found, PropertyTypes(devices), Units(devices), taken)
    fixed = [column for name, meaning in _MEASURED.items() for column in layout.fixed(name, meaning)]
    further = [column for key in sorted(names, key=names.__getitem__) for column in layout.further(key, names[key])]
    return (*_BEFORE, *fixed, *further, *_AFTER)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the columns of keys are made from; ``taken`` are the names that no column beside another may have."""

    found: KeyKinds
    types: PropertyTypes
    units: Units
    taken: set[str]

    def fixed(self, name: str, meaning: Message) -> list[Column]:
        """Return a fixed column, and that of the values that do not fit it."""
        kinds = self._kinds(name)
        if name == "motion":
            return self._with_text(Column(name, "boolean", None, meaning), name, kinds - {"boolean"})
        column = Column(name, self.types.type_of(name, kinds), self._unit(name), meaning, name)
        return self._with_text(column, name, kinds)

    def further(self, key: str, name: str) -> list[Column]:
        """Return the column of a key, and that of its values that do not fit."""
        kinds = self._kinds(key)
        meaning = Message("readings.column.key", key=key)
        return self._with_text(Column(name, self.types.type_of(key, kinds), self._unit(key), meaning, key), key, kinds)

    def _with_text(self, column: Column, key: str, kinds: frozenset[ValueKind]) -> list[Column]:
        if all(fits(kind, column.type) for kind in kinds):
            return [column]
        name = _unused(f"{column.name}{_BESIDE}", self.taken)
        self.taken.add(name)
        return [column, Column(name, "string", None, Message("readings.column.text", key=key), key, beside=True)]

    def _kinds(self, key: str) -> frozenset[ValueKind]:
        return frozenset[ValueKind]().union(*self.found.get(key, {}).values())

    def _unit(self, key: str) -> str | None:
        return self.units.shared_unit(list(self.found.get(key, {})) or [""], key)


def key_kinds(readings: Readings) -> KeyKinds:
    """Return the kinds of the readings' values, found once for all tables."""
    if not len(readings):
        return {}
    known = _KEPT.get(id(readings))
    if known is None:
        from labcrate.readings.values.key_kinds import find_key_kinds  # noqa: PLC0415

        known = _KEPT[id(readings)] = find_key_kinds(readings.batches())
        weakref.finalize(readings, _KEPT.pop, id(readings), None)
    return known


def set_key_kinds(readings: Readings, kinds: KeyKinds) -> None:
    """Set the kinds of the readings' values, if they are known without decoding them."""
    if id(readings) not in _KEPT:
        _KEPT[id(readings)] = kinds
        weakref.finalize(readings, _KEPT.pop, id(readings), None)


def _main_name(key: str, keys: Collection[str]) -> str:
    """Return the key, or the key after a prefix if the plain key is blank or a fixed column."""
    return key if key.strip() and key not in FIXED_COLUMNS else _unused(PREFIX + key, keys)


def _unused(name: str, keys: Collection[str]) -> str:
    """Return the name, after as many prefixes as make it none of the keys."""
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
