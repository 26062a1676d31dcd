"""The commands about users, tokens and the log, as text, JSON and CSV."""

import csv
import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.index.state_folder import STATE_FOLDER
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.people.logins import Logins
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.second_factor import SecondFactors
from labcrate.people.users import Users

if TYPE_CHECKING:
    from tests.conftest import Clear, Cli, LabBuilder
    from tests.support.processes import Command

GOOD = "correct horse"


@pytest.fixture
def people(lab: "LabBuilder") -> Path:
    """Build a lab with an administrator, Ana, and a viewer, Bob."""
    (lab.root / STATE_FOLDER).mkdir()
    with PeopleDatabase.open(lab.root / STATE_FOLDER) as database:
        users = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST)))
        users.add("Ana", Role.ADMIN, GOOD)
        users.add("Bob", Role.VIEWER, GOOD)
    return lab.root


@pytest.mark.thorough
def test_a_password_is_read_from_standard_input(command: "Command", lab: "LabBuilder") -> None:
    """The password is one line without its end; it works for a login, and is not printed."""
    outcome = command(
        "user", "add", "Ana", "--role", "admin", "--password-stdin", "--lab", lab.root, input="contraseña ñ\r\n"
    )
    assert (outcome.returncode, outcome.stdout) == (0, "Added user Ana with the role admin.\n")
    with PeopleDatabase.open(lab.root / STATE_FOLDER) as database:
        assert Users(database).verify("ana", "contraseña ñ").role is Role.ADMIN


@pytest.mark.parametrize(
    ("given", "words"),
    [("short\n", "at least 10 characters"), ("", "at least 10 characters"), ("a\x00b" * 5, "cannot be typed")],
)
def test_a_password_that_will_not_do_is_refused(
    command: "Command", lab: "LabBuilder", clear: "Clear", given: str, words: str
) -> None:
    """The message states the rule, the exit code is 2, and no user is added."""
    clear(command("user", "add", "ana", "--password-stdin", "--lab", lab.root, input=given), 2, words)
    assert command("user", "list", "--json", "--lab", lab.root).stdout == "[]\n"


def test_without_a_terminal_or_an_order_no_password_is_read(command: "Command", people: Path, clear: "Clear") -> None:
    """A password is not read from a pipe without --password-stdin."""
    clear(command("user", "password", "ana", "--lab", people, input=f"{GOOD}\n"), 2, "--password-stdin")


@pytest.mark.thorough
def test_on_a_terminal_a_password_is_asked_for_twice_and_not_shown(people: Path) -> None:
    """A password must be typed twice, the same both times, and is never shown."""
    assert _typed(people, [GOOD, "wrong horse"]) == (2, "The two passwords are different.")
    code, shown = _typed(people, ["another horse", "another horse"])
    assert (code, "ended their logins and tokens" in shown) == (0, True)
    with PeopleDatabase.open(people / STATE_FOLDER) as database:
        assert Users(database).verify("bob", "another horse")


def _typed(lab: Path, lines: list[str]) -> tuple[int, str]:
    """Run the command on a terminal of its own, type what it asks for, and give its code and its last words."""
    control, terminal = pty.openpty()
    words = [sys.executable, "-m", "labcrate", "user", "password", "bob", "--lab", str(lab)]
    process = subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    shown = b""
    for line in (*lines, None):
        while line is None or not shown.endswith(b": "):
            ready, _, _ = select.select([control], [], [], 60)
            assert ready, shown
            try:
                piece = os.read(control, 4096)
            except OSError:  # what Linux answers when nobody is at the other end any more
                piece = b""
            if not piece:
                break
            shown += piece
        if line is not None:
            os.write(control, line.encode() + b"\n")
            shown += b" "
    os.close(control)
    text = shown.decode()
    for line in lines:
        assert line not in text
    return process.wait(60), text.strip().splitlines()[-1].removeprefix("labcrate: ")


