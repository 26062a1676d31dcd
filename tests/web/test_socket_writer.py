"""What a thread does for one transfer: it sends every byte in order, and none of a file that has changed."""

import errno
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labcrate.archive.entity import FileSegment, Segment
from labcrate.archive.layout import FileSource
from labcrate.errors import SourceChangedError
from labcrate.model.fixity import Identity
from labcrate.web.downloads import socket_writer
from labcrate.web.downloads.socket_writer import PauseReason, SharedGenerator, SocketWriter, read_pieces

SIZES = [
    0,
    1,
    5000,
    socket_writer.PIECE_BYTES,
    socket_writer.SENDFILE_MIN_BYTES - 1,
    socket_writer.SENDFILE_MIN_BYTES,
    3_000_001,
]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the two ends of a TCP connection with small buffers; the first end is non-blocking."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    near.setblocking(False)
    with near, far:
        yield near, far


def source(path: Path, size: int, seed: int = 0) -> FileSource:
    """Return a planned file with a number of random bytes."""
    path.write_bytes(random.Random(seed).randbytes(size))  # noqa: S311
    return FileSource.at(path, Identity.of(path.stat()), path.name)


def push_all(near: socket.socket, segments: list[Segment]) -> int:
    """Write segments to the end, as the threads do, and close the socket."""
    push = SocketWriter(near)
    run_out(SharedGenerator(push.steps(segments), PauseReason.DONE))
    near.shutdown(socket.SHUT_WR)
    return push.sent


def run_out(steps: SharedGenerator[PauseReason]) -> None:
    """Advance the steps to the end, whatever they wait for."""
    while steps.step() is not PauseReason.DONE:
        pass


def received(far: socket.socket, push: Callable[[], Any]) -> bytes:
    """Return all bytes that arrive while segments are written."""
    thread = threading.Thread(target=push)
    thread.start()
    got = bytearray()
    while data := far.recv(1 << 16):
        got += data
    thread.join()
    return bytes(got)


def mixture(folder: Path) -> tuple[list[Segment], bytes]:
    """Return segments of every kind and size, in memory and in files, parts and wholes; and their bytes."""
    choice, segments, expected = random.Random(4), list[Segment](), b""  # noqa: S311
    for number in range(24):
        size = SIZES[number % len(SIZES)]
        data = choice.randbytes(choice.choice([0, 3, 300, 400_000]))
        segments.append(data)
        file = source(folder / f"{number}", size, number)
        start = choice.randrange(size + 1) if number % 3 else 0
        segments.append(FileSegment(file, start, size - start))
        expected += data + (folder / f"{number}").read_bytes()[start:]
    return segments, expected


