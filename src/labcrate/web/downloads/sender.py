"""Threads that send response bodies, so that neither a slow disk nor a slow client delays other requests."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from aiohttp import web

from labcrate.archive.entity import Segment
from labcrate.messages.message import Message
from labcrate.web.downloads.socket_writer import PauseReason, SharedGenerator, SocketWriter, read_pieces
from labcrate.web.http.connection_limits import set_stall_timeout

SEND_THREADS = 16
"""The number of transfers that are sent at once. Clients that are slower than the server occupy no thread."""

IDLE_TIMEOUT_S = 600.0
"""The time in seconds after which a client that receives nothing counts as disconnected."""

T = TypeVar("T")


class ClientGoneError(Exception):
    """Raised when the client has disconnected, or receives nothing any more."""


class Transfer:
    """One response body; ``refusal_reason`` is why it must not be sent further, or None."""

    def __init__(self) -> None:
        self.writer: SocketWriter | None = None
        self.written = 0
        self.refusal_reason: Message | str | None = None

    @property
    def sent(self) -> int:
        """Return the number of bytes that the system has accepted so far."""
        return self.writer.sent if self.writer else self.written


class Sender:
    """The threads that send. Use it on the event loop. ``is_stopping`` is true once the server ends all transfers."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._running_transfers: set[asyncio.Future[None]] = set()
        self._pool = ThreadPoolExecutor(SEND_THREADS, "send")

    @contextmanager
    def running_transfer(self) -> Iterator[None]:
        """Make ``close`` wait for the end of the block, also if the server's end cancels it."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running_transfers.add(ended)
        try:
            yield
        finally:
            self._running_transfers.discard(ended)
            ended.set_result(None)

    async def close(self) -> None:
        """End the threads after all running transfers have ended."""
        while self._running_transfers:
            await asyncio.wait(self._running_transfers)
        self._pool.shutdown()

    async def send(self, request: web.Request, segments: Iterable[Segment], transfer: Transfer) -> None:
        """Send the body of a response to ``request``, which must be prepared with its length.

        Raises SourceChangedError, ClientGoneError, and OSError for a limit of this machine. The connection is aborted
        then: nothing else shows the client that it did not receive everything.
        """
        try:
            transport = _open_transport(request)
            set_stall_timeout(
                transport.get_extra_info("socket"), IDLE_TIMEOUT_S
            )  # longer than before the body: browsers pause videos
            if transport.get_extra_info("sslcontext"):  # the kernel has no TLS key: encrypt in this process
                await self._through_transport(request, segments, transfer)
            else:
                await self._through_socket(request, transport, segments, transfer)
        except (ConnectionError, TimeoutError):
            abort_connection(request)
            raise ClientGoneError from None
        except BaseException:
            abort_connection(request)
            raise

    async def _through_socket(
        self, request: web.Request, transport: asyncio.Transport, segments: Iterable[Segment], transfer: Transfer
    ) -> None:
        """Write to the socket directly, after the transport has written its buffer."""
        transport.set_write_buffer_limits(0)  # drain() then waits until the buffer is empty
        request.writer.send_headers()
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            while transport.get_write_buffer_size():
                await request.writer.drain()
        connection = _duplicate_socket(_open_transport(request))
        transfer.writer = SocketWriter(connection)
        steps = SharedGenerator(transfer.writer.steps(segments), PauseReason.DONE)
        try:
            while (pause := await self._run_step(steps)) is not PauseReason.DONE:
                _open_transport(request)
                if pause is PauseReason.BLOCKED:
                    await _wait_writable(connection)
        except BaseException:
            await self._close_steps(steps, connection)
            raise
        connection.close()
        transport.set_write_buffer_limits()

    async def _through_transport(self, request: web.Request, segments: Iterable[Segment], transfer: Transfer) -> None:
        """Read in a thread, and write with the transport."""
        steps = SharedGenerator[bytes | None](read_pieces(segments), None)
        try:
            while (piece := await self._run_step(steps)) is not None:
                _open_transport(request)
                if not piece:
                    continue
                transfer.written += len(piece)  # the transport accepts it at once, and may never return
                async with asyncio.timeout(IDLE_TIMEOUT_S):
                    await request.writer.write(piece)
        except BaseException:
            await self._close_steps(steps)
            raise

    async def _run_step(self, steps: SharedGenerator[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, steps.step)

    async def _close_steps(self, steps: SharedGenerator[T], connection: socket.socket | None = None) -> None:
        """Close the files of an aborted transfer once no thread works on it; the count of bytes is final then."""

        def end() -> None:
            steps.close()
            if connection:
                connection.close()

        await wait_until_done(asyncio.wrap_future(self._pool.submit(end)))


def abort_connection(request: web.Request) -> None:
    """Close the connection at once and discard its buffer, so that the client sees that the body is not complete."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):  # the connection is closed
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _open_transport(request: web.Request) -> asyncio.Transport:
    """Return the transport of a request. Raises ConnectionResetError if it is closed."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    return transport


def _duplicate_socket(transport: asyncio.Transport) -> socket.socket:
    """Return a duplicate of the connection's descriptor: the transport may close its own at any time."""
    connection = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    connection.setblocking(False)
    return connection


async def _wait_writable(connection: socket.socket) -> None:
    """Wait until the socket accepts data again. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            await ready.wait()
    finally:
        loop.remove_writer(connection)


async def wait_until_done(awaitable: Awaitable[T]) -> T:
    """Wait until something is done, also if this is cancelled meanwhile; then raise CancelledError afterwards.

    A client that disconnects and a server that stops cancel the wait. ``asyncio.shield`` is not enough: it protects
    the awaited work from being cancelled, but stops waiting for it.
    """
    task = asyncio.ensure_future(awaitable)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
