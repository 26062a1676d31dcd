"""The top-level boxes of an MP4 (ISO/IEC 14496-12, section 4.2): enough to tell a whole file from a damaged one.

A player that is handed half a file plays that half and says nothing. Box sizes tell it at the price
of 16 bytes a box, so this is looked at before FFmpeg sees the file.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

# What a file may begin with: ftyp by ISO/IEC 14496-12, in QuickTime files from before 2001 any of the rest.
FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"})
# A day in fragments of one second has 172 800 boxes; more than this many are a trap, not a recording.
MAX_BOXES = 1_000_000


@dataclass(frozen=True, slots=True)
class BoxOutline:
    """The kinds of boxes found whole, and the one that the file ends inside of (``None``: it ends where it should).

    ``sound_bytes`` is where the last whole ``mdat`` ends: what a fragmented file that was broken off still holds.
    """

    first_box: bytes | None
    whole_boxes: frozenset[bytes]
    cut_box: bytes | None
    playable_bytes: int
    has_too_many: bool = False

    @property
    def is_broken_off(self) -> bool:
        """Whether this is a fragmented file that ends inside a fragment, as after a power cut."""
        return b"moof" in self.whole_boxes and self.cut_box is not None

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as a whole, in one sentence, or ``None``.

        A fragmented file that ends inside its last fragment is not damaged: everything before it plays,
        which is what fragments are for.
        """
        if self.first_box not in FIRST_BOXES:
            return "It is not an MP4 file."
        if self.has_too_many:
            return f"It has more than {MAX_BOXES} boxes, which no camera writes."
        if b"moov" not in self.whole_boxes:
            return "It is cut short or was never finished: its index (moov) is missing."
        if b"mdat" not in self.whole_boxes or (self.cut_box == b"mdat" and not self.is_broken_off):
            return "It is cut short: a part of its video data (mdat) is missing."
        return None


def read_outline(file: BinaryIO, size_bytes: int) -> BoxOutline:
    """Walk over the top-level boxes of a file of ``size_bytes``; reads 16 bytes of each. Raises OSError."""
    first: bytes | None = None
    whole: set[bytes] = set()
    start = playable = 0
    for _ in range(MAX_BOXES):
        header = _read_box_header(file, start)
        if header is None:
            return BoxOutline(first, frozenset(whole), None, playable)
        kind, length = header
        first = first or kind
        stop = size_bytes if length == 0 else start + length  # size 0: the box goes on to the end of the file
        if stop > size_bytes:
            return BoxOutline(first, frozenset(whole), kind, playable)
        whole.add(kind)
        playable = stop if kind == b"mdat" else playable
        start = stop
    return BoxOutline(first, frozenset(whole), None, playable, has_too_many=True)


def _read_box_header(file: BinaryIO, start: int) -> tuple[bytes, int] | None:
    """Kind and length of the box at ``start``; ``None`` where no box can be read (end of file, padding)."""
    file.seek(start)
    raw = file.read(16)
    if len(raw) < 8:
        return None
    length, kind = struct.unpack(">I4s", raw[:8])
    shortest = 8
    if length == 1:  # the length does not fit in 32 bits: "largesize" follows
        if len(raw) < 16:
            return None
        (length,), shortest = struct.unpack(">Q", raw[8:]), 16
    if (length != 0 and length < shortest) or kind == b"\0\0\0\0":  # recorders that preallocate leave zeros behind
        return None
    return kind, length
