"""Server-sent events (HTML Living Standard, section 9.2): a stream that says how something goes until it ends."""

from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import hdrs, web

EVENT_STREAM = "text/event-stream"
# Proxies close a connection that is silent for long; a comment is no event, and not silence.
KEEP_ALIVE = b": still here\n\n"
_RETRY = b"retry: 3000\n\n"


class Over(Exception):  # noqa: N818 - no error: what was to be told was told
    """Raised by whatever makes a stream's events to end it without a last word; its client may ask for it again."""


def wants_events(request: web.Request) -> bool:
    """Whether the client asks for a stream of events."""
    return EVENT_STREAM in request.headers.get(hdrs.ACCEPT, "")


def event(data: bytes, *, name: str | None = None, number: str | None = None) -> bytes:
    """One event; ``data`` is one line (JSON is)."""
    fields = [*([b"id: " + number.encode()] if number else []), *([b"event: " + name.encode()] if name else [])]
    return b"\n".join([*fields, b"data: " + data, b"", b""])


async def stream(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send events as they come; a client that goes away ends it, and so does ``Over``."""
    answer = web.StreamResponse(headers={hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"})
    answer.content_type, answer.charset = EVENT_STREAM, "utf-8"
    with suppress(ConnectionError):
        await answer.prepare(request)
        await answer.write(_RETRY)
        with suppress(Over):
            async for told in events:
                await answer.write(told)
        await answer.write_eof()
    return answer
