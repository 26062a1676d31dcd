"""JSON in requests and answers."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from labcrate.errors import UsageError
from labcrate.web.http.expecting import arriving

JSON = "application/json"
T = TypeVar("T")


def encoded(value: Any) -> bytes:
    """A value as JSON (UTF-8); a large one belongs into a worker thread."""
    return msgspec.json.encode(value, enc_hook=str)  # messages are texts of a type of their own


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body; bytes are taken as encoded. What it tells may be otherwise in a moment."""
    body = value if isinstance(value, bytes) else encoded(value)
    answer = web.Response(body=body, status=status, content_type=JSON, headers=headers)
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    return answer


async def read_json(request: web.Request, kind: type[T]) -> T:
    """The request's body as a value of a type. Raises UsageError, and HTTP's own errors for type and size."""
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(
            text=f"The body must be JSON; send it with 'Content-Type: {JSON}'.", headers={hdrs.ACCEPT: JSON}
        )
    async with arriving(request):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"The body is not what is expected here: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("The body is no JSON.") from None
