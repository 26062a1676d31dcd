"""Pages of the second factor: the code at a login, and setting it up or taking it away."""

import hmac
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError, UsageError
from labcrate.model.message import Message
from labcrate.people.roles import Role
from labcrate.people.second_factor import NEEDED, app_uri, grouped
from labcrate.people.users import User
from labcrate.web.auth.code_logins import HalfLogin
from labcrate.web.auth.doors import CODE_PAGE, LOGIN_PAGE
from labcrate.web.auth.login_cookie import HALF, csrf_token, drop_login, login_secret
from labcrate.web.auth.require_role import allow, caller, keeps_to_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import knowing_password, logged_in, login_page, own_form, see, this_login
from labcrate.web.routes.html.people import ACCOUNT_PAGE

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
    server = resources(request)
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
    server = resources(request)
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
    server = resources(request)
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
    server = resources(request)
    fields, factors = await own_form(request), server.second_step.factors
    try:
        user = await knowing_password(request, fields)
        await server.second_step.with_own_code(request, factors.turn_off, user, fields.get("code", ""))
    except _REFUSED as error:
        return await _page(request, status=error.http_status, error=error.args[0])
    return see(request, f"{ACCOUNT_PAGE}?done=second-factor-off")


async def _user(request: web.Request) -> User:
    server = resources(request)
    return await server.doors.look_up(server.users.get, caller(request).name)


def _host(request: web.Request) -> str:
    """What the server is called, without a port."""
    base_url = resources(request).settings.base_url
    return urlsplit(base_url or f"//{request.host}").hostname or ""


async def _page(request: web.Request, *, status: int = 200, secret: str | None = None, **context: Any) -> web.Response:
    """The page, perhaps with a secret to take into the app, with recovery codes, or with an error."""
    server = resources(request)
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


@routes.get(CODE_PAGE)
@allow(None)
async def show_code(request: web.Request) -> web.Response:
    """The form for the code; a browser that no login waits for begins with name and password."""
    server = resources(request)
    secret = login_secret(request, server.settings, HALF)
    if not secret or server.second_step.waiting.find(secret) is None:
        return see(request, LOGIN_PAGE)
    return _code_page(request, secret)


@routes.post(CODE_PAGE)
@allow(None)
async def send_code(request: web.Request) -> web.Response:
    """Log somebody in whose code is right."""
    server = resources(request)
    fields, secret = await read_form(request), login_secret(request, server.settings, HALF)
    waiting = server.second_step.waiting
    half = waiting.take(secret) if secret else None  # of two forms sent at once, one goes on
    if not secret or half is None:
        return await _begin_again(request, LoginError(Message("second_factor.over")))
    if not hmac.compare_digest(fields.get("csrf", "").encode("utf-8", "replace"), csrf_token(secret).encode()):
        waiting.give_back(secret, half)
        raise NotAllowedError("This page is out of date; load it again, and do it once more.")
    return await _enter(request, secret, half, fields.get("code", ""))


async def _enter(request: web.Request, secret: str, half: HalfLogin, code: str) -> web.Response:
    server = resources(request)
    step = server.second_step
    try:
        await step.with_code(request, step.factors.check, half.user, code, half.stamp)
    except (LoginError, TooManyError) as error:
        if error.args[0] == Message("second_factor.over"):
            return await _begin_again(request, error, half.goal)
        step.waiting.give_back(secret, half)
        return _code_page(request, secret, error)
    except BaseException:
        step.waiting.give_back(secret, half)
        raise
    response = await logged_in(request, half.user, half.goal)
    drop_login(response, server.settings, HALF)
    return response


async def _begin_again(request: web.Request, error: LabcrateError, goal: str = "/") -> web.Response:
    response = await login_page(request, goal, error=error)
    drop_login(response, resources(request).settings, HALF)
    return response


def _code_page(request: web.Request, secret: str, error: LabcrateError | None = None) -> web.Response:
    response = resources(request).pages.render(
        request,
        "login_code.html",
        status=error.http_status if error else 200,
        step=csrf_token(secret),
        error=error.args[0] if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
