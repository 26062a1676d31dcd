"""Weak values: passwords such as ``admin``, which count only as the whole value of a credential key.

The key may be before the value (``pin_code: 4711``), in another cell of its row, beside it in an object
(``{"property": "pin_code", "value": 4711}``), at the end of its topic, or the name of its column.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from ahocorasick_rs import BytesAhoCorasick

from labcrate.secrets.credential_keys import CREDENTIALS, PAYLOAD_CREDENTIALS, STEMS, normalize_key
from labcrate.secrets.escaped_regions import merge_ranges
from labcrate.secrets.needles import Needles
from labcrate.secrets.values import Secret, SecretKind

ROW_BYTES = 512
"""Bytes of a row or an object before and after a credential key in which its value is searched."""

_KEY_BEFORE, _KEY_LENGTH = 24, 40
_KEY = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z][A-Za-z0-9_-]{1,31}")
_BETWEEN = re.compile(rb"[\"'\\]{0,4}\s{0,8}(?:[:=]|>)\s{0,8}[\"'\\]{0,4}")
_AFTER_TOPIC = re.compile(rb"[\"'\\]{0,4}[ \t]{1,8}[\"'\\]{0,4}")
_WORD_CHARACTER = re.compile(rb"[A-Za-z0-9_.\x80-\xff-]")
_CELL_BEFORE = re.compile(rb"(?:\A|[\r\n,;\t|]|/|\xef\xbb\xbf)[ \"'\\]{0,4}\Z")
_MARKS = 4
_CELL_START = re.compile(rb"(?:\A|[\r\n,;\t|])[ \"'\\]{0,%d}\Z" % _MARKS)
_CELL_AFTER = re.compile(rb"[ \"'\\]{0,4}(?:\Z|[\r\n,;\t|])")
_TEXT_START_BEFORE = re.compile(rb"(?::\s{0,8}[\"'\\]{1,4}|/)\Z")
VALUE_KEYS = ("value", "val", "payload", "message", "data", "state")
"""Keys of an object that may hold the value of a credential named by another key."""

_VALUE_KEY = re.compile(rb"\b(?:%b)[\"'\\]{1,4}\s{0,8}:\s{0,8}[\"'\\]{0,4}" % "|".join(VALUE_KEYS).encode(), re.I)
_MIN_LENGTH_IN_ROW = 4
_MAX_HEADER_BYTES = 64 * 1024
_MAX_ROW_BYTES = 1024 * 1024


class WeakValues:
    """A search for known values at places where a credential key shows what they are."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._values = {s.value.encode("utf-8", "surrogatepass"): s.kind for s in secrets}
        self._lengths = sorted({len(value) for value in self._values}, reverse=True)
        self._value_list = list(self._values)
        self._value_search = BytesAhoCorasick(self._value_list) if self._value_list else None
        stems = {spelling for stem in STEMS for spelling in (stem, stem.upper(), stem.capitalize())}
        self._needles = Needles(stem.encode() for stem in stems) if self._values else None

    def has(self, text: str) -> bool:
        """Return whether a text as a whole is one of the values."""
        return text.encode("utf-8", "surrogatepass") in self._values

    def find(self, data: bytes) -> Iterator[tuple[int, int, SecretKind]]:
        """Yield start, stop and kind of each weak value that a credential key belongs to."""
        if self._needles is None or self._value_search is None or not self._value_search.find_matches_as_indexes(data):
            return  # the usual case
        rows: list[tuple[int, int]] = []
        objects: list[tuple[int, int]] = []
        credential_names: list[re.Match[bytes]] = []
        for key in self._keys(data, self._needles.positions(data)):
            name = normalize_key(key[0].decode())
            if name in PAYLOAD_CREDENTIALS:
                yield from self._value_after(data, key.end(), _BETWEEN)
            if name in CREDENTIALS:
                credential_names.append(key)
        places = self._places(data, credential_names)
        for key in credential_names:
            near = bisect_right(places, key.end() + ROW_BYTES)
            if near and places[near - 1] >= key.start() - ROW_BYTES:  # else there is no value near the key
                if data[key.start() - 1 : key.start()] == b"/":
                    yield from self._value_after(data, key.end(), _AFTER_TOPIC)
                rows.extend(_rows_around(data, key.start(), key.end()))
                objects.extend(_objects_around(data, key.start(), key.end()))
        # Keys are close together: search each row once.
        for start, stop in merge_ranges(sorted(objects)):
            for named in _VALUE_KEY.finditer(data, start, stop):
                yield from self._value_after(data, named.end(), _NOTHING)
        for start, stop in merge_ranges(sorted(rows)):
            yield from self._cells_of(data[start:stop], start)

    @staticmethod
    def _keys(data: bytes, positions: list[int]) -> Iterator[re.Match[bytes]]:
        """Yield the whole words around the positions at which a part of a credential key was found."""
        done = 0
        for position in positions:
            for key in _KEY.finditer(data, max(position - _KEY_BEFORE, done), position + _KEY_LENGTH):
                if key.end() > position:
                    done = key.end()
                    yield key
                    break

    def table_columns(self, beginning: bytes) -> "TableColumns | None":
        """Return a search of a table's columns, if its first line names one after a credential."""
        if self._needles is None:
            return None
        header = beginning[:_MAX_HEADER_BYTES].partition(b"\n")[0]
        if b"\0" in header or b"{" in header:
            return None
        separator = max(b",;\t|", key=header.count)
        names = header.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r").split(bytes((separator,)))
        named = [normalize_key(name.decode("latin-1")) in CREDENTIALS for name in names]
        credential_columns = frozenset(index for index, is_credential in enumerate(named) if is_credential)
        return (
            TableColumns(bytes((separator,)), len(names), credential_columns, self._values)
            if credential_columns
            else None
        )

    def _value_after(self, data: bytes, at: int, before: re.Pattern[bytes]) -> Iterator[tuple[int, int, SecretKind]]:
        between = before.match(data, at)
        if between is None:
            return
        start = between.end()
        for length in self._lengths:
            kind = self._values.get(data[start : start + length]) if start + length <= len(data) else None
            if kind is not None:
                if not _WORD_CHARACTER.match(data, start + length):
                    yield start, start + length, kind
                return

    def _places(self, data: bytes, keys: list[re.Match[bytes]]) -> list[int]:
        """Return the sorted ends of values in the rows and objects of keys; of overlapping values one is returned."""
        if self._value_search is None:
            return []
        found: list[int] = []
        for start, stop in merge_ranges([(max(key.start() - ROW_BYTES, 0), key.end() + ROW_BYTES) for key in keys]):
            found.extend(start + end for _, _, end in self._value_search.find_matches_as_indexes(data[start:stop]))
        return found

    def _cells_of(self, line: bytes, at: int) -> Iterator[tuple[int, int, SecretKind]]:
        """Yield the values that are a whole cell of a row; of two that overlap the first, and then the longer one."""
        if self._value_search is None:
            return
        places = self._value_search.find_matches_as_indexes(line, overlapping=True)
        done = 0
        for start, stop, which in sorted((start, -stop, which) for which, start, stop in places):
            if start < done or -stop - start < _MIN_LENGTH_IN_ROW:
                continue
            if _CELL_START.search(line[max(start - _MARKS - 1, 0) : start]) and _CELL_AFTER.match(line, -stop):
                done = -stop
                yield at + start, at + done, self._values[self._value_list[which]]


