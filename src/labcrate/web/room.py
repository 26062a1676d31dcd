"""How many connections there may be: below what the system allows, and not all of them for one client."""

import resource
from collections import Counter
from contextlib import suppress

from labcrate.web.seldom import Seldom
from labcrate.web.visitor import is_loopback, network_of

MOST = 2048
"""Connections at a time, where the system has the descriptors for them."""

MOST_OF_ONE = 512
"""Connections at a time from one client network: far more than a lab's browsers and download clients have."""

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


class Room:
    """How many connections there are, in all and from each client network. Use it on the event loop alone.

    ``proxied``: what comes from this machine is a proxy's, which speaks for many clients.
    """

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE, *, proxied: bool = False) -> None:
        self._most, self._most_of_one, self._proxied = most, most_of_one, proxied
        self._open: Counter[str] = Counter()
        self._turned_away = Seldom()

    @classmethod
    def within(cls, descriptors: int, *, proxied: bool) -> "Room":
        """The room that so many descriptors leave for connections."""
        most = MOST
        if descriptors != resource.RLIM_INFINITY:
            most = max(_LEAST, min(MOST, (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS_EACH))
        return cls(most, min(MOST_OF_ONE, most * 4 // 5), proxied=proxied)

    @property
    def taken(self) -> int:
        """How many connections are open."""
        return self._open.total()

    def enter(self, address: str) -> str | None:
        """Count a connection; returns the network to name when it ends, or None when there is no room for it."""
        network = network_of(address.partition("%")[0])
        if self.taken >= self._most:
            self._turned_away.warn(f"There are {self._most} connections; others are turned away.")
            return None
        if self._open[network] >= self._most_of_one and not (self._proxied and is_loopback(address)):
            self._turned_away.warn(f"There are {self._most_of_one} connections from {network}; others are turned away.")
            return None
        self._open[network] += 1
        return network

    def leave(self, network: str) -> None:
        """Count one less."""
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]
