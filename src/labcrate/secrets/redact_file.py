"""Takes the secrets out of a file that is copied: a cleaned copy of a text, patches for an MP4."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import BinaryIO

from labcrate.secrets.clean import REMOVED
from labcrate.secrets.matcher import Hit, Matcher, windows_of
from labcrate.secrets.mp4_boxes import Patch, is_mp4, metadata_ranges, patched, patches
from labcrate.secrets.stream import find_in_stream, from_utf8, read_chunks, replace_in_stream, to_utf8, utf16_of

_BEGINNING = 64 * 1024
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b\b")
_MAX_RANGE = 256 * 1024 * 1024
_ROUNDS = 4


class Redaction(StrEnum):
    """How a file can be rid of secrets."""

    TEXT = "cleaned copy"
    MP4 = "metadata boxes overwritten"
    NONE = "not possible"


def redaction_of(file: BinaryIO) -> Redaction:
    """Return how the secrets of a file can be taken out; of other binaries they cannot. Raises OSError."""
    file.seek(0)
    beginning = file.read(_BEGINNING)
    if is_mp4(beginning):
        return Redaction.MP4
    if utf16_of(beginning) is not None or (not _CONTROL.intersection(beginning) and not beginning.startswith(b"%PDF")):
        return Redaction.TEXT
    return Redaction.NONE


def redacted_text(matcher: Matcher, file: BinaryIO) -> Iterator[bytes]:
    """Yield a text with every secret replaced by ``[removed]``, in its own encoding; all else byte for byte.

    The file is read twice, and never held. Raises OSError, and UnicodeError for UTF-16 that is damaged.
    """
    file.seek(0)
    codec = utf16_of(file.read(2))

    def chunks() -> Iterator[bytes]:
        return read_chunks(file) if codec is None else to_utf8(read_chunks(file), codec, "surrogatepass")

    cleaned = replace_in_stream(chunks(), _replacements(find_in_stream(matcher, chunks())))
    return cleaned if codec is None else from_utf8(cleaned, codec)


def write_redacted_text(matcher: Matcher, file: BinaryIO, target: BinaryIO) -> bool:
    """Write the cleaned copy of a text to an empty target, and return whether a search finds nothing in it.

    Raises OSError, and UnicodeError for UTF-16 that is damaged.
    """
    for chunk in redacted_text(matcher, file):
        target.write(chunk)
    target.flush()
    target.seek(0)
    codec = utf16_of(target.read(2))
    chunks = read_chunks(target) if codec is None else to_utf8(read_chunks(target), codec)
    return next(find_in_stream(matcher, chunks), None) is None


def mp4_patches(matcher: Matcher, file: BinaryIO, size_bytes: int) -> list[Patch]:
    """Return what to write over an MP4 so that its metadata holds no secret, its length and offsets being the same.

    Raises OSError, and ValueError where a piece of metadata is too large to be a recorder's.
    """
    made: list[Patch] = []
    for start, stop in metadata_ranges(file, size_bytes):
        if stop - start > _MAX_RANGE:
            raise ValueError(f"more than {_MAX_RANGE} bytes of metadata in one piece")
        file.seek(start)
        data = file.read(stop - start)
        made.extend(_range_patches(matcher, data, start))
    return made


def _range_patches(matcher: Matcher, data: bytes, start: int) -> Iterator[Patch]:
    find: Callable[[bytes], list[tuple[int, int]]] = lambda part: windows_of(matcher.find(part))  # noqa: E731
    for round_number in range(_ROUNDS):
        hits = [(start + first, start + last) for first, last in find(data)]
        if not hits:
            return
        if round_number == 0:
            made = patches(data, start, hits)
        else:  # what became visible by the first round, which left no box to free
            made = [Patch(first, b"_" * (last - first)) for first, last in hits]
        yield from made
        data = patched(data, start, made)


def _replacements(hits: Iterator[Hit]) -> list[tuple[int, int, bytes]]:
    """Return the sorted, separate ranges to replace, each with its replacement in the encoding that it stands in."""
    joined: list[tuple[int, int, str]] = []
    for hit in sorted(hits):
        if joined and hit.start <= joined[-1][1]:
            start, stop, order = joined[-1]
            joined[-1] = (start, max(stop, hit.stop), order)
        else:
            joined.append((hit.start, hit.stop, hit.order))
    return [(start, stop, _removed(order)) for start, stop, order in joined]


def _removed(order: str) -> bytes:
    if order == "any":
        return "\0".join(REMOVED).encode()
    return REMOVED.encode(f"utf-16-{order}" if order else "ascii")
