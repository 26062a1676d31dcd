"""Thumbnails of recordings."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from labcrate.video.synthetic import background, make_clip
from labcrate.video.thumbnail import thumbnail


def test_a_picture_shows_the_recording(tmp_path: Path) -> None:
    """The JPEG is 320 pixels wide, keeps the recording's shape and has its colours."""
    path = tmp_path / "clip.mp4"
    make_clip(path, "Hall", datetime(2025, 5, 2, 8, tzinfo=UTC), 2.0, size=(640, 360))
    with path.open("rb") as file:
        jpeg = thumbnail(file)
    assert jpeg is not None
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    assert picture.size == (320, 180)
    seen = picture.getpixel((310, 10))
    assert isinstance(seen, tuple)
    assert all(abs(a - b) < 12 for a, b in zip(seen, background("Hall"), strict=True))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6])
def test_a_damaged_file_gives_no_picture_and_no_error(clip: Path, share: float) -> None:
    """A file that is cut short, empty or no video has no thumbnail, and nothing is raised."""
    whole = clip.read_bytes()
    assert thumbnail(io.BytesIO(whole[: int(len(whole) * share)])) is None


@pytest.mark.parametrize("content", [b"#EXTM3U\nhttp://192.0.2.1/x\n", b"not a video" * 100, b"\0" * 4096])
def test_what_is_no_mp4_is_not_opened(content: bytes) -> None:
    """A playlist or any other file is no video."""
    assert thumbnail(io.BytesIO(content)) is None


def test_pictures_that_are_damaged_inside_raise_nothing(clip: Path) -> None:
    """Damaged frames give a thumbnail or none, and no exception."""
    whole = clip.read_bytes()
    start = whole.index(b"mdat") + 4
    broken = whole[:start] + b"\x55" * (len(whole) - start)
    result = thumbnail(io.BytesIO(broken))
    assert result is None or result.startswith(b"\xff\xd8")


def test_a_codec_that_ffmpeg_does_not_know_has_no_picture(clip: Path) -> None:
    """A stream of an unknown codec gives no picture, and nothing is raised."""
    whole = clip.read_bytes()
    assert whole.count(b"avc1") >= 1
    head, _, tail = whole.rpartition(b"avc1")
    assert thumbnail(io.BytesIO(head + b"x?!1" + tail)) is None


def test_a_picture_that_is_hardly_wide_has_an_end(tmp_path: Path) -> None:
    """Sixteen pixels wide and some thousands tall: the JPEG keeps its width and has no more lines than it may."""
    path = tmp_path / "tall.mp4"
    make_clip(path, "Hall", datetime(2025, 5, 2, 8, tzinfo=UTC), 0.2, size=(16, 4096))
    jpeg = thumbnail(io.BytesIO(path.read_bytes()))
    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (320, 1280)
