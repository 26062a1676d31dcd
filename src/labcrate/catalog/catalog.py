"""The SQLite file that remembers what indexing found out."""

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Self

from labcrate.catalog.records import Indexed
from labcrate.catalog.rows import COLUMNS, COLUMNS_2, MARKS, Row, from_row, is_sound, storable, to_row, with_digest
from labcrate.errors import CatalogError
from labcrate.model.fixity import Identity

INDEX_FILE = "index.db"
SCHEMA_VERSION = 3
_BUSY_SECONDS = 10.0
_MEMORY = Path(":memory:")
# SQLite's primary result codes. ERROR is what a database with other tables than ours answers.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# SQLite takes 999 values in one statement, whatever it was built with.
_PATHS_AT_ONCE = 900
_KEY_BYTES = 32
_VERSION_2 = 2


class Catalog:
    """The index of one lab. Use it from one thread; several processes may share the file.

    Damage that shows only later, when a page is read, is answered by starting over as well. A full
    disk ends the remembering, not the export.
    """

    def __init__(self, connection: sqlite3.Connection, file: Path, *, writable: bool) -> None:
        self._connection, self._file = connection, file
        self.writable = writable

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in labcrate's state folder, making or rebuilding it where that is needed.

        An index that is damaged is set up anew, and one that the disk has no room for is kept in memory.
        Raises CatalogError when it was made by a newer labcrate, or stays locked by another process.
        """
        file = folder / INDEX_FILE
        with _explained():
            if file.is_symlink():  # what is behind it is not ours to write
                _remove(file)
            try:
                return cls._prepared(file)
            except _ERRORS as error:
                if _code(error) == sqlite3.SQLITE_FULL:
                    return cls._prepared(_MEMORY)
                if _code(error) not in _DAMAGED:
                    raise
                _remove(file)
                return cls._prepared(file)

    @classmethod
    def _prepared(cls, file: Path) -> Self:
        if file != _MEMORY:
            # It tells what recordings there are: its owner's alone. One that cannot be made is told of by opening it.
            with suppress(OSError):
                os.close(
                    os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                )  # it tells what recordings there are
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
        writable = file == _MEMORY or os.access(file, os.W_OK)
        if version < SCHEMA_VERSION:
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < SCHEMA_VERSION:  # another process may have been first
                _create(connection, version)
            connection.execute("COMMIT")
        return cls(connection, file, writable=writable)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lookup(self, states: Mapping[str, Identity]) -> dict[str, Indexed]:
        """What is known of these files (path to state) in just these states; an empty record when nothing is."""
        known = {path: Indexed(path, identity) for path, identity in states.items()}
        for paths in _chunks(list(states)):
            marks = ", ".join("?" * len(paths))
            query = f"SELECT {COLUMNS} FROM file WHERE path IN ({marks})"  # noqa: S608 - constant columns
            for found in map(from_row, self._read(query, *map(os.fsencode, paths))):
                identity = states.get(found.path)
                if identity is None:
                    continue  # a damaged page gives other rows than were asked for
                if found.identity == identity:
                    known[found.path] = found
                elif found.identity == storable(identity):
                    known[found.path] = replace(found, identity=identity)
        return known

    def all(self) -> dict[str, Indexed]:
        """Everything in the index, by path, whether or not it still holds."""
        rows = self._read(f"SELECT {COLUMNS} FROM file")  # noqa: S608 - constant columns
        return {indexed.path: indexed for indexed in map(from_row, rows)}

    def confirmed_before(self, oldest_ms: int, now_ms: int) -> list[tuple[str, Identity]]:
        """Return the files whose bytes were last confirmed before then or never, the oldest first, by path and state.

        Times after ``now_ms`` are of a clock that was set wrong. Those known to hold other bytes are left out.
        """
        rows = self._read(
            f"SELECT {COLUMNS} FROM file WHERE crc32 IS NOT NULL AND differs_ms IS NULL "  # noqa: S608 - as above
            "AND (confirmed_ms IS NULL OR confirmed_ms < ?1 OR confirmed_ms > ?2) ORDER BY confirmed_ms",
            oldest_ms,
            now_ms,
        )
        return [(one.path, one.identity) for one in map(from_row, rows)]

    def differing(self) -> dict[str, Indexed]:
        """Return the files that hold other bytes than their checksums are of, in the states in which they did."""
        rows = self._read(f"SELECT {COLUMNS} FROM file WHERE differs_ms IS NOT NULL ORDER BY path")  # noqa: S608
        return {one.path: one for one in map(from_row, rows)}

    def confirmations(self, oldest_ms: int) -> tuple[int, int, int | None]:
        """Return how many files have checksums, how many of these were confirmed since then, and the oldest time."""
        found = self._rows(
            "SELECT count(crc32), coalesce(sum(confirmed_ms >= ?1), 0), min(coalesce(confirmed_ms, 0)) FROM file "
            "WHERE crc32 IS NOT NULL",
            oldest_ms,
        )
        return found[0] if found else (0, 0, None)

    def store(self, records: Iterable[Indexed]) -> None:
        """Remember these records, replacing what was known of their paths. Nothing happens on a read-only disk."""
        insert = f"INSERT OR REPLACE INTO file ({COLUMNS}) VALUES ({MARKS})"  # noqa: S608 - as above
        self._write(insert, list(map(to_row, records)))

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
        return list(filter(is_sound, self._rows(query, *values)))

    def _rows(self, query: str, *values: object) -> list[Any]:
        with _explained():
            try:
                return self._connection.execute(query, values).fetchall()
            except _ERRORS as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._start_over()
                return []

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if not self.writable:
            return
        with _explained():
            try:
                self._in_one(statement, rows)
            except _ERRORS as error:
                if _code(error) == sqlite3.SQLITE_FULL:
                    self.writable = False
                elif _code(error) in _DAMAGED:
                    self._start_over()
                    self._in_one(statement, rows)
                else:
                    raise

    def _in_one(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Do all of it in one transaction, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk ends it by itself
                self._connection.execute("ROLLBACK")
            raise

    def _start_over(self) -> None:
        """Replace a damaged index by an empty one: all of it can be computed again, so nothing is lost."""
        self._connection.close()
        _remove(self._file)
        fresh = self._prepared(self._file)
        self._connection, self.writable = fresh._connection, fresh.writable


def _remove(file: Path) -> None:
    try:
        for suffix in ("", "-journal", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise CatalogError(
            f"The index {INDEX_FILE} is damaged and cannot be replaced ({error.strerror}); delete it."
        ) from None


def _code(error: Exception) -> int:
    """SQLite's primary result code: the lowest byte of the extended one."""
    # Text that is not UTF-8 is an error without a code, of a value or of a message that quotes one.
    damaged = isinstance(error, sqlite3.OperationalError | UnicodeDecodeError)
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT if damaged else sqlite3.SQLITE_MISUSE)
    return code & 0xFF


