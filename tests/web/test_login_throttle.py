"""Guesses of passwords: the attacker is slowed down, others are not, and the log stays short."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Clock
from tests.support.messages import message

from labcrate.errors import LoginError, TooManyError
from labcrate.people.users import login_key
from labcrate.web.auth.login_throttle import LoginThrottle

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def login_throttle(clock: Clock) -> LoginThrottle:
    """Return limits without any attempts."""
    return LoginThrottle(clock)


def right(login_throttle: LoginThrottle, name: str, address: str, *, fits: bool = True) -> bool:
    """Type the right password; whether it was looked at."""
    try:
        with login_throttle.attempt(name, address):
            look(fits)
    except LoginError:
        return True
    except TooManyError:
        return False
    return True


def wrong(login_throttle: LoginThrottle, name: str, address: str) -> bool:
    """Type a wrong password; whether it was looked at."""
    return right(login_throttle, name, address, fits=False)


def look(fits: bool) -> None:
    """Look at a password."""
    if not fits:
        raise LoginError(message("wrong"))


@pytest.mark.thorough
def test_no_single_network_locks_a_name(login_throttle: LoginThrottle, clock: Clock) -> None:
    """Guessing every second for a day, one network gets two a minute; elsewhere the name is open all the time."""
    looked_at = 0
    for second in range(24 * 3600):
        clock.now = second
        looked_at += wrong(login_throttle, "ana", HERE)
        if second % 600 == 0:
            assert right(login_throttle, "ana", THERE)
            assert right(login_throttle, "bob", HERE)
    assert looked_at <= 10 + 24 * 60 * 2


def test_refusals_cost_nothing_else(login_throttle: LoginThrottle) -> None:
    """What one name has no room for is not taken from the network, nor the other way round."""
    for _ in range(1000):
        wrong(login_throttle, "ana", HERE)
    assert sum(wrong(login_throttle, f"name {n}", HERE) for n in range(100)) == 20
    for n in range(1000):
        wrong(login_throttle, "ana", f"198.51.100.{n % 250}")
    assert not right(login_throttle, "ana", THERE)
    assert sum(wrong(login_throttle, f"other {n}", THERE) for n in range(100)) == 30


def test_right_or_unchecked_passwords_do_not_count(login_throttle: LoginThrottle) -> None:
    """Successful logins, and logins refused by a full queue, do not count."""
    for _ in range(1000):
        assert right(login_throttle, "ana", HERE)
        with pytest.raises(TooManyError), login_throttle.attempt("ana", HERE):
            raise TooManyError(message(""), 5)
    assert sum(wrong(login_throttle, "ana", HERE) for _ in range(20)) == 10


def test_going_away_before_the_answer_gives_nothing_back(login_throttle: LoginThrottle) -> None:
    """A client that disconnects early has used up an attempt: its password was hashed."""
    for _ in range(10):
        with pytest.raises(asyncio.CancelledError), login_throttle.attempt("ana", HERE):
            raise asyncio.CancelledError
    assert not right(login_throttle, "ana", HERE)


@given(st.text(max_size=20), st.text(" \t\u3000", max_size=300), st.booleans())
def test_the_way_a_name_is_written_opens_nothing(name: str, padding: str, before: bool) -> None:
    """A name that is looked up as another is counted as that other; one that is too long is not looked up."""
    padded = padding + name if before else name + padding
    login_throttle = LoginThrottle(Clock())
    for _ in range(10):
        assert wrong(login_throttle, name, HERE)
    if len(padded) > 256:
        with pytest.raises(LoginError), login_throttle.attempt(padded, HERE):
            pytest.fail("it was looked at")
    else:
        assert right(login_throttle, padded, HERE) == (login_key(padded) != login_key(name))


def test_the_log_stays_small(login_throttle: LoginThrottle, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A flood from many addresses leaves a thousand lines, then one every five seconds with the number left out."""
    for n in range(3000):
        wrong(login_throttle, f"name {n}", f"10.0.{n // 250}.{n % 250}")
    assert len(caplog.records) == 1000
    clock.now += 5
    wrong(login_throttle, "ana", HERE)
    assert caplog.records[-1].getMessage() == (
        f"A login from {HERE} failed. 2000 such warnings before this one were omitted."
    )
    wrong(login_throttle, "ana", HERE)
    assert len(caplog.records) == 1001


def test_a_limit_that_refuses_says_so_once_an_hour(
    login_throttle: LoginThrottle, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each limit logs one line when it starts to refuse; further refusals add none."""
    for n in range(200):
        wrong(login_throttle, "ana", f"2001:db8:0:{n:x}::1")
        wrong(login_throttle, f"name {n}", HERE)
    for _ in range(20):
        wrong(login_throttle, "bob", THERE)
    refused = [record.getMessage() for record in caplog.records if "Too many" in record.getMessage()]
    assert [sentence.partition(":")[0] for sentence in refused] == [
        f"Too many failed logins from {HERE}",
        "Too many failed logins with one name from several networks",
        f"Too many failed logins with one name from {THERE}",
    ]
    assert "2001:db8:0:64::1" in refused[1]
    clock.now += 3600
    for _ in range(20):
        wrong(login_throttle, "bob", THERE)
    assert f"Too many failed logins with one name from {THERE}" in caplog.records[-1].getMessage()


def test_no_name_is_in_the_log(login_throttle: LoginThrottle, caplog: pytest.LogCaptureFixture) -> None:
    """A password typed where the name belongs is not written down; nor is an address that is none."""
    for _ in range(200):
        wrong(login_throttle, "hunter2", "")
    assert "hunter2" not in caplog.text
    assert caplog.records[0].getMessage() == "A login from an unknown address failed."
