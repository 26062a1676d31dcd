"""Rows of a CSV (RFC 4180), in blocks so that a large file is never in memory as a whole, each row with its line.

A row that a crash cut off in the middle of a quoted field would make any parser take the following rows for its
continuation. So the fast parser's result is believed only if it found one row per line; any other block is
taken apart line by line, and there a line that begins with a timestamp begins a row.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from labcrate.readings.source import Opened

BLOCK_BYTES = 1 << 23

_BEGINS_ROW = re.compile(rb'"?\d{4}-\d\d-\d\d[T ]')
_LONGEST_ROW = 1 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of the file.

    ``lines``: each row's line, counted from 1; ``first``: the columns asked for when reading, String, null or empty
    where a row has nothing; ``broken``: lines that hold no whole row; ``text`` or ``fields``: the rows themselves;
    ``left_bytes``: how much of the end was left for the next block.
    """

    lines: Sequence[int]
    first: list[pl.Series]
    width: int
    text: bytes = b""
    fields: list[list[str]] | None = None
    broken: tuple[int, ...] = ()
    left_bytes: int = 0

    def take(self, rows: Sequence[int]) -> tuple[list[int], list[list[str]]]:
        """Of the rows, those that have as many fields as the header, and their cells: per column, a text per row."""
        if self.fields is not None:
            return list(rows), _transposed([self.fields[row] for row in rows], self.width)
        try:
            columns = [column.gather(list(rows)) for column in _parse(self.text, self.width, range(self.width))]
        except PolarsError:  # a column that was not looked at before does not parse in some row
            return self._take_lines(rows)
        # The parser fills up a row that was cut off with nulls.
        if columns[-1].null_count() and len(self._take_lines(rows)[0]) < len(rows):
            return self._take_lines(rows)
        return list(rows), [column.fill_null("").to_list() for column in columns]

    def _take_lines(self, rows: Sequence[int]) -> tuple[list[int], list[list[str]]]:
        lines = self.text.split(b"\n")
        found = {row: fields for row in rows if (fields := _fields(lines[row], self.width)) is not None}
        return list(found), _transposed(list(found.values()), self.width)


def read_header(file: Opened) -> list[str]:
    """The names in the first line; an empty list for an empty file.

    Raises ValueError if it is not UTF-8 text.
    """
    line = file.readline(_LONGEST_ROW).removeprefix(b"\xef\xbb\xbf").decode().rstrip("\r\n")
    try:
        return [name.strip() for name in next(csv.reader([line]), [])]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def read_blocks(file: Opened, width: int, columns: Sequence[int], block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """All rows after the header, ``width`` fields each; ``columns`` are the places of the columns wanted first."""
    # One buffer for all blocks: touching fresh memory for each costs more than parsing does.
    buffer, filled, line = bytearray(block_bytes), 0, 2
    while True:
        if filled == len(buffer):  # by the beginning of one row
            buffer.extend(bytes(block_bytes))
        with memoryview(buffer) as view:
            got = file.readinto(view[filled:])
            end = filled + got
            cut = buffer.rfind(b"\n", 0, end) + 1 if got else end
            text = bytes(view[:cut])
        used = cut
        if text:
            lines = range(line, line + text.count(b"\n") + (not text.endswith(b"\n")))
            block = _block(text, width, columns, lines) or _mend(text, width, columns, lines, last=not got)
            yield block
            used -= block.left_bytes
            line += len(lines) - text.count(b"\n", used)
        if not got:
            return
        filled = end - used
        buffer[:filled] = buffer[used:end]


def _block(text: bytes, width: int, columns: Sequence[int], lines: range) -> Block | None:
    """The rows of a text that is one row per line; None if it is not sure to be that."""
    try:
        first = _parse(text, width, columns)
    except PolarsError:
        return None
    # A blank line becomes a row of nulls.
    sound = len(first[0]) == len(lines) and not first[0].null_count()
    return Block(lines, first, width, text) if sound else None


def _mend(text: bytes, width: int, columns: Sequence[int], numbers: range, last: bool) -> Block:
    """The whole rows of a text that is not one row per line."""
    lines = text.split(b"\n")[: len(numbers)]
    fields: list[list[str]] = []
    places: list[int] = []
    broken: list[int] = []
    start = 0
    while start < len(lines):
        stop, open_field = _row_end(lines, start)
        if open_field and stop == len(lines) and not last:
            break  # the row may go on in the next block
        row = None if open_field else _fields(b"\n".join(lines[start:stop]), width)
        if row is not None:
            fields.append(row)
            places.append(numbers[start])
            start = stop
            continue
        if lines[start].strip():
            broken.append(numbers[start])
        start += 1
    left = sum(len(line) + 1 for line in lines[start:])
    return Block(places, _pick(fields, columns), width, fields=fields, broken=tuple(broken), left_bytes=left)


def _row_end(lines: list[bytes], start: int) -> tuple[int, bool]:
    """Where the row ends that begins at ``start`` (exclusive), and whether a quoted field is still open there."""
    quotes = size = 0
    for at in range(start, len(lines)):
        if at > start and (_BEGINS_ROW.match(lines[at]) or size > _LONGEST_ROW):
            return at, True
        quotes += lines[at].count(b'"')
        size += len(lines[at])
        if quotes % 2 == 0:
            return at + 1, False
    return len(lines), True


def _parse(text: bytes, width: int, columns: Sequence[int]) -> list[pl.Series]:
    names = [f"column {index}" for index in range(width)]
    schema = dict.fromkeys(names, pl.String)
    frame = pl.read_csv(text, has_header=False, schema=schema, columns=sorted(set(columns)))
    return [frame[names[index]] for index in columns]


def _transposed(rows: list[list[str]], width: int) -> list[list[str]]:
    return [[row[index] for row in rows] for index in range(width)]


def _pick(fields: list[list[str]], columns: Sequence[int]) -> list[pl.Series]:
    return [pl.Series([row[index] for row in fields], dtype=pl.String) for index in columns]


def _fields(row: bytes, width: int) -> list[str] | None:
    """The fields of one row, None if it is not a whole one."""
    try:
        parsed = list(csv.reader([row.decode().rstrip("\r\n")], strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    return parsed[0] if len(parsed) == 1 and len(parsed[0]) == width else None
