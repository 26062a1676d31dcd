"""Properties of a recording from its video's header. No frame is decoded and the file is not read as a whole."""

import os
from datetime import datetime
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.logging

from labcrate.messages.message import Message
from labcrate.model.recording import FIRST_CREDIBLE_TIME, Probe
from labcrate.model.timespan import parse_instant
from labcrate.video.boxes import read_outline
from labcrate.video.containers import MP4, MP4_DEMUXER, Container, container_of, is_cut_short

# FFmpeg fills a whole buffer to read a box's header: a small one reads less of files with many fragments.
BUFFER_BYTES = 4096
# The most that FFmpeg may read: an index of ten hours has about 15 MB, and each fragment has an index.
MAX_READ_BYTES = 256 * 1024 * 1024
MAX_READ_SHARE = 16
# Other containers have a short index or none: the first packets show their streams.
OTHER_MAX_READ_BYTES = 64 * 1024 * 1024

# Options of libavformat: open no decoder and no other file, and read one packet.
OPTIONS = {"codec_whitelist": "none", "protocol_whitelist": "none", "enable_drefs": "0", "probesize": "32"}
# Without an index, size and frame rate come from packets: read a second or two of them (FFmpeg's default).
OTHER_OPTIONS = {"codec_whitelist": "none", "protocol_whitelist": "none", "probesize": "5000000"}

av.logging.set_level(None)  # otherwise FFmpeg reports damage to standard error


class LimitedFile:
    """A file for FFmpeg: without a name, with a limit on the bytes read, and without exceptions.

    PyAV prints an exception that is raised inside FFmpeg's callbacks if FFmpeg continues anyway. So a failure is stored
    in ``failure``, and FFmpeg reads the end of the file.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, max_read_bytes: int | None = None) -> None:
        self._file, self._size, self._position = file, size_bytes, 0
        self._remaining_bytes = (
            MAX_READ_BYTES + size_bytes // MAX_READ_SHARE if max_read_bytes is None else max_read_bytes
        )
        self.failure: OSError | None = None

    @property
    def is_exhausted(self) -> bool:
        """Return whether all bytes that may be read were read."""
        return self._remaining_bytes <= 0

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes from the current position; none after a failure or beyond the limit."""
        if self.failure or self.is_exhausted or self._position >= self._size:
            return b""
        try:
            self._file.seek(self._position)
            data = self._file.read(count)
        except OSError as error:
            self.failure = error
            return b""
        self._position += len(data)
        self._remaining_bytes -= len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position and return it; return -1 for an invalid one, as FFmpeg expects."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}.get(whence)
        if base is None or not 0 <= base + offset < 2**63:
            return -1
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the current position."""
        return self._position


def probe(file: BinaryIO, name: str = "video.mp4") -> Probe:
    """Return the properties of an open video; one that cannot be read gives ``Probe(problem=...)``, not an exception.

    ``name`` is the file's name, whose suffix selects the container (MP4 for an unknown suffix). The caller opens the
    file, so no name reaches FFmpeg, which would interpret ``http:`` or ``concat:`` as a protocol. Changes the file's
    position. Safe to call from many threads, each with its own file. Raises OSError if the disk, not the file's
    content, is the cause.
    """
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return Probe(problem=Message("video.empty"))
    container = container_of(name) or MP4
    if container.demuxer != MP4_DEMUXER:
        return _probe_other(file, size, container)
    outline = read_outline(file, size)
    if problem := outline.find_problem(container):
        return Probe(problem=problem)
    # FFmpeg fails on a file that ends inside a fragment's index, so it reads the whole fragments only.
    limited = LimitedFile(file, outline.playable_bytes if outline.is_broken_off else size)
    try:
        found = _read_with_ffmpeg(limited)
    except (av.FFmpegError, ValueError, OverflowError):
        found = Probe(problem=Message("video.index_unreadable"))
    if limited.failure is not None:
        raise limited.failure
    return Probe(problem=Message("video.index_too_large")) if limited.is_exhausted else found


def _probe_other(file: BinaryIO, size_bytes: int, container: Container) -> Probe:
    """Return the properties of a video that is no MP4, using only its own demuxer."""
    if is_cut_short(file, size_bytes):
        return Probe(problem=Message("video.cut_short"))
    limited = LimitedFile(file, size_bytes, OTHER_MAX_READ_BYTES)
    try:
        found = _read_with_ffmpeg(limited, container.demuxer, OTHER_OPTIONS)
    except (av.FFmpegError, ValueError, OverflowError):
        found = Probe(problem=Message("video.damaged", container=container.name))
    if limited.failure is not None:
        raise limited.failure
    return Probe(problem=Message("video.beginning_too_large")) if limited.is_exhausted else found


# Tags may hold any bytes: PyAV 19 always replaces what is not UTF-8 in them, earlier versions need an option.
_METADATA: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}


def _read_with_ffmpeg(limited: LimitedFile, demuxer: str = MP4_DEMUXER, options: dict[str, str] = OPTIONS) -> Probe:
    # "mp4" allows only the MP4 and QuickTime demuxer: text is not read as a playlist.
    with av.open(
        limited,
        "r",
        format=demuxer,
        container_options=options,
        buffer_size=BUFFER_BYTES,
        **_METADATA,
    ) as container:
        return _to_probe(container, timed=demuxer == MP4_DEMUXER)


def _to_probe(container: av.container.InputContainer, *, timed: bool) -> Probe:
    """Return what FFmpeg found as a Probe; ``timed`` means that the container always states its duration."""
    if not container.streams.video:
        return Probe(problem=Message("video.no_video"))
    video = container.streams.video[0]
    has_duration = bool(container.duration and container.duration > 0)
    if not has_duration and timed:
        return Probe(problem=Message("video.no_frames"))
    video_codec = _codec(video)
    if video_codec is None:  # such a stream has no width either
        return Probe(problem=Message("video.unknown_codec"))
    if not has_duration and not video.width:
        return Probe(problem=Message("video.no_frames"))
    audio = container.streams.audio[0] if container.streams.audio else None
    return Probe(
        duration_s=container.duration / av.time_base if has_duration and container.duration else None,
        video_codec=video_codec,
        width=video.width or None,
        height=video.height or None,
        # Without a duration, FFmpeg assumes 25 frames a second.
        frame_rate=_rate(video.average_rate) if has_duration else None,
        audio_codec=_codec(audio) if audio else None,
        creation_time=_creation_time(container.metadata.get("creation_time")),
    )


def _codec(stream: av.VideoStream | av.AudioStream) -> str | None:
    """Return FFmpeg's name of the codec (``h264``, ``aac``); None for a codec that FFmpeg does not support."""
    context = stream.codec_context
    return context.codec.canonical_name if context else None


def _rate(rate: Fraction | None) -> float | None:
    return round(float(rate), 3) if rate else None


def _creation_time(text: str | None) -> datetime | None:
    """Return the instant that the camera wrote; None if its clock was never set."""
    try:
        instant = parse_instant(text or "")
    except (ValueError, OverflowError):
        return None
    return instant if instant >= FIRST_CREDIBLE_TIME else None
