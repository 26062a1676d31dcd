"""Clients that try to take the server down: idle, greedy, not reading, or with noise. Others are served meanwhile."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from tests.support.waiting import wait_until
from tests.web.test_download_faults import Tap
from tests.web.test_login_security import EXPECTED

from labcrate.people.roles import Role
from labcrate.web.downloads import sender
from labcrate.web.http import bodies, connection_limits, connections
from labcrate.web.http.connection_limits import ConnectionLimits
from labcrate.web.http.connections import ClientConnection
from labcrate.web.pages.assets import PLOTLY, assets

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

HEALTH = "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECRET = "labcrate_5ecret"  # noqa: S105 - what must not be repeated
knows_stalled = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")


class Dialling:
    """Opens connections, and closes them after the test."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []

    def __call__(self, server: "Serving", said: str = "", *, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection from one of this machine's addresses, and send some bytes."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(60)
        client.bind((source, 0))
        client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        if server.settings.tls_cert and said:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client = context.wrap_socket(client)
        self._open.append(client)
        client.sendall(said.encode("latin-1"))
        return client

    def close(self) -> None:
        """Close all connections."""
        for one in self._open:
            one.close()


@pytest.fixture
def dial() -> Iterator[Dialling]:
    """Return a function that opens connections, which are closed after the test."""
    dialling = Dialling()
    yield dialling
    dialling.close()


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    """Return the settings of a server with TLS."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    return {"tls_cert": tmp_path / "both.pem", "tls_key": tmp_path / "both.pem"}


def answered(client: socket.socket) -> bool:
    """Return whether the next data is a response to ``HEALTH``; False if the connection has ended."""
    with suppress(ConnectionError):
        return client.recv(1000).startswith(b"HTTP/1.1 200")
    return False


def all_of(client: socket.socket) -> bytes:
    """Return all data until the server closes the connection."""
    got = b""
    with suppress(ConnectionError):
        while data := client.recv(1 << 16):
            got += data
    return got


def held(server: "Serving") -> list[ClientConnection]:
    """Return the server's connections that have come as far as HTTP."""
    assert server.runner.server is not None
    return [one for one in server.runner.server.connections if isinstance(one, ClientConnection)]


@pytest.mark.parametrize("tls", [False, True])
def test_one_client_cannot_have_all_connections(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, certificate: dict[str, Path], tls: bool
) -> None:
    """A client at its limit loses its connection that is idle for longest with each new one; others are served.

    With TLS a connection counts from the moment it is accepted.
    """
    server = serve(usual_lab.root, ConnectionLimits(10, 3), **(certificate if tls else {}))
    silent = [dial(server) for _ in range(3)]
    wait_until(lambda: server.limits.open_count == 3)
    assert answered(dial(server, HEALTH))
    assert all_of(silent[0]) == b""
    assert answered(dial(server, HEALTH, source="127.0.0.2"))
    assert server.limits.open_count == 4


def test_the_number_of_connections_is_limited(serve: "Serve", usual_lab: "LabBuilder", dial: Dialling) -> None:
    """No number of clients needs more descriptors than there are: the connections idle for longest are closed."""
    server = serve(usual_lab.root, ConnectionLimits(4, 2))
    silent = [dial(server, source=f"127.0.0.{number}") for number in (1, 1, 2, 2, 3, 3)]
    assert answered(dial(server, HEALTH, source="127.0.0.9"))
    assert [all_of(one) for one in silent[:3]] == [b""] * 3
    assert server.limits.open_count == 4
    wait_until(lambda: server.connections == 4)


@pytest.mark.parametrize("tls", [False, True])
def test_a_flood_closes_no_connection_of_a_logged_in_user(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, certificate: dict[str, Path], tls: bool
) -> None:
    """Any number of idle connections does not affect a client that is logged in, and others can connect."""
    server = serve(usual_lab.root, ConnectionLimits(12, 6), **(certificate if tls else {}))
    authorized_request = HEALTH.replace("\r\n\r\n", f"\r\nAuthorization: Bearer {server.token(Role.VIEWER)}\r\n\r\n")
    visitor = dial(server, authorized_request)
    assert answered(visitor)
    flood = [dial(server, source=f"127.0.0.{2 + number % 6}") for number in range(36)]
    assert answered(dial(server, HEALTH, source="127.0.0.9"))
    visitor.sendall(authorized_request.encode())
    assert answered(visitor)
    assert [all_of(one) for one in flood[:24]] == [b""] * 24
    assert server.limits.open_count <= 12


def test_unfinished_requests_are_closed_for_new_connections(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling
) -> None:
    """Of connections whose request bodies do not arrive, the oldest is closed for a new connection."""
    server = serve(usual_lab.root, ConnectionLimits(4, 4))
    begun = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    server.user(Role.ADMIN)
    slow = []
    for _ in range(4):
        slow.append(dial(server, begun + "Content-Length: 9\r\n\r\n"))
        wait_until(lambda: sum(one.has_request for one in held(server)) == len(slow))
    assert answered(dial(server, HEALTH, source="127.0.0.2"))
    assert all_of(slow[0]) == b""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/sessions/42/links", "application/json"), ("/login", "application/x-www-form-urlencoded")],
)
@pytest.mark.parametrize("begun", ["", "{"])
def test_a_body_that_does_not_arrive_is_a_408(
    serve: "Serve",
    usual_lab: "LabBuilder",
    dial: Dialling,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    kind: str,
    begun: str,
) -> None:
    """The time limit is the same for JSON and forms: the response is 408, and the connection is closed."""
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.05)
    server = serve(usual_lab.root)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 20\r\n"
    got = all_of(dial(server, f"{head}Authorization: Bearer {server.token(Role.OPERATOR)}\r\n\r\n{begun}")).decode()
    assert got.split()[1] == "408"
    assert "Connection: close" in got
    assert "did not arrive completely in time. Send it again" in got
    wait_until(lambda: server.limits.open_count == 0)


