"""How often passwords may be guessed, and what the server's log tells of those who guess."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from labcrate.errors import LoginError, TooManyError
from labcrate.people.users import typed_key
from labcrate.web.http.client_and_origin import network_of
from labcrate.web.http.rate_limiter import Attempts
from labcrate.web.http.seldom import Seldom

_FAILED = "A login from %s failed."
_NETWORK = "Too many logins from %s failed; more of them are refused for now."
_BOTH = "Too many logins with one name from %s failed; more of them are refused for now."
_NAME = (
    "Too many logins with one name failed, from several networks; more of them are refused for now, the first from %s."
)


class Guesses:
    """Few guesses at one name from one network, more from one network, many at one name from everywhere.

    Who guesses on and on spends what is their own: others still get in under the same name, as one network alone
    never spends what a name has. Use it on the event loop alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_network = Attempts(30, 10, clock)
        self._of_both = Attempts(10, 30, clock)
        self._of_name = Attempts(100, 20, clock)
        # Of each refusal one line an hour, and of everything together about a megabyte a day.
        self._told = Attempts(1, 3600, clock)
        self._lines = Seldom(clock, at_once=1000, each_s=5)

    @contextmanager
    def one(self, name: str, address: str) -> Iterator[None]:
        """One guess, made in the block. It is given back when it was right, and when nobody got to look at it.

        Raises TooManyError when there were too many, and LoginError for a name that nobody can have.
        """
        network = network_of(address)
        taken: list[tuple[Attempts, str]] = []
        try:
            taken.append(self._take(self._of_network, network, _NETWORK, address))
            key = typed_key(name)
            taken.append(self._take(self._of_both, f"{network} {key}", _BOTH, address))
            taken.append(self._take(self._of_name, key, _NAME, address))
            yield
        except LoginError:
            self._write(_FAILED, address)
            raise
        except TooManyError:
            _give_back(taken)
            raise
        _give_back(taken)

    def _take(self, attempts: Attempts, key: str, sentence: str, address: str) -> tuple[Attempts, str]:
        """Take one attempt, and return what gives it back. Raises TooManyError, and says so in the log."""
        try:
            attempts.take(key)
        except TooManyError:
            with suppress(TooManyError):
                self._told.take(f"{sentence} {key}")
                self._write(sentence, address)
            raise
        return attempts, key

    def _write(self, sentence: str, address: str) -> None:
        """Write a line to the log. No name stands in it: people type passwords where the name belongs."""
        self._lines.warn(sentence % (address or "an unknown address"))


def _give_back(taken: list[tuple[Attempts, str]]) -> None:
    for attempts, key in taken:
        attempts.give_back(key)
