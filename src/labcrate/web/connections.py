"""aiohttp's connections, made to fit: none waits for ever, and what is no request is answered in our words."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage

from labcrate.config import ServeSettings
from labcrate.lab.folder import Lab
from labcrate.web.listening import Guest, guest_of
from labcrate.web.problem import answer_outside, log_unexpected
from labcrate.web.security import protect
from labcrate.web.seldom import Seldom

FIRST_SECONDS = 30.0
"""How long a client may take for the head of its first request."""

NEXT_SECONDS = 75.0
"""The same for every later one: longer than proxies keep a connection, so that it is theirs to close."""


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_connections", "_first", "_guest", "asked")

    def __init__(self, connections: "Connections", **options: Any) -> None:
        super().__init__(connections, **options)
        self._connections = connections
        self._first: asyncio.TimerHandle | None = None
        self._guest: Guest | None = None
        self.asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and wait for a request no longer than `FIRST_SECONDS`."""
        super().connection_made(transport)
        self._guest = guest_of(transport)
        if self._guest is not None and isinstance(transport, asyncio.Transport):
            self._guest.seat.end = transport.abort  # a request under way ends with it
        self._first = asyncio.get_running_loop().call_later(FIRST_SECONDS, self.expect_request)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, and be remembered by nobody."""
        if self._first is not None:
            self._first.cancel()
        self._guest = None
        super().connection_lost(exc)

    def begin(self) -> None:
        """Note that a request came."""
        self.asked = True
        if self._guest is not None:
            self._guest.room.begin(self._guest.seat)

    def know(self, *, known: bool) -> None:
        """Note whether the request is of somebody who is logged in: then the connection has a part in their reserve."""
        if self._guest is not None:
            self._guest.room.know(self._guest.seat, known=known)

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
            if self._guest is not None:
                self._guest.room.rest(self._guest.seat)

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
        """Answer what is no request, or failed where no handler was yet. Nothing of it is told: it may hold a token."""
        connections = self._connections
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            connections.malformed.warn(f"What {request.remote} sent is no HTTP request; it was refused.")
        elif exc is not None:
            log_unexpected(connections.lab, "A request", exc)
        if request.writer.output_size > 0:
            raise ConnectionError  # the answer had begun: the end of the connection tells that it is not whole
        answer = answer_outside(status)
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
        self.malformed = Seldom()

    def __call__(self) -> Connection:
        """A connection for somebody who comes."""
        return Connection(self, loop=asyncio.get_running_loop(), keepalive_timeout=NEXT_SECONDS, access_log=None)


def _noting(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """Has a connection know that it brought a request."""

    def make_request(message: RawRequestMessage, payload: Any, connection: Connection, *others: Any) -> web.BaseRequest:
        connection.begin()
        return make(message, payload, connection, *others)

    return make_request
