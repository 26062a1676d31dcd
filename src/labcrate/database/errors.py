"""What goes wrong with a database, by kind: each user of the room has sentences of its own for them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from labcrate.errors import LabcrateError


class DatabaseErrorKind(Enum):
    """What is wrong, as far as the remedy depends on it."""

    LOCKED = auto()  # by another program, for longer than a connection waits
    DAMAGED = auto()
    FOREIGN = auto()  # damaged, or of another program
    NEWER = auto()  # its tables are of a later version
    STATEMENT = auto()  # a statement that these tables do not know
    BARRED = auto()  # no permission, or a file system that cannot be written to
    DISK = auto()  # the disk fails
    FULL = auto()
    OTHER = auto()


_CODES = {
    sqlite3.SQLITE_BUSY: DatabaseErrorKind.LOCKED,
    sqlite3.SQLITE_LOCKED: DatabaseErrorKind.LOCKED,
    sqlite3.SQLITE_CORRUPT: DatabaseErrorKind.DAMAGED,
    sqlite3.SQLITE_NOTADB: DatabaseErrorKind.DAMAGED,
    sqlite3.SQLITE_ERROR: DatabaseErrorKind.STATEMENT,
    sqlite3.SQLITE_READONLY: DatabaseErrorKind.BARRED,
    sqlite3.SQLITE_CANTOPEN: DatabaseErrorKind.BARRED,
    sqlite3.SQLITE_PERM: DatabaseErrorKind.BARRED,
    sqlite3.SQLITE_AUTH: DatabaseErrorKind.BARRED,
    sqlite3.SQLITE_IOERR: DatabaseErrorKind.DISK,
    sqlite3.SQLITE_FULL: DatabaseErrorKind.FULL,
}


class DatabaseError(Exception):
    """What the engine says, with the kind of it. Never shown as it is: ``explained`` turns it into a sentence."""

    def __init__(self, kind: DatabaseErrorKind, said: str = "") -> None:
        self.kind = kind
        super().__init__(said)


class TakenError(DatabaseError):
    """A row that the tables do not take: most often, a name that another row has."""


Explain = Callable[[DatabaseError], LabcrateError]
"""Makes the sentence for what is wrong with one database."""


@contextmanager
def explained(explain: Explain) -> Iterator[None]:
    """Raise each DatabaseError of the block as the error of the database's user."""
    try:
        yield
    except DatabaseError as error:
        raise explain(error) from error


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raise what the engine raises in the block as DatabaseError."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise TakenError(DatabaseErrorKind.OTHER, str(error)) from error
    except sqlite3.Error as error:
        raise DatabaseError(_kind_of(error), str(error)) from error
    except UnicodeDecodeError as error:  # of a damaged file, SQLite's own sentence may be no text
        raise DatabaseError(DatabaseErrorKind.DAMAGED, str(error)) from error


def _kind_of(error: sqlite3.Error) -> DatabaseErrorKind:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: of the operational ones, that a text is not UTF-8
        damaged = isinstance(error, sqlite3.OperationalError)
        return DatabaseErrorKind.DAMAGED if damaged else DatabaseErrorKind.OTHER
    return _CODES.get(code & 0xFF, DatabaseErrorKind.OTHER)  # the lowest byte of an extended code is the primary one
