"""Server-sent events (HTML Living Standard, section 9.2): how the progress of a job is sent until it ends."""

from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import hdrs, web

EVENT_STREAM = "text/event-stream"
# Proxies close a connection without traffic; a comment is traffic, but no event.
KEEP_ALIVE = b": still here\n\n"
_RETRY = b"retry: 3000\n\n"


class StreamClosed(Exception):  # noqa: N818 - not an error
    """Raised by the generator of a stream's events to end it without a final event; the client may connect again."""


def accepts_event_stream(request: web.Request) -> bool:
    """Return whether the client accepts a stream of events."""
    return EVENT_STREAM in request.headers.get(hdrs.ACCEPT, "")


def format_event(data: bytes, *, name: str | None = None, event_id: str | None = None) -> bytes:
    """Return one event as it is sent; ``data`` must be one line (JSON is)."""
    fields = [*([b"id: " + event_id.encode()] if event_id else []), *([b"event: " + name.encode()] if name else [])]
    return b"\n".join([*fields, b"data: " + data, b"", b""])


async def send_events(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send events until there are no more, the client disconnects, or ``StreamClosed`` is raised."""
    response = web.StreamResponse(headers={hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"})
    response.content_type, response.charset = EVENT_STREAM, "utf-8"
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(_RETRY)
        with suppress(StreamClosed):
            async for one in events:
                await response.write(one)
        await response.write_eof()
    return response
