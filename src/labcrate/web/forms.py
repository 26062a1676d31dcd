"""What a browser's form holds."""

import asyncio

from aiohttp import web

from labcrate.errors import UsageError
from labcrate.web.expecting import ask_for_body

_SECONDS = 30.0
_KIND = "application/x-www-form-urlencoded"


async def form(request: web.Request) -> dict[str, str]:
    """The fields of a request's form, each as it was given first; empty for a body that is no form.

    Raises UsageError for one that is not UTF-8, and for one that does not arrive.
    """
    if request.content_type != _KIND:
        return {}
    try:
        async with asyncio.timeout(_SECONDS):
            await ask_for_body(request)
            fields = await request.post()
    except TimeoutError:
        raise UsageError("The form did not arrive in time; send it once more.") from None
    except (ValueError, LookupError):  # bytes that are not text, or a charset that nobody knows
        raise UsageError("The form is not UTF-8 text; send it from the page itself.") from None
    found: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found
