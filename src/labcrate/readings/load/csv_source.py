"""Reading ``zigbee-sensors.csv``: one row per reading, with the whole message in its column ``payload``.

The columns ``timestamp`` and either ``topic`` or ``device_id`` are required, in any order. A row without a payload
(other tools write such files) gets one made from its own other cells; a row without a topic is of the device in its
``device_id``.
"""

from collections.abc import Sequence

import polars as pl

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.csv_rows import BLOCK_BYTES, CsvBlock, RowFormat, read_blocks
from labcrate.readings.load.dialect import KNOWN_COLUMNS, Dialect, open_utf8, read_dialect
from labcrate.readings.load.payload import from_cell, from_cells
from labcrate.readings.load.problems import Extent, ReadingsProblem
from labcrate.readings.load.source import FileReadings, OpenFile, ReadingsCollector, RowBatch
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import Topics, device_id

_NO_ROW = Message("readings.row_incomplete")
_NO_UTF16 = Message("readings.utf16_damaged")
_GUESSED = Message("readings.mixed_encodings")


def read_csv(
    file: OpenFile,
    label: str,
    window: TimeSpan,
    topics: Topics,
    rules: TimeRules | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> FileReadings:
    """Return the readings inside the window; a file without the required columns becomes a fatal problem."""
    file, first_line, transcoder = open_utf8(file)
    try:
        dialect = read_dialect(file, first_line)
    except ValueError:
        return _fatal(label, Message("readings.csv_header"))
    reader = _CsvReader(dialect, ReadingsCollector(label, window, topics, rules))
    if not dialect.header:
        reader.collector.faults.add(Message("readings.csv_empty"), "")
        return reader.collector.result()
    if not dialect.has_required_columns:
        return _fatal(label, Message("readings.csv_missing_columns"))
    rows = RowFormat(len(dialect.header), reader.key_columns, dialect.delimiter)
    for block in read_blocks(file, rows, block_bytes, dialect.first_row_line):
        reader.add_block(block)
    if transcoder is not None and transcoder.is_damaged:
        reader.collector.faults.add(_NO_UTF16, "", extent=Extent.INSIDE)
    return reader.collector.result()


def _fatal(label: str, what: Message) -> FileReadings:
    return FileReadings(problems=(ReadingsProblem(label, _line(1), what, fatal=True),))


def _line(number: int) -> Message:
    return Message("readings.line", line=str(number))


class _CsvReader:
    """A reader of blocks of rows under one header."""

    def __init__(self, dialect: Dialect, collector: ReadingsCollector) -> None:
        self.collector = collector
        self._decimal_comma = dialect.decimal_comma
        self._column_index = {name: index for index, name in reversed(list(enumerate(dialect.header)))}
        self._value_columns = {name: index for name, index in self._column_index.items() if name not in KNOWN_COLUMNS}
        self.key_columns = [
            self._column_index[name] for name in ("timestamp", "topic", "device_id") if name in self._column_index
        ]

    def add_block(self, block: CsvBlock) -> None:
        """Add a block's readings."""
        if block.guessed_lines:
            self.collector.faults.add(_GUESSED, _line(block.guessed_lines[0]), len(block.guessed_lines))
        if not len(block.lines):
            return
        broken = dict.fromkeys(block.broken_rows, _NO_ROW)
        topic = self._topics(block)
        batch = self.collector.read_batch(
            block.key_columns[0], topic, lambda row: _line(block.lines[row]), broken, block.truncated_from
        )
        self._note_topic_kinds(block, batch)
        if batch.inside.any():
            self._add_inside(block, batch)

    def _topics(self, block: CsvBlock) -> pl.Series:
        """Return each row's topic, made from its device_id if it has none; empty if it has neither."""
        names = [name for name in ("topic", "device_id") if name in self._column_index]
        frame = pl.DataFrame(
            [one.fill_null("").alias(name) for name, one in zip(names, block.key_columns[1:], strict=True)]
        )
        if "device_id" not in names:
            return frame["topic"]
        topic = frame["topic"] if "topic" in names else pl.repeat("", frame.height, eager=True)
        if not (missing := (topic == "") & (frame["device_id"] != "")).any():
            return topic
        made = self.collector.topics.base + "/" + frame["device_id"]
        self.collector.topics_from_ids.update(made.filter(missing).unique().to_list())
        return pl.select(pl.when(missing).then(made).otherwise(topic).alias("topic"))["topic"]

    def _note_topic_kinds(self, block: CsvBlock, batch: RowBatch) -> None:
        """Note the topics of the file.

        If the device is only a part of a topic, the topic's first row shows whether its messages are whole.
        """
        for topic, row in self.collector.first_rows_of_new_topics(batch):
            whole = True
            if "/" in device_id(topic, self.collector.topics.base) and row not in block.broken_rows:
                rows, cells = block.cells_of_rows([row])
                payloads, _ = self._payloads(cells, len(rows))
                whole = all(payload is not None and payload.startswith("{") for payload in payloads)
            self.collector.kinds.add((topic, whole))

    def _add_inside(self, block: CsvBlock, batch: RowBatch) -> None:
        rows_inside = batch.inside.arg_true().to_list()
        rows, cells = block.cells_of_rows(rows_inside)
        if len(rows) < len(rows_inside):
            for row in sorted(set(rows_inside).difference(rows)):
                self.collector.add_fault(batch, row, _NO_ROW)
        self.collector.add_payloads(batch, rows, *self._payloads(cells, len(rows)))

    def _payloads(self, cells: Sequence[list[str]], count: int) -> tuple[list[str | None], list[bool]]:
        """Return each row's payload as compact JSON (None if unreadable), and whether it was made from other cells."""
        whole = cells[self._column_index["payload"]] if "payload" in self._column_index else [""] * count
        payloads: list[str | None] = []
        for row, cell in enumerate(whole):
            try:
                payloads.append(from_cell(cell) if cell.strip() else self._payload_from_cells(cells, row))
            except ValueError:
                payloads.append(None)
        return payloads, [not cell.strip() for cell in whole]

    def _payload_from_cells(self, cells: Sequence[list[str]], row: int) -> str:
        return from_cells({name: cells[index][row] for name, index in self._value_columns.items()}, self._decimal_comma)