@pytest.mark.parametrize("said", ["", "GET /api/hea", "GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_an_idle_connection_is_closed(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """A connection without the complete head of a request is closed after a while."""
    monkeypatch.setattr(connections, "FIRST_REQUEST_TIMEOUT_S", 0.05)
    server = serve(usual_lab.root)
    assert all_of(dial(server, said)) == b""
    wait_until(lambda: server.limits.open_count == 0)


def test_the_first_deadline_spares_connections_with_a_request(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling
) -> None:
    """The first time limit closes a connection without a request, and none that sent one."""
    server = serve(usual_lab.root)
    silent, busy = dial(server), dial(server, HEALTH)
    assert answered(busy)

    async def meet_deadline() -> None:
        for one in held(server):
            one.close_if_no_request()

    wait_until(lambda: len(held(server)) == 2)
    asyncio.run_coroutine_threadsafe(meet_deadline(), server.loop).result()
    assert all_of(silent) == b""
    busy.sendall(HEALTH.encode())
    assert answered(busy)


def test_a_connection_is_closed_after_the_last_response(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes a connection without another request, also if half of one has arrived."""
    monkeypatch.setattr(connections, "KEEP_ALIVE_TIMEOUT_S", 0.05)
    server = serve(usual_lab.root)
    for said in (HEALTH, HEALTH + HEALTH[:20]):
        all_of(dial(server, said))
    wait_until(lambda: server.limits.open_count == 0)


@pytest.mark.thorough
@knows_stalled
@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_reads_nothing_is_disconnected(
    serve: "Serve",
    usual_lab: "LabBuilder",
    dial: Dialling,
    monkeypatch: pytest.MonkeyPatch,
    certificate: dict[str, Path],
    tls: bool,
) -> None:
    """A client that requests much and reads nothing does not keep its connection and its data in memory forever."""
    monkeypatch.setattr(connection_limits, "STALL_TIMEOUT_S", 0.2)
    server = serve(usual_lab.root, **(certificate if tls else {}))
    assert answered(dial(server, f"GET /static/{PLOTLY} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5))
    wait_until(lambda: server.limits.open_count == 0)


@knows_stalled
def test_a_download_may_pause_for_longer(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Browsers stop reading a video that is paused: while a file is sent, the sender's longer limit applies."""
    server = serve(usual_lab.root)

    def patience_ms() -> int:
        (one,) = held(server)
        assert one.transport is not None
        timeout_ms: int = one.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        return timeout_ms

    with Tap(server, "/api/health") as tap:
        assert patience_ms() == connection_limits.STALL_TIMEOUT_S * 1000
        tap.abort_connection()
    wait_until(lambda: not held(server))
    with Tap(server):
        wait_until(lambda: patience_ms() == sender.IDLE_TIMEOUT_S * 1000)


def test_little_memory_waits_for_a_client(serve: "Serve", usual_lab: "LabBuilder", dial: Dialling) -> None:
    """For a client that reads nothing, some pieces of a large file are in memory; the file itself is there once."""
    server = serve(usual_lab.root)
    dial(server, f"GET /static/{PLOTLY} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)

    def waiting() -> int:
        transports = [one.transport for one in held(server)]
        return sum(one.get_write_buffer_size() for one in transports if one is not None)

    assert wait_until(waiting) < 256 * 1024
    asset = assets()[PLOTLY]
    assert asset.body(gzipped=False) is asset.body(gzipped=False)


@pytest.mark.parametrize(
    "said",
    [
        f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\r\n\r\n",
        f"GET /setup?token={SECRET} and more HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET /setup?token={SECRET}\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET http://[{SECRET} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {SECRET * 1000}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SECRET}\r\n\r\n",
        f"{SECRET}\r\n\r\n",
        f"\x16\x03\x01{SECRET}\r\n\r\n",
    ],
)
def test_malformed_data_gets_a_problem(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    """The response is a problem with the usual headers; neither response nor log quotes what was sent."""
    server = serve(usual_lab.root)
    got = all_of(dial(server, said)).decode()
    head, _, body = got.partition("\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert head.split()[1] == "400"
    assert fields["Content-Type"] == "application/problem+json"
    assert fields.items() >= EXPECTED.items()
    assert (json.loads(body)["status"], json.loads(body)["type"]) == (400, "about:blank")
    assert caplog.messages == ["127.0.0.1 sent data that is not an HTTP request; it was rejected."]
    assert "5ecret" not in got + caplog.text


def test_malformed_data_does_not_fill_the_log(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, caplog: pytest.LogCaptureFixture
) -> None:
    """Repeated malformed data leaves one line for all of it, not one for each."""
    server = serve(usual_lab.root)
    for _ in range(50):
        all_of(dial(server, "babble\r\n\r\n"))
    assert len(caplog.messages) < 25  # one in ten seconds


@pytest.mark.parametrize("base_url", [None, "http://lab.example/labcrate"])
@pytest.mark.parametrize("path", ["//[bad", "/labcrate//[bad", "//a:b/x", "/labcrate//a:b/x", "/labcrate///", "/[bad"])
def test_every_path_has_a_response(
    serve: "Serve", usual_lab: "LabBuilder", dial: Dialling, caplog: pytest.LogCaptureFixture, base_url: Any, path: str
) -> None:
    """A path with several slashes is a path like any other, with and without a proxy's prefix."""
    server = serve(usual_lab.root, base_url=base_url)
    client = dial(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(1000).split()[1] in (b"303", b"404")
    assert caplog.messages == []
