"""Downloads that fail or are slow: no wrong archive arrives complete, nothing is left open, no other client waits."""

import asyncio
import gc
import hashlib
import logging
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest
from tests.support.messages import message
from tests.support.waiting import wait_for_ended, wait_until

from labcrate.errors import PeopleError
from labcrate.index.state_folder import state_folder
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog
from labcrate.people.roles import Role
from labcrate.web import lifespan
from labcrate.web.auth import require_role
from labcrate.web.downloads import response, sender

PATH = "/api/sessions/42/archive.zip"
BIG = "recordings/cam1_session42_big.mp4"


@pytest.fixture
def big_lab(usual_lab: Any) -> Any:
    """Return the usual lab with a recording larger than all socket buffers, and documents too large for memory."""
    usual_lab.recording(BIG, content=random.Random(1).randbytes(10_000_000))  # noqa: S311
    note = {"note": "x" * 2000}
    usual_lab.zigbee_json([("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", note)] * 1500)
    return usual_lab


def asking(server: Any, path: str = PATH, headers: str = "") -> socket.socket:
    """Open a connection with a small receive buffer, and request a download on it."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.settimeout(60)
    connection.connect((host, int(port)))
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {server.token(Role.OPERATOR)}\r\n"
        f"{headers}\r\n".encode()
    )
    return connection


def reset(connection: socket.socket) -> None:
    """Reset a connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


class Tap:
    """A client that reads when the test says so, with a small receive buffer."""

    def __init__(self, server: Any, path: str = PATH, headers: str = "") -> None:
        self.socket = asking(server, path, headers)
        self._file = self.socket.makefile("rb")
        self.status = self._file.readline()
        self.headers: dict[str, str] = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()
        self.socket.close()

    def take(self, count: int) -> bytes:
        """Read some bytes of the body, or fewer at its end."""
        return self._file.read(count)

    def take_all(self) -> bytes:
        """Read all data until the end of the body or the connection."""
        got = bytearray()
        try:
            while data := self._file.read1(1 << 16):
                got += data
        except ConnectionError:
            pass
        return bytes(got)

    def abort_connection(self) -> None:
        """Reset the connection."""
        self._file.close()
        reset(self.socket)


def descriptors() -> int:
    """Return how many files and sockets this process has open, without those of the logs, which threads open."""
    gc.collect()
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += "people.db" not in str(entry.readlink())
    return found


def grow(file: Path) -> None:
    """Append bytes, as a camera that is still recording."""
    with file.open("ab") as more:
        more.write(b"more")


def overwrite(file: Path) -> None:
    """Write other bytes of the same length, and restore the modification time."""
    before = file.stat()
    with file.open("r+b") as same:
        same.seek(-100, os.SEEK_END)
        same.write(b"other bytes")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def shrink(file: Path) -> None:
    """Truncate the file."""
    os.truncate(file, 1000)


def replace(file: Path) -> None:
    """Replace the file by another one of the same size."""
    other = file.with_suffix(".tmp")
    other.write_bytes(bytes(file.stat().st_size))
    other.rename(file)


