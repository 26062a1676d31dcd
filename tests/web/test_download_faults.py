"""Downloads that go wrong or slowly: nothing wrong arrives whole, nothing stays behind, nobody waits for another."""

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
    """The usual lab with a recording that no socket's buffers hold, and documents too large for memory."""
    usual_lab.recording(BIG, content=random.Random(1).randbytes(10_000_000))  # noqa: S311
    note = {"note": "x" * 2000}
    usual_lab.zigbee_json([("2025-05-02T08:01:00.000Z", "zigbee2mqtt/hall", note)] * 1500)
    return usual_lab


def asking(server: Any, path: str = PATH, headers: str = "") -> socket.socket:
    """A connection with little room, on which a download was asked for."""
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
    """End a connection without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


class Tap:
    """A client that takes bytes when it is told to, and has little room for more."""

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
        """So many bytes of the body, or fewer where it ends."""
        return self._file.read(count)

    def take_all(self) -> bytes:
        """All that still comes, until the body's end or the connection's."""
        got = bytearray()
        try:
            while data := self._file.read1(1 << 16):
                got += data
        except ConnectionError:
            pass
        return bytes(got)

    def abort_connection(self) -> None:
        """Go away without a word."""
        self._file.close()
        reset(self.socket)


def descriptors() -> int:
    """How many files and sockets this process has open; the logs' own do not count, threads open those as they go."""
    gc.collect()
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += "people.db" not in str(entry.readlink())
    return found


def grow(file: Path) -> None:
    """Append, as a camera that is still recording does."""
    with file.open("ab") as more:
        more.write(b"more")


def overwrite(file: Path) -> None:
    """Other bytes, same length, and the old modification time put back."""
    before = file.stat()
    with file.open("r+b") as same:
        same.seek(-100, os.SEEK_END)
        same.write(b"other bytes")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def shrink(file: Path) -> None:
    """Cut it short."""
    os.truncate(file, 1000)


def replace(file: Path) -> None:
    """Another file of the same size under its name."""
    other = file.with_suffix(".tmp")
    other.write_bytes(bytes(file.stat().st_size))
    other.rename(file)


@pytest.mark.parametrize("harm", [grow, overwrite, shrink, replace, Path.unlink])
def test_a_recording_that_changes_in_mid_transfer(
    serve: Any, big_lab: Any, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    """The connection breaks before the end; both logs say which file it was; the next download is whole."""
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


def test_a_client_that_goes_away(serve: Any, big_lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty clients that leave in the middle leave twenty lines and nothing else: no file, socket or traceback."""
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


def test_a_client_that_leaves_while_its_line_is_written(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is being written when its client leaves says so in the end: nothing was sent, nothing runs on."""
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


def test_a_client_that_leaves_with_the_last_byte(serve: Any, usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download of which all was sent is finished, though its client is gone before the server has noticed."""
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
    """However many run and however slow the log is, each line ends, and none tells of fewer bytes than arrived."""
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
    """Lock a user out."""
    server.resources.users.disable(name)


def demote(server: Any, name: str) -> None:
    """Let a user see sessions, and nothing more."""
    server.resources.users.set_role(name, Role.VIEWER)


def disable_by_command(server: Any, name: str) -> None:
    """Lock a user out from another process."""
    words = [sys.executable, "-m", "labcrate", "user", "disable", name, "--lab", server.settings.lab_folder]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def revoke_token(server: Any, name: str) -> None:
    """End the token that the download was asked for with."""
    (token,) = server.resources.tokens.all(name)
    server.resources.tokens.revoke(name, token.name)


def leave_study(server: Any, name: str) -> None:
    """Put a user into a study that the session is not in."""
    server.resources.studies.add("S")
    server.resources.studies.add_people("S", [server.resources.users.get(name)])


def enter_study(server: Any, name: str) -> None:
    """Put a user into a study of the session: what was asked for before could be more than they may have."""
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
def test_who_may_no_longer_export_gets_no_more(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, shut_out: Callable[[Any, str], None], why: str
) -> None:
    """A download ends soon after its user may not have it any more, however long the client would have taken."""
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


def test_a_session_taken_out_of_a_study_is_sent_no_further(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download by somebody of a study ends soon after its session left the study, and goes on while it is in it."""
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


def test_a_line_whose_end_cannot_be_written_is_ended_later(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk at the end of a download leaves no line running: it is tried again, and the time is the end's own."""
    monkeypatch.setattr(lifespan, "_LOG_RETRY_INTERVAL_S", 0.02)
    server = serve(big_lab.root)
    end, tried = server.resources.export_log.end, []

    def full(*values: Any, **more: Any) -> None:
        tried.append(more["ended"])
        if len(tried) < 5:
            raise PeopleError("The disk is full.")
        end(*values, **more)

    monkeypatch.setattr(server.resources.export_log, "end", full)
    size = len(server.get(PATH, Role.OPERATOR).content)
    line = wait_for_ended(server, 1)[0]
    assert (line.outcome, line.bytes_sent, len(tried)) == ("finished", size, 5)
    assert line.ended
    assert {round(1000 * at) for at in tried} == {round(1000 * line.ended.timestamp())}
    told = "The end of transfer 1 (finished, %d bytes) is not in the export log yet: The disk is full."
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [told % size]


def test_an_end_that_could_not_be_written_is_written_before_the_server_ends(
    serve: Any, usual_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be written when the server is told to stop is tried a last time."""
    server = serve(usual_lab.root)
    tried = threading.Event()

    def full(*_: Any, **__: Any) -> None:
        tried.set()
        raise PeopleError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(server.resources.export_log, "end", full)
        server.get(PATH, Role.OPERATOR)
        assert tried.wait(60)
    server.stop()
    server.stop = lambda: None
    with PeopleDatabase.open(state_folder(usual_lab.root)) as database, ExportLog(database) as log:
        assert [line.outcome for line in log.lines()] == ["finished"]


@pytest.mark.thorough
def test_clients_that_take_nothing_hold_nobody_up(serve: Any, big_lab: Any) -> None:
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
def test_a_client_that_takes_nothing_for_very_long(serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stands still longer than it may is left; one that goes on in time is not."""
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
    """Two hundred clients that come at the same moment all get the whole archive, and each leaves its line."""
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
def test_no_limit_of_this_machine_is_taken_for_a_changed_file(
    serve: Any, big_lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When the server may open no more files the download breaks, the log says so, and the archive still stands."""
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
