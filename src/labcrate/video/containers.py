"""Video files by their suffix: which of FFmpeg's demuxers reads them, and their media type.

A suffix names one demuxer, so that no file's content chooses what reads it: text is never taken for a playlist.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

MP4_DEMUXER = "mp4"

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of video file; ``demuxer`` is FFmpeg's name of what reads it, ``name`` is as in ``an MP4 file``."""

    demuxer: str
    media_type: str
    name: str


_MP4 = Container(MP4_DEMUXER, "video/mp4", "an MP4 file")
_QUICKTIME = Container(MP4_DEMUXER, "video/quicktime", "a QuickTime file")
_MATROSKA = Container("matroska", "video/x-matroska", "a Matroska file")
_TRANSPORT = Container("mpegts", "video/mp2t", "an MPEG transport stream")
_PROGRAM = Container("mpeg", "video/mpeg", "an MPEG file")
_WINDOWS = Container("asf", "video/x-ms-asf", "an ASF file")
_AVC = Container("h264", "video/h264", "an H.264 file")
_HEVC = Container("hevc", "video/h265", "an H.265 file")

CONTAINERS = {
    "mp4": _MP4,
    "m4v": Container(MP4_DEMUXER, "video/x-m4v", "an MP4 file"),
    "3gp": Container(MP4_DEMUXER, "video/3gpp", "a 3GP file"),
    "mov": _QUICKTIME,
    "mkv": _MATROSKA,
    "webm": Container("matroska", "video/webm", "a WebM file"),
    "avi": Container("avi", "video/x-msvideo", "an AVI file"),
    "ts": _TRANSPORT,
    "mts": _TRANSPORT,
    "m2ts": _TRANSPORT,
    "mpg": _PROGRAM,
    "mpeg": _PROGRAM,
    "flv": Container("flv", "video/x-flv", "an FLV file"),
    "asf": _WINDOWS,
    "wmv": Container("asf", "video/x-ms-wmv", "an ASF file"),
    "ogv": Container("ogg", "video/ogg", "an Ogg file"),
    "dav": Container("dhav", "application/octet-stream", "a Dahua file"),
    "264": _AVC,
    "h264": _AVC,
    "265": _HEVC,
    "h265": _HEVC,
    "hevc": _HEVC,
}
"""The kinds of video file that recorders and phones write, by suffix in lower case."""


def container_of(name: str) -> Container | None:
    """Return the kind of video that a file's name says it is, or None; a name that is all suffix has none."""
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return CONTAINERS.get(suffix.lower()) if stem else None


def is_cut_short(file: BinaryIO, size_bytes: int) -> bool:
    """Return whether a Matroska or AVI file says that it is longer than it is. Raises OSError.

    FFmpeg plays such a file up to its end without a word. Sizes: RFC 9559, section 4.5 (a Segment of unknown
    size, as live streams have it, says nothing), and the RIFF chunk that an AVI begins with.
    """
    file.seek(0)
    head = file.read(4096)
    if head[:4] == b"RIFF" and len(head) >= 12:
        (length,) = struct.unpack("<I", head[4:8])
        return bool(0 < length < 0xFFFF_FFFF and 8 + length > size_bytes)
    if head[:4] != _EBML:
        return False
    after_header = _element_end(head, 4)
    if after_header is None or head[after_header : after_header + 4] != _SEGMENT:
        return False
    end = _element_end(head, after_header + 4)
    return end is not None and end > size_bytes


def _element_end(head: bytes, at: int) -> int | None:
    """Return where an EBML element ends whose size begins at ``at`` (RFC 8794, section 4); None if unknown."""
    width = 9 - head[at].bit_length() if at < len(head) and head[at] else 9
    digits = head[at : at + width]
    if width > 8 or len(digits) < width:
        return None
    bits = 7 * width
    length = int.from_bytes(digits) & ((1 << bits) - 1)
    return None if length == (1 << bits) - 1 else at + width + length
