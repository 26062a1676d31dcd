"""Says which kinds of secrets a file holds that is to be copied into an archive, never their values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from labcrate.secrets.matcher import Hit, Matcher
from labcrate.secrets.mp4_boxes import has_position, is_mp4, metadata_ranges
from labcrate.secrets.stream import find_in_stream, read_chunks, read_ranges, to_utf8, utf16_of
from labcrate.secrets.values import KINDS

BEGINNING = 64 * 1024
"""Bytes that tell what a file is."""

_MAX_TREE = 64 * 1024 * 1024
"""Bytes of one range of metadata beyond which its boxes are not read one by one for a position."""

# How compressed files begin: PDF, ZIP (and DOCX, XLSX, ODT), gzip, bzip2, XZ, 7-Zip, Zstandard, RAR.
_COMPRESSED = (
    b"%PDF", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a search of one file found.

    ``kinds`` of secrets in the order of ``values.KINDS``, ``count`` of places, whether tags tell a ``position``, and
    whether the whole file was ``searched``: a compressed one was only where it is not compressed.
    """

    kinds: tuple[str, ...] = ()
    count: int = 0
    position: bool = False
    searched: bool = True


def scan_file(matcher: Matcher, file: BinaryIO, size_bytes: int) -> ScanResult:
    """Search a file: of an MP4 or MOV everything but pictures and sound, of any other the whole. Raises OSError.

    A text that begins with UTF-16's byte order mark is searched as the text that it is.
    """
    file.seek(0)
    beginning = file.read(BEGINNING)
    if is_mp4(beginning):
        ranges = metadata_ranges(file, size_bytes)
        found = find_in_stream(matcher, read_ranges(file, ranges))
        return _result(found, position=any(_tells_position(file, *part) for part in ranges))
    return scan_chunks(matcher, beginning, read_chunks(file))


def scan_chunks(matcher: Matcher, beginning: bytes, chunks: Iterable[bytes]) -> ScanResult:
    """Search the whole of a file that is no MP4, piece by piece; all of ``chunks`` is taken.

    ``beginning``: its first 64 KiB, or all of it.
    """
    codec = utf16_of(beginning)
    if codec is not None:
        return _result(find_in_stream(matcher, to_utf8(chunks, codec)))
    found = find_in_stream(matcher, chunks, text=b"\0" not in beginning)
    return _result(found, searched=not beginning.startswith(_COMPRESSED))


def _tells_position(file: BinaryIO, start: int, stop: int) -> bool:
    if stop - start > _MAX_TREE:
        return False
    file.seek(start)
    data = file.read(stop - start)
    # Of a day in fragments, only the pieces that may have tags are worth a closer look.
    return any(kind in data for kind in (b"moov", b"meta", b"uuid")) and has_position(data, start)


def _result(hits: Iterable[Hit], position: bool = False, searched: bool = True) -> ScanResult:
    kinds: set[str] = set()
    count, end = 0, -1
    for hit in hits:
        kinds.add(hit.kind)
        count += hit.start >= end
        end = max(end, hit.stop)
    return ScanResult(tuple(kind for kind in KINDS if kind in kinds), count, position, searched)
