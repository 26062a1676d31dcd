"""The file of the index: what it stores, and that it can always be rebuilt."""

import os
import random
import sqlite3
import stat
from pathlib import Path

import pytest
from tests.support.rounds import rounds
from tests.support.values import replace

from labcrate.errors import CatalogError
from labcrate.index.catalog import INDEX_FILE, Catalog
from labcrate.index.records import COLUMNS, IndexedFile, PatchedFixity, SecretSearch
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.secrets.copied_files import Redaction, ScanResult

IDENTITY = Identity(3, 1, 2, 4)
RECORD = IndexedFile(
    "recordings/k\udcfcche.mp4", IDENTITY, Fixity(3, 7, "ab" * 32), Probe(duration_s=1.5, video_codec="h264")
)


def test_what_is_stored_is_found_again(tmp_path: Path) -> None:
    """A record is read as it was stored, also for a name that is not UTF-8, and from another connection."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
    with Catalog.open(tmp_path) as catalog:
        assert catalog.lookup({RECORD.path: IDENTITY}) == {RECORD.path: RECORD}
        assert catalog.all() == {RECORD.path: RECORD}


@pytest.mark.parametrize(
    "changed", [Identity(4, 1, 2, 4), Identity(3, 2, 2, 4), Identity(3, 1, 3, 4), Identity(3, 1, 2, 5)]
)
def test_a_changed_file_is_unknown(tmp_path: Path, changed: Identity) -> None:
    """A file with another size, mtime, ctime or inode has an empty record."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        assert catalog.lookup({RECORD.path: changed}) == {RECORD.path: IndexedFile(RECORD.path, changed)}


def test_thousands_of_files_are_found_at_once(tmp_path: Path) -> None:
    """A lookup of more files than one SQL statement can hold returns all records."""
    records = {f"recordings/{n}.mp4": IndexedFile(f"recordings/{n}.mp4", IDENTITY, RECORD.fixity) for n in range(2500)}
    with Catalog.open(tmp_path) as catalog:
        catalog.store(records.values())
        unknown = IndexedFile("recordings/none.mp4", IDENTITY)
        found = catalog.lookup(dict.fromkeys([*records, unknown.path], IDENTITY))
    assert found == records | {unknown.path: unknown}


def test_a_damaged_index_is_built_again(tmp_path: Path) -> None:
    """A file that is no database is replaced by an empty index."""
    (tmp_path / INDEX_FILE).write_bytes(b"no database " * 1000)
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        assert catalog.lookup({RECORD.path: IDENTITY}) == {RECORD.path: RECORD}


def test_an_index_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An index made by a newer version is refused with a remedy, and not changed."""
    with Catalog.open(tmp_path):
        pass
    with sqlite3.connect(tmp_path / INDEX_FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (tmp_path / INDEX_FILE).read_bytes()
    with pytest.raises(CatalogError, match="made by a newer version of labcrate"):
        Catalog.open(tmp_path)
    assert (tmp_path / INDEX_FILE).read_bytes() == before


def test_a_forgotten_file_is_unknown(tmp_path: Path) -> None:
    """A deleted record is not found."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([RECORD])
        catalog.forget([RECORD.path])
        assert catalog.all() == {}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_index_is_its_owners_alone(tmp_path: Path, mask: int) -> None:
    """The index lists the recordings, so only its owner can read it, whatever the umask is."""
    before = os.umask(mask)
    try:
        with Catalog.open(tmp_path) as catalog:
            catalog.store([RECORD])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / INDEX_FILE).stat().st_mode) == 0o600


WHOLE = IndexedFile(
    "recordings/kitchen.mp4",
    IDENTITY,
    Fixity(3, 7, "ab" * 32),
    Probe(duration_s=1.5, video_codec="h264", height=480),
    SecretSearch("f", ScanResult(), Redaction.NONE),
    PatchedFixity("p", Fixity(3, 8, "cd" * 32)),
    confirmed_ms=5,
    differs_ms=6,
)
OTHER_VALUES = {
    "path": b"recordings/kitchem.mp4",
    "size_bytes": 2,
    "mtime_ns": 9,
    "ctime_ns": 9,
    "inode": 9,
    "crc32": 6,
    "sha256": "bb" + "ab" * 31,
    "probe": '{"duration_s":1.5,"video_codec":"h264"}',
    "search": None,
    "patched": None,
    "confirmed_ms": 7,
    "differs_ms": None,
    "digest": b"x" * 16,
}


@pytest.mark.parametrize("column", COLUMNS.split(", "))
def test_a_row_with_one_other_value_is_not_there(tmp_path: Path, column: str) -> None:
    """A row with one changed value is ignored completely, since each value may reach an archive."""
    with Catalog.open(tmp_path) as catalog:
        catalog.store([WHOLE])
        assert catalog.all() == {WHOLE.path: WHOLE}
    with sqlite3.connect(tmp_path / INDEX_FILE) as connection:
        connection.execute(f"UPDATE file SET {column} = ?", (OTHER_VALUES[column],))  # noqa: S608 - constant columns
    connection.close()
    with Catalog.open(tmp_path) as catalog:
        assert catalog.all() == {}
        assert catalog.lookup({WHOLE.path: IDENTITY}) == {WHOLE.path: IndexedFile(WHOLE.path, IDENTITY)}


@pytest.mark.thorough
def test_flipped_bits_give_no_other_facts(tmp_path: Path) -> None:
    """With one to four flipped bits, each record is as stored or empty, or the index is refused."""
    tries = rounds(80, 500)
    choice = random.Random(11)  # noqa: S311 - repeatable on purpose
    records = {
        f"recordings/{n}.mp4": replace(WHOLE, path=f"recordings/{n}.mp4", identity=Identity(3, n, n, n))
        for n in range(120)
    }
    states = {path: record.identity for path, record in records.items()}
    with Catalog.open(tmp_path) as catalog:
        catalog.store(records.values())
    whole, file, believed = (tmp_path / INDEX_FILE).read_bytes(), tmp_path / INDEX_FILE, 0
    for _ in range(tries):
        data = bytearray(whole)
        for _ in range(choice.randint(1, 4)):
            data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
        file.write_bytes(data)
        try:
            with Catalog.open(tmp_path) as catalog:
                known, everything = catalog.lookup(states), catalog.all()
        except CatalogError:
            continue
        assert all(one in (records[path], IndexedFile(path, states[path])) for path, one in known.items())
        assert all(one == records.get(path) for path, one in everything.items())
        believed += sum(one == records[path] for path, one in known.items())
    assert believed > tries * 60


def test_an_index_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    """Records of version 2 are kept, as never confirmed; the key stays, so that nothing is searched again."""
    connection = sqlite3.connect(tmp_path / INDEX_FILE)
    connection.executescript(
        "CREATE TABLE file (path BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, "
        "ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, crc32 INTEGER, sha256 TEXT, probe TEXT, search TEXT, "
        "patched TEXT) STRICT, WITHOUT ROWID; CREATE TABLE search_key (key BLOB NOT NULL) STRICT; "
        "PRAGMA user_version = 2;"
    )
    values = (os.fsencode(RECORD.path), 3, 1, 2, 4, 7, "ab" * 32, '{"duration_s":1.5,"video_codec":"h264"}', None, None)
    connection.execute("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("INSERT INTO search_key VALUES (?)", (b"k" * 32,))
    connection.commit()
    connection.close()
    with Catalog.open(tmp_path) as catalog:
        assert catalog.all() == {RECORD.path: RECORD}
        assert catalog.search_key == b"k" * 32
