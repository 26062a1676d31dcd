"""A database that many threads use at once: one connection that writes, and one for each thread that reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from labcrate.database.connection import BUSY_SECONDS, Connection, Schema
from labcrate.database.errors import DatabaseError, DatabaseErrorKind, ErrorTranslator, translate_errors


class ConnectionPool:
    """One database. Any thread may use it, and several processes at once: a server and commands beside it.

    Readers never wait for writers. What is written is on the disk when the writing ends, unless it is said not to
    matter. All methods raise what ``translate`` makes of a DatabaseError.
    """

    def __init__(self, file: Path, schema: Schema, translate: ErrorTranslator) -> None:
        """Open a file that is there, see that it is whole, and bring its tables up to date."""
        self.file, self._explain = file, translate
        # A connection for each thread that reads, so that a long reading holds nobody up.
        self._own = threading.local()
        self._readers: list[Connection] = []
        self._writing, self._listing = threading.Lock(), threading.Lock()
        with translate_errors(translate):
            self._writer = Connection(file, schema)

    def close(self) -> None:
        """Close the file; no thread may be reading any more."""
        with self._writing, self._listing:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with translate_errors(self._explain):
            return self._reader().rows(query, *values)

    @contextmanager
    def write_transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Do all that is done in the block with the connection, or nothing of it.

        What is not ``durable`` may be forgotten in a power cut, and costs no wait for the disk.
        """
        with self._writing, translate_errors(self._explain):
            self._writer.set_durable(durable)
            with self._writer.transaction():
                yield self._writer

    def write_if_idle(self, statement: str, *values: object) -> None:
        """Change something that hardly matters, if nothing else is being written just now: it never waits."""
        if not self._writing.acquire(blocking=False):
            return
        try:
            with translate_errors(self._explain):
                self._writer.execute("PRAGMA busy_timeout = 0")
                self._writer.set_durable(False)
                try:
                    self._writer.execute(statement, *values)
                except DatabaseError as error:
                    if error.kind is not DatabaseErrorKind.LOCKED:
                        raise
                finally:
                    self._writer.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        finally:
            self._writing.release()

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = Connection(self.file)
            connection.execute("PRAGMA query_only = ON")
            with self._listing:
                self._readers.append(connection)
            self._own.connection = connection
        return connection
