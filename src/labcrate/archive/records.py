"""The structures of a ZIP file, packed byte by byte.

Sections in comments are those of PKWARE's APPNOTE.TXT 6.3.10. Every function depends only on its arguments, so the
same members always give the same bytes. With ``zip64_sizes`` a member's sizes are written into the ZIP64 field
although 32 bits would be enough (see ``needs_zip64_sizes``).
"""

import stat
import struct
import sys
import time

LOCAL_SIGNATURE = 0x04034B50
CENTRAL_SIGNATURE = 0x02014B50
END_SIGNATURE = 0x06054B50
ZIP64_END_SIGNATURE = 0x06064B50
ZIP64_LOCATOR_SIGNATURE = 0x07064B50

LOCAL_HEADER = struct.Struct("<IHHHHHIIIHH")  # 4.3.7
CENTRAL_HEADER = struct.Struct("<IHHHHHHIIIHHHHHII")  # 4.3.12
END_RECORD = struct.Struct("<IHHHHIIH")  # 4.3.16
ZIP64_END_RECORD = struct.Struct("<IQHHIIQQQQ")  # 4.3.14
ZIP64_LOCATOR = struct.Struct("<IIQI")  # 4.3.15

MAX16 = 0xFFFF  # 4.4.1.4: a field that holds this value, or MAX32, is to be looked up in the ZIP64 structure
MAX32 = 0xFFFFFFFF

ZIP64_EXTRA = 0x0001  # 4.5.3
TIME_EXTRA = 0x5455  # 4.5.2 lists it; Info-ZIP's proginfo/extrafld.txt defines it: flags, then the times they announce
PADDING_EXTRA = 0xD935  # Android's zipalign and apksig: two bytes naming the alignment, then zeros
PADDING_MIN = 6  # its tag, its length and the alignment

_EXTRA_HEAD = struct.Struct("<HH")
_TIME = struct.Struct("<HHBi")
_TIME_LENGTH = _TIME.size
_MTIME_PRESENT = 0b1  # bit 0 of the flags: the modification time follows

_VERSION_STORED = 10  # 4.4.3.2: default value
_VERSION_ZIP64 = 45  # 4.4.3.2: file uses ZIP64 format extensions
_MADE_BY = 3 << 8 | _VERSION_ZIP64  # 4.4.2: upper byte 3 is UNIX, lower byte the version of the specification
_UTF8 = 1 << 11  # 4.4.4, bit 11: name and comment are UTF-8
_STORED = 0  # 4.4.5
_REGULAR_0644 = 0o100644 << 16  # 4.4.15: host-dependent; on UNIX the upper half is st_mode

_TIME32 = range(-(1 << 31), 1 << 31)
DOS_FIRST = 315532800  # 1980-01-01T00:00:00Z, the first instant that 4.4.6 can express
DOS_LAST = 4354819198  # 2107-12-31T23:59:58Z, the last


def _dos_time(seconds: int) -> tuple[int, int]:
    """Return time and date in MS-DOS format (4.4.6), in UTC, clamped to 1980..2107, odd seconds rounded down."""
    year, month, day, hour, minute, second, *_ = time.gmtime(min(max(seconds, DOS_FIRST), DOS_LAST))
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _time_extra(seconds: int) -> bytes:
    """Return the extended timestamp: the exact second in UTC. Local and central header have the same."""
    if seconds not in _TIME32:  # the field is a signed 32-bit integer: outside of it there is only the DOS time
        return b""
    return _TIME.pack(TIME_EXTRA, _TIME_LENGTH - _EXTRA_HEAD.size, _MTIME_PRESENT, seconds)


def _zip64_extra(*values: int) -> bytes:
    """Return the ZIP64 extended information (4.5.3) with the values in this order; nothing without values."""
    if not values:
        return b""
    return _EXTRA_HEAD.pack(ZIP64_EXTRA, 8 * len(values)) + struct.pack(f"<{len(values)}Q", *values)


def _padding_extra(padding: int, alignment: int) -> bytes:
    """Return an extra field with a total length of ``padding`` bytes: 0, or at least ``PADDING_MIN``."""
    if not padding:
        return b""
    return struct.pack("<HHH", PADDING_EXTRA, padding - _EXTRA_HEAD.size, alignment).ljust(padding, b"\0")


def needs_zip64_sizes(previous_size: int) -> bool:
    """Return whether the member after one of this size is written with ``zip64_sizes``.

    A size of 4 GiB - 1 is the largest file on FAT32, and so of many recorders. Info-ZIP's unzip 6.00 takes it for the
    value that means "see ZIP64", and does so for the next member as well: unless that member's ZIP64 field has the
    sizes too, unzip reports it as corrupt.
    """
    return previous_size == MAX32


def local_header_length(name_bytes: int, size: int, seconds: int, zip64_sizes: bool = False) -> int:
    """Return the length in bytes of a member's local header, without padding."""
    zip64 = 20 if zip64_sizes or size >= MAX32 else 0
    return LOCAL_HEADER.size + name_bytes + zip64 + (_TIME_LENGTH if seconds in _TIME32 else 0)


def central_header_length(name_bytes: int, size: int, seconds: int, offset: int, zip64_sizes: bool = False) -> int:
    """Return the length in bytes of a member's header in the central directory."""
    values = (2 if zip64_sizes or size >= MAX32 else 0) + (1 if offset >= MAX32 else 0)
    zip64 = 4 + 8 * values if values else 0
    return CENTRAL_HEADER.size + name_bytes + zip64 + (_TIME_LENGTH if seconds in _TIME32 else 0)


