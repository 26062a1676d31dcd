"""Who asks, which role a route needs, and which sessions it is about: every handler says it.

One that does not say its role is refused to everybody, and one that is neither about the session in its path nor says
that it keeps to what its caller sees is refused to people of studies.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from aiohttp import web

from labcrate.errors import LoginError, NoSessionError, NotAllowedError, NotFoundError, PeopleError
from labcrate.messages.text import printable_lines
from labcrate.people.roles import Role, SessionScope
from labcrate.web.auth.accounts import Accounts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

ROLE_ATTRIBUTE = "labcrate_needs"
"""The attribute of a handler that holds the role it needs, or None where no login is asked for."""

SCOPED_ATTRIBUTE = "labcrate_keeps"
"""The attribute of a handler that tells nobody of a session that they do not see, though its path names none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the user's name and role, the client's address, and how they proved who they are.

    ``csrf`` is the token that forms of this login carry (empty for a bearer token, which needs none); ``token_hash`` is
    the hash of a bearer token (empty for a login). ``scope`` are the sessions that they see.
    """

    name: str
    role: Role
    address: str
    via: Literal["login", "token"]
    scope: SessionScope
    csrf: str = field(default="", repr=False)
    token_hash: bytes = field(default=b"", repr=False)

    def may(self, needed: Role) -> bool:
        """Whether they may do what needs a role."""
        return self.role.covers(needed)


CALLER = web.RequestKey("caller", Caller)


def allow(role: Role | None) -> Callable[[AnyHandler], AnyHandler]:
    """Say which role a handler needs; None lets everybody in."""

    def mark(handler: AnyHandler) -> AnyHandler:
        setattr(handler, ROLE_ATTRIBUTE, role)
        return handler

    return mark


def not_visible_error(session_id: str) -> NoSessionError:
    """Make the one error for a session that somebody of a study does not see, whether or not it is there."""
    return NoSessionError(
        f"There is no session {printable_lines(session_id[:100])} in your studies; if there should be one, ask an "
        "administrator of this lab."
    )


def stays_in_scope(handler: AnyHandler) -> AnyHandler:
    """Say that a handler without a session in its path keeps to the sessions of its caller's scope, or to none."""
    setattr(handler, SCOPED_ATTRIBUTE, True)
    return handler


def caller(request: web.Request) -> Caller:
    """Who asks. Raises LoginError where nobody is logged in."""
    found: Caller | None = request.get(CALLER)
    if found is None:
        raise LoginError("Log in first.")
    return found


ROLE_LOST = "the user may no longer export"
TOKEN_REVOKED = "the token was revoked"  # noqa: S105 - a sentence
LEFT_STUDY = "the session is in none of the user's studies"
JOINED_STUDY = "the user was put into a study; what is of it can be asked for again"


async def recheck_permission(accounts: Accounts, caller: Caller, needed: Role, session: str) -> None:
    """Raise NotAllowedError with the reason if a user may no longer do what needs a role and the sight of a session.

    They may have been disabled meanwhile, or their token revoked, by any process. They may have come into a study too:
    then they could have asked for more than they may now. A token whose time is over was good
    when this began. As long as none of it can be told, they may: the gate lets nobody in then, and this only asks
    again.
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
