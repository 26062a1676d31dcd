"""Reading ``zigbee-sensors.csv``: one row per reading, the whole message in its column ``payload``.

The columns ``timestamp`` and either ``topic`` or ``device_id`` must be there, in any place. A row without a payload
(other tools write such files) gets one made from its own other cells; one without a topic is of the device that its
``device_id`` names.
"""

from collections.abc import Sequence

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.csv_rows import BLOCK_BYTES, Block, Rows, read_blocks
from labcrate.readings.load.dialect import NEEDED, Dialect, open_utf8, read_dialect
from labcrate.readings.load.payload import from_cell, from_cells
from labcrate.readings.load.problems import Extent, Problem
from labcrate.readings.load.source import Gatherer, Opened, Piece, Source
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import Topics, device_id

_NO_ROW = "this is no whole row, so it was left out; a crash may have cut it off"
_NO_UTF16 = "some bytes are no UTF-16 text, so letters are missing; write the file again"
_GUESSED = "the line is not UTF-8 although others are, and was read as Windows-1252; letters in it may be wrong"


def read_csv(
    file: Opened,
    label: str,
    window: TimeSpan,
    topics: Topics,
    rules: TimeRules | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Source:
    """Read the readings inside the window; a file without the needed columns becomes a fatal problem."""
    file, first_line, transcoder = open_utf8(file)
    try:
        dialect = read_dialect(file, first_line)
    except ValueError:
        what = "the header is not one line of text; write the file again as UTF-8"
        return Source(problems=(Problem(label, "line 1", what, fatal=True),))
    reader = _Reader(dialect, Gatherer(label, window, topics, rules))
    if not dialect.header:
        reader.gatherer.tally.add("the file is empty, without even a header, so it was taken as having no readings", "")
        return reader.gatherer.source()
    if not dialect.has_columns:
        what = 'the header needs the columns "timestamp" and "topic" (or "device_id"); put them in'
        return Source(problems=(Problem(label, "line 1", what, fatal=True),))
    rows = Rows(len(dialect.header), reader.first, dialect.delimiter)
    for block in read_blocks(file, rows, block_bytes, dialect.first_row):
        reader.take(block)
    if transcoder is not None and transcoder.damaged:
        reader.gatherer.tally.add(_NO_UTF16, "", extent=Extent.INSIDE)
    return reader.gatherer.source()


class _Reader:
    """Takes blocks of rows under one header."""

    def __init__(self, dialect: Dialect, gatherer: Gatherer) -> None:
        self.gatherer = gatherer
        self._decimal_comma = dialect.decimal_comma
        self._place = {name: index for index, name in reversed(list(enumerate(dialect.header)))}
        self._cells = {name: index for name, index in self._place.items() if name not in NEEDED}
        self.first = [self._place[name] for name in ("timestamp", "topic", "device_id") if name in self._place]

    def take(self, block: Block) -> None:
        """Add a block's readings."""
        if block.guessed:
            self.gatherer.tally.add(_GUESSED, f"line {block.guessed[0]}", len(block.guessed))
        if not len(block.lines):
            return
        broken = dict.fromkeys(block.broken, _NO_ROW)
        topic = self._topics(block)
        piece = self.gatherer.take(
            block.first[0], topic, lambda row: f"line {block.lines[row]}", broken, block.torn_from
        )
        self._look_at_kinds(block, piece)
        if piece.taken.any():
            self._take_inside(block, piece)

    def _topics(self, block: Block) -> pl.Series:
        """Each row's topic, made from its device_id where there is none; empty where there is neither."""
        names = [name for name in ("topic", "device_id") if name in self._place]
        frame = pl.DataFrame([one.fill_null("").alias(name) for name, one in zip(names, block.first[1:], strict=True)])
        if "device_id" not in names:
            return frame["topic"]
        topic = frame["topic"] if "topic" in names else pl.repeat("", frame.height, eager=True)
        if not (missing := (topic == "") & (frame["device_id"] != "")).any():
            return topic
        made = self.gatherer.topics.base + "/" + frame["device_id"]
        self.gatherer.named.update(made.filter(missing).unique().to_list())
        return pl.select(pl.when(missing).then(made).otherwise(topic).alias("topic"))["topic"]

    def _look_at_kinds(self, block: Block, piece: Piece) -> None:
        """Note the file's topics; where the device is a part of one, its first row says whether messages are whole."""
        for topic, row in self.gatherer.met_first(piece):
            whole = True
            if "/" in device_id(topic, self.gatherer.topics.base) and row not in block.broken:
                rows, cells = block.take([row])
                payloads, _ = self._payloads(cells, len(rows))
                whole = all(payload is not None and payload.startswith("{") for payload in payloads)
            self.gatherer.kinds.add((topic, whole))

    def _take_inside(self, block: Block, piece: Piece) -> None:
        wanted = piece.taken.arg_true().to_list()
        rows, cells = block.take(wanted)
        if len(rows) < len(wanted):
            for row in sorted(set(wanted).difference(rows)):
                self.gatherer.fault(piece, row, _NO_ROW)
        self.gatherer.add(piece, rows, *self._payloads(cells, len(rows)))

    def _payloads(self, cells: Sequence[list[str]], count: int) -> tuple[list[str | None], list[bool]]:
        """Each row's payload as compact JSON, None if it is unreadable, and whether it was made from other cells."""
        whole = cells[self._place["payload"]] if "payload" in self._place else [""] * count
        payloads: list[str | None] = []
        for row, cell in enumerate(whole):
            try:
                payloads.append(from_cell(cell) if cell.strip() else self._built(cells, row))
            except ValueError:
                payloads.append(None)
        return payloads, [not cell.strip() for cell in whole]

    def _built(self, cells: Sequence[list[str]], row: int) -> str:
        return from_cells({name: cells[index][row] for name, index in self._cells.items()}, self._decimal_comma)
