"""The SQLite file of the index."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from labcrate.database.connection import Connection, Schema
from labcrate.database.errors import DatabaseError, DatabaseErrorKind, translate_errors
from labcrate.database.files import create_private_file, remove_database
from labcrate.errors import CatalogError
from labcrate.index.records import (
    COLUMNS,
    COLUMNS_2,
    STORE_STATEMENT,
    IndexedFile,
    Row,
    from_row,
    is_intact,
    storable_identity,
    to_row,
    with_digest,
)
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity

INDEX_FILE = "index.db"
# A statement fails if the database has other tables.
_DAMAGED = {DatabaseErrorKind.DAMAGED, DatabaseErrorKind.STATEMENT}
# Every build of SQLite accepts 999 values in one statement.
_PATHS_PER_STATEMENT = 900
_KEY_BYTES = 32
_VERSION_2 = 2
T = TypeVar("T")


class Catalog:
    """The index of one lab. Use it from one thread; several processes may share the file.

    A damaged index is replaced by an empty one, also when the damage shows only while a page is read. When the disk
    is full, the index is no longer written, and the export goes on.
    """

    def __init__(self, connection: Connection, file: Path | None) -> None:
        self._connection, self._file = connection, file
        self.writable = _is_writable(file)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in labcrate's state folder; create it if there is none, and replace a damaged one.

        If the disk is full, the index is in memory. Raises CatalogError if the index was made by a newer labcrate, or
        stays locked by another process.
        """
        file = folder / INDEX_FILE
        with translate_errors(partial(_to_catalog_error, file)):
            if file.is_symlink():  # never write through a symbolic link
                _remove(file)
            try:
                return cls(_connect(file), file)
            except DatabaseError as error:
                if error.kind is DatabaseErrorKind.FULL:
                    return cls(_connect(None), None)
                if error.kind not in _DAMAGED:
                    raise
                _remove(file)
                return cls(_connect(file), file)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lookup(self, states: Mapping[str, Identity]) -> dict[str, IndexedFile]:
        """Return the record of each file (path to state) if it is in the same state; otherwise an empty record."""
        known = {path: IndexedFile(path, identity) for path, identity in states.items()}
        for paths in _chunks(list(states)):
            marks = ", ".join("?" * len(paths))
            query = f"SELECT {COLUMNS} FROM file WHERE path IN ({marks})"  # noqa: S608 - constant columns
            for found in map(from_row, self._read(query, *map(os.fsencode, paths))):
                identity = states.get(found.path)
                if identity is None:
                    continue  # a damaged page returns other rows than those requested
                if found.identity == identity:
                    known[found.path] = found
                elif found.identity == storable_identity(identity):
                    known[found.path] = replace(found, identity=identity)
        return known

    def all(self) -> dict[str, IndexedFile]:
        """Return all records by path, whether or not their files still have the same state."""
        rows = self._read(f"SELECT {COLUMNS} FROM file")  # noqa: S608 - constant columns
        return {indexed.path: indexed for indexed in map(from_row, rows)}

    def files_due_for_check(self, oldest_ms: int, now_ms: int) -> list[tuple[str, Identity]]:
        """Return path and state of the files last confirmed before ``oldest_ms`` (or never), the oldest first.

        A time after ``now_ms`` was written by a wrong clock and counts as never. Files that differ from their
        checksums are omitted.
        """
        rows = self._read(
            f"SELECT {COLUMNS} FROM file WHERE crc32 IS NOT NULL AND differs_ms IS NULL "  # noqa: S608 - as above
            "AND (confirmed_ms IS NULL OR confirmed_ms < ? OR confirmed_ms > ?) ORDER BY confirmed_ms",
            oldest_ms,
            now_ms,
        )
        return [(one.path, one.identity) for one in map(from_row, rows)]

    def differing_files(self) -> dict[str, IndexedFile]:
        """Return the records of the files whose bytes differed from their checksums, by path."""
        rows = self._read(f"SELECT {COLUMNS} FROM file WHERE differs_ms IS NOT NULL ORDER BY path")  # noqa: S608
        return {one.path: one for one in map(from_row, rows)}

    def count_confirmed(self, oldest_ms: int) -> tuple[int, int, int | None]:
        """Return how many files have checksums, how many of them were confirmed since then, and the oldest time."""
        ((files, confirmed, oldest),) = self._rows(
            "SELECT count(crc32), count(CASE WHEN confirmed_ms >= ? THEN 1 END), min(coalesce(confirmed_ms, 0)) "
            "FROM file WHERE crc32 IS NOT NULL",
            oldest_ms,
        )
        return files, confirmed, oldest

    def store(self, records: Iterable[IndexedFile]) -> None:
        """Store records, in place of older ones of the same paths. Do nothing on a read-only disk."""
        self._write(STORE_STATEMENT, list(map(to_row, records)))

    @cached_property
    def search_key(self) -> bytes:
        """Return the random key of this index, with which secrets are hashed (``Secrets.fingerprint``).

        If it cannot be stored, it is a different one each time, and files are searched again.
        """
        keys = self._rows("SELECT key FROM search_key LIMIT 1")
        if keys and isinstance(keys[0][0], bytes) and len(keys[0][0]) == _KEY_BYTES:
            return keys[0][0]
        return secrets.token_bytes(_KEY_BYTES)

    def forget(self, paths: Iterable[str]) -> None:
        """Delete the records of these paths."""
        self._write("DELETE FROM file WHERE path = ?", [(os.fsencode(path),) for path in paths])

    def _read(self, query: str, *values: object) -> list[Row]:
        return list(filter(is_intact, self._rows(query, *values)))

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._retry_on_damage(lambda: self._connection.rows(query, *values))

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if self.writable:
            self._retry_on_damage(partial(self._execute_in_transaction, statement, rows))

    def _execute_in_transaction(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute a statement for all rows in one transaction. If the disk is full, do nothing, now and later."""
        try:
            with self._connection.transaction():
                self._connection.executemany(statement, rows)
        except DatabaseError as error:
            if error.kind is not DatabaseErrorKind.FULL:
                raise
            self.writable = False

    def _retry_on_damage(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``. If the index is damaged, replace it by an empty one and try again."""
        with translate_errors(partial(_to_catalog_error, self._file)):
            try:
                return work()
            except DatabaseError as error:
                if error.kind not in _DAMAGED:
                    raise
            self._connection.close()
            if self._file:
                _remove(self._file)
            self._connection, self.writable = _connect(self._file), _is_writable(self._file)
            return work()


def _is_writable(file: Path | None) -> bool:
    return file is None or os.access(file, os.W_OK)


def _connect(file: Path | None) -> Connection:
    """Return a connection to the index in a file, or in memory (None), with the tables of this version."""
    if file:
        with suppress(OSError):  # opening it reports the problem
            create_private_file(file)  # it lists the recordings
    # After a power cut the index may be lost, but never wrong, so there is no need to wait for the disk.
    return Connection(file, SCHEMA, irreplaceable=False)


def _remove(file: Path) -> None:
    try:
        remove_database(file)
    except OSError as error:
        raise CatalogError(Message("index.damaged", file=INDEX_FILE, error=error.strerror)) from None


def _chunks(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the paths in pieces that fit one statement."""
    for start in range(0, len(paths), _PATHS_PER_STATEMENT):
        yield paths[start : start + _PATHS_PER_STATEMENT]


def _upgrade(connection: Connection, version: int) -> None:
    """Create the tables. Keep the records of version 2, as never confirmed: reading a whole lab again takes hours."""
    before = _read_version_2(connection) if version == _VERSION_2 else None
    connection.execute("DROP TABLE IF EXISTS file")
    connection.execute("DROP TABLE IF EXISTS search_key")
    from importlib import resources  # noqa: PLC0415 - only for a new or older database

    connection.run_script(resources.files("labcrate.index").joinpath("schema.sql").read_text("utf-8"))
    rows, key = before or ([], secrets.token_bytes(_KEY_BYTES))
    connection.executemany(STORE_STATEMENT, rows)
    connection.execute("INSERT INTO search_key VALUES (?)", key)


def _read_version_2(connection: Connection) -> tuple[list[tuple[object, ...]], bytes] | None:
    """Return the rows of an index of version 2, with digests, and its key; None if they cannot be read."""
    try:
        found = connection.rows(f"SELECT {COLUMNS_2} FROM file")  # noqa: S608 - constant columns
        ((key,),) = connection.rows("SELECT key FROM search_key LIMIT 1")
        return [with_digest((*row, None, None)) for row in found], bytes(key)
    except (DatabaseError, TypeError, ValueError, OverflowError):
        return None


SCHEMA = Schema(3, _upgrade)


def _to_catalog_error(file: Path | None, error: DatabaseError) -> CatalogError:
    """Return the error for users, with its remedy, for an error of the database."""
    if error.kind is DatabaseErrorKind.LOCKED:
        return CatalogError(Message("index.locked", file=INDEX_FILE))
    if file and error.kind is DatabaseErrorKind.NEWER:
        return CatalogError(Message("index.newer", file=f"{file.parent.name}/{INDEX_FILE}"))
    return CatalogError(Message("index.unusable", file=INDEX_FILE, problem=str(error)))
