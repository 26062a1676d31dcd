"""Faults of the index of readings: whatever happens to its files, no row is wrong, and none is lost."""

import errno
import fcntl
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.readings.test_readings_index import (
    TOPICS,
    as_csv,
    as_topics,
    assert_same,
    bigger,
    load,
    make_pieces_small,
    write,
)
from tests.support.rounds import rounds
from tests.support.write_faults import WriteMoments, fail_from

from labcrate.errors import SourceChangedError
from labcrate.model.device import Device
from labcrate.readings.load.slice import Readings
from labcrate.readings.store import manifest
from labcrate.readings.store.folder_store import FACT_S
from labcrate.readings.write.readings_summary import summarise_readings
from labcrate.readings.write.sizes import table_sizes

ROWS = 24


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """Make every piece small in each test."""
    with pytest.MonkeyPatch.context() as patch:
        make_pieces_small(patch)
        yield


def sizes(readings: Readings) -> dict[str, int]:
    """Return the sizes of the tables, which are computed from stored results."""
    return asdict(table_sizes(summarise_readings(readings), readings.topics, "42"))


def read_all(folder: Path, index: Path | None, **options: Any) -> tuple[Readings, dict[str, int]]:
    """Return the readings and the sizes of their tables, with every row read."""
    readings = load(folder, index, **options)
    assert readings.frame.height == len(readings)
    return readings, sizes(readings)


class Lab:
    """A folder with both files, an index of them, and what is right."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.index = folder, folder / "index"
        bigger(folder, ROWS)
        read_all(folder, self.index)
        self.right, self.right_sizes = read_all(folder, None)

    def copy_index(self) -> Path:
        """Return a copy of the index, to be damaged."""
        return Path(shutil.copytree(self.index, tempfile.mkdtemp(dir=self.folder), dirs_exist_ok=True))

    def check(self, index: Path) -> None:
        """Check that a load with an index has the right rows; ``index`` is deleted."""
        readings, found = read_all(self.folder, index)
        assert_same(readings, self.right)
        assert found == self.right_sizes

    def check_soon(self, index: Path) -> None:
        """Check that the first load has the right rows, or notices the damage when they are read, and the second."""
        with suppress(SourceChangedError):
            self.check(index)
        self.check(index)
        shutil.rmtree(index)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Return a lab with an index that has parts, results, a key and a lock."""
    return Lab(tmp_path_factory.mktemp("lab"))


def files_of(index: Path) -> list[Path]:
    """Return the files of an index, in an order that does not depend on their random names."""
    return sorted(index.iterdir(), key=lambda path: (path.suffix, path.stat().st_size, path.name))


def damage(path: Path, kind: str, at: int, other: bytes) -> None:
    """Write one file with damage at a place."""
    data = path.read_bytes()
    match kind:
        case "cut":
            path.write_bytes(data[: at % (len(data) + 1)])
        case "flip" if data:
            place = at % len(data)
            path.write_bytes(data[:place] + bytes([data[place] ^ (1 << at % 8)]) + data[place + 1 :])
        case "longer":
            path.write_bytes(data + b"\0" * (at % 50 + 1))
        case "deleted":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()
        case "other":
            path.write_bytes(other)


KINDS = ("cut", "cut", "flip", "flip", "longer", "deleted", "folder", "other")


@settings(max_examples=rounds(15, 150), suppress_health_check=list(HealthCheck))
@given(suffix=st.sampled_from(["", ".fact", ".index", ".parquet"]), kind=st.sampled_from(KINDS), data=st.data())
def test_a_damaged_file_of_the_index_never_gives_wrong_rows(lab: Lab, suffix: str, kind: str, data: Any) -> None:
    """A file that is cut, altered, missing, a folder or another's copy is noticed; then the rows are read again."""
    index = lab.copy_index()
    files = [path for path in files_of(index) if path.suffix == suffix]
    path = files[data.draw(st.integers(0, len(files) - 1), label="file")]
    every = files_of(index)
    other = every[data.draw(st.integers(0, len(every) - 1), label="other")].read_bytes()
    damage(path, kind, data.draw(st.integers(0, 5000), label="at"), other)
    lab.check_soon(index)


@settings(max_examples=rounds(6, 60), suppress_health_check=list(HealthCheck))
@given(one=st.integers(0, 100), other=st.integers(0, 100), suffix=st.sampled_from([".fact", ".parquet"]))
def test_two_files_that_were_swapped_are_noticed(lab: Lab, one: int, other: int, suffix: str) -> None:
    """A stored result is not taken for another one, nor a part for another one."""
    index = lab.copy_index()
    files = [path for path in files_of(index) if path.suffix == suffix]
    first, second = files[one % len(files)], files[other % len(files)]
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    lab.check_soon(index)


