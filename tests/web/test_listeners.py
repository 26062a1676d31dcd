"""The listening sockets, without a server."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from labcrate.web.http.connection_limits import ConnectionLimits, LimitedListener
from labcrate.web.http.connections import limit_accept_error_log, open_listeners


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Prevent this process from opening files during the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def listener() -> Iterator[LimitedListener]:
    """Return a socket that listens on a free loopback port."""
    (one,) = asyncio.run(open_listeners("127.0.0.1", 0, ConnectionLimits(10, 10)))
    with one:
        one.listen()
        one.setblocking(False)
        yield one


def test_without_descriptors_asyncio_is_stopped_at_its_first_attempt(listener: LimitedListener) -> None:
    """The system's error is raised once, then BlockingIOError, so that asyncio does not loop; later it continues."""
    with socket.create_connection(listener.getsockname()):
        with no_descriptors_left():
            with pytest.raises(OSError, match="Too many open files"):
                listener.accept()
            with pytest.raises(BlockingIOError):
                listener.accept()
        accepted, _ = listener.accept()
        accepted.close()


def test_accept_errors_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand errors leave one line and no traceback; other errors of the loop are logged as usual."""
    report: dict[str, Any] = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
    }

    async def run() -> None:
        loop = asyncio.get_running_loop()
        limit_accept_error_log(loop)
        for _ in range(1000):
            loop.call_exception_handler(report)
        loop.call_exception_handler({"message": "Something else"})

    asyncio.run(run())
    assert caplog.messages == ["No connection can be accepted: Too many open files.", "Something else"]
    assert "Traceback" not in caplog.text


def test_a_name_is_listened_on_at_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that this machine does not have is skipped if the name has another one, else it is an error."""
    here, away = ("127.0.0.1", 0), ("192.0.2.1", 0)

    async def bound(*places: Any) -> list[str]:
        async def found(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
        opened = await open_listeners("lab.example", 0, ConnectionLimits())
        addresses = [one.getsockname()[0] for one in opened]
        for one in opened:
            one.close()
        return addresses

    assert asyncio.run(bound(here, ("127.0.0.2", 0))) == ["127.0.0.1", "127.0.0.2"]
    assert asyncio.run(bound(here, away)) == asyncio.run(bound(away, here)) == ["127.0.0.1"]
    with pytest.raises(OSError, match="assign requested address"):
        asyncio.run(bound(away))


def test_a_port_in_use_is_an_error_though_another_address_is_free() -> None:
    """The other address of a name must not lead clients to another program's server."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        asyncio.run(open_listeners("127.0.0.1", taken.getsockname()[1], ConnectionLimits()))
