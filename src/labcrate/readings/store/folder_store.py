"""An index of readings in a folder.

The index can be deleted at any time. A file is written under another name first; what a crash left, and parts that no
index needs any more, are deleted after an hour, so that an archive that is being made from them can be finished.
"""

import fcntl
import io
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b, sha256
from pathlib import Path

import polars as pl

from labcrate.readings.store.manifest import Manifest, PartInfo, decode_manifest, digest_for, encode_manifest
from labcrate.readings.store.part_store import SAMPLE_ROWS, IndexDamagedError, IndexWriteError

UNUSED_S = 3600
"""The age in seconds at which a file that no index needs is deleted."""

FACT_S = 30 * 86400
"""The age in seconds at which a result is deleted."""

_PART, _INDEX, _FACT, _TEMPORARY = ".parquet", ".index", ".fact", ".tmp"
_DIGEST_BYTES = 32
_BLOCK_ROWS = 8192


class FolderStore:
    """Indexes in a folder, which is created when something is written."""

    is_in_memory = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fact_key: bytes | None = None

    def load_fact(self, name: str, depends_on: object) -> bytes | None:
        """Return a result; None if it is not known."""
        try:
            path = self._fact_path(name, depends_on)
            data = path.read_bytes()
        except (OSError, IndexWriteError):
            return None
        digest, data = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        return data if digest_for(path.name, data) == digest else None

    def save_fact(self, name: str, depends_on: object, data: bytes) -> None:
        """Store a result. A result that cannot be stored is computed again."""
        with suppress(IndexWriteError):
            path = self._fact_path(name, depends_on)
            self._write(path.name, digest_for(path.name, data) + data)

    def _fact_path(self, name: str, depends_on: object) -> Path:
        """Return the path of a result. It is named by a keyed hash, since it may depend on secrets."""
        if self._fact_key is None:
            path = self._folder / "key"
            try:
                self._fact_key = path.read_bytes()
            except OSError:
                self._fact_key = b""
            if len(self._fact_key) != _DIGEST_BYTES:
                self._fact_key = secrets.token_bytes(_DIGEST_BYTES)
                self._write("key", self._fact_key)
        hashed = blake2b(repr(depends_on).encode(), key=self._fact_key, digest_size=16).hexdigest()
        return self._folder / f"{name}-{hashed}{_FACT}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes and threads from changing indexes. Raises IndexWriteError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise IndexWriteError from error
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as error:  # a file system without locks
                raise IndexWriteError from error
            yield
        finally:
            os.close(fd)

    def load(self, key: str) -> Manifest | None:
        """Return an index; None if there is none, or one that is damaged or of another version."""
        try:
            manifest = decode_manifest((self._folder / (key + _INDEX)).read_bytes(), key)
        except OSError:
            return None
        if manifest is None:
            return None
        for part in manifest.parts:
            try:
                if (self._folder / (part.name + _PART)).stat().st_size != part.size_bytes:
                    return None
            except OSError:
                return None
        return manifest

    def save(self, key: str, manifest: Manifest) -> None:
        """Replace an index, and delete old files. Raises IndexWriteError."""
        old = self._part_names(key)
        self._write(key + _INDEX, encode_manifest(manifest, key))
        self._keep_for_now(old - {part.name for part in manifest.parts})
        with suppress(OSError):
            self._delete_unused()

    def delete(self, key: str) -> None:
        """Delete an index; its parts are deleted later."""
        old = self._part_names(key)
        with suppress(OSError):
            (self._folder / (key + _INDEX)).unlink()
        self._keep_for_now(old)

    def _part_names(self, key: str) -> set[str]:
        try:
            manifest = decode_manifest((self._folder / (key + _INDEX)).read_bytes(), key)
        except OSError:
            return set()
        return set() if manifest is None else {part.name for part in manifest.parts}

    def _keep_for_now(self, names: set[str]) -> None:
        """Keep parts that an index had until now: their age at which they are deleted begins now."""
        for name in names:
            with suppress(OSError):
                os.utime(self._folder / (name + _PART))

    def write_part(self, name: str, rows: pl.DataFrame) -> tuple[str, int, bytes]:
        """Write a part, and return its name, size in bytes and hash. Raises IndexWriteError."""
        name = f"{name}-{secrets.token_hex(8)}"
        data = io.BytesIO()
        rows.write_parquet(data, compression="zstd", compression_level=1, statistics=False)
        written = data.getvalue()
        self._write(name + _PART, written)
        return name, len(written), sha256(written).digest()

    def read_part(self, part: PartInfo, columns: Sequence[str]) -> pl.DataFrame:
        """Return columns of a part. Raises IndexDamagedError."""
        try:
            data = (self._folder / (part.name + _PART)).read_bytes()
        except OSError as error:
            raise IndexDamagedError from error
        if len(data) != part.size_bytes or sha256(data).digest() != part.digest:
            raise IndexDamagedError
        return pl.read_parquet(io.BytesIO(data), columns=list(columns))

    def write_run(self, rows: pl.DataFrame) -> "FileRun":
        """Write rows into a file. Raises IndexWriteError."""
        path = self._folder / f"run-{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            return FileRun(path, rows)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise IndexWriteError from error

    def _write(self, name: str, data: bytes) -> None:
        temporary = self._folder / f"{name}-{secrets.token_hex(4)}{_TEMPORARY}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
            temporary.replace(self._folder / name)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise IndexWriteError from error

    def _delete_unused(self) -> None:
        names = {entry.name for entry in self._folder.iterdir()}
        needed = {"lock", "key"}
        for name in names:
            if name.endswith(_INDEX):
                manifest = decode_manifest((self._folder / name).read_bytes(), name.removesuffix(_INDEX))
                if manifest is not None:
                    needed |= {name, *(part.name + _PART for part in manifest.parts)}
        for name in names - needed:
            with suppress(OSError):
                age_s = FACT_S if name.endswith(_FACT) else UNUSED_S
                if time.time() - (self._folder / name).stat().st_mtime > age_s:
                    (self._folder / name).unlink()


