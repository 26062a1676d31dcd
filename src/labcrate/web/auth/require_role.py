"""Who asks, which role a route needs, and which sessions it is about: every handler says it.

One that does not say its role is refused to everybody, and one that is neither about the session in its path nor says
that it keeps to what its caller sees is refused to people of studies.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from aiohttp import web

from labcrate.errors import LoginError, NoSessionError, NoSuchThingError, NotAllowedError, PeopleError
from labcrate.messages.text import printable_lines
from labcrate.people.roles import Role, SessionScope
from labcrate.web.auth.doors import Doors

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

NEEDS = "labcrate_needs"
"""The attribute of a handler that holds the role it needs, or None where no login is asked for."""

KEEPS = "labcrate_keeps"
"""The attribute of a handler that tells nobody of a session that they do not see, though its path names none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the user's name and role, the client's address, and how they proved who they are.

    ``csrf`` is the token that forms of this login carry (empty for a bearer token, which needs none); ``hashed`` is
    the hash of a bearer token (empty for a login). ``scope`` are the sessions that they see.
    """

    name: str
    role: Role
    address: str
    via: Literal["login", "token"]
    scope: SessionScope
    csrf: str = field(default="", repr=False)
    hashed: bytes = field(default=b"", repr=False)

    def may(self, needed: Role) -> bool:
        """Whether they may do what needs a role."""
        return self.role.covers(needed)


CALLER = web.RequestKey("caller", Caller)


def allow(role: Role | None) -> Callable[[AnyHandler], AnyHandler]:
    """Say which role a handler needs; None lets everybody in."""

    def mark(handler: AnyHandler) -> AnyHandler:
        setattr(handler, NEEDS, role)
        return handler

    return mark


def unseen(session_id: str) -> NoSessionError:
    """Make the one error for a session that somebody of a study does not see, whether or not it is there."""
    return NoSessionError(
        f"There is no session {printable_lines(session_id[:100])} in your studies; if there should be one, ask an "
        "administrator of this lab."
    )


def keeps_to_scope(handler: AnyHandler) -> AnyHandler:
    """Say that a handler without a session in its path keeps to the sessions of its caller's scope, or to none."""
    setattr(handler, KEEPS, True)
    return handler


def caller(request: web.Request) -> Caller:
    """Who asks. Raises LoginError where nobody is logged in."""
    found: Caller | None = request.get(CALLER)
    if found is None:
        raise LoginError("Log in first.")
    return found


MAY_NO_LONGER = "the user may no longer export"
REVOKED = "the token was revoked"
TAKEN_OUT = "the session is in none of the user's studies"
TAKEN_IN = "the user was put into a study; what is of it can be asked for again"


async def check_still(doors: Doors, caller: Caller, needed: Role, session: str) -> None:
    """Raise NotAllowedError with the reason if a user may no longer do what needs a role and the sight of a session.

    They may have been disabled meanwhile, or their token revoked, by any process. They may have come into a study too:
    then they could have asked for more than they may now. A token whose time is over was good
    when this began. As long as none of it can be told, they may: the gate lets nobody in then, and this only asks
    again.
    """
    try:
        user = await doors.look_up(doors.users.get, caller.name)
        scope = await doors.look_up(doors.studies.scope, user)
        stands = caller.via == "login" or await doors.look_up(doors.tokens.stands, caller.hashed)
    except NoSuchThingError:
        raise NotAllowedError(MAY_NO_LONGER) from None
    except PeopleError:
        return
    if user.disabled or not user.role.covers(needed):
        raise NotAllowedError(MAY_NO_LONGER)
    if not stands:
        raise NotAllowedError(REVOKED)
    if session not in scope:
        raise NotAllowedError(TAKEN_OUT)
    if scope.limited and not caller.scope.limited:
        raise NotAllowedError(TAKEN_IN)
