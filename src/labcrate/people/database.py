"""The database of people (``people.db``): users, logins, tokens, and the logs of exports and links.

It cannot be rebuilt, so it is never replaced: a damaged one is reported and left unchanged.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from labcrate.database.connection import Connection, Schema, create_database
from labcrate.database.errors import DatabaseError, DatabaseErrorKind, translate_errors
from labcrate.database.files import (
    are_writable,
    first_irregular_file,
    leftover_journal,
    lock_file,
    remove_database,
    restrict_permissions,
)
from labcrate.database.pool import ConnectionPool
from labcrate.errors import PeopleError
from labcrate.lab.disk import sync_folder
from labcrate.messages.message import Message

PEOPLE_FILE = "people.db"
_LOCK_FILE = "people.lock"
_MESSAGE_IDS = {
    DatabaseErrorKind.LOCKED: "people.locked",
    DatabaseErrorKind.DAMAGED: "people.damaged",
    DatabaseErrorKind.OTHER_APPLICATION: "people.foreign",
    DatabaseErrorKind.NEWER: "people.newer",
    DatabaseErrorKind.NO_ACCESS: "people.read_only",
    DatabaseErrorKind.DISK: "people.disk",
    DatabaseErrorKind.FULL: "people.full",
}
# Each script takes the tables from one version to the next.
_SCRIPTS = ("schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql")

Clock = Callable[[], float]
"""A function that returns the time in seconds since 1970, such as ``time.time``."""
SYSTEM_CLOCK: Clock = time.time


def now_ms(clock: Clock) -> int:
    """Return the time in milliseconds since 1970, UTC."""
    return round(clock() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the instant at so many milliseconds since 1970, UTC. Raises PeopleError for one after the year 9999."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:  # only a damaged file holds such a number
        raise PeopleError(Message("people.damaged")) from None


class PeopleDatabase(ConnectionPool):
    """The database of one lab's people. Several threads and processes may use it. All methods raise PeopleError."""

    @classmethod
    def open(cls, state_folder: Path) -> Self:
        """Open the database in labcrate's state folder; create it if there is none.

        Raises PeopleError if it is damaged, made by a newer labcrate, locked for long, or not accessible.
        """
        return cls(prepare_file(state_folder), SCHEMA, to_people_error)

    @property
    def state_folder(self) -> Path:
        """Return the folder of the database file."""
        return self.file.parent


def _upgrade(connection: Connection, version: int) -> None:
    from importlib import resources  # noqa: PLC0415 - only for a new or older database

    for script in _SCRIPTS[version:]:
        connection.run_script(resources.files("labcrate.people").joinpath(script).read_text("utf-8"))


# The application id ("LBpe") distinguishes this file from the databases of other programs.
SCHEMA = Schema(len(_SCRIPTS), _upgrade, application_id=0x4C42_7065)


def to_people_error(error: DatabaseError) -> PeopleError:
    """Return the error for users, with its remedy, for an error of the database."""
    if error.kind in _MESSAGE_IDS:
        return PeopleError(Message(_MESSAGE_IDS[error.kind]))
    return PeopleError(Message("people.unusable", problem=str(error)))


def prepare_file(state_folder: Path) -> Path:
    """Create the database file if there is none, make it private, and return its path. Raises PeopleError."""
    file = state_folder / PEOPLE_FILE
    try:
        if link := first_irregular_file(file):
            raise PeopleError(Message("people.not_a_file", name=link.name))
        with creation_lock(state_folder):
            if not file.exists():
                _create_database(file)
        restrict_permissions(file)
    except OSError as error:
        raise _open_error(error) from error
    if not are_writable(file):
        raise PeopleError(Message("people.read_only"))
    return file


@contextmanager
def creation_lock(state_folder: Path) -> Iterator[None]:
    """Prevent other processes from creating files in the state folder meanwhile. Raises PeopleError."""
    try:
        lock = lock_file(state_folder / _LOCK_FILE)
    except OSError as error:
        raise _open_error(error) from None
    with lock:
        yield


def _open_error(error: OSError) -> PeopleError:
    read_only = error.errno == errno.EROFS
    id = "people.not_opened_read_only" if read_only else "people.not_opened"
    return PeopleError(Message(id, error=os.strerror(error.errno or 0).lower()))


def _create_database(file: Path) -> None:
    """Create an empty database. It gets its name when it is complete, so a file of that name is never partial."""
    if left := leftover_journal(file):
        raise PeopleError(Message("people.missing", journal=left.name))
    unfinished = file.with_name(f"{file.name}.new")
    remove_database(unfinished)
    with translate_errors(to_people_error):
        create_database(unfinished, SCHEMA)
    unfinished.rename(file)
    sync_folder(file.parent)
