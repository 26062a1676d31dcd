"""Length, ETag, ranges, and sources that are not what they were."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.values import replace

from labcrate.archive.copying import COPY_METHODS, write_entity
from labcrate.archive.entity import Entity, FileSegment
from labcrate.archive.layout import FORMAT_VERSION, FileSource, Layout, Member
from labcrate.errors import SourceChangedError
from labcrate.model.fixity import Fixity, Identity

TIME = 1_746_214_800_000_000_000
LABEL = "recordings/cam1_session42.mp4"
SIZES = [0, 5000, 3_000_000]  # empty; gathered in memory; copied by the kernel


def of_file(path: Path, data: bytes) -> Member:
    """Write a file and plan it as a member."""
    path.write_bytes(data)
    source = FileSource.at(path, Identity.of(path.stat()), LABEL)
    return replace(Member.of_bytes("recordings/a.mp4", data, TIME), source=source)


def read_all(entity: Entity, _: Path) -> None:
    """Read the entity as a download does."""
    for _chunk in entity.read_range():
        pass


def write_by(index: int) -> Callable[[Entity, Path], None]:
    """Write the entity to a file, beginning with one of the methods."""

    def write(entity: Entity, folder: Path) -> None:
        with (folder / "out.zip").open("wb") as file:
            write_entity(entity, file.fileno(), methods=COPY_METHODS[index:])

    return write


def grow(path: Path) -> None:
    """Add one byte."""
    with path.open("ab") as file:
        file.write(b"x")


def truncate(path: Path) -> None:
    """Cut in half."""
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    """Write other bytes with the same size and modification time: only the change time differs."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # clocks of older kernels tick every few milliseconds
        path.write_bytes(b"y" * before.st_size)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path: Path) -> None:
    """Put another file of the same size under the same name."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def swap_for_link(path: Path) -> None:
    """Replace the file by a symbolic link to it."""
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def swap_for_pipe(path: Path) -> None:
    """Replace the file by a pipe without a writer: opening it must not wait."""
    path.unlink()
    os.mkfifo(path)


FAULTS: list[Callable[[Path], None]] = [grow, truncate, overwrite, Path.unlink, swap, swap_for_link, swap_for_pipe]


def fault_sizes(fault: Callable[[Path], None]) -> list[int]:
    """Return the sizes with which a fault can be made: an empty file cannot be cut."""
    return SIZES[1:] if fault is truncate else SIZES


@pytest.mark.parametrize("consume", [read_all, write_by(0), write_by(1), write_by(2)])
@pytest.mark.parametrize(("fault", "size"), [(fault, size) for fault in FAULTS for size in fault_sizes(fault)])
def test_a_source_that_changed_breaks_the_transfer(
    tmp_path: Path, fault: Callable[[Path], None], size: int, consume: Callable[[Entity, Path], None]
) -> None:
    """Grown, cut, overwritten, gone or replaced between plan and reading: an error names the file and the remedy."""
    path = tmp_path / "a.mp4"
    entity = Entity(Layout([of_file(path, b"x" * size)]))
    fault(path)
    with pytest.raises(SourceChangedError, match=rf"^{LABEL} .* run the export again") as caught:
        consume(entity, tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_change_during_the_transfer_is_noticed_before_its_bytes_are_given(tmp_path: Path) -> None:
    """A file that is overwritten while a slow client reads it: no byte written after the plan is handed out."""
    path = tmp_path / "a.mp4"
    entity = Entity(Layout([of_file(path, b"x" * 3_000_000)]))
    chunks = entity.read_range(entity.layout.data_offsets[0])
    first = next(chunks)
    assert first == b"x" * len(first) != b""
    overwrite(path)
    with pytest.raises(SourceChangedError, match="has changed"):
        next(chunks)


def test_a_source_that_lies_about_its_size_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if every look at the file's state says "unchanged", a short read is an error in every way of reading."""
    path = tmp_path / "a.mp4"
    entity = Entity(Layout([of_file(path, b"x" * 3_000_000)]))
    truncate(path)
    monkeypatch.setattr("labcrate.archive.entity.check_unchanged", lambda *_: None)
    for consume in (read_all, write_by(0), write_by(1), write_by(2)):
        with pytest.raises(SourceChangedError, match="it ends at byte 1,500,000"):
            consume(entity, tmp_path)


def test_running_out_of_descriptors_is_no_changed_source() -> None:
    """A limit of this process is passed on as it is."""

    def opener() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    source = FileSource(opener, Identity(1, 0, 0, 0), LABEL)
    entity = Entity(Layout([replace(Member.of_bytes("a", b"x", TIME), source=source)]))
    with pytest.raises(OSError, match="Too many open files"):
        list(entity.read_range())


