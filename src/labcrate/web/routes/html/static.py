"""The static files of the pages, cached by browsers as long as their content is the same."""

from http import HTTPStatus

from aiohttp import hdrs, web

from labcrate.errors import NotFoundError
from labcrate.messages.message import Message
from labcrate.web.auth.require_role import allow
from labcrate.web.pages.assets import assets
from labcrate.web.resources import resources

routes = web.RouteTableDef()

_CACHE_FOREVER = "public, max-age=31536000, immutable"  # RFC 8246: never revalidated
_REVALIDATE = "no-cache"
_PIECE_BYTES = 64 * 1024


@routes.get("/static/{name}")
@allow(None)
async def asset(request: web.Request) -> web.StreamResponse:
    """Send one of the static files; no other file can be reached."""
    server = resources(request)
    found = assets().get(request.match_info["name"])
    if found is None:
        raise NotFoundError(Message("page.no_such_file"))
    fingerprint = await server.run_in_thread(getattr, found, "fingerprint")
    gzipped = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
    tag = f"{fingerprint}-gzip" if gzipped else fingerprint
    headers = {
        hdrs.CACHE_CONTROL: _CACHE_FOREVER if request.query.get("v") == fingerprint else _REVALIDATE,
        hdrs.ETAG: f'"{tag}"',
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if any(one.value in (tag, "*") for one in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = await server.run_in_thread(found.body, gzipped=gzipped)
    if gzipped:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset, response.content_length = found.media_type, "utf-8", len(body)
    if request.method == hdrs.METH_GET:
        await _send(request, response, body)
    return response


async def _send(request: web.Request, response: web.StreamResponse, body: bytes) -> None:
    """Send a body that all responses share, in pieces: only one piece is buffered for each client."""
    await response.prepare(request)
    for start in range(0, len(body), _PIECE_BYTES):
        await response.write(body[start : start + _PIECE_BYTES])
