"""Reading ``zigbee-sensors.csv``: one row per reading, with the whole message in its column ``payload``.

The columns ``timestamp`` and either ``topic`` or ``device_id`` are required, in any order. A row without a payload
(other tools write such files) gets one made from its own other cells; a row without a topic is of the device in its
``device_id``.
"""

from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import TYPE_CHECKING

import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.csv_rows import BLOCK_BYTES, CsvBlock, RowFormat, read_blocks
from labcrate.readings.load.dialect import KNOWN_COLUMNS, Dialect, Utf16Transcoder, open_utf8, read_dialect
from labcrate.readings.load.payload import from_cell, from_cells
from labcrate.readings.load.payload_texts import compact_texts
from labcrate.readings.load.segment_rows import RawRows, ReadContext, read_rows
from labcrate.readings.load.segments import (
    Effect,
    FaultList,
    RowFault,
    SegmentInfo,
    SourceSegment,
    digest_of,
)
from labcrate.readings.load.source_file import FileRead, OpenFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_NO_ROW = Message("readings.row_incomplete")
_NO_UTF16 = Message("readings.utf16_damaged")
_GUESSED = Message("readings.mixed_encodings")
_SMALL = 1 << 20


def read_csv(
    file: OpenFile, context: ReadContext, known: FileRead | None = None, block_bytes: int = BLOCK_BYTES
) -> FileRead:
    """Return the file's segments: those of ``known`` that it still begins with, and what follows when iterated.

    A file without the required columns has a fatal problem.
    """
    file, first_line, transcoder = open_utf8(file)
    try:
        dialect = read_dialect(file, first_line)
    except ValueError:
        return _fatal(Message("readings.csv_header"))
    if not dialect.header:
        return FileRead(faults=(RowFault(Message("readings.csv_empty"), "", Effect.NOTE),))
    if not dialect.has_required_columns:
        return _fatal(Message("readings.csv_missing_columns"))
    form = digest_of(repr(dialect).encode())
    unchanged: list[SegmentInfo] = []
    data = b""
    if known is not None and known.form == form:
        unchanged, data = _unchanged_segments(file, known.segments)
    first_line_left = unchanged[-1].first_place + unchanged[-1].places if unchanged else dialect.first_row_line
    reader = _CsvReader(dialect, context)
    rest = _Prefixed(data, file)
    read = FileRead(form=form, unchanged=tuple(unchanged))
    read.new_segments = _read_segments(rest, reader, first_line_left, block_bytes, transcoder, read)
    return read


def _fatal(what: Message) -> FileRead:
    return FileRead(fatal=(Message("readings.line", line="1"), what))


def _unchanged_segments(file: BufferedIOBase, known: Sequence[SegmentInfo]) -> tuple[list[SegmentInfo], bytes]:
    """Return the segments with which the file begins, and what was read after them.

    A small last one is read again with what was appended, else a file that grows has ever more of them.
    """
    unchanged: list[SegmentInfo] = []
    last = b""
    for segment in known:
        data = file.read(segment.size_bytes)
        if len(data) != segment.size_bytes or digest_of(data) != segment.digest:
            break
        unchanged.append(segment)
        last = data
    else:
        data = file.read(1 << 16)
    if unchanged and data and (unchanged[-1].is_open or unchanged[-1].size_bytes < _SMALL):
        unchanged.pop()
        data = last + data
    return unchanged, data


def _read_segments(
    file: BufferedIOBase,
    reader: "_CsvReader",
    first_line: int,
    block_bytes: int,
    transcoder: Utf16Transcoder | None,
    read: FileRead,
) -> Iterator[SourceSegment]:
    for block in read_blocks(file, reader.row_format, block_bytes, first_line):
        yield reader.read_segment(block, first_line)
        first_line += block.line_count
    if transcoder is not None and transcoder.is_damaged:
        read.faults = (RowFault(_NO_UTF16, "", Effect.ALWAYS),)


