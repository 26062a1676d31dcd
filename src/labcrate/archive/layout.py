"""Compute every offset of the archive from the members' names, sizes and times, before a byte is read."""

import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from msgspec import Struct

from labcrate.archive import records
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity

FORMAT_VERSION: int = 3
"""A part of every ETag. It must change when the same members give other bytes than before."""

NS_PER_S = 1_000_000_000

ALIGNMENT_BYTES = 4096
"""The block size: file systems share blocks if source and copy both start at a multiple of it."""

ALIGNED_FROM_BYTES = 64 * 1024
"""Members of this size and more are aligned; for smaller ones the padding would cost more than it saves."""

# Parts that are not empty, `.` or `..`, so no leading or trailing slash either; no backslash (a separator
# on Windows); no control character (the manifest has one line per member).
_NAME_PART = r"(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f]+"
_NAME_PATTERN = re.compile(f"{_NAME_PART}(?:/{_NAME_PART})*")


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace those of the file in a member, from ``offset`` in the file."""

    offset: int
    data: bytes = field(repr=False)

    @property
    def stop(self) -> int:
        """Return the offset behind its last byte."""
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file whose bytes are the data of a member.

    ``open`` returns a descriptor, which the reader closes; the caller passes this function, and with it its own
    rules for symbolic links. ``label`` is the file's name in messages, never an absolute path. ``patches`` are sorted,
    inside the file, and do not overlap. A file that ``is_generated`` is made when it is opened first: only its size is
    compared.
    """

    open: Callable[[], int] = field(repr=False, compare=False)
    identity: Identity
    label: str
    patches: tuple[Patch, ...] = ()
    is_generated: bool = False

    @classmethod
    def at(cls, path: Path, identity: Identity, label: str) -> Self:
        """Return the source for the file at a path, which must not be a symbolic link itself."""
        # O_NONBLOCK: opening a pipe that replaced the file must not wait for a writer.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return cls(partial(os.open, path, flags), identity, label)


@dataclass(frozen=True, slots=True)
class BytesSource:
    """Bytes in memory."""

    data: bytes = field(repr=False)


class Member(Struct, frozen=True):
    """One file of the archive. ``mtime_ns`` counts from 1970 in UTC; the ZIP stores its whole seconds.

    While hashes are not known yet, ``Fixity(size, 0, "")`` is enough for a layout, but not for an entity.
    """

    name: str
    fixity: Fixity
    mtime_ns: int
    source: FileSource | BytesSource

    @classmethod
    def of_bytes(cls, name: str, data: bytes, mtime_ns: int) -> Self:
        """Return a member of bytes in memory, with their fixity."""
        return cls(name, Fixity.of_bytes(data), mtime_ns, BytesSource(data))

    @property
    def mtime_s(self) -> int:
        """Return the modification time in seconds since 1970, rounded down."""
        return self.mtime_ns // NS_PER_S


@dataclass(frozen=True, slots=True)
class PlacedMember:
    """Where one member is in the archive: offsets in bytes from its start, ``data_stop`` exclusive.

    ``header_bytes`` includes ``padding_bytes``; ``zip64`` is True if one of its headers has the ZIP64 field.
    """

    name: str
    header_offset: int
    header_bytes: int
    padding_bytes: int
    data_start: int
    data_stop: int
    zip64: bool


@dataclass(frozen=True, slots=True)
class LayoutDescription:
    """The structure of an archive; sizes and offsets in bytes."""

    members: tuple[PlacedMember, ...]
    directory_offset: int
    directory_bytes: int
    end_offset: int
    end_bytes: int
    zip64_end: bool
    total_bytes: int


def name_problem(name: str) -> Message | None:
    """Return why a member cannot have this name, or None.

    A name is a relative path without empty, ``.`` or ``..`` parts, of at most 65535 bytes in UTF-8.
    """
    if not _NAME_PATTERN.fullmatch(name):
        return Message("name.invalid")
    try:
        length = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return Message("name.not_utf8")
    return Message("name.too_long", most=records.MAX16) if length > records.MAX16 else None


