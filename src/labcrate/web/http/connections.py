"""Connections of aiohttp with time limits, and with this server's response to data that is not an HTTP request."""

import asyncio
import errno
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage

from labcrate.config import ServeSettings
from labcrate.lab.folder import LabFolder
from labcrate.web.http.connection_limits import ConnectionLimits, CountedSocket, LimitedListener, counted_socket
from labcrate.web.http.problems import log_unexpected_error, response_without_handler
from labcrate.web.http.rate_limiter import RateLimitedLog
from labcrate.web.http.security_headers import add_security_headers

FIRST_REQUEST_TIMEOUT_S = 30.0
"""The time in seconds within which a client must send the head of its first request."""

KEEP_ALIVE_TIMEOUT_S = 75.0
"""The same for later requests: longer than proxies keep an idle connection, so that the proxy closes it."""

_UNAVAILABLE_ERRNOS = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


class ClientConnection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_connections", "_counted_socket", "_first_request_timer", "has_request")

    def __init__(self, connections: "Connections", **options: Any) -> None:
        super().__init__(connections, **options)
        self._connections = connections
        self._first_request_timer: asyncio.TimerHandle | None = None
        self._counted_socket: CountedSocket | None = None
        self.has_request = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the connection, with ``FIRST_REQUEST_TIMEOUT_S`` for its first request."""
        super().connection_made(transport)
        self._counted_socket = counted_socket(transport)
        if self._counted_socket is not None and isinstance(transport, asyncio.Transport):
            self._counted_socket.slot.end = transport.abort  # it also ends a running request
        self._first_request_timer = asyncio.get_running_loop().call_later(
            FIRST_REQUEST_TIMEOUT_S, self.close_if_no_request
        )

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the connection and drop the reference to its socket."""
        if self._first_request_timer is not None:
            self._first_request_timer.cancel()
        self._counted_socket = None
        super().connection_lost(exc)

    def request_began(self) -> None:
        """Mark the connection as busy: a request has arrived."""
        self.has_request = True
        if self._counted_socket is not None:
            self._counted_socket.limits.request_began(self._counted_socket.slot)

    def set_logged_in(self, *, is_logged_in: bool) -> None:
        """Record whether the request's user is logged in: such connections have a reserve of slots."""
        if self._counted_socket is not None:
            self._counted_socket.limits.set_logged_in(self._counted_socket.slot, is_logged_in=is_logged_in)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the rest of a response; the connection is idle afterwards."""
        try:
            sent = await super().finish_response(request, resp, start_time)
            if sent[0].status == HTTPStatus.REQUEST_TIMEOUT:
                self.force_close()  # do not wait again for a body that has not arrived
            return sent
        finally:
            if self._counted_socket is not None:
                self._counted_socket.limits.request_ended(self._counted_socket.slot)

    def close_if_no_request(self) -> None:
        """Close the connection if no request has arrived yet."""
        if not self.has_request and self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """Return the response to malformed data, or after a failure outside handlers. It quotes nothing: no token."""
        connections = self._connections
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            connections.malformed_log.warn(f"{request.remote} sent data that is not an HTTP request; it was rejected.")
        elif exc is not None:
            log_unexpected_error(connections.lab, "A request", exc)
        if request.writer.output_size > 0:
            raise ConnectionError  # part of a response was sent: only closing shows that it is not complete
        response = response_without_handler(status)
        add_security_headers(response, connections.settings)
        response.force_close()
        return response


class Connections(web.Server):
    """All connections of an application; ``app_server`` is the server that aiohttp has made for it."""

    def __init__(self, settings: ServeSettings, app_server: web.Server) -> None:
        super().__init__(
            app_server.request_handler,
            request_factory=_counting_requests(app_server.request_factory),
            handler_cancellation=app_server.handler_cancellation,
        )
        self.settings, self.lab = settings, LabFolder(settings.lab_folder)
        self.malformed_log = RateLimitedLog()

    def __call__(self) -> ClientConnection:
        """Return the protocol of a new connection."""
        return ClientConnection(
            self, loop=asyncio.get_running_loop(), keepalive_timeout=KEEP_ALIVE_TIMEOUT_S, access_log=None
        )


def _counting_requests(make_original: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Return a factory of requests that also marks their connection as busy."""

    def make_request(
        message: RawRequestMessage, payload: Any, connection: ClientConnection, *others: Any
    ) -> web.BaseRequest:
        connection.request_began()
        return make_original(message, payload, connection, *others)

    return make_request


async def open_listeners(host: str, port: int, limits: ConnectionLimits) -> list[LimitedListener]:
    """Return a bound socket for each address of a host on this machine; the empty host has all. Raises OSError."""
    addresses = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[LimitedListener] = []
    failures: list[OSError] = []
    for family, kind, protocol, _, address in dict.fromkeys(addresses):
        try:
            bound.append(_bind(LimitedListener(family, kind, protocol, limits), address))
        except OSError as error:
            failures.append(error)
    errors = [error for error in failures if not bound or error.errno not in _UNAVAILABLE_ERRNOS]
    if errors:
        for one in bound:
            one.close()
        raise errors[0]
    return bound


def _bind(listener: LimitedListener, address: Any) -> LimitedListener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if listener.family == socket.AF_INET6:  # IPv4 has a socket of its own
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def limit_accept_error_log(loop: asyncio.AbstractEventLoop) -> None:
    """Limit the log lines about connections that cannot be accepted: asyncio writes one every second."""
    cannot_accept = RateLimitedLog()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if context["message"].startswith("socket.accept()") and isinstance(error, OSError):
            cannot_accept.warn(f"No connection can be accepted: {error.strerror}.")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
