"""Errors of a database by kind; each room that uses a database has its own messages for them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from labcrate.errors import LabcrateError


class DatabaseErrorKind(Enum):
    """The kinds of errors with different remedies; the numeric values are SQLite's primary result codes."""

    LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # by another program, for longer than BUSY_SECONDS
    DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    STATEMENT = (sqlite3.SQLITE_ERROR,)  # not valid for these tables
    NO_ACCESS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
    DISK = (sqlite3.SQLITE_IOERR,)
    FULL = (sqlite3.SQLITE_FULL,)
    OTHER_APPLICATION = ("damaged, or of another program",)
    NEWER = ("made by a later version",)
    OTHER = ("anything else",)


_KINDS = {code: kind for kind in DatabaseErrorKind for code in kind.value}


class DatabaseError(Exception):
    """An error of the engine with its kind. Users never see it: ``translate_errors`` replaces it by another error."""

    def __init__(self, kind: DatabaseErrorKind, text: str = "") -> None:
        self.kind = kind
        super().__init__(text)


class ConstraintError(DatabaseError):
    """A row that violates a constraint of its table: most often, a name that another row has."""


ErrorTranslator = Callable[[DatabaseError], LabcrateError]
"""Returns the error, with a message for users, for an error of one database."""


@contextmanager
def translate_errors(translate: ErrorTranslator) -> Iterator[None]:
    """Raise each DatabaseError of the block as the error that ``translate`` returns."""
    try:
        yield
    except DatabaseError as error:
        raise translate(error) from error


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raise each error of the engine in the block as DatabaseError."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ConstraintError(DatabaseErrorKind.OTHER, str(error)) from error
    except sqlite3.Error as error:
        raise DatabaseError(_kind_of(error), str(error)) from error
    except UnicodeDecodeError as error:  # for a damaged file, SQLite's message may not be UTF-8
        raise DatabaseError(DatabaseErrorKind.DAMAGED, str(error)) from error


def _kind_of(error: sqlite3.Error) -> DatabaseErrorKind:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:  # an error of Python's module; an operational one is a text that is not UTF-8
        damaged = isinstance(error, sqlite3.OperationalError)
        return DatabaseErrorKind.DAMAGED if damaged else DatabaseErrorKind.OTHER
    return _KINDS.get(code & 0xFF, DatabaseErrorKind.OTHER)  # the lowest byte of an extended code is the primary one