class _Prefixed(BufferedIOBase):
    """A file before which some bytes are read."""

    def __init__(self, prefix: bytes, file: BufferedIOBase) -> None:
        self._prefix, self._file = prefix, file

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read up to the size of the buffer."""
        if not self._prefix:
            return self._file.readinto(buffer)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._prefix))
        view[:count], self._prefix = self._prefix[:count], self._prefix[count:]
        return count


class _CsvReader:
    """A reader of blocks of rows under one header."""

    def __init__(self, dialect: Dialect, context: ReadContext) -> None:
        self._context = context
        self._decimal_comma = dialect.decimal_comma
        self._column_index = {name: index for index, name in reversed(list(enumerate(dialect.header)))}
        self._value_columns = {name: index for name, index in self._column_index.items() if name not in KNOWN_COLUMNS}
        self._names = [name for name in KNOWN_COLUMNS if name in self._column_index]
        width = len(dialect.header)
        columns = [*(self._column_index[name] for name in self._names), width - 1]
        self.row_format = RowFormat(width, columns, dialect.delimiter)

    def read_segment(self, block: CsvBlock, first_line: int) -> SourceSegment:
        """Return a block as a segment, whose first line has this number."""
        faults = FaultList()
        if block.guessed_lines:
            faults.add(_GUESSED, block.guessed_lines[0], Effect.NOTE, len(block.guessed_lines))
        columns = dict(zip(self._names, block.key_columns, strict=False))
        broken = dict.fromkeys([*block.broken_rows, *block.incomplete_rows()], _NO_ROW)
        topic, made = self._topics(columns)
        raw = RawRows(
            times=columns["timestamp"],
            topic=topic,
            places=block.lines,
            where=block.lines.__getitem__,
            payloads=lambda rows: self._payloads(block, columns.get("payload"), rows),
            broken=broken,
            truncated_from=block.truncated_from,
            made_topics=made,
        )
        size = len(block.raw)
        open_end = not block.raw.endswith(b"\n")
        info = SegmentInfo(0, "", size, digest_of(block.raw), first_line, block.line_count, is_open=open_end)
        return read_rows(raw, self._context, info, faults)

    def _topics(self, columns: dict[str, pl.Series]) -> tuple[pl.Series, frozenset[str]]:
        """Return each row's topic, made from its device_id if it has none; empty if it has neither."""
        known = [columns[name].fill_null("").alias(name) for name in ("topic", "device_id") if name in columns]
        frame = pl.DataFrame(known)
        if "device_id" not in columns:
            return frame["topic"], frozenset()
        topic = frame["topic"] if "topic" in columns else pl.repeat("", frame.height, eager=True)
        if not (missing := (topic == "") & (frame["device_id"] != "")).any():
            return topic, frozenset()
        made = self._context.topics.base + "/" + frame["device_id"]
        named = pl.select(pl.when(missing).then(made).otherwise(topic).alias("topic"))["topic"]
        return named, frozenset(made.filter(missing).unique())

    def _payloads(self, block: CsvBlock, cells: pl.Series | None, rows: list[int]) -> tuple[pl.Series, pl.Series]:
        """Return each row's payload as compact JSON (null if unreadable), and whether it was made from other cells."""
        if cells is None:
            blank = pl.repeat(True, len(rows), eager=True)
            whole = pl.repeat(None, len(rows), dtype=pl.String, eager=True)
        else:
            whole = cells.gather(rows)
            blank = (whole.str.strip_chars() == "").fill_null(True)
        if not blank.any():
            return compact_texts(whole, _readable_cell), blank
        texts: list[str | None] = compact_texts(whole.set(blank, "{}"), _readable_cell).to_list()
        at = blank.arg_true().to_list()
        found, built_cells = block.cells_of_rows([rows[place] for place in at])
        by_row = {row: number for number, row in enumerate(found)}
        for place in at:
            number = by_row.get(rows[place])
            texts[place] = None if number is None else self._payload_from_cells(built_cells, number)
        return pl.Series(texts, dtype=pl.String), blank

    def _payload_from_cells(self, cells: Sequence[list[str]], row: int) -> str | None:
        try:
            return from_cells(
                {name: cells[index][row] for name, index in self._value_columns.items()}, self._decimal_comma
            )
        except ValueError:
            return None


def _readable_cell(cell: str) -> str | None:
    try:
        return from_cell(cell)
    except ValueError:
        return None
