"""Video files by their suffix: which of FFmpeg's demuxers reads them, and their media type.

Each suffix selects one demuxer, whatever the file contains: text is never read as a playlist.
"""

import struct
from typing import BinaryIO

from msgspec import Struct

from labcrate.messages.message import Message

MP4_DEMUXER = "mp4"

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


class Container(Struct, frozen=True):
    """A kind of video file: FFmpeg's name of its demuxer, its media type, and its name with an article."""

    demuxer: str
    media_type: str
    name: Message


MP4 = Container(MP4_DEMUXER, "video/mp4", Message("video.container.mp4"))
_QUICKTIME = Container(MP4_DEMUXER, "video/quicktime", Message("video.container.quicktime"))
_MATROSKA = Container("matroska", "video/x-matroska", Message("video.container.matroska"))
_TRANSPORT = Container("mpegts", "video/mp2t", Message("video.container.transport"))
_PROGRAM = Container("mpeg", "video/mpeg", Message("video.container.mpeg"))
_WINDOWS = Container("asf", "video/x-ms-asf", Message("video.container.asf"))
_AVC = Container("h264", "video/h264", Message("video.container.h264"))
_HEVC = Container("hevc", "video/h265", Message("video.container.h265"))

CONTAINERS = {
    "mp4": MP4,
    "m4v": Container(MP4_DEMUXER, "video/x-m4v", Message("video.container.mp4")),
    "3gp": Container(MP4_DEMUXER, "video/3gpp", Message("video.container.3gp")),
    "mov": _QUICKTIME,
    "mkv": _MATROSKA,
    "webm": Container("matroska", "video/webm", Message("video.container.webm")),
    "avi": Container("avi", "video/x-msvideo", Message("video.container.avi")),
    "ts": _TRANSPORT,
    "mts": _TRANSPORT,
    "m2ts": _TRANSPORT,
    "mpg": _PROGRAM,
    "mpeg": _PROGRAM,
    "flv": Container("flv", "video/x-flv", Message("video.container.flv")),
    "asf": _WINDOWS,
    "wmv": Container("asf", "video/x-ms-wmv", Message("video.container.asf")),
    "ogv": Container("ogg", "video/ogg", Message("video.container.ogg")),
    "dav": Container("dhav", "application/octet-stream", Message("video.container.dahua")),
    "264": _AVC,
    "h264": _AVC,
    "265": _HEVC,
    "h265": _HEVC,
    "hevc": _HEVC,
}
"""The kinds of video file that recorders and phones write, by suffix in lower case."""


def container_of(name: str) -> Container | None:
    """Return the kind of video for a file's suffix; None for any other suffix, or a name without a stem."""
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return CONTAINERS.get(suffix.lower()) if stem else None


def is_cut_short(file: BinaryIO, size_bytes: int) -> bool:
    """Return whether a Matroska or AVI file is smaller than its header says. Raises OSError.

    FFmpeg plays such a file to its end without an error. Sizes: RFC 9559, section 4.5 (a Segment of unknown size, as in
    live streams, is never cut short), and the RIFF chunk at the beginning of an AVI.
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
    """Return the end of the EBML element whose size begins at ``at`` (RFC 8794, section 4); None if unknown."""
    width = 9 - head[at].bit_length() if at < len(head) and head[at] else 9
    digits = head[at : at + width]
    if width > 8 or len(digits) < width:
        return None
    bits = 7 * width
    length = int.from_bytes(digits) & ((1 << bits) - 1)
    return None if length == (1 << bits) - 1 else at + width + length
