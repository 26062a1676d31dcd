"""``zigbee-data.json``: the messages by topic, written in time order, each at the place reserved for its topic."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import msgspec
import polars as pl

from labcrate.model.timespan import format_instant
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.timestamps import iso_text

_START = b'{\n"messages": {'
_BETWEEN = b",\n"
_MESSAGE = ('{"timestamp":"', '","payload":', "}")
_TIME_BYTES, _LONG_TIME_BYTES = 24, 27


@dataclass(slots=True)
class TopicBytes:
    """The number of messages of a topic and the bytes of them as JSON objects."""

    messages: int = 0
    bytes: int = 0


def measure_topics(readings: Readings) -> Mapping[str, TopicBytes]:
    """Return the size of each topic's messages, sorted by topic."""
    time_bytes = pl.when(pl.col("timestamp").dt.microsecond() % 1000 == 0).then(_TIME_BYTES).otherwise(_LONG_TIME_BYTES)
    one = time_bytes + pl.col("payload").str.len_bytes().cast(pl.Int64) + sum(map(len, _MESSAGE))
    found: dict[str, TopicBytes] = {}
    for batch in readings.batches():
        for topic, messages, size in batch.group_by("topic").agg(pl.len(), one.sum().alias("bytes")).iter_rows():
            sizes = found.setdefault(topic, TopicBytes())
            sizes.messages += messages
            sizes.bytes += size
    return dict(sorted(found.items()))


class ByTopicFile:
    """Writes ``messages`` by topic into a file in which any place can be written."""

    def __init__(self, readings: Readings, file: IO[bytes]) -> None:
        self._readings, self._file = readings, file
        self._places: dict[str, int] = {}
        self._begun: set[str] = set()
        self._sizes = measure_topics(readings)
        start = file.seek(0, os.SEEK_CUR)
        file.write(_START)
        place = start + len(_START)
        for number, (topic, size) in enumerate(self._sizes.items()):
            head = (_BETWEEN if number else b"\n") + msgspec.json.encode(topic) + b": [\n"
            file.seek(place)
            file.write(head)
            self._places[topic] = place + len(head)
            place = self._places[topic] + size.bytes + len(_BETWEEN) * (size.messages - 1)
            file.seek(place)
            file.write(b"\n]")
            place += 2
        self._end = place

    def add(self, batch: pl.DataFrame) -> None:
        """Write the next batch's messages."""
        before, between, after = _MESSAGE
        parts = (pl.lit(before), iso_text("timestamp"), pl.lit(between), pl.col("payload"), pl.lit(after))
        lines = batch.sort("topic", maintain_order=True).select("topic", line=pl.concat_str(*parts))
        text = io.BytesIO()
        # Writing a table of one column without quotes is the fastest way to join them.
        lines.select("line").write_csv(
            text, include_header=False, quote_style="never", line_terminator=_BETWEEN.decode()
        )
        sizes = lines.group_by("topic", maintain_order=True).agg(pl.col("line").str.len_bytes().sum(), pl.len())
        joined, start = text.getbuffer(), 0
        for topic, size, messages in sizes.iter_rows():
            end = start + size + len(_BETWEEN) * messages
            self._write(topic, joined[start : end - len(_BETWEEN)])
            start = end

    def finish(self) -> None:
        """Write what follows the messages."""
        summary = {
            "topics": list(self._sizes),
            "deviceCount": _count_devices(self._readings),
            "lastUpdated": format_instant(self._readings.last) if self._readings.last else None,
        }
        self._file.seek(self._end)
        self._file.write(b"\n},\n" + msgspec.json.encode(summary).removeprefix(b"{") + b"\n")

    def _write(self, topic: str, text: memoryview) -> None:
        between = _BETWEEN if topic in self._begun else b""
        self._begun.add(topic)
        self._file.seek(self._places[topic])
        self._file.write(between)
        self._file.write(text)
        self._places[topic] += len(between) + len(text)


def _count_devices(readings: Readings) -> int:
    return len({readings.topics.device_and_key(*kind)[0] for kind in readings.topic_kinds})
