"""The search of streams of any size, chunk by chunk, with enough overlap that no border hides a secret."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from labcrate.secrets.matcher import MARGIN, Hit, Matcher
from labcrate.secrets.weak_values import ROW_BYTES, TableColumns

CHUNK_BYTES = 1024 * 1024
"""Bytes read at a time."""

_CONTEXT_BYTES = ROW_BYTES + MARGIN
"""Bytes after a value that may identify it: the rest of its row."""

_JSON_KEY = re.compile(rb'"\s{0,8}:\s{0,8}\Z')
_KEY_CONTEXT_BYTES = 24

_BOMS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def find_in_stream(matcher: Matcher, chunks: Iterable[bytes], text: bool = True) -> Iterator[Hit]:
    """Yield the secrets of a stream with their offsets, each once, roughly in order.

    Memory is bounded by a few chunks and the longest secret.
    """
    overlap = 2 * matcher.reach_bytes
    enough = max(CHUNK_BYTES, 4 * overlap)
    data, base, done = b"", 0, -1
    parts: list[bytes] = []
    waiting = 0
    columns: list[TableColumns] = []
    yielded: set[Hit] = set()
    for number, chunk in enumerate(chunks):
        if number == 0 and text and (table := matcher.table_columns(chunk)):
            columns.append(table)
        for table in columns:
            yield from (Hit(*place) for place in table.feed(chunk))
        parts.append(chunk)
        waiting += len(chunk)
        if len(data) + waiting < enough:
            continue
        data = b"".join((data, *parts))
        parts, waiting = [], 0
        stop = base + len(data) - _CONTEXT_BYTES  # after it, the next chunk may decide
        found = list(_hits_between(matcher.find(data, text), base, done - matcher.reach_bytes, stop))
        yield from (hit for hit in found if hit not in yielded)
        # Not all overlapping places are returned: those of the next chunk may leave a gap to these.
        yielded = {hit for hit in found if hit.stop > stop - matcher.reach_bytes}
        base += len(data) - overlap
        data, done = data[-overlap:], stop
    for table in columns:
        yield from (Hit(*place) for place in table.end())
    last = _hits_between(matcher.find(b"".join((data, *parts)), text), base, done - matcher.reach_bytes, None)
    yield from (hit for hit in last if hit not in yielded)


def _hits_between(hits: list[Hit], base: int, done: int, stop: int | None) -> Iterator[Hit]:
    """Yield the hits that end after ``done`` and at most at ``stop``, with offsets in the stream."""
    for hit in hits:
        if done < base + hit.stop and (stop is None or base + hit.stop <= stop):
            yield Hit(base + hit.start, base + hit.stop, hit.kind, hit.order)


def replace_in_stream(chunks: Iterable[bytes], ranges: Iterable[tuple[int, int, bytes]]) -> Iterator[bytes]:
    """Yield a stream with each of the sorted, separate ranges (start, stop, replacement) replaced.

    The replacement of a bare number after a JSON key is put in quotes, so that the text stays JSON.
    """
    left = iter(ranges)
    following = next(left, None)
    base = 0
    before = b""
    for chunk in chunks:
        at = 0
        while following is not None and following[0] < base + len(chunk):
            start, stop, replacement = following
            if start >= base:  # else the range began in an earlier chunk and was replaced there
                yield chunk[at : start - base]
                bare = chunk[start - base : stop - base].isdigit()
                behind_key = bare and _JSON_KEY.search(
                    before + chunk[max(0, start - base - _KEY_CONTEXT_BYTES) : start - base]
                )
                yield b'"%b"' % replacement if behind_key else replacement
            at = min(stop - base, len(chunk))
            if stop > base + len(chunk):
                break
            following = next(left, None)
        yield chunk[at:]
        base += len(chunk)
        before = (before + chunk)[-_KEY_CONTEXT_BYTES:]


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file from its beginning in chunks. Raises OSError."""
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def read_ranges(file: BinaryIO, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield parts of a file with zeros between them, so that nothing is found across them. Raises OSError."""
    for start, stop in ranges:
        file.seek(start)
        left = stop - start
        while left and (chunk := file.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
        yield bytes(8)


def utf16_codec(beginning: bytes) -> str | None:
    """Return the codec of a text that begins with the byte order mark of UTF-16; None for anything else."""
    return next((codec for mark, codec in _BOMS if beginning.startswith(mark)), None)


def to_utf8(chunks: Iterable[bytes], codec: str, errors: str = "replace") -> Iterator[bytes]:
    """Yield a UTF-16 stream as UTF-8 with its mark. With ``strict`` errors it raises UnicodeDecodeError."""
    decoder = codecs.getincrementaldecoder(codec)(errors)
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def from_utf8(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Yield a UTF-8 stream in another encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode(codec, "surrogatepass")
    yield decoder.decode(b"", final=True).encode(codec, "surrogatepass")
