"""The benchmark: ``python -m benchmarks [--quick] [--only ROW]``, from the project's folder.

Prints one table. Its data lie in one folder, which is removed in the end, also after Ctrl-C.
"""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from benchmarks import export_rows, peers, server_rows
from benchmarks.export_rows import QUICK, Benchmark, DataSize, MeasureRow
from benchmarks.measure import CommandError, NotPossibleError
from benchmarks.reflink_rows import reflink
from benchmarks.table import ResultLine, render_table

ROWS: dict[str, MeasureRow] = {
    "start": export_rows.start,
    "pack-a": export_rows.pack_a,
    "check-a": export_rows.check_a,
    "sensors-a": export_rows.sensors_a,
    "pack-b": export_rows.pack_b,
    "first-a": export_rows.first_a,
    "first-b": export_rows.first_b,
    "plan": export_rows.plan,
    "segments": export_rows.segments,
    "plan-register": export_rows.plan_register,
    "readings": export_rows.readings,
    "reflink": reflink,
    "serve": server_rows.serve,
    "first-byte": server_rows.first_byte,
    "others": server_rows.others,
}
_FREE_BYTES_FULL, _FREE_BYTES_QUICK = 16_000_000_000, 3_000_000_000


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, and clean up."""
    options = _parse(arguments)
    size = QUICK if options.quick else DataSize()
    if options.rounds:
        size = replace(size, rounds=options.rounds)
    needed = _FREE_BYTES_QUICK if options.quick else _FREE_BYTES_FULL
    if shutil.disk_usage(options.dir).free < needed:
        print(f"bench: {options.dir} has less than {needed // 10**9} GB free; name another folder with --dir.")
        return 1
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both clean up
    folder = Path(tempfile.mkdtemp(prefix="labcrate-bench-", dir=options.dir))
    try:
        return _measure(Benchmark(folder, size), options.only or list(ROWS))
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure labcrate beside its peers.")
    parser.add_argument("--quick", action="store_true", help="smaller data, the same rows, under a minute")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}; repeatable"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each command runs")
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="where the data go meanwhile (default: here)")
    return parser.parse_args(arguments)


def _measure(bench: Benchmark, row_names: Sequence[str]) -> int:
    print(*_describe_machine(bench), sep="\n", flush=True)
    table: list[ResultLine] = []
    failed = False
    for name in row_names:
        began = time.monotonic()
        print(f"row {name}: ", end="", file=sys.stderr, flush=True)
        try:
            table += ROWS[name](bench)
        except NotPossibleError as error:
            print(f"row {name}: not measured, {error}")
        except (CommandError, OSError) as error:
            print(f"row {name}: failed, {error}")
            failed = True
        bench.clear()
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    print("\n" + render_table(table))
    return int(failed)


def _describe_machine(bench: Benchmark) -> list[str]:
    """What the numbers hold for, and who does not take part."""
    compared = [peers.COPY, *peers.ARCHIVERS, peers.DUCKDB, peers.NGINX]
    available = [peer for peer in compared if peer.is_installed()]
    absent = [peer.name for peer in compared if peer not in available]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    size = bench.size
    return [
        f"labcrate {metadata.version('labcrate')}, Python {platform.python_version()}, {platform.platform()}",
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {_file_system(bench.folder)}; "
        f"load before the start {os.getloadavg()[0]:.1f}",
        f"(a) 8 x {size.large / 1e6:,.0f} MB, (b) {size.small_files:,} x 200 KB; {size.rounds} rounds",
        *(f"peer: {peer.describe()}" for peer in available),
        *([f"not installed: {', '.join(absent)}"] if absent else []),
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "file system unknown"
    return max((m for m in mounts if folder.is_relative_to(m[0])), key=lambda m: len(m[0]))[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
