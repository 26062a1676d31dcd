"""Decode the payloads of a batch of readings: into columns where messages are alike, else one by one.

Values are exact in both ways: the text of a number is the source's own.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from labcrate.readings.load.payload import DECODER, Number
from labcrate.readings.property_types import is_exact_float
from labcrate.readings.values.template import Template, find_template

_MAX_UNPROFITABLE = 16
_PROFITABLE_ROWS = 8


@dataclass(frozen=True, slots=True)
class LikeMessages:
    """Messages of a batch with one template.

    ``rows`` has their position in the batch and their topic (``row``, ``topic``), ``values`` a column of JSON text for
    each leaf of the template.
    """

    template: Template
    rows: pl.DataFrame
    values: pl.DataFrame


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """The values of a batch: of messages that are alike, and of others, by their position in the batch."""

    batch: pl.DataFrame
    alike: list[LikeMessages]
    odd: dict[int, object]


def decode_one_by_one(payloads: pl.Series) -> list[object]:
    """Return the values of payloads; numbers with a fraction or exponent, and -0, are their text (``Number``)."""
    # Decoding one long text is much faster than many short ones.
    text = "[" + ",".join(payloads) + "]"
    if "-0" in text:  # msgspec reads it as 0
        whole: Any = json.loads(text, parse_int=Number, parse_float=Number)
    else:
        whole = DECODER.decode(text)
    return list(whole)


def inexact(numbers: pl.Series) -> pl.Series:
    """Return which JSON numbers a 64-bit float does not hold exactly; null for null."""
    shortest = numbers.cast(pl.Float64, strict=False).cast(pl.String)
    doubtful = numbers.filter(numbers.ne_missing(shortest)).unique().drop_nulls()
    return numbers.is_in([number for number in doubtful if not is_exact_float(number)])


class Decoder:
    """Decodes batches one after the other; what it has learned of a topic's messages makes the next ones fast."""

    def __init__(self) -> None:
        self._templates: list[Template] = []
        self._numbers: dict[str, int] = {}
        self._last_used: dict[str, int] = {}

    def decode(self, batch: pl.DataFrame) -> DecodedBatch:
        """Return the values of a batch (columns ``topic`` and ``payload`` at least)."""
        rows = batch.select("topic", "payload").with_row_index("row")
        has_template = ~rows["payload"].str.contains(r"[\\\[]")
        matched: dict[int, list[pl.DataFrame]] = {}
        rest = pl.concat([rows.clear(), *self._match_known(rows.filter(has_template), matched)])
        rest = self._match_others(rest, matched)
        odd = pl.concat([rows.filter(~has_template), rest]).sort("row")
        values = decode_one_by_one(odd["payload"])
        alike = [self._cut(number, pl.concat(parts)) for number, parts in matched.items()]
        return DecodedBatch(batch, alike, dict(zip(odd["row"].to_list(), values, strict=True)))

    def _match_known(self, rows: pl.DataFrame, matched: dict[int, list[pl.DataFrame]]) -> Iterator[pl.DataFrame]:
        """Match messages with the template that their topic had last; yield those that do not match."""
        topics = rows["topic"].unique().to_list()
        numbers = [self._last_used.get(topic) for topic in topics]
        known = rows["topic"].replace_strict(topics, numbers, return_dtype=pl.UInt32)
        parts = rows.with_columns(known.alias("known")).partition_by("known", as_dict=True, include_key=False)
        for (number,), part in parts.items():
            if number is None:
                yield part
            else:
                yield self._match(int(number), part, matched)

    def _match_others(self, rest: pl.DataFrame, matched: dict[int, list[pl.DataFrame]]) -> pl.DataFrame:
        """Match messages with the template of the first of them, again and again; return what is left."""
        unmatched = [rest.clear()]
        unprofitable = 0
        while len(rest) and unprofitable < _MAX_UNPROFITABLE:
            number = self._find(rest["payload"][0])
            before = len(rest)
            if number is not None:
                remaining = self._match(number, rest, matched)
            if number is None or len(remaining) == before:
                unmatched.append(rest[:1])
                remaining = rest[1:]
            rest = remaining
            unprofitable = unprofitable + 1 if before - len(rest) < _PROFITABLE_ROWS else 0
        return pl.concat([*unmatched, rest])

    def _match(self, number: int, rows: pl.DataFrame, matched: dict[int, list[pl.DataFrame]]) -> pl.DataFrame:
        """Add the messages that match to ``matched``, and return the others."""
        fits = rows["payload"].str.contains(self._templates[number].pattern)
        found = rows if fits.all() else rows.filter(fits)
        if found.is_empty():
            return rows
        matched.setdefault(number, []).append(found)
        for topic in found["topic"].unique():
            self._last_used[topic] = number
        return rows.clear() if len(found) == len(rows) else rows.filter(~fits)

    def _find(self, payload: str) -> int | None:
        template = find_template(payload)
        if template is None:
            return None
        number = self._numbers.setdefault(template.pattern, len(self._templates))
        if number == len(self._templates):
            self._templates.append(template)
        return number

    def _cut(self, number: int, rows: pl.DataFrame) -> LikeMessages:
        template = self._templates[number]
        return LikeMessages(template, rows.select("row", "topic"), template.cut(rows["payload"]))
