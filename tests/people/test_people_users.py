"""Users and passwords: names, password rules, and the last administrator."""

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY
from hypothesis import given
from hypothesis import strategies as st

from labcrate.errors import LoginError, NotFoundError, UsageError
from labcrate.people.database import PeopleDatabase
from labcrate.people.logins import Logins
from labcrate.people.passwords import Passwords, check_new_password
from labcrate.people.roles import Role, clean_name, name_key
from labcrate.people.tokens import Tokens, hash_secret
from labcrate.people.users import Users

GOOD = "correct horse"


def test_the_right_password_lets_in_and_any_other_does_not(users: Users) -> None:
    """Name and password must both match; the case of names is ignored."""
    users.add("Ana", Role.OPERATOR, GOOD)
    assert users.verify("Ana", GOOD).role is Role.OPERATOR
    assert users.verify(" aNA ", GOOD).name == "Ana"
    for name, password in (("Ana", "Correct horse"), ("Ana", GOOD + " "), ("Ana", ""), ("Bob", GOOD), ("", GOOD)):
        with pytest.raises(LoginError, match="Wrong name or password"):
            users.verify(name, password)


def test_unknown_disabled_and_wrong_take_the_same_hashing(database: PeopleDatabase) -> None:
    """Every failed login hashes once with the same parameters, so that its time does not reveal names."""
    counted: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            counted.append(str(extract_parameters(str(hash))))
            return super().verify(hash, password)

    users = Users(database, Passwords(Counting.from_parameters(CHEAPEST)))
    users.add("ana", Role.ADMIN, GOOD)
    users.add("bob", Role.VIEWER, GOOD)
    users.disable("bob")
    for name, password in (("ana", "wrong password"), ("bob", GOOD), ("nobody", GOOD)):
        with pytest.raises(LoginError):
            users.verify(name, password)
    assert len(counted) == 3
    assert len(set(counted)) == 1


def test_nobody_has_no_password(passwords: Passwords) -> None:
    """The dummy hash for unknown users matches no password."""
    assert not passwords.matches(None, "a dummy password")
    assert not passwords.matches("no hash at all", "no hash at all")


def test_real_hashes_are_those_of_rfc_9106(database: PeopleDatabase) -> None:
    """By default, hashes are Argon2id with the second recommended option of RFC 9106, each with a salt."""
    users = Users(database)
    users.add("ana", Role.ADMIN, GOOD)
    ((hashed,),) = database.rows("SELECT password_hash FROM user")
    assert extract_parameters(hashed) == RFC_9106_LOW_MEMORY


def test_a_hash_with_other_parameters_is_made_anew_at_the_next_login(
    database: PeopleDatabase, passwords: Passwords
) -> None:
    """After a change of parameters, a login updates the hash, and the password still works."""
    Users(database, passwords).add("ana", Role.ADMIN, GOOD)
    later = Users(database, Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)))
    with pytest.raises(LoginError):
        later.verify("ana", "wrong password")
    assert _time_cost(database) == 1
    later.verify("ana", GOOD)
    assert _time_cost(database) == 2
    later.verify("ana", GOOD)


def _time_cost(database: PeopleDatabase) -> int:
    ((hashed,),) = database.rows("SELECT password_hash FROM user")
    return extract_parameters(hashed).time_cost


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "at least 10"),
        ("nine char", "at least 10"),
        ("á" * 9, "at least 10"),
        ("a" * 1025, "at most 1,024"),
        ("with\na line break", "line breaks"),
        ("with a \x00 null", "cannot be typed"),
        ("half a pair \ud800", "cannot be typed"),
        ("Administrador", "not be the user name"),
    ],
)
def test_passwords_that_will_not_do_are_refused_with_the_rule(users: Users, password: str, why: str) -> None:
    """Each rule has its own message, without the password."""
    with pytest.raises(UsageError, match=why) as caught:
        users.add("administrador", Role.ADMIN, password)
    assert not password or password not in str(caught.value)
    assert users.all() == []


