"""The database room: kinds of errors, transactions, versions of tables; only this room uses the engine."""

import ast
import fcntl
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tests.support.messages import message

from labcrate.database import connection as connection_module
from labcrate.database.connection import Connection, Schema, create_database, upsert
from labcrate.database.errors import ConstraintError, DatabaseError, DatabaseErrorKind, translate_errors
from labcrate.database.files import (
    are_writable,
    database_files,
    first_irregular_file,
    leftover_journal,
    lock_file,
    remove_database,
    restrict_permissions,
)
from labcrate.database.pool import ConnectionPool
from labcrate.errors import PeopleError

SOURCES = Path(connection_module.__file__).parents[1]
TABLES = "CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL DEFAULT 7) STRICT;"
# Words that only SQLite understands, in a statement outside of the room.
DIALECT = re.compile(r"PRAGMA|INSERT OR |BEGIN IMMEDIATE|sqlite_|\?\d|\bGLOB\b|LIMIT -1|\bIS NOT \?")


def upgrade(connection: Connection, version: int) -> None:
    """Make the table of version 1, and fill it for version 2."""
    if version < 1:
        connection.run_script(TABLES)
    connection.execute("INSERT INTO thing VALUES ('from', ?)", version)


def raise_size(connection: Connection, version: int) -> None:
    """Add to every size the version that there was."""
    connection.execute("UPDATE thing SET size = size + ?", version)


SCHEMA = Schema(2, upgrade, application_id=77)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a database with one table and one row."""
    create_database(tmp_path / "a.db", SCHEMA)
    return tmp_path / "a.db"


@pytest.fixture
def connection(file: Path) -> Iterator[Connection]:
    """Yield a connection to the database."""
    with Connection(file, SCHEMA) as opened:
        yield opened


def kind_of(file: Path, schema: Schema = SCHEMA) -> DatabaseErrorKind:
    """Return how opening a file fails."""
    with pytest.raises(DatabaseError) as caught:
        Connection(file, schema)
    return caught.value.kind


def modules() -> list[tuple[str, ast.Module]]:
    """Return every module of labcrate outside of the room, parsed."""
    paths = [path for path in SOURCES.rglob("*.py") if path.parent.name != "database"]
    return [(str(path.relative_to(SOURCES)), ast.parse(path.read_text("utf-8"))) for path in paths]


def test_only_this_room_uses_the_engine() -> None:
    """No other module imports sqlite3, at any depth, or has a text with words that are specific to SQLite."""
    found, outside = [], modules()
    for name, module in outside:
        for node in ast.walk(module):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                found += [name for one in names if one.partition(".")[0] in {"sqlite3", "_sqlite3", "sqlalchemy"}]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and DIALECT.search(node.value):
                found.append(f"{name}: {node.value[:60]}")
    assert len(outside) > 100
    assert found == []


def test_a_new_database_is_private_and_of_this_version(file: Path, connection: Connection) -> None:
    """It is created from version 0 in one step, has a write-ahead log, and only its owner may read it."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert connection.rows("SELECT * FROM thing") == [("from", 0)]
    assert connection.rows("PRAGMA journal_mode") == [("wal",)]
    assert connection.rows("PRAGMA user_version") == [(2,)]
    with pytest.raises(FileExistsError):
        create_database(file, SCHEMA)


def test_older_versions_are_upgraded(file: Path, connection: Connection) -> None:
    """A later version upgrades the present one, once, with any number of processes; an older program is refused."""
    later = Schema(3, raise_size, 77)
    connection.migrate(later)
    connection.migrate(later)
    assert connection.rows("SELECT size FROM thing") == [(2,)]
    assert kind_of(file) is DatabaseErrorKind.NEWER


def test_an_upgrade_that_fails_changes_nothing(file: Path, connection: Connection) -> None:
    """Its changes are undone, and the version stays."""
    broken = Schema(3, lambda c, _: c.run_script("DELETE FROM thing;\nDELETE FROM nothing;\n"), 77)
    assert kind_of(file, broken) is DatabaseErrorKind.STATEMENT
    assert connection.rows("SELECT * FROM thing") == [("from", 0)]
    assert connection.rows("PRAGMA user_version") == [(2,)]


