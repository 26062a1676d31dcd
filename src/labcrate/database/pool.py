"""A database that many threads use at once: one connection that writes, and one for each thread that reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from labcrate.database.connection import BUSY_SECONDS, Connection, Schema
from labcrate.database.errors import DatabaseError, DatabaseErrorKind, ErrorTranslator, translate_errors


class ConnectionPool:
    """One database. Any thread may use it, and several processes at once (a server and commands).

    Readers never wait for writers. A change is on the disk when its transaction ends, unless it is not ``durable``. All
    methods raise the error that ``translate`` returns for a DatabaseError.
    """

    def __init__(self, file: Path, schema: Schema, translate: ErrorTranslator) -> None:
        """Open an existing file, check it for damage, and upgrade its tables."""
        self.file, self._translate = file, translate
        # Each thread that reads has its own connection, so that no thread waits for a long query of another.
        self._thread_data = threading.local()
        self._readers: list[Connection] = []
        self._write_lock, self._readers_lock = threading.Lock(), threading.Lock()
        with translate_errors(translate):
            self._writer = Connection(file, schema)

    def close(self) -> None:
        """Close the file; no thread may still be reading it."""
        with self._write_lock, self._readers_lock:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with translate_errors(self._translate):
            return self._reader().rows(query, *values)

    @contextmanager
    def write_transaction(self, *, durable: bool = True) -> Iterator[Connection]:
        """Apply all changes of the block, made with the connection, or none if it raises.

        A change that is not ``durable`` does not wait for the disk, and a power cut may undo it.
        """
        with self._write_lock, translate_errors(self._translate):
            self._writer.set_durable(durable)
            with self._writer.transaction():
                yield self._writer

    def write_if_idle(self, statement: str, *values: object) -> None:
        """Run a statement of little importance, unless another write is in progress; never wait."""
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            with translate_errors(self._translate):
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
            self._write_lock.release()

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._thread_data, "connection", None)
        if connection is None:
            connection = Connection(self.file)
            connection.execute("PRAGMA query_only = ON")
            with self._readers_lock:
                self._readers.append(connection)
            self._thread_data.connection = connection
        return connection
