"""Videos with random damage, as from a failing card or a hostile user: pictures and probes work or are left out."""

import io
import random
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from labcrate.video.probe import probe
from labcrate.video.synthetic import make_clip
from labcrate.video.thumbnail import thumbnail

SEEDS = 1500
_FOUR_BYTES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1")


def damaged(whole: bytes, seed: int, first: int, last: int) -> bytes:
    """Return the bytes with 1 to 16 changes, most of them between two places: the same for the same seed."""
    dice, content = random.Random(seed), bytearray(whole)  # noqa: S311 - the same damage each time
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(first, last) if dice.random() < 0.8 else dice.randrange(len(content) - 8)
        kind = dice.random()
        if kind < 0.5:
            content[at] = dice.randrange(256)
        elif kind < 0.7:
            content[at : at + 4] = dice.choice(_FOUR_BYTES)
        elif kind < 0.85:
            content[at] ^= 1 << dice.randrange(8)
        elif kind < 0.93:
            del content[at : at + dice.randrange(1, 9)]
        else:
            content[at:at] = dice.randbytes(dice.randrange(1, 9))
    return bytes(content)


def test_no_damaged_mp4_raises_anything(tmp_path: Path) -> None:
    """Each damaged MP4 has a JPEG or none, and a probe; nothing is raised, whatever its index contains."""
    path = tmp_path / "clip.mp4"
    make_clip(path, "Hall", datetime(2025, 5, 2, 8, tzinfo=UTC), 1.0, size=(96, 64))
    whole = path.read_bytes()
    pictures = 0
    for seed in range(SEEDS):
        content = damaged(whole, seed, whole.index(b"moov") - 4, len(whole) - 200)
        jpeg = thumbnail(io.BytesIO(content))
        assert jpeg is None or jpeg.startswith(b"\xff\xd8"), seed
        pictures += jpeg is not None
        found = probe(io.BytesIO(content))
        assert found.problem or found.video_codec, seed
    assert 0 < pictures < SEEDS


@pytest.mark.parametrize(
    ("container", "suffix", "codec"),
    [
        ("matroska", "mkv", "libx264"),
        ("avi", "avi", "mpeg4"),
        ("mpegts", "ts", "mpeg2video"),
        ("flv", "flv", "libx264"),
    ],
)
def test_no_damaged_video_of_another_container_raises_anything(container: str, suffix: str, codec: str) -> None:
    """Each damaged MKV, AVI, TS and FLV has a probe; nothing is raised. Seed 197 of MKV names an unknown codec."""
    whole = small_video(container, codec)
    for seed in range(SEEDS // 3):
        found = probe(io.BytesIO(damaged(whole, seed, 0, 600)), f"video.{suffix}")
        assert found.problem or found.video_codec, seed


def small_video(container: str, codec: str) -> bytes:
    """Return one second of video."""
    written = io.BytesIO()
    with av.open(written, "w", format=container) as target:
        stream = target.add_stream(codec, rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_image(Image.new("RGB", (96, 64), (number * 20, 0, 0)))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, 5)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return written.getvalue()
