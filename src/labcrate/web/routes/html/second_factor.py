"""One's own second factor: turning it on and off, and recovery codes."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from labcrate.errors import NotAllowedError, TooManyError, UsageError
from labcrate.people.roles import Role
from labcrate.people.second_factor import NEEDED, app_uri, grouped
from labcrate.people.users import User
from labcrate.web.auth.require_role import allow, caller, keeps_to_scope
from labcrate.web.routes.html.login import see
from labcrate.web.routes.html.own_forms import knowing_password, own_form, this_login
from labcrate.web.routes.html.people import ACCOUNT_PAGE
from labcrate.web.services import services

routes = web.RouteTableDef()

PAGE = "/account/second-factor"
_REFUSED = (UsageError, TooManyError, NotAllowedError)


@routes.get(PAGE)
@allow(Role.VIEWER)
@keeps_to_scope
async def show_second_factor(request: web.Request) -> web.Response:
    """Whether it is on, and what can be done about it."""
    return await _page(request)


@routes.post(f"{PAGE}/prepare")
@allow(NEEDED)
@keeps_to_scope
async def prepare(request: web.Request) -> web.Response:
    """Make a secret and show it, for the app to take."""
    server = services(request)
    await own_form(request)
    user = await _user(request)
    try:
        secret = await server.doors.look_up(server.second_step.factors.prepare, user)
    except _REFUSED as error:
        return await _page(request, status=error.http_status, error=error.args[0])
    return await _page(request, secret=secret)


@routes.post(f"{PAGE}/confirm")
@allow(NEEDED)
@keeps_to_scope
async def confirm(request: web.Request) -> web.Response:
    """Turn it on, for who knows the password and has a first code.

    The answer shows the recovery codes, and nothing else ever does.
    """
    server = services(request)
    fields, factors = await own_form(request), server.second_step.factors
    user = await _user(request)
    try:
        await knowing_password(request, fields)
        code, keep = fields.get("code", ""), this_login(request)
        codes = await server.doors.look_up(factors.confirm, user, code, keep_login=keep)
    except _REFUSED as error:
        secret = await server.doors.look_up(factors.prepared, user)
        return await _page(request, status=error.http_status, secret=secret, error=error.args[0])
    return await _page(request, status=201, codes=codes)


@routes.post(f"{PAGE}/codes")
@allow(Role.VIEWER)
@keeps_to_scope
async def renew_codes(request: web.Request) -> web.Response:
    """Make new recovery codes, for who knows the password and has a code; the old ones are good no more."""
    server = services(request)
    fields, factors = await own_form(request), server.second_step.factors
    try:
        user = await knowing_password(request, fields)
        codes = await server.second_step.with_own_code(request, factors.renew, user, fields.get("code", ""))
    except _REFUSED as error:
        return await _page(request, status=error.http_status, error=error.args[0])
    return await _page(request, status=201, codes=codes)


@routes.post(f"{PAGE}/off")
@allow(Role.VIEWER)
@keeps_to_scope
async def turn_off(request: web.Request) -> web.Response:
    """Turn it off, for who knows the password and has a code."""
    server = services(request)
    fields, factors = await own_form(request), server.second_step.factors
    try:
        user = await knowing_password(request, fields)
        await server.second_step.with_own_code(request, factors.turn_off, user, fields.get("code", ""))
    except _REFUSED as error:
        return await _page(request, status=error.http_status, error=error.args[0])
    return see(request, f"{ACCOUNT_PAGE}?done=second-factor-off")


async def _user(request: web.Request) -> User:
    server = services(request)
    return await server.doors.look_up(server.users.get, caller(request).name)


def _host(request: web.Request) -> str:
    """What the server is called, without a port."""
    base_url = services(request).settings.base_url
    return urlsplit(base_url or f"//{request.host}").hostname or ""


async def _page(request: web.Request, *, status: int = 200, secret: str | None = None, **context: Any) -> web.Response:
    """The page, perhaps with a secret to take into the app, with recovery codes, or with an error."""
    server = services(request)
    shown = {"codes": None, "error": None, "secret": secret and grouped(secret), "uri": ""} | context
    if secret:
        shown["uri"] = app_uri(secret, await _user(request), _host(request))
    return server.pages.render(
        request,
        "second_factor.html",
        status=status,
        area="account",
        second_factor=await server.second_step.of(caller(request).name),
        **shown,
    )
