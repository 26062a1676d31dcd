"""Files with changed bytes, for tests: their state in the index is unchanged, with confirmations of any age."""

import os
from pathlib import Path

from tests.support.values import replace

from labcrate.index.byte_checks import DAY_MS, now_ms
from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.model.fixity import Identity

DAYS_31 = 31 * DAY_MS


def read_index_record(root: Path, path: str) -> IndexedFile:
    """Return the record of a file in the index of a lab."""
    with Catalog.open(root / ".labcrate") as catalog:
        return catalog.all()[path]


def set_confirmation_age(root: Path, age_ms: int = DAYS_31, path: str | None = None) -> None:
    """Set the last confirmation of a file, or of all files, to ``age_ms`` milliseconds ago."""
    with Catalog.open(root / ".labcrate") as catalog:
        records = [one for one in catalog.all().values() if path in (None, one.path)]
        assert records
        catalog.store([replace(one, confirmed_ms=now_ms() - age_ms) for one in records])


def flip_byte(root: Path, path: str, age_ms: int = DAYS_31, at: int = -1) -> bytes:
    """Change a byte of a file as a failing disk does, and return the bytes before.

    The file was last confirmed ``age_ms`` milliseconds ago.
    """
    file = root / path
    before = file.read_bytes()
    data = bytearray(before)
    data[at] ^= 1
    overwrite_in_place(root, path, bytes(data))
    set_confirmation_age(root, age_ms, path)
    return before


def overwrite_in_place(root: Path, path: str, data: bytes) -> None:
    """Write other bytes to a file and leave its record in the index as it was.

    A failing disk changes neither size nor times. A test cannot reset the time of the last change, so the index gets
    the present state of the file.
    """
    file = root / path
    state = file.stat()
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with Catalog.open(root / ".labcrate") as catalog:
        catalog.store([replace(catalog.all()[path], identity=Identity.of(file.stat()))])
