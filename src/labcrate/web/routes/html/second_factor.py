"""Pages of the second factor: the code at login, and its setup and removal."""

import hmac
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError, UsageError
from labcrate.messages.message import Message
from labcrate.people.roles import Role
from labcrate.people.second_factor import MINIMUM_ROLE, app_uri, in_groups
from labcrate.people.users import User
from labcrate.web.auth.accounts import CODE_PAGE, LOGIN_PAGE
from labcrate.web.auth.code_logins import PendingLogin
from labcrate.web.auth.login_cookie import PENDING_SUFFIX, csrf_token, drop_login, login_secret
from labcrate.web.auth.require_role import allow, caller, stays_in_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import (
    browser_form,
    check_current_password,
    current_login_hash,
    login_page,
    redirect,
    start_login,
)
from labcrate.web.routes.html.people import ACCOUNT_PAGE

routes = web.RouteTableDef()

SECOND_FACTOR_PAGE = "/account/second-factor"
_FORM_ERRORS = (UsageError, TooManyError, NotAllowedError)


@routes.get(SECOND_FACTOR_PAGE)
@allow(Role.VIEWER)
@stays_in_scope
async def show_second_factor(request: web.Request) -> web.Response:
    """Send the page of the caller's second factor."""
    return await _page(request)


@routes.post(f"{SECOND_FACTOR_PAGE}/prepare")
@allow(MINIMUM_ROLE)
@stays_in_scope
async def prepare(request: web.Request) -> web.Response:
    """Create a secret and show it, to be added to an app."""
    server = resources(request)
    await browser_form(request)
    user = await _current_user(request)
    try:
        secret = await server.accounts.run_in_thread(server.code_logins.factors.begin_setup, user)
    except _FORM_ERRORS as error:
        return await _page(request, status=error.http_status, error=error.message)
    return await _page(request, secret=secret)


@routes.post(f"{SECOND_FACTOR_PAGE}/confirm")
@allow(MINIMUM_ROLE)
@stays_in_scope
async def confirm(request: web.Request) -> web.Response:
    """Turn the second factor on, after checking the password and a first code.

    Only this response shows the recovery codes.
    """
    server = resources(request)
    fields, factors = await browser_form(request), server.code_logins.factors
    user = await _current_user(request)
    try:
        await check_current_password(request, fields)
        code, keep = fields.get("code", ""), current_login_hash(request)
        codes = await server.accounts.run_in_thread(factors.finish_setup, user, code, keep_login=keep)
    except _FORM_ERRORS as error:
        secret = await server.accounts.run_in_thread(factors.pending_secret, user)
        return await _page(request, status=error.http_status, secret=secret, error=error.message)
    return await _page(request, status=201, codes=codes)


@routes.post(f"{SECOND_FACTOR_PAGE}/codes")
@allow(Role.VIEWER)
@stays_in_scope
async def renew_codes(request: web.Request) -> web.Response:
    """Replace the recovery codes, after checking the password and a code."""
    server = resources(request)
    fields, factors = await browser_form(request), server.code_logins.factors
    try:
        user = await check_current_password(request, fields)
        codes = await server.code_logins.run_with_own_code(
            request, factors.renew_recovery_codes, user, fields.get("code", "")
        )
    except _FORM_ERRORS as error:
        return await _page(request, status=error.http_status, error=error.message)
    return await _page(request, status=201, codes=codes)


@routes.post(f"{SECOND_FACTOR_PAGE}/off")
@allow(Role.VIEWER)
@stays_in_scope
async def turn_off(request: web.Request) -> web.Response:
    """Turn the second factor off, after checking the password and a code."""
    server = resources(request)
    fields, factors = await browser_form(request), server.code_logins.factors
    try:
        user = await check_current_password(request, fields)
        await server.code_logins.run_with_own_code(request, factors.turn_off, user, fields.get("code", ""))
    except _FORM_ERRORS as error:
        return await _page(request, status=error.http_status, error=error.message)
    return redirect(request, f"{ACCOUNT_PAGE}?done=second-factor-off")


async def _current_user(request: web.Request) -> User:
    server = resources(request)
    return await server.accounts.run_in_thread(server.users.get, caller(request).name)


def _host(request: web.Request) -> str:
    """Return the server's host name, without the port."""
    base_url = resources(request).settings.base_url
    return urlsplit(base_url or f"//{request.host}").hostname or ""


async def _page(request: web.Request, *, status: int = 200, secret: str | None = None, **context: Any) -> web.Response:
    """Send the page, with a new secret, with recovery codes, or with an error, if any."""
    server = resources(request)
    page_context = {"codes": None, "error": None, "secret": secret and in_groups(secret), "uri": ""} | context
    if secret:
        page_context["uri"] = app_uri(secret, await _current_user(request), _host(request))
    return server.pages.render(
        request,
        "second_factor.html",
        status=status,
        area="account",
        second_factor=await server.code_logins.second_factor_of(caller(request).name),
        **page_context,
    )


@routes.get(CODE_PAGE)
@allow(None)
async def show_code(request: web.Request) -> web.Response:
    """Send the form for the code; redirect a browser without a pending login to the login form."""
    server = resources(request)
    secret = login_secret(request, server.settings, PENDING_SUFFIX)
    if not secret or server.code_logins.pending.find(secret) is None:
        return redirect(request, LOGIN_PAGE)
    return _code_page(request, secret)


@routes.post(CODE_PAGE)
@allow(None)
async def send_code(request: web.Request) -> web.Response:
    """Log a user in whose code is right."""
    server = resources(request)
    fields, secret = await read_form(request), login_secret(request, server.settings, PENDING_SUFFIX)
    pending = server.code_logins.pending
    pending_login = pending.take(secret) if secret else None  # of two forms sent at once, only one continues
    if not secret or pending_login is None:
        return await _restart_login(request, LoginError(Message("second_factor.over")))
    if not hmac.compare_digest(fields.get("csrf", "").encode("utf-8", "replace"), csrf_token(secret).encode()):
        pending.put_back(secret, pending_login)
        raise NotAllowedError(Message("access.page_out_of_date"))
    return await _check_code(request, secret, pending_login, fields.get("code", ""))


async def _check_code(request: web.Request, secret: str, pending_login: PendingLogin, code: str) -> web.Response:
    server = resources(request)
    code_logins = server.code_logins
    try:
        await code_logins.run_with_code(
            request, code_logins.factors.use_code, pending_login.user, code, pending_login.stamp
        )
    except (LoginError, TooManyError) as error:
        if error.message == Message("second_factor.over"):
            return await _restart_login(request, error, pending_login.next_path)
        code_logins.pending.put_back(secret, pending_login)
        return _code_page(request, secret, error)
    except BaseException:
        code_logins.pending.put_back(secret, pending_login)
        raise
    response = await start_login(request, pending_login.user, pending_login.next_path)
    drop_login(response, server.settings, PENDING_SUFFIX)
    return response


async def _restart_login(request: web.Request, error: LabcrateError, next_path: str = "/") -> web.Response:
    response = await login_page(request, next_path, error=error)
    drop_login(response, resources(request).settings, PENDING_SUFFIX)
    return response


def _code_page(request: web.Request, secret: str, error: LabcrateError | None = None) -> web.Response:
    response = resources(request).pages.render(
        request,
        "login_code.html",
        status=error.http_status if error else 200,
        form_token=csrf_token(secret),
        error=error.message if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
