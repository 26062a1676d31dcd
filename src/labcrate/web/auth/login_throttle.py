"""Limits on attempts to log in, and the log lines about failed attempts."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from labcrate.errors import LoginError, TooManyError
from labcrate.people.users import login_key
from labcrate.web.http.client_and_origin import client_network
from labcrate.web.http.rate_limiter import RateLimitedLog, RateLimiter

_FAILED = "A login from %s failed."
_NETWORK = "Too many failed logins from %s: further attempts are refused for now."
_BOTH = "Too many failed logins with one name from %s: further attempts are refused for now."
_NAME = (
    "Too many failed logins with one name from several networks: further attempts are refused for now, "
    "the first from %s."
)


class LoginThrottle:
    """Limits on wrong passwords: few for one name from one network, more from one network, many for one name.

    One network alone cannot use up the attempts of a name: its owner can still log in from elsewhere. Use it on the
    event loop only.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._by_network = RateLimiter(30, 10, clock)
        self._by_both = RateLimiter(10, 30, clock)
        self._by_name = RateLimiter(100, 20, clock)
        # One line an hour about each refusal, and about a megabyte a day in total.
        self._refusals_logged = RateLimiter(1, 3600, clock)
        self._log = RateLimitedLog(clock, burst=1000, period_s=5)

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """Count one attempt, made in the block, unless the password was right or was not checked.

        Raises TooManyError after too many attempts, and LoginError for a name that no user can have.
        """
        network = client_network(address)
        refunds = ExitStack()  # not closed after another error: a password was checked then
        try:
            self._acquire(refunds, self._by_network, network, _NETWORK, address)
            key = login_key(name)
            self._acquire(refunds, self._by_both, f"{network} {key}", _BOTH, address)
            self._acquire(refunds, self._by_name, key, _NAME, address)
            yield
        except LoginError:
            self._write(_FAILED, address)
            raise
        except TooManyError:
            refunds.close()
            raise
        refunds.close()

    def _acquire(self, refunds: ExitStack, limiter: RateLimiter, key: str, sentence: str, address: str) -> None:
        """Count one attempt. Raises TooManyError, and logs that."""
        try:
            limiter.acquire(key)
        except TooManyError:
            with suppress(TooManyError):
                self._refusals_logged.acquire(f"{sentence} {key}")
                self._write(sentence, address)
            raise
        refunds.callback(limiter.refund, key)

    def _write(self, sentence: str, address: str) -> None:
        """Write a line to the log, without the name: users sometimes type the password into its field."""
        self._log.warn(sentence % (address or "an unknown address"))
