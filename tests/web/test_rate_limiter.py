"""Rate limits: some attempts at once, then one by one, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Clock

from labcrate.errors import TooManyError
from labcrate.web.http.rate_limiter import RateLimiter


def is_allowed(attempts: RateLimiter, key: str) -> bool:
    """Return whether an attempt was allowed."""
    try:
        attempts.acquire(key)
    except TooManyError:
        return False
    return True


@given(
    at_once=st.integers(1, 5),
    each_s=st.integers(1, 60),
    waits=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100)), max_size=60),
)
def test_no_span_of_time_holds_more_attempts_than_allowed(
    at_once: int, each_s: int, waits: list[tuple[str, int]]
) -> None:
    """A time span has at most the burst and one attempt per period; keys are separate; a refusal has the wait."""
    clock = Clock()
    attempts = RateLimiter(at_once, each_s, clock)
    through: dict[str, list[float]] = {"a": [], "b": []}
    for key, wait in waits:
        clock.now += wait
        try:
            attempts.acquire(key)
        except TooManyError as error:
            early = Clock(clock.now)
            clock.now += error.retry_after_s - 1
            assert not is_allowed(attempts, key)
            clock.now = early.now + error.retry_after_s
            assert is_allowed(attempts, key)
        through[key].append(clock.now)
    for times in through.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                span = times[last] - times[first]
                assert last - first + 1 <= at_once + span // each_s


def test_a_refund_is_for_one_attempt() -> None:
    """One success does not cancel earlier failed attempts."""
    attempts = RateLimiter(3, 30, Clock())
    assert [is_allowed(attempts, "a") for _ in range(3)] == [True, True, True]
    attempts.refund("a")
    assert [is_allowed(attempts, "a") for _ in range(2)] == [True, False]
    attempts.refund("never seen")


def test_memory_is_bounded() -> None:
    """However many keys there are, some thousands of the newest are stored, and none whose time has passed."""
    clock = Clock()
    attempts = RateLimiter(2, 30, clock)
    for number in range(30_000):
        attempts.acquire(str(number))
    assert len(attempts) == 10_000
    attempts.acquire("29999")
    with pytest.raises(TooManyError):
        attempts.acquire("29999")
    clock.now += 61
    attempts.acquire("another")
    assert len(attempts) == 1
