"""Converting a video in another container to MP4 without encoding: the same frames at the same times."""

import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.logging

from labcrate.messages.message import Message
from labcrate.video.containers import Container, is_cut_short
from labcrate.video.probe import LimitedFile

_UNLIMITED = 1 << 62
# Open no other file. Decoders are allowed: the audio of a transport stream cannot be identified without them.
_OPTIONS = {"protocol_whitelist": "none", "enable_drefs": "0"}
_METADATA: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}

av.logging.set_level(None)  # otherwise FFmpeg reports damage to standard error


class RemuxError(Exception):
    """The video cannot be converted to an MP4; ``message`` says why, as a sentence about ``it``."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class RemuxResult:
    """The number of frames in the MP4, and the codecs of the streams that an MP4 cannot hold."""

    frames: int
    dropped_codecs: tuple[str, ...]


def remux(source: BinaryIO, target: BinaryIO, container: Container, size_bytes: int) -> RemuxResult:
    """Copy the frames and the audio of an open video into an MP4 with its index at the beginning.

    ``container`` selects the demuxer: no other is tried, and no name reaches FFmpeg. ``target`` is an empty file, open
    for reading and writing. Times and a creation time are copied. Audio that an MP4 cannot hold is left out and its
    codec returned. Raises RemuxError, and OSError if a disk is the cause.
    """
    if is_cut_short(source, size_bytes):
        raise RemuxError(Message("video.cut_short"))
    limited, written = LimitedFile(source, size_bytes, _UNLIMITED), _RemuxTarget(target)
    try:
        done = _copy(limited, written, container)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        damaged = RemuxError(Message("video.damaged", container=container.name))
        raise limited.failure or written.failure or damaged from error
    if failure := limited.failure or written.failure:
        raise failure
    _check(target, done)
    return done


class _RemuxTarget:
    """The new file for FFmpeg. It stores a failure: PyAV only prints one that is raised inside FFmpeg's callbacks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write bytes at the current position; return -1 after a failure."""
        if self.failure is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.failure = error
        return len(data) if self.failure is None else -1

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current position."""
        return self._file.tell()

    def reopen(self, _url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
        """Open the file a second time for reading: FFmpeg moves the data to make room for the index."""
        self._file.flush()
        return open(f"/proc/self/fd/{self._file.fileno()}", "rb", buffering=0)  # noqa: PTH123 - FFmpeg closes it


def _copy(limited: LimitedFile, written: _RemuxTarget, container: Container) -> RemuxResult:
    with (
        av.open(limited, "r", format=container.demuxer, container_options=_OPTIONS, **_METADATA) as source,
        av.open(
            written, "w", format="mp4", container_options={"movflags": "+faststart"}, io_open=written.reopen
        ) as target,
    ):
        if "creation_time" in source.metadata:
            target.metadata["creation_time"] = source.metadata["creation_time"]
        streams: dict[int, Any] = {}
        dropped_codecs = []
        for stream in (*source.streams.video, *source.streams.audio):
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            if codec in target.supported_codecs and not _is_cover(stream):
                streams[stream.index] = target.add_stream_from_template(stream)
            elif stream.type == "video" and not _is_cover(stream):
                raise RemuxError(Message("video.not_in_mp4", codec=codec))
            else:
                dropped_codecs.append(codec)
        if not any(stream.type == "video" for stream in streams.values()):
            raise RemuxError(Message("video.no_video"))
        frames = 0
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.size == 0:  # marks the end of a stream
                continue
            frames += packet.stream.type == "video"
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
        if not frames:
            raise RemuxError(Message("video.no_frames"))
        return RemuxResult(frames, tuple(dropped_codecs))


def _is_cover(stream: Any) -> bool:
    """Return whether a stream is a cover picture and no video."""
    return bool(stream.type == "video" and av.stream.Disposition.attached_pic in stream.disposition)


def _check(target: BinaryIO, done: RemuxResult) -> None:
    """Raise RemuxError if the new file's index has another number of frames than were copied."""
    target.seek(0)
    try:
        with av.open(target, "r", format="mp4", **_METADATA) as made:
            found = sum(stream.frames for stream in made.streams.video)
    except (av.FFmpegError, ValueError) as error:
        raise RemuxError(Message("video.remux_unreadable")) from error
    if found != done.frames:
        raise RemuxError(Message("video.frames_lost", written=found, total=done.frames))
