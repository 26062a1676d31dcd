"""The archive as a value: a length, a strong ETag, and any range of its bytes, the same on every call."""

import errno
import hashlib
import os
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise

from msgspec import Struct

from labcrate.archive.layout import FORMAT_VERSION, BytesSource, FileSource, Layout, Member, Patch
from labcrate.archive.records import MAX32
from labcrate.errors import SourceChangedError
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity

CHUNK_BYTES = 1024 * 1024
"""The most bytes that are held in memory at a time."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OUR_OWN_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class FileSegment(Struct, frozen=True):
    """``length`` bytes of a file, from ``offset``; the length is 0 for a file that was planned as empty."""

    source: FileSource
    offset: int
    length: int


Segment = bytes | FileSegment
"""A part of the archive from one source: at most ``CHUNK_BYTES`` in memory, or a range of a file of any length."""


def entity_tag(members: Iterable[tuple[Fixity, int, str]]) -> str:
    """Return a strong entity tag of members in their order: fixity, modification time in seconds, and name of each."""
    digest = hashlib.sha256(b"labcrate archive %d\n" % FORMAT_VERSION)
    for fixity, seconds, name in members:
        digest.update(f"{fixity.sha256} {fixity.crc32} {fixity.size_bytes} {seconds} ".encode())
        digest.update(name.encode() + b"\n")  # last, and never with a line break in it: no ambiguity
    return f'"{digest.hexdigest()}"'


class Entity:
    """The archive that a layout describes.

    Raises ValueError if a member's fixity is not known, or is not that of its source.
    """

    def __init__(self, layout: Layout) -> None:
        for member in layout.members:
            _check_fixity(member)
        self.layout = layout
        self.length = layout.total_bytes

    @cached_property
    def etag(self) -> str:
        """Return a strong entity tag with its quotes (RFC 9110, section 8.8.3): other bytes have another tag."""
        return entity_tag((member.fixity, member.mtime_s, member.name) for member in self.layout.members)

    def segments(self, start: int = 0, stop: int | None = None) -> Iterator[Segment]:
        """Yield where the bytes from ``start`` up to ``stop`` (exclusive) come from, in order.

        Read a ``FileSegment`` inside ``open_source``, also if its length is 0. Raises ValueError unless
        0 <= start <= stop <= length.
        """
        stop = self.length if stop is None else stop
        if not 0 <= start <= stop <= self.length:
            raise ValueError(f"bytes {start} to {stop} are not in an archive of {self.length} bytes")
        return _join_pieces(self._pieces(start, stop))

    def read_range(self, start: int = 0, stop: int | None = None) -> Generator[bytes, None, None]:
        """Yield the bytes from ``start`` up to ``stop`` (exclusive), in chunks of at most ``CHUNK_BYTES``.

        Close the generator to stop early; that closes the file it is reading. Raises ValueError as ``segments``
        does, and SourceChangedError before any byte of a file that is no longer the planned one.
        """
        return _read_segments(self.segments(start, stop))

    def _pieces(self, start: int, stop: int) -> Iterator[Segment]:
        layout = self.layout
        if start == stop:
            return
        if start < layout.directory_offset:
            for index in range(layout.member_at(start), len(layout.members)):
                if layout.header_offsets[index] >= stop:
                    break
                if layout.data_offsets[index] > start:
                    yield _cut(layout.local_header(index), layout.header_offsets[index], start, stop)
                yield from self._data_segments(index, start, stop)
        if start < layout.end_offset and stop > layout.directory_offset:
            for index in range(layout.central_at(max(start, layout.directory_offset)), len(layout.members)):
                if layout.central_offsets[index] >= stop:
                    break
                yield _cut(layout.central_header(index), layout.central_offsets[index], start, stop)
        if stop > layout.end_offset:
            yield _cut(layout.end_records(), layout.end_offset, start, stop)

    def _data_segments(self, index: int, start: int, stop: int) -> Iterator[Segment]:
        """Yield the part of one member's data that is between start and stop."""
        at, member = self.layout.data_offsets[index], self.layout.members[index]
        first, last = max(start - at, 0), min(stop - at, member.fixity.size_bytes)
        if isinstance(member.source, BytesSource):
            for offset in range(first, last, CHUNK_BYTES):
                yield member.source.data[offset : min(offset + CHUNK_BYTES, last)]
        elif first < last or first == last == member.fixity.size_bytes == 0:
            yield from file_segments(member.source, first, last)


