"""The readings of one file, whatever its format."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import NamedTuple

import polars as pl

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.date_formats import date_format_advice, guess_date_format
from labcrate.readings.load.problems import Extent, Fault, FaultCounter, ReadingsProblem
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.timestamps import Instants, is_inside, parse_timestamps
from labcrate.readings.load.topics import TopicKind, Topics
from labcrate.readings.load.uncertain_times import (
    REPEATED_ROWS,
    RowsWithoutTime,
    newest_first_topics,
    second_occurrences,
)

OpenFile = BufferedIOBase
"""A file, open for reading at its beginning."""

RowLocation = Callable[[int], Message | str]
"""A function that returns the place of a row of a batch, counted from 0: its line or key."""

ROWS = {"us": pl.Int64, "topic": pl.String, "payload": pl.String, "built": pl.Boolean}
"""Readings inside the window; ``built``: the payload was made from the row's other cells."""

KEYS = {"us": pl.Int64, "topic": pl.Categorical}
"""Every reading of the file, inside the window or not."""

UNREADABLE_TIME = Message("readings.time_unreadable")
UNREADABLE_PAYLOAD = Message("readings.payload_unreadable")
NAIVE_TIME = Message("readings.no_zone")
REPEATED_TIME = Message("readings.repeated_time")
SKIPPED_TIME = Message("readings.skipped_time")
TRUNCATED_END = Message("readings.end_truncated")
NO_TOPIC = Message("readings.no_topic")


@dataclass(frozen=True, slots=True)
class FileReadings:
    """One file: its readings inside the window, the time and topic of all, and its faults.

    ``no_readings`` counts the messages per topic that are no readings (availability, commands, the bridge's own).
    ``kinds`` are the lab's topics with readings, inside the window or not; ``topics_from_ids`` those made from a row's
    device_id, because it had no topic. ``problems`` are those of the file, ``faults`` those of its rows.
    """

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROWS))
    keys: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=KEYS))
    no_readings: Counter[str] = field(default_factory=Counter)
    kinds: frozenset[TopicKind] = frozenset()
    topics_from_ids: frozenset[str] = frozenset()
    label: str = ""
    problems: tuple[ReadingsProblem, ...] = ()
    faults: tuple[Fault, ...] = ()


class RowBatch(NamedTuple):
    """Some rows of a file with their times and topics; ``inside``: those whose payload is needed."""

    us: pl.Series
    topic: pl.Series
    inside: pl.Series
    second: pl.Series | None
    where: RowLocation
    first_row: int
    truncated_from: int


