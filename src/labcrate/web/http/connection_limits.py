"""Limits on connections: below what the system allows, and not all of them for one client.

Connections are counted where they are accepted, before TLS or HTTP is spoken: one that says nothing counts too.
Where all slots are taken, the connection that has been silent the longest is ended for a new one. A connection is
silent from one request to the next, whatever of a request it has sent. Connections whose last request was of a user
who is logged in keep a reserve, which no others take.
"""

import asyncio
import errno
import resource
import socket
from asyncio.trsock import TransportSocket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from labcrate.web.http.client_and_origin import client_network
from labcrate.web.http.rate_limiter import RateLimitedLog

MAX_CONNECTIONS = 2048
"""Connections at a time, where the system has the descriptors for them."""

MAX_PER_NETWORK = 512
"""Connections at a time from one client network: far more than a lab's browsers and download clients have."""

STALL_TIMEOUT_S = 60.0
"""How long a client may take nothing of what is sent to it; a download may pause for longer."""

_RESERVE_DIVISOR = 4
"""The fourth part of all slots is the reserve of users who are logged in."""

# Files that are open beside connections: databases, logs, pictures that are being made. A connection may take three
# descriptors: its own, the sender's, and that of the file that is sent.
_DESCRIPTORS_FOR_OTHERS = 100
_DESCRIPTORS_PER_CONNECTION = 3
_MIN_CONNECTIONS = 8
_EXHAUSTED_ERRNOS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def raise_file_limit() -> int:
    """Raise this process's limit of descriptors as far as the system allows, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems name a limit that they do not give
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(eq=False, slots=True)
class ConnectionSlot:
    """The count of one open connection.

    ``end`` ends the connection; ``logged_in`` says that its last request was of a user who is logged in.
    """

    network: str
    end: Callable[[], None]
    is_logged_in: bool = False


def _is_never_proxy(_: str) -> bool:
    return False


class ConnectionLimits:
    """Limits on open connections, in all and from each client network. Use it on the event loop alone.

    ``is_proxy`` returns whether an address is that of a proxy, whose connections are those of many clients.
    """

    def __init__(
        self,
        max_connections: int = MAX_CONNECTIONS,
        max_per_network: int = MAX_PER_NETWORK,
        *,
        is_proxy: Callable[[str], bool] = _is_never_proxy,
    ) -> None:
        self._max_connections, self._max_per_network, self._is_proxy = max_connections, max_per_network, is_proxy
        self._reserve = max_connections // _RESERVE_DIVISOR
        # Dictionaries as ordered sets: silent connections, and those with a request, the longest first.
        self._silent: dict[ConnectionSlot, None] = {}
        self._busy: dict[ConnectionSlot, None] = {}
        self._count_by_network: Counter[str] = Counter()
        self._logged_in = 0
        self._full_log = RateLimitedLog()

    @classmethod
    def for_descriptors(
        cls, descriptors: int, *, is_proxy: Callable[[str], bool] = _is_never_proxy
    ) -> "ConnectionLimits":
        """Return the limits for so many descriptors."""
        max_connections = MAX_CONNECTIONS
        if descriptors != resource.RLIM_INFINITY:
            max_connections = max(
                _MIN_CONNECTIONS,
                min(MAX_CONNECTIONS, (descriptors - _DESCRIPTORS_FOR_OTHERS) // _DESCRIPTORS_PER_CONNECTION),
            )
        return cls(max_connections, min(MAX_PER_NETWORK, max_connections * 4 // 5), is_proxy=is_proxy)

    @property
    def open_count(self) -> int:
        """Return the number of open connections."""
        return len(self._silent) + len(self._busy)

    def admit(self, address: str, end: Callable[[], None]) -> ConnectionSlot | None:
        """Count a connection, if need be in place of another one, which is ended; return None when none may go."""
        network = client_network(address.partition("%")[0])
        if self._count_by_network[network] >= self._max_per_network and not self._is_proxy(address):
            self._full_log.warn(
                f"There are {self._max_per_network} connections from {network}; the longest silent one goes."
            )
            admitted = self._close_one(network)
        elif self.open_count >= self._max_connections:
            self._full_log.warn(f"There are {self._max_connections} connections; the longest silent one goes.")
            admitted = self._close_one(None)
        else:
            admitted = True
        if not admitted:
            return None
        slot = ConnectionSlot(network, end)
        self._silent[slot] = None
        self._count_by_network[network] += 1
        return slot

    def request_began(self, slot: ConnectionSlot) -> None:
        """Note that a request came."""
        if slot in self._silent:
            del self._silent[slot]
            self._busy[slot] = None

    def request_ended(self, slot: ConnectionSlot) -> None:
        """Note that a request was answered: from now on the connection is silent."""
        if slot in self._busy:
            del self._busy[slot]
            self._silent[slot] = None

    def set_logged_in(self, slot: ConnectionSlot, *, is_logged_in: bool) -> None:
        """Note whether the request of a connection is of a user who is logged in."""
        if slot.is_logged_in is not is_logged_in and (slot in self._silent or slot in self._busy):
            slot.is_logged_in = is_logged_in
            self._logged_in += 1 if is_logged_in else -1

    def release(self, slot: ConnectionSlot) -> None:
        """Count a connection no more, if it is still counted."""
        self.set_logged_in(slot, is_logged_in=False)
        for slots in (self._silent, self._busy):
            if slot in slots:
                del slots[slot]
                self._count_by_network[slot.network] -= 1
                if not self._count_by_network[slot.network]:
                    del self._count_by_network[slot.network]

    def _close_one(self, network: str | None) -> bool:
        """End the connection that has been silent the longest, of one network or all; return whether there was one."""
        slot = next(self._closable_slots(network), None)
        if slot is None:
            return False
        self.release(slot)
        slot.end()
        return True

    def _closable_slots(self, network: str | None) -> Iterator[ConnectionSlot]:
        """Yield the connections that may end for another: silent ones first, then requests without a login.

        Requests with a login are never ended. Silent connections of users are spared while all of them are no more
        than their reserve; in their own network they end when there is no other.
        """
        is_reserve_kept = network is not None or self._logged_in <= self._reserve
        for slot in self._silent:
            if network in (None, slot.network) and not (slot.is_logged_in and is_reserve_kept):
                yield slot
        for slot in self._busy:
            if network in (None, slot.network) and not slot.is_logged_in:
                yield slot
        for slot in self._silent:
            if network == slot.network:
                yield slot


_socket_by_descriptor: dict[int, "CountedSocket"] = {}
"""All admitted connections by descriptor: asyncio hands out nothing else that identifies a connection."""


class CountedSocket(socket.socket):
    """An accepted connection; closing it frees its slot."""

    slot: ConnectionSlot

    def __init__(self, accepted: socket.socket, limits: ConnectionLimits) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.limits = limits

    def admit(self, address: str) -> bool:
        """Take a slot, and return whether there was one."""
        slot = self.limits.admit(address, self._shut_down)
        if slot is None:
            return False
        self.slot = slot
        _socket_by_descriptor[self.fileno()] = self
        return True

    def close(self) -> None:
        """Close it, and count it no more."""
        if _socket_by_descriptor.get(self.fileno()) is self:
            del _socket_by_descriptor[self.fileno()]
            self.limits.release(self.slot)
        super().close()

    def _shut_down(self) -> None:
        """End it for its reader, TLS too, which closes it then."""
        with suppress(OSError):  # it ended meanwhile
            self.shutdown(socket.SHUT_RDWR)


def counted_socket(transport: asyncio.BaseTransport) -> CountedSocket | None:
    """Return the admitted connection below a transport, while it is open."""
    connection = transport.get_extra_info("socket")
    return None if connection is None else _socket_by_descriptor.get(connection.fileno())


class LimitedListener(socket.socket):
    """A listening socket that closes connections beyond the limits as soon as it has accepted them."""

    def __init__(self, family: int, kind: int, protocol: int, limits: ConnectionLimits) -> None:
        super().__init__(family, kind, protocol)
        self._limits, self._exhausted = limits, False

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address. Raises ConnectionAbortedError for one that was closed again."""
        if self._exhausted:
            # asyncio pauses for a second then, but first it tries up to the backlog: "none there" ends that.
            self._exhausted = False
            raise BlockingIOError
        try:
            accepted, address = super().accept()
        except OSError as error:
            self._exhausted = error.errno in _EXHAUSTED_ERRNOS
            raise
        client = CountedSocket(accepted, self._limits)
        if not client.admit(address[0]):
            client.close()
            raise ConnectionAbortedError
        set_stall_timeout(client, STALL_TIMEOUT_S)
        return client, address


def set_stall_timeout(connection: socket.socket | TransportSocket, seconds: float) -> None:
    """Have the system end a connection whose other end takes nothing for so long, or is gone (RFC 5482, 3.1).

    Memory that holds what waits for that client is freed with it.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    if option is not None:
        with suppress(OSError):  # the connection ended meanwhile
            connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
