"""The SQLite file that remembers what indexing found out."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

import msgspec

from labcrate.errors import CatalogError
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe

INDEX_FILE = "index.db"
SCHEMA_VERSION = 1
_BUSY_SECONDS = 10.0
_COLUMNS = "path, size_bytes, mtime_ns, ctime_ns, inode, crc32, sha256, probe"


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is known of one file in one state; ``fixity`` and ``probe`` are None until computed."""

    path: str
    identity: Identity
    fixity: Fixity | None = None
    probe: Probe | None = None


class Catalog:
    """The index of one lab. Use it from one thread; several processes may share the file."""

    def __init__(self, connection: sqlite3.Connection, *, writable: bool) -> None:
        self._connection = connection
        self.writable = writable

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in labcrate's state folder, making or rebuilding it where that is needed.

        An index that is damaged is set up anew. Raises CatalogError when it was made by a newer
        labcrate, or stays locked by another process.
        """
        file = folder / INDEX_FILE
        with _explained():
            try:
                return cls._prepared(file)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                # Damaged. All of it can be computed again, so nothing is lost by starting over.
                for suffix in ("", "-journal", "-wal", "-shm"):
                    file.with_name(file.name + suffix).unlink(missing_ok=True)
                return cls._prepared(file)

    @classmethod
    def _prepared(cls, file: Path) -> Self:
        connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            return cls._checked(connection, file)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def _checked(cls, connection: sqlite3.Connection, file: Path) -> Self:
        # The index is a cache: after a power cut it may be gone, never wrong (journal mode stays on).
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise CatalogError(
                f"The index {file.parent.name}/{file.name} was made by a newer labcrate; "
                "update labcrate, or delete that file to have it built again."
            )
        writable = os.access(file, os.W_OK)
        if version < SCHEMA_VERSION:
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < SCHEMA_VERSION:  # another process may have been first
                _create(connection)
            connection.execute("COMMIT")
        return cls(connection, writable=writable)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lookup(self, path: str, identity: Identity) -> Indexed:
        """What is known of a file in this state; an empty record when nothing is."""
        with _explained():
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM file WHERE path = ?",  # noqa: S608 - constant columns
                (os.fsencode(path),),
            ).fetchone()
        found = _from_row(row) if row else None
        return found if found and found.identity == identity else Indexed(path, identity)

    def all(self) -> dict[str, Indexed]:
        """Everything in the index, by path, whether or not it still holds."""
        with _explained():
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM file")  # noqa: S608 - constant columns
            return {indexed.path: indexed for indexed in map(_from_row, rows)}

    def store(self, records: Iterable[Indexed]) -> None:
        """Remember these records, replacing what was known of their paths. Nothing happens on a read-only disk."""
        if not self.writable:
            return
        with _explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    f"INSERT OR REPLACE INTO file ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    map(_to_row, records),
                )
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what is known of files that are gone."""
        if not self.writable:
            return
        with _explained():
            self._connection.executemany("DELETE FROM file WHERE path = ?", ((os.fsencode(p),) for p in paths))


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE IF EXISTS file")
    schema = resources.files("labcrate.catalog").joinpath("schema.sql").read_text("utf-8")
    connection.execute(schema)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        remedy = "Wait for the other labcrate to finish, or delete the file to have it built again."
        raise CatalogError(f"The index .labcrate/{INDEX_FILE} cannot be used: {error}. {remedy}") from error


def _to_row(record: Indexed) -> tuple[object, ...]:
    identity, fixity = record.identity, record.fixity
    probe = msgspec.json.encode(record.probe).decode() if record.probe else None
    return (
        os.fsencode(record.path),
        identity.size_bytes,
        identity.mtime_ns,
        identity.ctime_ns,
        identity.inode,
        fixity.crc32 if fixity else None,
        fixity.sha256 if fixity else None,
        probe,
    )


def _from_row(row: tuple[bytes, int, int, int, int, int | None, str | None, str | None]) -> Indexed:
    path, size, mtime, ctime, inode, crc32, sha256, probe = row
    fixity = Fixity(size, crc32, sha256) if crc32 is not None and sha256 is not None else None
    known = None
    if probe is not None:
        with suppress(msgspec.DecodeError):  # a record that does not parse is one that is not there
            known = msgspec.json.decode(probe, type=Probe)
    return Indexed(os.fsdecode(path), Identity(size, mtime, ctime, inode), fixity, known)
