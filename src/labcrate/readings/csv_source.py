"""Reading ``zigbee-sensors.csv``: one row per reading, the whole message in its column ``payload``.

The columns ``timestamp`` and either ``topic`` or ``device_id`` must be there, in any place. A row without a payload
(other tools write such files) gets one made from its own other cells.
"""

from collections.abc import Sequence

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.csv_rows import BLOCK_BYTES, Block, read_blocks, read_header
from labcrate.readings.payload import from_cell, from_cells
from labcrate.readings.problems import Problem
from labcrate.readings.source import UNREADABLE_PAYLOAD, Gatherer, Opened, Source
from labcrate.readings.topics import Topics

_NAMED = ("timestamp", "topic", "device_id", "payload")
_NO_ROW = "this is no whole row, so it was left out; a crash may have cut it off"
_NO_TOPIC = "the row has neither a topic nor a device_id, so it was left out"


def read_csv(file: Opened, label: str, window: TimeSpan, topics: Topics, block_bytes: int = BLOCK_BYTES) -> Source:
    """Read the readings inside the window; a file without the needed columns becomes a fatal problem."""
    try:
        header = read_header(file)
    except ValueError:
        what = "the header is not one line of UTF-8 text; write the file again as UTF-8"
        return Source(problems=(Problem(label, "line 1", what, fatal=True),))
    reader = _Reader(header, Gatherer(label, window, topics))
    if not header:
        reader.gatherer.tally.add("the file is empty, without even a header, so it was taken as having no readings", "")
        return reader.gatherer.source()
    if "timestamp" not in header or ("topic" not in header and "device_id" not in header):
        what = 'the header needs the columns "timestamp" and "topic" (or "device_id"); put them in'
        return Source(problems=(Problem(label, "line 1", what, fatal=True),))
    for block in read_blocks(file, len(header), reader.first, block_bytes):
        reader.take(block)
    return reader.gatherer.source()


class _Reader:
    """Takes blocks of rows under one header."""

    def __init__(self, header: list[str], gatherer: Gatherer) -> None:
        self.gatherer = gatherer
        self._place = {name: index for index, name in reversed(list(enumerate(header)))}
        self._cells = {name: index for name, index in self._place.items() if name not in _NAMED}
        self.first = [self._place[name] for name in ("timestamp", "topic", "device_id") if name in self._place]
        self._readings: dict[str, bool] = {}

    def take(self, block: Block) -> None:
        """Add a block's readings."""
        if block.broken:
            self.gatherer.tally.add(_NO_ROW, f"line {block.broken[0]}", len(block.broken))
        if not len(block.lines):
            return
        us, mask = self.gatherer.times(block.first[0], lambda row: f"line {block.lines[row]}")
        topic = self._topics(block)
        reading = self._are_readings(topic, block)
        self.gatherer.add_keys(us.filter(reading), topic.filter(reading))
        mask &= reading
        if mask.any():
            self._take_inside(block, us, topic, mask)

    def _topics(self, block: Block) -> pl.Series:
        """Each row's topic, made from its device_id where there is none; empty where there is neither."""
        names = [name for name in ("topic", "device_id") if name in self._place]
        frame = pl.DataFrame([one.fill_null("").alias(name) for name, one in zip(names, block.first[1:], strict=True)])
        topic = pl.col("topic") if "topic" in names else pl.lit("")
        if "device_id" in names:
            device = pl.col("device_id")
            made = pl.when(device != "").then(self.gatherer.topics.base + "/" + device).otherwise(pl.lit(""))
            topic = pl.when(topic != "").then(topic).otherwise(made)
        return frame.select(topic=topic)["topic"]

    def _are_readings(self, topic: pl.Series, block: Block) -> pl.Series:
        """Which rows are a device's readings, by their topic; the others are counted."""
        counts = topic.value_counts()
        unlike = []
        for name, count in counts.iter_rows():
            if name == "":
                first = (topic == "").arg_true()[0]
                self.gatherer.tally.add(_NO_TOPIC, f"line {block.lines[first]}", count)
                unlike.append(name)
            elif not self._is_reading(name):
                self.gatherer.no_readings[name] += count
                unlike.append(name)
        return ~topic.is_in(unlike) if unlike else pl.repeat(True, len(topic), eager=True)

    def _is_reading(self, topic: str) -> bool:
        if topic not in self._readings:
            self._readings[topic] = self.gatherer.topics.is_reading(topic)
        return self._readings[topic]

    def _take_inside(self, block: Block, us: pl.Series, topic: pl.Series, mask: pl.Series) -> None:
        wanted = mask.arg_true().to_list()
        rows, cells = block.take(wanted)
        if len(rows) < len(wanted):
            broken = sorted(set(wanted).difference(rows))
            self.gatherer.tally.add(_NO_ROW, f"line {block.lines[broken[0]]}", len(broken))
        payloads, built = self._payloads(cells, len(rows))
        if bad := [row for row, payload in zip(rows, payloads, strict=True) if payload is None]:
            self.gatherer.tally.add(UNREADABLE_PAYLOAD, f"line {block.lines[bad[0]]}", len(bad))
        kept = pl.Series(payloads, dtype=pl.String)
        self.gatherer.add_rows(us.gather(rows), topic.gather(rows), kept, pl.Series(built, dtype=pl.Boolean))

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
        return from_cells({name: cells[index][row] for name, index in self._cells.items()})
