"""One type for each property: from the devices' definitions, a dictionary, or the values."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.model.device import Device
from labcrate.readings.property_types import PropertyTypes, ValueKind, fits, is_exact_float
from labcrate.readings.zigbee_properties import BOOLEANS, NUMBERS, STRINGS


def device(*exposes: dict[str, Any]) -> Device:
    """Return a device whose definition exposes these."""
    return Device("0x1", "one", extra={"definition": {"exposes": list(exposes)}})


def test_the_definition_comes_first() -> None:
    """Numeric is a number, binary a boolean if its values are; features of a light count, of a composite not."""
    types = PropertyTypes(
        [
            device(
                {"type": "numeric", "property": "alarm"},
                {"type": "binary", "property": "contact", "value_on": "OPEN", "value_off": "CLOSED"},
                {"type": "binary", "property": "gas", "value_on": True, "value_off": False},
                {"type": "enum", "property": "voltage"},
                {"type": "light", "features": [{"type": "numeric", "property": "level"}]},
                {"type": "composite", "property": "color", "features": [{"type": "numeric", "property": "mired"}]},
            )
        ]
    )
    expected = {"alarm": "number", "contact": "string", "gas": "boolean", "voltage": "string", "level": "number"}
    assert {name: types.type_of(name) for name in expected} == expected
    assert types.type_of("mired", {"boolean"}) == "boolean"


def test_definitions_that_differ_give_text() -> None:
    """A property that is a number for one device and a text for another is text for both."""
    numeric, text = ({"type": kind, "property": "temperature"} for kind in ("numeric", "text"))
    assert PropertyTypes([device(numeric), device(text)]).type_of("temperature", {"number"}) == "string"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("temperature", "number"),
        ("water_leak", "boolean"),
        ("state", "string"),
        ("state_left", "string"),
        ("power_l2", "number"),
    ],
)
def test_the_dictionary_holds_whatever_the_values_are(name: str, expected: str) -> None:
    """A well-known property has its type without a definition, also with the name of an endpoint."""
    kinds: list[ValueKind] = ["number", "boolean", "string"]
    assert {PropertyTypes([]).type_of(name, {kind}) for kind in kinds} == {expected}


def test_no_property_has_two_types_in_the_dictionary() -> None:
    """The three lists have no name in common."""
    assert not NUMBERS & BOOLEANS
    assert not NUMBERS & STRINGS
    assert not BOOLEANS & STRINGS


@given(st.integers(-(10**20), 10**20), st.integers(-320, 310))
def test_a_number_fits_if_the_float_has_its_value(digits: int, power: int) -> None:
    """Exactly the numbers fit whose shortest float text has the same value in decimal."""
    for text in (f"{digits}e{power}", str(digits), f"{digits / 10:.3f}", repr(float(digits))):
        value = float(text)
        same = abs(value) < float("inf") and Decimal(repr(value)) == Decimal(text)
        assert is_exact_float(text) == same, text


def test_every_value_fits_a_text() -> None:
    """A column of text has all scalars itself, one of numbers not those that a float would change."""
    kinds: tuple[ValueKind, ...] = ("number", "long number", "boolean", "string")
    assert [fits(kind, "string") for kind in kinds] == [True] * 4
    assert [fits(kind, "number") for kind in kinds] == [True, False, False, False]
    assert [fits(kind, "boolean") for kind in kinds] == [False, False, True, False]