class Layout:
    """The order of the members in the archive, and the offset of each.

    Raises ValueError for a name that ``name_problem`` refuses, a name that occurs twice, and a negative size: the
    caller must choose safe names.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self.header_offsets = array("Q")
        """Where each member's local header starts."""
        self.data_offsets = array("Q")
        """Where each member's data start."""
        self.central_offsets = array("Q")
        """Where each member's central directory header starts."""
        self._compute_offsets()
        self.end_offset = self.directory_offset + self.directory_bytes
        self.total_bytes = self.end_offset + len(self.end_records())

    def _compute_offsets(self) -> None:
        position = central = 0
        zip64_sizes = False
        names: set[str] = set()
        relative: list[int] = []
        for member in self.members:
            name, size, seconds = member.name, member.fixity.size_bytes, member.mtime_ns // NS_PER_S
            problem: str | None = name_problem(name)
            if problem or name in names or size < 0:
                problem = problem or ("another member has it" if name in names else "its size is negative")
                raise ValueError(f"{name!r} cannot be a member: {problem}")
            names.add(name)
            name_bytes = len(name) if name.isascii() else len(name.encode())
            self.header_offsets.append(position)
            relative.append(central)
            central += records.central_header_length(name_bytes, size, seconds, position, zip64_sizes)
            position += records.local_header_length(name_bytes, size, seconds, zip64_sizes)
            zip64_sizes = records.needs_zip64_sizes(size)
            if size >= ALIGNED_FROM_BYTES:
                position += _padding(position)
            self.data_offsets.append(position)
            position += size
        self.directory_offset, self.directory_bytes = position, central
        self.central_offsets.extend(position + offset for offset in relative)

    def member_at(self, position: int) -> int:
        """Return the index of the member whose header or data is at this position (below ``directory_offset``)."""
        return bisect_right(self.header_offsets, position) - 1

    def central_at(self, position: int) -> int:
        """Return the index of the member whose central header is at this position (below ``end_offset``)."""
        return bisect_right(self.central_offsets, position) - 1

    def local_header(self, index: int) -> bytes:
        """Return the local header of a member with its padding: all bytes before its data."""
        member, offset = self.members[index], self.header_offsets[index]
        name, size, seconds = member.name.encode(), member.fixity.size_bytes, member.mtime_s
        zip64_sizes = self._has_zip64_sizes(index)
        bare = records.local_header_length(len(name), size, seconds, zip64_sizes)
        return records.local_header(
            name,
            member.fixity.crc32,
            size,
            seconds,
            offset,
            padding=self.data_offsets[index] - offset - bare,
            alignment=ALIGNMENT_BYTES,
            zip64_sizes=zip64_sizes,
        )

    def central_header(self, index: int) -> bytes:
        """Return the central directory header of a member."""
        member, offset = self.members[index], self.header_offsets[index]
        size, crc32, zip64_sizes = member.fixity.size_bytes, member.fixity.crc32, self._has_zip64_sizes(index)
        return records.central_header(
            member.name.encode(), crc32, size, member.mtime_s, offset, zip64_sizes=zip64_sizes
        )

    def _has_zip64_sizes(self, index: int) -> bool:
        return index > 0 and records.needs_zip64_sizes(self.members[index - 1].fixity.size_bytes)

    def _unpadded_header_bytes(self, index: int) -> int:
        """Return the length in bytes of a local header without its padding."""
        member = self.members[index]
        size, name_bytes = member.fixity.size_bytes, len(member.name.encode())
        return records.local_header_length(name_bytes, size, member.mtime_s, self._has_zip64_sizes(index))

    def end_records(self) -> bytes:
        """Return the bytes that follow the central directory."""
        return records.end_records(len(self.members), self.directory_offset, self.directory_bytes)

    def describe(self) -> LayoutDescription:
        """Return every offset and length."""
        end_bytes = self.total_bytes - self.end_offset
        return LayoutDescription(
            members=tuple(self._placed_member(index) for index in range(len(self.members))),
            directory_offset=self.directory_offset,
            directory_bytes=self.directory_bytes,
            end_offset=self.end_offset,
            end_bytes=end_bytes,
            zip64_end=end_bytes > records.END_RECORD.size,
            total_bytes=self.total_bytes,
        )

    def _placed_member(self, index: int) -> PlacedMember:
        member = self.members[index]
        size = member.fixity.size_bytes
        offset, start = self.header_offsets[index], self.data_offsets[index]
        bare = self._unpadded_header_bytes(index)
        zip64 = size >= records.MAX32 or offset >= records.MAX32
        return PlacedMember(member.name, offset, start - offset, start - offset - bare, start, start + size, zip64)


def _padding(position: int) -> int:
    """Return how many bytes an extra field must add, so that data that would start at ``position`` is aligned."""
    gap = -position % ALIGNMENT_BYTES
    return gap if gap == 0 or gap >= records.PADDING_MIN else gap + ALIGNMENT_BYTES
