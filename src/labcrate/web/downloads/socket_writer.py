"""Writing segments of archives and files to a socket: the work of a thread for one transfer, one turn at a time.

All but small members are copied from the page cache to the socket by ``sendfile``; small ones are collected in memory,
because a call for each would cost more. In both cases a source is compared with the plan before its bytes are sent.
The last requested bytes are always read, compared and then written: a body that arrives completely is correct.
"""

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from enum import Enum, auto
from typing import Generic, TypeVar

from labcrate.archive.entity import FileSegment, Segment, check_unchanged, open_source, read_at

PIECE_BYTES = 256 * 1024
"""The maximum number of bytes in memory for one transfer."""

SENDFILE_MIN_BYTES = 32 * 1024
"""The size in bytes from which members are sent by ``sendfile``; reading and writing costs more processor time then."""

TURN_S = 0.1
"""The time in seconds after which a transfer releases its thread, for others that wait for one."""

POLL_MS = 10
"""The time in milliseconds that the thread itself waits for a client that is slightly slower than the server."""

_MAX_SENDFILE_BYTES = 1 << 30
_SENDFILE_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}

T = TypeVar("T")


class PauseReason(Enum):
    """Why a transfer released its thread: its turn ended, the socket accepts no more data, or all is sent."""

    TURN = auto()
    BLOCKED = auto()
    DONE = auto()


class SharedGenerator(Generic[T]):
    """A generator that one thread at a time advances, and that is closed between two steps."""

    def __init__(self, steps: Generator[T, None, None], end: T) -> None:
        self._steps, self._end = steps, end
        self._lock = threading.Lock()

    def step(self) -> T:
        """Return the next value; the end value if there are no more."""
        with self._lock:
            return next(self._steps, self._end)

    def close(self) -> None:
        """Close the generator and its files, after the current step."""
        with self._lock:
            self._steps.close()


def read_pieces(segments: Iterable[Segment]) -> Generator[bytes, None, None]:
    """Yield the bytes of segments in pieces of at most ``PIECE_BYTES``, each after its source was compared.

    An empty segment is yielded as it is: it lets other transfers have their turn. Raises SourceChangedError.
    """
    for segment in segments:
        if segment == b"":
            yield b""
        elif isinstance(segment, bytes):
            for start in range(0, len(segment), PIECE_BYTES):
                yield segment[start : start + PIECE_BYTES]
        else:
            with open_source(segment.source) as fd:
                yield from _read(segment, fd, segment.offset)


def _read(segment: FileSegment, fd: int, start: int) -> Iterator[bytes]:
    """Yield the rest of a file's segment from offset ``start``, read and compared."""
    stop = segment.offset + segment.length
    while start < stop:
        piece = read_at(segment.source, fd, start, min(PIECE_BYTES, stop - start))
        check_unchanged(segment.source, fd)
        start += len(piece)
        yield piece


class SocketWriter:
    """A writer of segments to a non-blocking socket; ``sent`` is the number of bytes that the system has accepted.

    Raises SourceChangedError, ConnectionError if the client has disconnected, OSError for a limit of this machine.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.sent = 0
        self.connection = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLOUT)
        self._buffered = bytearray()
        self._turn_ends = 0.0

    def steps(self, segments: Iterable[Segment]) -> Generator[PauseReason, None, None]:
        """Write the segments; yield each time the turn ends or the socket accepts no more data."""
        self._begin_turn()
        for segment, last in _with_last(segments):
            if isinstance(segment, bytes):
                if not segment:  # PAUSE: nothing to send at this time
                    yield from self._flush()
                    yield from self._end_turn()
                yield from self._buffer(segment)
                continue
            with open_source(segment.source) as fd:
                start = segment.offset
                if segment.length >= SENDFILE_MIN_BYTES:
                    yield from self._flush(socket.MSG_MORE)
                    start = yield from self._send_file(segment, fd, PIECE_BYTES if last else 0)
                for piece in _read(segment, fd, start):
                    yield from self._buffer(piece)
        yield from self._flush()

    def _buffer(self, data: bytes) -> Generator[PauseReason, None, None]:
        """Collect small pieces until there are enough of them for a call."""
        if self._buffered and len(self._buffered) + len(data) > PIECE_BYTES:
            yield from self._flush(socket.MSG_MORE)
        if len(data) >= PIECE_BYTES:
            yield from self._write(memoryview(data), 0)
        else:
            self._buffered += data

    def _flush(self, flags: int = 0) -> Generator[PauseReason, None, None]:
        data, self._buffered = self._buffered, bytearray()
        yield from self._write(memoryview(data), flags)

    def _write(self, data: memoryview, flags: int) -> Generator[PauseReason, None, None]:
        while data:
            try:
                count = self.connection.send(data, flags)
            except BlockingIOError:
                yield from self._wait_for_client()
                continue
            except OSError:
                raise ConnectionAbortedError from None
            self.sent += count
            data = data[count:]
            yield from self._end_turn()

    def _send_file(self, segment: FileSegment, fd: int, rest_bytes: int) -> Generator[PauseReason, None, int]:
        """Send all but the last ``rest_bytes`` bytes with ``sendfile``; return the offset of the rest."""
        offset, stop, socket_fd = segment.offset, segment.offset + segment.length - rest_bytes, self.connection.fileno()
        while offset < stop:
            remaining = min(stop - offset, _MAX_SENDFILE_BYTES)
            try:
                count = os.sendfile(socket_fd, fd, offset, remaining)
            except BlockingIOError:
                count = 0
            except OSError as error:
                if error.errno in _SENDFILE_UNSUPPORTED:  # by the file system
                    return offset
                read_at(segment.source, fd, offset, 1)  # raises an error with the file's name if the disk fails
                raise ConnectionAbortedError from None
            else:
                if not count:  # the file was truncated: this raises SourceChangedError
                    read_at(segment.source, fd, offset, 1)
            offset += count
            self.sent += count
            if count < remaining and not self._poll.poll(POLL_MS):  # the buffer was full: another call might fail
                yield PauseReason.BLOCKED
            elif time.monotonic() > self._turn_ends:
                yield PauseReason.TURN
            else:
                continue
            self._begin_turn()
            check_unchanged(segment.source, fd)
        return offset

    def _wait_for_client(self) -> Generator[PauseReason, None, None]:
        if not self._poll.poll(POLL_MS):
            yield PauseReason.BLOCKED
            self._begin_turn()
        else:
            yield from self._end_turn()

    def _end_turn(self) -> Generator[PauseReason, None, None]:
        if time.monotonic() > self._turn_ends:
            yield PauseReason.TURN
            self._begin_turn()

    def _begin_turn(self) -> None:
        self._turn_ends = time.monotonic() + TURN_S


def _with_last(segments: Iterable[Segment]) -> Iterator[tuple[Segment, bool]]:
    """Yield each segment, and whether it is the last."""
    waiting: list[Segment] = []
    for segment in segments:
        if waiting:
            yield waiting.pop(), False
        waiting.append(segment)
    yield from ((segment, True) for segment in waiting)
