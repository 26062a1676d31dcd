"""The database of people: private, durable, shared by processes, and never replaced."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from tests.support.values import replace

from labcrate.database.connection import Connection
from labcrate.errors import PeopleError, UsageError
from labcrate.messages.message import Message
from labcrate.people.database import PEOPLE_FILE, SCHEMA, PeopleDatabase
from labcrate.people.export_log import ExportLog
from labcrate.people.link_log import LinkLog, LinkMethod
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.users import Users

TABLES = ("user", "login", "token", "export", "link")
SCRIPTS = ("schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql")
WHAT: dict[str, Any] = {
    "who": "ana", "via": "token", "address": "::1", "session": "P07-morning", "options": "", "etag": '"x"', "start": 0,
    "length": 1, "total": 1,
}  # fmt: skip


def add_link(database: PeopleDatabase, who: str = "ana") -> int:
    """Write something that stays."""
    return LinkLog(database).add(who=who, session="1", source="a", target="b", method="move")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Other users cannot read the file or SQLite's files beside it, even if they could before."""
    with PeopleDatabase.open(tmp_path) as database:
        add_link(database)
        for path in tmp_path.glob(f"{PEOPLE_FILE}*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    (tmp_path / PEOPLE_FILE).chmod(0o644)
    PeopleDatabase.open(tmp_path).close()
    assert stat.S_IMODE((tmp_path / PEOPLE_FILE).stat().st_mode) == 0o600


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    """A closed file is complete, without files beside it, so that a copy is a backup."""
    with PeopleDatabase.open(tmp_path) as database:
        add_link(database)
    assert not list(tmp_path.glob(f"{PEOPLE_FILE}-*"))
    with PeopleDatabase.open(tmp_path) as database:
        assert [link.who for link in LinkLog(database).lines()] == ["ana"]


def test_changes_wait_for_the_disk_unless_they_hardly_matter(database: PeopleDatabase) -> None:
    """Important changes use synchronous=FULL (2), others NORMAL (1), both in WAL mode."""
    for durable, expected in ((True, 2), (False, 1), (True, 2)):
        with database.write_transaction(durable=durable) as connection:
            assert connection.rows("PRAGMA synchronous") == [(expected,)]
            assert connection.rows("PRAGMA journal_mode") == [("wal",)]


def test_a_change_that_fails_leaves_nothing(database: PeopleDatabase) -> None:
    """A failed transaction changes nothing, and the next one works."""
    with pytest.raises(PeopleError, match="cannot store TEXT"), database.write_transaction() as connection:
        connection.executemany(
            "INSERT INTO link VALUES (?, 1, 'ana', 1, ?, x'', 'move', NULL, NULL, NULL)", [(1, b"bytes"), (2, "text")]
        )
    assert LinkLog(database).lines() == []
    assert add_link(database) == 1


VERSION_1 = """
CREATE TABLE user (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')), password_hash TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)), created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE login (
    secret_sha256 BLOB PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    begun_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_of_user ON login (user_id);
CREATE TABLE token (
    secret_sha256 BLOB PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES user ON DELETE CASCADE, name TEXT NOT NULL,
    name_key TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, used_ms INTEGER,
    UNIQUE (user_id, name_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE export (
    number INTEGER PRIMARY KEY AUTOINCREMENT, begun_ms INTEGER NOT NULL, ended_ms INTEGER, who TEXT NOT NULL,
    via TEXT NOT NULL, address TEXT NOT NULL, session INTEGER NOT NULL, options TEXT NOT NULL, etag TEXT NOT NULL,
    start INTEGER NOT NULL, length INTEGER NOT NULL, total INTEGER NOT NULL, bytes_sent INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT 'running' CHECK (outcome IN ('running', 'finished', 'aborted', 'broken')),
    reason TEXT, run TEXT NOT NULL
) STRICT;
CREATE INDEX export_of_session ON export (session);
CREATE INDEX export_running ON export (outcome) WHERE outcome = 'running';
CREATE TRIGGER export_stays BEFORE DELETE ON export
BEGIN SELECT RAISE(ABORT, 'the export log keeps every line'); END;
CREATE TRIGGER export_ended BEFORE UPDATE ON export WHEN OLD.outcome <> 'running'
BEGIN SELECT RAISE(ABORT, 'a line of the export log that ended stays as it is'); END;
CREATE TABLE link (
    number INTEGER PRIMARY KEY AUTOINCREMENT, linked_ms INTEGER NOT NULL, who TEXT NOT NULL,
    session INTEGER NOT NULL, source BLOB NOT NULL, target BLOB NOT NULL, method TEXT NOT NULL, undone_ms INTEGER,
    undone_by TEXT
) STRICT;
CREATE TRIGGER link_stays BEFORE DELETE ON link
BEGIN SELECT RAISE(ABORT, 'the log of links keeps every line'); END;
INSERT INTO user VALUES (3, 'Ana', 'ana', 'admin', 'hash', 0, 5);
INSERT INTO login VALUES (x'01', 3, 6, 7);
INSERT INTO token VALUES (x'02', 3, 'script', 'script', 8, 9, NULL);
INSERT INTO export VALUES
    (2, 100, 200, 'Ana', 'login', '::1', 42, 'only=sensors', '"e"', 5, 6, 7, 6, 'finished', NULL, 'run'),
    (9, 300, NULL, 'root', 'command line', '', 999999999999999999, '', '"f"', 0, 8, 8, 1, 'running', NULL, 'other'),
    (10, 400, 500, 'eva', 'token', '::2', 0, '', '"g"', 0, 8, 8, 3, 'broken', 'it changed', 'run');
INSERT INTO link VALUES
    (4, 600, 'Ana', 42, x'ff61', x'62', 'hard link', 700, 'eva'), (6, 800, 'eva', 7, x'63', x'64', 'move', NULL, NULL);
PRAGMA application_id = 0x4C427065;
PRAGMA user_version = 1;
"""


def test_a_file_of_version_1_keeps_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Session ids become texts; all other values, triggers, indexes and numbers are unchanged."""
    with closing(sqlite3.connect(tmp_path / PEOPLE_FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(VERSION_1)
        before = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608
        things = connection.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2").fetchall()
    with PeopleDatabase.open(tmp_path) as database:
        after = {table: database.rows(f"SELECT * FROM {table}") for table in TABLES}  # noqa: S608
        at = {"export": 6, "link": 3}
        assert after == {
            table: [
                (*row[: at[table]], str(row[at[table]]), *row[at[table] + 1 :], None) if table in at else row
                for row in rows
            ]
            for table, rows in before.items()
        }
        assert [line.reason for line in ExportLog(database).lines()] == ["it changed", None, None]
        now = database.rows("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2")
        assert [row for row in now if row[2] in {*TABLES, "sqlite_sequence"}] == things
        for statement in ("DELETE FROM export", "DELETE FROM link", "UPDATE export SET who = 'x' WHERE number = 2"):
            with (
                pytest.raises(PeopleError, match=r"keeps every line|stays as it is"),
                database.write_transaction() as connection,
            ):
                connection.execute(statement)
        # A number is never given twice.
        log = ExportLog(database)
        line = log.begin(**WHAT)
        log.close()
        assert (line, add_link(database)) == (11, 7)
        assert [one.number for one in log.lines(session="42")] == [2]
        assert [one.session for one in LinkLog(database).lines("42")] == ["42"]
    monkeypatch.setattr("labcrate.people.database.SCHEMA", replace(SCHEMA, version=1))
    with pytest.raises(PeopleError, match=r"made by a newer version of labcrate\. Update labcrate"):
        PeopleDatabase.open(tmp_path)


def test_a_file_of_version_3_keeps_every_line(tmp_path: Path) -> None:
    """Old lines keep their English texts, without a message; all other columns, triggers and indexes are unchanged."""
    scripts = [resources.files("labcrate.people").joinpath(name).read_text("utf-8") for name in SCRIPTS[:3]]
    with closing(sqlite3.connect(tmp_path / PEOPLE_FILE)) as connection:
        connection.executescript("".join(scripts))
        connection.executescript("""
            INSERT INTO export VALUES
                (1, 2, 3, 'Ana', 'login', '::1', '42', '', '"e"', 0, 9, 9, 4, 'broken', 'it changed', 'run'),
                (2, 4, NULL, 'Ana', 'login', '::1', '42', '', '"e"', 0, 9, 9, 4, 'running', NULL, 'run');
            INSERT INTO link VALUES
                (1, 2, 'Ana', '42', CAST('nvr: 2 recordings' AS BLOB), x'62', 'by time', NULL, NULL);
            PRAGMA application_id = 0x4C427065;
            PRAGMA user_version = 3;
        """)
        before = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608
        things = connection.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2").fetchall()
    with PeopleDatabase.open(tmp_path) as database:
        after = {table: database.rows(f"SELECT * FROM {table}") for table in TABLES}  # noqa: S608
        assert after == {
            table: [(*row, None) if table in ("export", "link") else row for row in rows]
            for table, rows in before.items()
        }
        assert database.rows("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2") == things
        running, broken = ExportLog(database).lines()
        assert (running.reason, broken.reason) == (None, "it changed")
        assert not isinstance(broken.reason, Message)
        (link,) = LinkLog(database).lines()
        assert (link.source, isinstance(link.source, Message), link.method) == (
            "nvr: 2 recordings",
            False,
            LinkMethod.BY_TIME,
        )


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the migration fails, the file is unchanged, and the next opening migrates it."""
    with closing(sqlite3.connect(tmp_path / PEOPLE_FILE)) as connection:
        connection.executescript(VERSION_1)
        before = "\n".join(connection.iterdump())

    def broken(connection: Connection, version: int) -> None:
        SCHEMA.upgrade(connection, version)
        connection.execute("INSERT INTO nothing DEFAULT VALUES")

    with monkeypatch.context() as patch:
        patch.setattr("labcrate.people.database.SCHEMA", replace(SCHEMA, upgrade=broken))
        with pytest.raises(PeopleError):
            PeopleDatabase.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / PEOPLE_FILE)) as connection:
        assert "\n".join(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    with PeopleDatabase.open(tmp_path) as database:
        assert len(LinkLog(database).lines()) == 2


def damaged_head(file: Path) -> None:
    """Overwrite SQLite's signature at the beginning of the file."""
    file.write_bytes(b"this is no database" + file.read_bytes()[19:])


def damaged_page(file: Path) -> None:
    """Overwrite a page in the middle of the file."""
    data = bytearray(file.read_bytes())
    data[4096 : 2 * 4096] = os.urandom(1) * 4096
    file.write_bytes(bytes(data))


def cut_short(file: Path) -> None:
    """Truncate the file to half its size."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    """Truncate the file to 0 bytes, as a full disk or a failed copy does."""
    file.write_bytes(b"")


def foreign(file: Path) -> None:
    """Replace the file by a database of another program."""
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [damaged_head, damaged_page, cut_short, emptied, foreign])
def test_a_damaged_file_is_reported_and_left_as_it_is(tmp_path: Path, damage: object) -> None:
    """A damaged file gives an error with the remedy, and is not changed."""
    with PeopleDatabase.open(tmp_path) as database:
        for _ in range(50):
            add_link(database)
    file = tmp_path / PEOPLE_FILE
    assert callable(damage)
    damage(file)
    before = file.read_bytes()
    with pytest.raises(PeopleError, match=r"damaged.*does not change it.*backup"):
        PeopleDatabase.open(tmp_path)
    assert file.read_bytes() == before


def test_a_file_that_is_gone_while_its_journal_is_there_is_not_made_anew(tmp_path: Path) -> None:
    """No new file is created beside an old journal, since SQLite would apply the journal to it."""
    (tmp_path / f"{PEOPLE_FILE}-wal").write_bytes(b"left over")
    with pytest.raises(PeopleError, match=r"people\.db-wal is still there"):
        PeopleDatabase.open(tmp_path)
    assert not (tmp_path / PEOPLE_FILE).exists()


def test_a_file_of_a_newer_labcrate_is_left_alone(tmp_path: Path) -> None:
    """A file of an unknown version is not written."""
    PeopleDatabase.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / PEOPLE_FILE)
    connection.execute(f"PRAGMA user_version = {SCHEMA.version + 1}")
    connection.close()
    with pytest.raises(PeopleError, match="Update labcrate"):
        PeopleDatabase.open(tmp_path)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_symbolic_link_in_its_place_is_refused(tmp_path: Path, suffix: str) -> None:
    """A symbolic link in place of the file or its journals is not followed."""
    elsewhere = tmp_path / "elsewhere"
    state = tmp_path / "state"
    state.mkdir()
    PeopleDatabase.open(state).close()
    (state / f"{PEOPLE_FILE}{suffix}").unlink(missing_ok=True)
    (state / f"{PEOPLE_FILE}{suffix}").symlink_to(elsewhere)
    with pytest.raises(PeopleError, match="symbolic link"):
        PeopleDatabase.open(state)
    assert not elsewhere.exists()


def test_a_crash_while_it_was_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """An unfinished file is replaced: the file gets its name when it is complete."""
    (tmp_path / f"{PEOPLE_FILE}.new").write_bytes(b"half")
    with PeopleDatabase.open(tmp_path) as database:
        assert add_link(database) == 1
    assert not (tmp_path / f"{PEOPLE_FILE}.new").exists()


_WRITER = """
import sys
from pathlib import Path
from typing import Any
from labcrate.people.database import PeopleDatabase
from labcrate.people.link_log import LinkLog

with PeopleDatabase.open(Path(sys.argv[1])) as database:
    for _ in range(40):
        LinkLog(database).add(who=sys.argv[2], session="1", source="a", target="b", method="move")
"""


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Processes that start together create one file, and it has the lines of all."""
    names = ["server", "command", "another"]
    running = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in names]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with PeopleDatabase.open(tmp_path) as database:
        lines = LinkLog(database).lines()
    assert sorted({link.who for link in lines}) == sorted(names)
    assert [link.number for link in lines] == list(range(120, 0, -1))