@pytest.mark.parametrize("harm", [grow, overwrite, shrink, replace, Path.unlink])
def test_a_recording_that_changes_during_a_transfer(
    serve: Any, big_lab: Any, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    """The connection is closed before the end; both logs name the file; the next download is complete."""
    server = serve(big_lab.root)
    with Tap(server) as tap:
        total = int(tap.headers["content-length"])
        began = len(tap.take(1_000_000))
        harm(big_lab.root / BIG)
        assert began + len(tap.take_all()) < total
    line = wait_for_ended(server, 1)[0]
    assert (line.outcome, line.length) == ("broken", total)
    assert line.bytes_sent < total
    assert line.reason
    assert line.reason.startswith(BIG)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == [f"A download of session 42 failed: {line.reason}"]
    assert not any(record.exc_info for record in caplog.records)
    assert str(big_lab.root) not in caplog.text
    following = server.get(PATH, Role.OPERATOR)
    assert following.status_code == 200
    assert following.headers["ETag"] != tap.headers["etag"]
    assert int(following.headers["Content-Length"]) == len(following.content)


def test_clients_that_disconnect(serve: Any, big_lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty clients that disconnect in the middle leave twenty lines and no file, socket or traceback."""
    server = serve(big_lab.root)
    etag = server.get(PATH, Role.OPERATOR).headers["ETag"]
    before = wait_until(descriptors)
    for _ in range(20):
        tap = Tap(server)
        assert len(tap.take(500_000)) == 500_000
        tap.abort_connection()
    lines = wait_for_ended(server, 21)
    assert {line.outcome for line in lines[:20]} == {"aborted"}
    assert {line.reason for line in lines[:20]} == {"the client disconnected"}
    assert [line for line in lines[:20] if not 500_000 <= line.bytes_sent < line.length] == []
    assert {line.etag for line in lines[:20]} == {etag}
    wait_until(lambda: descriptors() <= before)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []
    assert list((big_lab.root / ".labcrate").glob("document*")) == []


def test_a_client_that_disconnects_while_its_line_is_written(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that is being written gets its end: nothing was sent, and nothing keeps running."""
    server = serve(big_lab.root)
    server.get(PATH, Role.OPERATOR)
    begun, written, begin = threading.Event(), threading.Event(), server.resources.export_log.begin

    def slow(**values: Any) -> int:
        begun.set()
        assert written.wait(60)
        number: int = begin(**values)
        return number

    monkeypatch.setattr(server.resources.export_log, "begin", slow)
    others = server.connections
    connection = asking(server)
    assert begun.wait(60)
    reset(connection)
    wait_until(lambda: server.connections == others)
    written.set()
    line = wait_for_ended(server, 2)[0]
    assert (line.outcome, line.reason, line.bytes_sent) == ("aborted", "the client disconnected", 0)


def test_a_client_that_disconnects_after_the_last_byte(
    serve: Any, usual_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that was sent completely is finished, even if the client disconnects before the server notices."""
    send = sender.Sender.send

    async def then_leave(*arguments: Any) -> None:
        await send(*arguments)
        task = asyncio.current_task()
        assert task
        task.cancel()
        await asyncio.sleep(0)

    monkeypatch.setattr(sender.Sender, "send", then_leave)
    server = serve(usual_lab.root)
    with Tap(server) as tap:
        size = len(tap.take_all())
    line = wait_for_ended(server, 1)[0]
    assert (line.outcome, line.reason, line.bytes_sent, line.length) == ("finished", None, size, size)


@pytest.mark.thorough
def test_the_server_is_stopped_during_many_downloads(serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many run and however slow the log is, each line gets its end, and none has fewer bytes than arrived."""
    server = serve(big_lab.root)
    server.get(PATH, Role.OPERATOR)
    end = server.resources.export_log.end

    def slow(*values: Any, **more: Any) -> None:
        time.sleep(0.05)
        end(*values, **more)

    monkeypatch.setattr(server.resources.export_log, "end", slow)
    taps = [Tap(server, headers=f"Range: bytes={number}-\r\n") for number in range(40)]
    arrived = {number: len(tap.take(1000 * number)) for number, tap in enumerate(taps)}
    server.stop()
    server.stop = lambda: None
    arrived = {number: arrived[number] + len(tap.take_all()) for number, tap in enumerate(taps)}
    for tap in taps:
        tap.abort_connection()
    with PeopleDatabase.open(state_folder(big_lab.root)) as database, ExportLog(database) as log:
        lines = {line.start: line for line in log.lines(limit=40)}
    assert {(line.outcome, line.reason) for line in lines.values()} == {("aborted", "the server was stopped")}
    assert [line for line in lines.values() if line.bytes_sent < arrived[line.start]] == []


def disable(server: Any, name: str) -> None:
    """Disable a user."""
    server.resources.users.disable(name)


def demote(server: Any, name: str) -> None:
    """Make a user a viewer."""
    server.resources.users.set_role(name, Role.VIEWER)


def disable_by_command(server: Any, name: str) -> None:
    """Disable a user from another process."""
    words = [sys.executable, "-m", "labcrate", "user", "disable", name, "--lab", server.settings.lab_folder]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def revoke_token(server: Any, name: str) -> None:
    """Revoke the token that requested the download."""
    (token,) = server.resources.tokens.all(name)
    server.resources.tokens.revoke(name, token.name)


def leave_study(server: Any, name: str) -> None:
    """Put a user into a study without the session."""
    server.resources.studies.add("S")
    server.resources.studies.add_people("S", [server.resources.users.get(name)])


def enter_study(server: Any, name: str) -> None:
    """Put a user into a study with the session: the earlier request may be for more than they may download."""
    server.resources.studies.add("S")
    server.resources.studies.add_sessions("S", ["42"], "ana")
    server.resources.studies.add_people("S", [server.resources.users.get(name)])


MAY_NOT, TOKEN_REVOKED = "the user can no longer export", "the token was revoked"
OUT, IN = "the session is no longer in any of the user's studies", require_role.JOINED_STUDY


@pytest.mark.parametrize(
    ("shut_out", "why"),
    [
        (disable, MAY_NOT),
        (demote, MAY_NOT),
        (disable_by_command, MAY_NOT),
        (revoke_token, TOKEN_REVOKED),
        (leave_study, OUT),
        (enter_study, IN),
    ],
)
def test_a_download_ends_when_its_user_loses_permission(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, shut_out: Callable[[Any, str], None], why: str
) -> None:
    """A download ends soon after its user lost the permission, however slow the client is."""
    monkeypatch.setattr(response, "_REPORT_INTERVAL_S", 0.02)
    server = serve(big_lab.root)
    etag = server.get(PATH).headers["ETag"]
    with Tap(server) as tap:
        total = int(tap.headers["content-length"])
        began = len(tap.take(1_000_000))
        shut_out(server, "the operator")
        line = wait_for_ended(server, 2)[0]
        assert (line.outcome, line.reason) == ("broken", why)
        assert began + len(tap.take_all()) <= line.bytes_sent < total
    assert server.resources.archives.get_by_etag("42", etag)  # it is the user who may not, the archive is whole


def test_a_download_ends_when_its_session_leaves_the_study(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download by a member of a study ends soon after the session was removed from it, not before."""
    monkeypatch.setattr(response, "_REPORT_INTERVAL_S", 0.02)
    server = serve(big_lab.root)
    server.user(Role.OPERATOR)
    enter_study(server, "the operator")
    etag = server.get(PATH, Role.OPERATOR, stream=True).headers["ETag"]
    with Tap(server) as tap:
        total = int(tap.headers["content-length"])
        began = len(tap.take(1_000_000))
        server.resources.studies.remove_sessions("S", ["42"])
        line = wait_for_ended(server, 1)[0]
        assert (line.outcome, line.reason) == ("broken", OUT)
        assert began + len(tap.take_all()) <= line.bytes_sent < total
    assert server.resources.archives.get_by_etag("42", etag)


def test_an_end_that_cannot_be_written_is_written_later(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk at the end of a download leaves no unfinished line: writing is retried, with the time of the end."""
    monkeypatch.setattr(lifespan, "_LOG_RETRY_INTERVAL_S", 0.02)
    server = serve(big_lab.root)
    end, tried = server.resources.export_log.end, []

    def full(*values: Any, **more: Any) -> None:
        tried.append(more["ended"])
        if len(tried) < 5:
            raise PeopleError(message("The disk is full."))
        end(*values, **more)

    monkeypatch.setattr(server.resources.export_log, "end", full)
    size = len(server.get(PATH, Role.OPERATOR).content)
    line = wait_for_ended(server, 1)[0]
    assert (line.outcome, line.bytes_sent, len(tried)) == ("finished", size, 5)
    assert line.ended
    assert {round(1000 * at) for at in tried} == {round(1000 * line.ended.timestamp())}
    warning = "The result of transfer 1 (finished, %d bytes) is not in the export log yet: The disk is full."
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [warning % size]


def test_a_pending_end_is_written_before_the_server_ends(
    serve: Any, usual_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends that are pending when the server is stopped are tried a last time."""
    server = serve(usual_lab.root)
    tried = threading.Event()

    def full(*_: Any, **__: Any) -> None:
        tried.set()
        raise PeopleError(message("The disk is full."))

    with monkeypatch.context() as patched:
        patched.setattr(server.resources.export_log, "end", full)
        server.get(PATH, Role.OPERATOR)
        assert tried.wait(60)
    server.stop()
    server.stop = lambda: None
    with PeopleDatabase.open(state_folder(usual_lab.root)) as database, ExportLog(database) as log:
        assert [line.outcome for line in log.lines()] == ["finished"]


@pytest.mark.thorough
def test_clients_that_read_nothing_delay_no_other(serve: Any, big_lab: Any) -> None:
    """With twice as many idle clients as threads, others get the whole archive, and then the idle ones do."""
    server = serve(big_lab.root)
    whole = server.get(PATH, Role.OPERATOR).content
    taps = [Tap(server) for _ in range(2 * sender.SEND_THREADS)]
    try:
        for _ in range(3):
            assert server.get(PATH, Role.OPERATOR).content == whole
            assert server.get("/api/sessions").status_code == 200
        for tap in taps[:3]:
            assert tap.take(len(whole)) == whole
    finally:
        for tap in taps:
            tap.abort_connection()


@pytest.mark.thorough
def test_a_client_that_reads_nothing_for_very_long(serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that pauses for longer than the limit is disconnected; one that continues in time is not."""
    monkeypatch.setattr(sender, "IDLE_TIMEOUT_S", 1.0)
    server = serve(big_lab.root)
    with Tap(server) as tap:
        assert wait_for_ended(server, 1)[0].outcome == "aborted"
        total = int(tap.headers["content-length"])
        assert len(tap.take_all()) < total
    with Tap(server) as tap:
        got = 0
        while got < total:
            time.sleep(0.02)
            got += len(tap.take(min(1_000_000, total - got)))
    assert wait_for_ended(server, 2)[0].outcome == "finished"


@pytest.mark.thorough
def test_two_hundred_clients_at_once(serve: Any, usual_lab: Any) -> None:
    """Two hundred clients at the same time all get the whole archive, and each has its line in the log."""
    usual_lab.recording(BIG, content=random.Random(2).randbytes(3_000_000))  # noqa: S311
    server = serve(usual_lab.root)
    whole = server.get(PATH, Role.OPERATOR).content
    before = wait_until(descriptors)
    token = server.token(Role.OPERATOR)

    async def digest(client: aiohttp.ClientSession) -> str:
        hashed = hashlib.sha256()
        async with client.get(server.url + PATH, headers={"Authorization": f"Bearer {token}"}) as answer:
            async for data in answer.content.iter_chunked(1 << 16):
                hashed.update(data)
        return hashed.hexdigest()

    async def run() -> list[str]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:
            return await asyncio.gather(*(digest(client) for _ in range(200)))

    assert asyncio.run(run()) == [hashlib.sha256(whole).hexdigest()] * 200
    lines = wait_for_ended(server, 201)
    assert {(line.outcome, line.bytes_sent) for line in lines} == {("finished", len(whole))}
    wait_until(lambda: descriptors() <= before)


@pytest.mark.thorough
def test_a_limit_of_this_machine_is_not_reported_as_a_changed_file(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the server cannot open more files, the download fails, the log says so, and the archive stays in the cache."""
    server = serve(big_lab.root)
    etag = server.get(PATH, Role.OPERATOR).headers["ETag"]

    def full(*_: Any) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("labcrate.lab.folder._open_below", full)
        with Tap(server, headers=f"If-Match: {etag}\r\n") as tap:
            assert len(tap.take_all()) < int(tap.headers["content-length"])
        line = wait_for_ended(server, 2)[0]
    assert line.outcome == "broken"
    assert re.search("limit.*Too many open files", line.reason or "")
    assert "failed: the server has reached a limit" in caplog.text
    assert server.get(PATH, Role.OPERATOR).headers["ETag"] == etag
