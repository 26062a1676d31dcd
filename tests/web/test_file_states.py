"""Whether files and folders are unchanged."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.waiting import wait_for_next_tick

from labcrate.web.archives.file_states import FileStates


def settled_states(folder: Path, *names: str) -> FileStates:
    """Return the states of paths whose last change is long enough ago that another one gets another time."""
    wait_for_next_tick()
    return FileStates(f"{folder}/{name}" for name in names)


def put_back_times(file: Path) -> None:
    """Write other bytes of the same length, and restore the times."""
    before = file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(file: Path) -> None:
    """Replace a file by another one, which is older."""
    other = file.with_name("swapped")
    other.write_bytes(b"bytes")
    os.utime(other, (1, 1))
    other.rename(file)


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "file").write_bytes(b"more bytes"),
    lambda folder: put_back_times(folder / "file"),
    lambda folder: swap(folder / "file"),
    lambda folder: (folder / "file").unlink(),
    lambda folder: (folder / "file").chmod(0o600),
    lambda folder: (folder / "inner" / "new").touch(),
    lambda folder: (folder / "inner" / "old").unlink(),
    lambda folder: (folder / "inner").rename(folder / "moved"),
    lambda folder: (folder / "absent").touch(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """States are unchanged while nothing happens, and changed after any change of file, folder or missing path."""
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "old").touch()
    states = settled_states(tmp_path, "file", "inner", "absent")
    assert len(states) == 3
    assert states.is_unchanged()
    (tmp_path / "other").touch()
    (tmp_path / "file").read_bytes()
    assert states.is_unchanged()
    change(tmp_path)
    assert not states.is_unchanged()


def test_states_right_after_a_change_are_uncertain(tmp_path: Path) -> None:
    """Right after a change, another one could have the same time, so such states never count as unchanged."""
    (tmp_path / "file").write_bytes(b"bytes")
    young = FileStates([f"{tmp_path}/file"])
    assert not young.is_unchanged()
    assert settled_states(tmp_path, "file").is_unchanged()
    assert not young.is_unchanged()


def test_a_time_in_the_future_is_accepted(tmp_path: Path) -> None:
    """A file with a modification time in the next year counts as unchanged like any other: any program can set it."""
    (tmp_path / "file").write_bytes(b"bytes")
    os.utime(tmp_path / "file", (time.time() + 1e7,) * 2)
    assert settled_states(tmp_path, "file").is_unchanged()
