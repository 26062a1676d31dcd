"""JSON files of the lab: read as they are, oddities included, with errors that say where."""

import errno
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.folder import LabFolder
from labcrate.messages.text import printable

T = TypeVar("T")
_LONGEST_SHOWN = 80
_MAX_DEPTH = 64
_TOO_DEEP = f"nests objects and lists more than {_MAX_DEPTH} levels deep, as no lab does; correct the file."
LONGEST_TEXT = 1_000_000
"""Bytes in UTF-8 that a single text of a document may have."""

_BOM = b"\xef\xbb\xbf"


def read_bytes(lab: LabFolder, path: str) -> bytes | None:
    """Return the bytes of a file of the lab, None where there is no file. Raises DocumentError."""
    try:
        return lab.read(path)
    except OSError as error:
        remedy = "put the file itself in its place" if error.errno == errno.ELOOP else "check its permissions"
        raise DocumentError(path, "", f"cannot be read ({error.strerror}); {remedy}.") from None


def read_json(lab: LabFolder, path: str) -> Any:
    """Return the value in a JSON file of the lab, None where there is no file. Raises DocumentError."""
    data = read_bytes(lab, path)
    return None if data is None else parse_json(data, path)


def parse_json(data: bytes, path: str) -> Any:
    """Return the value of a JSON text; ``path`` is the file's, for the message. Raises DocumentError."""
    try:
        value = msgspec.json.decode(data.removeprefix(_BOM))
    except RecursionError:
        raise DocumentError(path, "", _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(path, *_locate_json_error(data, error)) from error
    if _is_deeper_than(_MAX_DEPTH, value):
        raise DocumentError(path, "", _TOO_DEEP)
    return value


def _is_deeper_than(limit: int, value: Any) -> bool:
    """Whether objects and lists nest further: what is done with them later goes down level by level."""
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


def _locate_json_error(data: bytes, error: Exception) -> tuple[str, str]:
    """Line and reason of a JSON error: msgspec tells a byte, people count lines."""
    remedy = "Correct the file, or wait until the lab has finished writing it."
    if not data.strip():
        return "", f"is empty, not JSON. {remedy}"
    try:
        json.loads(data.removeprefix(_BOM))
    except json.JSONDecodeError as found:
        what = found.msg.removesuffix(" at")
        return f"line {found.lineno}, column {found.colno}", f"is not valid JSON: {what}. {remedy}"
    except UnicodeDecodeError as found:
        line = data.count(b"\n", 0, found.start) + 1
        return f"line {line}", f"is not UTF-8 text. {remedy}"
    except ValueError:  # a number of more digits than Python converts
        return "", f"holds a number too long to be one. {remedy}"
    return "", f"is not valid JSON: {error}. {remedy}"


def convert(value: Any, to: type[T], path: str, key: str) -> T:
    """Check a JSON value against a type. Raises DocumentError naming the key that does not fit."""
    try:
        return msgspec.convert(value, to, strict=False)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        where = (key + at.rstrip("`")).lstrip(".")
        raise DocumentError(path, f"key {where}" if where else "", f"{problem}.") from error


def list_entries(value: Any, path: str) -> Iterator[tuple[str | None, str, Any]]:
    """Yield the entries of a list or of an object keyed by id, the two shapes that the platform writes.

    Each is its key in the object (None in a list), how a message names its place (``7``, ``[0]``), and its value.
    A key is shortened and made visible for the message: it may hold anything.
    Raises DocumentError for a value that is neither.
    """
    if isinstance(value, dict):
        yield from ((key, short_text(key), entry) for key, entry in value.items())
    elif isinstance(value, list):
        yield from ((None, f"[{i}]", entry) for i, entry in enumerate(value))
    else:
        what = "must be a list, or an object keyed by id, and is neither; correct the file."
        raise DocumentError(path, "", what)


def short_text(text: str) -> str:
    """Return a key or an id as a message quotes it: on one line, at most so long."""
    return printable(text, _LONGEST_SHOWN)


def check_text_lengths(value: Any, path: str, where: str) -> None:
    """Check that no text in a JSON value is longer than ``LONGEST_TEXT``. Raises DocumentError naming its key.

    Each text is cleaned, compared and shown many times over. ``where`` is the value's own place in the file.
    """
    with suppress(OverflowError):  # an integer that JSON holds and this encoder does not
        if len(msgspec.json.encode(value)) <= LONGEST_TEXT:
            return
    waiting: list[tuple[str, Any]] = [(where, value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, str) and _is_too_long(one):
            raise _too_long_error(path, place, one)
        if isinstance(one, dict):
            for key, inner in one.items():
                if _is_too_long(key):
                    raise _too_long_error(path, f"{place}.{short_text(key)}", key)
                waiting.append((f"{place}.{short_text(key)}", inner))
        elif isinstance(one, list):
            waiting.extend((f"{place}[{i}]", inner) for i, inner in enumerate(one))


def _is_too_long(text: str) -> bool:
    if 4 * len(text) <= LONGEST_TEXT:
        return False
    return len(text) > LONGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT


def _too_long_error(path: str, place: str, text: str) -> DocumentError:
    size = len(text.encode("utf-8", "surrogatepass")) / 1_000_000
    what = (
        f"is a text of {size:.2f} MB, and 1 MB is the most; shorten it, or keep it as a file of its own in the "
        "session's folder."
    )
    return DocumentError(path, f"key {place.lstrip('.')}", what)