def _version_needed(size32: int, offset: int) -> int:
    # Only the central directory has the offset, but both headers must have the same version.
    return _VERSION_ZIP64 if size32 == MAX32 or offset >= MAX32 else _VERSION_STORED


def local_header(
    name: bytes,
    crc32: int,
    size: int,
    seconds: int,
    offset: int,
    *,
    padding: int = 0,
    alignment: int = 4096,
    zip64_sizes: bool = False,
) -> bytes:
    """Return the local file header (4.3.7) of a stored member; ``seconds`` is its modification time since 1970.

    ``padding`` lengthens the header by that many bytes. Sizes and CRC-32 are in the header, not in a data descriptor
    (4.3.9): a program that reads a stream could not find the end of a stored member otherwise.
    """
    # 4.5.3: in a local header the ZIP64 field must hold both sizes.
    size32 = MAX32 if zip64_sizes else min(size, MAX32)
    extra = _zip64_extra(size, size) if size32 == MAX32 else b""
    extra += _time_extra(seconds) + _padding_extra(padding, alignment)
    version = _version_needed(size32, offset)
    dos = _dos_time(seconds)
    head = LOCAL_HEADER.pack(
        LOCAL_SIGNATURE, version, _UTF8, _STORED, *dos, crc32, size32, size32, len(name), len(extra)
    )
    return head + name + extra


def central_header(
    name: bytes, crc32: int, size: int, seconds: int, offset: int, *, zip64_sizes: bool = False
) -> bytes:
    """Return the central directory header (4.3.12) of a member whose local header is at ``offset``."""
    size32 = MAX32 if zip64_sizes else min(size, MAX32)
    sizes = (size, size) if size32 == MAX32 else ()
    offsets = (offset,) if offset >= MAX32 else ()
    extra = _zip64_extra(*sizes, *offsets) + _time_extra(seconds)  # 4.5.3: only the fields that hold MAX32
    head = CENTRAL_HEADER.pack(
        CENTRAL_SIGNATURE,
        _MADE_BY,
        _version_needed(size32, offset),
        _UTF8,
        _STORED,
        *_dos_time(seconds),
        crc32,
        size32,
        size32,
        len(name),
        len(extra),
        0,  # 4.4.12: no file comment
        0,  # 4.4.13: the file starts on disk 0
        0,  # 4.4.14: internal attributes: not apparent text
        _REGULAR_0644,
        min(offset, MAX32),
    )
    return head + name + extra


def end_records(count: int, offset: int, size: int) -> bytes:
    """Return the records that follow a central directory of ``count`` headers and ``size`` bytes at ``offset``.

    These are the end of central directory record (4.3.16) and before it, if a value needs more than its field, the
    ZIP64 record with its locator (4.3.14, 4.3.15).
    """
    zip64 = b""
    if count >= MAX16 or offset >= MAX32 or size >= MAX32:
        record = ZIP64_END_RECORD.pack(
            ZIP64_END_SIGNATURE,
            ZIP64_END_RECORD.size - 12,  # 4.3.14.1: without the signature and this field
            _MADE_BY,
            _VERSION_ZIP64,
            0,
            0,
            count,
            count,
            size,
            offset,
        )
        zip64 = record + ZIP64_LOCATOR.pack(ZIP64_LOCATOR_SIGNATURE, 0, offset + size, 1)
    return zip64 + END_RECORD.pack(
        END_SIGNATURE, 0, 0, min(count, MAX16), min(count, MAX16), min(size, MAX32), min(offset, MAX32), 0
    )


_SHARED = ("version", "flags", "method", "time", "date", "CRC-32", "packed size", "size", "name length", "extra length")
_LOCAL_FIELDS = ("signature", *_SHARED)
_CENTRAL_FIELDS = (
    "signature",
    "maker",
    *_SHARED,
    "comment length",
    "disk",
    "internal attributes",
    "attributes",
    "offset",
)
_FLAG_NAMES = {1 << 0: "encrypted", 1 << 3: "data descriptor", 1 << 11: "UTF-8"}
_METHODS = {8: "deflated", 99: "encrypted with AES"}


def local_difference(found: bytes, expected: bytes) -> str:
    """Return the names of the fields in which two local headers differ; both must have at least the fixed length."""
    return _difference(LOCAL_HEADER, _LOCAL_FIELDS, found, expected)


def central_difference(found: bytes, expected: bytes) -> str:
    """Return the names of the fields in which two headers of the central directory differ."""
    return _difference(CENTRAL_HEADER, _CENTRAL_FIELDS, found, expected)


def _difference(head: struct.Struct, names: tuple[str, ...], found: bytes, expected: bytes) -> str:
    values = dict(zip(names, head.unpack_from(found), strict=True))
    others = dict(zip(names, head.unpack_from(expected), strict=True))
    words = [_field_words(name, values[name], others[name]) for name in names if values[name] != others[name]]
    start, expected_start = head.size + values["name length"], head.size + others["name length"]
    if found[head.size : start] != expected[head.size : expected_start]:
        words.append("name")
    if found[start:] != expected[expected_start:]:
        words.append("extra fields")
    return sys.intern(", ".join(words) or "length")  # a hundred thousand members differ in the same way


def _field_words(name: str, value: int, expected: int) -> str:
    if name == "flags":
        known = [word for bit, word in _FLAG_NAMES.items() if (value ^ expected) & bit]
        return f"flags ({', '.join(known)})" if known else name
    if name == "method" and value in _METHODS:
        return f"method ({_METHODS[value]})"
    if name == "attributes" and stat.S_ISLNK(value >> 16):
        return "attributes (symbolic link)"
    return name