def test_an_index_under_the_name_of_another_is_not_used(lab: Lab, tmp_path: Path) -> None:
    """The index of another base topic, in the place of this one's, is made again."""
    index = lab.copy_index()
    (own,) = index.glob("*.index")
    load(lab.folder, index, base_topic="other/zigbee2mqtt")
    (other,) = set(index.glob("*.index")) - {own}
    own.write_bytes(other.read_bytes())
    lab.check_soon(index)


@settings(max_examples=rounds(8, 60), suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from([kind for kind in KINDS if kind != "longer"]), at=st.integers(0, 5000), of=st.integers())
def test_readings_whose_part_is_damaged_afterwards_are_refused(lab: Lab, kind: str, at: int, of: int) -> None:
    """Readings that were loaded before do not give other rows, but SourceChangedError; the next load is right."""
    index = lab.copy_index()
    readings = load(lab.folder, index)
    parts = [path for path in files_of(index) if path.suffix == ".parquet"]
    path = parts[of % len(parts)]
    before = path.read_bytes()
    damage(path, kind, at, parts[of % len(parts) - 1].read_bytes())
    if path.is_file() and path.read_bytes() == before:
        assert readings.frame.equals(lab.right.frame)
    else:
        with pytest.raises(SourceChangedError):
            _ = readings.frame
    lab.check(index)
    shutil.rmtree(index)


class Growing:
    """A folder with both files and an index of what they were before they grew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.index = folder, folder / "index"
        self._grow = bigger(folder, 15)
        read_all(folder, self.index)
        self._grow(ROWS)
        self.right, self.right_sizes = read_all(folder, None)

    def copy_index(self, *, empty: bool) -> Path:
        """Return a copy of the index before it grows, or an empty folder."""
        index = Path(tempfile.mkdtemp(dir=self.folder))
        return index if empty else Path(shutil.copytree(self.index, index, dirs_exist_ok=True))

    def check(self, index: Path) -> None:
        """Check that a load with an index has the right rows."""
        readings, found = read_all(self.folder, index)
        assert_same(readings, self.right)
        assert found == self.right_sizes


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Growing:
    """Return a lab whose index must grow."""
    return Growing(tmp_path_factory.mktemp("growing"))


def moments_of(growing: Growing, *, empty: bool) -> int:
    """Return how many moments of writing an update of the index has."""
    with pytest.MonkeyPatch.context() as patch:
        moments = WriteMoments(growing.copy_index(empty=empty))
        moments.watch(patch)
        growing.check(moments.folder)
    return moments.count


def some_moments(count: int) -> Sequence[int]:
    """Return moments from the first to the last: more of them in a long run."""
    step = max(1, count // rounds(3, 15))
    return [*range(1, count, step), count]


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("forever", [True, False])
def test_a_full_disk_loses_no_row(growing: Growing, *, empty: bool, forever: bool) -> None:
    """Whenever the disk is full, once or from then on, nothing is raised, and the rows are right, also afterwards."""
    count = moments_of(growing, empty=empty)
    assert count > 20
    for moment in some_moments(count):
        index = growing.copy_index(empty=empty)
        with pytest.MonkeyPatch.context() as patch:
            WriteMoments(index, fail_from(moment, None if forever else moment)).watch(patch)
            growing.check(index)
        growing.check(index)
        shutil.rmtree(index)


@cache
def _processes() -> ForkServerContext:
    """Return processes that begin without threads of Polars, which do not survive a fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.readings.test_index_faults"])
    return context


def _load_and_die(folder: Path, index: Path, moment: int) -> None:
    def die(number: int) -> None:
        if number == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        make_pieces_small(patch)
        WriteMoments(index, die).watch(patch)
        read_all(folder, index)


@pytest.mark.parametrize("empty", [True, False])
def test_a_killed_process_loses_no_row_and_leaves_nothing_for_long(growing: Growing, *, empty: bool) -> None:
    """Whenever a process is killed, the next has the right rows; what was left is deleted once it is old."""
    for moment in some_moments(moments_of(growing, empty=empty)):
        index = growing.copy_index(empty=empty)
        process = _processes().Process(target=_load_and_die, args=(growing.folder, index, moment))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        growing.check(index)
        make_old(index, FACT_S + 60)
        load(growing.folder, index, base_topic="other")  # saving an index deletes what none needs
        assert not list(index.glob("*.tmp"))
        assert len(list(index.glob("*.parquet"))) == count_parts(index)
        shutil.rmtree(index)


