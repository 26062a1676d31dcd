"""The rows of exports on file systems that can share blocks, in a disk image; only root can mount it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.export_rows import Benchmark
from benchmarks.measure import Competitor, NotPossibleError, run, run_in_turn
from benchmarks.table import MB, ResultLine, Target, result_lines

MAKERS = {"XFS": ("mkfs.xfs", "-q", "-m", "reflink=1"), "Btrfs": ("mkfs.btrfs", "-q")}
_SPARE_BYTES = 1_500_000_000


@contextmanager
def mount_file_system(bench: Benchmark, kind: str) -> Iterator[Path]:
    """Make and mount a new file system of that kind; unmount and remove it at the end. Raises NotPossibleError."""
    image, mount = bench.folder / f"{kind}.img", bench.folder / kind
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * bench.size.large + _SPARE_BYTES)
    try:
        _run_or_skip(*MAKERS[kind], str(image))
        _run_or_skip("mount", "-o", "loop", str(image), str(mount))
        try:
            yield mount
        finally:
            subprocess.run(["umount", str(mount)], check=True)
    finally:
        image.unlink()
        mount.rmdir()


def _run_or_skip(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NotPossibleError(f"{command[0]} says: {ended.stderr.strip()}")


def reflink(bench: Benchmark) -> Iterator[ResultLine]:
    """Measure (a) on XFS and Btrfs: the time, and the blocks that an export uses. Raises NotPossibleError."""
    if os.geteuid() != 0:
        raise NotPossibleError("only root can mount a file system")
    if not any(shutil.which(maker[0]) for maker in MAKERS.values()):
        raise NotPossibleError("neither mkfs.xfs nor mkfs.btrfs is installed")
    for kind, maker in MAKERS.items():
        if shutil.which(maker[0]):
            with mount_file_system(bench, kind) as mount:
                yield from _measure(Benchmark(mount, bench.size), kind)


def _measure(bench: Benchmark, kind: str) -> Iterator[ResultLine]:
    with bench.lab("recordings", 8, bench.size.large, 0) as lab:
        export = bench.export(lab)
        run(export)
        new_bytes = [_new_bytes(bench, export) for _ in range(3)]
        plain = ("cp", "-r", "--reflink=never", str(lab / "recordings"), str(bench.target))
        shared = ("cp", "-r", "--reflink=always", str(lab / "recordings"), str(bench.target))
        competitors = [
            Competitor("cp --reflink=never", plain, bench.clear),
            Competitor("cp --reflink=always", shared, bench.clear),
            export,
        ]
        results = run_in_turn(competitors, bench.size.rounds)
    export_name, most = export.name, max(new_bytes)
    for line in result_lines(
        f"reflink {kind}", results, {export_name: "cp --reflink=never"}, {export_name: Target(seconds=1.0)}, {}
    ):
        if line.what == export_name:
            note, target = f"{most / MB:.2f} MB of new blocks", f"{line.target}, < 1 MB new"
            yield replace(line, note=note, target=target, is_met=bool(line.is_met) and most < MB)
        else:
            yield line


def _new_bytes(bench: Benchmark, export: Competitor) -> int:
    """Return the bytes of disk space that an export uses, as ``df`` shows them."""
    bench.clear()
    before = _free_bytes(bench.folder)
    run(export)
    return before - _free_bytes(bench.folder)


def _free_bytes(folder: Path) -> int:
    os.sync()
    state = os.statvfs(folder)
    return state.f_bfree * state.f_frsize
