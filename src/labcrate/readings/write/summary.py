"""What the sizes and columns of the tables depend on, without the readings themselves.

A summary of a batch is small, and the summaries of batches that follow each other in time are merged into that of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import polars as pl

from labcrate.readings.load.topics import Topics
from labcrate.readings.values.decode import DecodedBatch, Decoder, inexact
from labcrate.readings.values.value_rows import Changes, Slots, value_rows
from labcrate.readings.write.wide import motion_cells

_LONGEST_TEXT = 64


class TopicFacts(msgspec.Struct, array_like=True):
    """The messages of a topic, whole or single values: their number and bytes.

    ``long_times`` of them have a time in microseconds; ``payload_cell_bytes`` are those of the quoted cells.
    """

    device_id: str
    messages: int = 0
    long_times: int = 0
    payload_bytes: int = 0
    payload_cell_bytes: int = 0
    motion_bytes: int = 0
    first_us: int = 0
    last_us: int = 0


class ValueFacts(msgspec.Struct, array_like=True):
    """The values at one place of a topic's messages, as JSON and as quoted cells; ``kinds`` are those of scalars.

    ``wide_bytes`` are those of the cells that are in a column of their own in the wide table.
    """

    values: int = 0
    long_times: int = 0
    json_bytes: int = 0
    cell_bytes: int = 0
    wide_bytes: int = 0
    kinds: set[str] = msgspec.field(default_factory=set)


class ChainFacts(msgspec.Struct, array_like=True):
    """The values of a property of a device, from all its topics: how many differ from the one before.

    ``first`` and ``last`` are their texts, or the hash of long ones.
    """

    topics: set[str]
    changed: int
    first: str
    last: str


TopicKey = tuple[str, bool]
ValueKey = tuple[str, tuple[str, ...]]
ChainKey = tuple[str, str]


@dataclass(slots=True)
class TableSummary:
    """The facts of some readings: by topic (whole or not), by topic and keys, by device and property."""

    topics: dict[TopicKey, TopicFacts] = field(default_factory=dict)
    values: dict[ValueKey, ValueFacts] = field(default_factory=dict)
    chains: dict[ChainKey, ChainFacts] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the summary as bytes."""
        parts = [list(part.items()) for part in (self.topics, self.values, self.chains)]
        return msgspec.msgpack.encode(parts)

    @staticmethod
    def decode(data: bytes) -> TableSummary:
        """Return the summary that was encoded. Raises msgspec.DecodeError for other bytes."""
        topics, values, chains = _PARTS.decode(data)
        return TableSummary(dict(topics), dict(values), dict(chains))


_PARTS = msgspec.msgpack.Decoder(
    tuple[
        list[tuple[TopicKey, TopicFacts]],
        list[tuple[ValueKey, ValueFacts]],
        list[tuple[ChainKey, ChainFacts]],
    ]
)


def summarise(batch: pl.DataFrame, topics: Topics, decoder: Decoder | None = None) -> TableSummary:
    """Return the summary of a batch of readings; a decoder that is used again has learned from earlier batches."""
    found = TableSummary()
    if batch.height:
        decoded = (decoder or Decoder()).decode(batch)
        _add_topics(decoded, found)
        _add_values(decoded, Slots(topics), found)
    return found


def merge(summaries: Iterable[TableSummary]) -> TableSummary:
    """Return the summary of readings that were summarised in parts, given in time order."""
    whole = TableSummary()
    for part in summaries:
        for topic, facts in part.topics.items():
            known = whole.topics.get(topic)
            whole.topics[topic] = facts if known is None else _sum_topics(known, facts)
        for place, values in part.values.items():
            before = whole.values.get(place)
            whole.values[place] = values if before is None else _sum_values(before, values)
        for name, chain in part.chains.items():
            begun = whole.chains.get(name)
            whole.chains[name] = chain if begun is None else _join_chains(begun, chain)
    return whole


def select(summary: TableSummary, kinds: Collection[TopicKey]) -> TableSummary | None:
    """Return the summary of some topics; None if a property has values from one of them and another one."""
    names = {topic for topic, _ in kinds}
    if any(chain.topics & names and not chain.topics <= names for chain in summary.chains.values()):
        return None
    topics = {key: facts for key, facts in summary.topics.items() if key in kinds}
    values = {key: facts for key, facts in summary.values.items() if (key[0], bool(key[1])) in topics}
    if sum(key[0] in names for key in summary.values) != len(values):
        return None
    return TableSummary(topics, values, {key: one for key, one in summary.chains.items() if one.topics & names})


def _sum_topics(one: TopicFacts, other: TopicFacts) -> TopicFacts:
    return TopicFacts(
        one.device_id,
        one.messages + other.messages,
        one.long_times + other.long_times,
        one.payload_bytes + other.payload_bytes,
        one.payload_cell_bytes + other.payload_cell_bytes,
        one.motion_bytes + other.motion_bytes,
        min(one.first_us, other.first_us),
        max(one.last_us, other.last_us),
    )


