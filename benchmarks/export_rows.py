"""The rows of exports and plans: each function builds its lab, measures, and removes both."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import Competitor, Results, run, run_in_turn
from benchmarks.table import MB, ResultLine, Target, result_lines

LABCRATE = str(Path(sys.executable).with_name("labcrate"))
MEMORY_LIMIT_BYTES = 100 * MB


@dataclass(frozen=True, slots=True)
class DataSize:
    """How much is measured; ``some_readings`` are those of the row ``sensors-a``, all within its session."""

    large: int = 250_000_000
    small_files: int = 2000
    rounds: int = 5
    recordings: int = 100_000
    sessions: int = 1000
    readings: int = 1_000_000
    many_readings: int = 10_000_000
    some_readings: int = 5000
    members: int = 10_000
    member_bytes: int = 100_000_000
    segments: int = 2880
    segment_bytes: int = 500_000


QUICK = DataSize(16_000_000, 200, 2, 5000, 50, 20_000, 40_000, 1000, 500, segments=400, segment_bytes=100_000)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The folder of the benchmark's data, and how much data there is."""

    folder: Path
    size: DataSize

    @contextmanager
    def lab(self, kind: str, *numbers: int) -> Iterator[Path]:
        """Build a lab of that kind, and remove it at the end."""
        lab = self.folder / "lab"
        build = (sys.executable, "-m", "benchmarks.labs", kind, str(lab), *map(str, numbers))
        run(Competitor(f"building {kind}", build))
        try:
            yield lab
        finally:
            shutil.rmtree(lab, ignore_errors=True)

    @property
    def target(self) -> Path:
        """Return the path that every competitor writes."""
        return self.folder / "target.zip"

    def clear(self) -> None:
        """Remove what the last competitor wrote."""
        if self.target.is_dir():
            shutil.rmtree(self.target)
        self.target.unlink(missing_ok=True)

    def peer(self, name: str, command: peers.Command, source: Path) -> Competitor:
        """Return a peer that packs a folder."""
        return Competitor(name, command(source, self.target), self.clear)

    def export(self, lab: Path, name: str = "labcrate export", *options: str, delete_index: bool = False) -> Competitor:
        """Return the whole export command; ``delete_index``: it finds an empty index each time."""
        command = (LABCRATE, "export", "1", "--lab", str(lab), "-o", str(self.target), *options)
        return Competitor(name, command, partial(self._prepare, lab, delete_index=delete_index))

    def _prepare(self, lab: Path, *, delete_index: bool) -> None:
        self.clear()
        if delete_index:
            shutil.rmtree(lab / ".labcrate", ignore_errors=True)


def _measure_packing(bench: Benchmark, row: str, count: int, size_bytes: int) -> Iterator[ResultLine]:
    """Measure labcrate beside cp and every archiver, with known fixity."""
    with bench.lab("recordings", count, size_bytes, 0) as lab:
        source = lab / "recordings"
        part = (sys.executable, "-m", "benchmarks.packing")
        ends = (str(lab), str(bench.target))
        whole, packing, unsynced = "labcrate export", "labcrate, packing alone", "labcrate export --no-sync"
        run(bench.export(lab))  # computes the fixity, and reads everything into the page cache
        competitors = [
            bench.peer("cp", peers.copy, source),
            bench.peer("cp + sync", peers.copy_synced, source),
            Competitor(packing, (*part, *ends), bench.clear, self_timed=True),
            bench.export(lab, unsynced, "--no-sync"),
            bench.export(lab),
            *(bench.peer(p.name, p.command, source) for p in peers.ARCHIVERS if p.is_installed()),
        ]
        results = run_in_turn(competitors, bench.size.rounds)
    bench.clear()
    large = row == "pack-a"
    targets = {
        packing: Target(ratio=1.3 if large else None, peak_bytes=MEMORY_LIMIT_BYTES),
        unsynced: Target(ratio=1.8 if large else None, peak_bytes=MEMORY_LIMIT_BYTES),
        whole: Target(ratio=1.8 if large else None, peak_bytes=MEMORY_LIMIT_BYTES),
    }
    # The target is relative to cp, which does not wait for the disk; the next line compares with one that does.
    yield from result_lines(row, results, dict.fromkeys((n for n in results if n != "cp"), "cp"), targets, {})
    durable = {name: results[name] for name in (whole, "cp + sync")}
    yield from result_lines(row, durable, {whole: "cp + sync"}, {}, {})[:1]
    yield from _compare_with_fastest(row, results, packing, unsynced, whole)


def _compare_with_fastest(row: str, results: dict[str, Results], *ours: str) -> Iterator[ResultLine]:
    """Yield our commands again, compared with the fastest archiver."""
    archivers = [peer.name for peer in peers.ARCHIVERS if peer.name in results]
    if archivers:
        best = min(archivers, key=lambda name: results[name].median_s)
        compared = {name: results[name] for name in ours} | {best: results[best]}
        targets = dict.fromkeys(ours, Target(ratio=1.0))
        yield from [
            line for line in result_lines(row, compared, dict.fromkeys(ours, best), targets, {}) if line.what in ours
        ]


