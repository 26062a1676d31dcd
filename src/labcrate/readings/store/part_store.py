"""What keeps an index of readings: a folder (`folder_store`), or the memory where no folder can be written."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import polars as pl

from labcrate.readings.load.slice import FactStore
from labcrate.readings.store.manifest import Manifest, PartInfo

SAMPLE_ROWS = 256
"""The number of rows of a run for which one time is kept, to find spans of time with about equally many rows."""


class IndexDamagedError(Exception):
    """A part of an index is missing or has other bytes than were written."""


class IndexWriteError(Exception):
    """An index cannot be written: the disk is full, say, or read-only, or what was written cannot be read again."""


class PartStore(FactStore, Protocol):
    """A place for indexes of readings and their parts, and for results that were computed from them."""

    is_in_memory: bool

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from changing indexes."""

    def load(self, key: str) -> Manifest | None:
        """Return an index; None if there is none that can be used."""

    def save(self, key: str, manifest: Manifest) -> None:
        """Replace an index. Raises IndexWriteError."""

    def delete(self, key: str) -> None:
        """Delete an index."""

    def write_part(self, name: str, rows: pl.DataFrame) -> tuple[str, int, bytes]:
        """Write a part, and return its name, size in bytes and hash. Raises IndexWriteError."""

    def read_part(self, part: PartInfo, columns: Sequence[str]) -> pl.DataFrame:
        """Return columns of a part. Raises IndexDamagedError."""

    def write_run(self, rows: pl.DataFrame) -> "Run":
        """Write rows that are read by position soon. Raises IndexWriteError."""


class Run(Protocol):
    """Rows sorted by time, at least one, that were written for the time of building an index."""

    def samples(self) -> pl.Series:
        """Return the time of the first of each ``SAMPLE_ROWS`` rows, and the last time."""

    def take_before(self, us: int | None) -> list[pl.DataFrame]:
        """Return the rows before a time (None: all) that were not returned before. Raises IndexWriteError."""

    def delete(self) -> None:
        """Delete the rows."""


class MemoryStore:
    """Indexes in memory, for one process."""

    is_in_memory = True

    def __init__(self) -> None:
        self._manifests: dict[str, Manifest] = {}
        self._parts: dict[str, pl.DataFrame] = {}
        self._facts: dict[tuple[str, str], bytes] = {}

    def load_fact(self, name: str, depends_on: object) -> bytes | None:
        """Return a result; None if it is not known."""
        return self._facts.get((name, repr(depends_on)))

    def save_fact(self, name: str, depends_on: object, data: bytes) -> None:
        """Store a result."""
        self._facts[name, repr(depends_on)] = data

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Return at once: no other process has this index."""
        yield

    def load(self, key: str) -> Manifest | None:
        """Return an index; None if there is none."""
        return self._manifests.get(key)

    def save(self, key: str, manifest: Manifest) -> None:
        """Replace an index, and delete the parts that it does not have."""
        self._manifests[key] = manifest
        names = {part.name for one in self._manifests.values() for part in one.parts}
        self._parts = {name: rows for name, rows in self._parts.items() if name in names}

    def delete(self, key: str) -> None:
        """Delete an index."""
        self._manifests.pop(key, None)

    def write_part(self, name: str, rows: pl.DataFrame) -> tuple[str, int, bytes]:
        """Keep a part, and return its name, size in bytes and an empty hash."""
        name = f"{name}-{secrets.token_hex(8)}"
        self._parts[name] = rows
        return name, int(rows.estimated_size()), b""

    def read_part(self, part: PartInfo, columns: Sequence[str]) -> pl.DataFrame:
        """Return columns of a part. Raises IndexDamagedError if it was replaced."""
        rows = self._parts.get(part.name)
        if rows is None:
            raise IndexDamagedError
        return rows.select(columns)

    def write_run(self, rows: pl.DataFrame) -> "MemoryRun":
        """Keep rows."""
        return MemoryRun(rows)


class MemoryRun:
    """A run in memory."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows

    def samples(self) -> pl.Series:
        """Return the time of the first of each ``SAMPLE_ROWS`` rows, and the last time."""
        times = self._rows["us"]
        return times.gather_every(SAMPLE_ROWS).append(times.tail(1))

    def take_before(self, us: int | None) -> list[pl.DataFrame]:
        """Return the rows before a time (None: all) that were not returned before."""
        end = self._rows.height if us is None else int(self._rows["us"].search_sorted(us, "left"))
        found, self._rows = self._rows[:end], self._rows[end:]
        return [found] if end else []

    def delete(self) -> None:
        """Return at once: nothing was written."""
