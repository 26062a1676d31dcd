"""Server-sent events (HTML Living Standard, section 9.2): a stream of states of a job until it ends."""

from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import hdrs, web

EVENT_STREAM = "text/event-stream"
# Proxies close a connection that is silent for long; a comment is no event, and not silence.
KEEP_ALIVE = b": still here\n\n"
_RETRY = b"retry: 3000\n\n"


class StreamClosed(Exception):  # noqa: N818 - no error
    """Raised by the source of a stream's events to end it without a last one; its client may connect again."""


def accepts_event_stream(request: web.Request) -> bool:
    """Return whether the client asks for a stream of events."""
    return EVENT_STREAM in request.headers.get(hdrs.ACCEPT, "")


def format_event(data: bytes, *, name: str | None = None, event_id: str | None = None) -> bytes:
    """Return one event; ``data`` is one line (JSON is)."""
    fields = [*([b"id: " + event_id.encode()] if event_id else []), *([b"event: " + name.encode()] if name else [])]
    return b"\n".join([*fields, b"data: " + data, b"", b""])


async def send_events(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send events as they come, until they end, the client goes away, or ``StreamClosed`` is raised."""
    answer = web.StreamResponse(headers={hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"})
    answer.content_type, answer.charset = EVENT_STREAM, "utf-8"
    with suppress(ConnectionError):
        await answer.prepare(request)
        await answer.write(_RETRY)
        with suppress(StreamClosed):
            async for one in events:
                await answer.write(one)
        await answer.write_eof()
    return answer
