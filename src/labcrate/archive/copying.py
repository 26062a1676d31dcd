"""Write the archive to a file, by the kernel if it can: on XFS and Btrfs the file shares the recordings' blocks."""

import errno
import os
from collections.abc import Callable, Sequence

from labcrate.archive.entity import Entity, FileSegment, check_unchanged, open_source, read_at, read_into

MAX_CALL_BYTES = 128 * 1024 * 1024
"""The most that one system call copies: progress is reported, and Ctrl-C works, between calls. A multiple of every
block size."""

BOUNDARY_BYTES = 2 * 1024 * 1024
"""A member's first call ends at a multiple of this in the target, so that the page cache can use large folios:
a quarter less time than without, measured on ext4."""

BUFFERED_BELOW_BYTES = 256 * 1024
"""Files smaller than this are collected in memory with the headers around them: fewer, larger writes."""

_BUFFER_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024

Progress = Callable[[int], None]
"""Called with the number of bytes written since its last call."""

CopyMethod = Callable[[FileSegment, int, int, int, int], int]
"""(segment, source descriptor, target descriptor, offset, length) -> bytes copied, 0 if there are none at offset.

Copies to the target's current position. An OSError with an errno of ``_TRY_NEXT`` means: use the next method.
"""

# What kernels and file systems return when they cannot copy this way. EIO is among them because only separate
# reading and writing shows whether the source or the target is failing.
_TRY_NEXT = {
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EPERM,
    errno.EBADF,  # copy_file_range with a target opened for appending
    errno.ENOTSOCK,  # sendfile on macOS
    errno.ETXTBSY,
    errno.EOVERFLOW,
    errno.EIO,
}


def copy_with_copy_file_range(_: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Copy inside the kernel (Linux 4.5): the file system shares the blocks if it has reflinks."""
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, "this system has no copy_file_range")
    return os.copy_file_range(source, target, length, offset_src=offset)


def copy_with_sendfile(_: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Copy inside the kernel (Linux 2.6.33), also between file systems and into pipes."""
    if not hasattr(os, "sendfile"):
        raise OSError(errno.ENOSYS, "this system has no sendfile")
    return os.sendfile(target, source, offset, length)


def copy_with_read_write(segment: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Read, then write. Works on every system; only here an error shows whether source or target is failing."""
    data = read_at(segment.source, source, offset, min(length, _READ_BYTES))
    _write_all(target, memoryview(data))
    return len(data)


COPY_METHODS: tuple[CopyMethod, ...] = (copy_with_copy_file_range, copy_with_sendfile, copy_with_read_write)
"""In order of preference."""


def write_entity(
    entity: Entity, fd: int, progress: Progress | None = None, methods: Sequence[CopyMethod] = COPY_METHODS
) -> None:
    """Write the whole archive at the current position of ``fd``, which is 0 in a file just created.

    Bytes are written in order and without gaps, because a file's last, partial block is shared only at the end of
    the target. The method is chosen for each file, since sources may be on different file systems. Raises
    SourceChangedError if a source is not the planned one (what was written until then is useless), and the target's
    OSError (disk full, quota).
    """
    target_file = _TargetFile(fd, progress or _no_progress)
    for segment in entity.segments():
        if isinstance(segment, bytes):
            target_file.add(segment)
        elif segment.length < BUFFERED_BELOW_BYTES:
            target_file.add_file(segment)
        else:
            target_file.copy_file(segment, methods)
    target_file.flush()


class _TargetFile:
    """The file that is written: small pieces are collected in memory, large ones are copied by the kernel."""

    def __init__(self, fd: int, progress: Progress) -> None:
        self.fd, self.progress = fd, progress
        self.memory = memoryview(bytearray(_BUFFER_BYTES))
        self.used = 0
        self.position = 0

    def add(self, data: bytes) -> None:
        self._make_room(len(data))
        self.memory[self.used : self.used + len(data)] = data
        self.used += len(data)

    def add_file(self, segment: FileSegment) -> None:
        self._make_room(segment.length)
        with open_source(segment.source) as fd:
            done = 0
            while done < segment.length:
                room = self.memory[self.used : self.used + segment.length - done]
                count = read_into(segment.source, fd, segment.offset + done, room)
                self.used += count
                done += count

    def _make_room(self, length: int) -> None:
        if self.used + length > len(self.memory):
            self.flush()

    def copy_file(self, segment: FileSegment, methods: Sequence[CopyMethod]) -> None:
        self.flush()
        remaining_methods = list(methods)
        done = 0
        with open_source(segment.source) as source:
            while done < segment.length:
                length = min(segment.length - done, BOUNDARY_BYTES - self.position % BOUNDARY_BYTES)
                if length == BOUNDARY_BYTES:
                    length = min(segment.length - done, MAX_CALL_BYTES)
                copied = _try_method(remaining_methods[0], segment, source, self.fd, segment.offset + done, length)
                if copied:
                    done += copied
                    self._advance(copied)
                elif len(remaining_methods) > 1:  # refused, or no bytes there: the last method, reading, shows which
                    del remaining_methods[0]
                else:
                    check_unchanged(segment.source, source)
                    raise OSError(errno.EIO, "the system copies nothing and names no reason")

    def flush(self) -> None:
        if self.used:
            _write_all(self.fd, self.memory[: self.used])
            self._advance(self.used)
            self.used = 0

    def _advance(self, length: int) -> None:
        self.position += length
        self.progress(length)


def _try_method(method: CopyMethod, segment: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Return how many bytes the method copied; 0 if the system cannot copy this way."""
    try:
        return method(segment, source, target, offset, length)
    except OSError as error:
        if error.errno in _TRY_NEXT and method is not copy_with_read_write:
            return 0
        raise


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _no_progress(_: int) -> None:
    """Ignore the progress."""
