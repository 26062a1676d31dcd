"""The servers that are compared: each runs in its own process, on a free port of this machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

import psutil
from benchmarks.measure import ENVIRONMENT, CommandError

LABCRATE = (sys.executable, "-m", "labcrate")
_PASSWORD = "a password of the benchmark"  # noqa: S105 - of a lab that is removed in the end
_NGINX = """
user {user} {group}; worker_processes auto; daemon off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where the archive is, and the headers that a client needs to get it."""

    name: str
    process: psutil.Process
    port: int
    path: str
    headers: tuple[str, ...] = ()

    def cpu_seconds(self) -> float:
        """Return the processor seconds used so far by all of its processes."""
        return sum(sum(one.cpu_times()[:2]) for one in self._all())

    def resident_bytes(self) -> int:
        """Return the resident memory of all of its processes."""
        return sum(one.memory_info().rss for one in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def labcrate(lab: Path) -> Iterator[Server]:
    """Run ``labcrate serve`` with a user who may download."""
    for name, role in (("admin", "admin"), ("bench", "operator")):
        _run_labcrate(
            *LABCRATE, "user", "add", name, "--role", role, "--password-stdin", "--lab", str(lab), given=_PASSWORD
        )
    made = _run_labcrate(*LABCRATE, "token", "add", "bench", "--user", "bench", "--lab", str(lab), "--json")
    header = f"Authorization: Bearer {json.loads(made)['token']}"
    port = _free_port()
    with _run_server(*LABCRATE, "serve", "--lab", str(lab), "--port", str(port), port=port) as process:
        yield Server("labcrate serve", process, port, "/api/sessions/1/archive.zip", (header,))


@contextmanager
def nginx(archive: Path, folder: Path) -> Iterator[Server]:
    """Run nginx with the finished ZIP."""
    folder.mkdir()
    port = _free_port()
    # This user's name: workers of an nginx started by root run as a user who may not read the archive.
    own = {"user": getpwuid(os.getuid()).pw_name, "group": getgrgid(os.getgid()).gr_name}
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, root=archive.parent, **own))
    with _run_server("nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), port=port) as process:
        yield Server("nginx, the finished ZIP", process, port, f"/{archive.name}")
    shutil.rmtree(folder)


@contextmanager
def zipstream(recordings: Path) -> Iterator[Server]:
    """Run aiohttp, streaming what zipstream-ng makes."""
    port = _free_port()
    words = (sys.executable, "-m", "benchmarks.zipstream_server", str(recordings), str(port))
    with _run_server(*words, port=port) as process:
        yield Server("aiohttp with zipstream-ng", process, port, "/")


@contextmanager
def _run_server(*command: str, port: int) -> Iterator[psutil.Process]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        try:
            _wait_for(process, port)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < ends:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise CommandError(f"{process.args!r} does not serve")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _run_labcrate(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given + "\n", capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        raise CommandError(f"{' '.join(command[2:5])} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def drop_from_page_cache(files: Sequence[Path]) -> None:
    """Drop files from the page cache, so that the next read comes from the disk."""
    os.sync()
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