def test_threads_share_one_database(database: PeopleDatabase) -> None:
    """Several threads can read and write at the same time."""
    problems: list[Exception] = []

    def use() -> None:
        try:
            for _ in range(20):
                add_link(database)
                LinkLog(database).lines()
        except PeopleError as error:
            problems.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(LinkLog(database).lines()) == 120


def test_reading_does_not_wait_for_writing(tmp_path: Path, database: PeopleDatabase) -> None:
    """During a change by another process, reading returns the old state, and small notes are skipped."""
    add_link(database)
    with PeopleDatabase.open(tmp_path) as other, other.write_transaction() as connection:
        connection.execute("UPDATE link SET who = 'changed'")
        assert [link.who for link in LinkLog(database).lines()] == ["ana"]
        database.write_if_idle("UPDATE link SET who = 'noted'")
    assert [link.who for link in LinkLog(database).lines()] == ["changed"]
    database.write_if_idle("UPDATE link SET who = 'noted'")
    assert [link.who for link in LinkLog(database).lines()] == ["noted"]


def test_secrets_are_nowhere_in_the_file(tmp_path: Path, users: Users, passwords: Passwords) -> None:
    """No password, also no refused one, is in the file or its journal."""
    users.add("ana", Role.ADMIN, "correct horse battery")
    with pytest.raises(UsageError):
        users.add("ana", Role.ADMIN, "another horse battery")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{PEOPLE_FILE}*"))
    assert b"$argon2id$" in stored
    assert b"horse" not in stored
