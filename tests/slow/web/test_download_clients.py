"""Real clients and a real server process: interrupted and resumed downloads, also after the server was killed."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.index.state_folder import state_folder
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, ExportLogLine
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users

PATH = "/api/sessions/42/archive.zip"
BIG_BYTES = 80_000_000  # more than the buffers of eight connections hold
Words = Sequence[str | Path]


class Server:
    """``labcrate serve`` as a process of its own; after a restart it has the same address."""

    def __init__(self, lab: Path, *options: str) -> None:
        self.lab, self._options, self._port = lab, options, "0"
        with PeopleDatabase.open(state_folder(lab)) as database:
            users = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST)))
            users.add("admin", Role.ADMIN, "correct horse battery")
            _, self.token = Tokens(database).add(users.add("op", Role.OPERATOR, "correct horse battery"), "test", 1)
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        words = [sys.executable, "-m", "labcrate", "serve", "--lab", str(self.lab), "--port", self._port, "--json"]
        self.process = subprocess.Popen(
            [*words, *self._options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.base: str = json.loads(self.process.stdout.readline())["url"].rstrip("/")
        self._port = self.base.rpartition(":")[2]

    @property
    def url(self) -> str:
        """Return the address of the archive."""
        return self.base + PATH

    def end(self, number: signal.Signals) -> str:
        """End the server with a signal, and return its output."""
        self.process.send_signal(number)
        with self.process:
            return self.process.communicate()[1]

    def lines(self) -> list[ExportLogLine]:
        """Return the lines of the export log."""
        with PeopleDatabase.open(state_folder(self.lab)) as database, ExportLog(database) as log:
            return [line for line in log.lines() if line.via != "command line"]


@pytest.fixture
def server(whole: tuple[Path, str]) -> Iterator[Server]:
    """Serve the lab until the end of the test."""
    running = Server(whole[0])
    yield running
    assert "Traceback" not in running.end(signal.SIGTERM)
    assert running.process.returncode == 0


@pytest.fixture
def whole(usual_lab: Any, cli: Any, tmp_path: Path) -> tuple[Path, str]:
    """Return a lab with a large recording, and the SHA-256 of session 42's archive from the command line."""
    choice = random.Random(5)  # noqa: S311
    for number, size in enumerate([BIG_BYTES, 2_000_000, *[20_000] * 30]):
        usual_lab.recording(f"recordings/cam1_session42_{number}.mp4", content=choice.randbytes(size))
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip").code == 0
    return usual_lab.root, sha256(tmp_path / "out.zip")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def needed(name: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    return shutil.which(name) or str(pytest.skip(f"{name} is not installed"))


def curl(server: Server, target: Path, *options: str) -> Words:
    """Return the command that resumes a download with curl."""
    return [needed("curl"), "-sS", "-f", "-C", "-", "-H", f"Authorization: Bearer {server.token}",
            "-o", target, *options, server.url]  # fmt: skip


def wget(server: Server, target: Path, *options: str) -> Words:
    """Return the command that resumes a download with wget, without retries."""
    return [needed("wget"), "-q", "-c", "-t", "1", "--header", f"Authorization: Bearer {server.token}",
            "-O", target, *options, server.url]  # fmt: skip


def aria2c(server: Server, target: Path, *options: str) -> Words:
    """Return the command that downloads parts with eight connections."""
    return [needed("aria2c"), "-q", "-x8", "-s8", "-k1M", "-c", "--file-allocation=none", "--max-tries=1",
            "--header", f"Authorization: Bearer {server.token}", "-d", target.parent, "-o", target.name,
            *options, server.url]  # fmt: skip


SLOWLY = {curl: ["--limit-rate", "8M"], wget: ["--limit-rate=8m"], aria2c: ["--max-overall-download-limit=8M"]}
CLIENTS: list[Callable[..., Words]] = [curl, wget, aria2c]


def interrupted(words: Words, target: Path, stop: Callable[[subprocess.Popen[bytes]], object]) -> int:
    """Run a client until it has more bytes than before, interrupt it, and return its exit code."""
    enough = on_disk(target) + 3_000_000
    with subprocess.Popen([str(word) for word in words], stderr=subprocess.DEVNULL) as client:
        while on_disk(target) < enough:
            assert client.poll() is None
            time.sleep(0.01)
        stop(client)
        return client.wait()


def on_disk(target: Path) -> int:
    """Return how many bytes a client has written so far, anywhere in the file."""
    return target.stat().st_blocks * 512 if target.exists() else 0


@pytest.mark.parametrize("client", CLIENTS)
def test_a_download_is_complete_after_two_interruptions(
    server: Server, whole: tuple[Path, str], tmp_path: Path, client: Callable[..., Words]
) -> None:
    """curl -C -, wget -c and aria2c -x8 get the command line's ZIP in three attempts.

    In the first, the client is interrupted; in the second, the server is killed with SIGKILL; the third resumes from
    a restarted server. The log has all of them, and no process or file is left.
    """
    target = tmp_path / "down.zip"
    slowly = client(server, target, *SLOWLY[client])
    assert interrupted(slowly, target, subprocess.Popen.terminate) != 0
    assert interrupted(slowly, target, lambda _: server.process.kill()) != 0
    server.process.communicate()
    assert "running" in {line.outcome for line in server.lines()}
    server.start()
    subprocess.run([str(word) for word in client(server, target)], check=True)
    assert sha256(target) == whole[1]
    lines = server.lines()
    assert any("the client disconnected" in (line.reason or "") for line in lines)
    assert any("ended during the transfer" in (line.reason or "") for line in lines)
    assert any(line.start > 0 and line.outcome == "finished" for line in lines)
    assert not [path for path in (whole[0] / ".labcrate").iterdir() if path.name.startswith(("document", "spool"))]


def test_the_server_is_stopped_during_a_download(server: Server, whole: tuple[Path, str], tmp_path: Path) -> None:
    """A server that is stopped ends downloads soon, with a line in the log and without a traceback."""
    target = tmp_path / "down.zip"
    said: list[str] = []
    words = curl(server, target, *SLOWLY[curl])  # ten seconds; the server waits two for those that end by themselves
    assert interrupted(words, target, lambda _: said.append(server.end(signal.SIGTERM))) != 0
    assert "Traceback" not in said[0]
    assert server.process.returncode == 0
    line = server.lines()[0]
    assert (line.outcome, line.reason) == ("aborted", "the server was stopped")
    assert 3_000_000 <= line.bytes_sent < line.length
    server.start()
    subprocess.run([str(word) for word in curl(server, target)], check=True)
    assert sha256(target) == whole[1]


def test_requests_resumes_the_same_archive_only(server: Server, whole: tuple[Path, str]) -> None:
    """A Python program resumes with Range and If-Range over a restart: first 206, and 200 once the lab has changed."""
    client = requests.Session()
    client.trust_env = False
    client.headers["Authorization"] = f"Bearer {server.token}"
    with client.get(server.url, stream=True, timeout=60) as answer:
        got = next(answer.iter_content(5_000_000))
        resuming = {"Range": f"bytes={len(got)}-", "If-Range": answer.headers["ETag"]}
    server.end(signal.SIGKILL)
    server.start()
    rest = client.get(server.url, headers=resuming, timeout=60)
    assert rest.status_code == 206
    assert hashlib.sha256(got + rest.content).hexdigest() == whole[1]
    server.end(signal.SIGKILL)
    (whole[0] / "recordings/cam1_session42_3.mp4").write_bytes(b"another recording")
    server.start()
    restarted = client.get(server.url, headers=resuming, timeout=60)
    assert restarted.status_code == 200
    assert restarted.headers["ETag"] != resuming["If-Range"]
    assert len(restarted.content) == int(restarted.headers["Content-Length"])
    client.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_the_session_changes_before_a_download_resumes(
    server: Server, whole: tuple[Path, str], tmp_path: Path, client: Callable[..., Words]
) -> None:
    """A partial file is not completed with the end of another archive: the client fails until it starts again.

    curl and wget request the rest without a condition, and both would report success.
    """
    target = tmp_path / "down.zip"
    assert interrupted(client(server, target, *SLOWLY[client]), target, subprocess.Popen.terminate) != 0
    begun = target.read_bytes()
    server.process.kill()
    server.process.communicate()
    (whole[0] / "recordings/cam1_session42_more.mp4").write_bytes(b"another recording")
    server.start()
    for _ in range(2):
        assert subprocess.run([str(word) for word in client(server, target)], check=False).returncode != 0
        assert target.read_bytes() == begun
    for rest in (target, target.with_name("down.zip.aria2")):
        rest.unlink(missing_ok=True)
    subprocess.run([str(word) for word in client(server, target)], check=True)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert "recordings/cam1_session42_more.mp4" in archive.namelist()


@pytest.mark.parametrize("client", [curl, wget])
def test_a_complete_download_is_not_appended_to(
    server: Server, whole: tuple[Path, str], tmp_path: Path, client: Callable[..., Words]
) -> None:
    """Resuming a complete download of a session that has grown since fails, and appends nothing."""
    target = tmp_path / "down.zip"
    subprocess.run([str(word) for word in client(server, target)], check=True)
    server.end(signal.SIGTERM)
    (whole[0] / "recordings/cam1_session42_more.mp4").write_bytes(b"another recording")
    server.start()
    assert subprocess.run([str(word) for word in client(server, target)], check=False).returncode != 0
    assert sha256(target) == whole[1]


def test_curl_resumes_with_the_tag_that_it_stored(server: Server, whole: tuple[Path, str], tmp_path: Path) -> None:
    """With its stored tag in If-Range, curl resumes this archive, and fails if there is another one."""
    target, tag = tmp_path / "down.zip", tmp_path / "tag"
    slowly = curl(server, target, *SLOWLY[curl], "--etag-save", str(tag))
    assert interrupted(slowly, target, subprocess.Popen.terminate) != 0
    begun = target.read_bytes()
    words = [str(word) for word in curl(server, target, "-H", f"If-Range: {tag.read_text().strip()}")]
    subprocess.run(words, check=True)
    assert sha256(target) == whole[1]
    target.write_bytes(begun)
    described = whole[0] / "sessions/Session42/session_data.json"
    described.write_text(described.read_text().replace("Morning", "Evening"))
    server.end(signal.SIGTERM)
    server.start()
    assert subprocess.run(words, check=False).returncode == 33
    assert target.read_bytes() == begun


MIRRORS: dict[str, Words] = {
    "wget": ["-q", "-N"],
    "wget, asking first": ["-q", "-N", "--no-if-modified-since"],
    "curl": ["-sS", "-f", "-R", "-z", "archive.zip", "-o", "archive.zip"],
}


def wait_a_second() -> None:
    """Wait for the next second: HTTP dates have whole seconds."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


@pytest.mark.parametrize("mirror", MIRRORS)
def test_a_mirror_notices_every_change(server: Server, whole: tuple[Path, str], tmp_path: Path, mirror: str) -> None:
    """Clients that fetch only newer archives get a session that was renamed, and one with one more recording.

    The new name is as long as the old one, and the recording older than all others: neither date nor size shows it.
    """
    program, target = needed(mirror.partition(",")[0]), tmp_path / "archive.zip"
    words = [program, *MIRRORS[mirror], "--header", f"Authorization: Bearer {server.token}", server.url]

    def fetched() -> str:
        subprocess.run([str(word) for word in words], cwd=tmp_path, check=True)
        return sha256(target)

    assert fetched() == whole[1]
    wait_a_second()
    described = whole[0] / "sessions/Session42/session_data.json"
    described.write_text(described.read_text().replace("Morning", "Evening"))
    renamed = fetched()
    assert renamed != whole[1]
    wait_a_second()
    older = whole[0] / "recordings/cam1_session42_older.mp4"
    older.write_bytes(b"an old recording")
    os.utime(older, (0, 0))
    assert fetched() not in (renamed, whole[1])


def test_over_tls(whole: tuple[Path, str], tmp_path: Path) -> None:
    """With TLS the bytes are the same, also when resumed; a recording that changes ends the connection too."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = Server(whole[0], "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    try:
        target, tls = tmp_path / "down.zip", ("--cacert", str(tmp_path / "ca.pem"))
        words = curl(server, target, *SLOWLY[curl], *tls)
        assert interrupted(words, target, subprocess.Popen.terminate) != 0
        subprocess.run([str(word) for word in curl(server, target, *tls)], check=True)
        assert sha256(target) == whole[1]
        target.unlink()

        def harm(_: object) -> None:
            with (whole[0] / "recordings/cam1_session42_0.mp4").open("ab") as more:
                more.write(b"more")

        assert interrupted(words, target, harm) != 0
        assert target.stat().st_size < BIG_BYTES
    finally:
        said = server.end(signal.SIGTERM)
    assert "cam1_session42_0.mp4 has changed" in said
    assert "Traceback" not in said
    assert [line.outcome for line in server.lines()] == ["broken", "finished", "aborted"]
    assert os.fspath(whole[0]) not in said
