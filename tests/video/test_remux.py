"""MP4s made from other containers: the same frames at the same times, or an error and no file."""

import io
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from labcrate.video.containers import container_of
from labcrate.video.remux import RemuxError, RemuxResult, remux

PICTURES = 30
CREATED = "2025-05-02T08:00:00.000000Z"


def make(path: Path, container: str, codec: str, *, sound: str | None, first: int, between: int) -> None:
    """Write a video whose first picture has the number ``first`` (ten a second), with B-frames ``between`` others."""
    with av.open(str(path), "w", format=container) as target:
        target.metadata["creation_time"] = CREATED
        video: Any = target.add_stream(codec, rate=10, options={"bf": str(between), "g": "12"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio: Any = target.add_stream(sound, rate=8000, layout="mono") if sound else None
        for number in range(PICTURES):
            shade = np.full((48, 64, 3), (number * 8) % 256, dtype=np.uint8)
            frame: Any = av.VideoFrame.from_ndarray(shade, format="rgb24")
            frame.pts, frame.time_base = number + first, Fraction(1, 10)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if audio:
            tone: Any = av.AudioFrame(format="s16", layout="mono", samples=8000)
            tone.sample_rate, tone.pts, tone.time_base = 8000, first * 800, Fraction(1, 8000)
            for plane in tone.planes:
                plane.update(bytes(range(256)) * (plane.buffer_size // 256) + bytes(plane.buffer_size % 256))
            target.mux(audio.encode(tone))
            target.mux(audio.encode(None))


def pictures(path: Path) -> list[tuple[Fraction, bytes]]:
    """Decode all pictures, each with its time in seconds."""
    with av.open(str(path)) as video:
        found = []
        for frame in video.decode(video.streams.video[0]):
            assert frame.pts is not None
            assert frame.time_base is not None
            found.append((frame.pts * frame.time_base, frame.to_ndarray().tobytes()))
        return found


def _remux(source: Path, target: Path) -> RemuxResult:
    container = container_of(source.name)
    assert container is not None
    with source.open("rb") as read, target.open("w+b") as written:
        return remux(read, written, container, source.stat().st_size)


VIDEOS = [
    ("a.mkv", "matroska", "libx264", None, 0, 2),
    ("b.mkv", "matroska", "mpeg4", "pcm_s16le", 37, 0),
    ("c.mov", "mov", "libx264", "pcm_alaw", 0, 3),
    ("d.mov", "mov", "mpeg4", "pcm_mulaw", 45, 2),
    ("e.ts", "mpegts", "libx264", "aac", 50, 2),
    ("f.ts", "mpegts", "mpeg2video", None, 0, 0),
    ("g.avi", "avi", "mpeg4", None, 0, 0),
    ("h.m4v", "mp4", "libx264", "aac", 12, 2),
]


@pytest.mark.parametrize(("name", "kind", "codec", "sound", "first", "between"), VIDEOS)
def test_every_picture_keeps_its_bytes_and_its_time(
    tmp_path: Path, name: str, kind: str, codec: str, sound: str | None, first: int, between: int
) -> None:
    """With B-frames or without, from time zero or later on, all pictures decode to the same at the same time.

    Sound that fits is there; G.711 is named as left out.
    """
    source, target = tmp_path / name, tmp_path / "made.mp4"
    make(source, kind, codec, sound=sound, first=first, between=between)
    done = _remux(source, target)
    expected, found = pictures(source), pictures(target)
    assert len(found) == PICTURES == done.frames
    assert [picture for _, picture in found] == [picture for _, picture in expected]
    assert max(abs(one - other) for (one, _), (other, _) in zip(expected, found, strict=True)) < Fraction(1, 1000)
    law = sound in ("pcm_alaw", "pcm_mulaw")
    assert done.dropped_codecs == ((sound,) if law else ())
    with av.open(str(target)) as made:
        assert [s.codec_context.name for s in made.streams.audio] == ([sound] if sound and not law else [])


@pytest.mark.parametrize(("name", "kind"), [("a.mov", "mov"), ("a.mkv", "matroska")])
def test_the_index_comes_first_and_the_creation_time_stays(tmp_path: Path, name: str, kind: str) -> None:
    """The MP4 has its index at the beginning, and the creation time of the original."""
    make(tmp_path / name, kind, "libx264", sound=None, first=0, between=0)
    _remux(tmp_path / name, tmp_path / "made.mp4")
    data = (tmp_path / "made.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(tmp_path / name)) as source, av.open(str(tmp_path / "made.mp4")) as made:
        assert made.metadata["creation_time"] == source.metadata["creation_time"] == CREATED


def test_no_creation_time_is_invented(tmp_path: Path) -> None:
    """A transport stream has no creation time, so the MP4 has none."""
    make(tmp_path / "a.ts", "mpegts", "libx264", sound=None, first=0, between=0)
    _remux(tmp_path / "a.ts", tmp_path / "made.mp4")
    with av.open(str(tmp_path / "made.mp4")) as made:
        created = made.metadata.get("creation_time")
    assert created is None or datetime.fromisoformat(created) < datetime(1971, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.mkv", "matroska"), ("a.mov", "mov"), ("a.ts", "mpegts"), ("a.avi", "avi")]
)
@pytest.mark.parametrize("damage", ["half", "zeros", "empty", "text", "playlist"])
def test_damage_is_one_clear_error(tmp_path: Path, name: str, kind: str, damage: str) -> None:
    """A damaged, empty or foreign file is refused with a reason; half a transport stream gives all its frames."""
    whole = tmp_path / name
    make(whole, kind, "mpeg4", sound=None, first=0, between=0)
    data = whole.read_bytes()
    broken = {
        "half": data[: len(data) // 2],
        "zeros": bytes(len(data)),
        "empty": b"",
        "text": b"not a video\n" * 500,
        "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    }[damage]
    whole.write_bytes(broken)
    if (kind, damage) == ("mpegts", "half"):
        done = _remux(whole, tmp_path / "made.mp4")
        assert [p for _, p in pictures(whole)] == [p for _, p in pictures(tmp_path / "made.mp4")]
        assert 0 < done.frames < PICTURES
    else:
        with pytest.raises(RemuxError, match=r"it cannot be read as|it is cut short|it contains no"):
            _remux(whole, tmp_path / "made.mp4")


def test_a_codec_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Video that an MP4 cannot hold is refused by its codec's name; nothing is encoded."""
    make(tmp_path / "a.avi", "avi", "wmv2", sound=None, first=0, between=0)
    with pytest.raises(RemuxError, match=r"its video \(wmv2\) cannot be stored in an MP4"):
        _remux(tmp_path / "a.avi", tmp_path / "made.mp4")


class _Full(io.BytesIO):
    """A disk that is full after some bytes."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > 100:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_the_disks_error(tmp_path: Path) -> None:
    """An error of the disk is raised unchanged, not as damage of the video."""
    make(tmp_path / "a.mkv", "matroska", "mpeg4", sound=None, first=0, between=0)
    container = container_of("a.mkv")
    assert container is not None
    with (tmp_path / "a.mkv").open("rb") as source, pytest.raises(OSError, match="No space left"):
        remux(source, _Full(), container, (tmp_path / "a.mkv").stat().st_size)
