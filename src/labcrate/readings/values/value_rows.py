"""One row per value of a batch: its reading, its property, its exact text, and whether it changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from labcrate.readings.load.payload import VALUE_JSON, VALUE_TEXT
from labcrate.readings.load.topics import Topics
from labcrate.readings.values.decode import DecodedBatch, LikeMessages
from labcrate.readings.values.template import LeafKind

SlotKind = LeafKind | Literal["list"]

_KINDS: dict[type, SlotKind] = {str: "string", bool: "boolean", list: "list"}


@dataclass(frozen=True, slots=True)
class Slot:
    """Where values come from: a topic, the keys that lead to them (none for a topic that is the value), their kind.

    ``device`` and ``name`` are the property that they are values of. Values of an ``odd`` slot were decoded one by one.
    """

    topic: str
    path: tuple[str, ...]
    kind: SlotKind
    odd: bool
    device: str
    name: str

    @property
    def key(self) -> str | None:
        """Return the top-level key of a message that has the value itself, else None."""
        return self.path[0] if len(self.path) == 1 else None


@dataclass(slots=True)
class Slots:
    """All slots so far; each has a number, and those of one property have the same property number."""

    topics: Topics
    slots: list[Slot] = field(default_factory=list)
    properties: list[int] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    _blocks: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _odd: dict[tuple[str, str, tuple[str, ...], SlotKind], int] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def block(self, messages: LikeMessages, topic: str, device_id: str) -> int:
        """Return the number of the first of the slots for the leaves of like messages on a topic."""
        template = messages.template
        known = self._blocks.get((template.pattern, topic, device_id))
        if known is None:
            known = self._blocks[template.pattern, topic, device_id] = len(self.slots)
            for leaf in template.leaves:
                self._add(topic, device_id, leaf.path, leaf.kind, odd=False)
        return known

    def odd(self, topic: str, device_id: str, path: tuple[str, ...], value: object) -> int:
        """Return the number of the slot of a value that was decoded on its own."""
        kind = _KINDS.get(type(value), "any number")
        known = self._odd.get((topic, device_id, path, kind))
        if known is None:
            known = self._odd[topic, device_id, path, kind] = len(self.slots)
            self._add(topic, device_id, path, kind, odd=True)
        return known

    def _add(self, topic: str, device_id: str, path: tuple[str, ...], kind: SlotKind, *, odd: bool) -> None:
        device, key = self.topics.device_and_key(topic, device_id, bool(path))
        name = "-".join(path) if path else key or "value"
        self.slots.append(Slot(topic, path, kind, odd, device, name))
        number = self._numbers.setdefault((device, name), len(self._numbers))
        if number == len(self.names):
            self.names.append((device, name))
        self.properties.append(number)


def value_rows(decoded: DecodedBatch, slots: Slots) -> pl.DataFrame:
    """Return a row per value that is not null, in order: ``row``, ``slot``, ``json``, ``text`` (of odd values only)."""
    devices = dict(decoded.batch.select("topic", "device_id").unique().iter_rows())
    height = decoded.batch.height
    counts = pl.zeros(height, dtype=pl.UInt32, eager=True)
    for one in decoded.alike:
        counts = counts.scatter(one.rows["row"], len(one.template.leaves))
    odd = _odd_rows(decoded, devices, slots)
    if len(odd):
        each = odd.group_by("row").len()
        counts = counts.scatter(each["row"], each["len"])
    offsets = counts.cum_sum() - counts
    parts = [_with_places(one, devices, offsets, slots) for one in decoded.alike]
    if len(odd):
        within = pl.int_range(pl.len(), dtype=pl.UInt32).over("row")
        place = odd.select(offsets.gather(odd["row"]).alias("first") + within)["first"]
        parts.append((odd, place))
    if not parts:
        return odd
    rows = pl.concat([part for part, _ in parts])
    places = pl.concat([place for _, place in parts])
    order = pl.zeros(len(rows), dtype=pl.UInt32, eager=True)
    order = order.scatter(places, pl.int_range(len(rows), dtype=pl.UInt32, eager=True))
    rows = rows.select(pl.all().gather(order))
    return rows.filter(pl.col("json").is_not_null()) if rows["json"].null_count() else rows


def _with_places(
    messages: LikeMessages, devices: dict[str, str], offsets: pl.Series, slots: Slots
) -> tuple[pl.DataFrame, pl.Series]:
    """Return the values of like messages, column after column, with their place among all of the batch."""
    rows = messages.rows["row"]
    topics = messages.rows["topic"].unique().to_list()
    blocks = [slots.block(messages, topic, devices[topic]) for topic in topics]
    first = messages.rows["topic"].replace_strict(topics, blocks, return_dtype=pl.UInt32)
    place = offsets.gather(rows)
    count = len(messages.template.leaves)
    values = pl.DataFrame(
        {
            "row": pl.concat([rows] * count),
            "slot": pl.concat([first + number for number in range(count)]),
            "json": pl.concat([messages.values[str(number)] for number in range(count)]),
        }
    )
    return values.with_columns(text=pl.lit(None, pl.String)), pl.concat([place + number for number in range(count)])


_ODD = {"row": pl.UInt32, "slot": pl.UInt32, "json": pl.String, "text": pl.String}


def _odd_rows(decoded: DecodedBatch, devices: dict[str, str], slots: Slots) -> pl.DataFrame:
    """Return the values of messages without a template that are not null."""
    topics = decoded.batch["topic"].gather(list(decoded.odd)).to_list()
    found = [
        (
            row,
            slots.odd(topic, devices[topic], path, value),
            VALUE_JSON[type(value)](value),
            VALUE_TEXT[type(value)](value),
        )
        for (row, payload), topic in zip(decoded.odd.items(), topics, strict=True)
        for path, value in _values(payload)
        if value is not None
    ]
    return pl.DataFrame(found, _ODD, orient="row")


def _values(payload: object) -> Iterable[tuple[tuple[str, ...], object]]:
    """Return a reading's values, none of them an object, with the keys that lead to each."""
    if not isinstance(payload, dict):
        return (((), payload),)
    if dict in map(type, payload.values()):
        return (pair for key, value in payload.items() for pair in _flatten((key,), value))
    return (((key,), value) for key, value in payload.items())


def _flatten(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten((*path, key), inner)
    else:
        yield path, value


class Changes:
    """Which values differ from the one before of the same property, over batches in time order."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}

    def next(self, properties: pl.Series, json: pl.Series) -> pl.Series:
        """Return for each value of the next batch whether it changed, null for the first of a property."""
        frame = pl.DataFrame({"property": properties, "json": json})
        changed = frame.select((pl.col("json") != pl.col("json").shift(1)).over("property"))["json"]
        ends = (
            frame.with_row_index("at")
            .group_by("property")
            .agg(pl.col("at").first(), pl.col("json").first().alias("first"), pl.col("json").last())
        )
        at: list[int] = []
        found: list[bool] = []
        for number, place, first, last in ends.iter_rows():
            if (before := self._last.get(number)) is not None:
                at.append(place)
                found.append(before != first)
            self._last[number] = last
        return changed.scatter(at, found) if at else changed
