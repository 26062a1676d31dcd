"""The database of people: users, logins, tokens, and the logs of exports and links."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from labcrate.errors import PeopleError
from labcrate.people.file import BUSY_SECONDS, DAMAGE, LOCKED, check, connect, error_code, explained, prepare

Clock = Callable[[], float]
"""Seconds since 1970, as ``time.time`` tells them."""
SYSTEM_CLOCK: Clock = time.time


def now_ms(clock: Clock) -> int:
    """The time in milliseconds since 1970, UTC."""
    return round(clock() * 1000)


def instant(milliseconds: int) -> datetime:
    """Return an instant from milliseconds since 1970, UTC. Raises PeopleError for one that the calendar lacks."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:  # only damage writes it
        raise PeopleError(DAMAGE) from None


class Database:
    """One lab's people. Any thread may use it, and several processes at once: a server and commands beside it.

    Those who read never wait for those who write (SQLite's write-ahead log). What is written is on the disk
    when the writing ends, unless it is said not to matter.
    """

    def __init__(self, file: Path, writer: sqlite3.Connection) -> None:
        self.folder, self._file = file.parent, file
        self._writer, self._writing = writer, threading.Lock()
        # One connection for each thread that reads, so that a long reading holds nobody up.
        self._own = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._listing = threading.Lock()

    @classmethod
    def open(cls, state_folder: Path) -> Self:
        """Open the file in labcrate's state folder, making it where there is none.

        Raises PeopleError when it is damaged, made by a newer labcrate, locked for long, or not ours to open.
        """
        file = prepare(state_folder)
        with explained():
            writer = connect(file)
            try:
                check(writer)
            except BaseException:
                writer.close()
                raise
            return cls(file, writer)

    def close(self) -> None:
        """Close the file; nobody may be reading any more."""
        with self._writing, self._listing:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = connect(self._file)
            connection.execute("PRAGMA query_only = ON")
            with self._listing:
                self._readers.append(connection)
            self._own.connection = connection
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds. Raises PeopleError."""
        with explained():
            return self._reader().execute(query, values).fetchall()

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is done in the block, or nothing of it.

        What is not ``durable`` may be forgotten in a power cut, and costs no wait for the disk. Raises PeopleError.
        """
        with self._writing, explained():
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # a full disk ends it by itself
                    self._writer.execute("ROLLBACK")
                raise

    def note(self, statement: str, *values: object) -> None:
        """Change something that hardly matters, if nobody else is writing just now: it never makes anybody wait.

        Raises PeopleError.
        """
        if not self._writing.acquire(blocking=False):
            return
        try:
            with explained():
                self._writer.execute("PRAGMA busy_timeout = 0")
                self._writer.execute("PRAGMA synchronous = NORMAL")
                try:
                    self._writer.execute(statement, values)
                except sqlite3.OperationalError as error:
                    if error_code(error) not in LOCKED:
                        raise
                finally:
                    self._writer.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        finally:
            self._writing.release()
