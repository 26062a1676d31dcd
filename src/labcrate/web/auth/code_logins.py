"""Logins whose password was right and whose second-factor code is still missing."""

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
_TOO_MANY = "Too many wrong codes for one user, the last from %s. Someone has this user's password."


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that needs a code before ``until``; ``next_path`` is the page to open afterwards."""

    user: User
    next_path: str
    stamp: bytes = field(repr=False)
    until: float


class PendingLogins:
    """The pending logins, by the hash of the secret in their cookie. Use it on the event loop only.

    They are kept in memory only, and each is valid for five minutes. A user can have ten; an eleventh replaces the
    oldest. Creating one needs the password.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: dict[bytes, PendingLogin] = {}

    def begin(self, user: User, next_path: str, stamp: bytes) -> str:
        """Add a pending login, and return the secret for the browser's cookie."""
        now, secret = self._clock(), make_secret()
        self._pending = {key: login for key, login in self._pending.items() if login.until > now}
        of_user = [key for key, login in self._pending.items() if login.user.id == user.id]
        for key in of_user[: max(0, len(of_user) + 1 - _MAX_PER_USER)]:
            del self._pending[key]
        self._pending[hash_secret(secret)] = PendingLogin(user, next_path, stamp, now + PENDING_LOGIN_S)
        return secret

    def find(self, secret: str) -> PendingLogin | None:
        """Return the pending login of a secret; None if there is none or its time is over."""
        login = self._pending.get(hash_secret(secret))
        return login if login and login.until > self._clock() else None

    def take(self, secret: str) -> PendingLogin | None:
        """Remove and return the pending login of a secret; None if there is none or its time is over."""
        login = self.find(secret)
        self._pending.pop(hash_secret(secret), None)
        return login

    def put_back(self, secret: str, login: PendingLogin) -> None:
        """Add a pending login again, after a wrong code."""
        self._pending[hash_secret(secret)] = login

    def __len__(self) -> int:
        return len(self._pending)


class CodeThrottle:
    """A limit on wrong codes of one user: ten at once, then one an hour, from any address. Right codes do not count.

    At any time, three codes of a million are right, and someone who tries codes already has the password. With the
    limits for passwords, a code could be found within months.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._by_user = RateLimiter(10, 3600, clock)
        self._log = RateLimitedLog(clock, burst=10, period_s=3600)

    @contextmanager
    def attempt(self, user: User, address: str) -> Iterator[None]:
        """Count one code that is checked in the block, unless it is right. Raises TooManyError, and logs that."""
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
    """The check of second-factor codes, and the logins that wait for one. Use it on the event loop."""

    def __init__(self, settings: ServeSettings, accounts: Accounts, factors: SecondFactors) -> None:
        self.factors, self.pending, self.code_throttle = factors, PendingLogins(), CodeThrottle()
        self._settings, self._accounts = settings, accounts

    async def begin(self, user: User, next_path: str) -> web.Response | None:
        """Send a browser to the code page after the right password; return None if the user has no second factor."""
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
        """Run a function that checks a code of a user. Raises LoginError for a wrong code, TooManyError after many."""
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
        """Run a function that checks a code of the logged-in user. Raises UsageError for a wrong code, TooManyError."""
        try:
            return await self.run_with_code(request, function, user, *args, **kwargs)
        except LoginError as error:
            raise UsageError(error.message) from None

    async def check_code_if_on(self, request: web.Request, user: User, code: str) -> None:
        """Check the code of a logged-in user who has a second factor. Raises as ``run_with_own_code``."""
        if (await self._accounts.run_in_thread(self.factors.status, user)).is_on:
            await self.run_with_own_code(request, self.factors.use_code, user, code)

    async def second_factor_of(self, name: str) -> SecondFactor:
        """Return the state of a user's second factor. Raises NotFoundError for an unknown user."""
        user = await self._accounts.run_in_thread(self._accounts.users.get, name)
        return await self._accounts.run_in_thread(self.factors.status, user)
