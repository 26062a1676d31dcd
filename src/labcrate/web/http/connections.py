"""Connections of aiohttp with deadlines and limits, and with answers of this server to what is no HTTP request."""

import asyncio
import errno
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage

from labcrate.config import ServeSettings
from labcrate.lab.folder import Lab
from labcrate.web.http.connection_limits import ConnectionLimits, CountedSocket, LimitedListener, counted_socket
from labcrate.web.http.problems import log_unexpected_error, response_without_handler
from labcrate.web.http.rate_limiter import RateLimitedLog
from labcrate.web.http.security_headers import protect

FIRST_REQUEST_TIMEOUT_S = 30.0
"""How long a client may take for the head of its first request."""

KEEP_ALIVE_TIMEOUT_S = 75.0
"""The same for every later one: longer than proxies keep a connection, so that it is theirs to close."""

_NOT_HERE = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


class ClientConnection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_connections", "_counted", "_first", "asked")

    def __init__(self, connections: "Connections", **options: Any) -> None:
        super().__init__(connections, **options)
        self._connections = connections
        self._first: asyncio.TimerHandle | None = None
        self._counted: CountedSocket | None = None
        self.asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and set a deadline of `FIRST_REQUEST_TIMEOUT_S` for the first request."""
        super().connection_made(transport)
        self._counted = counted_socket(transport)
        if self._counted is not None and isinstance(transport, asyncio.Transport):
            self._counted.slot.end = transport.abort  # a request under way ends with it
        self._first = asyncio.get_running_loop().call_later(FIRST_REQUEST_TIMEOUT_S, self.expect_request)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, and leave no reference to the connection."""
        if self._first is not None:
            self._first.cancel()
        self._counted = None
        super().connection_lost(exc)

    def request_began(self) -> None:
        """Note that a request came."""
        self.asked = True
        if self._counted is not None:
            self._counted.limits.request_began(self._counted.slot)

    def set_logged_in(self, *, logged_in: bool) -> None:
        """Note whether the request is of a user who is logged in: then the connection belongs to their reserve."""
        if self._counted is not None:
            self._counted.limits.set_logged_in(self._counted.slot, logged_in=logged_in)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left of an answer; from then on the connection is silent."""
        try:
            sent = await super().finish_response(request, resp, start_time)
            if sent[0].status == HTTPStatus.REQUEST_TIMEOUT:
                self.force_close()  # a body that never came is not waited for again
            return sent
        finally:
            if self._counted is not None:
                self._counted.limits.request_ended(self._counted.slot)

    def expect_request(self) -> None:
        """End the connection if no request has come yet."""
        if not self.asked and self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent
    ) -> web.StreamResponse:
        """Answer what is no request, or failed before a handler ran. Nothing of it is repeated: it may hold a token."""
        connections = self._connections
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            connections.malformed.warn(f"What {request.remote} sent is no HTTP request; it was refused.")
        elif exc is not None:
            log_unexpected_error(connections.lab, "A request", exc)
        if request.writer.output_size > 0:
            raise ConnectionError  # the answer had begun: the end of the connection shows that it is not whole
        answer = response_without_handler(status)
        protect(answer, connections.settings)
        answer.force_close()
        return answer


class Connections(web.Server):
    """All connections of an application; ``made`` is the server that aiohttp made for it."""

    def __init__(self, settings: ServeSettings, made: web.Server) -> None:
        super().__init__(
            made.request_handler,
            request_factory=_noting(made.request_factory),
            handler_cancellation=made.handler_cancellation,
        )
        self.settings, self.lab = settings, Lab(settings.lab_folder)
        self.malformed = RateLimitedLog()

    def __call__(self) -> ClientConnection:
        """Return the protocol of a new connection."""
        return ClientConnection(
            self, loop=asyncio.get_running_loop(), keepalive_timeout=KEEP_ALIVE_TIMEOUT_S, access_log=None
        )


def _noting(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Return a factory of requests that notes each in its connection."""

    def make_request(
        message: RawRequestMessage, payload: Any, connection: ClientConnection, *others: Any
    ) -> web.BaseRequest:
        connection.request_began()
        return make(message, payload, connection, *others)

    return make_request


async def listeners(host: str, port: int, limits: ConnectionLimits) -> list[LimitedListener]:
    """Return a bound socket for each address that a host has here; the empty host has them all. Raises OSError."""
    places = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[LimitedListener] = []
    failures: list[OSError] = []
    for family, kind, protocol, _, place in dict.fromkeys(places):
        try:
            bound.append(_bound(LimitedListener(family, kind, protocol, limits), place))
        except OSError as error:
            failures.append(error)
    serious = [error for error in failures if not bound or error.errno not in _NOT_HERE]
    if serious:
        for one in bound:
            one.close()
        raise serious[0]
    return bound


def _bound(listener: LimitedListener, place: Any) -> LimitedListener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if listener.family == socket.AF_INET6:  # IPv4 has a socket of its own
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
    except OSError:
        listener.close()
        raise
    return listener


def limit_accept_error_log(loop: asyncio.AbstractEventLoop) -> None:
    """Limit the lines in the log about connections that cannot be accepted: asyncio reports them every second."""
    cannot_accept = RateLimitedLog()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if context["message"].startswith("socket.accept()") and isinstance(error, OSError):
            cannot_accept.warn(f"No connection can be accepted: {error.strerror}.")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