@pytest.mark.parametrize(
    "password",
    ["ten chars!", "ñandú y pingüino", "密码要长一点才好记住吧", "🐎🔋🖇️🌷🎻🚲🧭🍋🪁🦉🏺🎈", "mi gato duerme!!" * 64],
)
def test_passwords_in_any_script_and_up_to_1024_characters_will_do(users: Users, password: str) -> None:
    """Letters of every script, symbols and spaces are allowed; long passwords are not truncated."""
    users.add("ana", Role.ADMIN, password)
    assert users.verify("ana", password)
    with pytest.raises(LoginError):
        users.verify("ana", password[:-1])


def test_a_password_is_the_same_from_every_keyboard(users: Users) -> None:
    """Composed and decomposed letters, and all kinds of spaces, are equal (RFC 8265)."""
    users.add("ana", Role.ADMIN, unicodedata.normalize("NFD", "contraseña de café"))
    assert users.verify("ana", "contraseña de café")
    assert users.verify("ana", "contraseña\u00a0de\u2003café")


@pytest.mark.thorough
@given(st.text(max_size=300))
def test_any_text_is_a_password_that_works_or_one_that_is_refused(text: str) -> None:
    """Any text is refused with a message, or works as a password."""
    passwords = Passwords(PasswordHasher.from_parameters(CHEAPEST))
    try:
        check_new_password(text, "ana")
    except UsageError:
        assert not passwords.matches(None, text)
    else:
        assert passwords.matches(passwords.hash(text), text)
        assert not passwords.matches(passwords.hash(text), text + "x")


@pytest.mark.parametrize("name", ["", "   ", "a" * 65, "a\x1b[2J", "a\nb", "\u202eana", "a\u200bna", "ana\ud800"])
def test_names_that_nobody_could_read_are_refused(users: Users, name: str) -> None:
    """Control characters, invisible ones and long names are refused, and not printed."""
    with pytest.raises(UsageError, match="other visible characters") as caught:
        users.add(name, Role.VIEWER, GOOD)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("twin", ["ana", "ANA", " Ana ", "Ａｎａ"])
def test_names_that_look_alike_are_the_same_name(users: Users, twin: str) -> None:
    """Case, wide letters and spaces around a name are ignored."""
    users.add("Ana", Role.ADMIN, GOOD)
    with pytest.raises(UsageError, match="already a user"):
        users.add(twin, Role.VIEWER, GOOD)
    with pytest.raises(UsageError, match="already a user"):
        users.require_free_name(twin)


@given(st.text(max_size=80))
def test_a_clean_name_stays_what_it_is(text: str) -> None:
    """Cleaning a clean name changes nothing, and the result is printable."""
    try:
        name = clean_name(text, "user")
    except UsageError:
        return
    assert clean_name(name, "user") == name
    assert name.isprintable()
    assert name_key(name_key(name)) == name_key(name)


def test_the_last_administrator_stays(users: Users) -> None:
    """The last administrator can neither be disabled nor get another role."""
    users.add("ana", Role.ADMIN, GOOD)
    users.add("bob", Role.ADMIN, GOOD)
    users.disable("bob")
    with pytest.raises(UsageError, match=r"ana is the last administrator\. Make another user an administrator first"):
        users.disable("ana")
    with pytest.raises(UsageError, match=r"ana is the last administrator\. Make another user an administrator first"):
        users.set_role("ana", Role.OPERATOR)
    assert users.get("ana").role is Role.ADMIN
    assert users.verify("ana", GOOD)
    users.enable("bob")
    assert users.set_role("ana", Role.VIEWER).role is Role.VIEWER
    with pytest.raises(UsageError, match="bob is the last"):
        users.disable("bob")


