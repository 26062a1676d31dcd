"""Short H.264 MP4s that show a camera's name and a running clock, for the sample lab and the tests."""

import colorsys
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from math import ceil, sin
from pathlib import Path
from zlib import crc32

import av
import av.logging
from PIL import Image, ImageDraw, ImageFont

from labcrate.model.timespan import format_instant

INK, FAINT = (245, 245, 240), (190, 195, 195)
# Top and height of each line of text (as shares of the picture's height), and its colour.
LINES = ((0.06, 0.12, INK), (0.22, 0.30, INK), (0.55, 0.10, INK), (0.69, 0.09, FAINT))

av.logging.set_level(None)  # otherwise the encoder reports its settings to standard error


def make_clip(
    path: Path,
    camera: str,
    start: datetime,
    seconds: float,
    *,
    size: tuple[int, int] = (320, 180),
    fps: int = 5,
    creation_time: bool = True,
    time_zone: tzinfo = UTC,
) -> None:
    """Write an MP4 of ``seconds`` that shows a clock, beginning at the instant ``start``.

    The clock shows ``time_zone`` and UTC. With ``creation_time``, the header contains ``start``. The modification time
    of the file is the recording's end, as with a camera. ``size`` (width, height) is in pixels and must be even. The
    same arguments give the same bytes with the same version of the encoder. Raises OSError if writing fails.
    """
    # An absolute path: FFmpeg could interpret the beginning of a relative one as a protocol.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    pictures = _pictures(camera, start, ceil(seconds * fps), fps, size, time_zone)
    try:
        with av.open(str(path.absolute()), "w", format="mp4", options=options) as container:
            if creation_time:
                container.metadata["creation_time"] = format_instant(start)
            _encode(container, pictures, size, fps)
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
    end = (start + timedelta(seconds=seconds)).timestamp()
    os.utime(path, (end, end))


def _encode(
    container: av.container.OutputContainer, pictures: Iterator[Image.Image], size: tuple[int, int], fps: int
) -> None:
    """Encode the pictures as H.264, so that the same pictures give the same bytes.

    The number of threads changes the bytes, and with macroblock trees the output of x264 differs from run to run.
    """
    encoder = {"preset": "veryfast", "crf": "30", "g": str(fps * 10), "threads": "1", "x264-params": "mbtree=0"}
    stream = container.add_stream("libx264", rate=fps, options=encoder)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
        frame.pts, frame.time_base = number, Fraction(1, fps)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _pictures(
    camera: str, start: datetime, count: int, fps: int, size: tuple[int, int], time_zone: tzinfo
) -> Iterator[Image.Image]:
    """Yield the frames: a picture with the clock for each second, and a moving dot on it."""
    lines = [(top * size[1], ink, ImageFont.load_default(tall * size[1])) for top, tall, ink in LINES]
    still, shown = None, None
    for number in range(count):
        moment = start + timedelta(seconds=number / fps)
        if still is None or moment.replace(microsecond=0) != shown:
            shown = moment.replace(microsecond=0)
            still = Image.new("RGB", size, background(camera))
            draw = ImageDraw.Draw(still)
            for text, (top, ink, font) in zip(_clock_lines(camera, shown, time_zone), lines, strict=True):
                draw.text((size[0] // 16, top), text, ink, font)
        picture = still.copy()
        _draw_dot(picture, number / fps)
        yield picture


def _clock_lines(camera: str, moment: datetime, time_zone: tzinfo) -> tuple[str, ...]:
    """Return the lines of text: name, local time, date and zone, UTC."""
    local = moment.astimezone(time_zone)
    return (
        camera,
        f"{local:%H:%M:%S}",
        f"{local:%Y-%m-%d} {_zone(local)}",
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
    )


def background(camera: str) -> tuple[int, int, int]:
    """Return the background colour (red, green, blue) for a camera's name."""
    hue = crc32(camera.encode()) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.45, 0.38)
    return round(red * 255), round(green * 255), round(blue * 255)


def _zone(local: datetime) -> str:
    """Return the zone's short name and its offset from UTC: ``CEST (UTC+02:00)``."""
    offset = f"{local:%z}"
    distance = f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{local:%Z} ({distance})" if not (local.tzname() or "").startswith("UTC") else distance


def _draw_dot(picture: Image.Image, seconds: float) -> None:
    """Draw a dot that crosses the picture in twelve seconds."""
    width, height = picture.size
    radius = height / 22
    x, y = width * (seconds % 12) / 12, height * (0.89 + 0.03 * sin(3 * seconds))
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(240, 200, 90))
