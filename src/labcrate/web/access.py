"""Who asks, and which role a route needs: every handler says it, and one that does not is refused to everybody."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from aiohttp import web

from labcrate.errors import LoginError
from labcrate.people.roles import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

NEEDS = "labcrate_needs"
"""The attribute of a handler that holds the role it needs, or None where no login is asked for."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the user's name and role, the client's address, and how they proved who they are.

    ``csrf`` is the token that forms of this login carry (empty for a bearer token, which needs none); ``hashed`` is
    the hash of a bearer token (empty for a login).
    """

    name: str
    role: Role
    address: str
    via: Literal["login", "token"]
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


def caller(request: web.Request) -> Caller:
    """Who asks. Raises LoginError where nobody is logged in."""
    found: Caller | None = request.get(CALLER)
    if found is None:
        raise LoginError("Log in first.")
    return found