class ReadingsCollector:
    """A collector of a file's readings, batch by batch; `result` returns them.

    ``in_time_order``: the file may have the rows of all topics in the order of time.
    """

    def __init__(
        self, label: str, window: TimeSpan, topics: Topics, rules: TimeRules | None = None, in_time_order: bool = True
    ) -> None:
        self.label = label
        self.faults = FaultCounter()
        self.topics = topics
        self.no_readings: Counter[str] = Counter()
        self.kinds: set[TopicKind] = set()
        self.topics_from_ids: set[str] = set()
        self._window, self._rules, self._in_time_order = window, rules or TimeRules(), in_time_order
        self._is_reading: dict[str, bool] = {}
        self._keys: list[pl.DataFrame] = []
        self._rows: list[pl.DataFrame] = []
        self._repeated: list[pl.DataFrame] = []
        self._repeated_rows: list[pl.DataFrame] = []
        self._row_count = 0
        self._rows_without_time = RowsWithoutTime(self.faults, window)

    def read_batch(
        self,
        texts: pl.Series,
        topic: pl.Series,
        where: RowLocation,
        broken: dict[int, Message],
        truncated_from: int | None = None,
    ) -> RowBatch:
        """Read the times of some rows and count their faults.

        ``topic`` is empty for a row without one. ``broken`` are rows that could not be read as a whole, and why; faults
        of rows from ``truncated_from`` on are caused by the file's truncated end.
        """
        size = len(texts)
        truncated = size if truncated_from is None else truncated_from
        times = parse_timestamps(texts, self._rules)
        us = times.us
        mask = self._inside(times)
        first_place, self._row_count = self._row_count, self._row_count + size
        reading = self._reading_rows(topic, us, mask, where, truncated)
        if broken or us.null_count():
            self._count_unreadable(texts, us, mask, topic, where, broken, truncated)
        elif size:
            self._rows_without_time.note_times(us[0], us[-1])
        if not self._in_time_order:
            self._rows_without_time.note_times(None, None)
        if broken:
            reading &= ~pl.Series(range(size)).is_in(list(broken)) if size else reading
        self._note_times(times, mask & reading, where)
        batch = RowBatch(us, topic, mask & reading, times.second, where, first_place, truncated)
        self._add_keys(batch, reading)
        return batch

    def add_payloads(
        self, batch: RowBatch, rows: list[int], payloads: Sequence[str | None], built: Sequence[bool]
    ) -> None:
        """Add the payloads of some of a batch's rows; None is an unreadable one, which is counted."""
        if bad := [row for row, payload in zip(rows, payloads, strict=True) if payload is None]:
            for row in bad:
                self.add_fault(batch, row, UNREADABLE_PAYLOAD)
        topic = batch.topic.gather(rows)
        texts, made = pl.Series(payloads, dtype=pl.String), pl.Series(built, dtype=pl.Boolean)
        columns = (batch.us.gather(rows), topic, texts, made)
        frame = pl.DataFrame([one.alias(name) for one, name in zip(columns, ROWS, strict=True)])
        if batch.second is None or batch.second.null_count() == len(batch.second):
            self._rows.append(frame)
            return
        second = batch.second.gather(rows)
        places = pl.Series("place", [batch.first_row + row for row in rows], dtype=pl.Int64)
        self._rows.append(frame.filter(second.is_null()))
        self._repeated_rows.append(frame.with_columns(places).filter(second.is_not_null()))

    def first_rows_of_new_topics(self, batch: RowBatch) -> list[tuple[str, int]]:
        """Return the topics of the batch's readings whose kind is not known yet, each with its first row."""
        known = {topic for topic, _ in self.kinds}
        topics = batch.topic.unique(maintain_order=True).to_list()
        fresh = [topic for topic in topics if topic and topic not in known and self._is_reading[topic]]
        return [(topic, int(batch.topic.index_of(topic) or 0)) for topic in fresh]

    def add_fault(self, batch: RowBatch, row: int, what: Message) -> None:
        """Count a row of the window that could not be read."""
        if row >= batch.truncated_from:
            self.faults.add(TRUNCATED_END, batch.where(row))
        else:
            self.faults.add(what, batch.where(row), 1, Extent.INSIDE, batch.topic[row] or None)

    def result(self) -> FileReadings:
        """Return all readings that were collected."""
        self._rows_without_time.note_times(None, None)
        keys, resolved = self._keys, self._rows
        if self._repeated:
            keys, resolved = self._resolve_repeated()
        rows = pl.concat([pl.DataFrame(schema=ROWS), *resolved]).drop_nulls("payload")
        return FileReadings(
            rows,
            pl.concat([pl.DataFrame(schema=KEYS), *keys]),
            self.no_readings,
            frozenset(self.kinds),
            frozenset(self.topics_from_ids),
            self.label,
            faults=self.faults.faults(),
        )

    def _inside(self, times: Instants) -> pl.Series:
        mask = is_inside(times.us, self._window)
        return mask if times.second is None else mask | is_inside(times.second, self._window)

    def _count_unreadable(
        self,
        texts: pl.Series,
        us: pl.Series,
        mask: pl.Series,
        topic: pl.Series,
        where: RowLocation,
        broken: dict[int, Message],
        truncated: int,
    ) -> None:
        """Count rows without a readable time, and broken ones; the rows around them show where their times are."""
        sure = us if not broken else us.set(pl.Series(range(len(us))).is_in(list(broken)), None)
        before, after = sure.forward_fill(), sure.backward_fill()
        known = sure.drop_nulls()
        if len(known):
            self._rows_without_time.note_times(known[0], known[-1])
        rows = sorted({*us.is_null().arg_true().to_list(), *broken})
        for row in rows:
            what = broken.get(row) or self._unreadable_time(texts[row])
            whose = topic[row] or None
            if whose and not self._is_reading[whose]:
                continue
            if row >= truncated:
                self.faults.add(TRUNCATED_END, where(row))
            elif us[row] is not None:
                self.faults.add(what, where(row), 1, Extent.INSIDE if mask[row] else Extent.OUTSIDE, whose)
            else:
                self._rows_without_time.add(what, where(row), whose, before[row], after[row])

    @staticmethod
    def _unreadable_time(text: str | None) -> Message:
        shape = guess_date_format(text) if text else None
        return date_format_advice(shape) if shape else UNREADABLE_TIME

    def _reading_rows(
        self, topic: pl.Series, us: pl.Series, mask: pl.Series, where: RowLocation, truncated: int
    ) -> pl.Series:
        """Return which rows are readings of a device, by their topic; count the others."""
        unlike = []
        for name, count in topic.value_counts().iter_rows():
            if name and name not in self._is_reading:
                self._is_reading[name] = self.topics.is_reading(name)
            if not name:
                unlike.append(name)
                for row in ((topic == "") & us.is_not_null()).arg_true():
                    extent = Extent.NOTE if row >= truncated else Extent.INSIDE if mask[row] else Extent.OUTSIDE
                    self.faults.add(TRUNCATED_END if row >= truncated else NO_TOPIC, where(row), 1, extent)
            elif not self._is_reading[name]:
                self.no_readings[name] += count
                unlike.append(name)
        return ~topic.is_in(unlike) if unlike else pl.repeat(True, len(topic), eager=True)

    def _note_times(self, times: Instants, needed: pl.Series, where: RowLocation) -> None:
        notes = [(NAIVE_TIME, times.naive)]
        if times.skipped is not None:
            notes.append((SKIPPED_TIME, times.skipped & needed))
        for what, rows in notes:
            if count := int(rows.sum()):
                self.faults.add(what, where(rows.arg_true()[0]), count)

    def _add_keys(self, batch: RowBatch, reading: pl.Series) -> None:
        keys = pl.DataFrame([batch.us.alias("us"), batch.topic.cast(pl.Categorical).alias("topic")])
        keep = reading & batch.us.is_not_null()
        if batch.second is not None and (again := batch.second.is_not_null() & keep).any():
            keep &= ~again
            rows = again.arg_true().to_list()
            frame = pl.DataFrame(
                {
                    "order": [batch.first_row + row for row in rows],
                    "topic": batch.topic.gather(rows),
                    "us": batch.us.gather(rows),
                    "second": batch.second.gather(rows),
                    "where": [batch.where(row) for row in rows],
                },
                {**REPEATED_ROWS, "where": pl.String},
            )
            self._repeated.append(frame)
        self._keys.append(keys if keep.all() else keys.filter(keep))

    def _resolve_repeated(self) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
        """Return all keys and rows, those of a repeated hour at the instant that follows from the order of the rows."""
        repeated = pl.concat(self._repeated)
        newest_first = newest_first_topics(pl.concat(self._keys))
        second = second_occurrences(repeated.select(list(REPEATED_ROWS)), newest_first, self._in_time_order)
        chosen = pl.when(second.fill_null(False)).then(repeated["second"]).otherwise(repeated["us"])
        resolved = repeated.with_columns(pl.select(us=chosen)["us"])
        keys = resolved.select("us", pl.col("topic").cast(pl.Categorical))
        near = is_inside(repeated["us"], self._window) | is_inside(repeated["second"], self._window)
        unknown = second.is_null() & near
        if count := int(unknown.sum()):
            self.faults.add(REPEATED_TIME, repeated["where"][int(unknown.arg_true()[0])], count)
        rows = pl.concat([pl.DataFrame(schema={**ROWS, "place": pl.Int64}), *self._repeated_rows]).drop("us")
        rows = rows.join(resolved.select(place="order", us="us"), on="place", how="inner").select(*ROWS)
        return [*self._keys, keys], [*self._rows, rows.filter(is_inside(rows["us"], self._window))]
