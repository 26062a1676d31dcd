"""Open an archive that a user named, and read its members with their checksums, whatever the file contains."""

import hashlib
import os
import stat
import struct
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

from labcrate.archive import records
from labcrate.archive.directory import Directory, ListedMember, printable_name, read_exactly
from labcrate.archive.names import unsafe_name_reason
from labcrate.archive.records import local_difference
from labcrate.errors import UsageError
from labcrate.messages.message import Message


def open_zip(path: Path) -> tuple[int, str]:
    """Return a descriptor of the file, which the caller closes, and its name for messages.

    Raises UsageError if it cannot be opened or is not a regular file.
    """
    label = printable_name(os.fsencode(path.name))
    try:
        # O_NONBLOCK: opening a named pipe must not wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else Message("zip.invalid_path")
        raise UsageError(Message("zip.cannot_open", file=label, reason=reason)) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UsageError(Message("zip.not_a_file", file=label))
    return fd, label


CHUNK_BYTES = 1024 * 1024
_BATCH_BYTES = 8 * CHUNK_BYTES
_BATCH_MEMBERS = 256
_PADDING = range(records.PADDING_MIN, records.MAX16 // 2)  # together with the other extra fields it fits 16 bits


@dataclass(frozen=True, slots=True)
class ReadMember:
    """One member with its checksums. If ``data_stop`` is None, its data could not be read: there are no checksums."""

    listed: ListedMember
    problems: tuple[Message, ...] = ()
    data_stop: int | None = None
    crc32: int = 0
    sha256: bytes = b""


_LimitedMember = tuple[ListedMember, int | None]
"""A member, and the offset where its bytes must end; None if it overlaps another member."""


def read_members(fd: int, directory: Directory, progress: Callable[[int], None]) -> Generator[ReadMember, None, None]:
    """Yield all members in their order; several are read at a time. Stops at once if the caller stops.

    ``progress`` is called with the number of bytes read since its last call, by one worker thread at a time.
    """
    reader = _MemberReader(fd, progress)
    workers = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers, "verify")
    pending: deque[Future[list[ReadMember]]] = deque()
    try:
        for batch in _batches(directory):
            pending.append(pool.submit(reader.read_batch, batch))
            if len(pending) > 2 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        reader.stopped.set()
        pool.shutdown(cancel_futures=True)


def _batches(directory: Directory) -> Iterator[list[_LimitedMember]]:
    """Yield the members in batches: small ones together, large ones alone."""
    batch: list[_LimitedMember] = []
    size = 0
    for member, limit in _members_with_limits(directory):
        batch.append((member, limit))
        size += member.size_bytes
        if size >= _BATCH_BYTES or len(batch) == _BATCH_MEMBERS:
            yield batch
            batch, size = [], 0
    yield batch


def _members_with_limits(directory: Directory) -> Iterator[_LimitedMember]:
    """Yield each member with its limit: where the next one starts. So no byte is read for two members."""
    members, free = directory.members, 0
    for index, member in enumerate(members):
        limit = members[index + 1].header_offset if index + 1 < len(members) else directory.offset
        limit = min(limit, directory.offset)
        if free <= member.header_offset < limit:
            free = limit
            yield member, limit
        else:
            yield member, None


class _MemberReader:
    """Reads headers and data of members in worker threads."""

    def __init__(self, fd: int, progress: Callable[[int], None]) -> None:
        self.fd, self.progress = fd, progress
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def read_batch(self, batch: list[_LimitedMember]) -> list[ReadMember]:
        return [self._read(member, limit) for member, limit in batch]

    def _read(self, member: ListedMember, limit: int | None) -> ReadMember:
        problems: list[Message] = []
        if problem := unsafe_name_reason(member.raw_name):
            problems.append(Message("verify.name_not_allowed", problem=problem))
        if member.header_difference:
            problems.append(Message("verify.central_header", fields=member.header_difference))
        if limit is None:
            return ReadMember(member, (*problems, Message("verify.overlaps")))
        local = self._local_header(member, limit)
        if local is None:
            return ReadMember(member, (*problems, Message("verify.no_local_header", offset=member.header_offset)))
        if difference := _local_difference(member, local):
            problems.append(Message("verify.local_header", fields=difference))
        start = member.header_offset + len(local)
        stop = start + member.size_bytes
        if not member.is_stored:
            return ReadMember(member, (*problems, Message("verify.not_stored")))
        if stop > limit:
            return ReadMember(member, (*problems, Message("verify.data_too_long", limit=limit)))
        return ReadMember(member, tuple(problems), stop, *self._digest(start, member.size_bytes))

    def _local_header(self, member: ListedMember, limit: int) -> bytes | None:
        """Return the local header with its extra fields; None if there is none that ends before the limit."""
        size = records.LOCAL_HEADER.size
        head = read_exactly(self.fd, member.header_offset, size) if member.header_offset + size <= limit else None
        if head is None or head[:4] != struct.pack("<I", records.LOCAL_SIGNATURE):
            return None
        *_, name_bytes, extra_bytes = records.LOCAL_HEADER.unpack(head)
        start, length = member.header_offset + size, name_bytes + extra_bytes
        rest = read_exactly(self.fd, start, length) if start + length <= limit else None
        return None if rest is None else head + rest

    def _digest(self, start: int, length: int) -> tuple[int, bytes]:
        """Return CRC-32 and SHA-256 of a range, from one reading; of the rest of the file if it became shorter."""
        memory = memoryview(bytearray(min(CHUNK_BYTES, length)))
        crc32, sha256, done = 0, hashlib.sha256(), 0
        while done < length and not self.stopped.is_set():
            count = os.preadv(self.fd, [memory[: length - done]], start + done)
            if not count:
                break
            crc32 = isal_zlib.crc32(memory[:count], crc32)
            sha256.update(memory[:count])
            done += count
            with self.lock:
                self.progress(count)
        return crc32, sha256.digest()


def _local_difference(member: ListedMember, found: bytes) -> str:
    """Return the fields in which a local header differs from what labcrate would write, with the same padding."""
    bare = records.local_header_length(len(member.raw_name), member.size_bytes, member.mtime_s, member.zip64_sizes)
    padding = len(found) - bare
    expected = records.local_header(
        member.raw_name,
        member.crc32,
        member.size_bytes,
        member.mtime_s,
        member.header_offset,
        padding=padding if padding in _PADDING else 0,
        zip64_sizes=member.zip64_sizes,
    )
    return "" if found == expected else local_difference(found, expected)
