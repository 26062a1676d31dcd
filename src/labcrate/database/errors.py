"""What goes wrong with a database, by kind: each user of the room has sentences of its own for them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from labcrate.errors import LabcrateError


class DatabaseErrorKind(Enum):
    """What is wrong, as far as the remedy depends on it; the values are SQLite's primary result codes."""

    LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # by another program, for longer than a connection waits
    DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    STATEMENT = (sqlite3.SQLITE_ERROR,)  # one that these tables do not know
    NO_ACCESS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
    DISK = (sqlite3.SQLITE_IOERR,)
    FULL = (sqlite3.SQLITE_FULL,)
    OTHER_APPLICATION = ("damaged, or of another program",)
    NEWER = ("made by a later version",)
    OTHER = ("anything else",)


_KINDS = {code: kind for kind in DatabaseErrorKind for code in kind.value}


class DatabaseError(Exception):
    """What the engine says, with the kind of it. Never shown: ``translate_errors`` turns it into a sentence."""

    def __init__(self, kind: DatabaseErrorKind, said: str = "") -> None:
        self.kind = kind
        super().__init__(said)


class ConstraintError(DatabaseError):
    """A row that the tables do not take: most often, a name that another row has."""


ErrorTranslator = Callable[[DatabaseError], LabcrateError]
"""Makes the sentence for what is wrong with one database."""


@contextmanager
def translate_errors(explain: ErrorTranslator) -> Iterator[None]:
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
        raise ConstraintError(DatabaseErrorKind.OTHER, str(error)) from error
    except sqlite3.Error as error:
        raise DatabaseError(_kind_of(error), str(error)) from error
    except UnicodeDecodeError as error:  # of a damaged file, SQLite's own sentence may be no text
        raise DatabaseError(DatabaseErrorKind.DAMAGED, str(error)) from error


def _kind_of(error: sqlite3.Error) -> DatabaseErrorKind:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: of the operational ones, that a text is not UTF-8
        damaged = isinstance(error, sqlite3.OperationalError)
        return DatabaseErrorKind.DAMAGED if damaged else DatabaseErrorKind.OTHER
    return _KINDS.get(code & 0xFF, DatabaseErrorKind.OTHER)  # the lowest byte of an extended code is the primary one
