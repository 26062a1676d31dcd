"""Choosing the readings of a window and of some sensors from an index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from labcrate.errors import SourceChangedError
from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.selection import SelectedTopics, SensorSelection
from labcrate.readings.load.slice import FactStore, LabCounts, Readings, RowPiece
from labcrate.readings.load.timestamps import FRAME, instant_at, microseconds
from labcrate.readings.load.topics import TopicKind, TopicOwners, Topics
from labcrate.readings.store.faults import source_problems
from labcrate.readings.store.manifest import KindCount, Manifest, PartInfo
from labcrate.readings.store.part_store import IndexDamagedError, PartStore
from labcrate.readings.store.parts import count_kinds
from labcrate.readings.store.repeated_hours import decode_repeated
from labcrate.readings.store.update import lab_kinds


@dataclass(frozen=True, slots=True)
class _CutPart:
    """A part of the index as far as it is in the window: from ``start_us`` to ``end_us``, None for the part's own."""

    part: PartInfo
    kinds: tuple[KindCount, ...]
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class _IndexPiece:
    """The readings of one part that are in the window."""

    rows: "IndexRows"
    part: _CutPart

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
        parts: Sequence[_CutPart],
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

    def read(self, part: _CutPart, *, of_all: bool) -> pl.DataFrame:
        """Return the readings of a part, of all sensors or of the selected ones. Raises as `batches` does."""
        rows = _cut(self._read(part, ["us", "topic", "payload"]), part.start_us, part.end_us)
        rows = rows.with_columns(whole=pl.col("payload").str.starts_with("{"))
        rows = rows.join(self._tables[of_all], on=["topic", "whole"], how="inner", maintain_order="left")
        return rows.select(pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("timestamp"), *list(FRAME)[1:])

    def kinds_inside(self, span: TimeSpan) -> set[TopicKind]:
        """Return the kinds that have a reading in a span. Raises SourceChangedError as `batches` does."""
        start, end = _limits(span)
        found: set[TopicKind] = set()
        for part in self._parts:
            first = max(us for us in (part.start_us, part.part.start_us) if us is not None)
            last = min(us for us in (part.end_us, part.part.end_us) if us is not None)
            if (start is not None and last < start) or (end is not None and first > end):
                continue
            if (start is None or first >= start) and (end is None or last <= end):
                found |= {(one.topic, one.whole) for one in part.kinds}
            else:
                rows = _cut(_cut(self._read(part, ["us", "topic", "payload"]), part.start_us, part.end_us), start, end)
                found |= set(rows.select("topic", pl.col("payload").str.starts_with("{")).unique().iter_rows())
        return found & self._devices.keys()

    def _read(self, part: _CutPart, columns: Sequence[str]) -> pl.DataFrame:
        try:
            return self._store.read_part(part.part, columns)
        except IndexDamagedError:
            self._on_damage()
            raise SourceChangedError(Message("readings.index_gone")) from None


def _device_table(devices: dict[TopicKind, str]) -> pl.DataFrame:
    rows = [(topic, whole, device) for (topic, whole), device in devices.items()]
    return pl.DataFrame(rows, {"topic": pl.String, "whole": pl.Boolean, "device_id": pl.String}, orient="row")


def select_readings(
    store: PartStore,
    manifest: Manifest,
    window: TimeSpan,
    selection: SensorSelection,
    topics: Topics,
    labels: tuple[str, str],
    on_damage: Callable[[], None] = lambda: None,
) -> Readings:
    """Return the readings of the window and of the selected sensors; ``labels`` name the files in problems.

    Raises IndexDamagedError.
    """
    start, end = _limits(window)
    parts = list(_parts_inside(store, manifest.parts, start, end))
    kinds, made = lab_kinds(manifest.sources)
    kinds |= {(topic, True) for topic in made if topic not in manifest.renamed}
    inside = {(one.topic, one.whole) for part in parts for one in part.kinds}
    kinds |= inside
    owners, selected = TopicOwners(topics, kinds), selection.match_topics(kinds)
    chosen = [kind for kind in inside if selected.includes(*kind)]
    rows = IndexRows(store, parts, {kind: owners.device_id(*kind) for kind in inside}, chosen, on_damage)
    total_inside = sum(one.rows for part in parts for one in part.kinds)
    absent = selected.sensors_without(list(kinds))
    return Readings(
        rows=rows,
        window=window,
        topics=topics,
        both=rows.both,
        only_json=rows.json,
        only_csv=rows.csv,
        of_other_sensors=total_inside - rows.height,
        absent_sensors=absent,
        silent_sensors=tuple(label for label in selected.sensors_without(chosen) if label not in absent),
        ambiguous_sensors=selected.ambiguous_sensors,
        lab=_lab_counts(store, manifest, start, end, total_inside),
        problems=tuple(_problems(manifest, window, labels, selected)),
    )


