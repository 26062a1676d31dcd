"""Files that crashes and earlier versions left in labcrate's own folder are removed; a user's files stay."""

import fcntl
import os
from pathlib import Path
from typing import IO

import pytest

from labcrate.archive.layout import BytesSource
from labcrate.export.spool import Spool
from labcrate.model.fixity import Fixity

OLD = (1_600_000_000, 1_600_000_000)


def test_a_document_that_a_crash_left_is_removed(tmp_path: Path) -> None:
    """A named document of hours ago goes; one of this moment may be another process's, and stays; so do other files."""
    left, fresh, other = tmp_path / "document-old", tmp_path / "document-new", tmp_path / "index.db"
    for path in (left, fresh, other):
        path.write_bytes(b"x")
    os.utime(left, OLD)
    os.utime(other, OLD)
    Spool(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document-new", "index.db"]


def test_folders_of_an_earlier_version_are_removed(tmp_path: Path) -> None:
    """Its runs that ended go with their files, then the folder and its lock."""
    for run in ("run-1", "run-2"):
        (tmp_path / "spool" / run).mkdir(parents=True)
        (tmp_path / "spool" / run / "a.json").write_bytes(b"x")
    (tmp_path / "spool/run-1/lock").touch()
    (tmp_path / "spool.lock").touch()
    Spool(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_an_earlier_version_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    """While a run holds its lock its files stay, and so do the folder and its lock; afterwards they go."""
    run = tmp_path / "spool/run-1"
    run.mkdir(parents=True)
    (tmp_path / "spool.lock").touch()
    with (run / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Spool(tmp_path)
        assert (run / "lock").exists()
        assert (tmp_path / "spool.lock").exists()
    Spool(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "link", "run is a link", "run is a file"])
def test_what_is_not_labcrates_own_stays(tmp_path: Path, what: str) -> None:
    """Another's file in the old folder, or a link in place of it or of a run, keeps its bytes, also behind the link."""
    state, outside = tmp_path / "state", tmp_path / "outside"
    state.mkdir()
    (outside / "run-1").mkdir(parents=True)
    (outside / "run-1/a").write_bytes(b"precious")
    match what:
        case "file":
            (state / "spool").mkdir()
            (state / "spool/mine").write_bytes(b"mine")
        case "link":
            (state / "spool").symlink_to(outside)
        case "run is a link":
            (state / "spool").mkdir()
            (state / "spool/run-1").symlink_to(outside / "run-1")
        case "run is a file":
            (state / "spool").mkdir()
            (state / "spool/run-1").write_bytes(b"mine")
    before = sorted(str(path) for path in state.rglob("*"))
    Spool(state)
    assert sorted(str(path) for path in state.rglob("*")) == before
    assert (outside / "run-1/a").read_bytes() == b"precious"


def test_what_the_check_raises_ends_the_writing(tmp_path: Path) -> None:
    """A document that is being written ends with what the check raises before its next piece, and leaves no file."""
    left = 2

    def check() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    written = []

    def write(file: IO[bytes]) -> None:
        for piece in range(5):
            file.write(bytes(1 << 20))
            written.append(piece)

    with pytest.raises(KeyboardInterrupt):
        Spool(tmp_path, check).write("a.json", write)
    assert written == [0, 1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_limit_of_memory_loses_no_byte(tmp_path: Path, size: int) -> None:
    """At the size where a document goes to the disk, and one byte to either side, its bytes and fixity are whole."""
    data = os.urandom(size)
    fixity, source = Spool(tmp_path).write("a.json", lambda file: file.write(data))
    assert fixity == Fixity.of_bytes(data)
    if isinstance(source, BytesSource):
        assert source.data == data
    else:
        fd = source.open()
        assert os.pread(fd, size + 1, 0) == data
        os.close(fd)
    assert isinstance(source, BytesSource) == (size <= 1 << 20)
