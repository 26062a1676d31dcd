"""The lab's public key, and how to check with it who made an archive."""

from aiohttp import web

from labcrate.export.signing import public_key_of
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow, keeps_to_scope
from labcrate.web.services import services

routes = web.RouteTableDef()


@routes.get("/key")
@allow(Role.VIEWER)
@keeps_to_scope
async def show_key(request: web.Request) -> web.Response:
    """The public key, or that there is none and how to make one; the secret key is on no page."""
    return await services(request).work(_page, request)


def _page(request: web.Request) -> web.Response:
    server = services(request)
    return server.pages.render(request, "key.html", key=public_key_of(server.lab))
