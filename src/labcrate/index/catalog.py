"""The SQLite file that remembers what indexing found out."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar

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
from labcrate.model.fixity import Identity

INDEX_FILE = "index.db"
# A statement that fails is of a database with other tables than ours.
_DAMAGED = {DatabaseErrorKind.DAMAGED, DatabaseErrorKind.STATEMENT}
# SQLite takes 999 values in one statement, whatever it was built with.
_PATHS_PER_STATEMENT = 900
_KEY_BYTES = 32
_VERSION_2 = 2
T = TypeVar("T")


class Catalog:
    """The index of one lab. Use it from one thread; several processes may share the file.

    Damage that shows only later, when a page is read, is answered by starting over as well. A full
    disk ends the remembering, not the export.
    """

    def __init__(self, connection: Connection, file: Path | None) -> None:
        self._connection, self._file = connection, file
        self.writable = _is_writable(file)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in labcrate's state folder, making or rebuilding it where that is needed.

        An index that is damaged is set up anew, and one that the disk has no room for is kept in memory.
        Raises CatalogError when it was made by a newer labcrate, or stays locked by another process.
        """
        file = folder / INDEX_FILE
        with translate_errors(partial(_to_catalog_error, file)):
            if file.is_symlink():  # what is behind it is not ours to write
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
        """What is known of these files (path to state) in just these states; an empty record when nothing is."""
        known = {path: IndexedFile(path, identity) for path, identity in states.items()}
        for paths in _chunks(list(states)):
            marks = ", ".join("?" * len(paths))
            query = f"SELECT {COLUMNS} FROM file WHERE path IN ({marks})"  # noqa: S608 - constant columns
            for found in map(from_row, self._read(query, *map(os.fsencode, paths))):
                identity = states.get(found.path)
                if identity is None:
                    continue  # a damaged page gives other rows than were asked for
                if found.identity == identity:
                    known[found.path] = found
                elif found.identity == storable_identity(identity):
                    known[found.path] = replace(found, identity=identity)
        return known

    def all(self) -> dict[str, IndexedFile]:
        """Everything in the index, by path, whether or not it still holds."""
        rows = self._read(f"SELECT {COLUMNS} FROM file")  # noqa: S608 - constant columns
        return {indexed.path: indexed for indexed in map(from_row, rows)}

    def files_due_for_check(self, oldest_ms: int, now_ms: int) -> list[tuple[str, Identity]]:
        """Return the files whose bytes were last confirmed before then or never, the oldest first, by path and state.

        Times after ``now_ms`` are of a clock that was set wrong. Those known to hold other bytes are left out.
        """
        rows = self._read(
            f"SELECT {COLUMNS} FROM file WHERE crc32 IS NOT NULL AND differs_ms IS NULL "  # noqa: S608 - as above
            "AND (confirmed_ms IS NULL OR confirmed_ms < ? OR confirmed_ms > ?) ORDER BY confirmed_ms",
            oldest_ms,
            now_ms,
        )
        return [(one.path, one.identity) for one in map(from_row, rows)]

    def differing_files(self) -> dict[str, IndexedFile]:
        """Return the files that hold other bytes than their checksums are of, in the states in which they did."""
        rows = self._read(f"SELECT {COLUMNS} FROM file WHERE differs_ms IS NOT NULL ORDER BY path")  # noqa: S608
        return {one.path: one for one in map(from_row, rows)}

    def count_confirmed(self, oldest_ms: int) -> tuple[int, int, int | None]:
        """Return how many files have checksums, how many of these were confirmed since then, and the oldest time."""
        ((files, confirmed, oldest),) = self._rows(
            "SELECT count(crc32), count(CASE WHEN confirmed_ms >= ? THEN 1 END), min(coalesce(confirmed_ms, 0)) "
            "FROM file WHERE crc32 IS NOT NULL",
            oldest_ms,
        )
        return files, confirmed, oldest

    def store(self, records: Iterable[IndexedFile]) -> None:
        """Remember these records, replacing what was known of their paths. Nothing happens on a read-only disk."""
        self._write(STORE_STATEMENT, list(map(to_row, records)))

    @cached_property
    def search_key(self) -> bytes:
        """Return the key of this index's hash of secrets (``Secrets.fingerprint``), random and made once for it.

        Where it cannot be kept, it is another one each time, and files are searched again.
        """
        keys = self._rows("SELECT key FROM search_key LIMIT 1")
        if keys and isinstance(keys[0][0], bytes) and len(keys[0][0]) == _KEY_BYTES:
            return keys[0][0]
        return secrets.token_bytes(_KEY_BYTES)

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what is known of files that are gone."""
        self._write("DELETE FROM file WHERE path = ?", [(os.fsencode(path),) for path in paths])

    def _read(self, query: str, *values: object) -> list[Row]:
        return list(filter(is_intact, self._rows(query, *values)))

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._retry_on_damage(lambda: self._connection.rows(query, *values))

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if self.writable:
            self._retry_on_damage(partial(self._execute_in_transaction, statement, rows))

    def _execute_in_transaction(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Do all of it in one transaction, or nothing: also from now on, where the disk has no room."""
        try:
            with self._connection.transaction():
                self._connection.executemany(statement, rows)
        except DatabaseError as error:
            if error.kind is not DatabaseErrorKind.FULL:
                raise
            self.writable = False

    def _retry_on_damage(self, work: Callable[[], T]) -> T:
        """Do something with the index. A damaged one is replaced by an empty one: all of it can be computed again."""
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
    """Return a connection to the index (None: to one in memory), whose tables are there and of this version."""
    if file:
        with suppress(OSError):  # why it cannot be made shows when it is opened
            create_private_file(file)  # it tells what recordings there are
    # A cache: after a power cut it may be gone, never wrong, so it waits for no disk.
    return Connection(file, SCHEMA, irreplaceable=False)


