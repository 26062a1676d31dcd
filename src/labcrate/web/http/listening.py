"""The sockets that are listened on. They give only the connections that there is room for.

Connections are counted where they are accepted, before TLS or HTTP is spoken: one that says nothing counts too.
"""

import asyncio
import errno
import socket
from asyncio.trsock import TransportSocket
from contextlib import suppress
from typing import Any

from labcrate.web.http.connection_limits import Room, Seat
from labcrate.web.http.rate_limiter import RateLimitedLog

STALLED_SECONDS = 60.0
"""How long a client may take nothing of what is sent to it; whoever downloads may pause for longer."""

_NOT_HERE = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


_guests: dict[int, "Guest"] = {}
"""All that were let in, by descriptor: asyncio hands out of a connection nothing else that tells which one it is."""


class Guest(socket.socket):
    """A connection that comes; once it was let in, its end makes room for another."""

    seat: Seat

    def __init__(self, accepted: socket.socket, room: Room) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.room = room

    def come_in(self, address: str) -> bool:
        """Take a seat, and tell whether there was one."""
        seat = self.room.enter(address, self._hang_up)
        if seat is None:
            return False
        self.seat = seat
        _guests[self.fileno()] = self
        return True

    def close(self) -> None:
        """Close it, and count it no more."""
        if _guests.get(self.fileno()) is self:
            del _guests[self.fileno()]
            self.room.leave(self.seat)
        super().close()

    def _hang_up(self) -> None:
        """End it for whoever reads from it, TLS too: then they close it."""
        with suppress(OSError):  # it ended meanwhile
            self.shutdown(socket.SHUT_RDWR)


def guest_of(transport: asyncio.BaseTransport) -> Guest | None:
    """Return the connection below a transport, while it is open and one that was let in here."""
    connection = transport.get_extra_info("socket")
    return None if connection is None else _guests.get(connection.fileno())


class Listener(socket.socket):
    """A socket that accepts connections for as long as there is room, and closes all others at once."""

    def __init__(self, family: int, kind: int, protocol: int, room: Room) -> None:
        super().__init__(family, kind, protocol)
        self._room, self._exhausted = room, False

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError for one that was closed again."""
        if self._exhausted:
            # asyncio pauses for a second then, but first it asks on, up to the backlog: "nobody there" ends that.
            self._exhausted = False
            raise BlockingIOError
        try:
            accepted, place = super().accept()
        except OSError as error:
            self._exhausted = error.errno in _EXHAUSTED
            raise
        guest = Guest(accepted, self._room)
        if not guest.come_in(place[0]):
            guest.close()
            raise ConnectionAbortedError
        bear_with(guest, STALLED_SECONDS)
        return guest, place


def bear_with(connection: socket.socket | TransportSocket, seconds: float) -> None:
    """Have the system end a connection whose other end takes nothing for so long, or is gone (RFC 5482, 3.1).

    What waits for that client in memory is freed with it, whoever wrote it.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    if option is not None:
        with suppress(OSError):  # the connection ended meanwhile
            connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))


async def listeners(host: str, port: int, room: Room) -> list[Listener]:
    """A bound socket for each address that a host has here; the empty host has them all. Raises OSError."""
    places = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[Listener] = []
    failures: list[OSError] = []
    for family, kind, protocol, _, place in dict.fromkeys(places):
        try:
            bound.append(_bound(Listener(family, kind, protocol, room), place))
        except OSError as error:
            failures.append(error)
    serious = [error for error in failures if not bound or error.errno not in _NOT_HERE]
    if serious:
        for one in bound:
            one.close()
        raise serious[0]
    return bound


def _bound(listener: Listener, place: Any) -> Listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if listener.family == socket.AF_INET6:  # IPv4 has a socket of its own
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
    except OSError:
        listener.close()
        raise
    return listener


def say_accept_errors_seldom(loop: asyncio.AbstractEventLoop) -> None:
    """asyncio reports each second anew that it cannot accept a connection: have that logged seldom."""
    cannot_accept = RateLimitedLog()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if context["message"].startswith("socket.accept()") and isinstance(error, OSError):
            cannot_accept.warn(f"No connection can be accepted: {error.strerror}.")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
