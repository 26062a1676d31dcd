"""The payload of a message: as compact JSON text, as a value to compare, as cells of a table.

The text is the source's own: key order, number text and escapes are unchanged, only whitespace between the tokens is
removed.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Number(str):
    """The text of a JSON number, as the source wrote it."""

    __slots__ = ()


DECODER = msgspec.json.Decoder(float_hook=Number)
"""Decoder of a payload; numbers with a fraction or exponent become ``Number``, so that no digit changes."""
SCALAR_TEXT: Mapping[type, Callable[[Any], str]] = {
    str: str,
    Number: str,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
}
"""The function that turns each type of scalar that `DECODER` makes into the text of a cell; null becomes no text."""

_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])

MAX_DEPTH = 64
"""The most objects and lists inside each other; messages of devices have far fewer."""


def compact(json_text: bytes | str | msgspec.Raw) -> str:
    """Return a payload given as JSON, without whitespace between its tokens.

    A string that contains a JSON object is that object: some platforms store the message as text. Raises ValueError if
    it is not JSON, or nested deeper than `MAX_DEPTH`.
    """
    text, value = _checked(json_text)
    if type(value) is str and value.lstrip().startswith("{"):
        try:
            return _checked(value)[0]
        except ValueError:
            return text
    return text


def _checked(json_text: bytes | str | msgspec.Raw) -> tuple[str, object]:
    """Return the compact text and its value."""
    try:
        formatted = msgspec.json.format(json_text, indent=-1)
        text = formatted if isinstance(formatted, str) else formatted.decode()
        value = DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deep")
    return text, value


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, (dict, list))]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def from_cell(cell: str) -> str:
    """Return a CSV cell's payload as compact JSON: JSON unchanged, any other text as a string.

    Raises ValueError for text that begins like JSON but is not: a message that was cut off.
    """
    try:
        return compact(cell.encode())
    except ValueError:
        if cell.lstrip()[:1] in ("{", "[", '"'):
            raise
    return msgspec.json.encode(cell).decode()


def from_cells(cells: dict[str, str], decimal_comma: bool = False) -> str:
    """Return a payload made from a row's own cells (key to text), without empty cells.

    With ``decimal_comma`` the text ``21,5`` is the number 21.5.
    """
    return (
        "{" + ",".join(f"{_quoted(key)}:{_literal(cell, decimal_comma)}" for key, cell in cells.items() if cell) + "}"
    )


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def to_json(value: object) -> str:
    """Return a value that `DECODER` made as compact JSON, with unchanged numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{to_json(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    if type(value) is str:
        return _quoted(value)
    return "null" if value is None else SCALAR_TEXT[type(value)](value)


VALUE_TEXT: Mapping[type, Callable[[Any], str]] = {**SCALAR_TEXT, list: to_json}
"""The function that turns each type of value but objects into a cell: strings unchanged, others as JSON."""
VALUE_JSON: Mapping[type, Callable[[Any], str]] = {**VALUE_TEXT, str: _quoted}
"""The function that turns each type into JSON."""


def comparison_text(text: str) -> str:
    """Return a text that is equal for JSON of equal value: key order, whitespace, ``22`` and ``22.0`` do not matter."""
    try:
        return _canonical(json.loads(text, parse_int=Number, parse_float=Number))
    except (ValueError, RecursionError):  # an exponent of thousands of digits
        return text


def covers(payload: str, built: str) -> bool:
    """Return whether every value of ``built`` (see `from_cells`) is also in the payload.

    ``motion`` of a table may be the payload's ``occupancy``.
    """
    if not payload.startswith("{"):
        return False
    whole, part = (_MEMBERS.decode(text) for text in (payload, built))
    if "motion" not in whole and "occupancy" in whole:
        whole["motion"] = whole["occupancy"]
    return all(key in whole and _value(whole[key]) == _value(value) for key, value in part.items())


def _value(raw: msgspec.Raw) -> str:
    return comparison_text(bytes(raw).decode())


def _canonical(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{_quoted(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_canonical, value)) + "]"
        case Number():
            return canonical_number(value)
        case _:
            return json.dumps(value)


def canonical_number(number: str) -> str:
    """Return a number as its significant digits and a power of ten: one text per value of any size."""
    mantissa, _, power = number.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    exponent = int(power or 0) - len(fraction) + len(digits) - len(significant)
    return f"{'-' if number.startswith('-') else ''}{significant}e{exponent}"


def _literal(cell: str, decimal_comma: bool) -> str:
    """Return a cell as a JSON number or boolean if it is one, else as a string."""
    text = cell.replace(",", ".") if decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell
    try:
        value = DECODER.decode(text.encode())
    except (ValueError, RecursionError):
        return _quoted(cell)
    return text.strip() if isinstance(value, (bool, int, Number)) else _quoted(cell)
