"""The type of each property: one for all devices, tables and sessions of a lab.

It is that of the devices' own definitions, else that of a dictionary of Zigbee2MQTT's properties, else the widest of
the values. Values that do not fit are not changed: tables have them as text in a column beside that of the property.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from labcrate.model.device import Device
from labcrate.readings.load.payload import canonical_number
from labcrate.readings.zigbee_properties import BOOLEANS, NUMBERS, STRINGS

PropertyType = Literal["number", "boolean", "string"]

ValueKind = Literal["number", "long number", "boolean", "string"]
"""What a scalar value is; a long number is one that a 64-bit float does not hold exactly."""

_FITTING: Mapping[str, frozenset[str]] = {
    "number": frozenset({"number", "any number"}),
    "boolean": frozenset({"boolean"}),
    "string": frozenset({"number", "any number", "long number", "boolean", "string"}),
}
_EXPOSED: Mapping[str, PropertyType] = {"numeric": "number", "enum": "string", "text": "string"}
# Of a device with several endpoints: state_left, power_l2.
_ENDPOINT = re.compile(r"_(?:l?\d{1,2}|left|right|center|top|middle|bottom)\Z")
# 15 significant digits always survive a float and back.
_SHORT = 15


def fits(kind: str, column_type: str) -> bool:
    """Return whether a column of the type has values of that kind; of any numbers, those that are not long."""
    return kind in _FITTING[column_type]


def is_exact_float(number: str) -> bool:
    """Return whether the shortest text of a 64-bit float has the value of a JSON number."""
    if len(number) <= _SHORT and "e" not in number.lower():
        return True
    try:
        value = float(number)
        return abs(value) < float("inf") and canonical_number(repr(value)) == canonical_number(number)
    except ValueError:  # an exponent of thousands of digits
        return False


class PropertyTypes:
    """The types of the properties of a lab's devices."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._exposed: dict[str, set[PropertyType]] = {}
        for device in devices:
            for name, exposed in _exposed(device):
                self._exposed.setdefault(name, set()).add(exposed)

    def type_of(self, name: str, kinds: Collection[ValueKind] = ()) -> PropertyType:
        """Return the type of a property (a top-level key); ``kinds`` are those of its values, for one not known."""
        if exposed := self._exposed.get(name):
            return exposed.copy().pop() if len(exposed) == 1 else "string"
        return _listed(name) or _listed(_ENDPOINT.sub("", name)) or _widest(kinds)


def _listed(name: str) -> PropertyType | None:
    if name in NUMBERS:
        return "number"
    if name in BOOLEANS:
        return "boolean"
    return "string" if name in STRINGS else None


def _widest(kinds: Collection[ValueKind]) -> PropertyType:
    found = set(kinds)
    if found and found <= {"number", "long number"}:
        return "number"
    return "boolean" if found == {"boolean"} else "string"


def _exposed(device: Device) -> Iterator[tuple[str, PropertyType]]:
    definition = device.extra.get("definition")
    if isinstance(definition, Mapping):
        yield from _walk(definition.get("exposes"))


def _walk(exposes: Any) -> Iterator[tuple[str, PropertyType]]:
    """Yield the scalar properties; those of a composite or a list are inside its value, not beside it."""
    if not isinstance(exposes, Sequence) or isinstance(exposes, str):
        return
    for one in exposes:
        if not isinstance(one, Mapping) or one.get("type") in ("composite", "list"):
            continue
        yield from _walk(one.get("features"))
        name, kind = one.get("property"), one.get("type")
        if not isinstance(name, str) or not isinstance(kind, str) or "features" in one:
            continue
        if kind == "binary":
            yield name, "boolean" if isinstance(one.get("value_on"), bool) else "string"
        elif kind in _EXPOSED:
            yield name, _EXPOSED[kind]