def _limits(span: TimeSpan) -> tuple[int | None, int | None]:
    start = None if span.start is None else microseconds(span.start)
    return start, None if span.end is None else microseconds(span.end)


def _parts_inside(
    store: PartStore, parts: Iterable[PartInfo], start: int | None, end: int | None
) -> Iterator[_CutPart]:
    for part in parts:
        if (start is not None and part.end_us < start) or (end is not None and part.start_us > end):
            continue
        from_us = start if start is not None and part.start_us < start else None
        to_us = end if end is not None and part.end_us > end else None
        if from_us is None and to_us is None:
            yield _CutPart(part, part.kinds)
        else:
            kinds = _count_cut(store, part, from_us, to_us)
            if kinds:
                yield _CutPart(part, kinds, from_us, to_us)


def _count_cut(store: PartStore, part: PartInfo, start: int | None, end: int | None) -> tuple[KindCount, ...]:
    rows = store.read_part(part, ["us", "topic", "payload", "json_segment", "csv_segment"])
    return tuple(count_kinds(_cut(rows, start, end)))


def _cut(rows: pl.DataFrame, start: int | None, end: int | None) -> pl.DataFrame:
    first = 0 if start is None else int(rows["us"].search_sorted(start, "left"))
    last = rows.height if end is None else int(rows["us"].search_sorted(end, "right"))
    return rows[first:last]


def _problems(
    manifest: Manifest, window: TimeSpan, labels: tuple[str, str], selected: SelectedTopics
) -> Iterator[ReadingsProblem]:
    def is_selected(topic: str) -> bool:
        return selected.includes(topic, True) or selected.includes(topic, False)

    repeated = decode_repeated(manifest.repeated)
    for source, label, is_json in zip(manifest.sources, labels, (True, False), strict=True):
        own = repeated.filter(pl.col("is_json") == is_json)
        yield from source_problems(source, label, window, own, is_selected)


def _lab_counts(store: PartStore, manifest: Manifest, start: int | None, end: int | None, inside: int) -> LabCounts:
    counts = [one for part in manifest.parts for one in part.kinds]
    both, json, csv = (sum(getattr(one, name) for one in counts) for name in ("both", "json", "csv"))
    parts = manifest.parts
    return LabCounts(
        json=both + json,
        csv=both + csv,
        total=both + json + csv,
        no_readings=_count_no_readings(manifest),
        first=instant_at(parts[0].start_us) if parts else None,
        last=instant_at(parts[-1].end_us) if parts else None,
        nearest=None if inside else _nearest(store, parts, start, end),
    )


def _count_no_readings(manifest: Manifest) -> int:
    """Return the number of messages that are no readings; of a topic in both files, that of the file with more."""
    counts: dict[str, int] = {}
    for source in manifest.sources:
        own: dict[str, int] = {}
        for segment in source.segments:
            for topic, count in segment.no_readings.items():
                own[topic] = own.get(topic, 0) + count
        for topic, count in own.items():
            counts[topic] = max(counts.get(topic, 0), count)
    return sum(counts.values())


def _nearest(store: PartStore, parts: Sequence[PartInfo], start: int | None, end: int | None) -> datetime | None:
    """Return the time of the reading closest to a window without any; the earlier one of two that are as close."""
    found: list[tuple[int, int]] = []
    for part in parts:
        times = [part.start_us, part.end_us]
        if start is not None and end is not None and part.start_us < start and part.end_us > end:
            times = store.read_part(part, ["us"])["us"].to_list()
        for us in times:
            if start is not None and us < start:
                found.append((start - us, us))
            if end is not None and us > end:
                found.append((us - end, us))
    return instant_at(min(found)[1]) if found else None
