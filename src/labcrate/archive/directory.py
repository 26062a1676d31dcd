"""Reading a ZIP's central directory back, and comparing it with what ``records`` would have written."""

import calendar
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from labcrate.archive import records
from labcrate.archive.records import central_difference
from labcrate.errors import VerificationError
from labcrate.messages.text import printable

MAX_MEMBERS = 100_000
"""The files that an archive may hold: exports keep to it, so that checking one never takes much memory."""

MAX_IN_MEMORY_BYTES = 16_000_000
"""The bytes that a directory or a manifest may have; exports keep to it, too."""

_TAIL = records.END_RECORD.size + records.MAX16  # 4.3.16: the archive's comment may follow the end record
_AGAIN = "copy or download it again from where it was exported"


@dataclass(frozen=True, slots=True)
class ListedMember:
    """What the central directory says of one member.

    ``header_difference`` names the header fields that differ from what labcrate writes; it is empty if none does.
    ``zip64_sizes``: its sizes are to be in the ZIP64 field because of the member before it.
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
        """Whether labcrate would write that header, byte for byte."""
        return not self.header_difference

    @property
    def name(self) -> str:
        """The name for people: whatever is not printable UTF-8 is escaped."""
        return printable_name(self.raw_name)


@dataclass(frozen=True, slots=True)
class Directory:
    """All members in order, where they start, and whether the end records are as labcrate writes them."""

    members: tuple[ListedMember, ...]
    offset: int
    end_is_exact: bool


def printable_name(name: bytes) -> str:
    """Return the name of a member as printable text."""
    return printable(name.decode("utf-8", "surrogateescape"))


def size_limit_text(size: int, most: int) -> str:
    """Say how long something is that is not read for that reason, and the limit (bytes)."""
    return f"{size / 1_000_000:,.1f} MB long, where at most {most // 1_000_000} MB are read"


def read_exactly(fd: int, offset: int, length: int) -> bytes | None:
    """``length`` bytes at ``offset``, or None where the file is too short for them."""
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
    """The central directory of an open file; ``label`` names it in messages.

    Raises VerificationError where there is none that could be followed.
    """
    file_bytes = os.fstat(fd).st_size
    end = _find_end(fd, file_bytes, label)
    offset, size = _directory_range(fd, end, label)
    if offset + size > end:
        raise _damaged(label, "its end record points outside the file")
    if size > MAX_IN_MEMORY_BYTES:
        raise _too_large(label, f"has a central directory that is {size_limit_text(size, MAX_IN_MEMORY_BYTES)}")
    data = read_exactly(fd, offset, size)
    rest = read_exactly(fd, offset + size, min(file_bytes - offset - size, _TAIL + 1000))
    if data is None or rest is None:
        raise _damaged(label, "it became shorter while it was read")
    members: list[ListedMember] = []
    for member in _read_headers(data, label):
        if len(members) == MAX_MEMBERS:
            raise _too_large(label, f"has more than {MAX_MEMBERS:,} members")
        members.append(member)
    return Directory(tuple(members), offset, rest == records.end_records(len(members), offset, size))


def _damaged(label: str, what: str) -> VerificationError:
    return VerificationError(f"{label} is a damaged ZIP: {what}; {_AGAIN}.")


def _too_large(label: str, what: str) -> VerificationError:
    return VerificationError(f"{label} {what}: labcrate exports nothing so large; name a file that it exported.")


def _find_end(fd: int, file_bytes: int, label: str) -> int:
    """Where the end of central directory record starts."""
    start = max(0, file_bytes - _TAIL)
    last_bytes = read_exactly(fd, start, file_bytes - start) or b""
    signature = struct.pack("<I", records.END_SIGNATURE)
    at = last_bytes.rfind(signature, 0, max(0, len(last_bytes) - records.END_RECORD.size + len(signature)))
    if at >= 0:
        return start + at
    if read_exactly(fd, 0, 4) == struct.pack("<I", records.LOCAL_SIGNATURE):
        raise VerificationError(f"{label} is a ZIP that was cut short: its end record is missing; {_AGAIN}.")
    raise VerificationError(f"{label} is not a ZIP; name a file that labcrate exported, or {_AGAIN}.")


def _directory_range(fd: int, end: int, label: str) -> tuple[int, int]:
    """Offset and size of the central directory, from the end record or its ZIP64 form."""
    _, _, _, _, count, size, offset, _ = records.END_RECORD.unpack(
        read_exactly(fd, end, records.END_RECORD.size) or b""
    )
    if count < records.MAX16 and size < records.MAX32 and offset < records.MAX32:
        return offset, size
    locator = read_exactly(fd, end - records.ZIP64_LOCATOR.size, records.ZIP64_LOCATOR.size)
    if locator is None or locator[:4] != struct.pack("<I", records.ZIP64_LOCATOR_SIGNATURE):
        raise _damaged(label, "the locator of its ZIP64 end record is missing")
    record = read_exactly(fd, records.ZIP64_LOCATOR.unpack(locator)[2], records.ZIP64_END_RECORD.size)
    if record is None or record[:4] != struct.pack("<I", records.ZIP64_END_SIGNATURE):
        raise _damaged(label, "its ZIP64 end record is missing")
    *_, size, offset = records.ZIP64_END_RECORD.unpack(record)
    return offset, size


def _read_headers(data: bytes, label: str) -> Iterator[ListedMember]:
    position, head, zip64_sizes = 0, records.CENTRAL_HEADER, False
    while position < len(data):
        if len(data) - position < head.size:
            raise _damaged(label, "its central directory ends within a header")
        fields = head.unpack_from(data, position)
        name_end = position + head.size + fields[10]
        stop = name_end + fields[11] + fields[12]
        if fields[0] != records.CENTRAL_SIGNATURE or stop > len(data):
            raise _damaged(label, f"its central directory cannot be read from byte {position} on")
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
    """The modification time, in seconds since 1970: a value from which the same header can be written again."""
    if len(exact_time) == 5:
        return int(struct.unpack_from("<i", exact_time, 1)[0])
    year, month, day = 1980 + (dos_date >> 9), dos_date >> 5 & 15, dos_date & 31
    if (year, month, day, dos_time) == (1980, 1, 1, 0):  # without an exact time: before 1901, clamped
        return records.DOS_FIRST - (1 << 32)
    # Impossible months and days give some other date, and so a header that differs.
    return calendar.timegm(
        (year, max(month, 1) if month < 13 else 12, day, dos_time >> 11, dos_time >> 5 & 63, (dos_time & 31) * 2)
    )
