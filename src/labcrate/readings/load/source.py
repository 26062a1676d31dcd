"""What one file of readings yields, whichever its format."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import NamedTuple

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.date_formats import explain, shape_of
from labcrate.readings.load.doubtful_times import ROWS as REPEATED
from labcrate.readings.load.doubtful_times import Untimed, rounds, run_backwards
from labcrate.readings.load.problems import Extent, Fault, Problem, Tally
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.timestamps import Instants, inside, parse_timestamps
from labcrate.readings.load.topics import Kind, Topics

Opened = BufferedIOBase
"""A file, open for reading at its beginning."""

Where = Callable[[int], str]
"""Names a row of a piece, counted from 0, for a person: its line or key."""

ROWS = {"us": pl.Int64, "topic": pl.String, "payload": pl.String, "built": pl.Boolean}
"""Readings inside the window; ``built``: the payload was made from the row's other cells."""

KEYS = {"us": pl.Int64, "topic": pl.Categorical}
"""Every reading of the file, inside the window or not."""

UNREADABLE_TIME = (
    "the timestamp cannot be read, so the reading was left out; write it as ISO 8601 in UTC, or say in labcrate.toml "
    "how it is written (date_formats)"
)
UNREADABLE_PAYLOAD = "the payload is not JSON, so the reading was left out"
NAIVE_TIME = "the timestamp has no time zone and was taken as UTC; name the lab's zone with --time-zone"
REPEATED_TIME = (
    "the clocks went back, so this local time occurred twice; the order of the rows does not tell which it was, and it "
    "was taken as the first"
)
SKIPPED_TIME = (
    "the clocks went forward, so this local time never occurred; it was read with the offset before the change"
)
TORN_END = "the file ends in the middle of this row, so the row was left out; a crash may have cut it off"
NO_TOPIC = "the row has neither a topic nor a device_id, so it was left out"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its readings inside the window, the time and topic of all, and what was wrong.

    ``no_readings`` counts the messages per topic that are no readings (availability, commands, the bridge's own).
    ``kinds`` are the lab's topics that have readings, inside the window or not; ``named`` those that were made from a
    row's device_id, because it had no topic. ``problems`` are those of the file, ``faults`` those of its rows.
    """

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROWS))
    keys: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=KEYS))
    no_readings: Counter[str] = field(default_factory=Counter)
    kinds: frozenset[Kind] = frozenset()
    named: frozenset[str] = frozenset()
    label: str = ""
    problems: tuple[Problem, ...] = ()
    faults: tuple[Fault, ...] = ()


class Piece(NamedTuple):
    """Some rows of a file whose times and topics were read; ``taken``: those whose payload is of interest."""

    us: pl.Series
    topic: pl.Series
    taken: pl.Series
    second: pl.Series | None
    where: Where
    first_place: int
    torn_from: int


class Gatherer:
    """Takes a file's readings piece by piece; `source` is what they come to.

    ``in_time_order``: the file may hold the rows of all topics in the order of time.
    """

    def __init__(
        self, label: str, window: TimeSpan, topics: Topics, rules: TimeRules | None = None, in_time_order: bool = True
    ) -> None:
        self.label = label
        self.tally = Tally()
        self.topics = topics
        self.no_readings: Counter[str] = Counter()
        self.kinds: set[Kind] = set()
        self.named: set[str] = set()
        self._window, self._rules, self._in_time_order = window, rules or TimeRules(), in_time_order
        self._is_reading: dict[str, bool] = {}
        self._keys: list[pl.DataFrame] = []
        self._rows: list[pl.DataFrame] = []
        self._repeated: list[pl.DataFrame] = []
        self._repeated_rows: list[pl.DataFrame] = []
        self._places = 0
        self._untimed = Untimed(self.tally, window)

    def take(
        self, texts: pl.Series, topic: pl.Series, where: Where, broken: dict[int, str], torn_from: int | None = None
    ) -> Piece:
        """Read the times of some rows and count what is wrong with these.

        ``topic`` is empty where a row has none. ``broken`` are rows that could not be read as a whole, and why;
        whatever is wrong with rows from ``torn_from`` on comes of the file's torn end.
        """
        size = len(texts)
        torn = size if torn_from is None else torn_from
        times = parse_timestamps(texts, self._rules)
        us = times.us
        mask = self._inside(times)
        first_place, self._places = self._places, self._places + size
        reading = self._readings(topic, us, mask, where, torn)
        if broken or us.null_count():
            self._count_unreadable(texts, us, mask, topic, where, broken, torn)
        elif size:
            self._untimed.pass_by(us[0], us[-1])
        if not self._in_time_order:
            self._untimed.pass_by(None, None)
        if broken:
            reading &= ~pl.Series(range(size)).is_in(list(broken)) if size else reading
        self._note_times(times, mask & reading, where)
        piece = Piece(us, topic, mask & reading, times.second, where, first_place, torn)
        self._add_keys(piece, reading)
        return piece

    def add(self, piece: Piece, rows: list[int], payloads: Sequence[str | None], built: Sequence[bool]) -> None:
        """Add the payloads of some of a piece's rows; None is an unreadable one, which is counted here."""
        if bad := [row for row, payload in zip(rows, payloads, strict=True) if payload is None]:
            for row in bad:
                self.fault(piece, row, UNREADABLE_PAYLOAD)
        topic = piece.topic.gather(rows)
        texts, made = pl.Series(payloads, dtype=pl.String), pl.Series(built, dtype=pl.Boolean)
        columns = (piece.us.gather(rows), topic, texts, made)
        frame = pl.DataFrame([one.alias(name) for one, name in zip(columns, ROWS, strict=True)])
        if piece.second is None or piece.second.null_count() == len(piece.second):
            self._rows.append(frame)
            return
        second = piece.second.gather(rows)
        places = pl.Series("place", [piece.first_place + row for row in rows], dtype=pl.Int64)
        self._rows.append(frame.filter(second.is_null()))
        self._repeated_rows.append(frame.with_columns(places).filter(second.is_not_null()))

    def met_first(self, piece: Piece) -> list[tuple[str, int]]:
        """Return the topics of the piece's readings whose kind is not known yet, each with its first row."""
        known = {topic for topic, _ in self.kinds}
        topics = piece.topic.unique(maintain_order=True).to_list()
        fresh = [topic for topic in topics if topic and topic not in known and self._is_reading[topic]]
        return [(topic, int(piece.topic.index_of(topic) or 0)) for topic in fresh]

    def fault(self, piece: Piece, row: int, what: str) -> None:
        """Count a row of the window that could not be read."""
        if row >= piece.torn_from:
            self.tally.add(TORN_END, piece.where(row))
        else:
            self.tally.add(what, piece.where(row), 1, Extent.INSIDE, piece.topic[row] or None)

    def source(self) -> Source:
        """Return all that was gathered."""
        self._untimed.pass_by(None, None)
        keys, settled = self._keys, self._rows
        if self._repeated:
            keys, settled = self._settle_repeated()
        rows = pl.concat([pl.DataFrame(schema=ROWS), *settled]).drop_nulls("payload")
        return Source(
            rows,
            pl.concat([pl.DataFrame(schema=KEYS), *keys]),
            self.no_readings,
            frozenset(self.kinds),
            frozenset(self.named),
            self.label,
            faults=self.tally.faults(),
        )

    def _inside(self, times: Instants) -> pl.Series:
        mask = inside(times.us, self._window)
        return mask if times.second is None else mask | inside(times.second, self._window)

    def _count_unreadable(
        self,
        texts: pl.Series,
        us: pl.Series,
        mask: pl.Series,
        topic: pl.Series,
        where: Where,
        broken: dict[int, str],
        torn: int,
    ) -> None:
        """Count rows without a readable time, and broken ones; the rows around them tell where these lie."""
        sure = us if not broken else us.set(pl.Series(range(len(us))).is_in(list(broken)), None)
        before, after = sure.forward_fill(), sure.backward_fill()
        known = sure.drop_nulls()
        if len(known):
            self._untimed.pass_by(known[0], known[-1])
        rows = sorted({*us.is_null().arg_true().to_list(), *broken})
        for row in rows:
            what = broken.get(row) or self._unreadable_time(texts[row])
            whose = topic[row] or None
            if whose and not self._is_reading[whose]:
                continue
            if row >= torn:
                self.tally.add(TORN_END, where(row))
            elif us[row] is not None:
                self.tally.add(what, where(row), 1, Extent.INSIDE if mask[row] else Extent.OUTSIDE, whose)
            else:
                self._untimed.add(what, where(row), whose, before[row], after[row])

    @staticmethod
    def _unreadable_time(text: str | None) -> str:
        shape = shape_of(text) if text else None
        return explain(shape) if shape else UNREADABLE_TIME

    def _readings(self, topic: pl.Series, us: pl.Series, mask: pl.Series, where: Where, torn: int) -> pl.Series:
        """Which rows are a device's readings, by their topic; the others are counted."""
        unlike = []
        for name, count in topic.value_counts().iter_rows():
            if name and name not in self._is_reading:
                self._is_reading[name] = self.topics.is_reading(name)
            if not name:
                unlike.append(name)
                for row in ((topic == "") & us.is_not_null()).arg_true():
                    extent = Extent.NOTE if row >= torn else Extent.INSIDE if mask[row] else Extent.OUTSIDE
                    self.tally.add(TORN_END if row >= torn else NO_TOPIC, where(row), 1, extent)
            elif not self._is_reading[name]:
                self.no_readings[name] += count
                unlike.append(name)
        return ~topic.is_in(unlike) if unlike else pl.repeat(True, len(topic), eager=True)

    def _note_times(self, times: Instants, taken: pl.Series, where: Where) -> None:
        notes = [(NAIVE_TIME, times.naive)]
        if times.skipped is not None:
            notes.append((SKIPPED_TIME, times.skipped & taken))
        for what, rows in notes:
            if count := int(rows.sum()):
                self.tally.add(what, where(rows.arg_true()[0]), count)

    def _add_keys(self, piece: Piece, reading: pl.Series) -> None:
        keys = pl.DataFrame([piece.us.alias("us"), piece.topic.cast(pl.Categorical).alias("topic")])
        keep = reading & piece.us.is_not_null()
        if piece.second is not None and (again := piece.second.is_not_null() & keep).any():
            keep &= ~again
            rows = again.arg_true().to_list()
            frame = pl.DataFrame(
                {
                    "order": [piece.first_place + row for row in rows],
                    "topic": piece.topic.gather(rows),
                    "us": piece.us.gather(rows),
                    "second": piece.second.gather(rows),
                    "where": [piece.where(row) for row in rows],
                },
                {**REPEATED, "where": pl.String},
            )
            self._repeated.append(frame)
        self._keys.append(keys if keep.all() else keys.filter(keep))

    def _settle_repeated(self) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
        """All keys and rows, those of an hour that occurred twice at the instant that the rows' order tells."""
        repeated = pl.concat(self._repeated)
        backwards = run_backwards(pl.concat(self._keys))
        second = rounds(repeated.select(list(REPEATED)), backwards, self._in_time_order)
        chosen = pl.when(second.fill_null(False)).then(repeated["second"]).otherwise(repeated["us"])
        settled = repeated.with_columns(pl.select(us=chosen)["us"])
        keys = settled.select("us", pl.col("topic").cast(pl.Categorical))
        near = inside(repeated["us"], self._window) | inside(repeated["second"], self._window)
        unknown = second.is_null() & near
        if count := int(unknown.sum()):
            self.tally.add(REPEATED_TIME, repeated["where"][int(unknown.arg_true()[0])], count)
        rows = pl.concat([pl.DataFrame(schema={**ROWS, "place": pl.Int64}), *self._repeated_rows]).drop("us")
        rows = rows.join(settled.select(place="order", us="us"), on="place", how="inner").select(*ROWS)
        return [*self._keys, keys], [*self._rows, rows.filter(inside(rows["us"], self._window))]
