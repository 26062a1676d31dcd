"""Read the central directory of a ZIP, and compare it with what ``records`` would have written."""

import calendar
import os
import struct
from collections.abc import Iterator

from msgspec import Struct

from labcrate.archive import records
from labcrate.archive.records import central_difference
from labcrate.errors import VerificationError
from labcrate.messages.message import Message
from labcrate.messages.text import printable

MAX_MEMBERS = 100_000
"""The most members of an archive. Exports stay below it, so that checking an archive needs little memory."""

MAX_IN_MEMORY_BYTES = 16_000_000
"""The most bytes of a central directory or a manifest. Exports stay below it, too."""

_TAIL = records.END_RECORD.size + records.MAX16  # 4.3.16: the archive's comment may follow the end record


class ListedMember(Struct, frozen=True):
    """One member as the central directory describes it.

    ``header_difference`` names the header fields that differ from what labcrate writes; it is empty if none does.
    ``zip64_sizes`` is True if its sizes must be in the ZIP64 field because of the member before it.
    """

    raw_name: bytes
    crc32: int
    size_bytes: int
    mtime_s: int
    header_offset: int
    is_stored: bool
    zip64_sizes: bool
    header_difference: str

    @property
    def is_exact(self) -> bool:
        """Return whether labcrate would write this header, byte for byte."""
        return not self.header_difference

    @property
    def name(self) -> str:
        """Return the name as printable text: control characters and bytes that are not UTF-8 are escaped."""
        return printable_name(self.raw_name)


class Directory(Struct, frozen=True):
    """The central directory: its members in order, its offset in bytes, and whether labcrate wrote its end records."""

    members: tuple[ListedMember, ...]
    offset: int
    end_is_exact: bool


def printable_name(name: bytes) -> str:
    """Return the name of a member as printable text."""
    return printable(name.decode("utf-8", "surrogateescape"))


def size_limit_text(size_bytes: int, most_bytes: int) -> Message:
    """Return the words for a size that is over the limit."""
    return Message("zip.size_limit", size=size_bytes, most=most_bytes)