def file_segments(source: FileSource, start: int, stop: int) -> Iterator[Segment]:
    """Yield where the bytes of a file from ``start`` up to ``stop`` come from: the file, and its patches.

    A range without patches is one segment, so that the kernel can copy or send it.
    """
    at = start
    for patch in source.patches:
        first, last = max(patch.offset, at), min(patch.stop, stop)
        if first >= last:
            continue
        if at < first:
            yield FileSegment(source, at, first - at)
        for offset in range(first, last, CHUNK_BYTES):
            yield patch.data[offset - patch.offset : min(offset + CHUNK_BYTES, last) - patch.offset]
        at = last
    if at < stop or start == stop:
        yield FileSegment(source, at, stop - at)


def _check_fixity(member: Member) -> None:
    fixity, source = member.fixity, member.source
    if not _SHA256.fullmatch(fixity.sha256) or not 0 <= fixity.crc32 <= MAX32:
        raise ValueError(f"the fixity of {member.name!r} is not known yet")
    size = source.identity.size_bytes if isinstance(source, FileSource) else len(source.data)
    if size != fixity.size_bytes:
        raise ValueError(f"{member.name!r} is planned with {fixity.size_bytes} bytes, its source has {size}")
    if isinstance(source, FileSource) and not _patches_fit(source.patches, size):
        raise ValueError(f"the patches of {member.name!r} overlap, or reach beyond its {size} bytes")


def _patches_fit(patches: Sequence[Patch], size: int) -> bool:
    """Return whether patches are sorted, do not overlap, and are inside a file of that size."""
    edges = [0, *(edge for patch in patches for edge in (patch.offset, patch.stop)), size]
    return all(one <= other for one, other in pairwise(edges))


def _cut(data: bytes, at: int, start: int, stop: int) -> bytes:
    """Return the part of ``data``, which begins at offset ``at``, that is between start and stop."""
    return data[max(start - at, 0) : max(stop - at, 0)]


def _join_pieces(pieces: Iterator[Segment]) -> Iterator[Segment]:
    """Yield the same bytes with neighbouring pieces in memory joined, up to ``CHUNK_BYTES``, without empty ones."""
    pending: list[bytes] = []
    length = 0
    for piece in pieces:
        if pending and (isinstance(piece, FileSegment) or length + len(piece) > CHUNK_BYTES):
            yield b"".join(pending)
            pending, length = [], 0
        if isinstance(piece, FileSegment):
            yield piece
        elif piece:
            pending.append(piece)
            length += len(piece)
    if pending:
        yield b"".join(pending)


def _read_segments(segments: Iterator[Segment]) -> Generator[bytes, None, None]:
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
            continue
        with open_source(segment.source) as fd:
            done = 0
            while done < segment.length:
                chunk = read_at(segment.source, fd, segment.offset + done, min(CHUNK_BYTES, segment.length - done))
                check_unchanged(segment.source, fd)  # before the bytes are passed on
                done += len(chunk)
                yield chunk


@contextmanager
def open_source(source: FileSource) -> Iterator[int]:
    """Yield a descriptor of the planned file, which is checked on opening and again after its bytes were read.

    Raises SourceChangedError if it is another file, has changed, or cannot be opened any more.
    """
    try:
        fd = source.open()
    except OSError as error:
        if error.errno in _OUR_OWN_LIMITS:
            raise
        # Without the cause, which holds the absolute path: that must not be written to logs.
        raise _changed_error("source.cannot_open", source, reason=os.strerror(error.errno or 0)) from None
    try:
        check_unchanged(source, fd)
        yield fd
        check_unchanged(source, fd)
    finally:
        os.close(fd)


def check_unchanged(source: FileSource, fd: int) -> None:
    """Raise SourceChangedError unless the open file is still the planned one."""
    found = Identity.of(os.fstat(fd))
    same = found.size_bytes == source.identity.size_bytes if source.is_generated else found == source.identity
    if not same:
        raise _changed_error("source.changed", source)


def read_at(source: FileSource, fd: int, offset: int, length: int) -> bytes:
    """Return between 1 and ``length`` bytes of an opened source. Raises SourceChangedError if there are none."""
    try:
        data = os.pread(fd, length, offset)
    except OSError as error:
        raise _changed_error("source.cannot_read", source, reason=os.strerror(error.errno or 0)) from None
    if not data:
        raise _changed_error("source.ends_early", source, offset=offset)
    return data


def read_into(source: FileSource, fd: int, offset: int, memory: memoryview) -> int:
    """Fill the beginning of ``memory`` from an opened source, and return the number of bytes, at least 1.

    Raises SourceChangedError as ``read_at`` does, and saves the copy that this returns.
    """
    try:
        count = os.preadv(fd, [memory], offset)
    except OSError as error:
        raise _changed_error("source.cannot_read", source, reason=os.strerror(error.errno or 0)) from None
    if not count:
        raise _changed_error("source.ends_early", source, offset=offset)
    return count


def _changed_error(id: str, source: FileSource, **values: str | int) -> SourceChangedError:
    return SourceChangedError(Message(id, file=source.label, **values))
