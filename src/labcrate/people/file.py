"""The file ``people.db``: making it, opening it, and saying what is wrong with it.

What it holds cannot be made again, so it is never replaced: a damaged one is reported, and left as it is.
"""

import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from labcrate.errors import PeopleError
from labcrate.lab.sync import sync_folder

PEOPLE_FILE = "people.db"
SCHEMA_VERSION = 3
BUSY_SECONDS = 10.0
LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_MAKING = "people.lock"
_APPLICATION_ID = 0x4C42_7065  # "LBpe": tells our file from any other program's
_OWN_FILES = ("", "-journal", "-wal", "-shm")
_WHERE = f"{PEOPLE_FILE} (in the lab's folder .labcrate, or in your state folder)"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNDECODABLE = "Could not decode to UTF-8"  # Python's own error, without a code; it repeats the column's bytes
_BARRED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_REMEDY = (
    "It holds logins and the export log, which cannot be made again, so it is left as it is: put your backup in its "
    "place, or move it away to begin without users and with an empty log."
)
_KEPT = "It holds the logins and the export log, so no other file takes its place."
_UNWRITABLE = (
    f"{_WHERE} cannot be written to: have its file system writable, and run labcrate as the user whose file it is. "
    f"{_KEPT}"
)
DAMAGE = f"{_WHERE} is damaged. {_REMEDY}"
# What takes the tables from each version to the one after it.
_SCRIPTS = ("schema.sql", "schema_2.sql", "schema_3.sql")


def prepare(state_folder: Path) -> Path:
    """See that there is a file to open, nobody else's to read, and return its path. Raises PeopleError."""
    file = state_folder / PEOPLE_FILE
    with explained():
        _refuse_links(file)
        with making(state_folder):
            if not file.exists():
                _make(file)
        _keep_private(file)
        _refuse_unwritable(file)
    return file


@contextmanager
def making(state_folder: Path) -> Iterator[None]:
    """Keep other processes from making files here meanwhile."""
    try:
        lock = _open_lock(state_folder / _MAKING)
    except OSError as error:
        raise _not_opened(error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_lock(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def _refuse_links(file: Path) -> None:
    for suffix in _OWN_FILES:
        own = file.with_name(file.name + suffix)
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(own.lstat().st_mode):
                raise PeopleError(f"{own.name} is a symbolic link, or no file at all; {_WHERE} must be a file itself.")


def _keep_private(file: Path) -> None:
    """Take away what others may do with the file, if they may do anything."""
    mode = file.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        with suppress(PermissionError):  # whose file it is will be seen when it is opened
            file.chmod(0o600)


def _refuse_unwritable(file: Path) -> None:
    """Raise PeopleError for files that may not be written: SQLite opens them all the same, and fails later."""
    for suffix in _OWN_FILES:
        own = file.with_name(file.name + suffix)
        if own.exists() and not os.access(own, os.R_OK | os.W_OK):
            raise PeopleError(_UNWRITABLE)


def _not_opened(error: OSError) -> PeopleError:
    remedy = "run labcrate as the user whose files they are"
    if error.errno == errno.EROFS:
        remedy = "have the lab's file system writable, and try again"
    return PeopleError(f"{_WHERE} cannot be opened ({os.strerror(error.errno or 0).lower()}); {remedy}. {_KEPT}")


def _make(file: Path) -> None:
    """Make an empty database under another name first: a file with the right name is always whole."""
    for suffix in ("-journal", "-wal"):
        left = file.with_name(file.name + suffix)
        if left.exists():  # a new file would take it for its own
            raise PeopleError(f"{_WHERE} is gone, but {left.name} is still there. {_REMEDY}")
    part = file.with_name(f"{file.name}.new")
    for suffix in _OWN_FILES:
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = connect(part)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection)
    finally:
        connection.close()
    part.rename(file)
    sync_folder(file.parent)


def connect(file: Path) -> sqlite3.Connection:
    """Open the file for any thread."""
    # mode=rw: a file that vanished meanwhile is not made again in passing.
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip
    try:
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:  # a damaged file is noticed here
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection) -> None:
    """See that it is ours, whole, and of this version; an older one is brought up to date. Raises PeopleError."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise PeopleError(f"{_WHERE} is damaged, or of another program. {_REMEDY}")
    if version > SCHEMA_VERSION:
        raise PeopleError(f"{_WHERE} was made by a newer labcrate; update labcrate.")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise PeopleError(DAMAGE)
    if version < SCHEMA_VERSION:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to the present version; of several processes, the first does it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for script in _SCRIPTS[version:]:
            for statement in _statements(resources.files("labcrate.people").joinpath(script).read_text("utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """One statement after the other: ``executescript`` would end the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what SQLite and the system say into PeopleError with a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise PeopleError(_why(error)) from error
    except UnicodeDecodeError as error:  # of a damaged file, SQLite's own sentence may be no text
        raise PeopleError(DAMAGE) from error
    except OSError as error:
        raise _not_opened(error) from error


def _why(error: sqlite3.Error) -> str:
    code = error_code(error)
    if code in LOCKED:
        return f"{_WHERE} is locked by another program; wait until that is finished, and try again."
    if code in _DAMAGED or _UNDECODABLE in str(error):
        return DAMAGE
    if code in _BARRED:
        return _UNWRITABLE
    if code == sqlite3.SQLITE_IOERR:
        return f"{_WHERE} cannot be read or written: have its disk sound and its file system writable. {_KEPT}"
    if code == sqlite3.SQLITE_FULL:
        return f"The disk has no room left for {_WHERE}; make some, and try again."
    return f"{_WHERE} cannot be used: {error}."


def error_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the lowest byte of the extended one."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)
    return code & 0xFF
