"""The static files of the pages: style sheet, scripts, icon, and plotly.min.js from its package."""

import gzip
import hashlib
import importlib.util
import mimetypes
import threading
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

PLOTLY = "plotly.min.js"
_FINGERPRINT_DIGITS = 16
_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One static file at ``path``."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def media_type(self) -> str:
        """Return the media type for the Content-Type header."""
        suffix = self.path.suffix.removeprefix(".")
        return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"

    @cached_property
    def fingerprint(self) -> str:
        """Return the first digits of the SHA-256 of the content, for the URL."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:_FINGERPRINT_DIGITS]

    @cached_property
    def content(self) -> bytes:
        """Return the content; read once and shared by all responses."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """Return the content as gzip; compressed once, on first use."""
        return gzip.compress(self.content, 6, mtime=0)

    def body(self, *, gzipped: bool) -> bytes:
        """Return ``compressed`` or ``content``; computed once even if several threads call it."""
        with self._lock:
            return self.compressed if gzipped else self.content


@cache
def assets() -> dict[str, Asset]:
    """Return every static file by name."""
    folder = Path(str(resources.files("labcrate.web.pages").joinpath("static")))
    found = {file.name: Asset(file) for file in sorted(folder.iterdir()) if file.suffix in (".css", ".js", ".svg")}
    # Located without an import: the package takes long to load, and only this file is needed.
    spec = importlib.util.find_spec("plotly")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found[PLOTLY] = Asset(Path(place, "package_data", PLOTLY))
    return found


def static_path(name: str) -> str:
    """Return a file's path with its fingerprint, so that browsers may cache it as long as it is the same."""
    return f"/static/{name}?v={assets()[name].fingerprint}"
