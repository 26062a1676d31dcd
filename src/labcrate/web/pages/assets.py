"""The files that pages load: our own style and scripts, and plotly.min.js out of its package; nothing else."""

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
    """One file; ``path`` is where it lies on the disk."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def media_type(self) -> str:
        """Its type, for the Content-Type header."""
        suffix = self.path.suffix.removeprefix(".")
        return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"

    @cached_property
    def fingerprint(self) -> str:
        """A piece of the SHA-256 of its content: another content has another address."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:_FINGERPRINT_DIGITS]

    @cached_property
    def content(self) -> bytes:
        """Its bytes; read once, and shared by all who are sent them."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """Its content as gzip; made once, when it is first asked for."""
        return gzip.compress(self.content, 6, mtime=0)

    def body(self, *, gzipped: bool) -> bytes:
        """`compressed` or `content`, made only once when several threads ask at the same time."""
        with self._lock:
            return self.compressed if gzipped else self.content


@cache
def assets() -> dict[str, Asset]:
    """Every file that is served, by name."""
    folder = Path(str(resources.files("labcrate.web.pages").joinpath("static")))
    found = {file.name: Asset(file) for file in sorted(folder.iterdir()) if file.suffix in (".css", ".js", ".svg")}
    # Found, not imported: the package itself takes long to load, and nothing of it is needed.
    spec = importlib.util.find_spec("plotly")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found[PLOTLY] = Asset(Path(place, "package_data", PLOTLY))
    return found


def static_path(name: str) -> str:
    """The path of a file, with its fingerprint, so that browsers may keep it for as long as it stays the same."""
    return f"/static/{name}?v={assets()[name].fingerprint}"
