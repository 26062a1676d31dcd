"""Logins and tokens: for how long they are valid, for which user, with which role."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labcrate.errors import NotFoundError, UsageError
from labcrate.people.database import PeopleDatabase, from_ms
from labcrate.people.logins import IDLE_S, MAX_LOGIN_S, Logins
from labcrate.people.roles import Role
from labcrate.people.tokens import PREFIX, Tokens, hash_secret
from labcrate.people.users import User, Users

if TYPE_CHECKING:
    from tests.conftest import Clock

GOOD = "correct horse"
DAY = 24 * 3600


@pytest.fixture
def logins(database: PeopleDatabase, clock: "Clock") -> Logins:
    """Return the logins of a lab without logins."""
    return Logins(database, clock)


@pytest.fixture
def tokens(database: PeopleDatabase, clock: "Clock") -> Tokens:
    """Return the tokens of a lab without tokens."""
    return Tokens(database, clock)


@pytest.fixture
def ana(users: Users) -> User:
    """Add a user."""
    return users.add("ana", Role.ADMIN, GOOD)


def test_a_login_that_is_used_lasts_until_its_longest(logins: Logins, clock: "Clock", ana: User) -> None:
    """A login with a request every eleven hours lasts exactly seven days."""
    begun, secret = clock.now, logins.begin(ana)
    while clock.now + 11 * 3600 < begun + MAX_LOGIN_S:
        clock.now += 11 * 3600
        assert logins.find(secret) == ana
    clock.now = begun + MAX_LOGIN_S - 1
    assert logins.find(secret) == ana
    clock.now += 1
    assert logins.find(secret) is None


def test_an_idle_login_ends(logins: Logins, clock: "Clock", ana: User) -> None:
    """A login ends after twelve hours without a request, not a second before."""
    early, late = logins.begin(ana), logins.begin(ana)
    clock.now += IDLE_S - 1
    assert logins.find(early) == ana
    clock.now += 1
    assert logins.find(early) == ana
    assert logins.find(late) is None


def test_logins_that_ended_are_forgotten(logins: Logins, database: PeopleDatabase, clock: "Clock", ana: User) -> None:
    """A new login deletes those that have ended, so that the table does not grow."""
    for _ in range(5):
        logins.begin(ana)
    clock.now += MAX_LOGIN_S
    logins.begin(ana)
    assert database.rows("SELECT count(*) FROM login") == [(1,)]


def test_logging_out_ends_that_login_alone(logins: Logins, ana: User) -> None:
    """Secrets have 256 random bits, and each ends only its own login."""
    one, other = logins.begin(ana), logins.begin(ana)
    assert one != other
    assert len(one) >= 43
    logins.end(one)
    logins.end(one)
    assert logins.find(one) is None
    assert logins.find(other) == ana
    assert logins.find("") is None


def test_a_login_has_the_role_of_now(logins: Logins, users: Users) -> None:
    """A new role is valid from the next request."""
    users.add("ana", Role.ADMIN, GOOD)
    secret = logins.begin(users.add("bob", Role.VIEWER, GOOD))
    users.set_role("bob", Role.OPERATOR)
    found = logins.find(secret)
    assert found is not None
    assert found.role is Role.OPERATOR


def test_a_token_opens_until_it_expires(tokens: Tokens, clock: "Clock", ana: User) -> None:
    """A token is valid for its days, has a prefix that scanners find, and only its hash is stored."""
    token, secret = tokens.add(ana, "nightly export", 30)
    assert secret.startswith(PREFIX)
    assert token.expires == from_ms(round((clock.now + 30 * DAY) * 1000))
    clock.now += 30 * DAY - 1
    assert tokens.find(secret) == ana
    assert not tokens.is_expired(token)
    clock.now += 1
    assert tokens.find(secret) is None
    assert tokens.is_expired(token)
    assert [each.name for each in tokens.all()] == ["nightly export"]


def test_a_token_stands_until_it_is_revoked(tokens: Tokens, users: Users, clock: "Clock", ana: User) -> None:
    """A token exists after it expires, until it is revoked or its user is disabled."""
    users.add("bob", Role.ADMIN, GOOD)
    _, first = tokens.add(ana, "first", 1)
    _, second = tokens.add(ana, "second", 1)
    clock.now += 2 * DAY
    assert [tokens.exists(hash_secret(secret)) for secret in (first, second)] == [True, True]
    tokens.revoke("ana", "first")
    assert [tokens.exists(hash_secret(secret)) for secret in (first, second)] == [False, True]
    users.disable("ana")
    assert not tokens.exists(hash_secret(second))


def test_a_token_has_the_role_of_now(tokens: Tokens, users: Users) -> None:
    """The token of a user who is now a viewer gives only a viewer's permissions."""
    users.add("ana", Role.ADMIN, GOOD)
    bob = users.add("bob", Role.ADMIN, GOOD)
    _, secret = tokens.add(bob, "script", 1)
    users.set_role("bob", Role.VIEWER)
    found = tokens.find(secret)
    assert found is not None
    assert found.role is Role.VIEWER


