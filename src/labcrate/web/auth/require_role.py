"""The caller of a request, and the role and the sessions that each handler declares.

A handler without a declared role refuses every caller. A handler that has no session in its path and does not declare
that it stays in scope refuses users with studies.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from aiohttp import web

from labcrate.errors import LoginError, NoSessionError, NotAllowedError, NotFoundError, PeopleError
from labcrate.messages.message import Message
from labcrate.people.roles import Role, SessionScope
from labcrate.web.auth.accounts import Accounts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

ROLE_ATTRIBUTE = "labcrate_needs"
"""The attribute of a handler that holds the role it needs; None if it needs no login."""

SCOPED_ATTRIBUTE = "labcrate_keeps"
"""The attribute of a handler that has no session in its path and only uses the sessions of its caller's scope."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sent a request, with role, address and kind of login.

    ``csrf`` is the token of the forms of a login (empty for a bearer token); ``token_hash`` is the hash of a bearer
    token (empty for a login). ``scope`` is the set of sessions that the user sees.
    """

    name: str
    role: Role
    address: str
    via: Literal["login", "token"]
    scope: SessionScope
    csrf: str = field(default="", repr=False)
    token_hash: bytes = field(default=b"", repr=False)

    def may(self, needed: Role) -> bool:
        """Return whether the user's role includes a role."""
        return self.role.covers(needed)


CALLER = web.RequestKey("caller", Caller)


def allow(role: Role | None) -> Callable[[AnyHandler], AnyHandler]:
    """Set the role that a handler needs; None permits every request."""

    def mark(handler: AnyHandler) -> AnyHandler:
        setattr(handler, ROLE_ATTRIBUTE, role)
        return handler

    return mark


def not_visible_error(session_id: str) -> NoSessionError:
    """Return the error for a session outside the studies of a user, the same whether or not it exists."""
    return NoSessionError(Message("access.not_in_studies", session=session_id[:100]))


def stays_in_scope(handler: AnyHandler) -> AnyHandler:
    """Mark that a handler without a session in its path only uses the sessions of its caller's scope."""
    setattr(handler, SCOPED_ATTRIBUTE, True)
    return handler


def caller(request: web.Request) -> Caller:
    """Return the caller of a request. Raises LoginError without a login."""
    found: Caller | None = request.get(CALLER)
    if found is None:
        raise LoginError(Message("access.log_in"))
    return found


ROLE_LOST = Message("access.role_lost")
TOKEN_REVOKED = Message("access.token_revoked")
LEFT_STUDY = Message("access.left_study")
JOINED_STUDY = Message("access.joined_study")


async def recheck_permission(accounts: Accounts, caller: Caller, needed: Role, session: str) -> None:
    """Raise NotAllowedError if a user has lost a role, or the access to a session, since the request began.

    Another process may have disabled the user, revoked the token, or put the user into a study. A token that has only
    expired stays valid for a request that began before. If the database cannot be read, the permission holds: new
    requests are refused then.
    """
    try:
        user = await accounts.run_in_thread(accounts.users.get, caller.name)
        scope = await accounts.run_in_thread(accounts.studies.scope, user)
        is_token_good = caller.via == "login" or await accounts.run_in_thread(accounts.tokens.exists, caller.token_hash)
    except NotFoundError:
        raise NotAllowedError(ROLE_LOST) from None
    except PeopleError:
        return
    if user.disabled or not user.role.covers(needed):
        raise NotAllowedError(ROLE_LOST)
    if not is_token_good:
        raise NotAllowedError(TOKEN_REVOKED)
    if session not in scope:
        raise NotAllowedError(LEFT_STUDY)
    if scope.is_limited and not caller.scope.is_limited:
        raise NotAllowedError(JOINED_STUDY)