def test_a_script_runs_statements_with_semicolons_inside(connection: Connection) -> None:
    """A trigger and a text contain semicolons; comments before, between and after statements are allowed."""
    connection.run_script(
        "-- first; a comment\nINSERT INTO thing VALUES ('a;\nb', 1);\n"
        "CREATE TRIGGER stays BEFORE DELETE ON thing\nBEGIN SELECT RAISE(ABORT, 'kept; always'); END;\n-- last;\n"
    )
    assert connection.rows("SELECT name FROM thing WHERE size = 1") == [("a;\nb",)]
    with pytest.raises(ConstraintError, match="kept; always"):
        connection.execute("DELETE FROM thing")


def test_a_transaction_is_all_or_nothing(connection: Connection) -> None:
    """Any error in the block undoes its changes, and the next transaction works."""

    def fail(error: BaseException) -> None:
        with connection.transaction():
            assert connection.execute("UPDATE thing SET size = 99") == 1
            raise error

    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind):
            fail(kind())
    assert connection.rows("SELECT size FROM thing") == [(0,)]
    with connection.transaction():
        assert connection.rows("INSERT INTO thing (name) VALUES ('b') RETURNING size") == [(7,)]
        connection.executemany("DELETE FROM thing WHERE name = ?", [("from",), ("nobody",)])
    assert connection.rows("SELECT * FROM thing") == [("b", 7)]


def test_an_upsert_inserts_or_replaces_a_row(connection: Connection) -> None:
    """A row with the same key is replaced, every other row stays."""
    store = upsert("thing", ["name", "size"], key="name")
    connection.executemany(store, [("a", 1), ("b", 2), ("a", 3)])
    assert connection.rows("SELECT * FROM thing ORDER BY name") == [("a", 3), ("b", 2), ("from", 0)]


