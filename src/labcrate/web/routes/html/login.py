"""Log in, log out, and set up the first administrator."""

import re
from urllib.parse import unquote

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError, UsageError
from labcrate.messages.message import Message
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

# A path of this server: a second slash or a backslash after the first would name another server.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}", re.ASCII)
# What a browser or a proxy may read as a parent folder (RFC 3986, 5.2.4; Tomcat reads ..; so) or as another host.
_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f]|//|/\.{1,2}(?:[/;]|$)")
_MAX_DECODINGS = 5
PASSWORDS_DIFFER = Message("form.passwords_differ")


@routes.get(LOGIN_PAGE)
@allow(None)
async def show_login(request: web.Request) -> web.Response:
    """Send the login form; redirect a browser that is logged in to the page it came for."""
    next_path = local_path(request.query.get("next", ""))
    if request.get(CALLER) is not None:
        return redirect(request, next_path)
    return await login_page(request, next_path, ended="ended" in request.query)


@routes.post(LOGIN_PAGE)
@allow(None)
async def log_in(request: web.Request) -> web.Response:
    """Log a user in, and redirect to the page they came for."""
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
    # Deletes cached pictures and recordings, so that the browser's next user sees none (W3C Clear Site Data, 3.1).
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@routes.get(SETUP_PAGE)
@allow(None)
async def show_setup(request: web.Request) -> web.Response:
    """Send the form for the first administrator, to a browser that opened the one-time link."""
    server = resources(request)
    token = request.query.get("token", "")
    if await server.accounts.has_admin():
        return redirect(request, LOGIN_PAGE)
    _check_setup_token(request, token)
    return server.pages.render(request, "setup.html", token=token, name="", error=None)


@routes.post(SETUP_PAGE)
@allow(None)
async def set_up(request: web.Request) -> web.Response:
    """Create the first administrator, and log them in."""
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
            request, "setup.html", status=error.http_status, token=token, name=name, error=error.message
        )
    return await start_login(request, user, "/")


def local_path(text: str) -> str:
    """Return a path of this server; ``/`` for anything else.

    Dot segments are refused, encoded ones too: browsers resolve them, and they would leave the prefix of a proxy.
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
    """Redirect a browser to a page of this server."""
    return web.Response(status=303, headers={"Location": url(resources(request).settings, path)})


def repeated_password(fields: dict[str, str]) -> str:
    """Return the password that a form holds twice. Raises UsageError if the two differ."""
    password = fields.get("password", "")
    if password != fields.get("again", ""):
        raise UsageError(PASSWORDS_DIFFER)
    return password


async def verify_password(request: web.Request, name: str, password: str) -> User:
    """Return the user with a name and password. Raises LoginError, and TooManyError after too many wrong ones."""
    server = resources(request)
    with server.accounts.login_throttle.attempt(name, client_address(request, server.settings)):
        return await server.accounts.run_password_hashing(server.users.verify, name, password)


def _check_setup_token(request: web.Request, token: str) -> None:
    if not resources(request).accounts.is_setup_token(token):
        raise NotAllowedError(Message("access.setup_link"))


async def start_login(request: web.Request, user: User, next_path: str) -> web.Response:
    """Log a user in, end the browser's previous login, and redirect to a path."""
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
    """Send the login form, with the typed name and the error of the last attempt, if any."""
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
        error=error.message if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


WRONG_CURRENT_PASSWORD = Message("form.password_wrong")


_NOT_BY_TOKEN = Message("access.users_without_token")


async def browser_form(request: web.Request, refusal: Message = _NOT_BY_TOKEN) -> dict[str, str]:
    """Return the form of a logged-in browser. Raises NotAllowedError for a token, which must not extend itself."""
    if caller(request).via == "token":
        raise NotAllowedError(refusal)
    return await read_form(request)


async def check_current_password(request: web.Request, fields: dict[str, str]) -> User:
    """Return the caller if the form holds their current password. Raises UsageError and TooManyError."""
    try:
        return await verify_password(request, caller(request).name, fields.get("current", ""))
    except LoginError:
        raise UsageError(WRONG_CURRENT_PASSWORD) from None


def current_login_hash(request: web.Request) -> bytes | None:
    """Return the hash of the secret in the request's login cookie; None without one."""
    secret = login_secret(request, resources(request).settings)
    return hash_secret(secret) if secret else None