class FileRun:
    """A run in a file, written in blocks, of which one is in memory. Creating it raises OSError."""

    def __init__(self, path: Path, rows: pl.DataFrame) -> None:
        self._path = path
        self._ends: list[int] = []
        self._times = rows["us"].gather_every(SAMPLE_ROWS)
        self._firsts: list[int] = []
        with path.open("wb") as file:
            for block in rows.iter_slices(_BLOCK_ROWS):
                self._firsts.append(int(block["us"][0]))
                block.write_ipc(file, compression="uncompressed")
                self._ends.append(file.tell())
        self._last = int(rows["us"][-1])
        self._next, self._pending = 0, rows.clear()

    def samples(self) -> pl.Series:
        """Return the time of the first of each ``SAMPLE_ROWS`` rows, and the last time."""
        return self._times.append(pl.Series([self._last], dtype=pl.Int64))

    def take_before(self, us: int | None) -> list[pl.DataFrame]:
        """Return the rows before a time (None: all) that were not returned before. Raises IndexWriteError."""
        found = []
        while True:
            end = self._pending.height if us is None else int(self._pending["us"].search_sorted(us, "left"))
            if end:
                found.append(self._pending[:end])
                self._pending = self._pending[end:]
            if self._pending.height or self._next == len(self._ends):
                return found
            if us is not None and self._firsts[self._next] >= us:
                return found
            self._pending = self._read_block()

    def delete(self) -> None:
        """Delete the file; one that cannot be deleted now is deleted later, as other files that no index needs."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read_block(self) -> pl.DataFrame:
        start = self._ends[self._next - 1] if self._next else 0
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                data = file.read(self._ends[self._next] - start)
            rows = pl.read_ipc(io.BytesIO(data))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise IndexWriteError from error
        self._next += 1
        return rows
