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
from labcrate.messages.message import Message
from labcrate.model.session import normalize_id
from labcrate.people.roles import Role
from labcrate.people.tokens import hash_secret
from labcrate.people.users import User
from labcrate.web.auth.accounts import CODE_PAGE, LOGIN_PAGE, SETUP_PAGE, Accounts
from labcrate.web.auth.login_cookie import csrf_token, login_secret
from labcrate.web.auth.require_role import CALLER, ROLE_ATTRIBUTE, SCOPED_ATTRIBUTE, Caller, Handler, not_visible_error
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import SAFE_METHODS, check_host, check_origin, client_address
from labcrate.web.http.connections import ClientConnection
from labcrate.web.http.urls import url

# These have no login that a form of theirs could be tied to; another site's pages are refused there all the same.
_LOGIN_FORMS = (LOGIN_PAGE, CODE_PAGE, SETUP_PAGE)
_NO_ROLE_DECLARED = object()
_WHOLE_LAB = (
    "This is about the whole lab, and people of a study see its sessions alone; ask an administrator of this lab."
)
# The routes that are about one session, as they are written down.
_SESSION_ROUTE = re.compile(r"(?:/api)?/sessions/\{id\}(?:/|$)")
# The page on which a form stands, in the path that the form is sent to.
_FORM_PAGE = re.compile(r"/(?:sessions/[^/]+|account|people)(?=/)")


class Gate:
    """Lets requests through to their handlers, of one server."""

    def __init__(self, settings: ServeSettings, accounts: Accounts) -> None:
        self._settings, self._accounts = settings, accounts

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to its handler if who asks may do that.

        Raises LoginError, NotAllowedError, or UsageError for a request that was meant for another server.
        """
        check_host(request, self._settings)
        caller = await self._caller_of(request)
        if caller is not None:
            request[CALLER] = caller
        if isinstance(request.protocol, ClientConnection):
            request.protocol.set_logged_in(is_logged_in=caller is not None)
        required = _required_role(request)
        if required is not None and caller is None:
            return self._send_to_login(request, has_admin=await self._accounts.has_admin())
        if request.method not in SAFE_METHODS:
            await self._check_csrf(request, caller)
        if required is _NO_ROLE_DECLARED or (
            isinstance(required, Role) and caller is not None and not caller.may(required)
        ):
            raise NotAllowedError(_refusal(required))
        if required is None or caller is None or not caller.scope.is_limited:
            return await handler(request)
        return await _within_scope(request, caller, handler)

    async def _caller_of(self, request: web.Request) -> Caller | None:
        accounts, address = self._accounts, client_address(request, self._settings)
        if not await accounts.has_admin():
            return None
        if "Authorization" in request.headers:
            bearer = _bearer_token(request)
            user = await accounts.run_in_thread(accounts.tokens.find, bearer)
            return await self._make_caller(user, address, bearer, "token") if user else None
        secret = login_secret(request, self._settings)
        user = await accounts.run_in_thread(accounts.logins.find, secret) if secret else None
        return await self._make_caller(user, address, secret, "login") if user and secret else None

    async def _make_caller(self, user: User, address: str, secret: str, via: Literal["login", "token"]) -> Caller:
        scope = await self._accounts.run_in_thread(self._accounts.studies.scope, user)
        if via == "token":
            return Caller(user.name, user.role, address, via, scope, token_hash=hash_secret(secret))
        return Caller(user.name, user.role, address, via, scope, csrf=csrf_token(secret))

    def _send_to_login(self, request: web.Request, *, has_admin: bool) -> web.Response:
        """Send a browser to the login page; raise LoginError for a script, which needs a token.

        Without an administrator (``has_admin`` is false) no token counts, however valid: then the error says that.
        """
        if request.path.startswith("/api/") or "Authorization" in request.headers:
            if not has_admin:
                raise LoginError(Message("login.no_administrator"))
            raise LoginError("Log in first, or send a token: 'labcrate token add' makes one.")
        here, location = request.rel_url.raw_path_qs, url(self._settings, LOGIN_PAGE)
        page = _FORM_PAGE.match(here)
        if request.method in ("GET", "HEAD") and here != "/":
            location += "?next=" + quote(here, safe="/", errors="surrogateescape")
        elif request.method == "POST" and page:
            location += f"?next={quote(page[0], safe='/', errors='surrogateescape')}&ended=yes"
        return web.Response(status=303, headers={"Location": location})

    async def _check_csrf(self, request: web.Request, caller: Caller | None) -> None:
        """Refuse what another site had a browser send. Raises NotAllowedError."""
        if caller is not None and caller.via == "token":
            return
        check_origin(request, self._settings)
        if caller is None or request.path in _LOGIN_FORMS:
            return
        csrf = request.headers.get("X-CSRF-Token") or (await read_form(request)).get("csrf", "")
        if not hmac.compare_digest(csrf.encode("utf-8", "replace"), caller.csrf.encode()):
            raise NotAllowedError("This page is out of date; load it again, and do it once more.")


async def _within_scope(request: web.Request, caller: Caller, handler: Handler) -> web.StreamResponse:
    """Let somebody of a study through to sessions of theirs; every other one is not there, in the same words.

    Raises NoSessionError, and NotAllowedError for what is about the whole lab.
    """
    if request.match_info.http_exception is not None:
        return await handler(request)
    resource = request.match_info.route.resource
    if resource is not None and _SESSION_ROUTE.match(resource.canonical):
        session_id = normalize_id(request.match_info["id"])
        try:
            if session_id in caller.scope:
                return await handler(request)
        except NoSessionError:  # its words would name other sessions
            pass
        raise not_visible_error(session_id)
    if not getattr(request.match_info.handler, SCOPED_ATTRIBUTE, False):
        raise NotAllowedError(_WHOLE_LAB)
    return await handler(request)


def _required_role(request: web.Request) -> object:
    """The role that a request needs, or None. What is not there is for everybody who is logged in to find out."""
    if request.match_info.http_exception is not None:
        return Role.VIEWER
    return getattr(request.match_info.handler, ROLE_ATTRIBUTE, _NO_ROLE_DECLARED)


def _refusal(required: object) -> str:
    if isinstance(required, Role):
        return f"This needs the role {required}; ask an administrator of this lab."
    return "Nobody may do this."


def _bearer_token(request: web.Request) -> str:
    """The token of an Authorization header (RFC 6750, 2.1), or nothing."""
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
