"""One connection to one SQLite file: queries, transactions, and the version of its tables."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from labcrate.database.errors import DatabaseError, DatabaseErrorKind, engine_errors
from labcrate.database.files import create_private_file

BUSY_SECONDS = 10.0
"""How long a statement waits for a lock held by another program before it fails."""


class Schema(Struct, frozen=True):
    """The tables of a database; ``upgrade`` changes those of an older version (0: none) to those of ``version``.

    A file with another ``application_id`` is refused (None: it is not checked).
    """

    version: int
    upgrade: "Callable[[Connection, int], None]"
    application_id: int | None = None


class Connection:
    """One connection. One thread at a time may use it; every method may wait for the disk and raise DatabaseError."""

    def __init__(self, file: Path | None, schema: Schema | None = None, *, irreplaceable: bool = True) -> None:
        """Open a file, or (None) a database in memory, and check that it has the tables of ``schema``.

        An ``irreplaceable`` database is not created if it is missing and is checked for damage; its changes are on the
        disk when a transaction ends, and deleted data is overwritten.
        """
        with engine_errors():
            # mode=rw: a file that was just deleted is not created again.
            name = f"{file.absolute().as_uri()}?mode={'rw' if irreplaceable else 'rwc'}" if file else ":memory:"
            self._engine = sqlite3.connect(
                name, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            self.set_durable(irreplaceable)
            if irreplaceable:
                for pragma in ("foreign_keys = ON", "trusted_schema = OFF", "secure_delete = ON"):
                    self.execute(f"PRAGMA {pragma}")
            if schema:
                self._check(schema, thoroughly=irreplaceable)
        except BaseException:  # for example, for a damaged file
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, or of a change with ``RETURNING``."""
        with engine_errors():
            return self._engine.execute(query, values).fetchall()

    def execute(self, statement: str, *values: object) -> int:
        """Run a statement, and return the number of rows that it changed."""
        with engine_errors():
            return self._engine.execute(statement, values).rowcount

    def executemany(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each row of values."""
        with engine_errors():
            self._engine.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply all changes of the block, or none if it raises; changes of other programs wait."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._engine.in_transaction:  # a full disk ends the transaction
                self.execute("ROLLBACK")
            raise

    def run_script(self, script: str) -> None:
        """Run a script's statements one by one, because ``executescript`` would end the transaction around them."""
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self.execute(statement)
                statement = ""

    def set_durable(self, durable: bool) -> None:
        """Set whether the end of a transaction waits for the disk; a power cut may undo one that did not wait."""
        self.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    def _check(self, schema: Schema, *, thoroughly: bool) -> None:
        """Check that the tables are those of ``schema``, and upgrade older ones. Raises DatabaseError."""
        if schema.application_id not in (None, self._number("application_id")):
            raise DatabaseError(DatabaseErrorKind.OTHER_APPLICATION)
        version = self._number("user_version")
        if version > schema.version:
            raise DatabaseError(DatabaseErrorKind.NEWER)
        if thoroughly and self.rows("PRAGMA quick_check(1)") != [("ok",)]:
            raise DatabaseError(DatabaseErrorKind.DAMAGED)
        if version < schema.version:
            self.migrate(schema)

    def migrate(self, schema: Schema) -> None:
        """Upgrade the tables to the version of ``schema`` in one transaction, unless another process already did."""
        with self.transaction():
            version = self._number("user_version")
            if version < schema.version:
                schema.upgrade(self, version)
                self.execute(f"PRAGMA user_version = {schema.version}")
                if schema.application_id is not None:
                    self.execute(f"PRAGMA application_id = {schema.application_id}")

    def _number(self, pragma: str) -> int:
        ((number,),) = self.rows(f"PRAGMA {pragma}")
        return int(number)


def create_database(file: Path, schema: Schema) -> None:
    """Create a database that only its owner may read, in which readers never wait for writers.

    Raises DatabaseError and OSError.
    """
    create_private_file(file)
    with Connection(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # a write-ahead log
        connection.migrate(schema)


def upsert(table: str, columns: Sequence[str], key: str) -> str:
    """Return the statement that inserts a row, or replaces the row with the same ``key``."""
    values = ", ".join("?" * len(columns))
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) "  # noqa: S608 - names are constants
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )
