"""Check every request before its handler runs: login, role, study and cross-site forms.

A session that the caller may not see gives the same answer as one that does not exist.
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

# These forms have no login that a CSRF token could belong to; their Origin is checked.
_LOGIN_FORMS = (LOGIN_PAGE, CODE_PAGE, SETUP_PAGE)
_NO_ROLE_DECLARED = object()
# Patterns of the routes that are about one session.
_SESSION_ROUTE = re.compile(r"(?:/api)?/sessions/\{id\}(?:/|$)")
# The path of the page that a form is on, at the start of the form's own path.
_FORM_PAGE = re.compile(r"/(?:sessions/[^/]+|account|people)(?=/)")


class Gate:
    """The check of one server's requests; permitted ones go to their handlers."""

    def __init__(self, settings: ServeSettings, accounts: Accounts) -> None:
        self._settings, self._accounts = settings, accounts

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Run the handler of a request if its caller is permitted to do that.

        Raises LoginError, NotAllowedError, or UsageError for a request to another host.
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
        """Redirect a browser to the login page. Raises LoginError for a script, which needs a token.

        As long as the lab has no administrator (``has_admin`` is false) no token is valid, and the error says so.
        """
        if request.path.startswith("/api/") or "Authorization" in request.headers:
            if not has_admin:
                raise LoginError(Message("login.no_administrator"))
            raise LoginError(Message("access.token_needed"))
        here, location = request.rel_url.raw_path_qs, url(self._settings, LOGIN_PAGE)
        page = _FORM_PAGE.match(here)
        if request.method in ("GET", "HEAD") and here != "/":
            location += "?next=" + quote(here, safe="/", errors="surrogateescape")
        elif request.method == "POST" and page:
            location += f"?next={quote(page[0], safe='/', errors='surrogateescape')}&ended=yes"
        return web.Response(status=303, headers={"Location": location})

    async def _check_csrf(self, request: web.Request, caller: Caller | None) -> None:
        """Refuse a form that another site sent through the browser. Raises NotAllowedError."""
        if caller is not None and caller.via == "token":
            return
        check_origin(request, self._settings)
        if caller is None or request.path in _LOGIN_FORMS:
            return
        csrf = request.headers.get("X-CSRF-Token") or (await read_form(request)).get("csrf", "")
        if not hmac.compare_digest(csrf.encode("utf-8", "replace"), caller.csrf.encode()):
            raise NotAllowedError(Message("access.page_out_of_date"))


async def _within_scope(request: web.Request, caller: Caller, handler: Handler) -> web.StreamResponse:
    """Run a handler for a user with studies if the request is about a session of these studies.

    Raises NoSessionError for any other session, and NotAllowedError for a request about the whole lab.
    """
    if request.match_info.http_exception is not None:
        return await handler(request)
    resource = request.match_info.route.resource
    if resource is not None and _SESSION_ROUTE.match(resource.canonical):
        session_id = normalize_id(request.match_info["id"])
        try:
            if session_id in caller.scope:
                return await handler(request)
        except NoSessionError:  # its message would name other sessions
            pass
        raise not_visible_error(session_id)
    if not getattr(request.match_info.handler, SCOPED_ATTRIBUTE, False):
        raise NotAllowedError(Message("access.whole_lab"))
    return await handler(request)


def _required_role(request: web.Request) -> object:
    """Return the role that a request needs, or None. A path without a route needs any login."""
    if request.match_info.http_exception is not None:
        return Role.VIEWER
    return getattr(request.match_info.handler, ROLE_ATTRIBUTE, _NO_ROLE_DECLARED)


def _refusal(required: object) -> Message:
    if required is Role.ADMIN:
        return Message("access.admin_needed")
    if required is Role.OPERATOR:
        return Message("access.operator_needed")
    return Message("access.no_role_declared")


def _bearer_token(request: web.Request) -> str:
    """Return the token of an Authorization header (RFC 6750, 2.1); an empty text if it holds none."""
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
