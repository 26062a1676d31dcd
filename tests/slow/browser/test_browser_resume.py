"""A download in Chromium that breaks in the middle, its server killed and started again meanwhile."""

import hashlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.slow.browser.conftest import Server, create_administrator
from tests.slow.browser.test_browser_session import exported

from labcrate.demo.lab import DemoLab

CUT_BYTES = 4_000_000
SIZE_BYTES = 24_000_000


class Wire:
    """A connection to a server that can be cut: one response breaks off, and later connections wait for ``mended``.

    ``broken`` is set when the action after the break is done. ``ranges`` are the Range and If-Range headers received.
    """

    def __init__(self, server: Server) -> None:
        self.server, self.ranges = server, list[str]()
        self.on_cut: Callable[[], None] | None = None
        self.broken, self.mended = threading.Event(), threading.Event()
        self.mended.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Listen from now on."""
        self._do(self._listen)

    def end(self) -> None:
        """Close every connection."""
        self.mended.set()
        hang_up(self._listener)
        for one in self._open:
            hang_up(one)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._open):
            one.close()

    def _do(self, function: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=function, args=args)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            self._do(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        self.mended.wait()
        try:
            back = socket.create_connection(("127.0.0.1", int(self.server.url.rpartition(":")[2])))
        except OSError:
            hang_up(client)
            return
        self._open.append(back)
        self._do(self._ask, client, back)
        self._answer(back, client)
        hang_up(back)
        hang_up(client)

    def _ask(self, client: socket.socket, back: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                lines = data.decode("latin-1").split("\r\n")
                self.ranges += [line for line in lines if line.lower().startswith(("range:", "if-range:"))]
                back.sendall(data)

    def _answer(self, back: socket.socket, client: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while data := back.recv(65536):
                client.sendall(data)
                sent += len(data)
                if self.on_cut and sent > CUT_BYTES:
                    cut, self.on_cut = self.on_cut, None
                    self.mended.clear()
                    cut()
                    self.broken.set()
                    return


def hang_up(one: socket.socket) -> None:
    """End a connection or a listener, even if another thread waits on it."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(own_lab: Path, serve: Any) -> Iterator[Wire]:
    """Serve one large recording behind a connection that can be cut."""
    noise = random.Random(42).randbytes(SIZE_BYTES)  # noqa: S311 - not for secrets
    (own_lab / "recordings/kitchen_session42_noise.mp4").write_bytes(noise)
    wire = Wire(serve(own_lab))
    wire.begin()
    yield wire
    wire.end()


def test_chromium_resumes_a_download_across_a_killed_server(
    wire: Wire, browse: Any, own_lab: Path, tmp_path: Path, demo: DemoLab
) -> None:
    """Chromium resumes a download after the server was killed and restarted on another port.

    It sends the ETag, and ends with the same bytes as the ZIP of the command line.
    """
    page = browse().new_page()
    create_administrator(page, wire.server, wire.url)
    page.goto(f"{wire.url}/sessions/{demo.session_id}")
    link = page.get_by_role("link", name="Download ZIP")
    link.wait_for()
    wire.on_cut = wire.server.kill
    with page.expect_download() as begun:
        link.click()
    # Until the connection is cut, the browser continues by itself; then the server has ended.
    while not wire.broken.is_set():
        page.wait_for_timeout(50)
    wire.server.start()
    wire.mended.set()
    got = tmp_path / "browser.zip"
    begun.value.save_as(got)
    whole = exported(own_lab, tmp_path / "cli.zip").read_bytes()
    assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(whole).digest()
    sent_headers = dict(line.lower().split(": ", 1) for line in wire.ranges)
    start = int(sent_headers["range"].removeprefix("bytes=").partition("-")[0])
    assert 0 < start <= len(whole)
    assert sent_headers["if-range"].startswith('"')