def _remove(file: Path) -> None:
    try:
        remove_database(file)
    except OSError as error:
        raise CatalogError(
            f"The index {INDEX_FILE} is damaged and cannot be replaced ({error.strerror}); delete it."
        ) from None


def _chunks(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """In pieces that one statement may hold."""
    for start in range(0, len(paths), _PATHS_PER_STATEMENT):
        yield paths[start : start + _PATHS_PER_STATEMENT]


def _upgrade(connection: Connection, version: int) -> None:
    """Set the tables up; what version 2 knew is kept, as never confirmed, since reading all of a lab takes hours."""
    before = _read_version_2(connection) if version == _VERSION_2 else None
    connection.execute("DROP TABLE IF EXISTS file")
    connection.execute("DROP TABLE IF EXISTS search_key")
    connection.run_script(resources.files("labcrate.index").joinpath("schema.sql").read_text("utf-8"))
    rows, key = before or ([], secrets.token_bytes(_KEY_BYTES))
    connection.executemany(STORE_STATEMENT, rows)
    connection.execute("INSERT INTO search_key VALUES (?)", key)


def _read_version_2(connection: Connection) -> tuple[list[tuple[object, ...]], bytes] | None:
    """Return the rows of an index of version 2, with digests, and its key; None where it cannot be read."""
    try:
        found = connection.rows(f"SELECT {COLUMNS_2} FROM file")  # noqa: S608 - constant columns
        ((key,),) = connection.rows("SELECT key FROM search_key LIMIT 1")
        return [with_digest((*row, None, None)) for row in found], bytes(key)
    except (DatabaseError, TypeError, ValueError, OverflowError):
        return None


SCHEMA = Schema(3, _upgrade)


def _to_catalog_error(file: Path | None, error: DatabaseError) -> CatalogError:
    if error.kind is DatabaseErrorKind.LOCKED:
        return CatalogError(
            f"The index {INDEX_FILE} is locked by another program; wait until that is finished, and try again."
        )
    if file and error.kind is DatabaseErrorKind.NEWER:
        return CatalogError(
            f"The index {file.parent.name}/{INDEX_FILE} was made by a newer labcrate; "
            "update labcrate, or delete that file to have it built again."
        )
    return CatalogError(
        f"The index {INDEX_FILE} cannot be used: {error}. Delete the file in the lab's folder .labcrate, or in your "
        "state folder, to have it built again."
    )
