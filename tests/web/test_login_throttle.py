"""Guesses of passwords: who guesses is slowed down, nobody else is, and the log tells of it in few words."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Clock

from labcrate.errors import LoginError, TooManyError
from labcrate.people.users import typed_key
from labcrate.web.auth.login_throttle import LoginThrottle

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def guesses(clock: Clock) -> LoginThrottle:
    """Nobody guessed yet."""
    return LoginThrottle(clock)


def right(guesses: LoginThrottle, name: str, address: str, *, fits: bool = True) -> bool:
    """Type the right password; whether it was looked at."""
    try:
        with guesses.one(name, address):
            look(fits)
    except LoginError:
        return True
    except TooManyError:
        return False
    return True


def wrong(guesses: LoginThrottle, name: str, address: str) -> bool:
    """Type a wrong password; whether it was looked at."""
    return right(guesses, name, address, fits=False)


def look(fits: bool) -> None:
    """Look at a password."""
    if not fits:
        raise LoginError("wrong")


@pytest.mark.thorough
def test_no_single_network_locks_a_name(guesses: LoginThrottle, clock: Clock) -> None:
    """Guessing every second for a day, one network gets two a minute; elsewhere the name is open all the time."""
    looked_at = 0
    for second in range(24 * 3600):
        clock.now = second
        looked_at += wrong(guesses, "ana", HERE)
        if second % 600 == 0:
            assert right(guesses, "ana", THERE)
            assert right(guesses, "bob", HERE)
    assert looked_at <= 10 + 24 * 60 * 2


def test_refusals_cost_nothing_else(guesses: LoginThrottle) -> None:
    """What one name has no room for is not taken from the network, nor the other way round."""
    for _ in range(1000):
        wrong(guesses, "ana", HERE)
    assert sum(wrong(guesses, f"name {n}", HERE) for n in range(100)) == 20
    for n in range(1000):
        wrong(guesses, "ana", f"198.51.100.{n % 250}")
    assert not right(guesses, "ana", THERE)
    assert sum(wrong(guesses, f"other {n}", THERE) for n in range(100)) == 30


def test_what_was_right_or_not_looked_at_is_given_back(guesses: LoginThrottle) -> None:
    """Logging in as often as one likes leaves all attempts, and so does being turned away by a full queue."""
    for _ in range(1000):
        assert right(guesses, "ana", HERE)
        with pytest.raises(TooManyError), guesses.one("ana", HERE):
            raise TooManyError("", 5)
    assert sum(wrong(guesses, "ana", HERE) for _ in range(20)) == 10


def test_going_away_before_the_answer_gives_nothing_back(guesses: LoginThrottle) -> None:
    """Whoever breaks the connection off still had a password hashed."""
    for _ in range(10):
        with pytest.raises(asyncio.CancelledError), guesses.one("ana", HERE):
            raise asyncio.CancelledError
    assert not right(guesses, "ana", HERE)


@given(st.text(max_size=20), st.text(" \t\u3000", max_size=300), st.booleans())
def test_the_way_a_name_is_written_opens_nothing(name: str, padding: str, before: bool) -> None:
    """A name that is looked up as another is counted as that other; one that is too long is not looked up."""
    padded = padding + name if before else name + padding
    guesses = LoginThrottle(Clock())
    for _ in range(10):
        assert wrong(guesses, name, HERE)
    if len(padded) > 256:
        with pytest.raises(LoginError), guesses.one(padded, HERE):
            pytest.fail("it was looked at")
    else:
        assert right(guesses, padded, HERE) == (typed_key(padded) != typed_key(name))


def test_the_log_stays_small(guesses: LoginThrottle, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A flood from everywhere leaves a thousand lines, then one every five seconds, which says how many it left out."""
    for n in range(3000):
        wrong(guesses, f"name {n}", f"10.0.{n // 250}.{n % 250}")
    assert len(caplog.records) == 1000
    clock.now += 5
    wrong(guesses, "ana", HERE)
    assert caplog.records[-1].getMessage() == (f"A login from {HERE} failed. Before it, 2000 such lines were left out.")
    wrong(guesses, "ana", HERE)
    assert len(caplog.records) == 1001


def test_a_limit_that_refuses_says_so_once_an_hour(
    guesses: LoginThrottle, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for each limit when it begins to refuse; who is refused again and again adds none."""
    for n in range(200):
        wrong(guesses, "ana", f"2001:db8:0:{n:x}::1")
        wrong(guesses, f"name {n}", HERE)
    for _ in range(20):
        wrong(guesses, "bob", THERE)
    refused = [record.getMessage() for record in caplog.records if "Too many" in record.getMessage()]
    assert [sentence.partition(";")[0] for sentence in refused] == [
        f"Too many logins from {HERE} failed",
        "Too many logins with one name failed, from several networks",
        f"Too many logins with one name from {THERE} failed",
    ]
    assert "2001:db8:0:64::1" in refused[1]
    clock.now += 3600
    for _ in range(20):
        wrong(guesses, "bob", THERE)
    assert f"Too many logins with one name from {THERE} failed" in caplog.records[-1].getMessage()


def test_no_name_is_in_the_log(guesses: LoginThrottle, caplog: pytest.LogCaptureFixture) -> None:
    """A password typed where the name belongs is not written down; nor is an address that is none."""
    for _ in range(200):
        wrong(guesses, "hunter2", "")
    assert "hunter2" not in caplog.text
    assert caplog.records[0].getMessage() == "A login from an unknown address failed."
