"""The database of people (``people.db``): users, logins, tokens, and the logs of exports and links.

What it holds cannot be made again, so it is never replaced: a damaged one is reported, and left as it is.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
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

PEOPLE_FILE = "people.db"
_LOCK_FILE = "people.lock"
_LOCATION = f"{PEOPLE_FILE} (in the lab's folder .labcrate, or in your state folder)"
_REMEDY = (
    "It holds logins and the export log, which cannot be made again, so it is left as it is: put your backup in its "
    "place, or move it away to begin without users and with an empty log."
)
_NEVER_REPLACED = "It holds the logins and the export log, so no other file takes its place."
DAMAGE = f"{_LOCATION} is damaged. {_REMEDY}"
_MESSAGES = {
    DatabaseErrorKind.LOCKED: f"{_LOCATION} is locked by another program; wait until that is finished, and try again.",
    DatabaseErrorKind.DAMAGED: DAMAGE,
    DatabaseErrorKind.OTHER_APPLICATION: f"{_LOCATION} is damaged, or of another program. {_REMEDY}",
    DatabaseErrorKind.NEWER: f"{_LOCATION} was made by a newer labcrate; update labcrate.",
    DatabaseErrorKind.NO_ACCESS: (
        f"{_LOCATION} cannot be written to: have its file system writable, and run labcrate as the user whose file it "
        f"is. {_NEVER_REPLACED}"
    ),
    DatabaseErrorKind.DISK: (
        f"{_LOCATION} cannot be read or written: have its disk sound and its file system writable. {_NEVER_REPLACED}"
    ),
    DatabaseErrorKind.FULL: f"The disk has no room left for {_LOCATION}; make some, and try again.",
}
# What takes the tables from each version to the one after it.
_SCRIPTS = ("schema.sql", "schema_2.sql", "schema_3.sql")

Clock = Callable[[], float]
"""Seconds since 1970, as ``time.time`` tells them."""
SYSTEM_CLOCK: Clock = time.time


def now_ms(clock: Clock) -> int:
    """The time in milliseconds since 1970, UTC."""
    return round(clock() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return an instant from milliseconds since 1970, UTC. Raises PeopleError for one that the calendar lacks."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:  # only damage writes it
        raise PeopleError(DAMAGE) from None


class PeopleDatabase(ConnectionPool):
    """One lab's people. Any thread may use it, and several processes at once. All methods raise PeopleError."""

    @classmethod
    def open(cls, state_folder: Path) -> Self:
        """Open the file in labcrate's state folder, making it where there is none.

        Raises PeopleError when it is damaged, made by a newer labcrate, locked for long, or not ours to open.
        """
        return cls(prepare_file(state_folder), SCHEMA, to_people_error)

    @property
    def state_folder(self) -> Path:
        """The state folder that it lies in."""
        return self.file.parent


def _upgrade(connection: Connection, version: int) -> None:
    for script in _SCRIPTS[version:]:
        connection.run_script(resources.files("labcrate.people").joinpath(script).read_text("utf-8"))


SCHEMA = Schema(len(_SCRIPTS), _upgrade, application_id=0x4C42_7065)  # "LBpe": tells our file from any other program's


def to_people_error(error: DatabaseError) -> PeopleError:
    """Return the sentence, with a remedy, for what is wrong with the file."""
    return PeopleError(_MESSAGES.get(error.kind, f"{_LOCATION} cannot be used: {error}."))


def prepare_file(state_folder: Path) -> Path:
    """See that there is a file to open, its owner's alone, and return its path. Raises PeopleError."""
    file = state_folder / PEOPLE_FILE
    try:
        if link := first_irregular_file(file):
            raise PeopleError(f"{link.name} is a symbolic link, or no file at all; {_LOCATION} must be a file itself.")
        with creation_lock(state_folder):
            if not file.exists():
                _create_database(file)
        restrict_permissions(file)
    except OSError as error:
        raise _open_error(error) from error
    if not are_writable(file):
        raise to_people_error(DatabaseError(DatabaseErrorKind.NO_ACCESS))
    return file


@contextmanager
def creation_lock(state_folder: Path) -> Iterator[None]:
    """Keep other processes from making files here meanwhile. Raises PeopleError."""
    try:
        lock = lock_file(state_folder / _LOCK_FILE)
    except OSError as error:
        raise _open_error(error) from None
    with lock:
        yield


def _open_error(error: OSError) -> PeopleError:
    remedy = "run labcrate as the user whose files they are"
    if error.errno == errno.EROFS:
        remedy = "have the lab's file system writable, and try again"
    return PeopleError(
        f"{_LOCATION} cannot be opened ({os.strerror(error.errno or 0).lower()}); {remedy}. {_NEVER_REPLACED}"
    )


def _create_database(file: Path) -> None:
    """Make an empty database under another name first: a file with the right name is always whole."""
    if left := leftover_journal(file):
        raise PeopleError(f"{_LOCATION} is gone, but {left.name} is still there. {_REMEDY}")
    part = file.with_name(f"{file.name}.new")
    remove_database(part)
    with translate_errors(to_people_error):
        create_database(part, SCHEMA)
    part.rename(file)
    sync_folder(file.parent)