def test_users_are_listed_changed_and_locked_out(cli: "Cli", people: Path) -> None:
    """Each action prints its result, and the list shows it, as text and as JSON."""
    assert cli("user", "role", "bob", "--role", "operator", "--lab", people).out == "Bob now has the role operator.\n"
    assert "ended their logins and tokens" in cli("user", "disable", "BOB", "--lab", people).out
    listed = cli("user", "list", "--lab", people).out
    assert [line.split()[:3] for line in listed.splitlines()] == [
        ["Name", "Role", "Can"],
        ["Ana", "admin", "yes"],
        ["Bob", "operator", "no"],
    ]
    assert max(map(len, listed.splitlines())) <= 80
    answer = cli("user", "enable", "bob", "--json", "--lab", people).json
    assert (answer["name"], answer["role"], answer["disabled"]) == ("Bob", "operator", False)
    assert [user["name"] for user in cli("user", "list", "--json", "--lab", people).json] == ["Ana", "Bob"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("user", "disable", "ana"), 2, "Ana is the last administrator. Make another user an administrator first."),
        (("user", "role", "ana", "--role", "viewer"), 2, "last administrator"),
        (("user", "role", "ana"), 2, "--role viewer|operator|admin"),
        (("user", "disable"), 2, "labcrate user disable NAME"),
        (("user", "list", "ana"), 2, "labcrate user list takes no NAME: it lists all entries."),
        (("token", "list", "nightly"), 2, "labcrate token list takes no NAME: it lists all entries."),
        (("user", "disable", "carla"), 18, "There is no user 'carla'. List all users: labcrate user list"),
        (("user", "add", "BOB", "--password-stdin"), 2, "already a user"),
        (("user", "add", "a\x1b[2J", "--password-stdin"), 2, "'a\\x1b[2J' is not a valid name for a user"),
        (
            ("user", "reset-second-factor", "bob"),
            18,
            "Bob has no second factor to reset. 'labcrate user list'",
        ),
        (("user", "reset-second-factor", "carla"), 18, "no user 'carla'"),
        (("user", "reset-second-factor"), 2, "labcrate user reset-second-factor NAME"),
        (("token", "add", "x"), 2, "--user NAME"),
        (("token", "add", "x", "--user", "carla"), 18, "no user 'carla'"),
        (("token", "add", "x", "--user", "ana", "--days", "0"), 2, "1 to 3650 days"),
        (("token", "revoke", "x"), 18, "There is no token 'x'"),
        (("token", "revoke", "x", "--user", "ana"), 18, "no token 'x'"),
        (("token", "list", "--user", "carla"), 18, "no user 'carla'"),
        (("log", "--csv", "--json"), 2, "Choose either --csv or --json"),
        (("log", "--session", "a/b"), 2, "is not a session ID"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    cli: "Cli", people: Path, clear: "Clear", words: tuple[str, ...], code: int, said: str
) -> None:
    """An error names the object, the rule and the remedy; nothing changes."""
    outcome = cli(*words, "--lab", people)
    if "--json" in words:
        assert outcome.code == code
        assert said in outcome.err
    elif f" --lab {people}" in outcome.err:  # a command to be pasted, for this lab
        assert outcome.code == code
        assert said in outcome.err.replace(f" --lab {people}", "")
    else:
        clear(outcome, code, said)
    assert outcome.out == ""
    users = cli("user", "list", "--json", "--lab", people).json
    assert [(user["name"], user["role"], user["disabled"]) for user in users] == [
        ("Ana", "admin", False),
        ("Bob", "viewer", False),
    ]


def test_a_second_factor_is_listed_and_reset(cli: "Cli", people: Path) -> None:
    """The list shows who has one, as text and JSON; a reset removes it and ends the user's logins."""
    with PeopleDatabase.open(people / STATE_FOLDER) as database:
        factors, ana = SecondFactors(database, lambda: 1_750_000_000.0), Users(database).get("ana")
        secret = factors.begin_setup(ana)
        factors.finish_setup(ana, pyotp.TOTP(secret).at(1_750_000_000))
        login = Logins(database).begin(ana)
    listed = cli("user", "list", "--lab", people).out
    assert [line.split()[:4] for line in listed.splitlines()[1:]] == [
        ["Ana", "admin", "yes", "yes"],
        ["Bob", "viewer", "yes", "no"],
    ]
    assert max(map(len, listed.splitlines())) <= 80
    assert secret not in listed
    told = [user["secondFactor"] for user in cli("user", "list", "--json", "--lab", people).json]
    assert told == [True, False]
    answer = cli("user", "reset-second-factor", "ANA", "--lab", people)
    assert answer.out == (
        "Removed the second factor of Ana, and ended their logins. The next login requires no code.\n"
    )
    with PeopleDatabase.open(people / STATE_FOLDER) as database:
        assert SecondFactors(database).user_ids_with_factor() == frozenset()
        assert Logins(database).find(login) is None


def test_a_token_is_made_shown_once_listed_and_revoked(cli: "Cli", people: Path) -> None:
    """The last line is the token alone; JSON has it under its name; lists never have it."""
    made = cli("token", "add", "nightly", "--user", "bob", "--days", "7", "--lab", people).out
    secret = made.splitlines()[-1]
    assert secret.startswith("labcrate_")
    assert max(map(len, made.splitlines())) <= 80
    other = cli("token", "add", "nightly", "--user", "ana", "--json", "--lab", people).json
    assert other["token"].startswith("labcrate_")
    listed = cli("token", "list", "--lab", people)
    assert secret not in listed.out
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [["nightly", "Ana"], ["nightly", "Bob"]]
    assert "token" not in cli("token", "list", "--json", "--user", "ana", "--lab", people).json[0]
    assert "Ana and Bob each have" in cli("token", "revoke", "nightly", "--lab", people).err
    assert cli("token", "revoke", "nightly", "--user", "ana", "--lab", people).code == 0
    assert cli("token", "revoke", "NIGHTLY", "--lab", people).out == "Revoked token nightly of Bob.\n"
    assert "no tokens" in cli("token", "list", "--lab", people).out
    assert f"labcrate token add NAME --user NAME --lab {people}" in cli("token", "list", "--lab", people).out