def count_parts(index: Path) -> int:
    """Return how many parts the indexes in a folder have."""
    found = (manifest.decode_manifest(path.read_bytes(), path.stem) for path in index.glob("*.index"))
    return sum(len(one.parts) for one in found if one is not None)


def make_old(index: Path, age_s: float) -> None:
    """Make all files of an index this old."""
    for path in index.iterdir():
        os.utime(path, (time.time() - age_s,) * 2)


def test_an_index_that_cannot_be_written_loses_no_row(lab: Lab, tmp_path: Path) -> None:
    """Below a file, in a folder with others' files in the place of its own, or without locks, rows are right."""
    (tmp_path / "file").write_bytes(b"")
    lab.check(tmp_path / "file" / "index")
    lab.check(tmp_path / "file")
    for name in ("lock", "key"):
        (tmp_path / name / name).mkdir(parents=True)
        lab.check(tmp_path / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", _no_locks)
        lab.check(tmp_path / "without-locks")


def _no_locks(_fd: int, _how: int) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_folder_that_may_not_be_written_loses_no_row(lab: Lab, mode: int) -> None:
    """An index that may be read but not written, or not even read, gives the right rows."""
    index = lab.copy_index()
    index.chmod(mode)
    try:
        lab.check(index)
    finally:
        index.chmod(0o700)


def test_an_index_of_another_version_is_made_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of a later version, and one whose faults have unknown messages, are not used and not in the way."""
    index = lab.copy_index()
    (path,) = index.glob("*.index")
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "VERSION", manifest.VERSION + 1)
        lab.check(index)
        assert path.read_bytes() != before
    later = path.read_bytes()
    lab.check(index)
    assert path.read_bytes() != later


def test_an_index_with_unknown_messages_is_made_again(tmp_path: Path) -> None:
    """The faults of an index that another version of labcrate wrote, with its own messages, are found again."""
    bigger(tmp_path, ROWS)
    with (tmp_path / "z.csv").open("a") as file:
        file.write('"soon","zigbee2mqtt/b","b","{}"\n')
    index = tmp_path / "index"
    right = load(tmp_path, None)
    assert right.problems
    load(tmp_path, index)
    (path,) = index.glob("*.index")
    data = path.read_bytes()[32:].replace(b"readings.time_unreadable", b"readings.time_unreadablE")
    path.write_bytes(manifest.digest_for(path.stem, data) + data)
    assert manifest.decode_manifest(path.read_bytes(), path.stem) is None
    assert_same(load(tmp_path, index), right)
    assert manifest.decode_manifest(path.read_bytes(), path.stem) is not None


OPTIONS: list[dict[str, Any]] = [
    {},
    {"base_topic": "zigbee2mqtt/kitchen"},
    {"base_topic": "other"},
    {"devices": [Device(id="0x1", name="b/availability")]},
    {"devices": [Device(id="0x1", name="a"), Device(id="0x2", name="b")]},
    {"date_formats": ("%d.%m.%Y %H:%M",)},
    {"date_formats": ("%m.%d.%Y %H:%M",)},
    {"zone": "Europe/Madrid"},
    {"zone": "America/New_York"},
    {"zone": "Europe/Madrid", "date_formats": ("%d.%m.%Y %H:%M",)},
]


@settings(max_examples=rounds(6, 60), suppress_health_check=list(HealthCheck))
@given(
    turns=st.lists(st.sampled_from(OPTIONS), min_size=2, max_size=6),
    local=st.booleans(),
    dotted=st.booleans(),
    becomes_local=st.booleans(),
)
def test_labs_that_are_described_otherwise_in_turn(
    turns: list[dict[str, Any]], *, local: bool, dotted: bool, becomes_local: bool
) -> None:
    """With other base topics, devices, formats and zones in turn, each load is right, as times get and lose zones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, options in enumerate(turns):
            zone = "" if local and (number > 1 or not becomes_local) else "Z"
            some = [(f"2025-10-26T0{n % 4}:{n:02}:00{zone}", TOPICS[n % 3], {"t": n}) for n in range(12 + number)]
            if dotted:
                some += [(f"0{1 + n}.05.2025 10:{n:02}", TOPICS[n % 2], {"d": n}) for n in range(5)]
            write(folder, "z.json", as_topics(some))
            write(folder, "z.csv", as_csv(some[::2]))
            assert_same(load(folder, folder / "index", **options), load(folder, None, **options))
            again = turns[0]
            assert_same(load(folder, folder / "index", **again), load(folder, None, **again))