def test_only_one_can_be_the_first_administrator(users: Users) -> None:
    """The first administrator can only be added while there is none."""
    assert not users.has_admin()
    users.add("viewer", Role.VIEWER, GOOD)
    assert not users.has_admin()
    users.add_first("ana", GOOD)
    assert users.has_admin()
    with pytest.raises(UsageError, match="already"):
        users.add_first("bob", GOOD)
    assert [user.name for user in users.all()] == ["ana", "viewer"]


def test_who_is_disabled_loses_logins_and_tokens_for_good(users: Users, database: PeopleDatabase) -> None:
    """Disabling ends logins and tokens at once; enabling only makes the password valid again."""
    users.add("ana", Role.ADMIN, GOOD)
    bob = users.add("bob", Role.OPERATOR, GOOD)
    login = Logins(database).begin(bob)
    token, secret = Tokens(database).add(bob, "script", 1)
    assert Logins(database).find(login) == bob
    assert Tokens(database).find(secret) == bob
    users.disable("bob")
    with pytest.raises(LoginError):
        users.verify("bob", GOOD)
    for _ in range(2):
        assert Logins(database).find(login) is None
        assert Tokens(database).find(secret) is None
        users.enable("bob")
    assert token not in Tokens(database).all()
    assert users.verify("bob", GOOD).name == "bob"


def test_another_password_ends_logins_and_tokens(users: Users, database: PeopleDatabase) -> None:
    """A new password ends the user's tokens and logins, except those to keep, and no other user's."""
    ana, bob = users.add("ana", Role.ADMIN, GOOD), users.add("bob", Role.VIEWER, GOOD)
    logins, tokens = Logins(database), Tokens(database)
    here, there = logins.begin(ana), logins.begin(ana)
    (_, token), (_, bobs) = tokens.add(ana, "script", 1), tokens.add(bob, "script", 1)
    users.set_password("ana", "another horse", keep_login=hash_secret(here), keep_tokens=True)
    assert logins.find(here) == ana
    assert logins.find(there) is None
    assert tokens.find(token) == ana
    with pytest.raises(LoginError):
        users.verify("ana", GOOD)
    users.set_password("ana", GOOD)
    assert logins.find(here) is None
    assert tokens.find(token) is None
    assert tokens.find(bobs) == bob


def test_who_is_not_there_is_named(users: Users) -> None:
    """Every action on an unknown user gives an error with the name and a remedy."""
    for attempt in (users.get, users.disable, users.enable, lambda name: users.set_role(name, Role.ADMIN)):
        with pytest.raises(NotFoundError, match=r"no user 'ghost'. List all users: labcrate user list"):
            attempt("ghost")


@pytest.mark.parametrize(
    "password",
    ["password123", "Password123!", "qwertyuiop", "1234567890", "aaaaaaaaaaaa", "administrator", "ana maria 1",
     "labcrate2025", "kitchen-lab-2025", "abcdefghijkl"],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(tmp_path: Path, passwords: Passwords, password: str) -> None:
    """Common passwords, and those made from the user's or lab's name, are refused."""
    state = tmp_path / "kitchen-lab" / ".labcrate"
    state.mkdir(parents=True)
    with PeopleDatabase.open(state) as database:
        users = Users(database, passwords)
        with pytest.raises(UsageError, match="four unrelated words"):
            users.add_first("Ana Maria", password)
        users.add("Ana Maria", Role.VIEWER, "tulip-anvil-quarry")
        with pytest.raises(UsageError, match="four unrelated words"):
            users.set_password("Ana Maria", password)


@pytest.mark.parametrize(
    "password", ["correct horse", "mi gato duerme en la cocina", "x7#Kq!92pLm", "el pato llueve " * 60]
)
def test_a_passphrase_may_be_long(users: Users, password: str) -> None:
    """A passphrase of unrelated words is accepted at any length, without delay."""
    users.add("Ben", Role.ADMIN, password)
    assert users.verify("Ben", password).name == "Ben"
