"""The index file: what it remembers, and that it can always be built again."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from labcrate.catalog.catalog import INDEX_FILE, Catalog
from labcrate.catalog.records import Indexed
from labcrate.errors import CatalogError
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe

IDENTITY = Identity(3, 1, 2, 4)
RECORD = Indexed(
    "recordings/k\udcfcche.mp4", IDENTITY, Fixity(3, 7, "ab" * 32), Probe(duration_s=1.5, video_codec="h264")
)


def test_what_is_stored_is_found_again(tmp_path: Path) -> None:
    """A record comes back as it was, also under a name that is not UTF-8, also from another connection."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
    with Catalog.open(tmp_path) as catalog:
        assert catalog.lookup({RECORD.path: IDENTITY}) == {RECORD.path: RECORD}
        assert catalog.all() == {RECORD.path: RECORD}


@pytest.mark.parametrize(
    "changed", [Identity(4, 1, 2, 4), Identity(3, 2, 2, 4), Identity(3, 1, 3, 4), Identity(3, 1, 2, 5)]
)
def test_a_changed_file_is_unknown(tmp_path: Path, changed: Identity) -> None:
    """A file that differs in size, mtime, ctime or inode is one of which nothing is known."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        assert catalog.lookup({RECORD.path: changed}) == {RECORD.path: Indexed(RECORD.path, changed)}


def test_thousands_of_files_are_found_at_once(tmp_path: Path) -> None:
    """More files than one SQL statement can name are each found with what is known of it, or with nothing."""
    records = {f"recordings/{n}.mp4": Indexed(f"recordings/{n}.mp4", IDENTITY, RECORD.fixity) for n in range(2500)}
    with Catalog.open(tmp_path) as catalog:
        catalog.store(records.values())
        unknown = Indexed("recordings/none.mp4", IDENTITY)
        found = catalog.lookup(dict.fromkeys([*records, unknown.path], IDENTITY))
    assert found == records | {unknown.path: unknown}


def test_a_damaged_index_is_built_again(tmp_path: Path) -> None:
    """A file that is no database is replaced: all of it can be computed again."""
    (tmp_path / INDEX_FILE).write_bytes(b"no database " * 1000)
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        assert catalog.lookup({RECORD.path: IDENTITY}) == {RECORD.path: RECORD}


def test_an_index_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An index made by a newer labcrate is refused with a remedy, and not touched."""
    with Catalog.open(tmp_path):
        pass
    with sqlite3.connect(tmp_path / INDEX_FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / INDEX_FILE).read_bytes()
    with pytest.raises(CatalogError, match="made by a newer labcrate"):
        Catalog.open(tmp_path)
    assert (tmp_path / INDEX_FILE).read_bytes() == before


def test_a_forgotten_file_is_unknown(tmp_path: Path) -> None:
    """What was forgotten is not found."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        catalog.forget([RECORD.path])
        assert catalog.all() == {}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_index_is_its_owners_alone(tmp_path: Path, mask: int) -> None:
    """It tells which recordings there are; nobody else on the machine reads that, whatever their umask is."""
    before = os.umask(mask)
    try:
        with Catalog.open(tmp_path) as catalog:
            catalog.store([RECORD])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / INDEX_FILE).stat().st_mode) == 0o600
