"""Readings without secrets, cleaned batch by batch when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import FactStore, ReadingRows, Readings, RowPiece
from labcrate.readings.load.topics import TopicKind

_CLEANING_VERSION = 1
"""Increase it when other messages are cleaned for the same secrets."""


@dataclass(frozen=True, slots=True)
class PayloadCleaning:
    """How payloads are cleaned: ``clean`` returns the new payload (compact JSON) for topic and payload.

    With ``needles``, only readings whose topic or payload contains one of them, in any case, are checked. ``harmless``
    are words by the needle that they begin with: a needle in such a word does not count.
    """

    needles: Sequence[str]
    clean: Callable[[str, str], str]
    harmless: Mapping[str, str] = field(default_factory=dict)

    def _with_needle(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that contain a needle."""
        texts = pl.col("topic", "payload")

        def contains(needles: Iterable[str]) -> pl.Expr:
            return pl.any_horizontal(texts.str.contains_any(list(needles), ascii_case_insensitive=True))

        # An escape could hide a letter of a key: check any payload with one too.
        found = rows.filter(contains(self.needles) | pl.col("payload").str.contains("\\u", literal=True))
        if not found.height or not self.harmless:
            return found
        others = [needle for needle in self.needles if needle not in self.harmless]
        certain = contains(others) | pl.col("payload").str.contains("\\u", literal=True)
        for needle, word in self.harmless.items():
            counts = [texts.str.count_matches(f"(?i){text}") for text in (needle, word)]
            certain |= pl.any_horizontal(counts[0] > counts[1])
        return found.filter(certain)

    def changed(self, batch: pl.DataFrame) -> list[tuple[int, str]]:
        """Return the rows whose payload changes, and the new payloads."""
        suspects = batch.with_row_index("row").select("row", "topic", "payload")
        if self.needles:
            suspects = self._with_needle(suspects)
        return [
            (row, cleaned)
            for row, topic, payload in suspects.iter_rows()
            if (cleaned := self.clean(topic, payload)) != payload
        ]


@dataclass(frozen=True, slots=True)
class _CleanedPiece:
    """A piece of cleaned readings."""

    piece: RowPiece
    cleaned: CleanedRows

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows."""
        return self.piece.identity, self.cleaned.identity_of_cleaning

    @property
    def kinds(self) -> frozenset[TopicKind]:
        """Return the kinds of the selected sensors."""
        return frozenset(map(self.cleaned.cleaned_kind, self.piece.kinds))

    def rows_of_all(self) -> pl.DataFrame:
        """Return the readings of all sensors."""
        return self.cleaned.clean_batch(self.piece.rows_of_all())

    def rows_of_selected(self) -> pl.DataFrame:
        """Return the readings of the selected sensors."""
        return self.cleaned.clean_batch(self.piece.rows_of_selected())


@dataclass(frozen=True)
class CleanedRows:
    """Readings with cleaned payloads, some topics and device_ids replaced, sorted by time, topic and payload."""

    rows: ReadingRows
    cleaning: PayloadCleaning | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows."""
        return self.rows.identity, self.identity_of_cleaning

    @property
    def identity_of_cleaning(self) -> object:
        """Return a value that is only equal for the same cleaning."""
        needles = tuple(self.cleaning.needles) if self.cleaning else None
        return needles, tuple(sorted(self.topics.items())), tuple(sorted(self.names.items()))

    @property
    def facts(self) -> FactStore:
        """Return the results that were computed from the readings."""
        return self.rows.facts

    def pieces(self) -> Iterator[RowPiece]:
        """Yield the readings in pieces."""
        for piece in self.rows.pieces():
            yield _CleanedPiece(piece, self)

    @property
    def memory_bytes(self) -> int:
        """Return the approximate memory in bytes."""
        return self.rows.memory_bytes

    @property
    def height(self) -> int:
        """Return the number of readings."""
        return self.rows.height

    @property
    def first_us(self) -> int | None:
        """Return the first instant in microseconds since 1970."""
        return self.rows.first_us

    @property
    def last_us(self) -> int | None:
        """Return the last instant in microseconds since 1970."""
        return self.rows.last_us

    @property
    def kind_counts(self) -> Mapping[TopicKind, int]:
        """Return the number of readings of each kind."""
        counts: dict[TopicKind, int] = {}
        for kind, count in self.rows.kind_counts.items():
            new = self.cleaned_kind(kind)
            counts[new] = counts.get(new, 0) + count
        return counts

    @property
    def devices(self) -> Mapping[TopicKind, str]:
        """Return the device_id of each kind."""
        return {self.cleaned_kind(kind): self.names.get(name, name) for kind, name in self.rows.devices.items()}

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the readings; see `Readings.batches`."""
        for batch in self.rows.batches():
            yield self.clean_batch(batch)

    def clean_batch(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a batch, cleaned and sorted."""
        changed = self.cleaning.changed(batch) if self.cleaning else []
        cleaned = batch
        if changed:
            rows = pl.Series([row for row, _ in changed], dtype=pl.UInt32)
            payloads = batch["payload"].scatter(rows, [text for _, text in changed])
            cleaned = cleaned.with_columns(payloads.alias("payload"))
        for column, names in (("topic", self.topics), ("device_id", self.names)):
            if names:
                cleaned = cleaned.with_columns(pl.col(column).replace(names))
        return batch if cleaned is batch else cleaned.sort("timestamp", "topic", "payload")

    def kinds_inside(self, span: TimeSpan) -> set[TopicKind]:
        """Return the kinds that have a reading in a span."""
        return set(map(self.cleaned_kind, self.rows.kinds_inside(span)))

    def cleaned_kind(self, kind: TopicKind) -> TopicKind:
        """Return a kind with its new topic."""
        topic, whole = kind
        return self.topics.get(topic, topic), whole


def clean_payloads(
    readings: Readings,
    needles: Sequence[str],
    clean: Callable[[str, str], str],
    harmless: Mapping[str, str] | None = None,
) -> tuple[Readings, int]:
    """Replace payloads by the result of ``clean``; see `PayloadCleaning`.

    Return the readings, sorted by time, topic and payload, with the same counts, and how many of them changed; the same
    object if none did.
    """
    if readings.rows is None or not len(readings):
        return readings, 0
    cleaning = PayloadCleaning(needles, clean, harmless or {})
    count = sum(_count_changed(piece, cleaning, readings.rows.facts) for piece in readings.rows.pieces())
    if not count:
        return readings, 0
    return replace(readings, rows=CleanedRows(readings.rows, cleaning)), count


def _count_changed(piece: RowPiece, cleaning: PayloadCleaning, facts: FactStore) -> int:
    """Return how many messages of the selected sensors change."""
    depends_on = _CLEANING_VERSION, piece.identity, tuple(cleaning.needles)
    known = facts.load_fact("changed", depends_on)
    if known == b"0":  # none of any sensor
        return 0
    if known is None:
        every = len(cleaning.changed(piece.rows_of_all()))
        facts.save_fact("changed", depends_on, str(every).encode())
        if not every:
            return 0
    return len(cleaning.changed(piece.rows_of_selected()))


def rename_readings(readings: Readings, topics: Mapping[str, str], names: Mapping[str, str]) -> Readings:
    """Return readings with some topics and device_ids replaced; the same object for none."""
    if readings.rows is None or not (topics or names):
        return readings
    return replace(readings, rows=CleanedRows(readings.rows, None, topics, names))
