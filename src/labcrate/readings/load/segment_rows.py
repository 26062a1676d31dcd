"""Reading the rows of one segment: times, topics and payloads, and the faults of rows that cannot be read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.date_formats import date_format_advice, guess_date_format
from labcrate.readings.load.segments import Effect, FaultList, SegmentInfo, SourceSegment
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.timestamps import Instants, parse_timestamps
from labcrate.readings.load.topics import Topics

UNREADABLE_TIME = Message("readings.time_unreadable")
UNREADABLE_PAYLOAD = Message("readings.payload_unreadable")
NAIVE_TIME = Message("readings.no_zone")
SKIPPED_TIME = Message("readings.skipped_time")
TRUNCATED_END = Message("readings.end_truncated")
NO_TOPIC = Message("readings.no_topic")


class ReadingTopics:
    """The topics of readings; the answer for each topic is kept."""

    def __init__(self, topics: Topics) -> None:
        self.base = topics.base
        self._topics = topics
        self._known: dict[str, bool] = {}

    def is_reading(self, topic: str) -> bool:
        """Return whether messages on the topic are a device's state (see `Topics.is_reading`)."""
        known = self._known.get(topic)
        if known is None:
            known = self._known[topic] = self._topics.is_reading(topic)
        return known


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What the rows of a file mean: the topics of readings, and the rules for times."""

    topics: ReadingTopics
    rules: TimeRules


@dataclass(frozen=True, slots=True)
class RawRows:
    """The rows of a segment as texts.

    ``topic`` is empty for a row without one. ``payloads`` returns the payloads (null: unreadable) and whether each was
    made from other cells, for rows by their indexes. ``where`` returns a row's line or key; ``places`` are their
    numbers. ``broken`` are rows that could not be read as a whole, and why; faults of rows from ``truncated_from`` on
    are caused by the file's truncated end. ``made_topics`` are topics made from a row's device_id.
    """

    times: pl.Series
    topic: pl.Series
    places: Sequence[int]
    where: Callable[[int], int | str]
    payloads: Callable[[list[int]], tuple[pl.Series, pl.Series]]
    broken: dict[int, Message] = field(default_factory=dict)
    truncated_from: int | None = None
    made_topics: frozenset[str] = frozenset()


def read_rows(raw: RawRows, context: ReadContext, info: SegmentInfo, faults: FaultList) -> SourceSegment:
    """Return a segment with its rows; ``info`` has its bytes and place in the file, ``faults`` those found before."""
    return _SegmentReader(raw, context, faults).read(info)


class _SegmentReader:
    def __init__(self, raw: RawRows, context: ReadContext, faults: FaultList) -> None:
        self._raw, self._context, self._faults = raw, context, faults
        self._size = len(raw.times)
        self._truncated = self._size if raw.truncated_from is None else raw.truncated_from
        self._no_readings: Counter[str] = Counter()

    def read(self, info: SegmentInfo) -> SourceSegment:
        raw = self._raw
        times = parse_timestamps(raw.times, self._context.rules)
        us, second = times.us, times.second
        reading = self._reading_rows(times)
        sure = us
        if raw.broken:
            is_broken = pl.Series(range(self._size)).is_in(list(raw.broken))
            sure = us.set(is_broken, None)
            reading &= ~is_broken
        if raw.broken or us.null_count():
            self._note_unreadable(times, sure)
        keep = reading & us.is_not_null()
        self._note_times(times, keep)
        rows = self._with_payloads(times, keep)
        known = sure.drop_nulls()
        instants = [one.drop_nulls() for one in (rows["us"], rows["second"])]
        kinds = rows.select("topic", whole=pl.col("payload").str.starts_with("{")).unique()
        found = frozenset(kinds.iter_rows())
        unread = set(raw.topic.filter(keep).unique()) - {topic for topic, _ in found}
        return SourceSegment(
            SegmentInfo(
                id=info.id,
                stream=info.stream,
                size_bytes=info.size_bytes,
                digest=info.digest,
                first_place=info.first_place,
                places=info.places,
                rows=rows.height,
                first_us=known[0] if len(known) else None,
                last_us=known[-1] if len(known) else None,
                min_us=min((int(one.min()) for one in instants if len(one)), default=None),  # type: ignore[arg-type]
                max_us=max((int(one.max()) for one in instants if len(one)), default=None),  # type: ignore[arg-type]
                no_readings=dict(self._no_readings),
                kinds=found | {(topic, True) for topic in unread},
                made_topics=raw.made_topics,
                faults=self._faults.faults(),
                has_local_times=second is not None or bool(times.naive.any()),
                ends={} if second is None else _ends(us.filter(keep), second.filter(keep), raw.topic.filter(keep)),
                is_open=info.is_open,
            ),
            rows,
        )

    def _reading_rows(self, times: Instants) -> pl.Series:
        """Return which rows are readings of a device, by their topic; count the others."""
        topic, unlike = self._raw.topic, []
        for name, count in topic.value_counts(sort=False).iter_rows():
            if not name:
                unlike.append(name)
                for row in ((topic == "") & times.us.is_not_null()).arg_true():
                    if row >= self._truncated:
                        self._faults.add(TRUNCATED_END, self._raw.where(row), Effect.NOTE)
                    else:
                        self._add_timed(NO_TOPIC, row, times, Effect.TIMED, None)
            elif not self._context.topics.is_reading(name):
                self._no_readings[name] += count
                unlike.append(name)
        return ~topic.is_in(unlike) if unlike else pl.repeat(True, len(topic), eager=True)

    def _note_unreadable(self, times: Instants, sure: pl.Series) -> None:
        """Count rows without a readable time, and broken ones; the rows around them show where their times are."""
        raw = self._raw
        before, after = sure.forward_fill(), sure.backward_fill()
        for row in sorted({*times.us.is_null().arg_true().to_list(), *raw.broken}):
            topic = raw.topic[row] or None
            if topic and not self._context.topics.is_reading(topic):
                continue
            what = raw.broken.get(row) or _unreadable_time(raw.times[row])
            if row >= self._truncated:
                self._faults.add(TRUNCATED_END, raw.where(row), Effect.NOTE)
            elif times.us[row] is not None:
                self._add_timed(what, row, times, Effect.TIMED, topic)
            else:
                self._faults.add(what, raw.where(row), Effect.BETWEEN, 1, topic, before[row], after[row])

    def _note_times(self, times: Instants, keep: pl.Series) -> None:
        if count := int(times.naive.sum()):
            self._faults.add(NAIVE_TIME, self._raw.where(times.naive.arg_true()[0]), Effect.NOTE, count)
        if times.skipped is not None:
            for row in (times.skipped & keep).arg_true():
                self._add_timed(SKIPPED_TIME, row, times, Effect.NOTE_INSIDE, None)

    def _with_payloads(self, times: Instants, keep: pl.Series) -> pl.DataFrame:
        rows = keep.arg_true().to_list()
        payloads, built = self._raw.payloads(rows)
        second = pl.repeat(None, self._size, dtype=pl.Int64, eager=True) if times.second is None else times.second
        frame = pl.DataFrame(
            {
                "us": times.us.filter(keep),
                "second": second.filter(keep),
                "topic": self._raw.topic.filter(keep),
                "payload": payloads,
                "built": built,
                "place": pl.Series(self._raw.places, dtype=pl.UInt32).filter(keep),
                "key": self._keys(second, rows),
            }
        )
        if payloads.null_count():
            for row in (rows[at] for at in payloads.is_null().arg_true()):
                if row >= self._truncated:
                    self._faults.add(TRUNCATED_END, self._raw.where(row), Effect.NOTE)
                else:
                    self._add_timed(UNREADABLE_PAYLOAD, row, times, Effect.INSIDE, self._raw.topic[row])
            frame = frame.drop_nulls("payload")
        return frame

    def _keys(self, second: pl.Series, rows: list[int]) -> pl.Series:
        """Return the places of rows whose time occurs twice, if they are keys; else null."""
        if second.null_count() == len(second):
            return pl.repeat(None, len(rows), dtype=pl.String, eager=True)
        places = [self._raw.where(row) if second[row] is not None else None for row in rows]
        return pl.Series([one if isinstance(one, str) else None for one in places], dtype=pl.String)

    def _add_timed(self, what: Message, row: int, times: Instants, effect: Effect, topic: str | None) -> None:
        other = None if times.second is None else times.second[row]
        self._faults.add(what, self._raw.where(row), effect, 1, topic, times.us[row], other)


def _ends(us: pl.Series, second: pl.Series, topic: pl.Series) -> dict[str, tuple[int, int]]:
    """Return the first and last time of each topic in the order of the rows, without times that occur twice."""
    rows = pl.DataFrame({"us": us, "second": second, "topic": topic}).filter(pl.col("second").is_null())
    ends = rows.group_by("topic").agg(first=pl.col("us").first(), last=pl.col("us").last())
    return {name: (first, last) for name, first, last in ends.iter_rows()}


def _unreadable_time(text: str | None) -> Message:
    shape = guess_date_format(text) if text else None
    return date_format_advice(shape) if shape else UNREADABLE_TIME
