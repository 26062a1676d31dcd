"""The chosen readings of an index, read part by part."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from labcrate.errors import SourceChangedError
from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import FactStore, RowPiece
from labcrate.readings.load.timestamps import FRAME, microseconds
from labcrate.readings.load.topics import TopicKind
from labcrate.readings.store.manifest import KindCount, PartInfo
from labcrate.readings.store.part_store import IndexDamagedError, PartStore


@dataclass(frozen=True, slots=True)
class CutPart:
    """A part of the index as far as it is in the window: from ``start_us`` to ``end_us``, None for the part's own."""

    part: PartInfo
    kinds: tuple[KindCount, ...]
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class _IndexPiece:
    """The readings of one part that are in the window."""

    rows: "IndexRows"
    part: CutPart

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows: a part's name is never used again."""
        devices = [(one.topic, one.whole, self.rows.all_devices[one.topic, one.whole]) for one in self.part.kinds]
        return self.part.part.name, self.part.start_us, self.part.end_us, devices

    @property
    def kinds(self) -> frozenset[TopicKind]:
        """Return the kinds of the selected sensors."""
        return frozenset(kind for one in self.part.kinds if (kind := (one.topic, one.whole)) in self.rows.selected)

    def rows_of_all(self) -> pl.DataFrame:
        """Return the readings of all sensors."""
        return self.rows.read(self.part, of_all=True)

    def rows_of_selected(self) -> pl.DataFrame:
        """Return the readings of the selected sensors."""
        return self.rows.read(self.part, of_all=False)


class IndexRows:
    """The chosen readings of an index, read part by part.

    ``devices`` maps every kind of the parts to its device_id, ``selected`` are those to be included. ``on_damage`` is
    called for a part that cannot be read.
    """

    def __init__(
        self,
        store: PartStore,
        parts: Sequence[CutPart],
        devices: dict[TopicKind, str],
        selected: Iterable[TopicKind],
        on_damage: Callable[[], None],
    ) -> None:
        self._store, self._parts, self._on_damage = store, parts, on_damage
        self.all_devices, self.selected = devices, frozenset(selected)
        self._devices = {kind: device for kind, device in devices.items() if kind in self.selected}
        self._tables = [_device_table(one) for one in (self._devices, devices)]
        self._counts = [one for part in parts for one in part.kinds if (one.topic, one.whole) in self._devices]
        self.height = sum(one.rows for one in self._counts)
        self.both, self.json, self.csv = (
            sum(getattr(one, name) for one in self._counts) for name in ("both", "json", "csv")
        )
        self.first_us = min((one.first_us for one in self._counts), default=None)
        self.last_us = max((one.last_us for one in self._counts), default=None)

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows: a part's name is never used again."""
        parts = tuple((one.part.name, one.start_us, one.end_us) for one in self._parts)
        return parts, tuple(sorted(self._devices.items()))

    @property
    def memory_bytes(self) -> int:
        """Return the approximate memory in bytes."""
        return sum(one.part.size_bytes for one in self._parts) if self._store.is_in_memory else 0

    @property
    def kind_counts(self) -> dict[TopicKind, int]:
        """Return the number of readings of each kind."""
        counts: dict[TopicKind, int] = {}
        for one in self._counts:
            counts[one.topic, one.whole] = counts.get((one.topic, one.whole), 0) + one.rows
        return counts

    @property
    def devices(self) -> dict[TopicKind, str]:
        """Return the device_id of each kind with readings."""
        return {kind: self._devices[kind] for kind in self.kind_counts}

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the readings, part by part. Raises SourceChangedError if the index was deleted meanwhile."""
        for part in self._parts:
            if not any((one.topic, one.whole) in self._devices for one in part.kinds):
                continue
            rows = self.read(part, of_all=False)
            if rows.height:
                yield rows

    @property
    def facts(self) -> FactStore:
        """Return the results that were computed from the readings."""
        return self._store

    def pieces(self) -> Iterator[RowPiece]:
        """Yield the readings in pieces, one for each part."""
        for part in self._parts:
            yield _IndexPiece(self, part)

    def read(self, part: CutPart, *, of_all: bool) -> pl.DataFrame:
        """Return the readings of a part, of all sensors or of the selected ones. Raises as `batches` does."""
        rows = cut_rows(self._read(part, ["us", "topic", "payload"]), part.start_us, part.end_us)
        rows = rows.with_columns(whole=pl.col("payload").str.starts_with("{"))
        rows = rows.join(self._tables[of_all], on=["topic", "whole"], how="inner", maintain_order="left")
        return rows.select(pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("timestamp"), *list(FRAME)[1:])

    def kinds_inside(self, span: TimeSpan) -> set[TopicKind]:
        """Return the kinds that have a reading in a span. Raises SourceChangedError as `batches` does."""
        start, end = window_limits(span)
        found: set[TopicKind] = set()
        for part in self._parts:
            first = max(us for us in (part.start_us, part.part.start_us) if us is not None)
            last = min(us for us in (part.end_us, part.part.end_us) if us is not None)
            if (start is not None and last < start) or (end is not None and first > end):
                continue
            if (start is None or first >= start) and (end is None or last <= end):
                found |= {(one.topic, one.whole) for one in part.kinds}
            else:
                rows = cut_rows(
                    cut_rows(self._read(part, ["us", "topic", "payload"]), part.start_us, part.end_us), start, end
                )
                found |= set(rows.select("topic", pl.col("payload").str.starts_with("{")).unique().iter_rows())
        return found & self._devices.keys()

    def _read(self, part: CutPart, columns: Sequence[str]) -> pl.DataFrame:
        try:
            return self._store.read_part(part.part, columns)
        except IndexDamagedError:
            self._on_damage()
            raise SourceChangedError(Message("readings.index_gone")) from None


def _device_table(devices: dict[TopicKind, str]) -> pl.DataFrame:
    rows = [(topic, whole, device) for (topic, whole), device in devices.items()]
    return pl.DataFrame(rows, {"topic": pl.String, "whole": pl.Boolean, "device_id": pl.String}, orient="row")


def window_limits(span: TimeSpan) -> tuple[int | None, int | None]:
    """Return the limits of a span in microseconds since 1970, None for an open side."""
    start = None if span.start is None else microseconds(span.start)
    return start, None if span.end is None else microseconds(span.end)


def cut_rows(rows: pl.DataFrame, start: int | None, end: int | None) -> pl.DataFrame:
    """Return the rows from ``start`` to ``end``, both included (microseconds since 1970; None: no limit)."""
    first = 0 if start is None else int(rows["us"].search_sorted(start, "left"))
    last = rows.height if end is None else int(rows["us"].search_sorted(end, "right"))
    return rows[first:last]
