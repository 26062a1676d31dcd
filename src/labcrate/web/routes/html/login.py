"""Logging in and out, and the page on which the first administrator is made."""

import re
from urllib.parse import unquote

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError, UsageError
from labcrate.people.roles import Role
from labcrate.people.tokens import hash_secret
from labcrate.people.users import User
from labcrate.web.auth.accounts import (
    LOGIN_PAGE,
    SETUP_PAGE,
)
from labcrate.web.auth.login_cookie import drop_login, login_secret, set_login
from labcrate.web.auth.require_role import CALLER, allow, caller, stays_in_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.http.urls import url
from labcrate.web.resources import resources

routes = web.RouteTableDef()

# A path of this server: a second slash or a backslash after the first would name another one.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}", re.ASCII)
# What a browser or a proxy may take for a step upwards (RFC 3986, 5.2.4; ..; is Tomcat's), or for another host.
_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f]|//|/\.{1,2}(?:[/;]|$)")
_MAX_DECODINGS = 5
PASSWORDS_DIFFER = "The two passwords are not the same."


@routes.get(LOGIN_PAGE)
@allow(None)
async def show_login(request: web.Request) -> web.Response:
    """The login form; whoever is logged in goes on to where they wanted to."""
    next_path = local_path(request.query.get("next", ""))
    if request.get(CALLER) is not None:
        return redirect(request, next_path)
    return await login_page(request, next_path, ended="ended" in request.query)


@routes.post(LOGIN_PAGE)
@allow(None)
async def log_in(request: web.Request) -> web.Response:
    """Log somebody in, and send them to where they wanted to go."""
    server = resources(request)
    fields = await read_form(request)
    name, next_path = fields.get("name", ""), local_path(fields.get("next", ""))
    if not await server.accounts.has_admin():
        return await login_page(request, next_path)
    try:
        user = await verify_password(request, name, fields.get("password", ""))
    except (LoginError, TooManyError) as error:
        return await login_page(request, next_path, name=name, error=error)
    return await server.code_logins.begin(user, next_path) or await start_login(request, user, next_path)


@routes.post("/logout")
@allow(Role.VIEWER)
@stays_in_scope
async def log_out(request: web.Request) -> web.Response:
    """End the login."""
    server = resources(request)
    secret = login_secret(request, server.settings)
    if secret:
        await server.accounts.run_in_thread(server.logins.end, secret)
    response = redirect(request, LOGIN_PAGE)
    drop_login(response, server.settings)
    # Pictures and recordings that the browser kept: whoever sits there next sees none (W3C Clear Site Data, 3.1).
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@routes.get(SETUP_PAGE)
@allow(None)
async def show_setup(request: web.Request) -> web.Response:
    """The form for the first administrator, for who has the one-time link."""
    server = resources(request)
    token = request.query.get("token", "")
    if await server.accounts.has_admin():
        return redirect(request, LOGIN_PAGE)
    _check_setup_token(request, token)
    return server.pages.render(request, "setup.html", token=token, name="", error=None)


@routes.post(SETUP_PAGE)
@allow(None)
async def set_up(request: web.Request) -> web.Response:
    """Make the first administrator, and log them in."""
    server = resources(request)
    fields = await read_form(request)
    if await server.accounts.has_admin():
        return redirect(request, LOGIN_PAGE)
    token, name = fields.get("token", ""), fields.get("name", "")
    _check_setup_token(request, token)
    try:
        password = repeated_password(fields)
        user = await server.accounts.run_password_hashing(server.users.add_first, name, password)
    except UsageError as error:
        return server.pages.render(
            request, "setup.html", status=error.http_status, token=token, name=name, error=str(error)
        )
    return await start_login(request, user, "/")


def local_path(text: str) -> str:
    """Return the path of this server that somebody wants to go to; the first page for anything else.

    A path with dot segments would leave what a proxy's prefix encloses: browsers resolve them, encoded ones too.
    """
    path = text.partition("?")[0].partition("#")[0]
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    is_safe = _LOCAL.fullmatch(text) and not _UNSAFE.search(path)
    return text if is_safe else "/"


def redirect(request: web.Request, path: str) -> web.Response:
    """Send a browser on to a page of this server."""
    return web.Response(status=303, headers={"Location": url(resources(request).settings, path)})


def repeated_password(fields: dict[str, str]) -> str:
    """The password that a form asks for twice. Raises UsageError when it is not the same."""
    password = fields.get("password", "")
    if password != fields.get("again", ""):
        raise UsageError(PASSWORDS_DIFFER)
    return password


async def verify_password(request: web.Request, name: str, password: str) -> User:
    """Who has this name and password. Raises LoginError, and TooManyError after too many that did not fit."""
    server = resources(request)
    with server.accounts.login_throttle.attempt(name, client_address(request, server.settings)):
        return await server.accounts.run_password_hashing(server.users.verify, name, password)


def _check_setup_token(request: web.Request, token: str) -> None:
    if not resources(request).accounts.is_setup_token(token):
        raise NotAllowedError("This is not the link that 'labcrate serve' printed when it started; open that one.")


async def start_login(request: web.Request, user: User, next_path: str) -> web.Response:
    """Begin a login, end the browser's former one, and send it to where somebody wants to go."""
    server = resources(request)
    previous = login_secret(request, server.settings)
    if previous:
        await server.accounts.run_in_thread(server.logins.end, previous)
    secret = await server.accounts.run_in_thread(server.logins.begin, user)
    response = redirect(request, next_path)
    set_login(response, server.settings, secret)
    return response


async def login_page(
    request: web.Request, next_path: str, *, name: str = "", error: LabcrateError | None = None, ended: bool = False
) -> web.Response:
    """The login form, perhaps with the name that was typed, and with why it did not work."""
    server = resources(request)
    ready = await server.accounts.has_admin()
    response = server.pages.render(
        request,
        "login.html",
        status=error.http_status if error else 200,
        next=next_path,
        name=name,
        ready=ready,
        ended=ended,
        error=error.args[0] if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


WRONG_CURRENT_PASSWORD = "This is not your present password."  # noqa: S105 - a sentence


_NOT_BY_TOKEN = "A token cannot change people, passwords or tokens; log in, or use the command line."  # noqa: S105 - a sentence


async def browser_form(request: web.Request, refusal: str = _NOT_BY_TOKEN) -> dict[str, str]:
    """The form that a logged-in person sent. Raises NotAllowedError for a token: it must not outlive itself."""
    if caller(request).via == "token":
        raise NotAllowedError(refusal)
    return await read_form(request)


async def check_current_password(request: web.Request, fields: dict[str, str]) -> User:
    """Who asks, if the form holds their present password. Raises UsageError, and TooManyError."""
    try:
        return await verify_password(request, caller(request).name, fields.get("current", ""))
    except LoginError:
        raise UsageError(WRONG_CURRENT_PASSWORD) from None


def current_login_hash(request: web.Request) -> bytes | None:
    """The hash of the secret of the login that asks."""
    secret = login_secret(request, resources(request).settings)
    return hash_secret(secret) if secret else None
