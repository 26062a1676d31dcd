"""Collecting the new rows of both files while they are read: in memory up to a limit, else in sorted runs."""

from collections.abc import Iterator

import polars as pl

from labcrate.readings.load.segments import Segment
from labcrate.readings.store.part_rows import SOURCE_ROWS
from labcrate.readings.store.part_store import MemoryRun, PartStore, Run

MEMORY_BYTES = 64 << 20
"""The rows of a file that are kept in memory before a run is written."""

SAMPLE_ROWS = 256


class RowCollector:
    """The new rows of one file, in sorted runs. Use one for each thread that reads."""

    def __init__(self, store: PartStore, memory_bytes: int = MEMORY_BYTES) -> None:
        self._store, self._memory_bytes = store, memory_bytes
        self._pending: list[pl.DataFrame] = []
        self._size_bytes = 0
        self._runs: list[tuple[Run, int]] = []

    def add(self, segment: Segment, segment_id: int) -> None:
        """Add the rows of a segment, without those whose time occurs twice. Raises IndexWriteError."""
        rows = segment.rows.lazy().filter(pl.col("second").is_null())
        self.add_rows(
            rows.select("us", "topic", "payload", "built", pl.lit(segment_id, pl.UInt32).alias("segment"), "place").collect()
        )

    def add_rows(self, rows: pl.DataFrame) -> None:
        """Add rows (`part_rows.SOURCE_ROWS`) in any order. Raises IndexWriteError."""
        if rows.height:
            self._pending.append(rows)
            self._size_bytes += int(rows.estimated_size())
            if self._size_bytes >= self._memory_bytes:
                self._write_run()

    def rename_topics(self, names: dict[str, str]) -> None:
        """Replace topics in what was collected. Raises IndexWriteError."""
        for place, (run, height) in enumerate(self._runs):
            renamed = self._store.write_run(_renamed(run.rows(0, height), names))
            run.delete()
            self._runs[place] = (renamed, height)
        self._pending = [_renamed(rows, names) for rows in self._pending]

    def finish(self) -> None:
        """Write what is pending. Raises IndexWriteError."""
        if self._pending:
            self._write_run(last=not self._runs)

    def delete(self) -> None:
        """Delete all runs."""
        for run, _ in self._runs:
            run.delete()
        self._runs.clear()
        self._pending.clear()

    def samples(self) -> pl.Series:
        """Return the times of one of ``sample_rows`` rows, sorted, and the first and last of each run."""
        times = [pl.Series("us", [], dtype=pl.Int64)]
        for run, _ in self._runs:
            us = run.times()
            times += [us.gather_every(SAMPLE_ROWS), us.tail(1)]
        return pl.concat(times).sort()

    def slices(self, bounds: list[int]) -> Iterator[pl.DataFrame]:
        """Yield the rows before each bound in turn that were not yielded before, and last the rest. Raises IndexWriteError."""
        ends = [[int(end) for end in run.times().search_sorted(pl.Series(bounds, dtype=pl.Int64), "left")] for run, _ in self._runs]
        starts = [0] * len(self._runs)
        for number in range(len(bounds) + 1):
            frames = [pl.DataFrame(schema=SOURCE_ROWS)]
            for place, (run, height) in enumerate(self._runs):
                end = ends[place][number] if number < len(bounds) else height
                if end > starts[place]:
                    frames.append(run.rows(starts[place], end))
                starts[place] = end
            yield pl.concat(frames, rechunk=True)

    def _write_run(self, *, last: bool = False) -> None:
        rows = pl.concat(self._pending).sort("us", maintain_order=True)
        self._pending, self._size_bytes = [], 0
        run = MemoryRun(rows) if last else self._store.write_run(rows)
        self._runs.append((run, rows.height))


def _renamed(rows: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    return rows.with_columns(pl.col("topic").replace(names))
