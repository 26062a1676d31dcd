"""Where generated documents wait."""

import errno
import gc
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from labcrate.archive.entity import Entity, open_source
from labcrate.archive.layout import BytesSource, FileSource, Layout, Member
from labcrate.errors import TargetError
from labcrate.export.spool import Spool
from labcrate.model.fixity import Fixity

LARGE = bytes(range(256)) * 8192


def descriptors() -> int:
    """Return how many files this process has open."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_small_documents_are_kept_in_memory(tmp_path: Path) -> None:
    """A small document needs no disk: not even that labcrate's own folder is there."""
    fixity, source = Spool(tmp_path / "absent").write("a.json", lambda file: file.write(b"{}"))
    assert fixity == Fixity.of_bytes(b"{}")
    assert source == BytesSource(b"{}")


@pytest.mark.thorough
def test_large_documents_have_no_name_and_live_as_long_as_their_source(tmp_path: Path) -> None:
    """A large document is in no folder, is read by many at once at any place, and ends with the last who holds it."""
    before = descriptors()
    fixity, source = Spool(tmp_path).write("a.json", lambda file: file.write(LARGE))
    assert list(tmp_path.iterdir()) == []
    assert isinstance(source, FileSource)
    assert fixity == Fixity.of_bytes(LARGE)
    with open_source(source) as one, open_source(source) as other:
        assert os.pread(one, 300, 1000) == LARGE[1000:1300]
        assert os.pread(other, 10, 0) == LARGE[:10]
    entity = Entity(Layout([Member("a.json", fixity, 0, source)]))
    assert b"".join(entity.read_range()) == b"".join(entity.read_range())
    del source, entity
    assert descriptors() == before


def test_a_document_that_was_begun_on_a_full_disk_begins_again_elsewhere(tmp_path: Path) -> None:
    """Where labcrate's own folder has no room the document goes to the system's temporary folder, whole."""
    places: list[str] = []

    def write(file: IO[bytes]) -> None:
        file.write(LARGE)
        places.append(str(Path(f"/proc/self/fd/{file.fileno()}").readlink()))
        if len(places) == 1:
            raise OSError(errno.ENOSPC, "full")
        file.write(b"end")

    fixity, _ = Spool(tmp_path).write("a.json", write)
    assert fixity == Fixity.of_bytes(LARGE + b"end")
    assert places[0].startswith(str(tmp_path))
    assert places[1].startswith(tempfile.gettempdir())


def test_no_room_anywhere(tmp_path: Path, monkeypatch: Any) -> None:
    """Without room in either place the error says where to make some, and names no absolute path."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(TargetError, match="TMPDIR") as caught:
        Spool(tmp_path / "absent").write("a.json", lambda file: file.write(LARGE))
    assert str(tmp_path) not in str(caught.value)


def test_documents_that_are_made_together_begin_again_together(tmp_path: Path) -> None:
    """Where one of several documents finds no room, all are written again elsewhere; each is whole, small or large."""
    runs: list[int] = []

    def write(files: Sequence[IO[bytes]]) -> None:
        runs.append(len(files))
        files[0].write(LARGE)
        files[1].write(b"....end")
        files[1].seek(0)
        files[1].write(b"begin"[:4])
        if len(runs) == 1:
            raise OSError(errno.ENOSPC, "full")

    (large, source), (small, _) = Spool(tmp_path).write_several(["a.json", "b.csv"], write)
    assert runs == [2, 2]
    assert large == Fixity.of_bytes(LARGE)
    assert small == Fixity.of_bytes(b"begiend")
    assert isinstance(source, FileSource)
