"""The rows of exports of readings: labcrate beside DuckDB, which writes the same four tables."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks import peers
from benchmarks.export_rows import LABCRATE, Benchmark
from benchmarks.measure import CommandError, Competitor, Results, run, run_in_turn
from benchmarks.same_tables import count_rows
from benchmarks.table import MB, ResultLine, Target, result_lines

BEGIN, FORTNIGHT = "2025-05-02 08:00:00", "2025-05-16 08:00:00"
"""The time of session 1, as DuckDB reads it; see ``labs.build_sensors_lab``."""

_FIRST, _INDEXED, _ALL = (
    "labcrate export, nothing indexed",
    "labcrate export, indexed",
    "labcrate export --readings all",
)
_DUCKDB, _SYNCED, _DUCKDB_SYNCED = "DuckDB, the same tables", "labcrate export, indexed, synced", "DuckDB, synced"
_MAX_MEMORY_BYTES, _MAX_MEMORY_MANY_BYTES = 400 * MB, 1000 * MB
_MAX_BARE_BYTES = 38 * MB


@dataclass(slots=True)
class _RowCounts:
    """The rows that each competitor wrote, by its name; all must have written as many."""

    readings: int
    found: dict[str, dict[str, int]] = field(default_factory=dict)

    def check(self, bench: Benchmark, name: str) -> None:
        """Count what a competitor has just written. Raises CommandError if others wrote more or fewer rows."""
        self.found[name] = count_rows(bench.target)
        first = next(iter(self.found.values()))
        if self.found[name] != first or first["zigbee-sensors.csv"] != self.readings:
            raise CommandError(f"not the same rows of {self.readings:,} readings: {self.found}")


def readings(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure exports of a fortnight of forty sensors, and of an hour of it with ``--readings all``."""
    count = bench.size.readings
    with bench.lab("sensors", count) as lab:
        counts = _RowCounts(count)
        everything = (LABCRATE, "export", "2", "--lab", str(lab), "-o", str(bench.target), "--readings", "all")
        competitors = [
            bench.export(lab, _FIRST, "--no-sync", delete_index=True),
            bench.export(lab, _INDEXED, "--no-sync"),
            bench.export(lab, _SYNCED),
            Competitor(_ALL, (*everything, "--no-sync"), bench.clear),
        ]
        if peers.DUCKDB.is_installed():
            competitors += [_duckdb(bench, str(lab), _DUCKDB), _duckdb(bench, str(lab), _DUCKDB_SYNCED, "sync")]
        results = run_in_turn([_counted(bench, counts, one) for one in competitors], bench.size.rounds)
    bench.clear()
    yield from _lines("readings", results, count, _MAX_MEMORY_BYTES)


def many_readings(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the same with ten times as many readings, once, and the export of an hour of them."""
    count = bench.size.many_readings
    with bench.lab("sensors", count) as lab:
        counts, hour = _RowCounts(count), "labcrate export of an hour, indexed"
        competitors = [
            bench.export(lab, _FIRST, "--no-sync", delete_index=True),
            bench.export(lab, _INDEXED, "--no-sync"),
        ]
        if peers.DUCKDB.is_installed():
            competitors.append(_duckdb(bench, str(lab), _DUCKDB))
        results = run_in_turn([_counted(bench, counts, one) for one in competitors], 1)
        command = (LABCRATE, "export", "2", "--lab", str(lab), "-o", str(bench.target), "--no-sync")
        results |= run_in_turn([Competitor(hour, command, bench.clear)], bench.size.rounds)
    bench.clear()
    yield from _lines("readings-many", results, count, _MAX_MEMORY_MANY_BYTES)


def bare(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the export of one small recording without readings."""
    with bench.lab("recordings", 1, 200_000, 0) as lab:
        run(bench.export(lab))  # probes the recording
        results = run_in_turn([bench.export(lab, "labcrate export --no-sync", "--no-sync")], 2 * bench.size.rounds)
    bench.clear()
    targets = {name: Target(peak_bytes=_MAX_BARE_BYTES) for name in results}
    yield from result_lines("bare", results, {}, targets, dict.fromkeys(results, "one recording, no readings"))


def _duckdb(bench: Benchmark, lab: str, name: str, *sync: str) -> Competitor:
    part = (sys.executable, "-m", "benchmarks.duckdb_readings")
    return Competitor(name, (*part, lab, str(bench.target), BEGIN, FORTNIGHT, *sync), bench.clear)


def _counted(bench: Benchmark, counts: _RowCounts, competitor: Competitor) -> Competitor:
    return replace(competitor, finish=partial(counts.check, bench, competitor.name))


def _lines(row: str, results: dict[str, Results], count: int, memory: int) -> Iterator[ResultLine]:
    """Yield a line for each competitor, with its ratio to DuckDB if that was measured."""
    peer = dict.fromkeys((_FIRST, _INDEXED, _ALL), _DUCKDB) | {_SYNCED: _DUCKDB_SYNCED}
    most = {_FIRST: 1.0, _INDEXED: 0.5} if _DUCKDB in results else {}
    targets = {name: Target(ratio=most.get(name), peak_bytes=memory) for name in results if name.startswith("labcrate")}
    notes = {name: f"{result.cpu_s:.1f} CPU s" for name, result in results.items()}
    notes[_FIRST] = f"{count:,} readings, {notes[_FIRST]}"
    references = {name: to for name, to in peer.items() if name in results and to in results}
    yield from result_lines(row, results, references, targets, notes)