def _sum_values(one: ValueFacts, other: ValueFacts) -> ValueFacts:
    return ValueFacts(
        one.values + other.values,
        one.long_times + other.long_times,
        one.json_bytes + other.json_bytes,
        one.cell_bytes + other.cell_bytes,
        one.wide_bytes + other.wide_bytes,
        one.kinds | other.kinds,
    )


def _join_chains(one: ChainFacts, later: ChainFacts) -> ChainFacts:
    changed = one.changed + later.changed + (one.last != later.first)
    return ChainFacts(one.topics | later.topics, changed, one.first, later.last)


def _is_long_time() -> pl.Expr:
    return pl.col("timestamp").dt.microsecond() % 1000 != 0


def _add_topics(decoded: DecodedBatch, found: TableSummary) -> None:
    payload = pl.col("payload")
    size = payload.str.len_bytes().cast(pl.Int64)
    quotes = payload.str.count_matches('"', literal=True).cast(pl.Int64)
    us = pl.col("timestamp").dt.epoch("us")
    facts = decoded.batch.group_by("topic", payload.str.starts_with("{").alias("whole")).agg(
        pl.col("device_id").first(),
        pl.len(),
        _is_long_time().sum(),
        size.sum().alias("bytes"),
        (size + quotes + 2).sum().alias("cells"),
        us.min().alias("first"),
        us.max().alias("last"),
    )
    motion = motion_cells(decoded)
    cells = motion.group_by("topic").agg((pl.col("motion").str.len_bytes() + 2).sum())
    motion_bytes: Mapping[str, int] = dict(cells.iter_rows())
    for topic, whole, device, messages, long, size_bytes, cell_bytes, first, last in facts.iter_rows():
        own = motion_bytes.get(topic, 0) if whole else 0
        found.topics[topic, whole] = TopicFacts(device, messages, long, size_bytes, cell_bytes, own, first, last)


def _add_values(decoded: DecodedBatch, slots: Slots, found: TableSummary) -> None:
    rows = value_rows(decoded, slots)
    times = decoded.batch.select(_is_long_time()).to_series()
    any_number = [number for number, slot in enumerate(slots.slots) if slot.kind == "any number"]
    doubtful = rows.select(pl.when(pl.col("slot").is_in(any_number)).then("json")).to_series()
    long_number = inexact(doubtful) if doubtful.null_count() < len(doubtful) else doubtful.is_not_null()
    json_bytes = pl.col("json").str.len_bytes().cast(pl.Int64)
    text_bytes = pl.col("text").str.len_bytes().cast(pl.Int64) + pl.col("text").str.count_matches('"', literal=True) + 2
    facts = (
        rows.with_columns(times.gather(rows["row"]).alias("long"), long_number.alias("inexact"))
        .group_by("slot")
        .agg(
            pl.len(),
            pl.col("long").sum(),
            json_bytes.sum().alias("json_bytes"),
            text_bytes.sum().alias("text_bytes"),
            pl.col("inexact").fill_null(False).sum(),
        )
    )
    for number, count, long, size, text, inexact_count in facts.iter_rows():
        slot = slots.slots[number]
        cells = text if slot.odd else size + (0 if slot.kind == "string" else 2 * count)
        kinds = {"number"} if slot.kind == "any number" else {slot.kind} - {"list", "null"}
        if inexact_count:
            kinds = {"long number", *(kinds if inexact_count < count else ())}
        in_motion = slot.key == "motion" and slot.kind == "boolean"
        wide = cells if slot.key is not None and slot.kind != "list" and not in_motion else 0
        values = ValueFacts(count, long, size, cells, wide, kinds)
        place = slot.topic, slot.path
        before = found.values.get(place)
        found.values[place] = values if before is None else _sum_values(before, values)
    _add_chains(rows, slots, found)


def _add_chains(rows: pl.DataFrame, slots: Slots, found: TableSummary) -> None:
    properties = pl.Series(slots.properties, dtype=pl.UInt32).gather(rows["slot"]).alias("property")
    changed = Changes().next(properties, rows["json"])
    chains = (
        pl.DataFrame([properties, changed.alias("changed"), rows["json"], rows["slot"]])
        .group_by("property")
        .agg(
            pl.col("changed").sum(),
            pl.col("json").first().alias("first"),
            pl.col("json").last().alias("last"),
            pl.col("slot").unique(),
        )
    )
    for number, count, first, last, used in chains.iter_rows():
        topics = {slots.slots[slot].topic for slot in used}
        found.chains[slots.names[number]] = ChainFacts(topics, count, _mark(first), _mark(last))


def _mark(text: str) -> str:
    """Return the text, or the hash of a long one: only whether two are equal counts."""
    return text if len(text) <= _LONGEST_TEXT else f"#{hashlib.sha256(text.encode()).hexdigest()}"
