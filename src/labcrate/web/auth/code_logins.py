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
from labcrate.web.auth.accounts import CODE_PAGE, Accounts
from labcrate.web.auth.login_cookie import PENDING_SUFFIX, set_login
from labcrate.web.http.client_and_origin import client_address
from labcrate.web.http.rate_limiter import RateLimitedLog, RateLimiter
from labcrate.web.http.urls import url

PENDING_LOGIN_S = 300
_MAX_PER_USER = 10
_TOO_MANY = "Too many codes of one user were wrong, the last from %s: whoever types them knows the password."


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that waits for its code until ``until``; ``next_path`` is where its browser goes on to."""

    user: User
    next_path: str
    stamp: bytes = field(repr=False)
    until: float


class PendingLogins:
    """Kept in memory alone, by the hash of what the browser's cookie holds. Use it on the event loop alone.

    Each is good for five minutes. Of one user's the oldest goes where there would be more than ten: only who knows
    the password makes any.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: dict[bytes, PendingLogin] = {}

    def begin(self, user: User, next_path: str, stamp: bytes) -> str:
        """Have a login wait for its code, and return the secret for the browser's cookie."""
        now, secret = self._clock(), make_secret()
        self._pending = {key: login for key, login in self._pending.items() if login.until > now}
        of_user = [key for key, login in self._pending.items() if login.user.id == user.id]
        for key in of_user[: max(0, len(of_user) + 1 - _MAX_PER_USER)]:
            del self._pending[key]
        self._pending[hash_secret(secret)] = PendingLogin(user, next_path, stamp, now + PENDING_LOGIN_S)
        return secret

    def find(self, secret: str) -> PendingLogin | None:
        """The login that waits, if it still does."""
        login = self._pending.get(hash_secret(secret))
        return login if login and login.until > self._clock() else None

    def take(self, secret: str) -> PendingLogin | None:
        """The same, and nobody else finds it from now on."""
        login = self.find(secret)
        self._pending.pop(hash_secret(secret), None)
        return login

    def put_back(self, secret: str, login: PendingLogin) -> None:
        """Have a login wait on: its code was wrong."""
        self._pending[hash_secret(secret)] = login

    def __len__(self) -> int:
        return len(self._pending)


class CodeThrottle:
    """How often codes may be wrong: for one user ten at once, then one an hour, from wherever. A right one is free.

    Three codes of a million are right at any time, and whoever gets to guess them knows the password: limits that
    are meant for passwords would let one be found within months.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._by_user = RateLimiter(10, 3600, clock)
        self._log = RateLimitedLog(clock, burst=10, period_s=3600)

    @contextmanager
    def attempt(self, user: User, address: str) -> Iterator[None]:
        """One code, checked in the block. Raises TooManyError, and says so in the log."""
        key = str(user.id)
        try:
            self._by_user.acquire(key)
        except TooManyError:
            self._log.warn(_TOO_MANY % (address or "an unknown address"))
            raise
        try:
            yield
        except LoginError:
            raise
        except BaseException:
            self._by_user.refund(key)
            raise
        self._by_user.refund(key)


P = ParamSpec("P")
T = TypeVar("T")


class CodeLogins:
    """What takes codes of second factors, and the logins that wait for one. Use it on the event loop."""

    def __init__(self, settings: ServeSettings, accounts: Accounts, factors: SecondFactors) -> None:
        self.factors, self.pending, self.code_throttle = factors, PendingLogins(), CodeThrottle()
        self._settings, self._accounts = settings, accounts

    async def begin(self, user: User, next_path: str) -> web.Response | None:
        """Send a browser whose name and password were right on to the code; None where none is asked for."""
        stamp = await self._accounts.run_in_thread(self.factors.login_state, user)
        if stamp is None:
            return None
        response = web.Response(status=303, headers={"Location": url(self._settings, CODE_PAGE)})
        set_login(response, self._settings, self.pending.begin(user, next_path, stamp), PENDING_SUFFIX)
        return response

    async def run_with_code(
        self,
        request: web.Request,
        function: Callable[Concatenate[User, P], T],
        user: User,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what takes a code of a user. Raises LoginError, and TooManyError after too many that were wrong."""
        address = client_address(request, self._settings)
        with self._accounts.login_throttle.attempt(user.name, address), self.code_throttle.attempt(user, address):
            return await self._accounts.run_in_thread(function, user, *args, **kwargs)

    async def run_with_own_code(
        self,
        request: web.Request,
        function: Callable[Concatenate[User, P], T],
        user: User,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what takes a code of a user who is logged in already. Raises UsageError for a wrong one, TooManyError."""
        try:
            return await self.run_with_code(request, function, user, *args, **kwargs)
        except LoginError as error:
            raise UsageError(error.args[0]) from None

    async def check_code_if_on(self, request: web.Request, user: User, code: str) -> None:
        """Check the code of a logged-in user, if they have a second factor. Raises as ``run_with_own_code``."""
        if (await self._accounts.run_in_thread(self.factors.status, user)).is_on:
            await self.run_with_own_code(request, self.factors.use_code, user, code)

    async def second_factor_of(self, name: str) -> SecondFactor:
        """Return the state of a user's second factor. Raises NotFoundError for a name of no user."""
        user = await self._accounts.run_in_thread(self._accounts.users.get, name)
        return await self._accounts.run_in_thread(self.factors.status, user)