def _rows_around(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the row around a key that is a whole cell, or the end of a topic."""
    before, after = data[max(start - ROW_BYTES, 0) : start], data[stop : stop + ROW_BYTES]
    if _CELL_AFTER.match(after) and _CELL_BEFORE.search(before[-8:] if start >= 8 else before):
        left = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        ends = [at for at in (after.find(b"\n"), after.find(b"\r")) if at >= 0]
        yield start - len(before) + left, stop + min(ends, default=len(after))


def _objects_around(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the inside of the object around a key that is a whole text, or the end of a topic."""
    before, after = data[max(start - ROW_BYTES, 0) : start], data[stop : stop + ROW_BYTES]
    if _TEXT_START_BEFORE.search(before[-16:]):
        left = max(before.rfind(b"{"), before.rfind(b"}")) + 1
        right = min((at for at in (after.find(b"{"), after.find(b"}")) if at >= 0), default=len(after))
        yield start - len(before) + left, stop + right


_NOTHING = re.compile(b"")


class TableColumns:
    """A search of the columns of a table that are named after credentials, chunk by chunk.

    In a row with more or fewer cells than names (a line break or a separator in quotes), every cell counts.
    """

    def __init__(
        self, separator: bytes, names: int, credential_columns: frozenset[int], values: dict[bytes, SecretKind]
    ) -> None:
        self._separator, self._names, self._credential_columns, self._values = (
            separator,
            names,
            credential_columns,
            values,
        )
        self._value_search = BytesAhoCorasick(list(values))
        self._rest = b""
        self._at = 0

    def feed(self, chunk: bytes) -> list[tuple[int, int, SecretKind]]:
        """Return the values in the rows that are complete so far, with offsets in the whole table."""
        whole, newline, rest = (self._rest + chunk).rpartition(b"\n")
        if not newline and len(rest) > _MAX_ROW_BYTES:
            whole, rest = rest, b""
        found = self._search_rows(whole + newline)
        self._rest = rest
        return found

    def end(self) -> list[tuple[int, int, SecretKind]]:
        """Return the values in the last row."""
        found, self._rest = self._search_rows(self._rest), b""
        return found

    def _search_rows(self, data: bytes) -> list[tuple[int, int, SecretKind]]:
        found: list[tuple[int, int, SecretKind]] = []
        if not self._value_search.find_matches_as_indexes(data):
            self._at += len(data)
            return found
        for row in data.splitlines(keepends=True):
            cells = row.split(self._separator)
            at = self._at
            for index, cell in enumerate(cells):
                value = cell.strip(b" \t\"'\r\n")
                if value in self._values and (index in self._credential_columns or len(cells) != self._names):
                    start = at + cell.index(value)
                    found.append((start, start + len(value), self._values[value]))
                at += len(cell) + 1
            self._at += len(row)
        return found
