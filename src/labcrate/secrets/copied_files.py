"""The search for secrets in files that are copied into an archive, and their removal. Values are never reported."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import BinaryIO

from msgspec import Struct

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
from labcrate.secrets.values import SECRET_KINDS, SecretKind

BEGINNING_BYTES = 64 * 1024
"""The first bytes of a file, which show its type."""

_MAX_TREE_BYTES = 64 * 1024 * 1024
"""In a longer range of metadata, the boxes are not searched for a position."""

# The first bytes of compressed files: PDF, ZIP (and DOCX, XLSX, ODT), gzip, bzip2, XZ, 7-Zip, Zstandard, RAR.
_COMPRESSED = (
    b"%PDF", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07",
)  # fmt: skip


class ScanResult(Struct, frozen=True):
    """The result of searching one file.

    ``kinds`` of secrets in the order of ``SECRET_KINDS``, ``count`` of places, whether tags contain a ``position``, and
    whether the whole file was ``searched``: a compressed one is searched only where it is not compressed.
    """

    kinds: tuple[SecretKind, ...] = ()
    count: int = 0
    position: bool = False
    searched: bool = True


def scan_file(matcher: Matcher, file: BinaryIO, size_bytes: int) -> ScanResult:
    """Search a file: of an MP4 or MOV all but pictures and sound, of any other the whole. Raises OSError.

    A text that begins with the byte order mark of UTF-16 is decoded first.
    """
    file.seek(0)
    beginning = file.read(BEGINNING_BYTES)
    if is_mp4(beginning):
        ranges = metadata_ranges(file, size_bytes)
        found = find_in_stream(matcher, read_ranges(file, ranges))
        return _make_result(found, position=any(_range_has_position(file, *part) for part in ranges))
    return scan_chunks(matcher, beginning, read_chunks(file))


def scan_chunks(matcher: Matcher, beginning: bytes, chunks: Iterable[bytes]) -> ScanResult:
    """Search the whole of a file that is no MP4, chunk by chunk; ``chunks`` is read to its end.

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
    # Of a long fragmented file, only the fragments that may have tags are parsed.
    return any(kind in data for kind in (b"moov", b"meta", b"uuid")) and has_position(data, start)


def _make_result(hits: Iterable[Hit], position: bool = False, searched: bool = True) -> ScanResult:
    kinds: set[SecretKind] = set()
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
    """The ways to remove secrets from a file."""

    TEXT = "cleaned copy"
    MP4 = "metadata boxes overwritten"
    NONE = "not possible"


def choose_redaction(file: BinaryIO) -> Redaction:
    """Return how the secrets of a file can be removed; from other binary files they cannot. Raises OSError."""
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
    """Yield a text with every secret replaced by ``[removed]`` in its encoding; all other bytes are unchanged.

    The file is read twice and not kept in memory. Raises OSError, and UnicodeError for damaged UTF-16.
    """
    file.seek(0)
    codec = utf16_codec(file.read(2))

    def chunks() -> Iterator[bytes]:
        return read_chunks(file) if codec is None else to_utf8(read_chunks(file), codec, "surrogatepass")

    cleaned = replace_in_stream(chunks(), _replacements(find_in_stream(matcher, chunks())))
    return cleaned if codec is None else from_utf8(cleaned, codec)


def write_redacted_text(matcher: Matcher, file: BinaryIO, target: BinaryIO) -> bool:
    """Write the cleaned copy of a text to an empty target, and return whether a search finds nothing in it.

    Raises OSError, and UnicodeError for damaged UTF-16.
    """
    for chunk in redact_text(matcher, file):
        target.write(chunk)
    target.flush()
    target.seek(0)
    codec = utf16_codec(target.read(2))
    chunks = read_chunks(target) if codec is None else to_utf8(read_chunks(target), codec)
    return next(find_in_stream(matcher, chunks), None) is None


def mp4_patches(matcher: Matcher, file: BinaryIO, size_bytes: int) -> list[BytePatch]:
    """Return what to write over an MP4 so that its metadata contains no secret; length and offsets stay the same.

    Raises OSError, and ValueError if a range of metadata is larger than any recorder writes.
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
        else:  # found after the first round, which freed the boxes
            patches = [BytePatch(first, b"_" * (last - first)) for first, last in hits]
        yield from patches
        data = apply_patches(data, start, patches)


def _replacements(hits: Iterator[Hit]) -> list[tuple[int, int, bytes]]:
    """Return the sorted, separate ranges to replace, each with its replacement in the encoding at that place."""
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