def _chunks(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """In pieces that one statement may hold."""
    for start in range(0, len(paths), _PATHS_AT_ONCE):
        yield paths[start : start + _PATHS_AT_ONCE]


def _create(connection: sqlite3.Connection, version: int) -> None:
    """Set the tables up; what version 2 knew is kept, as never confirmed, since reading all of a lab takes hours."""
    before = _version_2(connection) if version == _VERSION_2 else None
    connection.execute("DROP TABLE IF EXISTS file")
    connection.execute("DROP TABLE IF EXISTS search_key")
    schema = resources.files("labcrate.catalog").joinpath("schema.sql").read_text("utf-8")
    for statement in schema.split(";\n"):  # sqlite3 runs one at a time inside a transaction
        connection.execute(statement)
    rows, key = before or ([], secrets.token_bytes(_KEY_BYTES))
    connection.executemany(f"INSERT OR REPLACE INTO file ({COLUMNS}) VALUES ({MARKS})", rows)  # noqa: S608 - constant
    connection.execute("INSERT INTO search_key VALUES (?)", (key,))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version_2(connection: sqlite3.Connection) -> tuple[list[tuple[object, ...]], bytes] | None:
    """Return the rows of an index of version 2, with digests, and its key; None where it cannot be read."""
    try:
        found = connection.execute(f"SELECT {COLUMNS_2} FROM file").fetchall()  # noqa: S608 - constant columns
        (key,) = connection.execute("SELECT key FROM search_key LIMIT 1").fetchone()
        return [with_digest((*row, None, None)) for row in found], bytes(key)
    except (*_ERRORS, TypeError, ValueError, OverflowError):
        return None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        if _code(error) in _LOCKED:
            raise CatalogError(
                f"The index {INDEX_FILE} is locked by another program; wait until that is finished, and try again."
            ) from error
        remedy = "Delete the file in the lab's folder .labcrate, or in your state folder, to have it built again."
        raise CatalogError(f"The index {INDEX_FILE} cannot be used: {error}. {remedy}") from error