def test_when_a_token_was_last_used_is_known_to_the_minute(tokens: Tokens, clock: "Clock", ana: User) -> None:
    """The last use is stored at most once a minute, so that busy scripts cost little."""
    _, secret = tokens.add(ana, "script", 1)
    assert tokens.all()[0].used is None
    begun = clock.now
    for seconds, noted in ((0, 0), (59, 0), (60, 60)):
        clock.now = begun + seconds
        tokens.find(secret)
        assert tokens.all()[0].used == from_ms(round((begun + noted) * 1000))


def test_a_token_is_revoked_at_once_and_alone(tokens: Tokens, users: Users, ana: User) -> None:
    """A token is revoked at once; another user's token of the same name stays."""
    bob = users.add("bob", Role.VIEWER, GOOD)
    _, anas = tokens.add(ana, "script", 1)
    _, bobs = tokens.add(bob, "Script", 1)
    assert tokens.revoke("ANA", "SCRIPT").user == "ana"
    assert tokens.find(anas) is None
    assert tokens.find(bobs) == bob
    assert [token.user for token in tokens.all()] == ["bob"]
    assert tokens.all("ana") == []
    with pytest.raises(NotFoundError, match="ana has no token 'script'"):
        tokens.revoke("ana", "script")


def test_tokens_that_cannot_be_are_refused(tokens: Tokens, users: Users, ana: User) -> None:
    """Names in use or unprintable, days out of range, and disabled users are refused."""
    tokens.add(ana, "script", 1)
    with pytest.raises(UsageError, match="already"):
        tokens.add(ana, " SCRIPT", 1)
    with pytest.raises(UsageError, match="not a valid name for a token"):
        tokens.add(ana, "a\tb", 1)
    for days in (0, -1, 3651, 10**12):
        with pytest.raises(UsageError, match="1 to 3650 days"):
            tokens.add(ana, "other", days)
    bob = users.add("bob", Role.VIEWER, GOOD)
    users.disable("bob")
    with pytest.raises(UsageError, match="bob is disabled"):
        tokens.add(bob, "script", 1)


def test_nobody_has_more_than_twenty_tokens(tokens: Tokens, users: Users, ana: User) -> None:
    """A user can have twenty tokens; revoking one makes room, and other users have their own twenty."""
    for number in range(20):
        tokens.add(ana, f"script {number}", 1)
    with pytest.raises(UsageError, match=r"ana already has 20 tokens, the maximum\. Revoke one first"):
        tokens.add(ana, "script 20", 1)
    tokens.add(users.add("bob", Role.VIEWER, GOOD), "script", 1)
    tokens.revoke("ana", "script 7")
    tokens.add(ana, "script 20", 1)
    assert len(tokens.all("ana")) == 20


@pytest.mark.parametrize("secret", ["", "labcrate_", "labcrate_" + "A" * 43, "x" * 100_000, "labcrate_\ud800", "é"])
def test_what_is_no_token_opens_nothing(tokens: Tokens, ana: User, secret: str) -> None:
    """Any other text in the header is no token."""
    tokens.add(ana, "script", 1)
    assert tokens.find(secret) is None


def test_secrets_are_kept_as_hashes_alone(tmp_path: Path, logins: Logins, tokens: Tokens, ana: User) -> None:
    """The database contains no secret, so that a copy of it gives no access."""
    login, (_, token) = logins.begin(ana), tokens.add(ana, "script", 1)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert login.encode() not in stored
    assert token.encode() not in stored
    assert token.removeprefix(PREFIX).encode() not in stored


@pytest.mark.parametrize("ahead", [365 * DAY, DAY])
def test_a_login_of_a_clock_that_was_ahead_ends_with_it(
    logins: Logins, database: PeopleDatabase, clock: "Clock", ana: User, ahead: int
) -> None:
    """A login that began or was seen in the future is invalid, and is deleted."""
    before = logins.begin(ana)
    clock.now += ahead
    secret = logins.begin(ana)
    assert logins.find(secret) == ana
    clock.now -= ahead
    assert logins.find(secret) is None
    logins.begin(ana)
    assert len(database.rows("SELECT 1 FROM login")) == (2 if ahead == DAY and logins.find(before) else 1)


def test_a_clock_that_is_set_back_a_little_ends_no_login(logins: Logins, clock: "Clock", ana: User) -> None:
    """Setting the clock back by some seconds ends no login."""
    secret = logins.begin(ana)
    clock.now -= 60
    assert logins.find(secret) == ana


def test_a_token_of_a_clock_that_was_ahead_is_not_good(tokens: Tokens, clock: "Clock", ana: User) -> None:
    """A token that was created in the future is invalid and counts as expired."""
    clock.now += 365 * DAY
    token, secret = tokens.add(ana, "script", 1)
    clock.now -= 365 * DAY
    assert tokens.find(secret) is None
    assert tokens.is_expired(token)


def test_when_a_token_was_used_is_corrected_with_the_clock(tokens: Tokens, clock: "Clock", ana: User) -> None:
    """A last use in the future is replaced by the present time."""
    _, secret = tokens.add(ana, "script", 3000)
    clock.now += 365 * DAY
    assert tokens.find(secret) == ana
    clock.now -= 365 * DAY
    assert tokens.find(secret) == ana
    assert tokens.all()[0].used == from_ms(round(clock.now * 1000))
