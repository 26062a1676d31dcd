"""Read and check JSON files of the lab, with errors that name the line or key."""

import errno
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.messages.text import printable

T = TypeVar("T")
_LONGEST_SHOWN = 80
_MAX_DEPTH = 64
MAX_TEXT_BYTES = 1_000_000
"""The maximum length of one text in a JSON file, in bytes of UTF-8."""

_BOM = b"\xef\xbb\xbf"
_TYPES = {
    "str": "lab.type_text",
    "int": "lab.type_whole_number",
    "float": "lab.type_number",
    "bool": "lab.type_boolean",
    "object": "lab.type_object",
    "array": "lab.type_list",
    "null": "lab.type_null",
}
_WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `(\w+)`")
_MISSING_FIELD = re.compile(r"Object missing required field `([^`]+)`")


def read_bytes(lab: LabFolder, path: str) -> bytes | None:
    """Return the bytes of a file of the lab, or None if it does not exist. Raises DocumentError."""
    try:
        return lab.read(path)
    except OSError as error:
        id = "lab.file_is_link" if error.errno == errno.ELOOP else "lab.file_unreadable"
        raise DocumentError(path, "", Message(id, reason=error.strerror)) from None


def read_json(lab: LabFolder, path: str) -> Any:
    """Return the value in a JSON file of the lab, or None if it does not exist. Raises DocumentError."""
    data = read_bytes(lab, path)
    return None if data is None else parse_json(data, path)


def parse_json(data: bytes, path: str) -> Any:
    """Return the value of a JSON text; ``path`` is the file named in the error. Raises DocumentError."""
    try:
        value = msgspec.json.decode(data.removeprefix(_BOM))
    except RecursionError:
        raise DocumentError(path, "", Message("lab.json_too_deep", levels=_MAX_DEPTH)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(path, *_locate_json_error(data, error)) from error
    if _is_deeper_than(_MAX_DEPTH, value):
        raise DocumentError(path, "", Message("lab.json_too_deep", levels=_MAX_DEPTH))
    return value


def _is_deeper_than(limit: int, value: Any) -> bool:
    """Return whether objects and lists are nested deeper: later steps recurse once for each level."""
    level = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _locate_json_error(data: bytes, error: Exception) -> tuple[str, Message]:
    """Return the place (line and column) and the description of a JSON error, which msgspec locates by byte alone."""
    if not data.strip():
        return "", Message("lab.json_empty")
    try:
        json.loads(data.removeprefix(_BOM))
    except json.JSONDecodeError as found:
        place = Message("lab.line_column", line=str(found.lineno), column=str(found.colno))
        return place, Message("lab.json_invalid", error=found.msg.removesuffix(" at"))
    except UnicodeDecodeError as found:
        line = data.count(b"\n", 0, found.start) + 1
        return Message("lab.line", line=str(line)), Message("lab.not_utf8")
    except ValueError:  # a number with more digits than Python converts
        return "", Message("lab.json_number_too_long")
    return "", Message("lab.json_invalid", error=str(error))


def convert(value: Any, to: type[T], path: str, key: str) -> T:
    """Return a JSON value as a type. Raises DocumentError naming the key whose value does not fit."""
    try:
        return msgspec.convert(value, to, strict=False)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        where = (key + at.rstrip("`")).lstrip(".")
        raise DocumentError(path, key_place(where), _describe_mismatch(problem)) from error


def _describe_mismatch(problem: str) -> Message:
    """Return the message for a problem that msgspec found in the type of a value."""
    if match := _WRONG_TYPE.fullmatch(problem):
        expected = [_TYPES.get(name, "") for name in match[1].split(" | ") if name != "null"]
        found = _TYPES.get(match[2], "")
        if all(expected) and found:
            types = Message(expected[0])
            for other in expected[1:]:
                types = Message("lab.type_or", first=types, second=Message(other))
            return Message("lab.wrong_type", expected=types, found=Message(found))
    if match := _MISSING_FIELD.fullmatch(problem):
        return Message("lab.missing_field", field=match[1])
    return Message("lab.wrong_value", problem=problem)


def key_place(key: str) -> str:
    """Return the place of a key in a file, as an error names it; empty for the whole file."""
    return Message("lab.key", key=key) if key else ""


def list_entries(value: Any, path: str) -> Iterator[tuple[str | None, str, Any]]:
    """Yield the entries of a list or of an object keyed by id, the two forms that the platform writes.

    Each is its key in the object (None in a list), the name of its place for messages (``7``, ``[0]``), and its value.
    The name is short and printable, although a key may be any text. Raises DocumentError for any other value.
    """
    if isinstance(value, dict):
        yield from ((key, short_text(key), entry) for key, entry in value.items())
    elif isinstance(value, list):
        yield from ((None, f"[{i}]", entry) for i, entry in enumerate(value))
    else:
        raise DocumentError(path, "", Message("lab.no_entries"))


def short_text(text: str) -> str:
    """Return a key or an id for a message: on one line, shortened to 80 characters."""
    return printable(text, _LONGEST_SHOWN)


def check_text_lengths(value: Any, path: str, where: str) -> None:
    """Check that no text in a JSON value is longer than ``MAX_TEXT_BYTES``. Raises DocumentError naming its key.

    Each text is cleaned, compared and shown many times. ``where`` is the place of the value in the file.
    """
    with suppress(OverflowError):  # the JSON has an integer that this encoder does not support
        if len(msgspec.json.encode(value)) <= MAX_TEXT_BYTES:
            return
    unchecked: list[tuple[str, Any]] = [(where, value)]
    while unchecked:
        place, one = unchecked.pop()
        if isinstance(one, str) and _is_too_long(one):
            raise _too_long_error(path, place, one)
        if isinstance(one, dict):
            for key, inner in one.items():
                if _is_too_long(key):
                    raise _too_long_error(path, f"{place}.{short_text(key)}", key)
                unchecked.append((f"{place}.{short_text(key)}", inner))
        elif isinstance(one, list):
            unchecked.extend((f"{place}[{i}]", inner) for i, inner in enumerate(one))


def _is_too_long(text: str) -> bool:
    if 4 * len(text) <= MAX_TEXT_BYTES:
        return False
    return len(text) > MAX_TEXT_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES


def _too_long_error(path: str, place: str, text: str) -> DocumentError:
    size = len(text.encode("utf-8", "surrogatepass")) / 1_000_000
    return DocumentError(path, key_place(place.lstrip(".")), Message("lab.text_too_long", size=f"{size:.2f}"))
