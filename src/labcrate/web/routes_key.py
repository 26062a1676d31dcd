"""The lab's public key, and how to check with it who made an archive."""

from aiohttp import web

from labcrate.export.signing import public_key_of
from labcrate.people.roles import Role
from labcrate.web.access import allow, keeps_to_scope
from labcrate.web.pages import render
from labcrate.web.site import LAB, work

routes = web.RouteTableDef()


@routes.get("/key")
@allow(Role.VIEWER)
@keeps_to_scope
async def show_key(request: web.Request) -> web.Response:
    """The public key, or that there is none and how to make one; the secret key is on no page."""
    return await work(request.app, _page, request)


def _page(request: web.Request) -> web.Response:
    return render(request, "key.html", key=public_key_of(request.app[LAB]))