def test_every_byte_in_order(tmp_path: Path, pair: tuple[socket.socket, socket.socket]) -> None:
    """Whatever the segments are, their bytes arrive, and the count is right."""
    segments, expected = mixture(tmp_path)
    counted: list[int] = []
    assert received(pair[1], lambda: counted.append(push_all(pair[0], segments))) == expected
    assert counted == [len(expected)]
    assert b"".join(read_pieces(segments)) == expected
    assert max(map(len, read_pieces(segments))) <= socket_writer.PIECE_BYTES


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_without_sendfile(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """On a file system without sendfile the same bytes are read and written, also from the middle of a file."""
    segments, expected = mixture(tmp_path)
    real, calls = os.sendfile, [0]

    def sometimes(out: int, source: int, offset: int, count: int) -> int:
        calls[0] += 1
        if calls[0] % 5 == 0:
            raise OSError(number, "not here")
        return real(out, source, offset, min(count, 100_000))

    monkeypatch.setattr(os, "sendfile", sometimes)
    assert received(pair[1], lambda: push_all(pair[0], segments)) == expected
    assert calls[0] > 5


def test_a_client_that_reads_nothing_occupies_no_thread(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    """If the client reads nothing, the writer releases the thread repeatedly, and then continues where it was."""
    near, far = pair
    file = source(tmp_path / "file", 20_000_000)
    push = SocketWriter(near)
    steps = SharedGenerator(push.steps([FileSegment(file, 0, 20_000_000)]), PauseReason.DONE)
    while steps.step() is not PauseReason.BLOCKED:
        pass
    assert steps.step() is PauseReason.BLOCKED
    before = push.sent
    assert 0 < before < 20_000_000
    got = bytearray()
    while len(got) < before:
        got += far.recv(1 << 16)
    assert steps.step() in (PauseReason.BLOCKED, PauseReason.TURN)
    assert push.sent > before
    steps.close()


def test_a_full_socket_is_waited_for_before_the_next_call(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the socket accepted only a part, the thread waits before the next call, which would often be refused."""
    file, real, events = source(tmp_path / "file", 3_000_000), os.sendfile, list[str]()

    class Ready:
        """A poll object whose socket is always ready."""

        def poll(self, _: int) -> list[tuple[int, int]]:
            events.append("wait")
            return [(0, 0)]

    def send_part(out: int, source: int, offset: int, count: int) -> int:
        sent = real(out, source, offset, min(count, 100_000))
        events.append("part" if sent < count else "rest")
        return sent

    monkeypatch.setattr(os, "sendfile", send_part)
    push: Any = SocketWriter(pair[0])
    push._poll = Ready()

    def run() -> None:
        run_out(SharedGenerator(push.steps([FileSegment(file, 0, 3_000_000), b"end"]), PauseReason.DONE))
        pair[0].shutdown(socket.SHUT_WR)

    assert received(pair[1], run) == (tmp_path / "file").read_bytes() + b"end"
    assert events.count("part") > 10
    assert all(after == "wait" for event, after in pairwise(events) if event == "part")
    assert events[-1] == "rest"


def test_a_transfer_gives_others_their_turn(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast its client is, a transfer releases its thread when its turn ends."""
    monkeypatch.setattr(socket_writer, "TURN_S", 0.0)
    monkeypatch.setattr(socket_writer, "POLL_MS", 1000)
    file = source(tmp_path / "file", 5_000_000)
    push, pauses = SocketWriter(pair[0]), list[PauseReason]()
    steps = SharedGenerator(push.steps([FileSegment(file, 0, 5_000_000)]), PauseReason.DONE)

    def run() -> None:
        while (pause := steps.step()) is not PauseReason.DONE:
            pauses.append(pause)
        pair[0].shutdown(socket.SHUT_WR)

    assert received(pair[1], run) == (tmp_path / "file").read_bytes()
    assert pauses.count(PauseReason.TURN) > 10


def grow(file: Path) -> None:
    """Append bytes."""
    with file.open("ab") as more:
        more.write(b"more")


def overwrite(file: Path) -> None:
    """Write other bytes of the same length at the end, and restore the modification time."""
    before = file.stat()
    with file.open("r+b") as same:
        same.seek(-100, os.SEEK_END)
        same.write(b"other bytes")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def shrink(file: Path) -> None:
    """Truncate the file."""
    os.truncate(file, 1000)


@pytest.mark.parametrize("harm", [grow, overwrite, shrink, Path.unlink])
@pytest.mark.parametrize("size", [500_000, 6_000_000])
def test_a_file_that_changes_never_arrives_completely(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], harm: Callable[[Path], None], size: int
) -> None:
    """A change during a transfer ends it before the last requested byte, with an error that names the file."""
    near, far = pair
    file = source(tmp_path / "file.mp4", size)
    push = SocketWriter(near)
    steps = SharedGenerator(push.steps([b"head", FileSegment(file, 0, size)]), PauseReason.DONE)
    assert steps.step() is PauseReason.BLOCKED
    harm(tmp_path / "file.mp4")

    def run() -> None:
        with pytest.raises(SourceChangedError, match=r"^file\.mp4 "):
            run_out(steps)
        near.shutdown(socket.SHUT_WR)

    assert len(received(far, run)) < size + 4


def test_a_change_after_the_last_sendfile_is_seen_before_the_last_bytes(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes after the kernel has sent its part does not arrive completely either."""
    file, real = source(tmp_path / "file.mp4", 2_000_000), os.sendfile

    def then_change(out: int, source: int, offset: int, count: int) -> int:
        sent = real(out, source, offset, count)
        if sent == count:
            overwrite(tmp_path / "file.mp4")
        return sent

    monkeypatch.setattr(os, "sendfile", then_change)

    def run() -> None:
        with pytest.raises(SourceChangedError):
            push_all(pair[0], [FileSegment(file, 0, 2_000_000)])
        pair[0].shutdown(socket.SHUT_WR)

    assert len(received(pair[1], run)) == 2_000_000 - socket_writer.PIECE_BYTES


def test_a_failing_disk_is_reported_with_the_name_of_the_file(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails in the middle, the error names the file as the archive does, without its path."""
    file = source(tmp_path / "file.mp4", 2_000_000)

    def fail(*_: Any) -> int:
        raise OSError(errno.EIO, "failing", str(tmp_path))

    monkeypatch.setattr(os, "sendfile", fail)
    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(SourceChangedError, match=r"^file\.mp4 cannot be read any more") as caught:
        push_all(pair[0], [FileSegment(file, 0, 2_000_000)])
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("size", [10_000, 3_000_000])
def test_a_client_that_has_disconnected(tmp_path: Path, pair: tuple[socket.socket, socket.socket], size: int) -> None:
    """A connection that the client closed is a ConnectionError, not an error of the file; nothing stays open."""
    near, far = pair
    file = source(tmp_path / "file", size)
    before = len(list(Path("/proc/self/fd").iterdir()))
    far.close()
    with pytest.raises(ConnectionError):
        push_all(near, [FileSegment(file, 0, size)] * 50)
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1


def test_closing_in_the_middle_closes_the_file(tmp_path: Path, pair: tuple[socket.socket, socket.socket]) -> None:
    """An aborted transfer has no file open, and does nothing when it is advanced."""
    file = source(tmp_path / "file", 20_000_000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    steps = SharedGenerator(SocketWriter(pair[0]).steps([FileSegment(file, 0, 20_000_000)]), PauseReason.DONE)
    assert steps.step() is PauseReason.BLOCKED
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    steps.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert steps.step() is PauseReason.DONE
