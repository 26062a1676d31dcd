"""Limits on open connections: in total, below what the system allows, and for each client.

Connections are counted when they are accepted, before TLS and HTTP: one that sends nothing counts too. If all slots
are in use, the connection that has been idle the longest is closed for a new one. A connection is idle between two
requests, even while it sends part of a request. Connections of users who are logged in (in their last request) have a
reserve that no others can use.
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
"""The maximum of open connections, if the system has enough file descriptors."""

MAX_PER_NETWORK = 512
"""The maximum of open connections from one client network: far more than the browsers of a lab open."""

STALL_TIMEOUT_S = 60.0
"""The time in seconds after which a client that receives nothing is disconnected; a download may pause for longer."""

_RESERVE_DIVISOR = 4
"""One slot in four is reserved for users who are logged in."""

# Descriptors for other files: databases, logs, thumbnails that are being made. A connection may need three: its own,
# the sender's, and that of the file that is sent.
_DESCRIPTORS_FOR_OTHERS = 100
_DESCRIPTORS_PER_CONNECTION = 3
_MIN_CONNECTIONS = 8
_EXHAUSTED_ERRNOS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def raise_file_limit() -> int:
    """Raise this process's limit of file descriptors as far as the system allows, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems report a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@dataclass(eq=False, slots=True)
class ConnectionSlot:
    """The slot of one open connection.

    ``end`` closes the connection; ``is_logged_in`` is whether the user of its last request was logged in.
    """

    network: str
    end: Callable[[], None]
    is_logged_in: bool = False


def _is_never_proxy(_: str) -> bool:
    return False


class ConnectionLimits:
    """Limits on open connections, in total and from each client network. Use it on the event loop only.

    ``is_proxy`` returns whether an address is that of a proxy, which connects for many clients.
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
        # Dictionaries as ordered sets: idle connections, and connections with a request, the longest first.
        self._silent: dict[ConnectionSlot, None] = {}
        self._busy: dict[ConnectionSlot, None] = {}
        self._count_by_network: Counter[str] = Counter()
        self._logged_in = 0
        self._full_log = RateLimitedLog()

    @classmethod
    def for_descriptors(
        cls, descriptors: int, *, is_proxy: Callable[[str], bool] = _is_never_proxy
    ) -> "ConnectionLimits":
        """Return the limits for a number of file descriptors."""
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
        """Return a slot for a new connection, closing another one if necessary; None if none can be closed."""
        network = client_network(address.partition("%")[0])
        if self._count_by_network[network] >= self._max_per_network and not self._is_proxy(address):
            self._full_log.warn(
                f"{self._max_per_network} connections from {network} are open; the one idle for longest is closed."
            )
            admitted = self._close_one(network)
        elif self.open_count >= self._max_connections:
            self._full_log.warn(f"{self._max_connections} connections are open; the one idle for longest is closed.")
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
        """Mark a connection as busy: a request has arrived."""
        if slot in self._silent:
            del self._silent[slot]
            self._busy[slot] = None

    def request_ended(self, slot: ConnectionSlot) -> None:
        """Mark a connection as idle: its request was answered."""
        if slot in self._busy:
            del self._busy[slot]
            self._silent[slot] = None

    def set_logged_in(self, slot: ConnectionSlot, *, is_logged_in: bool) -> None:
        """Record whether the user of a connection's request is logged in."""
        if slot.is_logged_in is not is_logged_in and (slot in self._silent or slot in self._busy):
            slot.is_logged_in = is_logged_in
            self._logged_in += 1 if is_logged_in else -1

    def release(self, slot: ConnectionSlot) -> None:
        """Free the slot of a connection, if it still has one."""
        self.set_logged_in(slot, is_logged_in=False)
        for slots in (self._silent, self._busy):
            if slot in slots:
                del slots[slot]
                self._count_by_network[slot.network] -= 1
                if not self._count_by_network[slot.network]:
                    del self._count_by_network[slot.network]

    def _close_one(self, network: str | None) -> bool:
        """Close the connection that has been idle the longest, of one network or all; return whether there was one."""
        slot = next(self._closable_slots(network), None)
        if slot is None:
            return False
        self.release(slot)
        slot.end()
        return True

    def _closable_slots(self, network: str | None) -> Iterator[ConnectionSlot]:
        """Yield the connections that may be closed for another: idle ones first, then requests without a login.

        Requests with a login are never closed. Idle connections of users who are logged in are kept while there are
        no more of them than the reserve; for a new one of their own network they are closed if there is no other.
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
"""All admitted connections by descriptor: asyncio offers nothing else that identifies a connection."""


class CountedSocket(socket.socket):
    """An accepted connection. Closing it frees its slot."""

    slot: ConnectionSlot

    def __init__(self, accepted: socket.socket, limits: ConnectionLimits) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.limits = limits

    def admit(self, address: str) -> bool:
        """Acquire a slot; return whether there was one."""
        slot = self.limits.admit(address, self._shut_down)
        if slot is None:
            return False
        self.slot = slot
        _socket_by_descriptor[self.fileno()] = self
        return True

    def close(self) -> None:
        """Close the connection and free its slot."""
        if _socket_by_descriptor.get(self.fileno()) is self:
            del _socket_by_descriptor[self.fileno()]
            self.limits.release(self.slot)
        super().close()

    def _shut_down(self) -> None:
        """Shut the connection down; its reader (also TLS) closes it then."""
        with suppress(OSError):  # the connection has ended
            self.shutdown(socket.SHUT_RDWR)


def counted_socket(transport: asyncio.BaseTransport) -> CountedSocket | None:
    """Return the admitted connection of a transport, while it is open."""
    connection = transport.get_extra_info("socket")
    return None if connection is None else _socket_by_descriptor.get(connection.fileno())


class LimitedListener(socket.socket):
    """A listening socket that closes connections beyond the limits immediately after accepting them."""

    def __init__(self, family: int, kind: int, protocol: int, limits: ConnectionLimits) -> None:
        super().__init__(family, kind, protocol)
        self._limits, self._exhausted = limits, False

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address. Raises ConnectionAbortedError if it exceeds the limits."""
        if self._exhausted:
            # asyncio waits a second after this error, but first it accepts as often as the backlog; this stops it.
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
    """Set after how many seconds the system closes a connection whose client receives nothing (RFC 5482, 3.1).

    The memory of data that waits for that client is freed then.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    if option is not None:
        with suppress(OSError):  # the connection has ended
            connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
