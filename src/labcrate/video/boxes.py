"""The top-level boxes of an MP4 (ISO/IEC 14496-12, section 4.2), which show whether a file is whole or damaged.

A player plays half a file without an error. Box sizes reveal it for 16 bytes of reading per box, so they are checked
before FFmpeg reads the file.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from labcrate.messages.message import Message
from labcrate.video.containers import MP4, Container

# The first box of a file: ftyp by ISO/IEC 14496-12, in QuickTime files from before 2001 any of the others.
FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"})
# A day in fragments of one second has 172 800 boxes; a file with more than this many is no recording.
MAX_BOXES = 1_000_000


@dataclass(frozen=True, slots=True)
class BoxOutline:
    """The kinds of boxes that are whole, and the one in which the file ends (None: it ends after a whole box).

    ``playable_bytes`` is the end of the last whole ``mdat``: what can be played of a fragmented file that was cut off.
    """

    first_box: bytes | None
    whole_boxes: frozenset[bytes]
    cut_box: bytes | None
    playable_bytes: int
    has_too_many: bool = False

    @property
    def is_broken_off(self) -> bool:
        """Return whether this is a fragmented file that ends inside a fragment, as after a power cut."""
        return b"moof" in self.whole_boxes and self.cut_box is not None

    def find_problem(self, container: Container = MP4) -> Message | None:
        """Return what is wrong with the file as a whole, or None.

        A fragmented file that ends inside its last fragment is not damaged: everything before it plays.
        """
        if self.first_box not in FIRST_BOXES:
            return Message("video.other_container", container=container.name)
        if self.has_too_many:
            return Message("video.too_many_boxes", most=MAX_BOXES)
        if b"moov" not in self.whole_boxes:
            return Message("video.no_moov")
        if b"mdat" not in self.whole_boxes or (self.cut_box == b"mdat" and not self.is_broken_off):
            return Message("video.mdat_cut")
        return None


def read_outline(file: BinaryIO, size_bytes: int) -> BoxOutline:
    """Return the outline of a file of ``size_bytes``, from 16 bytes of each top-level box. Raises OSError."""
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
    """Return kind and length of the box at ``start``; None where no box can be read (end of file, padding)."""
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
