"""The file of people: private, durable, shared by processes, and never replaced."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labcrate.errors import PeopleError, UsageError
from labcrate.people.database import Database
from labcrate.people.file import PEOPLE_FILE, SCHEMA_VERSION
from labcrate.people.links import LinkLog
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.users import Users


def add_link(database: Database, who: str = "ana") -> int:
    """Write something that stays."""
    return LinkLog(database).add(who=who, session="1", source="a", target="b", method="move")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else may read the file or what SQLite keeps beside it, also after others were allowed to."""
    with Database.open(tmp_path) as database:
        add_link(database)
        for path in tmp_path.glob(f"{PEOPLE_FILE}*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    (tmp_path / PEOPLE_FILE).chmod(0o644)
    Database.open(tmp_path).close()
    assert stat.S_IMODE((tmp_path / PEOPLE_FILE).stat().st_mode) == 0o600


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    """A closed file is whole by itself: nothing is left in files beside it, so a copy of it is a backup."""
    with Database.open(tmp_path) as database:
        add_link(database)
    assert not list(tmp_path.glob(f"{PEOPLE_FILE}-*"))
    with Database.open(tmp_path) as database:
        assert [link.who for link in LinkLog(database).lines()] == ["ana"]


def test_changes_wait_for_the_disk_unless_they_hardly_matter(database: Database) -> None:
    """What must survive a power cut is written with synchronous=FULL (2), the rest with NORMAL (1), both in WAL."""
    for durable, expected in ((True, 2), (False, 1), (True, 2)):
        with database.change(durable=durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (expected,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_change_that_fails_leaves_nothing(database: Database) -> None:
    """All of a transaction is done, or nothing of it, and the next one works."""
    with pytest.raises(PeopleError, match="cannot store TEXT"), database.change() as connection:
        connection.executemany(
            "INSERT INTO link VALUES (?, 1, 'ana', 1, ?, x'', 'move', NULL, NULL)", [(1, b"bytes"), (2, "text")]
        )
    assert LinkLog(database).lines() == []
    assert add_link(database) == 1


def damaged_head(file: Path) -> None:
    """Other bytes where SQLite's own mark stands."""
    file.write_bytes(b"this is no database" + file.read_bytes()[19:])


def damaged_page(file: Path) -> None:
    """A page in the middle that makes no sense."""
    data = bytearray(file.read_bytes())
    data[4096 : 2 * 4096] = os.urandom(1) * 4096
    file.write_bytes(bytes(data))


def cut_short(file: Path) -> None:
    """Half a file."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    """No byte at all: what a full disk or a failed copy leaves."""
    file.write_bytes(b"")


def foreign(file: Path) -> None:
    """A database of another program."""
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [damaged_head, damaged_page, cut_short, emptied, foreign])
def test_a_damaged_file_is_reported_and_left_as_it_is(tmp_path: Path, damage: object) -> None:
    """Whatever is wrong with the file, it is named with a remedy, and not one byte of it changes."""
    with Database.open(tmp_path) as database:
        for _ in range(50):
            add_link(database)
    file = tmp_path / PEOPLE_FILE
    assert callable(damage)
    damage(file)
    before = file.read_bytes()
    with pytest.raises(PeopleError, match=r"damaged.*left as it is.*backup"):
        Database.open(tmp_path)
    assert file.read_bytes() == before


def test_a_file_that_is_gone_while_its_journal_is_there_is_not_made_anew(tmp_path: Path) -> None:
    """A new file would take the old one's journal for its own; the person who moved things decides."""
    (tmp_path / f"{PEOPLE_FILE}-wal").write_bytes(b"left over")
    with pytest.raises(PeopleError, match=r"people\.db-wal is still there"):
        Database.open(tmp_path)
    assert not (tmp_path / PEOPLE_FILE).exists()


def test_a_file_of_a_newer_labcrate_is_left_alone(tmp_path: Path) -> None:
    """A version that is not known yet is not written to."""
    Database.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / PEOPLE_FILE)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(PeopleError, match="update labcrate"):
        Database.open(tmp_path)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_symbolic_link_in_its_place_is_refused(tmp_path: Path, suffix: str) -> None:
    """What lies behind a link is not ours to write, and logins do not belong there."""
    elsewhere = tmp_path / "elsewhere"
    state = tmp_path / "state"
    state.mkdir()
    Database.open(state).close()
    (state / f"{PEOPLE_FILE}{suffix}").unlink(missing_ok=True)
    (state / f"{PEOPLE_FILE}{suffix}").symlink_to(elsewhere)
    with pytest.raises(PeopleError, match="symbolic link"):
        Database.open(state)
    assert not elsewhere.exists()


def test_a_crash_while_it_was_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """The file gets its name when it is whole; a part of one is replaced."""
    (tmp_path / f"{PEOPLE_FILE}.new").write_bytes(b"half")
    with Database.open(tmp_path) as database:
        assert add_link(database) == 1
    assert not (tmp_path / f"{PEOPLE_FILE}.new").exists()


_WRITER = """
import sys
from pathlib import Path
from labcrate.people.database import Database
from labcrate.people.links import LinkLog

with Database.open(Path(sys.argv[1])) as database:
    for _ in range(40):
        LinkLog(database).add(who=sys.argv[2], session="1", source="a", target="b", method="move")
"""


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Processes that begin at once make one file, and each one's lines are all there."""
    names = ["server", "command", "another"]
    running = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in names]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with Database.open(tmp_path) as database:
        lines = LinkLog(database).lines()
    assert sorted({link.who for link in lines}) == sorted(names)
    assert [link.number for link in lines] == list(range(120, 0, -1))


def test_threads_share_one_database(database: Database) -> None:
    """Threads that write and read at once disturb nobody."""
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


def test_reading_does_not_wait_for_writing(tmp_path: Path, database: Database) -> None:
    """While one process is in the middle of a change, others read what was there before, and small notes give way."""
    add_link(database)
    with Database.open(tmp_path) as other, other.change() as connection:
        connection.execute("UPDATE link SET who = 'changed'")
        assert [link.who for link in LinkLog(database).lines()] == ["ana"]
        database.note("UPDATE link SET who = 'noted'")
    assert [link.who for link in LinkLog(database).lines()] == ["changed"]
    database.note("UPDATE link SET who = 'noted'")
    assert [link.who for link in LinkLog(database).lines()] == ["noted"]


def test_secrets_are_nowhere_in_the_file(tmp_path: Path, users: Users, passwords: Passwords) -> None:
    """Neither a password nor what a refused one was stands in the file or its journal."""
    users.add("ana", Role.ADMIN, "correct horse battery")
    with pytest.raises(UsageError):
        users.add("ana", Role.ADMIN, "another horse battery")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{PEOPLE_FILE}*"))
    assert b"$argon2id$" in stored
    assert b"horse" not in stored
