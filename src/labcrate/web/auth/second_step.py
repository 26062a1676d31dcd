"""The second step of a login, and whatever else takes a code."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.errors import LoginError, UsageError
from labcrate.people.second_factor import SecondFactor, SecondFactors
from labcrate.people.users import User
from labcrate.web.auth.code_logins import CodeGuesses, HalfLogins
from labcrate.web.auth.doors import CODE_PAGE, Doors
from labcrate.web.auth.login_cookie import HALF, set_login
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.http.urls import url

P = ParamSpec("P")
T = TypeVar("T")


class SecondStep:
    """What takes codes of second factors, and the logins that wait for one. Use it on the event loop."""

    def __init__(self, settings: ServeSettings, doors: Doors, factors: SecondFactors) -> None:
        self.factors, self.waiting, self.guesses = factors, HalfLogins(), CodeGuesses()
        self._settings, self._doors = settings, doors

    async def begin(self, user: User, goal: str) -> web.Response | None:
        """Send a browser whose name and password were right on to the code; None where none is asked for."""
        stamp = await self._doors.look_up(self.factors.stamp, user)
        if stamp is None:
            return None
        response = web.Response(status=303, headers={"Location": url(self._settings, CODE_PAGE)})
        set_login(response, self._settings, self.waiting.begin(user, goal, stamp), HALF)
        return response

    async def with_code(
        self,
        request: web.Request,
        function: Callable[Concatenate[User, P], T],
        user: User,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what takes a code of a user. Raises LoginError, and TooManyError after too many that were wrong."""
        address = client_address(request, self._settings)
        with self._doors.guesses.one(user.name, address), self.guesses.one(user, address):
            return await self._doors.look_up(function, user, *args, **kwargs)

    async def with_own_code(
        self,
        request: web.Request,
        function: Callable[Concatenate[User, P], T],
        user: User,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what takes a code of a user who is logged in already. Raises UsageError for a wrong one, TooManyError."""
        try:
            return await self.with_code(request, function, user, *args, **kwargs)
        except LoginError as error:
            raise UsageError(error.args[0]) from None

    async def code_where_asked(self, request: web.Request, user: User, code: str) -> None:
        """Check the code of a logged-in user, if they have a second factor. Raises as ``with_own_code``."""
        if (await self._doors.look_up(self.factors.of, user)).on:
            await self.with_own_code(request, self.factors.check, user, code)

    async def of(self, name: str) -> SecondFactor:
        """Return the state of a user's second factor. Raises NoSuchThingError for a name of no user."""
        user = await self._doors.look_up(self._doors.users.get, name)
        return await self._doors.look_up(self.factors.of, user)
