import os
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops

from labcrate.video.probe import probe
from labcrate.video.synthetic import background, make_clip

START = datetime(2025, 5, 2, 6, 40, 7, tzinfo=UTC)
CLOCK = (0, 40, 320, 95)  # the part of a 320 x 180 picture with the clock


def pictures(path: Path) -> list[Image.Image]:
    """Return every frame, decoded."""
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]


def changed(one: Image.Image, other: Image.Image) -> int:
    """Return how many pixels clearly differ."""
    return sum(ImageChops.difference(one, other).convert("L").histogram()[40:])


def test_clock_runs(clip: Path) -> None:
    """Every second shows another time, and within a second the clock does not change."""
    clocks = [picture.crop(CLOCK) for picture in pictures(clip)]
    assert len(clocks) == 60
    seconds = clocks[::5]
    assert all(changed(now, then) > 150 for now, then in pairwise(seconds))
    assert all(changed(clocks[n], clocks[n + 4]) < 50 for n in range(0, 60, 5))


def test_something_moves(clip: Path) -> None:
    """Below the clock the picture changes from frame to frame."""
    floors = [picture.crop((0, 150, 320, 180)) for picture in pictures(clip)]
    assert all(changed(now, then) > 30 for now, then in pairwise(floors))


def test_cameras_look_different(clip: Path, tmp_path: Path) -> None:
    """Two cameras at the same time differ in colour and in the name they show."""
    make_clip(tmp_path / "hall.mp4", "Hall", START, 1)
    kitchen, hall = pictures(clip)[0], pictures(tmp_path / "hall.mp4")[0]
    assert changed(kitchen.crop((0, 0, 320, 36)), hall.crop((0, 0, 320, 36))) > 200
    for picture, camera in ((kitchen, "Kitchen"), (hall, "Hall")):
        seen, expected = picture.getpixel((310, 5)), background(camera)
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 8 for a, b in zip(seen, expected, strict=True))


def test_zone_is_shown(tmp_path: Path) -> None:
    """The same instant in another zone shows another time of day, and the same time in UTC."""
    make_clip(tmp_path / "utc.mp4", "Hall", START, 0.2)
    make_clip(tmp_path / "local.mp4", "Hall", START, 0.2, time_zone=timezone(timedelta(hours=2), "CEST"))
    utc, local = pictures(tmp_path / "utc.mp4")[0], pictures(tmp_path / "local.mp4")[0]
    assert changed(utc.crop(CLOCK), local.crop(CLOCK)) > 100
    assert changed(utc.crop((0, 124, 320, 148)), local.crop((0, 124, 320, 148))) < 50


def test_same_wish_same_bytes(clip: Path, tmp_path: Path) -> None:
    """The same arguments give the same file."""
    make_clip(tmp_path / "again.mp4", "Kitchen", START, 12, creation_time=True)
    assert (tmp_path / "again.mp4").read_bytes() == clip.read_bytes()


def test_clip_is_small_and_dated(clip: Path) -> None:
    """Twelve seconds take less than 50 kB, and the file's time is the recording's end."""
    assert clip.stat().st_size < 50_000
    assert clip.stat().st_mtime == (START + timedelta(seconds=12)).timestamp()


def test_options_are_kept(tmp_path: Path) -> None:
    """Size, rate and ``creation_time=False`` are respected."""
    make_clip(tmp_path / "a.mp4", "Hall", START, 1.5, size=(160, 90), fps=4, creation_time=False)
    with (tmp_path / "a.mp4").open("rb") as file:
        found = probe(file)
    assert (found.width, found.height, found.frame_rate, found.duration_s) == (160, 90, 4.0, 1.5)
    assert found.creation_time is None


def test_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path that looks like a protocol becomes a file of that name."""
    monkeypatch.chdir(tmp_path)
    make_clip(Path("pipe:2"), "Hall", START, 0.4)
    assert os.listdir(tmp_path) == ["pipe:2"]  # noqa: PTH208 - the names alone


def test_unwritable_goal_is_an_error(tmp_path: Path) -> None:
    """A missing folder is an OSError, whatever FFmpeg reports."""
    with pytest.raises(OSError, match="No such file"):
        make_clip(tmp_path / "missing" / "a.mp4", "Hall", START, 0.2)
