"""A people.db with random damage: every command and the server report it in one sentence, and leave the file alone."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.errors import PeopleError
from labcrate.people.database import PEOPLE_FILE, PeopleDatabase
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.people.link_log import LinkLog
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users

SEEDS = 300
COMMANDS = (
    ("user", "list"), ("user", "list", "--json"), ("user", "disable", "ada"), ("token", "list"), ("log",),
    ("log", "--csv"), ("log", "--json"), ("serve", "--port", "0"),
)  # fmt: skip


def filled(folder: Path) -> bytes:
    """Return the bytes of a people.db with users, a token, and a line in each log."""
    with PeopleDatabase.open(folder) as database, ExportLog(database) as log:
        users = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST)))
        ada = users.add("ada", Role.ADMIN, "correct horse battery")
        for number in range(30):
            users.add(f"user {number}", Role.VIEWER, "correct horse battery")
        Tokens(database).add(ada, "script", 3)
        line = log.begin(
            who="ada", via="login", address="", session="42", options="", etag="x", start=0, length=1, total=1
        )
        log.end(line, 1, Outcome.FINISHED)
        LinkLog(database).add(who="ada", session="42", source="a", target="b", method="entry")
    with closing(sqlite3.connect(folder / PEOPLE_FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / PEOPLE_FILE).read_bytes()


def put(folder: Path, content: bytes) -> None:
    """Put a people.db in place without a journal of another database."""
    for suffix in ("-wal", "-shm"):
        (folder / f"{PEOPLE_FILE}{suffix}").unlink(missing_ok=True)
    (folder / PEOPLE_FILE).write_bytes(content)


def damaged(whole: bytes, seed: int) -> bytes:
    """Return the bytes with damage: the same for the same seed."""
    dice, content = random.Random(seed), bytearray(whole)  # noqa: S311 - the same damage each time
    for _ in range(dice.choice((1, 3, 10, 100))):
        at = dice.randrange(len(content))
        content[at] = dice.randrange(256)
    if dice.random() < 0.2:
        at = dice.randrange(len(content) - 4096)
        content[at : at + 4096] = dice.randbytes(4096)
    return bytes(content[: dice.randrange(len(content))] if dice.random() < 0.2 else content)


def read_all(folder: Path) -> Iterator[object]:
    """Read everything that pages and commands read."""
    with PeopleDatabase.open(folder) as database, ExportLog(database) as log:
        yield Users(database).all()
        yield Tokens(database).all()
        yield log.lines()
        yield LinkLog(database).lines()


def test_damage_is_one_kind_of_error(tmp_path: Path) -> None:
    """For any damage, reading gives rows or a PeopleError. Seed 5: SQLite's own sentence was no UTF-8."""
    whole = filled(tmp_path)
    shown: list[str] = []
    for seed in range(SEEDS):
        put(tmp_path, damaged(whole, seed))
        try:
            assert len(list(read_all(tmp_path))) == 4
        except PeopleError as error:
            shown.append(str(error))
    assert len(shown) > SEEDS // 4
    assert all(map(str.isprintable, shown))


@pytest.mark.parametrize("column", ["user.created_ms", "token.expires_ms", "export.begun_ms", "link.linked_ms"])
def test_an_impossible_time_is_damage(tmp_path: Path, column: str) -> None:
    """A time beyond the calendar in a sound file is reported as damage."""
    filled(tmp_path)
    table, _, name = column.partition(".")
    with closing(sqlite3.connect(tmp_path / PEOPLE_FILE)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(f"UPDATE {table} SET {name} = ?", (2**62,))  # noqa: S608 - constants
        connection.commit()
    with pytest.raises(PeopleError, match=r"damaged.*backup"):
        list(read_all(tmp_path))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("seed", [5, 35, 41])
def test_each_command_says_it_in_one_sentence(
    usual_lab: Any, cli: Any, clear: Any, tmp_path: Path, command: tuple[str, ...], seed: int
) -> None:
    """The result is exit code 14 or a right answer, one sentence, no traceback, and an unchanged file."""
    state = usual_lab.root / ".labcrate"
    state.mkdir()
    whole = filled(tmp_path)
    content = bytearray(damaged(whole, seed))
    content[200:2600] = whole[:2400]  # the schema is destroyed as well
    put(state, bytes(content))
    outcome = cli(*command, "--lab", usual_lab.root)
    if "--json" in command:
        assert outcome.code == 14
    else:
        clear(outcome, 14, "people.db", "damaged", "backup")
    assert (state / PEOPLE_FILE).read_bytes() == content
