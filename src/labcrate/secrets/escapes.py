"""Escapes of a value: JSON (RFC 8259), percent (RFC 3986), XML 1.0, CSV (RFC 4180), UTF-16.

A value is found in two ways. Its usual spellings are made in advance and searched for. Any other mixture of escapes
is decoded around the escapes themselves, with the source position of each byte.
"""

import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from msgspec import Struct

LEVELS = 3
"""The levels of escapes that are decoded: a JSON text in a JSON text in a URL."""

MAX_ESCAPE_LENGTH = 12
"""Bytes that one escaped character may take; a longer one is not recognised."""

_JSON_SHORT = {
    b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
}  # fmt: skip
_XML_NAMES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_ESCAPE = re.compile(
    rb"(?P<percents>(?:%[0-9A-Fa-f]{2})+)"
    rb"|(?P<units>(?:\\u00[0-7][0-9A-Fa-f])+)"
    rb'|\\(?:u(?P<unit>[0-9A-Fa-f]{4})|(?P<short>["\\/bfnrt]))'
    rb"|&(?:#(?P<decimal>[0-9]{1,7})|#[xX](?P<hex>[0-9A-Fa-f]{1,6})|(?P<name>amp|lt|gt|quot|apos));"
)
_PLAIN = re.compile("[A-Za-z0-9._~-]*")  # what no format escapes
_LOW_SURROGATE = re.compile(rb"\\u(D[C-Fc-f][0-9A-Fa-f]{2}|d[C-Fc-f][0-9A-Fa-f]{2})")


class Decoded(Struct, frozen=True):
    """Bytes with one level of escapes decoded, and their positions in the source."""

    data: bytes
    _starts: list[int]  # offsets in data where a run begins
    _sources: list[int]  # where that run begins in the source
    _steps: list[int]  # source bytes for each of its bytes; 0 if they vary
    _stops: list[int]  # where the run ends in the source

    def source_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of the source for the bytes from ``start`` up to ``stop``."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, stop - 1) - 1
        begin = self._sources[first] + (start - self._starts[first]) * self._steps[first]
        step = self._steps[last]
        end = self._sources[last] + (stop - self._starts[last]) * step if step else self._stops[last]
        return begin, end


def decode(data: bytes) -> Decoded | None:
    """Decode one level of escapes in linear time; return None if there is none."""
    if _ESCAPE.search(data) is None:
        return None
    parts: list[bytes] = []
    starts: list[int] = []
    sources: list[int] = []
    steps: list[int] = []
    stops: list[int] = []
    length = at = 0
    for source, stop, text, step in _decode_escapes(data):
        if source > at:
            parts.append(data[at:source])
            starts.append(length)
            sources.append(at)
            steps.append(1)
            stops.append(source)
            length += source - at
        parts.append(text)
        starts.append(length)
        sources.append(source)
        steps.append(step)
        stops.append(stop)
        length += len(text)
        at = stop
    if at < len(data):
        parts.append(data[at:])
        starts.append(length)
        sources.append(at)
        steps.append(1)
        stops.append(len(data))
    return Decoded(b"".join(parts), starts, sources, steps, stops)


def _decode_escapes(data: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield start, stop and decoded bytes of each escape, or of a run of escapes of equal length, with that length."""
    at = 0
    for found in _ESCAPE.finditer(data):
        if found.start() < at:  # the second half of a pair
            continue
        at = found.end()
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "percents":
            yield found.start(), at, bytes.fromhex(text.replace(b"%", b"").decode()), 3
            continue
        if kind == "units":
            yield found.start(), at, bytes.fromhex(text.replace(b"\\u00", b"").decode()), 6
            continue
        if kind == "short":
            meaning = _JSON_SHORT[text]
        elif kind == "name":
            meaning = _XML_NAMES[text]
        elif kind == "unit":
            number = int(text, 16)
            low = _LOW_SURROGATE.match(data, at) if 0xD800 <= number < 0xDC00 else None
            if low is not None:
                number = 0x10000 + ((number - 0xD800) << 10) + int(low[1], 16) - 0xDC00
                at = low.end()
            meaning = _utf8(number)
        else:
            meaning = _utf8(int(text, 10 if kind == "decimal" else 16))
        yield found.start(), at, meaning, 0


def _utf8(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"


def spellings(value: str) -> set[str]:
    """Return the usual spellings of a value: as it is, and escaped as common writers of each format do."""
    if _PLAIN.fullmatch(value):
        return {value}
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_json |= {text.replace("/", "\\/") for text in in_json}
    raw = value.encode("utf-8", "surrogatepass")
    percent = {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="/:@!$&'()*+,;=")}
    percent |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in percent}
    in_text = html.escape(value, quote=False)
    in_attribute = in_text.replace('"', "&quot;")
    in_xml = {in_text, *(in_attribute.replace("'", mark) for mark in ("'", "&#39;", "&#x27;", "&apos;"))}
    found = {value, value.replace(" ", "+")} | in_json | percent | in_xml
    found |= {json.dumps(text)[1:-1] for text in in_json}
    return found | {text.replace('"', '""') for text in found}


def decoded_forms(value: str) -> set[bytes]:
    """Return what remains of a value that looks escaped itself, after each level of decoding."""
    found = set()
    data = value.encode("utf-8", "surrogatepass")
    for _ in range(LEVELS):
        decoded = decode(data)
        if decoded is None:
            break
        data = decoded.data
        found.add(data)
    return found