def pack_a(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure (a): 2 GB in 8 recordings."""
    yield from _measure_packing(bench, "pack-a", 8, bench.size.large)


def check_a(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure (a) with all bytes confirmed during packing, beside cp and crc32 at the same time."""
    with bench.lab("recordings", 8, bench.size.large, 0) as lab:
        source = lab / "recordings"
        run(bench.export(lab))
        beside, synced = "cp beside crc32", "cp + sync beside crc32"
        checked, unsynced = "labcrate export --check", "labcrate export --check --no-sync"
        competitors = [
            bench.peer(beside, peers.copy_and_crc32, source),
            bench.peer(synced, peers.copy_synced_and_crc32, source),
            bench.export(lab, unsynced, "--check", "--no-sync"),
            bench.export(lab, checked, "--check"),
            bench.export(lab, "labcrate export --no-check --no-sync", "--no-check", "--no-sync"),
        ]
        results = run_in_turn(competitors, bench.size.rounds)
    bench.clear()
    peer = {unsynced: beside, checked: synced, "labcrate export --no-check --no-sync": beside}
    targets = dict.fromkeys((unsynced, checked), Target(ratio=1.3, peak_bytes=MEMORY_LIMIT_BYTES))
    yield from result_lines("check-a", results, peer, targets, {})


def pack_b(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure (b): 2000 recordings of 200 KB."""
    yield from _measure_packing(bench, "pack-b", bench.size.small_files, 200_000)


def sensors_a(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure (a) in a lab that also has sensors."""
    with bench.lab("recordings", 8, bench.size.large, bench.size.some_readings) as lab:
        run(bench.export(lab))
        competitors = [bench.peer("cp + sync", peers.copy_synced, lab / "recordings"), bench.export(lab)]
        results = run_in_turn(competitors, bench.size.rounds)
    bench.clear()
    note = {"labcrate export": f"{bench.size.some_readings:,} readings"}
    yield from result_lines("sensors-a", results, {"labcrate export": "cp + sync"}, {}, note)


def _measure_first_export(bench: Benchmark, row: str, count: int, size_bytes: int) -> Iterator[ResultLine]:
    """Measure labcrate beside sha256sum followed by cp, with unknown fixity."""
    whole, plain, synced = "labcrate export, nothing indexed", "sha256sum; cp", "sha256sum; cp + sync"
    with bench.lab("recordings", count, size_bytes, 0) as lab:
        source = lab / "recordings"
        competitors = [
            bench.peer(plain, peers.hash_and_copy, source),
            bench.peer(synced, peers.hash_and_copy_synced, source),
            bench.export(lab, whole, delete_index=True),
        ]
        results = run_in_turn(competitors, bench.size.rounds)
    bench.clear()
    yield from result_lines(row, results, {whole: plain}, {whole: Target(ratio=1.0, peak_bytes=MEMORY_LIMIT_BYTES)}, {})
    synced_results = {name: results[name] for name in (whole, synced)}
    yield from result_lines(row, synced_results, {whole: synced}, {whole: Target(ratio=1.0)}, {})[:1]


def first_a(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the first export of (a)."""
    yield from _measure_first_export(bench, "first-a", 8, bench.size.large)


def first_b(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the first export of (b)."""
    yield from _measure_first_export(bench, "first-b", bench.size.small_files, 200_000)


def start(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure the start of the command."""
    results = run_in_turn([Competitor("labcrate --help", (LABCRATE, "--help"))], 2 * bench.size.rounds)
    yield from result_lines("start", results, {}, {"labcrate --help": Target(seconds=0.3)}, {})


def plan(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure a plan in a large lab with a full index."""
    size = bench.size
    yield from _measure_plan(bench, "plan", "sessions", f"{size.recordings:,} recordings, {size.sessions:,} sessions")


def plan_register(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure a plan in a large lab whose recordings are in one folder and in a register."""
    yield from _measure_plan(
        bench, "plan-register", "registered", f"{bench.size.recordings:,} recordings with a register"
    )


def _measure_plan(bench: Benchmark, row: str, kind: str, note: str) -> Iterator[ResultLine]:
    size = bench.size
    with bench.lab(kind, size.recordings, size.sessions) as lab:
        command = (LABCRATE, "plan", str(size.sessions // 2), "--lab", str(lab))
        competitor = Competitor("labcrate plan", command)
        run(competitor)
        results = run_in_turn([competitor], size.rounds)
    yield from result_lines(row, results, {}, {"labcrate plan": Target(seconds=2.0)}, {"labcrate plan": note})


def segments(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure plan and export of a recorder's segments, linked by time and indexed."""
    count, size_bytes = bench.size.segments, bench.size.segment_bytes
    with bench.lab("segments", count, size_bytes) as lab:
        at = ("--lab", str(lab))
        run(Competitor("linking", (LABCRATE, "link", "1", "--by-time", "--yes", *at)))
        run(Competitor("indexing", (LABCRATE, "index", *at)))
        planned = run_in_turn([Competitor("labcrate plan", (LABCRATE, "plan", "1", *at))], bench.size.rounds)
        exported = run_in_turn(
            [
                bench.peer("cp", peers.copy, lab / "nvr"),
                bench.peer("cp + sync", peers.copy_synced, lab / "nvr"),
                bench.export(lab, "labcrate export --no-sync", "--no-sync"),
                bench.export(lab),
            ],
            bench.size.rounds,
        )
    bench.clear()
    note = {"labcrate plan": f"{count:,} segments of four cameras"}
    yield from result_lines("segments", planned, {}, {"labcrate plan": Target(seconds=1.0)}, note)
    yield from result_lines(
        "segments", exported, dict.fromkeys(("labcrate export --no-sync", "labcrate export"), "cp"), {}, {}
    )


MeasureRow = Callable[[Benchmark], Iterator[ResultLine]]
