"""Files that change while they are read, and several processes with one index: rows are those of one moment."""

import fcntl
import io
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import count
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.readings.test_readings_index import (
    BEGIN,
    TOPICS,
    as_csv,
    as_lines,
    as_list,
    as_topics,
    assert_same,
    bigger,
    load,
    make_pieces_small,
    write,
)
from tests.support.rounds import rounds

from labcrate.errors import SourceChangedError
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.slice import Readings
from labcrate.readings.store import source_state
from labcrate.readings.store.folder_store import UNUSED_S, FolderStore
from labcrate.readings.store.load import load_readings


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """Make every piece small in each test."""
    with pytest.MonkeyPatch.context() as patch:
        make_pieces_small(patch)
        yield


class ChangingFile(io.FileIO):
    """A file that gives a few bytes at a time, and before the ``moment``-th of them something happens to it."""

    def __init__(self, path: Path, moment: int, change: Callable[[], None]) -> None:
        super().__init__(path)
        self._left, self._change = moment, change

    def readinto(self, buffer: Any, /) -> int:
        """Read at most 150 bytes."""
        self._pass()
        return super().readinto(memoryview(buffer)[:150])

    def readall(self) -> bytes:
        """Read the rest in pieces."""
        found, piece = bytearray(), bytearray(150)
        while count := self.readinto(piece):
            found += piece[:count]
        return bytes(found)

    def _pass(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._change()


def some_messages(count: int, digit: int = 1) -> list[Any]:
    """Return messages; another digit makes other ones of the same size."""
    times = ((BEGIN.replace(minute=n % 60, second=n // 60)).isoformat().replace("+00:00", "Z") for n in range(count))
    return [(when, TOPICS[n % 2], {"t": digit, "n": n}) for n, when in enumerate(times)]


def change_file(path: Path, text: str, how: str) -> None:
    """Write a text into a file in place, or rename a new file over it."""
    if how == "renamed":
        other = path.with_suffix(".new")
        other.write_text(text)
        other.replace(path)
        return
    with path.open("r+") as file:
        if how == "emptied":
            file.truncate(0)
        file.write(text)
        file.truncate()


FORMS = {"topics": as_topics, "lines": as_lines, "list": as_list, "csv": as_csv}


@settings(max_examples=rounds(15, 120), suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(sorted(FORMS)),
    moment=st.integers(1, 60),
    how=st.sampled_from(["in place", "emptied", "renamed"]),
    what=st.sampled_from(["grown", "cut", "torn", "other"]),
    known=st.booleans(),
    both=st.booleans(),
)
def test_a_file_that_is_rewritten_while_it_is_read(
    form: str, moment: int, how: str, what: str, *, known: bool, both: bool
) -> None:
    """The rows are all old or all new, and never a mixture; the next load is right."""
    with tempfile.TemporaryDirectory() as name:
        folder, index = Path(name), Path(name) / "index"
        file_name = "z.csv" if form == "csv" else "z.json"
        path, write_form = folder / file_name, FORMS[form]
        old = some_messages(20)
        if both:
            write(folder, "z.json" if form == "csv" else "z.csv", (as_topics if form == "csv" else as_csv)(old[::3]))
        after = {"grown": some_messages(26), "cut": old[:8], "torn": old, "other": some_messages(20, 2)}[what]
        text = write_form(after)
        if what == "torn":
            text = text[: len(text) * 2 // 3]
        write(folder, file_name, write_form(old))
        os.utime(path, (1e9, 1e9))
        before = load(folder, None)
        if known:
            load(folder, index)
        with io.BufferedReader(ChangingFile(path, moment, lambda: change_file(path, text, how)), 150) as file:
            json, csv = (
                file if name == file_name else one if (one := folder / name).exists() else None
                for name in ("z.json", "z.csv")
            )
            found = load_readings(json, csv, TimeSpan(), store=FolderStore(index))
        later = load(folder, None)
        assert found.frame.equals(before.frame) or found.frame.equals(later.frame)
        if not found.frame.equals(before.frame):
            assert list(map(str, found.problems)) == list(map(str, later.problems))
        assert_same(load(folder, index), load(folder, None))


class RestlessFile(ChangingFile):
    """A file that changes again and again while it is read."""

    def __init__(self, path: Path, every: int, change: Callable[[], None]) -> None:
        super().__init__(path, every, change)
        self._every = every

    def _pass(self) -> None:
        super()._pass()
        if self._left == 0:
            self._left = self._every


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("grows", [True, False])
def test_a_file_that_changes_at_every_read(tmp_path: Path, form: str, *, grows: bool) -> None:
    """Rows that may be of several moments are incomplete, not those of a file that only grew; later loads are right."""
    name, write_form = ("z.csv" if form == "csv" else "z.json"), FORMS[form]
    changes = count(1)

    def change() -> None:
        number = next(changes)
        every = some_messages(20 + number) if grows else some_messages(20, 1 + number % 2)
        change_file(tmp_path / name, write_form(every), "in place")
        os.utime(tmp_path / name, (1e9 + number, 1e9 + number))  # a change within a tick of the clock would be missed

    write(tmp_path, name, write_form(some_messages(20)))
    os.utime(tmp_path / name, (1e9, 1e9))
    with io.BufferedReader(RestlessFile(tmp_path / name, 8, change), 150) as file:
        json, csv = (None, file) if form == "csv" else (file, None)
        found = load_readings(json, csv, TimeSpan(), store=FolderStore(tmp_path / "index"))
    assert next(changes) > 4
    if form == "csv" or not grows:
        assert found.complete == grows
    later = load(tmp_path, tmp_path / "index")
    assert later.complete
    assert_same(later, load(tmp_path, None))


def test_other_bytes_with_the_same_size_and_modification_time_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose modification time was set back has another status change, which cannot be set."""
    monkeypatch.setattr(source_state, "_COARSE_NS", -(10**18))
    path, index = tmp_path / "z.csv", tmp_path / "index"
    write(tmp_path, "z.csv", as_csv(some_messages(20)))
    before = path.stat()
    first = load(tmp_path, index)
    monkeypatch.setattr(source_state, "_COARSE_NS", 0)
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        change_file(path, as_csv(some_messages(20, 2)), "in place")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = load(tmp_path, index)
    assert_same(second, load(tmp_path, None))
    assert not second.frame.equals(first.frame)


def test_a_file_that_was_changed_just_now_is_compared_by_its_bytes(tmp_path: Path) -> None:
    """A second change within the same tick of the file system's clock is noticed."""
    path, index = tmp_path / "z.csv", tmp_path / "index"
    for digit in range(5):
        write(tmp_path, "z.csv", as_csv(some_messages(20, digit)))
        os.utime(path, (1e9, 1e9))
        assert_same(load(tmp_path, index), load(tmp_path, None))


def write_whole(folder: Path, count: int, *, in_place: bool) -> None:
    """Write both files with so many messages; the CSV is appended to if they are written in place."""
    every = some_messages(count)
    for name, text in (("z.json", as_topics(every)), ("z.csv", as_csv(every))):
        if in_place and name == "z.csv" and (folder / name).exists():
            with (folder / name).open("a") as file:
                file.write(text[file.tell() :])
        else:
            (folder / (name + ".new")).write_text(text)
            (folder / (name + ".new")).replace(folder / name)


@cache
def _processes() -> ForkServerContext:
    """Return processes that begin without threads of Polars, which do not survive a fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.readings.test_index_changes"])
    return context


_ROWS = 20
_GROWTH = 3


def _load_often(folder: Path, times: int, begin: Barrier, results: "Queue[list[str]]") -> None:
    with pytest.MonkeyPatch.context() as patch:
        make_pieces_small(patch)
        begin.wait()
        results.put([_digest(load(folder, folder / "index").frame) for _ in range(times)])


def _digest(frame: pl.DataFrame) -> str:
    return sha256(frame.write_csv().encode()).hexdigest()


@pytest.mark.parametrize("in_place", [True, False])
def test_processes_that_load_at_once_while_the_files_grow(tmp_path: Path, *, in_place: bool) -> None:
    """Each of three processes with one index gets the rows of some moment, and all of them end."""
    times = rounds(4, 20)
    write_whole(tmp_path, _ROWS, in_place=in_place)
    results: Queue[list[str]] = _processes().Queue()
    begin = _processes().Barrier(4)
    processes = [
        _processes().Process(target=_load_often, args=(tmp_path, times, begin, results), daemon=True) for _ in range(3)
    ]
    for process in processes:
        process.start()
    begin.wait()
    for number in range(1, times):
        write_whole(tmp_path, _ROWS + number * _GROWTH, in_place=in_place)
    found = [results.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    frame = load(tmp_path, None).frame
    number_of = pl.col("payload").str.extract(r'"n":(\d+)').cast(pl.Int64)
    expected = {_digest(frame.filter(number_of < count)) for count in range(_ROWS, _ROWS + times * _GROWTH)}
    assert all(one in expected for digests in found for one in digests)
    assert_same(load(tmp_path, tmp_path / "index"), load(tmp_path, None))


def test_a_load_waits_for_the_lock_of_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process updates the index, a load waits, and then reads what that process wrote."""
    bigger(tmp_path)
    index = tmp_path / "index"
    waited = []
    holder = FolderStore(index).lock()
    holder.__enter__()
    flock = fcntl.flock

    def wait(fd: int, how: int) -> None:
        with pytest.raises(BlockingIOError):
            flock(fd, how | fcntl.LOCK_NB)
        waited.append(fd)
        holder.__exit__(None, None, None)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", wait)
    readings = load(tmp_path, index)
    assert waited
    assert_same(readings, load(tmp_path, None))


def make_old(index: Path, age_s: float) -> None:
    """Make all files of an index this old."""
    for path in index.iterdir():
        os.utime(path, (time.time() - age_s,) * 2)


def test_readings_can_be_read_while_the_index_changes(tmp_path: Path) -> None:
    """Readings that were loaded from old parts are readable after many updates, and an hour after them no more."""
    index = tmp_path / "index"
    write_whole(tmp_path, _ROWS, in_place=False)
    right = load(tmp_path, None)
    readings = load(tmp_path, index)
    make_old(index, 2 * UNUSED_S)
    for number in range(rounds(6, 50)):
        write(tmp_path, "z.csv", as_csv(some_messages(_ROWS, 2 + number)))
        write(tmp_path, "z.json", as_topics(some_messages(_ROWS, 2 + number)))
        load(tmp_path, index)
    assert_same(readings, right)
    again = load_again(readings)
    make_old(index, 2 * UNUSED_S)
    write(tmp_path, "z.csv", None)
    load(tmp_path, index)
    with pytest.raises(SourceChangedError):
        _ = again.frame
    assert_same(load(tmp_path, index), load(tmp_path, None))


def load_again(readings: Readings) -> Readings:
    """Return the same readings, of which nothing was read yet."""
    return replace(readings)


@pytest.mark.parametrize("how", ["damaged", "zone"])
def test_the_parts_of_an_index_that_was_deleted_can_be_read_for_a_while(tmp_path: Path, how: str) -> None:
    """An index that was deleted, because one of its parts is damaged or for times without a zone, leaves its parts."""
    index = tmp_path / "index"
    write_whole(tmp_path, _ROWS, in_place=False)
    readings = load(tmp_path, index, window=TimeSpan(BEGIN, BEGIN.replace(minute=5)))
    right = load(tmp_path, None, window=TimeSpan(BEGIN, BEGIN.replace(minute=5)))
    make_old(index, 2 * UNUSED_S)
    if how == "damaged":
        last = max(index.glob("*.parquet"), key=lambda path: str(pl.read_parquet(path)["us"].max()))
        last.write_bytes(bytes(last.stat().st_size))
        with pytest.raises(SourceChangedError):
            _ = load(tmp_path, index).frame
    else:
        with (tmp_path / "z.csv").open("a") as file:
            file.write('"2025-05-02T09:00:00","zigbee2mqtt/b","b","{}"\n')
    load(tmp_path, index, zone="Europe/Madrid")
    assert_same(readings, right)
