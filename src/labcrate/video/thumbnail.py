"""A thumbnail of a recording: a frame from near its beginning, as JPEG."""

import io
import os
from typing import BinaryIO

import av
from PIL import Image

from labcrate.video.boxes import read_outline
from labcrate.video.probe import OPTIONS, LimitedFile

WIDTH = 320
_QUALITY = 75
_SKIP_S = 1.0  # the very first frames of a camera are often grey
_MAX_FRAMES = 60
_MAX_PIXELS = 64_000_000
_MAX_HEIGHT_FACTOR = 4  # times its width: a JPEG has at most 65,535 lines
# The codecs that cameras use: no other decoder may read a foreign file.
_DECODERS = "h264,hevc,mpeg4,mjpeg,av1,libdav1d,vp9,libvpx-vp9"


def thumbnail(file: BinaryIO, width: int = WIDTH) -> bytes | None:
    """Return a JPEG, ``width`` pixels wide, of an open MP4; None if no frame can be decoded.

    The caller opens the file, as for `probe`. Raises OSError if the disk, not the file's content, is the cause.
    """
    size = file.seek(0, os.SEEK_END)
    outline = read_outline(file, size)
    if outline.find_problem() is not None:
        return None
    limited = LimitedFile(file, outline.playable_bytes if outline.is_broken_off else size)
    try:
        picture = _picture(limited, width)
    except (av.FFmpegError, ValueError, OverflowError, MemoryError):
        picture = None
    if limited.failure is not None:
        raise limited.failure
    if picture is None:
        return None
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()


def _picture(limited: LimitedFile, width: int) -> Image.Image | None:
    options = {**OPTIONS, "codec_whitelist": _DECODERS}
    with av.open(limited, "r", format="mp4", options=options, buffer_size=1 << 16) as container:
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        if stream.codec_context is None:  # a codec that FFmpeg does not support: such a stream has no width either
            return None
        stream.thread_count = 1
        if stream.width * stream.height > _MAX_PIXELS:
            return None
        latest = None
        for number, frame in enumerate(container.decode(stream)):
            latest = frame
            if number >= _MAX_FRAMES or (frame.time or 0.0) >= _SKIP_S:
                break
        if latest is None:
            return None
        height = min(width * _MAX_HEIGHT_FACTOR, max(2, round(width * latest.height / latest.width)))
        picture: Image.Image = latest.reformat(width, height, "rgb24").to_image()  # type: ignore[no-untyped-call]
        return picture
