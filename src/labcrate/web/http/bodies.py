"""Bodies of requests and answers: JSON, forms, and how long a body may take to arrive.

A client may ask before it sends a body (``Expect: 100-continue``, RFC 9110, 10.1.1). aiohttp would answer before the
gate has seen the request, and would answer other expectations too, which may be ignored. Here the body is asked for
when it is read.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from aiohttp import HttpVersion11, hdrs, web

from labcrate.errors import UsageError
from labcrate.messages.message import plain_text

BODY_TIMEOUT_S = 30.0
"""How long a client may take for the body of a request."""

JSON = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
T = TypeVar("T")


def encode_json(value: Any) -> bytes:
    """Return a value as JSON (UTF-8); a large one belongs into a worker thread."""
    return msgspec.json.encode(value, enc_hook=plain_text)


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer with a JSON body that is not cached; bytes are taken as encoded."""
    body = value if isinstance(value, bytes) else encode_json(value)
    answer = web.Response(body=body, status=status, content_type=JSON, headers=headers)
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    return answer


async def read_json(request: web.Request, kind: type[T]) -> T:
    """Return a request's body as a value of a type. Raises UsageError, and HTTP's own errors for type and size."""
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(
            text=f"The body must be JSON; send it with 'Content-Type: {JSON}'.", headers={hdrs.ACCEPT: JSON}
        )
    async with _receiving_body(request):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"The body is not what is expected here: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("The body is no JSON.") from None


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a request's form, each as it was given first; none for a body that is no form.

    Raises UsageError for one that is not UTF-8, and HTTP's own error for one that does not arrive.
    """
    if request.content_type != _FORM_TYPE:
        return {}
    try:
        async with _receiving_body(request):
            fields = await request.post()
    except (ValueError, LookupError):  # bytes that are not text, or a charset that does not exist
        raise UsageError("The form is not UTF-8 text; send it from the page itself.") from None
    first_values: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            first_values.setdefault(name, value)
    return first_values


def with_deferred_expect(routes: web.RouteTableDef) -> list[web.RouteDef]:
    """Return the routes, changed so that ``Expect`` is not answered before their handler runs."""
    first_values = (route for route in routes if isinstance(route, web.RouteDef))
    return [
        web.RouteDef(r.method, r.path, r.handler, {**r.kwargs, "expect_handler": _ignore_expect}) for r in first_values
    ]


async def _ignore_expect(_: web.Request) -> None:
    pass


@asynccontextmanager
async def _receiving_body(request: web.Request) -> AsyncIterator[None]:
    """Read a body in the block, within `BODY_TIMEOUT_S`; a client that waits is asked to send it. Raises HTTP's 408."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            waits = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version == HttpVersion11
            if waits and request.can_read_body:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0  # the answer itself has not begun
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="What was sent did not arrive in time; send it once more.") from None
