"""``labcrate study``: lists of sessions that limit what users see, as text and JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.index.state_folder import STATE_FOLDER
from labcrate.people.database import PeopleDatabase
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role, SessionScope
from labcrate.people.studies import Studies
from labcrate.people.users import Users

if TYPE_CHECKING:
    from tests.conftest import Clear, Cli, LabBuilder


@pytest.fixture
def people(usual_lab: "LabBuilder") -> Path:
    """Build the usual lab with tags on 42 and 43, an administrator, Ana, and an operator, Bob."""
    usual_lab.session(42, tags=["Falls", "night"])
    usual_lab.session(43, tags=["falls "])
    usual_lab.session(44, tags=["night falls"])
    (usual_lab.root / STATE_FOLDER).mkdir()
    with PeopleDatabase.open(usual_lab.root / STATE_FOLDER) as database:
        users = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST)))
        users.add("Ana", Role.ADMIN, "correct horse")
        users.add("Bob", Role.OPERATOR, "correct horse")
    return usual_lab.root


def scope(root: Path, name: str) -> SessionScope:
    """Return the sessions that a user sees now."""
    with PeopleDatabase.open(root / STATE_FOLDER) as database:
        return Studies(database).scope(Users(database).get(name))


def test_a_study_limits_its_people_to_its_sessions(cli: "Cli", people: Path) -> None:
    """Commands create a study, add sessions and users; a user in no study sees all sessions again."""
    lab = ("--lab", people)
    assert cli("study", "add", "Falls at home", *lab).out.startswith("Created study Falls at home")
    assert cli("study", "sessions", "falls at home", "add", "s42", "43", *lab).out == (
        "Study Falls at home now has 2 sessions.\n"
    )
    assert cli("study", "people", "Falls at home", "add", "bob", *lab).out == "Study Falls at home now has 1 person.\n"
    assert scope(people, "Bob") == SessionScope.of(["42", "43"])
    listed = cli("study", "list", "--json", *lab).json
    assert [{name: value for name, value in study.items() if name != "createdAt"} for study in listed] == [
        {"name": "Falls at home", "sessions": [42, 43], "people": ["Bob"]}
    ]
    assert cli("study", "sessions", "Falls at home", "remove", "42", *lab).code == 0
    assert scope(people, "Bob") == SessionScope.of(["43"])
    told = cli("study", "people", "Falls at home", "remove", "Bob", *lab).out
    assert "Bob is in no study and sees every session." in told
    assert scope(people, "Bob") == SessionScope.all()
    assert cli("study", "remove", "Falls at home", *lab).code == 0
    assert "There are no studies" in cli("study", "list", *lab).out


def test_an_administrator_sees_every_session_all_the_same(cli: "Cli", people: Path) -> None:
    """A study does not limit administrators, and the command says so."""
    cli("study", "add", "S", "--lab", people)
    assert (
        "Ana is an administrator and sees every session."
        in cli("study", "people", "S", "add", "Ana", "--lab", people).out
    )
    assert scope(people, "Ana") == SessionScope.all()


def test_a_tag_fills_a_study_once(cli: "Cli", people: Path, usual_lab: "LabBuilder") -> None:
    """The sessions with the tag are added after confirmation; later ones are not."""
    lab = ("--lab", people)
    cli("study", "add", "S", *lab)
    asked = cli("study", "fill", "S", "--tag", "falls", *lab)
    assert (asked.code, "add --yes" in asked.err) == (2, True)
    filled = cli("study", "fill", "S", "--tag", "falls", "--yes", *lab)
    assert filled.out.startswith("Added 2 sessions to study S.")
    usual_lab.session(44, tags=["falls"])
    assert cli("study", "list", "--json", *lab).json[0]["sessions"] == [42, 43]
    assert "Added" not in cli("study", "fill", "S", "--tag", "nobody's", "--yes", *lab).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "S"], 2, "already a study"),
        (["add", "S", "T"], 2, "quotation marks"),
        (["add"], 2, "NAME is missing"),
        (["list", "S"], 2, "takes no NAME"),
        (["remove", "T"], 18, "There is no study 'T'"),
        (["remove", "S"], 2, "has people"),
        (["sessions", "S", "add"], 2, "add|remove ID"),
        (["sessions", "S", "42"], 2, "add|remove ID"),
        (["sessions", "S", "add", "4711"], 5, "There is no session 4711"),
        (["sessions", "S", "remove", "43"], 18, "has no session '43'"),
        (["people", "S", "add", "Cleo"], 18, "There is no user 'Cleo'"),
        (["people", "S", "remove", "Ana"], 18, "Ana is not in study S"),
        (["fill", "S"], 2, "--tag is missing"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(
    cli: "Cli", people: Path, clear: "Clear", words: list[str], code: int, said: str
) -> None:
    """Each error is one sentence with its remedy and exit code, and changes nothing."""
    lab = ("--lab", people)
    cli("study", "add", "S", *lab)
    cli("study", "people", "S", "add", "Bob", *lab)
    before = cli("study", "list", "--json", *lab).out
    clear(cli("study", *words, *lab), code, said)
    assert cli("study", "list", "--json", *lab).out == before
