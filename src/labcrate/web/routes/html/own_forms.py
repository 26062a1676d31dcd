"""Forms with which somebody who is logged in changes people, passwords, tokens or their own account."""

from aiohttp import web

from labcrate.errors import LoginError, NotAllowedError, UsageError
from labcrate.people.keys import hash_secret
from labcrate.people.users import User
from labcrate.web.auth.login_cookie import login_secret
from labcrate.web.auth.require_role import caller
from labcrate.web.http.bodies import form
from labcrate.web.routes.html.login import verified
from labcrate.web.services import services

NOT_YOURS = "This is not your present password."


_TOKEN = "A token cannot change people, passwords or tokens; log in, or use the command line."  # noqa: S105 - a sentence


async def own_form(request: web.Request, to_token: str = _TOKEN) -> dict[str, str]:
    """The form that a logged-in person sent. Raises NotAllowedError for a token: it must not outlive itself."""
    if caller(request).via == "token":
        raise NotAllowedError(to_token)
    return await form(request)


async def knowing_password(request: web.Request, fields: dict[str, str]) -> User:
    """Who asks, if the form holds their present password. Raises UsageError, and TooManyError."""
    try:
        return await verified(request, caller(request).name, fields.get("current", ""))
    except LoginError:
        raise UsageError(NOT_YOURS) from None


def this_login(request: web.Request) -> bytes | None:
    """The hash of the secret of the login that asks."""
    secret = login_secret(request, services(request).settings)
    return hash_secret(secret) if secret else None
