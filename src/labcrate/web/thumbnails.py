"""Small pictures of recordings, made when a page asks for them, and kept in memory as long as there is room."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from labcrate.lab.lab_files import Files
from labcrate.model.fixity import Identity

_MOST_BYTES = 16 * 1024 * 1024
_EMPTY_SIZE = (320, 180)
_GROUND, _INK = (96, 106, 112), (176, 186, 192)


class Thumbnails:
    """Pictures of one lab; ``files`` gives what opens its files now. ``get`` reads and decodes: call it in a thread."""

    def __init__(self, files: Callable[[], Files]) -> None:
        self._files = files
        self._kept: OrderedDict[tuple[str, Identity], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, path: str, identity: Identity) -> bytes:
        """The picture of a recording as JPEG; a drawn one where it shows none. Raises OSError."""
        key = path, identity
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = self._make(path)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = picture
                self._bytes += len(picture)
            while self._bytes > _MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped)
        return picture

    def _make(self, path: str) -> bytes:
        # Loads FFmpeg: not before somebody looks at a picture.
        from labcrate.video.thumbnail import thumbnail  # noqa: PLC0415

        with _opened(self._files(), path) as file:
            return thumbnail(file) or drawn()


def _opened(files: Files, path: str) -> BinaryIO:
    return os.fdopen(files.open(path), "rb", buffering=0)


def drawn() -> bytes:
    """A picture that says there is none: a crossed frame."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    picture = Image.new("RGB", _EMPTY_SIZE, _GROUND)
    width, height = _EMPTY_SIZE
    draw = ImageDraw.Draw(picture)
    box = (width // 2 - 36, height // 2 - 24, width // 2 + 36, height // 2 + 24)
    draw.rectangle(box, outline=_INK, width=3)
    draw.line((box[0], box[3], box[2], box[1]), fill=_INK, width=3)
    written = BytesIO()
    picture.save(written, "JPEG", quality=75)
    return written.getvalue()
