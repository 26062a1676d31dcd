"""``Expect: 100-continue`` (RFC 9110, 10.1.1): who asks before sending a body is told to when somebody reads it.

aiohttp would tell it before the gate has seen who asks, and answers other expectations, which may be ignored.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import HttpVersion11, hdrs, web

BODY_SECONDS = 30.0
"""How long a client may take for the body of a request."""


def expecting(routes: web.RouteTableDef) -> list[web.RouteDef]:
    """The routes as they are, but that nothing is said of what is expected before their handler runs."""
    found = (route for route in routes if isinstance(route, web.RouteDef))
    return [web.RouteDef(r.method, r.path, r.handler, {**r.kwargs, "expect_handler": _say_nothing}) for r in found]


async def _say_nothing(_: web.Request) -> None:
    pass


@asynccontextmanager
async def arriving(request: web.Request) -> AsyncIterator[None]:
    """Read a body in the block: who waits for it is asked to send it, and it has `BODY_SECONDS`. Raises HTTP's 408."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await _ask_for_body(request)
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="What was sent did not arrive in time; send it once more.") from None


async def _ask_for_body(request: web.Request) -> None:
    """Have a client that waits for it send its body, which is going to be read now."""
    waits = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version == HttpVersion11
    if waits and request.can_read_body:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
