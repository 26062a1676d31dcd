"""What a browser's form holds."""

from aiohttp import web

from labcrate.errors import UsageError
from labcrate.web.http.expecting import arriving

_KIND = "application/x-www-form-urlencoded"


async def form(request: web.Request) -> dict[str, str]:
    """The fields of a request's form, each as it was given first; empty for a body that is no form.

    Raises UsageError for one that is not UTF-8, and HTTP's own error for one that does not arrive.
    """
    if request.content_type != _KIND:
        return {}
    try:
        async with arriving(request):
            fields = await request.post()
    except (ValueError, LookupError):  # bytes that are not text, or a charset that nobody knows
        raise UsageError("The form is not UTF-8 text; send it from the page itself.") from None
    found: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found
