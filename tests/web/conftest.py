"""A real server for tests: the whole application on a free loopback port, in a thread with a loop of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.people.roles import Role
from labcrate.web.access import CALLER, Caller, Handler
from labcrate.web.app import make_app


@dataclass
class Serving:
    """A server that runs; ``url`` is where, without a slash at its end."""

    settings: ServeSettings
    app: web.Application = field(init=False)
    url: str = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _sessions: list[requests.Session] = field(default_factory=list)

    def start(self) -> None:
        """Serve until ``stop``."""
        self._loop = asyncio.new_event_loop()
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        assert started.wait(60)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self.app = make_app(self.settings)
        self.app.middlewares.append(_by_header)
        self._runner = web.AppRunner(self.app, shutdown_timeout=2)
        self._loop.run_until_complete(self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    def as_(self, role: Role | None) -> requests.Session:
        """A client that is logged in with a role, or (None) not at all."""
        client = requests.Session()
        client.trust_env = False
        if role is not None:
            client.headers["X-Test-Role"] = role
        self._sessions.append(client)
        return client

    def get(self, path: str, role: Role | None = Role.ADMIN, **options: Any) -> requests.Response:
        """One GET with a role."""
        return self.as_(role).get(self.url + path, timeout=60, **options)

    def stop(self) -> None:
        """End it, and every client."""
        for client in self._sessions:
            client.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@web.middleware
async def _by_header(request: web.Request, handler: Handler) -> web.StreamResponse:
    role = request.headers.get("X-Test-Role")
    if role:
        request[CALLER] = Caller(f"the {role}", Role(role), "127.0.0.1", "token")
    return await handler(request)


Serve = Callable[..., Serving]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a lab folder until the test is over."""
    running: list[Serving] = []

    def start(folder: Path, **settings: Any) -> Serving:
        one = Serving(ServeSettings(folder, **settings))
        one.start()
        running.append(one)
        return one

    yield start
    for one in running:
        one.stop()
