"""How many connections there may be: below what the system allows, and not all of them for one client.

Where all room is taken, whoever has been silent the longest makes room for who comes. A connection is silent from one
request to the next, whatever of a request it has sent. Those whose last request was of somebody logged in keep a
reserve: nobody else's connection takes their place.
"""

import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from labcrate.web.http.client_and_origin import network_of
from labcrate.web.http.rate_limiter import RateLimitedLog

MOST = 2048
"""Connections at a time, where the system has the descriptors for them."""

MOST_OF_ONE = 512
"""Connections at a time from one client network: far more than a lab's browsers and download clients have."""

_RESERVED_PART = 4
"""The fourth part of all room is the reserve of those who are logged in."""

# What is open beside connections: databases, logs, pictures that are being made. A connection may take three
# descriptors: its own, the sender's, and that of the file that is sent.
_OTHER_DESCRIPTORS = 100
_DESCRIPTORS_EACH = 3
_LEAST = 8


def raise_file_limit() -> int:
    """Take as many descriptors as the system lets this process have, and return how many those are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems name a limit that they do not give
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(eq=False, slots=True)
class Seat:
    """The place that one connection takes.

    ``end`` ends the connection; ``known`` says that its last request was of somebody who is logged in.
    """

    network: str
    end: Callable[[], None]
    known: bool = False


def _nobody(_: str) -> bool:
    return False


class Room:
    """How many connections there are, in all and from each client network. Use it on the event loop alone.

    ``is_proxy`` says of an address whether a proxy has it, which speaks for many clients.
    """

    def __init__(
        self, most: int = MOST, most_of_one: int = MOST_OF_ONE, *, is_proxy: Callable[[str], bool] = _nobody
    ) -> None:
        self._most, self._most_of_one, self._is_proxy = most, most_of_one, is_proxy
        self._reserve = most // _RESERVED_PART
        # Dictionaries as sets in an order: of the silent ones, and of those with a request, the longest first.
        self._silent: dict[Seat, None] = {}
        self._busy: dict[Seat, None] = {}
        self._of_network: Counter[str] = Counter()
        self._known = 0
        self._full = RateLimitedLog()

    @classmethod
    def within(cls, descriptors: int, *, is_proxy: Callable[[str], bool] = _nobody) -> "Room":
        """The room that so many descriptors leave for connections."""
        most = MOST
        if descriptors != resource.RLIM_INFINITY:
            most = max(_LEAST, min(MOST, (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS_EACH))
        return cls(most, min(MOST_OF_ONE, most * 4 // 5), is_proxy=is_proxy)

    @property
    def taken(self) -> int:
        """How many connections are open."""
        return len(self._silent) + len(self._busy)

    def enter(self, address: str, end: Callable[[], None]) -> Seat | None:
        """Give a connection a seat, if need be that of another one, which is ended; None when there is none for it."""
        network = network_of(address.partition("%")[0])
        if self._of_network[network] >= self._most_of_one and not self._is_proxy(address):
            self._full.warn(f"There are {self._most_of_one} connections from {network}; the longest silent one goes.")
            freed = self._make_room(network)
        elif self.taken >= self._most:
            self._full.warn(f"There are {self._most} connections; the longest silent one goes.")
            freed = self._make_room(None)
        else:
            freed = True
        if not freed:
            return None
        seat = Seat(network, end)
        self._silent[seat] = None
        self._of_network[network] += 1
        return seat

    def begin(self, seat: Seat) -> None:
        """Note that a request came."""
        if seat in self._silent:
            del self._silent[seat]
            self._busy[seat] = None

    def rest(self, seat: Seat) -> None:
        """Note that a request was answered: from now on the connection is silent."""
        if seat in self._busy:
            del self._busy[seat]
            self._silent[seat] = None

    def know(self, seat: Seat, *, known: bool) -> None:
        """Note whether the request of a connection is of somebody who is logged in."""
        if seat.known is not known and (seat in self._silent or seat in self._busy):
            seat.known = known
            self._known += 1 if known else -1

    def leave(self, seat: Seat) -> None:
        """Count one less, if it still counts."""
        self.know(seat, known=False)
        for seats in (self._silent, self._busy):
            if seat in seats:
                del seats[seat]
                self._of_network[seat.network] -= 1
                if not self._of_network[seat.network]:
                    del self._of_network[seat.network]

    def _make_room(self, network: str | None) -> bool:
        """End the connection that has been silent the longest, of one network or all; tell whether there was one."""
        seat = next(self._dispensable(network), None)
        if seat is None:
            return False
        self.leave(seat)
        seat.end()
        return True

    def _dispensable(self, network: str | None) -> Iterator[Seat]:
        """Who may go for another: silent ones first, then those who ask without a login; the longest first.

        Those who are logged in are never ended while they ask. Silent, they are spared while all of them have no
        more than their reserve; in their own network they go when there is nobody else.
        """
        spared = network is not None or self._known <= self._reserve
        for seat in self._silent:
            if network in (None, seat.network) and not (seat.known and spared):
                yield seat
        for seat in self._busy:
            if network in (None, seat.network) and not seat.known:
                yield seat
        for seat in self._silent:
            if network == seat.network:
                yield seat
