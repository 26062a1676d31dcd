"""What is measured: one function per row of the table, each building its lab, measuring, and removing both."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import Competitor, Results, alternate, run
from benchmarks.table import MB, Aim, Line, lines

LABCRATE = str(Path(sys.executable).with_name("labcrate"))
FLAT = 100 * MB


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; the readings are (in the lab, within the session of the sets with some)."""

    large: int = 250_000_000
    small_files: int = 2000
    rounds: int = 5
    recordings: int = 100_000
    sessions: int = 1000
    readings: int = 10_000_000
    some_readings: int = 5000
    members: int = 10_000
    member_bytes: int = 100_000_000
    segments: int = 2880
    segment_bytes: int = 500_000


QUICK = Size(16_000_000, 200, 2, 5000, 50, 200_000, 1000, 500, segments=400, segment_bytes=100_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the data lie and how much of them there is."""

    folder: Path
    size: Size

    @contextmanager
    def lab(self, kind: str, *numbers: int) -> Iterator[Path]:
        """A lab of that kind, removed in the end."""
        lab = self.folder / "lab"
        build = (sys.executable, "-m", "benchmarks.labs", kind, str(lab), *map(str, numbers))
        run(Competitor(f"building {kind}", build))
        try:
            yield lab
        finally:
            shutil.rmtree(lab, ignore_errors=True)

    @property
    def target(self) -> Path:
        """What every competitor makes."""
        return self.folder / "target.zip"

    def clear(self) -> None:
        """Remove what the last competitor made."""
        if self.target.is_dir():
            shutil.rmtree(self.target)
        self.target.unlink(missing_ok=True)

    def against(self, name: str, command: peers.Command, source: Path) -> Competitor:
        """A peer that packs a folder."""
        return Competitor(name, command(source, self.target), self.clear)

    def export(self, lab: Path, name: str = "labcrate export", *options: str, forget: bool = False) -> Competitor:
        """The whole command; ``forget`` has it find an empty index each time."""
        command = (LABCRATE, "export", "1", "--lab", str(lab), "-o", str(self.target), *options)
        return Competitor(name, command, partial(self._prepare, lab, forget=forget))

    def _prepare(self, lab: Path, *, forget: bool) -> None:
        self.clear()
        if forget:
            shutil.rmtree(lab / ".labcrate", ignore_errors=True)


def _packing(bench: Bench, row: str, count: int, size_bytes: int) -> Iterator[Line]:
    """Fixity known: labcrate beside cp and every archiver."""
    with bench.lab("recordings", count, size_bytes, 0) as lab:
        source = lab / "recordings"
        part = (sys.executable, "-m", "benchmarks.packing")
        ends = (str(lab), str(bench.target))
        whole, packing, unsynced = "labcrate export", "labcrate, packing alone", "labcrate export --no-sync"
        run(bench.export(lab))  # computes the fixity, and brings everything into the page cache
        competitors = [
            bench.against("cp", peers.copy, source),
            bench.against("cp + sync", peers.copy_synced, source),
            Competitor(packing, (*part, *ends), bench.clear, self_timed=True),
            bench.export(lab, unsynced, "--no-sync"),
            bench.export(lab),
            *(bench.against(p.name, p.command, source) for p in peers.ARCHIVERS if p.installed()),
        ]
        results = alternate(competitors, bench.size.rounds)
    bench.clear()
    large = row == "pack-a"
    aims = {
        packing: Aim(ratio=1.3 if large else None, peak_bytes=FLAT),
        unsynced: Aim(ratio=1.8 if large else None, peak_bytes=FLAT),
        whole: Aim(ratio=1.8 if large else None, peak_bytes=FLAT),
    }
    # The aim is set against cp, which leaves its work to be written later; the line after it compares like with like.
    yield from lines(row, results, dict.fromkeys((n for n in results if n != "cp"), "cp"), aims, {})
    durable = {name: results[name] for name in (whole, "cp + sync")}
    yield from lines(row, durable, {whole: "cp + sync"}, {}, {})[:1]
    yield from _fastest_peer(row, results, packing, unsynced, whole)


def _fastest_peer(row: str, results: dict[str, Results], *ours: str) -> Iterator[Line]:
    """Our commands once more, beside the fastest archiver."""
    archivers = [peer.name for peer in peers.ARCHIVERS if peer.name in results]
    if archivers:
        best = min(archivers, key=lambda name: results[name].median)
        chosen = {name: results[name] for name in ours} | {best: results[best]}
        aims = dict.fromkeys(ours, Aim(ratio=1.0))
        yield from [line for line in lines(row, chosen, dict.fromkeys(ours, best), aims, {}) if line.what in ours]


def pack_a(bench: Bench) -> Iterator[Line]:
    """(a) 2 GB in 8 recordings."""
    yield from _packing(bench, "pack-a", 8, bench.size.large)


def checked_a(bench: Bench) -> Iterator[Line]:
    """(a) with all bytes confirmed while they are packed, beside cp and crc32 at the same time."""
    with bench.lab("recordings", 8, bench.size.large, 0) as lab:
        source = lab / "recordings"
        run(bench.export(lab))
        beside, synced = "cp beside crc32", "cp + sync beside crc32"
        checked, unsynced = "labcrate export --check", "labcrate export --check --no-sync"
        competitors = [
            bench.against(beside, peers.copy_and_crc32, source),
            bench.against(synced, peers.copy_synced_and_crc32, source),
            bench.export(lab, unsynced, "--check", "--no-sync"),
            bench.export(lab, checked, "--check"),
            bench.export(lab, "labcrate export --no-check --no-sync", "--no-check", "--no-sync"),
        ]
        results = alternate(competitors, bench.size.rounds)
    bench.clear()
    against = {unsynced: beside, checked: synced, "labcrate export --no-check --no-sync": beside}
    aims = dict.fromkeys((unsynced, checked), Aim(ratio=1.3, peak_bytes=FLAT))
    yield from lines("check-a", results, against, aims, {})


def pack_b(bench: Bench) -> Iterator[Line]:
    """(b) 2000 recordings of 200 KB."""
    yield from _packing(bench, "pack-b", bench.size.small_files, 200_000)


def with_readings(bench: Bench) -> Iterator[Line]:
    """(a) again, in a lab that has sensors too."""
    with bench.lab("recordings", 8, bench.size.large, bench.size.some_readings) as lab:
        run(bench.export(lab))
        competitors = [bench.against("cp + sync", peers.copy_synced, lab / "recordings"), bench.export(lab)]
        results = alternate(competitors, bench.size.rounds)
    bench.clear()
    note = {"labcrate export": f"{bench.size.some_readings:,} readings"}
    yield from lines("sensors-a", results, {"labcrate export": "cp + sync"}, {}, note)


def _first(bench: Bench, row: str, count: int, size_bytes: int) -> Iterator[Line]:
    """Fixity unknown: labcrate beside sha256sum followed by cp."""
    whole, plain, synced = "labcrate export, nothing indexed", "sha256sum; cp", "sha256sum; cp + sync"
    with bench.lab("recordings", count, size_bytes, 0) as lab:
        source = lab / "recordings"
        competitors = [
            bench.against(plain, peers.hash_and_copy, source),
            bench.against(synced, peers.hash_and_copy_synced, source),
            bench.export(lab, whole, forget=True),
        ]
        results = alternate(competitors, bench.size.rounds)
    bench.clear()
    yield from lines(row, results, {whole: plain}, {whole: Aim(ratio=1.0, peak_bytes=FLAT)}, {})
    fair = {name: results[name] for name in (whole, synced)}
    yield from lines(row, fair, {whole: synced}, {whole: Aim(ratio=1.0)}, {})[:1]


def first_a(bench: Bench) -> Iterator[Line]:
    """First export of (a)."""
    yield from _first(bench, "first-a", 8, bench.size.large)


def first_b(bench: Bench) -> Iterator[Line]:
    """First export of (b)."""
    yield from _first(bench, "first-b", bench.size.small_files, 200_000)


def start(bench: Bench) -> Iterator[Line]:
    """Start-up of the command."""
    results = alternate([Competitor("labcrate --help", (LABCRATE, "--help"))], 2 * bench.size.rounds)
    yield from lines("start", results, {}, {"labcrate --help": Aim(seconds=0.3)}, {})


def plan(bench: Bench) -> Iterator[Line]:
    """A plan in a large lab whose catalog is warm."""
    size = bench.size
    yield from _plan(bench, "plan", "sessions", f"{size.recordings:,} recordings, {size.sessions:,} sessions")


def plan_registered(bench: Bench) -> Iterator[Line]:
    """The same where all recordings lie in one folder, and a register has an entry for each."""
    yield from _plan(bench, "plan-register", "registered", f"{bench.size.recordings:,} recordings with a register")


def _plan(bench: Bench, row: str, kind: str, note: str) -> Iterator[Line]:
    size = bench.size
    with bench.lab(kind, size.recordings, size.sessions) as lab:
        command = (LABCRATE, "plan", str(size.sessions // 2), "--lab", str(lab))
        competitor = Competitor("labcrate plan", command)
        run(competitor)
        results = alternate([competitor], size.rounds)
    yield from lines(row, results, {}, {"labcrate plan": Aim(seconds=2.0)}, {"labcrate plan": note})


def segments(bench: Bench) -> Iterator[Line]:
    """The files of a recorder that knows no sessions, linked by time and indexed: their plan, and their export."""
    count, size_bytes = bench.size.segments, bench.size.segment_bytes
    with bench.lab("segments", count, size_bytes) as lab:
        at = ("--lab", str(lab))
        run(Competitor("linking", (LABCRATE, "link", "1", "--by-time", "--yes", *at)))
        run(Competitor("indexing", (LABCRATE, "index", *at)))
        planned = alternate([Competitor("labcrate plan", (LABCRATE, "plan", "1", *at))], bench.size.rounds)
        exported = alternate(
            [
                bench.against("cp", peers.copy, lab / "nvr"),
                bench.against("cp + sync", peers.copy_synced, lab / "nvr"),
                bench.export(lab, "labcrate export --no-sync", "--no-sync"),
                bench.export(lab),
            ],
            bench.size.rounds,
        )
    bench.clear()
    note = {"labcrate plan": f"{count:,} segments of four cameras"}
    yield from lines("segments", planned, {}, {"labcrate plan": Aim(seconds=1.0)}, note)
    yield from lines(
        "segments", exported, dict.fromkeys(("labcrate export --no-sync", "labcrate export"), "cp"), {}, {}
    )


def readings(bench: Bench) -> Iterator[Line]:
    """A lab with very many readings, an hour of them inside the session."""
    with bench.lab("readings", bench.size.readings) as lab:
        part = (sys.executable, "-m", "benchmarks.duck", str(lab), str(bench.target))
        whole, both, csv = "labcrate export", "DuckDB, both files", "DuckDB, the CSV alone"
        competitors = [bench.export(lab)]
        if peers.DUCKDB.installed():
            competitors += [Competitor(n, (*part, k), bench.clear) for n, k in ((both, "both"), (csv, "csv"))]
        results = alternate(competitors, (bench.size.rounds + 1) // 2)
    bench.clear()
    note = {whole: f"{bench.size.readings:,} readings"}
    memory = Aim(peak_bytes=4000 * MB)
    if both not in results:
        yield from lines("readings", results, {}, {whole: memory}, note)
        return
    yield from lines("readings", results, {whole: both}, {whole: Aim(ratio=2.0, peak_bytes=4000 * MB)}, note)
    alone = {name: results[name] for name in (whole, csv)}
    yield from lines("readings", alone, {whole: csv}, {whole: Aim(ratio=2.0)}, {})[:1]


Row = Callable[[Bench], Iterator[Line]]