def test_a_lock_of_another_program(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement waits for another program's lock, and then fails with an error of that kind."""
    monkeypatch.setattr(connection_module, "BUSY_SECONDS", 0.05)
    with Connection(file) as other, other.transaction(), Connection(file, SCHEMA) as second:
        with pytest.raises(DatabaseError) as caught, second.transaction():
            pass
        assert caught.value.kind is DatabaseErrorKind.LOCKED


def test_damaged_and_foreign_files_have_different_kinds(file: Path) -> None:
    """Random bytes are damage; a file without our mark is of another application. Neither changes or stays open."""
    whole = file.read_bytes()
    assert kind_of(file, Schema(2, upgrade, application_id=78)) is DatabaseErrorKind.OTHER_APPLICATION
    assert file.read_bytes() == whole
    file.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    assert kind_of(file) is DatabaseErrorKind.DAMAGED
    file.write_bytes(b"this is no database" * 300)
    assert kind_of(file) is DatabaseErrorKind.DAMAGED
    assert str(file) not in {opened.path for opened in psutil.Process().open_files()}


def test_text_that_is_not_utf8_is_damage(connection: Connection, file: Path) -> None:
    """Bytes that are not UTF-8 in a column of texts are damage, not a crash."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("INSERT INTO thing VALUES (CAST(x'ff' AS TEXT), 1)")
        other.commit()
    with pytest.raises(DatabaseError) as caught:
        connection.rows("SELECT * FROM thing")
    assert caught.value.kind is DatabaseErrorKind.DAMAGED


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM nothing", DatabaseErrorKind.STATEMENT),
        ("SELECT ?, ?", DatabaseErrorKind.OTHER),
        ("INSERT INTO thing VALUES ('from', 1)", DatabaseErrorKind.OTHER),
        ("INSERT INTO thing VALUES ('b', 'no number')", DatabaseErrorKind.OTHER),
    ],
)
def test_statements_that_fail(connection: Connection, statement: str, kind: DatabaseErrorKind) -> None:
    """A missing table, missing values, a duplicate name, and a value of the wrong type."""
    with pytest.raises(DatabaseError) as caught:
        connection.execute(statement)
    assert caught.value.kind is kind
    assert isinstance(caught.value, ConstraintError) == statement.startswith("INSERT")


def test_a_full_disk_ends_the_transaction(connection: Connection) -> None:
    """A file that may not grow is a full disk: no change of the transaction stays."""
    connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(DatabaseError) as caught, connection.transaction():
        connection.executemany("INSERT INTO thing VALUES (?, 1)", [("x" * 3000 + str(n),) for n in range(9)])
    assert caught.value.kind is DatabaseErrorKind.FULL
    assert connection.rows("SELECT count(*) FROM thing") == [(1,)]


def test_an_irreplaceable_database_is_not_created_by_opening(tmp_path: Path) -> None:
    """A missing irreplaceable file is an error; any other file, or one in memory, is created."""
    assert kind_of(tmp_path / "none.db") is DatabaseErrorKind.NO_ACCESS
    assert list(tmp_path.iterdir()) == []
    for file in (tmp_path / "cache ?#%.db", None):
        with Connection(file, Schema(2, upgrade), irreplaceable=False) as connection:
            assert connection.rows("SELECT * FROM thing") == [("from", 0)]
    assert [path.name for path in tmp_path.iterdir()] == ["cache ?#%.db"]


def test_a_pool_translates_errors(file: Path) -> None:
    """Every failure is the error of the room that uses the pool; readers cannot change anything."""

    def explain(error: DatabaseError) -> PeopleError:
        return PeopleError(message(f"in short: {error.kind.name}"))

    with ConnectionPool(file, SCHEMA, explain) as pool:
        for statement in ("SELECT * FROM nothing", "DELETE FROM thing"):
            with pytest.raises(PeopleError, match=r"in short: (STATEMENT|NO_ACCESS)"):
                pool.rows(statement)
        with pytest.raises(PeopleError, match="in short: OTHER"), pool.write_transaction() as connection:
            connection.execute("INSERT INTO thing VALUES ('from', 1)")
        with pytest.raises(PeopleError, match="in short: STATEMENT"):
            pool.write_if_idle("UPDATE nothing SET a = 1")
    with pytest.raises(PeopleError, match="in short: NEWER"):
        ConnectionPool(file, Schema(1, upgrade, 77), explain)
    with pytest.raises(ZeroDivisionError), translate_errors(explain):
        _ = 1 / 0


def test_write_if_idle_does_not_wait(file: Path) -> None:
    """While another program writes, the change is skipped at once; afterwards it is done."""
    with Connection(file) as other, ConnectionPool(file, SCHEMA, lambda _: PeopleError(message("no"))) as pool:
        with other.transaction():
            pool.write_if_idle("UPDATE thing SET size = 5")
        assert pool.rows("SELECT size FROM thing") == [(0,)]
        pool.write_if_idle("UPDATE thing SET size = ?", 5)
        assert pool.rows("SELECT size FROM thing") == [(5,)]


def test_the_files_of_a_database(tmp_path: Path) -> None:
    """Links among them, left journals, permissions of other users, and the removal of all files."""
    file = tmp_path / "a.db"
    for own in database_files(file):
        own.touch(0o644)
    assert (first_irregular_file(file), are_writable(file)) == (None, True)
    restrict_permissions(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    journal = leftover_journal(file)
    assert journal
    assert journal.name == "a.db-journal"
    remove_database(file)
    remove_database(file)
    assert (list(tmp_path.iterdir()), leftover_journal(file)) == ([], None)
    (tmp_path / "a.db-wal").symlink_to("nowhere")
    assert first_irregular_file(file) == tmp_path / "a.db-wal"


def test_a_lock_file(tmp_path: Path) -> None:
    """One process at a time has the lock until the file is closed, and the file is never a symbolic link."""
    path = tmp_path / "a.lock"
    with lock_file(path), path.open("wb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock_file(path).close()
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(OSError, match="link"):
        lock_file(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()
