"""A real Chromium with a real server: ``labcrate serve`` in its own process, on a sample lab."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from labcrate.demo.lab import DemoLab, build_demo_lab

# Tests must not depend on how busy the machine is: nothing correct ever takes this long.
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)

NAME, PASSWORD = "ada", "correct horse battery"
NOON, LATE = "12:00", "23:30"
"""Times of day in UTC. Late, the lab's day (Madrid) is another one than UTC's, and pages show both dates."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Server:
    """The running command. It can be killed and started again.

    ``hour`` is the time of day (UTC) at which its clock begins: no page may depend on the machine's. ``url`` has no
    slash at the end; ``login`` is the storage state of a browser that is logged in.
    """

    lab: Path
    hour: str = NOON
    url: str = field(init=False)
    setup: str | None = field(init=False)
    login: Any = None
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it on a free port, and wait until it is ready."""
        command = [
            sys.executable,
            "-m",
            "tests.slow.browser.clocked",
            self.hour,
            "serve",
            "--lab",
            str(self.lab),
            "--port",
            "0",
            "--json",
        ]
        command += ["--time-zone", "Europe/Madrid"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout
        started = json.loads(self._process.stdout.readline() or "{}")
        self.url, self.setup = started["url"].rstrip("/"), started["setupUrl"]

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


# One for each module, not for all tests: it runs an event loop, and only one can run at a time.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Return Playwright, which drives the system's Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Return the system's Chromium without a window."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoLab:
    """Return the sample lab, built once; tests must not change it."""
    return build_demo_lab(tmp_path_factory.mktemp("demo") / "lab")


Serve = Callable[[Path], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Yield a function that serves a lab folder until the end of the test."""
    running: list[Server] = []

    def begin(lab: Path) -> Server:
        server = Server(lab)
        running.append(server)
        server.start()
        return server

    yield begin
    for server in running:
        server.kill()


@pytest.fixture
def own_lab(demo: DemoLab, tmp_path: Path) -> Path:
    """Return a copy of the sample lab that a test may change."""
    return Path(shutil.copytree(demo.root, tmp_path / "lab"))


@pytest.fixture(scope="module")
def shared(demo: DemoLab, tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """Return a server for tests that change nothing; its administrator is ``NAME``."""
    server = Server(Path(shutil.copytree(demo.root, tmp_path_factory.mktemp("shared") / "lab")))
    server.start()
    context = chromium.new_context()
    create_administrator(context.new_page(), server)
    server.login = context.storage_state()
    context.close()
    yield server
    server.kill()


Open = Callable[..., BrowserContext]


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Open]:
    """Yield a function that opens browsers without stored data. An error on their console fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} ({message.location.get('url')})")

    def begin(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", complain)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield begin
    for context in contexts:
        context.close()
    assert complaints == []


def create_administrator(page: Page, server: Server, url: str | None = None) -> None:
    """Create the first administrator: open the link, choose a name and a password.

    ``url`` is the server's URL, if it is not reached directly.
    """
    assert server.setup
    page.goto(server.setup.replace(server.url, url or server.url))
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat password").fill(PASSWORD)
    page.get_by_role("button", name="Create administrator").click()
    page.get_by_role("heading", name="Sessions").wait_for()
