"""Thousands of idle connections from several addresses: other clients are served meanwhile."""

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.index.state_folder import STATE_FOLDER
from labcrate.people.database import PeopleDatabase
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.http.connection_limits import MAX_CONNECTIONS, MAX_PER_NETWORK

if TYPE_CHECKING:
    from tests.conftest import LabBuilder

ADDRESSES, EACH = 6, 512
DESCRIPTORS = 8192
"""More than the test's own connections and those of the server need."""


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Allow as many descriptors as the test needs; skip if the system does not."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, max(before[1], DESCRIPTORS)))
    except (ValueError, OSError):
        pytest.skip(f"this process may not have {DESCRIPTORS} open files (its limit is {before[1]})")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@pytest.fixture
def token(usual_lab: "LabBuilder") -> str:
    """Return the token of a user who may log in to the lab."""
    folder: Path = usual_lab.root / STATE_FOLDER
    folder.mkdir()
    with PeopleDatabase.open(folder) as database:
        users = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST)))
        users.add("Ana", Role.ADMIN, "correct horse")
        return Tokens(database).add(users.get("ana"), "attack", 1)[1]


@pytest.fixture
def port(usual_lab: "LabBuilder") -> Iterator[int]:
    """Return the port of the real command, which serves in its own process."""
    words = [sys.executable, "-m", "labcrate", "serve", "--lab", str(usual_lab.root), "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            started: dict[str, Any] = json.loads(server.stdout.readline())
            yield int(started["url"].rstrip("/").rpartition(":")[2])
        finally:
            server.terminate()


def dial(port: int, source: str, stack: ExitStack) -> socket.socket:
    """Open a connection from one of this machine's addresses, until the test ends."""
    client = stack.enter_context(socket.socket())
    client.settimeout(120)
    client.bind((source, 0))
    client.connect(("127.0.0.1", port))
    return client


def status(client: socket.socket, path: str, token: str = "") -> int:
    """Return the status of the answer to one request."""
    login = f"Authorization: Bearer {token}\r\n" if token else ""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{login}\r\n".encode())
    got = client.recv(1 << 16)
    assert got.startswith(b"HTTP/1.1 "), got
    return int(got.split()[1])


def ended(client: socket.socket) -> bool:
    """Return whether the server has ended a connection, without waiting."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.usefixtures("descriptors")
def test_idle_connections_shut_nobody_out(token: str, port: int) -> None:
    """Of 3,072 connections from six addresses, the longest silent ones end; new and old clients are answered."""
    with ExitStack() as stack:
        visitor = dial(port, "127.0.0.1", stack)
        assert status(visitor, "/api/health", token) == 200
        idle = [dial(port, f"127.0.1.{1 + number % ADDRESSES}", stack) for number in range(ADDRESSES * EACH)]
        assert ADDRESSES * EACH > MAX_CONNECTIONS
        assert EACH <= MAX_PER_NETWORK
        newcomer = dial(port, "127.0.2.1", stack)
        assert status(newcomer, "/api/health") == 200
        assert status(visitor, "/api/health", token) == 200
        assert status(dial(port, "127.0.1.1", stack), "/api/health") == 200
        gone = [ended(one) for one in idle]
        assert all(gone[: len(idle) - MAX_CONNECTIONS])
        assert not ended(newcomer)