def test_the_caller_decides_how_files_are_opened(tmp_path: Path) -> None:
    """A source with an opener of its own is read through it, once for the whole transfer."""
    (tmp_path / "a").write_bytes(b"abc")
    calls = []

    def opener() -> int:
        calls.append(1)
        return os.open(tmp_path / "a", os.O_RDONLY)

    source = FileSource(opener, Identity.of((tmp_path / "a").stat()), "a")
    entity = Entity(Layout([replace(Member.of_bytes("a", b"abc", TIME), source=source)]))
    assert b"abc" in b"".join(entity.read_range())
    assert calls == [1]


def test_descriptors_are_closed(tmp_path: Path) -> None:
    """A transfer that is broken off in the middle of a file leaves no open descriptor behind."""
    entity = Entity(Layout([of_file(tmp_path / "a.mp4", b"x" * 3_000_000)]))
    before = os.listdir("/dev/fd")  # noqa: PTH208 - the path's own listing would open one more
    chunks = entity.read_range()
    next(chunks)
    next(chunks)
    chunks.close()
    assert os.listdir("/dev/fd") == before  # noqa: PTH208


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, 10**9), (10**9, 10**9)])
def test_ranges_outside_the_archive_are_refused_at_once(start: int, stop: int) -> None:
    """ValueError comes from the call, not from the first chunk."""
    entity = Entity(Layout([Member.of_bytes("a", b"x", TIME)]))
    with pytest.raises(ValueError, match="are not in an archive of"):
        entity.read_range(start, stop)
    with pytest.raises(ValueError, match="are not in an archive of"):
        entity.segments(start, stop)


def test_sizes_of_plan_and_source_must_agree() -> None:
    """A fixity that cannot be that of the source is refused before anything is written."""
    member = Member.of_bytes("a", b"abc", TIME)
    with pytest.raises(ValueError, match="planned with 4 bytes, its source has 3"):
        Entity(Layout([replace(member, fixity=replace(member.fixity, size_bytes=4))]))


def test_etag_follows_everything_that_is_in_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name, second, size, hash, order or format version gives another strong ETag; the same gives the same."""

    def etag(*members: Member) -> str:
        return Entity(Layout(members)).etag

    a, b = Member.of_bytes("a", b"abc", TIME), Member.of_bytes("b", b"abc", TIME)
    tags = [
        etag(a, b),
        etag(b, a),
        etag(a),
        etag(replace(a, name="c"), b),
        etag(replace(a, mtime_ns=TIME + 1_000_000_000), b),
        etag(Member.of_bytes("a", b"abcd", TIME), b),
        etag(Member.of_bytes("a", b"abd", TIME), b),
    ]
    assert etag(a, b) == tags[0] == etag(replace(a, mtime_ns=TIME + 1), b)
    monkeypatch.setattr("labcrate.archive.entity.FORMAT_VERSION", FORMAT_VERSION + 1)
    tags.append(etag(a, b))
    assert len(set(tags)) == len(tags)
    assert all(len(tag) == 66 and tag[0] == tag[-1] == '"' for tag in tags)


def test_segments_name_files_and_join_what_is_in_memory(tmp_path: Path) -> None:
    """One file between two documents: bytes, a range of the file, bytes. A sender needs three operations."""
    file = of_file(tmp_path / "a.mp4", b"x" * 100_000)
    layout = Layout([Member.of_bytes("a", b"1", TIME), file, Member.of_bytes("b", b"2", TIME)])
    first, middle, last = Entity(layout).segments()
    assert isinstance(first, bytes)
    assert isinstance(last, bytes)
    assert isinstance(middle, FileSegment)
    assert (middle.offset, middle.length, middle.source.label) == (0, 100_000, LABEL)
    at = layout.data_offsets[1]
    assert list(Entity(layout).segments(at + 10, at + 30)) == [FileSegment(middle.source, 10, 20)]


def test_large_documents_come_in_chunks() -> None:
    """No chunk is larger than 1 MiB, also of a document that is held in memory."""
    entity = Entity(Layout([Member.of_bytes("a", b"x" * 3_500_000, TIME)]))
    assert max(len(chunk) for chunk in entity.read_range()) <= 1 << 20


def test_fixity_must_be_a_hash() -> None:
    """A SHA-256 of the wrong form and a CRC-32 beyond 32 bits are refused."""
    member = Member.of_bytes("a", b"abc", TIME)
    for fixity in (Fixity(3, 0, "x" * 64), Fixity(3, 1 << 32, "0" * 64)):
        with pytest.raises(ValueError, match="not known yet"):
            Entity(Layout([replace(member, fixity=fixity)]))
