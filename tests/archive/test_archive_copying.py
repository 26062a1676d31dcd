"""Writing to a file: three methods, the same bytes, and faults of the target."""

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.values import replace

from labcrate.archive import copying
from labcrate.archive.copying import COPY_METHODS, CopyMethod, copy_with_read_write, write_entity
from labcrate.archive.entity import Entity, FileSegment
from labcrate.archive.layout import FileSource, Layout, Member
from labcrate.errors import SourceChangedError
from labcrate.model.fixity import Identity

TIME = 1_746_214_800_000_000_000


@pytest.fixture
def entity(tmp_path: Path) -> Entity:
    """Return an entity of documents and files below and above every threshold of copying, in mixed order."""
    members = [Member.of_bytes("README.txt", b"hello", TIME), Member.of_bytes("big.json", b"j" * 1_500_000, TIME)]
    sizes = [0, 1, 65535, 65536, 262143, 262144, 5_000_001, 200_000, 2_097_152, 3]
    for index, size in enumerate(sizes):
        path = tmp_path / f"{index}.mp4"
        path.write_bytes(os.urandom(size))
        source = FileSource.at(path, Identity.of(path.stat()), path.name)
        members.append(replace(Member.of_bytes(path.name, path.read_bytes(), TIME), source=source))
    return Entity(Layout(members))


def write_with(entity: Entity, path: Path, methods: Sequence[CopyMethod]) -> bytes:
    """Write an entity to a file with these methods, and return the content."""
    with path.open("wb") as file:
        write_entity(entity, file.fileno(), methods=methods)
    return path.read_bytes()


def refusing(number: int) -> CopyMethod:
    """Return a method of a system that cannot copy this way."""

    def method(_: FileSegment, source: int, target: int, offset: int, length: int) -> int:
        raise OSError(number, os.strerror(number))

    return method


def once(method: CopyMethod) -> CopyMethod:
    """Return a method that stops working after its first, partial success."""
    calls: list[int] = []

    def limited(segment: FileSegment, source: int, target: int, offset: int, length: int) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.EIO, "failed")
        return method(segment, source, target, offset, min(length, 70_001))

    return limited


def nothing(_: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Return a method that copies nothing, as copy_file_range does on some network file systems."""
    return 0


@pytest.mark.parametrize(
    "methods",
    [
        COPY_METHODS,
        *[(method,) for method in COPY_METHODS],
        *[
            (refusing(number), copy_with_read_write)
            for number in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
        ],
        (once(COPY_METHODS[0]), once(COPY_METHODS[1]), copy_with_read_write),
        (nothing, *COPY_METHODS),
    ],
)
def test_every_method_writes_the_same_bytes(entity: Entity, tmp_path: Path, methods: Sequence[CopyMethod]) -> None:
    """Each method alone, each fallback and a change of method within a file give what the entity reads as."""
    assert write_with(entity, tmp_path / "out.zip", methods) == b"".join(entity.read_range())


def test_a_system_without_the_fast_calls_still_writes(
    entity: Entity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where os has neither copy_file_range nor sendfile, reading and writing does it."""
    monkeypatch.delattr(os, "copy_file_range")
    monkeypatch.delattr(os, "sendfile")
    assert write_with(entity, tmp_path / "out.zip", COPY_METHODS) == b"".join(entity.read_range())


def test_a_pipe_can_be_the_target(entity: Entity) -> None:
    """A pipe has no position: the archive goes through it all the same."""
    reader, writer = os.pipe()
    received = bytearray()

    def receive() -> None:
        while part := os.read(reader, 1 << 16):
            received.extend(part)

    thread = threading.Thread(target=receive)
    thread.start()
    write_entity(entity, writer)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert bytes(received) == b"".join(entity.read_range())


def test_progress_adds_up(entity: Entity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is called with every byte once, at least every MAX_CALL_BYTES."""
    monkeypatch.setattr(copying, "MAX_CALL_BYTES", copying.BOUNDARY_BYTES)
    steps: list[int] = []
    with (tmp_path / "out.zip").open("wb") as file:
        write_entity(entity, file.fileno(), steps.append)
    assert sum(steps) == entity.length
    assert max(steps) <= copying.BOUNDARY_BYTES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to fill up")
@pytest.mark.parametrize("methods", [COPY_METHODS, *[(method,) for method in COPY_METHODS]])
def test_a_full_disk_is_the_targets_error(entity: Entity, methods: Sequence[CopyMethod]) -> None:
    """No space left comes out as the OSError that it is, whatever the method; no other method is tried in vain."""
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), Path("/dev/full").open("wb") as file:
        write_entity(entity, file.fileno(), methods=methods)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_limits_of_the_target_end_the_copying(entity: Entity, tmp_path: Path, number: int) -> None:
    """Disk, quota and file size limits are not answered by copying in another way."""
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write_with(entity, tmp_path / "out.zip", (refusing(number), copy_with_read_write))
    assert caught.value.errno == number


def test_copying_nothing_for_ever_is_an_error(entity: Entity, tmp_path: Path) -> None:
    """If the only method makes no headway the export ends with an error instead of turning in a circle."""
    with pytest.raises(OSError, match="copies nothing"):
        write_with(entity, tmp_path / "out.zip", (nothing,))


def test_a_failing_source_is_distinguished_from_a_failing_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO of the kernel's copy is ambiguous; reading apart from writing shows that the recording's disk is failing."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 300_000)
    source = FileSource.at(path, Identity.of(path.stat()), "recordings/a.mp4")
    entity = Entity(Layout([replace(Member.of_bytes("a.mp4", b"x" * 300_000, TIME), source=source)]))

    def failing(fd: int, length: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(SourceChangedError, match=r"recordings/a\.mp4 cannot be read any more"):
        write_with(entity, tmp_path / "out.zip", (refusing(errno.EIO), copy_with_read_write))
