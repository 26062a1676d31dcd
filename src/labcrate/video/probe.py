"""What a video's header tells about the recording. No picture is decoded and the file is not read through."""

import os
from datetime import datetime
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.logging

from labcrate.model.recording import FIRST_CREDIBLE_TIME, Probe
from labcrate.model.timespan import parse_instant
from labcrate.video.boxes import read_outline
from labcrate.video.containers import CONTAINERS, MP4_DEMUXER, Container, container_of, is_cut_short

# FFmpeg reads a box's header with a whole buffer; a small one keeps the reading small where fragments are many.
BUFFER_BYTES = 4096
# What FFmpeg may read: an index of ten hours has about 15 MB, a file in fragments an index for each of them.
MAX_READ_BYTES = 256 * 1024 * 1024
MAX_READ_SHARE = 16
# Other containers have a short index or none: their streams are known from the first packets.
OTHER_MAX_READ_BYTES = 64 * 1024 * 1024

# Options of libavformat: no decoder may be opened, no file beside this one, and one packet is looked at.
OPTIONS = {"codec_whitelist": "none", "protocol_whitelist": "none", "enable_drefs": "0", "probesize": "32"}
# Without an index, packets tell size and frame rate: a second or two of them is read (FFmpeg's own default).
OTHER_OPTIONS = {"codec_whitelist": "none", "protocol_whitelist": "none", "probesize": "5000000"}

av.logging.set_level(None)  # FFmpeg reports damage to standard error otherwise


class LimitedFile:
    """The file as FFmpeg sees it: no name, a limit to the reading, and no exceptions.

    PyAV prints an exception that is raised inside FFmpeg's callbacks when FFmpeg goes on regardless, so a
    failure is kept here and looks like the end of the file until FFmpeg is done.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, max_read_bytes: int | None = None) -> None:
        self._file, self._size, self._position = file, size_bytes, 0
        self._remaining_bytes = (
            MAX_READ_BYTES + size_bytes // MAX_READ_SHARE if max_read_bytes is None else max_read_bytes
        )
        self.failure: OSError | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether more was read than telling about a video can need."""
        return self._remaining_bytes <= 0

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes from where it stands; none after a failure or beyond the limit."""
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
        """Stand elsewhere, and return where; -1 where that cannot be, as FFmpeg expects it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}.get(whence)
        if base is None or not 0 <= base + offset < 2**63:
            return -1
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Where it stands."""
        return self._position


def probe(file: BinaryIO, name: str = "video.mp4") -> Probe:
    """Look into an opened video; what cannot be told comes back as ``Probe(problem=...)``, never as an exception.

    ``name`` is the file's name, whose suffix says which container it is (an MP4 where it says none). The caller
    opens the file (safely), so no name ever reaches FFmpeg, which would take ``http:`` or ``concat:`` for a
    protocol. The file's position is moved. Safe to call from many threads, each with a file of its own. Raises
    OSError when the disk, not the file's content, is at fault.
    """
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return Probe(problem="It is empty.")
    container = container_of(name) or CONTAINERS["mp4"]
    if container.demuxer != MP4_DEMUXER:
        return _probe_other(file, size, container)
    outline = read_outline(file, size)
    if outline.problem is not None:
        return Probe(problem=outline.problem.replace(CONTAINERS["mp4"].name, container.name))
    # FFmpeg gives up on a file that ends inside a fragment's index, so it is shown the whole fragments only.
    window = LimitedFile(file, outline.playable_bytes if outline.is_broken_off else size)
    try:
        found = _read_with_ffmpeg(window)
    except (av.FFmpegError, ValueError, OverflowError):
        found = Probe(problem="It is damaged: its index (moov) cannot be read.")
    if window.failure is not None:
        raise window.failure
    return Probe(problem="Its index is too large to be looked through.") if window.is_exhausted else found


def _probe_other(file: BinaryIO, size_bytes: int, container: Container) -> Probe:
    """Look into a video that is no MP4: by its own demuxer alone, with the same care."""
    if is_cut_short(file, size_bytes):
        return Probe(problem="It is cut short: it says that it is longer than it is.")
    window = LimitedFile(file, size_bytes, OTHER_MAX_READ_BYTES)
    try:
        found = _read_with_ffmpeg(window, container.demuxer, OTHER_OPTIONS)
    except (av.FFmpegError, ValueError, OverflowError):
        found = Probe(problem=f"It is damaged, or is not {container.name}.")
    if window.failure is not None:
        raise window.failure
    return Probe(problem="Its beginning is too large to be looked through.") if window.is_exhausted else found


# Tags of any bytes: PyAV 19 always replaces what is not UTF-8 in them, earlier ones must be told to.
_METADATA: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}


def _read_with_ffmpeg(window: LimitedFile, demuxer: str = MP4_DEMUXER, options: dict[str, str] = OPTIONS) -> Probe:
    # "mp4" allows the MP4 and QuickTime demuxer alone: text is not taken for a playlist.
    with av.open(
        window,
        "r",
        format=demuxer,
        container_options=options,
        buffer_size=BUFFER_BYTES,
        **_METADATA,
    ) as container:
        return _to_probe(container, timed=demuxer == MP4_DEMUXER)


def _to_probe(container: av.container.InputContainer, *, timed: bool) -> Probe:
    """Turn what FFmpeg found into a Probe; ``timed`` says that the container always knows its length."""
    if not container.streams.video:
        return Probe(problem="It holds no video.")
    video = container.streams.video[0]
    has_duration = bool(container.duration and container.duration > 0)
    if not has_duration and timed:
        return Probe(problem="It holds no pictures.")
    video_codec = _codec(video)
    if video_codec is None:  # such a stream has no width, either
        return Probe(problem="Its video is in a format that FFmpeg does not know.")
    if not has_duration and not video.width:
        return Probe(problem="It holds no pictures.")
    audio = container.streams.audio[0] if container.streams.audio else None
    return Probe(
        duration_s=container.duration / av.time_base if has_duration and container.duration else None,
        video_codec=video_codec,
        width=video.width or None,
        height=video.height or None,
        # Where nothing is timed, FFmpeg fills in 25 pictures a second.
        frame_rate=_rate(video.average_rate) if has_duration else None,
        audio_codec=_codec(audio) if audio else None,
        creation_time=_creation_time(container.metadata.get("creation_time")),
    )


def _codec(stream: av.VideoStream | av.AudioStream) -> str | None:
    """The codec's name, as FFmpeg has it (``h264``, ``aac``); ``None`` for one that FFmpeg does not know."""
    context = stream.codec_context
    return context.codec.canonical_name if context else None


def _rate(rate: Fraction | None) -> float | None:
    return round(float(rate), 3) if rate else None


def _creation_time(text: str | None) -> datetime | None:
    """The instant that the camera wrote; ``None`` when its clock was never set."""
    try:
        instant = parse_instant(text or "")
    except (ValueError, OverflowError):
        return None
    return instant if instant >= FIRST_CREDIBLE_TIME else None
