"""Logins that wait for their code: name and password were right, and nothing is open yet."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.errors import LoginError, TooManyError, UsageError
from labcrate.people.second_factor import SecondFactor, SecondFactors
from labcrate.people.tokens import hash_secret, make_secret
from labcrate.people.users import User
from labcrate.web.auth.doors import CODE_PAGE, Doors
from labcrate.web.auth.login_cookie import HALF, set_login
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.http.rate_limiter import RateLimitedLog, RateLimiter
from labcrate.web.http.urls import url

GOOD_SECONDS = 300
_MOST_OF_USER = 10
_NETWORK = "Too many codes of one user were wrong, the last from %s: whoever types them knows the password."


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """A login that waits for its code until ``until``; ``goal`` is where its browser goes on to."""

    user: User
    goal: str
    stamp: bytes = field(repr=False)
    until: float


class HalfLogins:
    """Kept in memory alone, by the hash of what the browser's cookie holds. Use it on the event loop alone.

    Each is good for five minutes. Of one user's the oldest goes where there would be more than ten: only who knows
    the password makes any.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[bytes, HalfLogin] = {}

    def begin(self, user: User, goal: str, stamp: bytes) -> str:
        """Have a login wait for its code, and return the secret for the browser's cookie."""
        now, secret = self._clock(), make_secret()
        self._waiting = {hashed: half for hashed, half in self._waiting.items() if half.until > now}
        own = [hashed for hashed, half in self._waiting.items() if half.user.id == user.id]
        for hashed in own[: max(0, len(own) + 1 - _MOST_OF_USER)]:
            del self._waiting[hashed]
        self._waiting[hash_secret(secret)] = HalfLogin(user, goal, stamp, now + GOOD_SECONDS)
        return secret

    def find(self, secret: str) -> HalfLogin | None:
        """The login that waits, if it still does."""
        half = self._waiting.get(hash_secret(secret))
        return half if half and half.until > self._clock() else None

    def take(self, secret: str) -> HalfLogin | None:
        """The same, and nobody else finds it from now on."""
        half = self.find(secret)
        self._waiting.pop(hash_secret(secret), None)
        return half

    def give_back(self, secret: str, half: HalfLogin) -> None:
        """Have a login wait on: its code was wrong."""
        self._waiting[hash_secret(secret)] = half

    def __len__(self) -> int:
        return len(self._waiting)


class CodeGuesses:
    """How often codes may be wrong: for one user ten at once, then one an hour, from wherever. A right one is free.

    Three codes of a million are right at any time, and whoever gets to guess them knows the password: limits that
    are meant for passwords would let one be found within months.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_user = RateLimiter(10, 3600, clock)
        self._lines = RateLimitedLog(clock, burst=10, period_s=3600)

    @contextmanager
    def one(self, user: User, address: str) -> Iterator[None]:
        """One code, checked in the block. Raises TooManyError, and says so in the log."""
        key = str(user.id)
        try:
            self._of_user.acquire(key)
        except TooManyError:
            self._lines.warn(_NETWORK % (address or "an unknown address"))
            raise
        try:
            yield
        except LoginError:
            raise
        except BaseException:
            self._of_user.refund(key)
            raise
        self._of_user.refund(key)


P = ParamSpec("P")
T = TypeVar("T")


class SecondStep:
    """What takes codes of second factors, and the logins that wait for one. Use it on the event loop."""

    def __init__(self, settings: ServeSettings, doors: Doors, factors: SecondFactors) -> None:
        self.factors, self.waiting, self.guesses = factors, HalfLogins(), CodeGuesses()
        self._settings, self._doors = settings, doors

    async def begin(self, user: User, goal: str) -> web.Response | None:
        """Send a browser whose name and password were right on to the code; None where none is asked for."""
        stamp = await self._doors.look_up(self.factors.login_state, user)
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
        if (await self._doors.look_up(self.factors.status, user)).is_on:
            await self.with_own_code(request, self.factors.use_code, user, code)

    async def of(self, name: str) -> SecondFactor:
        """Return the state of a user's second factor. Raises NoSuchThingError for a name of no user."""
        user = await self._doors.look_up(self._doors.users.get, name)
        return await self._doors.look_up(self.factors.status, user)
