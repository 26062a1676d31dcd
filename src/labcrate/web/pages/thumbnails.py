"""Small pictures of recordings, made on request; the latest are cached."""

import os
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from labcrate.lab.lab_files import FileReader
from labcrate.model.fixity import Identity

_MAX_CACHED = 512
_EMPTY_SIZE = (320, 180)
_BACKGROUND, _FOREGROUND = (96, 106, 112), (176, 186, 192)


class Thumbnails:
    """Pictures of one lab's recordings; ``files`` returns the current files. ``get`` decodes: call it in a thread.

    A changed file gets a new picture.
    """

    def __init__(self, files: Callable[[], FileReader]) -> None:
        self._files = files
        self.get = lru_cache(_MAX_CACHED)(self._make)

    def _make(self, path: str, _: Identity) -> bytes:
        """Return the picture of a recording as JPEG, or a placeholder. Raises OSError."""
        # Loads FFmpeg, so it is imported on first use.
        from labcrate.video.thumbnail import thumbnail  # noqa: PLC0415

        with _open_file(self._files(), path) as file:
            return thumbnail(file) or placeholder_picture()


def _open_file(files: FileReader, path: str) -> BinaryIO:
    return os.fdopen(files.open(path), "rb", buffering=0)


def placeholder_picture() -> bytes:
    """Return the picture for a recording without one: a crossed frame."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    picture = Image.new("RGB", _EMPTY_SIZE, _BACKGROUND)
    width, height = _EMPTY_SIZE
    draw = ImageDraw.Draw(picture)
    box = (width // 2 - 36, height // 2 - 24, width // 2 + 36, height // 2 + 24)
    draw.rectangle(box, outline=_FOREGROUND, width=3)
    draw.line((box[0], box[3], box[2], box[1]), fill=_FOREGROUND, width=3)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=75)
    return buffer.getvalue()
