"""Writing the parts of an index: spans of time with some ten thousand readings each, cut at midnight (UTC)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import polars as pl

from labcrate.readings.load.segments import SegmentInfo
from labcrate.readings.load.timestamps import EPOCH
from labcrate.readings.store.manifest import KindCount, PartInfo
from labcrate.readings.store.part_rows import PART_ROWS, split_sources, unite
from labcrate.readings.store.part_store import SAMPLE_ROWS, PartStore
from labcrate.readings.store.row_collector import RowCollector

PART_READINGS = 65_536
"""The most readings of a part, but for more of one instant."""

_FEW_READINGS = 4096
_DAY_US = 86_400_000_000


def write_parts(
    store: PartStore,
    parts: Sequence[PartInfo],
    json: RowCollector,
    csv: RowCollector,
    dropped: Sequence[Sequence[SegmentInfo]],
) -> list[PartInfo]:
    """Return the parts with the collected rows and without those of dropped segments (of the JSON, of the CSV).

    Only parts that change are written. Raises IndexWriteError and IndexDamagedError.
    """
    starts = [part.start_us for part in parts[1:]]
    bounds = _bounds(json, csv, starts)
    found: list[PartInfo] = []
    old = _OldRows(store, dropped)
    number, begins_part = 0, True
    ends: list[int | None] = [*bounds, None]
    for end, own, theirs in zip(ends, json.slices(bounds), csv.slices(bounds), strict=True):
        ends_part = end is None or (number < len(starts) and end == starts[number])
        if number >= len(parts):
            found += _write(store, unite(own, theirs))
        elif begins_part and ends_part and not own.height and not theirs.height:
            found += old.unchanged(parts[number])
        else:
            json_rows, csv_rows = old.rows_before(parts[number], end)
            found += _write(store, unite(pl.concat([own, json_rows]), pl.concat([theirs, csv_rows])))
        number += ends_part
        begins_part = ends_part
    return found


class _OldRows:
    """The rows of existing parts, which are read when they change."""

    def __init__(self, store: PartStore, dropped: Sequence[Sequence[SegmentInfo]]) -> None:
        self._store, self._dropped = store, [[one.id for one in segments] for segments in dropped]
        times = [us for segments in dropped for one in segments for us in (one.min_us, one.max_us) if us is not None]
        self._dropped_from, self._dropped_to = min(times, default=0), max(times, default=-1)
        self._part: PartInfo | None = None
        self._rows = pl.DataFrame(schema=PART_ROWS)

    def unchanged(self, part: PartInfo) -> list[PartInfo]:
        """Return the part, written again if it has rows of dropped segments."""
        if part.end_us < self._dropped_from or part.start_us > self._dropped_to:
            return [part]
        json, csv = (
            self._store.read_part(part, [name]).to_series().is_in(ids).any()
            for name, ids in zip(("json_segment", "csv_segment"), self._dropped, strict=True)
        )
        if not json and not csv:
            return [part]
        return list(_write(self._store, unite(*self._without_dropped(self._store.read_part(part, list(PART_ROWS))))))

    def rows_before(self, part: PartInfo, end_us: int | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of both files before a time that were not returned before."""
        if self._part is not part:
            self._part, self._rows = part, self._store.read_part(part, list(PART_ROWS))
        at = self._rows.height if end_us is None else int(self._rows["us"].search_sorted(end_us, "left"))
        found, self._rows = self._rows[:at], self._rows[at:]
        return self._without_dropped(found)

    def _without_dropped(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        json, csv = (
            one.filter(~one["segment"].is_in(ids)) if len(ids) else one
            for one, ids in zip(split_sources(rows), self._dropped, strict=True)
        )
        return json, csv


def _bounds(json: RowCollector, csv: RowCollector, starts: Sequence[int]) -> list[int]:
    """Return the times at which the collected rows are cut: those of the parts, and others where there are many."""
    samples = pl.concat([json.samples(), csv.samples()]).sort().to_list()
    bounds = set(starts)
    last, since = None, 0
    for us in samples:
        since += SAMPLE_ROWS
        if last is None:
            last = us
        elif since > PART_READINGS and us > last:
            bounds.add(us)
            last, since = us, 0
    return sorted(bounds)


def _write(store: PartStore, rows: pl.DataFrame) -> Iterator[PartInfo]:
    """Write the readings as parts."""
    for start, stop in _cuts(rows["us"]):
        part = rows[start:stop]
        first, last = int(part["us"][0]), int(part["us"][-1])
        name, size_bytes, digest = store.write_part(_day_name(first), part)
        yield PartInfo(name, first, last, part.height, size_bytes, digest, tuple(count_kinds(part)))


def _cuts(us: pl.Series) -> Iterator[tuple[int, int]]:
    """Yield the first and last index (exclusive) of each part: of at least some readings, cut at days."""
    start = 0
    while start < len(us):
        stop = start + PART_READINGS
        if stop < len(us):
            stop = int(us.search_sorted(us[stop - 1], "right"))
        stop = min(stop, len(us))
        enough = start + _FEW_READINGS
        if enough < stop:
            midnight = (int(us[enough]) // _DAY_US + 1) * _DAY_US
            stop = min(stop, int(us.search_sorted(midnight, "left")))
        yield start, stop
        start = stop


def count_kinds(part: pl.DataFrame) -> Iterable[KindCount]:
    """Return the number of readings of each kind in rows of `PART_ROWS`, by source."""
    json, csv = pl.col("json_segment").is_not_null(), pl.col("csv_segment").is_not_null()
    counts = (
        part.lazy()
        .group_by("topic", pl.col("payload").str.starts_with("{").alias("whole"))
        .agg(
            both=(json & csv).sum(),
            json=(json & ~csv).sum(),
            csv=(csv & ~json).sum(),
            first=pl.col("us").min(),
            last=pl.col("us").max(),
        )
        .sort("topic", "whole")
        .collect()
    )
    return [KindCount(*row) for row in counts.iter_rows()]


def _day_name(us: int) -> str:
    try:
        return f"{EPOCH + timedelta(microseconds=us):%Y-%m-%d}"
    except OverflowError:
        return "other"
