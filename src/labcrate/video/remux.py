"""Makes an MP4 of a video in another container without encoding again: the same pictures, at the same times."""

import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.logging

from labcrate.video.containers import Container, is_cut_short
from labcrate.video.probe import LimitedFile

_UNLIMITED = 1 << 62
# No file beside this one is opened. Decoders may be: what a transport stream's sound is, only they can tell.
_OPTIONS = {"protocol_whitelist": "none", "enable_drefs": "0"}
_METADATA: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}

av.logging.set_level(None)  # FFmpeg reports damage to standard error otherwise


class RemuxError(Exception):
    """The video cannot become an MP4; the text says why, as a sentence about ``it``."""


@dataclass(frozen=True, slots=True)
class RemuxResult:
    """What went into the MP4: the number of ``pictures``, and the codecs of the streams that do not fit into one."""

    pictures: int
    dropped_codecs: tuple[str, ...]


def remux(source: BinaryIO, target: BinaryIO, container: Container, size_bytes: int) -> RemuxResult:
    """Copy the pictures and the sound of an opened video into an MP4 with its index at its beginning.

    ``container`` says which demuxer reads it: no other is tried, and no name reaches FFmpeg. ``target`` is an empty
    file that is open for reading and writing. Times are kept; a creation time is kept where there is one. Sound whose
    codec does not fit into an MP4 stays out and is named. Raises RemuxError, and OSError where a disk is at fault.
    """
    if is_cut_short(source, size_bytes):
        raise RemuxError("it is cut short: it says that it is longer than it is")
    window, written = LimitedFile(source, size_bytes, _UNLIMITED), _RemuxTarget(target)
    try:
        done = _copy(window, written, container)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise window.failure or written.failure or RemuxError(f"it is damaged, or is not {container.name}") from error
    if failure := window.failure or written.failure:
        raise failure
    _check(target, done)
    return done


class _RemuxTarget:
    """The new file as FFmpeg sees it. A failure is kept: PyAV prints one that is raised inside FFmpeg's callbacks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write bytes where it stands."""
        if self.failure is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.failure = error
        return len(data) if self.failure is None else -1

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Stand elsewhere, and return where."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where it stands."""
        return self._file.tell()

    def reopen(self, _url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
        """Open the file a second time for reading: to make room for the index, what was written is moved along."""
        self._file.flush()
        return open(f"/proc/self/fd/{self._file.fileno()}", "rb", buffering=0)  # noqa: PTH123 - FFmpeg closes it


def _copy(window: LimitedFile, written: _RemuxTarget, container: Container) -> RemuxResult:
    with (
        av.open(window, "r", format=container.demuxer, container_options=_OPTIONS, **_METADATA) as source,
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
                raise RemuxError(f"its video ({codec}) does not fit into an MP4")
            else:
                dropped_codecs.append(codec)
        if not any(stream.type == "video" for stream in streams.values()):
            raise RemuxError("it holds no video")
        pictures = 0
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.size == 0:  # how the end of a stream is told
                continue
            pictures += packet.stream.type == "video"
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
        if not pictures:
            raise RemuxError("it holds no pictures")
        return RemuxResult(pictures, tuple(dropped_codecs))


def _is_cover(stream: Any) -> bool:
    """Return whether a stream is a picture that stands for the file, and no video."""
    return bool(stream.type == "video" and av.stream.Disposition.attached_pic in stream.disposition)


def _check(target: BinaryIO, done: RemuxResult) -> None:
    """Compare what the new file's index says with what was put into it."""
    target.seek(0)
    try:
        with av.open(target, "r", format="mp4", **_METADATA) as made:
            found = sum(stream.frames for stream in made.streams.video)
    except (av.FFmpegError, ValueError) as error:
        raise RemuxError("the MP4 that was made of it cannot be read again") from error
    if found != done.pictures:
        raise RemuxError(f"only {found:,} of its {done.pictures:,} pictures fit into an MP4")
