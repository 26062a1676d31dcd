"""Rows of a CSV (RFC 4180) with their line numbers, read in blocks so that a large file is never in memory as a whole.

A row that a crash cut off inside a quoted field would make any parser read the following rows as its continuation. So
the result of the fast parser is used only if it found one row per line. Any other block is split line by line, where a
line that begins with a timestamp begins a row. A line that is not UTF-8 is read as Windows-1252.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl
from polars.exceptions import PolarsError

from labcrate.readings.load.dialect import lines_as_utf8
from labcrate.readings.load.source_file import OpenFile

BLOCK_BYTES = 1 << 23

_BEGINS_ROW = re.compile(
    rb'"?(?:\d{4}-\d\d-\d\d[T ]'
    rb'|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}[ T,"]|\d{4}/\d{1,2}/\d{1,2}[ T,"]'
    rb'|\d{10}(?:\d{3}){0,2}"?[,;\t])'
)
_LONGEST_ROW = 1 << 20


@dataclass(frozen=True, slots=True)
class CsvBlock:
    """Some rows of a CSV file.

    ``lines``: the line number of each row, counted from 1. ``key_columns``: the columns requested when reading
    (String; null or empty where a row has no value). ``text`` or ``fields``: the rows themselves. ``broken_rows``: rows
    that are not whole; ``key_columns`` holds only their readable cells. ``truncated_from``: the first row that belongs
    to the truncated end of the file, if it cannot be read. ``guessed_lines``: lines read as Windows-1252 although
    others are UTF-8. ``unread_bytes`` and ``unread_lines``: how much of the end is left for the next block. ``raw``:
    the bytes of the file that were read; ``line_count``: how many lines they are.
    """

    lines: Sequence[int]
    key_columns: list[pl.Series]
    width: int
    delimiter: str = ","
    text: bytes = b""
    fields: list[list[str]] | None = None
    broken_rows: frozenset[int] = frozenset()
    truncated_from: int | None = None
    guessed_lines: tuple[int, ...] = ()
    unread_bytes: int = 0
    unread_lines: int = 0
    raw: bytes = b""
    line_count: int = 0

    def incomplete_rows(self) -> list[int]:
        """Return the rows with fewer fields than the header, of those that are not broken; see `RowFormat`."""
        if self.fields is not None:
            return []
        # The parser fills a row that was cut off with nulls.
        suspects = self.key_columns[-1].is_null().arg_true().to_list()
        if not suspects:
            return []
        lines = self.text.split(b"\n")
        return [row for row in suspects if _parse_fields(lines[row], self.width, self.delimiter) is None]

    def cells_of_rows(self, rows: Sequence[int]) -> tuple[list[int], list[list[str]]]:
        """Return the given rows that have as many fields as the header, and their cells: per column, a text per row."""
        if self.fields is not None:
            whole = [row for row in rows if row not in self.broken_rows]
            return whole, _transposed([self.fields[row] for row in whole], self.width)
        try:
            parsed = _parse(self.text, self.width, range(self.width), self.delimiter)
            columns = [column.gather(list(rows)) for column in parsed]
        except PolarsError:  # a column that was not read before does not parse in some row
            return self._cells_of_lines(rows)
        if columns[-1].null_count() and len(self._cells_of_lines(rows)[0]) < len(rows):
            return self._cells_of_lines(rows)
        return list(rows), [column.fill_null("").to_list() for column in columns]

    def _cells_of_lines(self, rows: Sequence[int]) -> tuple[list[int], list[list[str]]]:
        lines = self.text.split(b"\n")
        found = {row: fields for row in rows if (fields := _parse_fields(lines[row], self.width, self.delimiter))}
        return list(found), _transposed(list(found.values()), self.width)


@dataclass(frozen=True, slots=True)
class RowFormat:
    """The format of a file's rows: ``width`` fields each; ``key_columns``: the indexes of those to read first.

    For ``incomplete_rows``, the last of them is the last field.
    """

    width: int
    key_columns: Sequence[int]
    delimiter: str = ","


def read_blocks(
    file: OpenFile, rows: RowFormat, block_bytes: int = BLOCK_BYTES, first_line: int = 2
) -> Iterator[CsvBlock]:
    """Yield all rows after the header, in blocks."""
    # One buffer for all blocks: allocating memory for each costs more than parsing.
    buffer, filled, line = bytearray(block_bytes), 0, first_line
    while True:
        if filled == len(buffer):  # with the beginning of one row
            buffer.extend(bytes(len(buffer)))  # twice as large
        with memoryview(buffer) as view:
            got = file.readinto(view[filled:])
            end = filled + got
            cut = buffer.rfind(b"\n", 0, end) + 1 if got else end
            text = bytes(view[:cut])
        used = cut
        if text:
            lines = range(line, line + text.count(b"\n") + (not text.endswith(b"\n")))
            block = _parse_block(text, rows, lines, last=not got)
            used -= block.unread_bytes
            line_count = len(lines) - text.count(b"\n", used)
            yield replace(block, raw=text[:used], line_count=line_count)
            line += line_count
        if not got:
            return
        filled = end - used
        buffer[:filled] = buffer[used:end]


def _parse_block(raw: bytes, rows: RowFormat, numbers: range, last: bool) -> CsvBlock:
    text, foreign, mixed = lines_as_utf8(raw)
    guessed = tuple(numbers[place] for place in foreign) if mixed else ()
    first = _parse_lines(text, rows, len(numbers))
    if first is None:
        block = _split_rows(text, rows, numbers, last)
        if not foreign:
            return replace(block, guessed_lines=guessed)
        unread_bytes = block.unread_bytes and sum(
            len(one) + 1 for one in raw.split(b"\n")[: len(numbers)][-block.unread_lines :]
        )
        return replace(block, guessed_lines=guessed, unread_bytes=unread_bytes)
    truncated = len(numbers) - 1 if last and not text.endswith(b"\n") else None
    return CsvBlock(numbers, first, rows.width, rows.delimiter, text, truncated_from=truncated, guessed_lines=guessed)


def _parse_lines(text: bytes, rows: RowFormat, count: int) -> list[pl.Series] | None:
    """Return the key columns of a text with one row per line; None if it may have another form."""
    try:
        first = _parse(text, rows.width, rows.key_columns, rows.delimiter)
    except PolarsError:
        return None
    # A blank line becomes a row of nulls.
    return first if len(first[0]) == count and not first[0].null_count() else None


def _split_rows(text: bytes, rows: RowFormat, numbers: range, last: bool) -> CsvBlock:
    """Return the rows of a text that has not one row per line, whole and broken ones."""
    lines = text.split(b"\n")[: len(numbers)]
    fields: list[list[str]] = []
    places: list[int] = []
    broken: set[int] = set()
    truncated_from: int | None = None
    start = 0
    while start < len(lines):
        stop, open_field = _row_end(lines, start)
        if open_field and stop == len(lines):
            if not last:
                break  # the row may continue in the next block
            truncated_from = len(fields) if truncated_from is None else truncated_from
        row = None if open_field else _parse_fields(b"\n".join(lines[start:stop]), rows.width, rows.delimiter)
        if row is not None:
            fields.append(row)
            places.append(numbers[start])
            start, truncated_from = stop, None
            continue
        if lines[start].strip():
            broken.add(len(fields))
            fields.append(_readable_fields(lines[start], rows.width, rows.delimiter))
            places.append(numbers[start])
        start += 1
    if last and truncated_from is None and fields and not text.endswith(b"\n"):
        truncated_from = len(fields) - 1
    unread_bytes = sum(len(line) + 1 for line in lines[start:])
    first = _pick_columns(fields, rows.key_columns)
    return CsvBlock(
        places,
        first,
        rows.width,
        rows.delimiter,
        fields=fields,
        broken_rows=frozenset(broken),
        truncated_from=truncated_from,
        unread_bytes=unread_bytes,
        unread_lines=len(lines) - start,
    )


def _row_end(lines: list[bytes], start: int) -> tuple[int, bool]:
    """Return the end (exclusive) of the row that begins at ``start``, and whether a quoted field is still open."""
    quotes = size = 0
    for at in range(start, len(lines)):
        if at > start and (_BEGINS_ROW.match(lines[at]) or size > _LONGEST_ROW):
            return at, True
        quotes += lines[at].count(b'"')
        size += len(lines[at])
        if quotes % 2 == 0:
            return at + 1, False
    return len(lines), True


def _parse(text: bytes, width: int, columns: Sequence[int], delimiter: str) -> list[pl.Series]:
    names = [f"column {index}" for index in range(width)]
    schema = dict.fromkeys(names, pl.String)
    frame = pl.read_csv(text, has_header=False, schema=schema, columns=sorted(set(columns)), separator=delimiter)
    return [frame[names[index]] for index in columns]


def _transposed(rows: list[list[str]], width: int) -> list[list[str]]:
    return [[row[index] for row in rows] for index in range(width)]


def _pick_columns(fields: list[list[str]], columns: Sequence[int]) -> list[pl.Series]:
    return [pl.Series([row[index] for row in fields], dtype=pl.String) for index in columns]


def _parse_fields(row: bytes, width: int, delimiter: str) -> list[str] | None:
    """Return the fields of one row; None if it is incomplete."""
    try:
        parsed = list(csv.reader([row.decode().rstrip("\r\n")], strict=True, delimiter=delimiter))
    except (csv.Error, UnicodeDecodeError):
        return None
    return parsed[0] if len(parsed) == 1 and len(parsed[0]) == width else None


def _readable_fields(line: bytes, width: int, delimiter: str) -> list[str]:
    """Return the certain fields of a broken row: all but the last, which may be cut off; the others are empty."""
    try:
        parsed = next(csv.reader([line.decode().rstrip("\r\n")], delimiter=delimiter), [])
    except (csv.Error, UnicodeDecodeError):
        parsed = []
    known = parsed[: max(0, min(len(parsed) - 1, width))]
    return known + [""] * (width - len(known))
