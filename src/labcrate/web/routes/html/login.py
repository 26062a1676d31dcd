"""Logging in and out, and the page on which the first administrator is made."""

import re
from urllib.parse import unquote

from aiohttp import web

from labcrate.errors import LabcrateError, LoginError, NotAllowedError, TooManyError, UsageError
from labcrate.people.roles import Role
from labcrate.people.tokens import hash_secret
from labcrate.people.users import User
from labcrate.web.auth.doors import (
    LOGIN_PAGE,
    SETUP_PAGE,
)
from labcrate.web.auth.login_cookie import drop_login, login_secret, set_login
from labcrate.web.auth.require_role import CALLER, allow, caller, keeps_to_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.http.urls import url
from labcrate.web.resources import resources

routes = web.RouteTableDef()

# A path of this server: a second slash or a backslash after the first would name another one.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}", re.ASCII)
# What a browser or a proxy may take for a step upwards (RFC 3986, 5.2.4; ..; is Tomcat's), or for another host.
_LEAVING = re.compile(r"[\\\x00-\x1f\x7f]|//|/\.{1,2}(?:[/;]|$)")
_MOST_DECODED = 5
DIFFERENT = "The two passwords are not the same."


@routes.get(LOGIN_PAGE)
@allow(None)
async def show_login(request: web.Request) -> web.Response:
    """The login form; whoever is logged in goes on to where they wanted to."""
    goal = local_path(request.query.get("next", ""))
    if request.get(CALLER) is not None:
        return see(request, goal)
    return await login_page(request, goal, ended="ended" in request.query)


@routes.post(LOGIN_PAGE)
@allow(None)
async def log_in(request: web.Request) -> web.Response:
    """Log somebody in, and send them to where they wanted to go."""
    server = resources(request)
    fields = await read_form(request)
    name, goal = fields.get("name", ""), local_path(fields.get("next", ""))
    if not await server.doors.has_admin():
        return await login_page(request, goal)
    try:
        user = await verified(request, name, fields.get("password", ""))
    except (LoginError, TooManyError) as error:
        return await login_page(request, goal, name=name, error=error)
    return await server.second_step.begin(user, goal) or await logged_in(request, user, goal)


@routes.post("/logout")
@allow(Role.VIEWER)
@keeps_to_scope
async def log_out(request: web.Request) -> web.Response:
    """End the login."""
    server = resources(request)
    secret = login_secret(request, server.settings)
    if secret:
        await server.doors.look_up(server.logins.end, secret)
    response = see(request, LOGIN_PAGE)
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
    if await server.doors.has_admin():
        return see(request, LOGIN_PAGE)
    _check_setup(request, token)
    return server.pages.render(request, "setup.html", token=token, name="", error=None)


@routes.post(SETUP_PAGE)
@allow(None)
async def set_up(request: web.Request) -> web.Response:
    """Make the first administrator, and log them in."""
    server = resources(request)
    fields = await read_form(request)
    if await server.doors.has_admin():
        return see(request, LOGIN_PAGE)
    token, name = fields.get("token", ""), fields.get("name", "")
    _check_setup(request, token)
    try:
        password = twice(fields)
        user = await server.doors.hashing(server.users.add_first, name, password)
    except UsageError as error:
        return server.pages.render(
            request, "setup.html", status=error.http_status, token=token, name=name, error=str(error)
        )
    return await logged_in(request, user, "/")


def local_path(text: str) -> str:
    """Return the path of this server that somebody wants to go to; the first page for anything else.

    A path with dot segments would leave what a proxy's prefix encloses: browsers resolve them, encoded ones too.
    """
    path = text.partition("?")[0].partition("#")[0]
    for _ in range(_MOST_DECODED):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    sound = _LOCAL.fullmatch(text) and not _LEAVING.search(path)
    return text if sound else "/"


def see(request: web.Request, path: str) -> web.Response:
    """Send a browser on to a page of this server."""
    return web.Response(status=303, headers={"Location": url(resources(request).settings, path)})


def twice(fields: dict[str, str]) -> str:
    """The password that a form asks for twice. Raises UsageError when it is not the same."""
    password = fields.get("password", "")
    if password != fields.get("again", ""):
        raise UsageError(DIFFERENT)
    return password


async def verified(request: web.Request, name: str, password: str) -> User:
    """Who has this name and password. Raises LoginError, and TooManyError after too many that did not fit."""
    server = resources(request)
    with server.doors.guesses.one(name, client_address(request, server.settings)):
        return await server.doors.hashing(server.users.verify, name, password)


def _check_setup(request: web.Request, token: str) -> None:
    if not resources(request).doors.opens_setup(token):
        raise NotAllowedError("This is not the link that 'labcrate serve' printed when it started; open that one.")


async def logged_in(request: web.Request, user: User, goal: str) -> web.Response:
    """Begin a login, end the browser's former one, and send it to where somebody wants to go."""
    server = resources(request)
    former = login_secret(request, server.settings)
    if former:
        await server.doors.look_up(server.logins.end, former)
    secret = await server.doors.look_up(server.logins.begin, user)
    response = see(request, goal)
    set_login(response, server.settings, secret)
    return response


async def login_page(
    request: web.Request, goal: str, *, name: str = "", error: LabcrateError | None = None, ended: bool = False
) -> web.Response:
    """The login form, perhaps with the name that was typed, and with why it did not work."""
    server = resources(request)
    ready = await server.doors.has_admin()
    response = server.pages.render(
        request,
        "login.html",
        status=error.http_status if error else 200,
        next=goal,
        name=name,
        ready=ready,
        ended=ended,
        error=error.args[0] if error else None,
    )
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


NOT_YOURS = "This is not your present password."


_TOKEN = "A token cannot change people, passwords or tokens; log in, or use the command line."  # noqa: S105 - a sentence


async def own_form(request: web.Request, to_token: str = _TOKEN) -> dict[str, str]:
    """The form that a logged-in person sent. Raises NotAllowedError for a token: it must not outlive itself."""
    if caller(request).via == "token":
        raise NotAllowedError(to_token)
    return await read_form(request)


async def knowing_password(request: web.Request, fields: dict[str, str]) -> User:
    """Who asks, if the form holds their present password. Raises UsageError, and TooManyError."""
    try:
        return await verified(request, caller(request).name, fields.get("current", ""))
    except LoginError:
        raise UsageError(NOT_YOURS) from None


def this_login(request: web.Request) -> bytes | None:
    """The hash of the secret of the login that asks."""
    secret = login_secret(request, resources(request).settings)
    return hash_secret(secret) if secret else None
