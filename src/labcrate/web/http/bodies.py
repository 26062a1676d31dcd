"""Bodies of requests and responses: JSON, forms, and the time limit for receiving a body.

A client may wait for permission before it sends a body (``Expect: 100-continue``, RFC 9110, 10.1.1). aiohttp would
send that permission before the gate has checked the request, and would also answer other expectations, which may be
ignored. Here the permission is sent when the body is read.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from aiohttp import HttpVersion11, hdrs, web

from labcrate.errors import UsageError
from labcrate.messages.message import Message, plain_text
from labcrate.web.http.problems import http_error

BODY_TIMEOUT_S = 30.0
"""The time in seconds within which a client must send the body of a request."""

JSON = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
T = TypeVar("T")


def encode_json(value: Any) -> bytes:
    """Return a value as JSON (UTF-8). Call it in a worker thread for a large value."""
    return msgspec.json.encode(value, enc_hook=plain_text)


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response with a JSON body that is not cached; bytes are sent as they are."""
    body = value if isinstance(value, bytes) else encode_json(value)
    response = web.Response(body=body, status=status, content_type=JSON, headers=headers)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    return response


async def read_json(request: web.Request, kind: type[T]) -> T:
    """Return the JSON body of a request as a value of a type. Raises UsageError and HTTPException (type, size)."""
    if request.content_type != JSON:
        raise http_error(
            web.HTTPUnsupportedMediaType(headers={hdrs.ACCEPT: JSON}), Message("server.not_json_type", type=JSON)
        )
    async with _receiving_body(request):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(Message("server.wrong_json", error=str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(Message("server.not_json")) from None


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form, the first value of each; none for a body of another type.

    Raises UsageError for a form that is not UTF-8, and HTTPRequestTimeout.
    """
    if request.content_type != _FORM_TYPE:
        return {}
    try:
        async with _receiving_body(request):
            fields = await request.post()
    except (ValueError, LookupError):  # bytes that are not text, or a charset that does not exist
        raise UsageError(Message("server.form_not_utf8")) from None
    first_values: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            first_values.setdefault(name, value)
    return first_values


def with_deferred_expect(routes: web.RouteTableDef) -> list[web.RouteDef]:
    """Return the routes, changed so that ``Expect`` is not answered before the handler runs."""
    first_values = (route for route in routes if isinstance(route, web.RouteDef))
    return [
        web.RouteDef(r.method, r.path, r.handler, {**r.kwargs, "expect_handler": _ignore_expect}) for r in first_values
    ]


async def _ignore_expect(_: web.Request) -> None:
    pass


@asynccontextmanager
async def _receiving_body(request: web.Request) -> AsyncIterator[None]:
    """Receive a body in the block, after sending 100 Continue to a client that waits for it.

    Raises HTTPRequestTimeout after ``BODY_TIMEOUT_S``.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            waits = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version == HttpVersion11
            if waits and request.can_read_body:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0  # nothing of the response itself has been sent
            yield
    except TimeoutError:
        raise http_error(web.HTTPRequestTimeout(), Message("server.body_timeout")) from None