def read_exactly(fd: int, offset: int, length: int) -> bytes | None:
    """Return ``length`` bytes at ``offset``, or None if the file is too short."""
    if offset < 0 or offset > os.fstat(fd).st_size - length:
        return None
    data = bytearray()
    while len(data) < length:
        part = os.pread(fd, length - len(data), offset + len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def read_directory(fd: int, label: str) -> Directory:
    """Return the central directory of an open file; ``label`` is the file's name in messages.

    Raises VerificationError if there is no central directory that can be read.
    """
    file_bytes = os.fstat(fd).st_size
    end = _find_end(fd, file_bytes, label)
    offset, size = _directory_range(fd, end, label)
    if offset + size > end:
        raise _damaged(label, "zip.end_points_outside")
    if size > MAX_IN_MEMORY_BYTES:
        limit = size_limit_text(size, MAX_IN_MEMORY_BYTES)
        raise VerificationError(Message("zip.directory_too_large", file=label, limit=limit))
    data = read_exactly(fd, offset, size)
    rest = read_exactly(fd, offset + size, min(file_bytes - offset - size, _TAIL + 1000))
    if data is None or rest is None:
        raise _damaged(label, "zip.became_shorter")
    members: list[ListedMember] = []
    for member in _read_headers(data, label):
        if len(members) == MAX_MEMBERS:
            raise VerificationError(Message("zip.too_many_members", file=label, most=MAX_MEMBERS))
        members.append(member)
    return Directory(tuple(members), offset, rest == records.end_records(len(members), offset, size))


def _damaged(label: str, problem: str, **values: int) -> VerificationError:
    return VerificationError(Message("zip.damaged", file=label, problem=Message(problem, **values)))


def _find_end(fd: int, file_bytes: int, label: str) -> int:
    """Return the offset of the end of central directory record."""
    start = max(0, file_bytes - _TAIL)
    last_bytes = read_exactly(fd, start, file_bytes - start) or b""
    signature = struct.pack("<I", records.END_SIGNATURE)
    at = last_bytes.rfind(signature, 0, max(0, len(last_bytes) - records.END_RECORD.size + len(signature)))
    if at >= 0:
        return start + at
    if read_exactly(fd, 0, 4) == struct.pack("<I", records.LOCAL_SIGNATURE):
        raise VerificationError(Message("zip.cut_short", file=label))
    raise VerificationError(Message("zip.not_a_zip", file=label))


def _directory_range(fd: int, end: int, label: str) -> tuple[int, int]:
    """Return offset and size of the central directory in bytes, from the end record or its ZIP64 form."""
    _, _, _, _, count, size, offset, _ = records.END_RECORD.unpack(
        read_exactly(fd, end, records.END_RECORD.size) or b""
    )
    if count < records.MAX16 and size < records.MAX32 and offset < records.MAX32:
        return offset, size
    locator = read_exactly(fd, end - records.ZIP64_LOCATOR.size, records.ZIP64_LOCATOR.size)
    if locator is None or locator[:4] != struct.pack("<I", records.ZIP64_LOCATOR_SIGNATURE):
        raise _damaged(label, "zip.no_zip64_locator")
    record = read_exactly(fd, records.ZIP64_LOCATOR.unpack(locator)[2], records.ZIP64_END_RECORD.size)
    if record is None or record[:4] != struct.pack("<I", records.ZIP64_END_SIGNATURE):
        raise _damaged(label, "zip.no_zip64_end")
    *_, size, offset = records.ZIP64_END_RECORD.unpack(record)
    return offset, size


def _read_headers(data: bytes, label: str) -> Iterator[ListedMember]:
    position, head, zip64_sizes = 0, records.CENTRAL_HEADER, False
    while position < len(data):
        if len(data) - position < head.size:
            raise _damaged(label, "zip.directory_cut")
        fields = head.unpack_from(data, position)
        name_end = position + head.size + fields[10]
        stop = name_end + fields[11] + fields[12]
        if fields[0] != records.CENTRAL_SIGNATURE or stop > len(data):
            raise _damaged(label, "zip.directory_unreadable", position=position)
        name, extra = data[position + head.size : name_end], data[name_end : name_end + fields[11]]
        member = _parse_header(fields, name, _extra_fields(extra), data[position:stop], zip64_sizes)
        yield member
        zip64_sizes = records.needs_zip64_sizes(member.size_bytes)
        position = stop


def _parse_header(
    fields: tuple[int, ...], name: bytes, extra: dict[int, bytes], raw: bytes, zip64_sizes: bool
) -> ListedMember:
    method, dos_time, dos_date, crc32, packed, size, offset = *fields[4:10], fields[16]
    long_values = extra.get(records.ZIP64_EXTRA, b"")
    long = [value for (value,) in struct.iter_unpack("<Q", long_values[: len(long_values) // 8 * 8])]
    # 4.5.3: in this order, and only for fields that hold the maximum
    size = long.pop(0) if size == records.MAX32 and long else size
    packed = long.pop(0) if packed == records.MAX32 and long else packed
    offset = long.pop(0) if offset == records.MAX32 and long else offset
    seconds = _seconds(extra.get(records.TIME_EXTRA, b""), dos_time, dos_date)
    expected = records.central_header(name, crc32, size, seconds, offset, zip64_sizes=zip64_sizes)
    difference = "" if expected == raw else central_difference(raw, expected)
    return ListedMember(name, crc32, size, seconds, offset, method == 0 and packed == size, zip64_sizes, difference)


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, position)
        position += 4
        if tag in (records.ZIP64_EXTRA, records.TIME_EXTRA):  # the others are compared with the rest of the header
            fields[tag] = extra[position : position + length]
        position += length
    return fields


def _seconds(exact_time: bytes, dos_time: int, dos_date: int) -> int:
    """Return the modification time in seconds since 1970: a value from which the same header can be written."""
    if len(exact_time) == 5:
        return int(struct.unpack_from("<i", exact_time, 1)[0])
    year, month, day = 1980 + (dos_date >> 9), dos_date >> 5 & 15, dos_date & 31
    if (year, month, day, dos_time) == (1980, 1, 1, 0):  # without an exact time: before 1901, clamped
        return records.DOS_FIRST - (1 << 32)
    # An impossible month or day gives some other date, and so a header that differs.
    return calendar.timegm(
        (year, max(month, 1) if month < 13 else 12, day, dos_time >> 11, dos_time >> 5 & 63, (dos_time & 31) * 2)
    )
