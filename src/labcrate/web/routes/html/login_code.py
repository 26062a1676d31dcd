"""The page on which a login asks for a code, after name and password were right."""

import hmac

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError
from labcrate.model.message import Message
from labcrate.web.auth.code_logins import HalfLogin
from labcrate.web.auth.doors import CODE_PAGE, LOGIN_PAGE
from labcrate.web.auth.login_cookie import HALF, csrf_token, drop_login, login_secret
from labcrate.web.auth.require_role import allow
from labcrate.web.http.bodies import form
from labcrate.web.routes.html.login import logged_in, login_page, see
from labcrate.web.services import services

routes = web.RouteTableDef()


@routes.get(CODE_PAGE)
@allow(None)
async def show_code(request: web.Request) -> web.Response:
    """The form for the code; a browser that no login waits for begins with name and password."""
    server = services(request)
    secret = login_secret(request, server.settings, HALF)
    if not secret or server.second_step.waiting.find(secret) is None:
        return see(request, LOGIN_PAGE)
    return _code_page(request, secret)


@routes.post(CODE_PAGE)
@allow(None)
async def send_code(request: web.Request) -> web.Response:
    """Log somebody in whose code is right."""
    server = services(request)
    fields, secret = await form(request), login_secret(request, server.settings, HALF)
    waiting = server.second_step.waiting
    half = waiting.take(secret) if secret else None  # of two forms sent at once, one goes on
    if not secret or half is None:
        return await _begin_again(request, LoginError(Message("second_factor.over")))
    if not hmac.compare_digest(fields.get("csrf", "").encode("utf-8", "replace"), csrf_token(secret).encode()):
        waiting.give_back(secret, half)
        raise NotAllowedError("This page is out of date; load it again, and do it once more.")
    return await _enter(request, secret, half, fields.get("code", ""))


async def _enter(request: web.Request, secret: str, half: HalfLogin, code: str) -> web.Response:
    server = services(request)
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
    drop_login(response, services(request).settings, HALF)
    return response


def _code_page(request: web.Request, secret: str, error: LabcrateError | None = None) -> web.Response:
    response = services(request).pages.render(
        request,
        "login_code.html",
        status=error.http_status if error else 200,
        step=csrf_token(secret),
        error=error.args[0] if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
