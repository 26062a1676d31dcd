"""Files that rot, for tests: other bytes under a state that the index knows, and confirmations of any age."""

import os
from dataclasses import replace
from pathlib import Path

from labcrate.index.byte_checks import DAY_MS, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.model.fixity import Identity

DAYS_31 = 31 * DAY_MS


def read_index_record(root: Path, path: str) -> IndexedFile:
    """Return what the index of a lab has of a file."""
    with Catalog.open(root / ".labcrate") as catalog:
        return catalog.all()[path]


def set_confirmation_age(root: Path, age_ms: int = DAYS_31, path: str | None = None) -> None:
    """Have the index say that a file, or all files, were last confirmed so long ago."""
    with Catalog.open(root / ".labcrate") as catalog:
        records = [one for one in catalog.all().values() if path in (None, one.path)]
        assert records
        catalog.store([replace(one, confirmed_ms=now_ms() - age_ms) for one in records])


def flip_byte(root: Path, path: str, age_ms: int = DAYS_31, at: int = -1) -> bytes:
    """Flip a byte of a file as a failing disk does, and return the bytes that it had.

    It was last confirmed so long ago.
    """
    file = root / path
    before = file.read_bytes()
    data = bytearray(before)
    data[at] ^= 1
    overwrite_in_place(root, path, bytes(data))
    set_confirmation_age(root, age_ms, path)
    return before


def overwrite_in_place(root: Path, path: str, data: bytes) -> None:
    """Write other bytes into a file of which the index knows all that it knew before.

    A disk that fails changes neither size nor times. A test cannot set the time of the last change back, so the index
    is given the state that the file has now.
    """
    file = root / path
    state = file.stat()
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with Catalog.open(root / ".labcrate") as catalog:
        catalog.store([replace(catalog.all()[path], identity=Identity.of(file.stat()))])
