"""Metadata boxes of an MP4 or MOV (ISO/IEC 14496-12, section 4.2): where they are, and how one is made ``free``.

Everything but the payload of ``mdat`` counts as metadata: boxes are small, pictures are not. A box that becomes
``free`` keeps its length, so that no offset in the file changes.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

_FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"})
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"udta", b"moof", b"traf", b"mvex", b"ilst"})
_UNUSED = frozenset({b"free", b"skip", b"wide"})
_POSITION_BOXES = frozenset({b"\xa9xyz", b"loci", b"gps ", b"GPS "})
_POSITION_KEYS = (b"com.apple.quicktime.location.", b"location")
MAX_BOXES = 1_000_000
_MAX_TREE_BOXES = 100_000
_MAX_DEPTH = 12


class Mp4Box(Struct, frozen=True):
    """A box of ``length`` bytes at ``start``, whose first ``header`` bytes give its kind and length."""

    start: int
    length: int
    header: int
    kind: bytes

    @property
    def stop(self) -> int:
        """Return where the box ends."""
        return self.start + self.length


class BytePatch(Struct, frozen=True):
    """Bytes that replace those of a file from ``offset`` on."""

    offset: int
    data: bytes


def is_mp4(beginning: bytes) -> bool:
    """Return whether a file begins as an MP4 or a MOV does; 8 bytes are enough."""
    return beginning[4:8] in _FIRST_BOXES


def metadata_ranges(file: BinaryIO, size_bytes: int) -> list[tuple[int, int]]:
    """Return start and stop of everything in the file but pictures and sound, in order. Raises OSError.

    Everything after the last readable box counts as metadata.
    """
    ranges: list[tuple[int, int]] = []
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        box = _read_box(file.read(16), 0, at, size_bytes)
        if box is None:
            break
        _add_range(ranges, at, min(box.start + box.header if box.kind == b"mdat" else box.stop, size_bytes))
        at = box.stop
        if at >= size_bytes:
            return ranges
    _add_range(ranges, at, size_bytes)
    return ranges


def _add_range(ranges: list[tuple[int, int]], start: int, stop: int) -> None:
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], stop)
    elif start < stop:
        ranges.append((start, stop))


def _read_box(data: bytes, at: int, base: int, limit: int) -> Mp4Box | None:
    """Return the box whose header is at ``at`` in ``data``; ``data`` begins at ``base`` in the file."""
    if len(data) - at < 8:
        return None
    length, kind = struct.unpack_from(">I4s", data, at)
    header = 8
    if length == 1:  # the length does not fit in 32 bits
        if len(data) - at < 16:
            return None
        (length,), header = struct.unpack_from(">Q", data, at + 8), 16
    elif length == 0:  # to the end of the file
        length = limit - base - at
    if length < header or kind == b"\0\0\0\0":
        return None
    return Mp4Box(base + at, length, header, kind)


def box_chains(data: bytes, base: int) -> Iterator[tuple[Mp4Box, ...]]:
    """Yield every box in a range of metadata at ``base``, after the boxes that contain it, outermost first."""
    waiting: list[tuple[int, int, tuple[Mp4Box, ...]]] = [(base, base + len(data), ())]
    for _ in range(_MAX_TREE_BOXES):
        if not waiting:
            return
        at, limit, outer = waiting.pop()
        box = _read_box(data, at - base, base, limit) if limit - at >= 8 else None
        if box is None:
            continue
        chain = (*outer, box)
        yield chain
        stop = min(box.stop, limit)
        waiting.append((stop, limit, outer))
        inside = _first_inside(data, base, chain)
        if inside is not None and len(chain) < _MAX_DEPTH:
            waiting.append((inside, stop, chain))


def _first_inside(data: bytes, base: int, chain: tuple[Mp4Box, ...]) -> int | None:
    """Return where the first box inside the last one of the chain begins; None if it contains none."""
    box = chain[-1]
    start = box.start + box.header
    if box.kind in _CONTAINERS or (len(chain) > 1 and chain[-2].kind == b"ilst"):
        return start
    if box.kind == b"meta":  # QuickTime's meta box has no version and flags
        return start if data[start - base + 4 : start - base + 8] == b"hdlr" else start + 4
    return None


def has_position(data: bytes, base: int = 0) -> bool:
    """Return whether tags in a range of metadata give a geographic position."""
    for chain in box_chains(data, base):
        box = chain[-1]
        if box.kind in _POSITION_BOXES and box.length > box.header:
            return True
        payload = data[box.start + box.header - base : box.stop - base]
        if box.kind == b"keys" and any(b"mdta" + key in payload for key in _POSITION_KEYS):
            return True
        if box.kind == b"uuid" and b"GPSLatitude" in payload:
            return True
    return False


def make_patches(data: bytes, base: int, hits: list[tuple[int, int]]) -> list[BytePatch]:
    """Return what to write over a range of metadata at ``base`` to remove the sorted places ``hits``.

    The innermost box that a reader can do without becomes ``free``; if there is none, as in a track's handler, only the
    bytes of the place are overwritten.
    """
    starts = [start for start, _ in hits]
    left = set(range(len(hits)))
    whole: dict[int, Mp4Box] = {}
    for chain in sorted(box_chains(data, base), key=len, reverse=True):
        box = chain[-1]
        between = range(bisect_left(starts, box.start + box.header), bisect_left(starts, box.stop))
        inside = [i for i in between if i in left and hits[i][1] <= box.stop]
        if inside and _is_removable(chain):
            whole[box.start] = box
            left.difference_update(inside)
    made = [_free_box(data, base, box) for box in whole.values()]
    made += [BytePatch(start, b"_" * (stop - start)) for start, stop in (hits[i] for i in left)]
    return sorted(made, key=lambda patch: patch.offset)


def _is_removable(chain: tuple[Mp4Box, ...]) -> bool:
    box = chain[-1]
    parent = chain[-2].kind if len(chain) > 1 else b""
    if box.kind in _UNUSED or box.kind in (b"uuid", b"meta", b"udta"):
        return True
    if parent == b"udta" or (parent == b"meta" and box.kind in (b"xml ", b"bxml", b"idat")):
        return True
    # A tag's item stays, because its position is its key's number; only its value is freed.
    return box.kind == b"data" and len(chain) > 2 and chain[-3].kind == b"ilst"


def _free_box(data: bytes, base: int, box: Mp4Box) -> BytePatch:
    """Return a ``free`` box of the same length, with the length field in the same form."""
    at = box.start - base
    stop = min(box.stop - base, len(data))
    header = data[at : at + box.header]
    return BytePatch(box.start, header[:4] + b"free" + header[8:] + bytes(stop - at - box.header))


def apply_patches(data: bytes, offset: int, patches: list[BytePatch]) -> bytes:
    """Return a part of a file, read at ``offset``, with the patches applied."""
    stop = offset + len(data)
    touching = [patch for patch in patches if patch.offset < stop and patch.offset + len(patch.data) > offset]
    if not touching:
        return data
    changed = bytearray(data)
    for patch in touching:
        first, last = max(patch.offset, offset), min(patch.offset + len(patch.data), stop)
        changed[first - offset : last - offset] = patch.data[first - patch.offset : last - patch.offset]
    return bytes(changed)
