"""The second step of a login, and whatever else takes a code."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from aiohttp import web

from labcrate.errors import LoginError, UsageError
from labcrate.people.second_factor import SecondFactor
from labcrate.people.users import User
from labcrate.web.access import caller
from labcrate.web.cookies import HALF, set_login
from labcrate.web.half_logins import SECOND_STEP
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.login import CODE_PAGE, DOORS, USERS, look_up
from labcrate.web.site import SETTINGS, url

P = ParamSpec("P")
T = TypeVar("T")


async def second_step(request: web.Request, user: User, goal: str) -> web.Response | None:
    """Send a browser whose name and password were right on to the code; None where none is asked for."""
    step = request.app[SECOND_STEP]
    stamp = await look_up(request.app, step.factors.stamp, user)
    if stamp is None:
        return None
    response = web.Response(status=303, headers={"Location": url(request.app, CODE_PAGE)})
    set_login(response, request.app[SETTINGS], step.waiting.begin(user, goal, stamp), HALF)
    return response


async def with_code(
    request: web.Request, function: Callable[Concatenate[User, P], T], user: User, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do what takes a code of a user. Raises LoginError, and TooManyError after too many that were wrong."""
    app, address = request.app, client_address(request)
    with app[DOORS].guesses.one(user.name, address), app[SECOND_STEP].guesses.one(user, address):
        return await look_up(app, function, user, *args, **kwargs)


async def with_own_code(
    request: web.Request, function: Callable[Concatenate[User, P], T], user: User, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do what takes a code of somebody who is logged in already. Raises UsageError for a wrong one, TooManyError."""
    try:
        return await with_code(request, function, user, *args, **kwargs)
    except LoginError as error:
        raise UsageError(error.args[0]) from None


async def code_where_asked(request: web.Request, user: User, code: str) -> None:
    """See that somebody who is logged in gave a code, if they have a second factor. Raises as ``with_own_code``."""
    factors = request.app[SECOND_STEP].factors
    if (await look_up(request.app, factors.of, user)).on:
        await with_own_code(request, factors.check, user, code)


async def own_second_factor(request: web.Request) -> SecondFactor:
    """How it stands with the second factor of who asks."""
    app = request.app
    user = await look_up(app, app[USERS].get, caller(request).name)
    return await look_up(app, app[SECOND_STEP].factors.of, user)
