"""The gate: every request passes here before its handler sees it, and goes on only if who asks may do that.

What nobody may see is not told apart from what is not there.
"""

import hmac
import re
from typing import Literal
from urllib.parse import quote

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.errors import LoginError, NoSessionError, NotAllowedError
from labcrate.model.message import Message
from labcrate.model.session import normalized_id
from labcrate.people.roles import Role
from labcrate.people.tokens import hash_secret
from labcrate.people.users import User
from labcrate.web.auth.doors import CODE_PAGE, LOGIN_PAGE, SETUP_PAGE, Doors
from labcrate.web.auth.login_cookie import csrf_token, login_secret
from labcrate.web.auth.require_role import CALLER, KEEPS, NEEDS, Caller, Handler, unseen
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import SAFE_METHODS, check_host, check_origin, client_address
from labcrate.web.http.connections import ClientConnection
from labcrate.web.http.urls import url

# These have no login that a form of theirs could be tied to; another site's pages are refused there all the same.
_BEFORE_LOGIN = (LOGIN_PAGE, CODE_PAGE, SETUP_PAGE)
_UNMARKED = object()
_WHOLE_LAB = (
    "This is about the whole lab, and people of a study see its sessions alone; ask an administrator of this lab."
)
# The routes that are about one session, as they are written down.
_SESSION = re.compile(r"(?:/api)?/sessions/\{id\}(?:/|$)")
# The page on which a form stands, in the path that the form is sent to.
_PAGE = re.compile(r"/(?:sessions/[^/]+|account|people)(?=/)")


class Gate:
    """Lets requests through to their handlers, of one server."""

    def __init__(self, settings: ServeSettings, doors: Doors) -> None:
        self._settings, self._doors = settings, doors

    async def let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to its handler if who asks may do that.

        Raises LoginError, NotAllowedError, or UsageError for a request that was meant for another server.
        """
        check_host(request, self._settings)
        caller = await self._identify(request)
        if caller is not None:
            request[CALLER] = caller
        if isinstance(request.protocol, ClientConnection):
            request.protocol.set_logged_in(is_logged_in=caller is not None)
        needed = _needed(request)
        if needed is not None and caller is None:
            return self._to_login(request, set_up=await self._doors.has_admin())
        if request.method not in SAFE_METHODS:
            await self._check_form(request, caller)
        if needed is _UNMARKED or (isinstance(needed, Role) and caller is not None and not caller.may(needed)):
            raise NotAllowedError(_may_not(needed))
        if needed is None or caller is None or not caller.scope.limited:
            return await handler(request)
        return await _within_scope(request, caller, handler)

    async def _identify(self, request: web.Request) -> Caller | None:
        doors, address = self._doors, client_address(request, self._settings)
        if not await doors.has_admin():
            return None
        if "Authorization" in request.headers:
            bearer = _bearer(request)
            user = await doors.look_up(doors.tokens.find, bearer)
            return await self._caller(user, address, bearer, "token") if user else None
        secret = login_secret(request, self._settings)
        user = await doors.look_up(doors.logins.find, secret) if secret else None
        return await self._caller(user, address, secret, "login") if user and secret else None

    async def _caller(self, user: User, address: str, secret: str, via: Literal["login", "token"]) -> Caller:
        scope = await self._doors.look_up(self._doors.studies.scope, user)
        if via == "token":
            return Caller(user.name, user.role, address, via, scope, hashed=hash_secret(secret))
        return Caller(user.name, user.role, address, via, scope, csrf=csrf_token(secret))

    def _to_login(self, request: web.Request, *, set_up: bool) -> web.Response:
        """Send a browser to the login page; raise LoginError for a script, which needs a token.

        Without an administrator (``set_up`` is false) no token counts, however valid: then the error says that.
        """
        if request.path.startswith("/api/") or "Authorization" in request.headers:
            if not set_up:
                raise LoginError(Message("login.no_administrator"))
            raise LoginError("Log in first, or send a token: 'labcrate token add' makes one.")
        here, goal = request.rel_url.raw_path_qs, url(self._settings, LOGIN_PAGE)
        page = _PAGE.match(here)
        if request.method in ("GET", "HEAD") and here != "/":
            goal += "?next=" + quote(here, safe="/", errors="surrogateescape")
        elif request.method == "POST" and page:
            goal += f"?next={quote(page[0], safe='/', errors='surrogateescape')}&ended=yes"
        return web.Response(status=303, headers={"Location": goal})

    async def _check_form(self, request: web.Request, caller: Caller | None) -> None:
        """Refuse what another site had a browser send. Raises NotAllowedError."""
        if caller is not None and caller.via == "token":
            return
        check_origin(request, self._settings)
        if caller is None or request.path in _BEFORE_LOGIN:
            return
        given = request.headers.get("X-CSRF-Token") or (await read_form(request)).get("csrf", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), caller.csrf.encode()):
            raise NotAllowedError("This page is out of date; load it again, and do it once more.")


async def _within_scope(request: web.Request, caller: Caller, handler: Handler) -> web.StreamResponse:
    """Let somebody of a study through to sessions of theirs; every other one is not there, in the same words.

    Raises NoSessionError, and NotAllowedError for what is about the whole lab.
    """
    if request.match_info.http_exception is not None:
        return await handler(request)
    resource = request.match_info.route.resource
    if resource is not None and _SESSION.match(resource.canonical):
        session_id = normalized_id(request.match_info["id"])
        try:
            if session_id in caller.scope:
                return await handler(request)
        except NoSessionError:  # its words would name other sessions
            pass
        raise unseen(session_id)
    if not getattr(request.match_info.handler, KEEPS, False):
        raise NotAllowedError(_WHOLE_LAB)
    return await handler(request)


def _needed(request: web.Request) -> object:
    """The role that a request needs, or None. What is not there is for everybody who is logged in to find out."""
    if request.match_info.http_exception is not None:
        return Role.VIEWER
    return getattr(request.match_info.handler, NEEDS, _UNMARKED)


def _may_not(needed: object) -> str:
    if isinstance(needed, Role):
        return f"This needs the role {needed}; ask an administrator of this lab."
    return "Nobody may do this."


def _bearer(request: web.Request) -> str:
    """The token of an Authorization header (RFC 6750, 2.1), or nothing."""
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
