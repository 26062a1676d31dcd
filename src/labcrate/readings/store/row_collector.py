"""Collecting the new rows of both files while they are read: in memory up to a limit, else in sorted runs."""

from collections.abc import Iterator

import polars as pl

from labcrate.readings.load.segments import SourceSegment
from labcrate.readings.store.part_rows import SOURCE_ROWS
from labcrate.readings.store.part_store import MemoryRun, PartStore, Run

MEMORY_BYTES = 32 << 20
"""The rows of a file that are kept in memory before a run is written."""


class RowCollector:
    """The new rows of one file, in sorted runs. Use one for each thread that reads."""

    def __init__(self, store: PartStore, memory_bytes: int = MEMORY_BYTES) -> None:
        self._store, self._memory_bytes = store, memory_bytes
        self._pending: list[pl.DataFrame] = []
        self._size_bytes = 0
        self._runs: list[Run] = []

    def add(self, segment: SourceSegment, segment_id: int) -> None:
        """Add the rows of a segment, without those whose time occurs twice. Raises IndexWriteError."""
        rows = segment.rows.lazy().filter(pl.col("second").is_null())
        self.add_rows(
            rows.select(
                "us", "topic", "payload", "built", pl.lit(segment_id, pl.UInt32).alias("segment"), "place"
            ).collect()
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
        for place, run in enumerate(self._runs):
            self._runs[place] = self._store.write_run(_renamed(pl.concat(run.take_before(None)), names))
            run.delete()
        self._pending = [_renamed(rows, names) for rows in self._pending]

    def finish(self) -> None:
        """Write what is pending. Raises IndexWriteError."""
        if self._pending:
            self._write_run(last=not self._runs)

    def delete(self) -> None:
        """Delete all runs."""
        for run in self._runs:
            run.delete()
        self._runs.clear()
        self._pending.clear()

    def samples(self) -> pl.Series:
        """Return the times of one of ``SAMPLE_ROWS`` rows, and the last of each run."""
        return pl.concat([pl.Series("us", [], dtype=pl.Int64), *(run.samples() for run in self._runs)])

    def slices(self, bounds: list[int]) -> Iterator[pl.DataFrame]:
        """Yield the rows before each bound in turn that were not yielded before, and last the rest.

        Raises IndexWriteError.
        """
        for bound in [*bounds, None]:
            frames = [frame for run in self._runs for frame in run.take_before(bound)]
            yield pl.concat([pl.DataFrame(schema=SOURCE_ROWS), *frames], rechunk=True)

    def _write_run(self, *, last: bool = False) -> None:
        rows = pl.concat(self._pending).sort("us", maintain_order=True)
        self._pending, self._size_bytes = [], 0
        self._runs.append(MemoryRun(rows) if last else self._store.write_run(rows))


def _renamed(rows: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    return rows.with_columns(pl.col("topic").replace(names))
