"""The benchmark: ``python -m benchmarks [--quick] [--only ROW] [--write PAGE]``, run in the project's folder.

It prints one table, and can write the tables of a documentation page. Its data are in one folder, which is removed at
the end, also after Ctrl-C.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import export_rows, peers, readings_rows, server_rows, waiting_rows
from benchmarks.export_rows import QUICK, Benchmark, DataSize, MeasureRow
from benchmarks.machine import describe_hardware, describe_software
from benchmarks.measure import CommandError, NotPossibleError
from benchmarks.page import PageError, caption, table_names, write_tables
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
    "bare": readings_rows.bare,
    "readings": readings_rows.readings,
    "readings-many": readings_rows.many_readings,
    "waiting": waiting_rows.waiting,
    "appended": waiting_rows.appended,
    "reflink": reflink,
    "serve": server_rows.serve,
    "serve-many": server_rows.serve_many,
    "first-byte": server_rows.first_byte,
    "others": server_rows.others,
}
TABLES: dict[str, tuple[str, ...]] = {
    "exports": ("start", "pack-a", "sensors-a", "pack-b", "first-a", "first-b"),
    "check": ("check-a",),
    "plans": ("plan", "plan-register"),
    "segments": ("segments",),
    "readings": ("bare", "readings"),
    "readings-many": ("readings-many",),
    "waiting": ("waiting", "appended"),
    "reflink": ("reflink",),
    "server": ("serve", "serve-many", "first-byte", "others"),
}
"""The tables of ``docs/explanation/performance.md``, with their rows."""

_FREE_BYTES_FULL, _FREE_BYTES_QUICK = 16_000_000_000, 3_000_000_000
_FREE_BYTES_MANY_READINGS = 45_000_000_000


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, print the table, and remove the data. Return the exit code."""
    options = _parse(arguments)
    size = QUICK if options.quick else DataSize()
    if options.rounds:
        size = replace(size, rounds=options.rounds)
    names = options.only or list(ROWS)
    if options.write and (missing := _missing_tables(options.write, names)):
        print(f"bench: {options.write} has no table {', '.join(missing)}.")
        return 1
    full = _FREE_BYTES_MANY_READINGS if "readings-many" in names else _FREE_BYTES_FULL
    needed = _FREE_BYTES_QUICK if options.quick else full
    if shutil.disk_usage(options.dir).free < needed:
        print(f"bench: {options.dir} has less than {needed // 10**9} GB free; name another folder with --dir.")
        return 1
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both remove the data
    folder = Path(tempfile.mkdtemp(prefix="labcrate-bench-", dir=options.dir))
    try:
        bench = Benchmark(folder, size)
        machine = _describe_machine(bench)
        print(*machine, sep="\n", flush=True)
        results, failed = _measure(bench, names)
        print("\n" + render_table([line for lines in results.values() for line in lines]))
        if options.write:
            _write(options.write, results, caption(_command(arguments), machine, quick=options.quick))
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    except PageError as error:
        print(f"bench: {options.write}: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    return int(failed)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure labcrate beside its peers.")
    parser.add_argument("--quick", action="store_true", help="smaller data, the same rows, in minutes")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}; repeatable"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each command runs")
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="folder for the data (default: here)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page whose tables are replaced by the results")
    return parser.parse_args(arguments)


def _command(arguments: Sequence[str]) -> str:
    """Return the command of this run without the page that it writes."""
    words = list(arguments)
    if "--write" in words:
        at = words.index("--write")
        del words[at : at + 2]
    return " ".join(["python -m benchmarks", *words])


def _missing_tables(page: Path, row_names: Sequence[str]) -> list[str]:
    """Return the tables of these rows that a page does not have."""
    present = table_names(page.read_text("utf-8"))
    return [name for name, rows in TABLES.items() if set(rows) <= set(row_names) and name not in present]


def _write(page: Path, results: Mapping[str, Sequence[ResultLine]], above: str) -> None:
    """Write the tables whose rows were all measured, and print the others."""
    tables = {}
    for name, rows in TABLES.items():
        if all(row in results for row in rows):
            tables[name] = f"{above}\n\n{render_table([line for row in rows for line in results[row]])}"
        elif any(row in results for row in rows):
            absent = ", ".join(row for row in rows if row not in results)
            print(f"table {name}: not written, because these rows were not measured: {absent}")
    write_tables(page, tables)


def _measure(bench: Benchmark, row_names: Sequence[str]) -> tuple[dict[str, list[ResultLine]], bool]:
    """Return the results by row, and whether a row failed."""
    results: dict[str, list[ResultLine]] = {}
    failed = False
    for name in row_names:
        start_s = time.monotonic()
        print(f"row {name}: ", end="", file=sys.stderr, flush=True)
        try:
            results[name] = list(ROWS[name](bench))
        except NotPossibleError as error:
            print(f"row {name}: not measured, {error}")
        except (CommandError, OSError) as error:
            print(f"row {name}: failed, {error}")
            failed = True
        bench.clear()
        print(f"{time.monotonic() - start_s:.0f} s", file=sys.stderr)
    return results, failed


def _describe_machine(bench: Benchmark) -> list[str]:
    """Return lines with the machine, the versions, and the peers that are missing."""
    compared = [peers.COPY, *peers.ARCHIVERS, peers.DUCKDB, peers.NGINX]
    available = [peer for peer in compared if peer.is_installed()]
    absent = [peer.name for peer in compared if peer not in available]
    size = bench.size
    return [
        describe_software(),
        describe_hardware(bench.folder),
        f"(a) 8 x {size.large / 1e6:,.0f} MB, (b) {size.small_files:,} x 200 KB; {size.rounds} rounds",
        *(f"peer: {peer.describe()}" for peer in available),
        *([f"not installed: {', '.join(absent)}"] if absent else []),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