def test_another_password_revokes_the_users_tokens(command: "Command", cli: "Cli", people: Path) -> None:
    """A new password ends the user's tokens, which may have been made with the old one, but not other users' tokens."""
    for user in ("ana", "bob"):
        assert cli("token", "add", "nightly", "--user", user, "--lab", people).code == 0
    words = ("user", "password", "bob", "--password-stdin", "--lab", people)
    assert command(*words, input="another horse\n").returncode == 0
    assert [token["user"] for token in cli("token", "list", "--json", "--lab", people).json] == ["Ana"]


def test_the_log_reads_well_and_is_complete(cli: "Cli", clear: "Clear", people: Path) -> None:
    """Text, JSON and CSV have the same lines, the newest first, and can be filtered."""
    assert cli("log", "--lab", people).out == "Nothing was exported from this lab yet.\n"
    with PeopleDatabase.open(people / STATE_FOLDER) as database, ExportLog(database) as log:
        for session, who in (("42", "ana"), ("7", "=HYPERLINK(1)")):
            line = log.begin(
                who=who,
                via="login",
                address="2001:db8:1234:5678:9abc:def0:1234:5678",
                session=session,
                options="only=sensors",
                etag='"e"',
                start=0,
                length=3_000_000_000,
                total=3_000_000_000,
            )
        log.end(line, 1_500_000_000, Outcome.BROKEN, "recordings/cam1.mp4 changed while it was sent")
    shown = cli("log", "--lab", people).out
    # The first line was left running by a process that is gone.
    assert shown.index("broken") < shown.index("aborted")
    printed = shown.splitlines()
    (broken,) = (number for number, row in enumerate(printed) if "broken" in row)
    below = ["    recordings/cam1.mp4 changed while it was sent", "    Archive ID: e"]
    assert [row for row in printed[broken + 1 :] if row.startswith("    ") and row.strip()][:2] == below
    told = cli("log", "--json", "--lab", people).json
    assert [(line["session"], line["outcome"]) for line in told] == [(7, "broken"), (42, "aborted")]
    rows = list(csv.DictReader(io.StringIO(cli("log", "--csv", "--lab", people).out)))
    assert [(row["session"], row["who"]) for row in rows] == [("7", "'=HYPERLINK(1)"), ("42", "ana")]
    assert [line["session"] for line in cli("log", "--json", "--session", "s42", "--lab", people).json] == [42]
    assert "No matching transfers" in cli("log", "--session", "8", "--lab", people).out
    for words, count in ((("--who", "AN"), 1), (("--from", "2999-01-01"), 0), (("--to", "2999-01-01"), 2)):
        assert len(cli("log", *words, "--json", "--lab", people).json) == count
    clear(cli("log", "--from", "soon", "--lab", people), 2, "--from", "not a date")


def test_the_log_keeps_to_80_columns_on_a_terminal(people: Path) -> None:
    """Long names and addresses are wrapped in their column."""
    with PeopleDatabase.open(people / STATE_FOLDER) as database, ExportLog(database) as log:
        log.begin(
            who="María del Carmen Fernández-Villaverde",
            via="login",
            address="2001:db8:1234:5678:9abc:def0:1234:5678",
            session="123456",
            options="",
            etag="",
            start=0,
            length=3_000_000_000,
            total=3_000_000_000,
        )
        control, terminal = pty.openpty()
        environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
        words = [sys.executable, "-m", "labcrate", "log", "--lab", str(people)]
        with subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
            os.close(terminal)
            assert process.wait(60) == 0
        shown = os.read(control, 65536).decode()
        os.close(control)
    assert "running" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_damaged_file_of_people_is_named_and_kept(cli: "Cli", people: Path, clear: "Clear") -> None:
    """Every command about people ends with exit code 14 and the remedy, and does not change the file."""
    file = people / STATE_FOLDER / "people.db"
    file.write_bytes(b"x" * 5000)
    for words in (("user", "list"), ("token", "list"), ("log",)):
        clear(cli(*words, "--lab", people), 14, "people.db", "backup")
    assert file.read_bytes() == b"x" * 5000


@pytest.mark.usefixtures("permissions")
def test_a_file_of_people_that_is_anothers_is_named(command: "Command", people: Path, clear: "Clear") -> None:
    """A file of another user gives an error with the remedy, without a traceback."""
    file = people / STATE_FOLDER / "people.db"
    file.chmod(0o400)
    outcome = command("user", "disable", "bob", "--lab", people, denied=True)
    clear(outcome, 14, "people.db", "labcrate as the user who owns the file")


@pytest.mark.thorough
def test_a_locked_file_of_people_is_waited_for(command: "Command", people: Path) -> None:
    """A command waits while the server writes, and then succeeds."""
    words = [sys.executable, "-m", "labcrate", "user", "disable", "bob", "--lab", str(people)]
    with PeopleDatabase.open(people / STATE_FOLDER) as database:
        with database.write_transaction():
            process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            with pytest.raises(subprocess.TimeoutExpired):
                process.communicate(timeout=2)
        said, _ = process.communicate(timeout=60)
        assert (process.returncode, Users(database).get("bob").disabled) == (0, True)
    assert "Disabled Bob" in said
