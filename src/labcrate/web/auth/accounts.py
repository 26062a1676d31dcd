"""The lab's accounts (users, studies, logins, tokens) and the setup of the first administrator."""

import hmac
import secrets
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from labcrate.errors import TooManyError
from labcrate.messages.message import Message
from labcrate.people.logins import Logins
from labcrate.people.studies import Studies
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.auth.login_throttle import LoginThrottle
from labcrate.web.executor import Executor, WorkKind

P = ParamSpec("P")
T = TypeVar("T")

LOGIN_PAGE, CODE_PAGE, SETUP_PAGE = "/login", "/login/code", "/setup"
_MAX_PENDING_HASHINGS = 16


class Accounts:
    """The accounts of one lab, and the limits on attempts to log in.

    Use it on the event loop; database work and password hashing run in threads. ``setup_token`` opens the page that
    creates the first administrator, as long as there is none.
    """

    def __init__(self, executor: Executor, users: Users, studies: Studies, logins: Logins, tokens: Tokens) -> None:
        self.users, self.studies, self.logins, self.tokens = users, studies, logins, tokens
        self.login_throttle = LoginThrottle()
        self.setup_token = secrets.token_urlsafe(32)
        self.pending_hashings = 0
        self._executor, self._has_admin = executor, False

    async def run_in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that uses the accounts' database in a thread of its own, and return its result."""
        return await self._executor.run(WorkKind.PEOPLE, function, *args, **kwargs)

    async def run_password_hashing(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that hashes a password in a thread, and return its result. Raises TooManyError."""
        if self.pending_hashings >= _MAX_PENDING_HASHINGS:
            raise TooManyError(Message("login.busy"), 5)
        self.pending_hashings += 1
        try:
            return await self._executor.run(WorkKind.PASSWORDS, function, *args, **kwargs)
        finally:
            self.pending_hashings -= 1

    async def has_admin(self) -> bool:
        """Return whether the lab has an administrator. Once it has one, it always does."""
        if not self._has_admin:
            self._has_admin = await self.run_in_thread(self.users.has_admin)
        return self._has_admin

    def setup_link(self) -> str | None:
        """Return the path of the one-time link that creates the first administrator; None if there is one."""
        if self.users.has_admin():
            return None
        return f"{SETUP_PAGE}?token={self.setup_token}"

    def is_setup_token(self, token: str) -> bool:
        """Return whether a token is that of the one-time link, whether or not there is an administrator by now."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.setup_token.encode())
