"""A real server for tests: the whole application on a free loopback port, in a thread with its own event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import pytest
import requests
from aiohttp import web
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from tests.support.waiting import wait_for_plans

from labcrate.config import ServeSettings
from labcrate.errors import UsageError
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.users import User
from labcrate.web.app import make_app
from labcrate.web.auth.login_cookie import cookie_name, csrf_token
from labcrate.web.http.connection_limits import ConnectionLimits
from labcrate.web.http.connections import open_listeners
from labcrate.web.resources import RESOURCES, ServerResources
from labcrate.web.server import run_app, tls_context

PASSWORD = "correct horse"  # noqa: S105 - of users that live as long as a test
Client = TypeVar("Client", bound=requests.Session)
_CHEAP = PasswordHasher.from_parameters(CHEAPEST)


class Login(requests.Session):
    """A client that is logged in; ``csrf`` is the token of its forms."""

    csrf: str


@dataclass
class Serving:
    """A running server; ``url`` is its address without a slash at the end."""

    settings: ServeSettings
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    app: web.Application = field(init=False)
    runner: web.AppRunner = field(init=False)
    url: str = field(init=False)
    loop: asyncio.AbstractEventLoop = field(init=False)
    _sessions: list[requests.Session] = field(default_factory=list)
    _tokens: dict[Role, str] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Run the server until ``stop``."""
        self.loop = asyncio.new_event_loop()
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        assert started.wait(60)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.app = make_app(self.settings, Passwords(_CHEAP))
        self.runner = self.loop.run_until_complete(run_app(self.app, self.settings))
        self.loop.run_until_complete(self._listen())
        scheme = "https" if self.settings.tls_cert else "http"
        self.url = f"{scheme}://127.0.0.1:{self.runner.addresses[0][1]}"
        started.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self.runner.cleanup())
        self.loop.close()

    async def _listen(self) -> None:
        tls = tls_context(self.settings)
        for listener in await open_listeners("127.0.0.1", 0, self.limits):
            await web.SockSite(self.runner, listener, ssl_context=tls).start()

    def as_(self, role: Role | None) -> requests.Session:
        """Return a client with a token of a user with a role, or without a token for None."""
        client = self._client(requests.Session())
        if role is not None:
            client.headers["Authorization"] = f"Bearer {self.token(role)}"
        return client

    def login(self, role: Role) -> Login:
        """Return a client with the login cookie of a user with a role."""
        client = self._client(Login())
        name = self.user(role).name
        answer = client.post(self.url + "/login", data={"name": name, "password": PASSWORD}, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        client.csrf = csrf_token(client.cookies[cookie_name(self.settings)])
        return client

    def user(self, role: Role) -> User:
        """Return the user with a role; the password is ``PASSWORD``."""
        users = self.resources.users
        for each in {Role.ADMIN, role}:  # without an administrator, every login is refused
            with suppress(UsageError):
                users.add(f"the {each}", each, PASSWORD)
        return users.get(f"the {role}")

    def token(self, role: Role) -> str:
        """Return a token of the user with a role; the same one each time."""
        with self._making:
            if role not in self._tokens:
                _, self._tokens[role] = self.resources.tokens.add(self.user(role), token_hex(8), 1)
        return self._tokens[role]

    def _client(self, client: Client) -> Client:
        client.trust_env = False
        self._sessions.append(client)
        return client

    def get(self, path: str, role: Role | None = Role.ADMIN, **options: Any) -> requests.Response:
        """Send one GET request as a user with a role."""
        return self.as_(role).get(self.url + path, timeout=60, **options)

    @property
    def resources(self) -> ServerResources:
        """Return the resources of the server."""
        return self.app[RESOURCES]

    @property
    def connections(self) -> int:
        """Return the number of open connections."""
        assert self.runner.server
        return sum(one.transport is not None for one in self.runner.server.connections)

    def stop(self) -> None:
        """Stop the server and close every client."""
        for client in self._sessions:
            client.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


Serve = Callable[..., Serving]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that serves a lab folder until the end of the test; its pages wait for their plans."""
    wait_for_plans(monkeypatch)
    running: list[Serving] = []

    def start(folder: Path, limits: ConnectionLimits | None = None, **settings: Any) -> Serving:
        one = Serving(ServeSettings(folder, **settings), limits or ConnectionLimits())
        one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop()
