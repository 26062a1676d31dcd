"""Search files that are copied into an archive for secrets, and take these out: never saying their values."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from labcrate.secrets.cleaner import REMOVED
from labcrate.secrets.matcher import Hit, Matcher, covered_ranges
from labcrate.secrets.mp4_boxes import BytePatch, apply_patches, has_position, is_mp4, make_patches, metadata_ranges
from labcrate.secrets.stream import (
    find_in_stream,
    from_utf8,
    read_chunks,
    read_ranges,
    replace_in_stream,
    to_utf8,
    utf16_codec,
)
from labcrate.secrets.values import SECRET_KINDS

BEGINNING_BYTES = 64 * 1024
"""Bytes that tell what a file is."""

_MAX_TREE_BYTES = 64 * 1024 * 1024
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
    beginning = file.read(BEGINNING_BYTES)
    if is_mp4(beginning):
        ranges = metadata_ranges(file, size_bytes)
        found = find_in_stream(matcher, read_ranges(file, ranges))
        return _make_result(found, position=any(_range_has_position(file, *part) for part in ranges))
    return scan_chunks(matcher, beginning, read_chunks(file))


def scan_chunks(matcher: Matcher, beginning: bytes, chunks: Iterable[bytes]) -> ScanResult:
    """Search the whole of a file that is no MP4, piece by piece; all of ``chunks`` is taken.

    ``beginning``: its first 64 KiB, or all of it.
    """
    codec = utf16_codec(beginning)
    if codec is not None:
        return _make_result(find_in_stream(matcher, to_utf8(chunks, codec)))
    found = find_in_stream(matcher, chunks, text=b"\0" not in beginning)
    return _make_result(found, searched=not beginning.startswith(_COMPRESSED))


def _range_has_position(file: BinaryIO, start: int, stop: int) -> bool:
    if stop - start > _MAX_TREE_BYTES:
        return False
    file.seek(start)
    data = file.read(stop - start)
    # Of a day in fragments, only the pieces that may have tags are worth a closer look.
    return any(kind in data for kind in (b"moov", b"meta", b"uuid")) and has_position(data, start)


def _make_result(hits: Iterable[Hit], position: bool = False, searched: bool = True) -> ScanResult:
    kinds: set[str] = set()
    count, end = 0, -1
    for hit in hits:
        kinds.add(hit.kind)
        count += hit.start >= end
        end = max(end, hit.stop)
    return ScanResult(tuple(kind for kind in SECRET_KINDS if kind in kinds), count, position, searched)


_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b\b")
_MAX_RANGE_BYTES = 256 * 1024 * 1024
_ROUNDS = 4


class Redaction(StrEnum):
    """How a file can be rid of secrets."""

    TEXT = "cleaned copy"
    MP4 = "metadata boxes overwritten"
    NONE = "not possible"


def choose_redaction(file: BinaryIO) -> Redaction:
    """Return how the secrets of a file can be taken out; of other binaries they cannot. Raises OSError."""
    file.seek(0)
    beginning = file.read(BEGINNING_BYTES)
    if is_mp4(beginning):
        return Redaction.MP4
    if utf16_codec(beginning) is not None or (
        not _CONTROL.intersection(beginning) and not beginning.startswith(b"%PDF")
    ):
        return Redaction.TEXT
    return Redaction.NONE


def redact_text(matcher: Matcher, file: BinaryIO) -> Iterator[bytes]:
    """Yield a text with every secret replaced by ``[removed]``, in its own encoding; all else byte for byte.

    The file is read twice, and never held. Raises OSError, and UnicodeError for UTF-16 that is damaged.
    """
    file.seek(0)
    codec = utf16_codec(file.read(2))

    def chunks() -> Iterator[bytes]:
        return read_chunks(file) if codec is None else to_utf8(read_chunks(file), codec, "surrogatepass")

    cleaned = replace_in_stream(chunks(), _replacements(find_in_stream(matcher, chunks())))
    return cleaned if codec is None else from_utf8(cleaned, codec)


def write_redacted_text(matcher: Matcher, file: BinaryIO, target: BinaryIO) -> bool:
    """Write the cleaned copy of a text to an empty target, and return whether a search finds nothing in it.

    Raises OSError, and UnicodeError for UTF-16 that is damaged.
    """
    for chunk in redact_text(matcher, file):
        target.write(chunk)
    target.flush()
    target.seek(0)
    codec = utf16_codec(target.read(2))
    chunks = read_chunks(target) if codec is None else to_utf8(read_chunks(target), codec)
    return next(find_in_stream(matcher, chunks), None) is None


def mp4_patches(matcher: Matcher, file: BinaryIO, size_bytes: int) -> list[BytePatch]:
    """Return what to write over an MP4 so that its metadata holds no secret, its length and offsets being the same.

    Raises OSError, and ValueError where a piece of metadata is too large to be a recorder's.
    """
    patches: list[BytePatch] = []
    for start, stop in metadata_ranges(file, size_bytes):
        if stop - start > _MAX_RANGE_BYTES:
            raise ValueError(f"more than {_MAX_RANGE_BYTES} bytes of metadata in one piece")
        file.seek(start)
        data = file.read(stop - start)
        patches.extend(_range_patches(matcher, data, start))
    return patches


def _range_patches(matcher: Matcher, data: bytes, start: int) -> Iterator[BytePatch]:
    find: Callable[[bytes], list[tuple[int, int]]] = lambda part: covered_ranges(matcher.find(part))  # noqa: E731
    for round_number in range(_ROUNDS):
        hits = [(start + first, start + last) for first, last in find(data)]
        if not hits:
            return
        if round_number == 0:
            patches = make_patches(data, start, hits)
        else:  # what became visible by the first round, which left no box to free
            patches = [BytePatch(first, b"_" * (last - first)) for first, last in hits]
        yield from patches
        data = apply_patches(data, start, patches)


def _replacements(hits: Iterator[Hit]) -> list[tuple[int, int, bytes]]:
    """Return the sorted, separate ranges to replace, each with its replacement in the encoding that it stands in."""
    merged: list[tuple[int, int, str]] = []
    for hit in sorted(hits):
        if merged and hit.start <= merged[-1][1]:
            start, stop, order = merged[-1]
            merged[-1] = (start, max(stop, hit.stop), order)
        else:
            merged.append((hit.start, hit.stop, hit.order))
    return [(start, stop, _encoded_replacement(order)) for start, stop, order in merged]


def _encoded_replacement(order: str) -> bytes:
    if order == "any":
        return "\0".join(REMOVED).encode()
    return REMOVED.encode(f"utf-16-{order}" if order else "ascii")
