"""Saying what of a member's header is not as labcrate writes it."""

import stat
import struct
import sys

from labcrate.archive import records

_SHARED = ("version", "flags", "method", "time", "date", "CRC-32", "packed size", "size", "name length", "extra length")
_LOCAL_FIELDS = ("signature", *_SHARED)
_CENTRAL_FIELDS = (
    "signature",
    "maker",
    *_SHARED,
    "comment length",
    "disk",
    "internal attributes",
    "attributes",
    "offset",
)
_FLAG_NAMES = {1 << 0: "encrypted", 1 << 3: "data descriptor", 1 << 11: "UTF-8"}
_METHODS = {8: "deflated", 99: "encrypted with AES"}


def local_difference(found: bytes, expected: bytes) -> str:
    """Return the names of the fields in which two local headers differ; they must have at least the fixed length."""
    return _difference(records.LOCAL_HEADER, _LOCAL_FIELDS, found, expected)


def central_difference(found: bytes, expected: bytes) -> str:
    """Return the names of the fields in which two headers of the central directory differ."""
    return _difference(records.CENTRAL_HEADER, _CENTRAL_FIELDS, found, expected)


def _difference(head: struct.Struct, names: tuple[str, ...], found: bytes, expected: bytes) -> str:
    values = dict(zip(names, head.unpack_from(found), strict=True))
    others = dict(zip(names, head.unpack_from(expected), strict=True))
    words = [_described(name, values[name], others[name]) for name in names if values[name] != others[name]]
    start, expected_start = head.size + values["name length"], head.size + others["name length"]
    if found[head.size : start] != expected[head.size : expected_start]:
        words.append("name")
    if found[start:] != expected[expected_start:]:
        words.append("extra fields")
    return sys.intern(", ".join(words) or "length")  # a hundred thousand members differ in the same way


def _described(name: str, value: int, expected: int) -> str:
    if name == "flags":
        known = [word for bit, word in _FLAG_NAMES.items() if (value ^ expected) & bit]
        return f"flags ({', '.join(known)})" if known else name
    if name == "method" and value in _METHODS:
        return f"method ({_METHODS[value]})"
    if name == "attributes" and stat.S_ISLNK(value >> 16):
        return "attributes (symbolic link)"
    return name
