"""``labcrate serve`` as a process of its own: its addresses, its output, and its end."""

import json
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import trustme
from tests.support.rounds import sample
from tests.support.waiting import wait_until

from labcrate.cli.cmd_serve import parse_base_url
from labcrate.errors import UsageError

Start = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


@pytest.fixture
def start(usual_lab: Any) -> Iterator[Start]:
    """Return a function that starts the real command on a free port, waits until it is ready, and ends it."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path, ulimit: str = "") -> tuple[subprocess.Popen[str], dict[str, Any]]:
        limited = ["sh", "-c", f'ulimit {ulimit}; exec "$@"', "sh"] if ulimit else []
        command = [sys.executable, "-m", "labcrate", "serve", "--lab", usual_lab.root, "--port", "0", "--json", *words]
        process = subprocess.Popen([*limited, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        return process, json.loads(process.stdout.readline() or "{}")

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def get(url: str, **options: Any) -> requests.Response:
    """Send one GET request without any proxy of the environment."""
    with requests.Session() as client:
        client.trust_env = False
        return client.get(url, timeout=30, allow_redirects=False, **options)


def test_the_first_line_has_address_and_setup_link(start: Start) -> None:
    """A program that starts the server gets its address and the one-time link, and the server answers there."""
    _, started = start()
    assert started["url"].startswith("http://127.0.0.1:")
    assert started["setupUrl"].startswith(started["url"])
    assert started["warning"] is None
    assert get(f"{started['url']}api/health").json()["status"] == "ok"


@pytest.mark.parametrize("number", sample([signal.SIGTERM, signal.SIGINT], 1))
def test_a_signal_ends_it(start: Start, number: signal.Signals) -> None:
    """Ctrl-C and a service manager's signal end the server with exit code 0 and no traceback."""
    process, _ = start()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_a_port_in_use_is_one_clear_error(usual_lab: Any, cli: Any, clear: Any) -> None:
    """The error names address, port and remedy; nothing else is printed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        clear(cli("serve", "--lab", usual_lab.root, "--port", str(port)), 17, str(port), "--port")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--port", "70000"), 2, "65535"),
        (("--tls-cert", "a.pem"), 2, "--tls-key"),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem"), 17, "PEM"),
        (("--base-url", "lab.example.org"), 2, "https://"),
        (("--base-url", "http://[::1"), 2, "https://"),
        (("--base-url", "https://user:secret@lab.example.org"), 2, "https://"),
        (("--trusted-proxy", "10.0.0.0/8"), 2, "--base-url"),
        (("--base-url", "https://lab.example.org", "--trusted-proxy", "the proxy"), 2, "10.0.0.0/8"),
        (("--host", "a..b"), 17, "name is unknown"),
        (("--host", "."), 17, "name is unknown"),
        (("--host", "a" * 64), 17, "name is unknown"),
        (("--host", "::1::2"), 17, "name is unknown"),
        (("--host", "lab\n.example\x1b"), 17, "name is unknown"),
        (("--port", "99999999999999999999"), 2, "65535"),
        (("--recorder", "~nobody-of-that-name/x"), 2, "--recorder"),
        (("--time-zone", "Mars/Olympus"), 2, "Europe/Madrid"),
        (("--host", "no such host", "--port", "0"), 17, "--host"),
    ],
)
def test_invalid_settings_are_refused(
    usual_lab: Any, cli: Any, clear: Any, words: tuple[str, ...], code: int, said: str
) -> None:
    """Each is refused before the server listens, with the remedy."""
    clear(cli("serve", "--lab", usual_lab.root, *words), code, said)


def test_a_folder_that_is_no_lab_is_not_served(tmp_path: Path, cli: Any) -> None:
    """The server does not start if the folder is not a lab."""
    outcome = cli("serve", "--lab", tmp_path)
    assert outcome.code == 3


@pytest.mark.thorough
def test_tls_uses_the_given_certificate(start: Start, tmp_path: Path) -> None:
    """With a certificate the server accepts HTTPS only, with TLS 1.2 at least."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    _, started = start("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    assert started["url"].startswith("https://127.0.0.1:")
    answer = get(f"{started['url']}api/health", verify=str(tmp_path / "ca.pem"))
    assert answer.json()["status"] == "ok"
    assert "Strict-Transport-Security" not in answer.headers  # it would be about every port of this name
    port = int(started["url"].rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.thorough
def test_an_exposed_address_without_tls_warns(start: Start) -> None:
    """Listening on all addresses without TLS is possible, and causes a warning with the remedy."""
    _, started = start("--host", "0.0.0.0")  # noqa: S104 - what is warned of
    assert "--tls-cert" in started["warning"]


@pytest.mark.thorough
def test_a_proxy_with_tls_does_not_make_an_open_port_safe(start: Start) -> None:
    """Behind a proxy the server listens on this machine only, else it warns: plain HTTP would be answered too."""
    _, behind = start("--host", "0.0.0.0", "--base-url", "https://lab.example.org")  # noqa: S104
    assert "without TLS" in behind["warning"]
    assert "omit --host" in behind["warning"].lower()
    _, right = start("--base-url", "https://lab.example.org")
    assert right["warning"] is None


def has_ipv6() -> bool:
    """Return whether this machine has an IPv6 loopback address."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        pytest.param("::", "[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")),
        ("127.0.0.1", None),
    ],
)
def test_a_hint_names_the_address_for_other_machines(usual_lab: Any, host: str, address: str | None) -> None:
    """The one-time link works on this machine; the output says how to reach the server from others, if possible."""
    command = [sys.executable, "-m", "labcrate", "serve", "--lab", usual_lab.root, "--port", "0", "--host", host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines: list[str] = []
        while "Ctrl-C" not in (lines[-1] if lines else ""):
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()
        link = next(line.strip() for line in lines if "/setup?token=" in line)
        assert get(link).status_code == 200
        process.kill()
        process.communicate()
    hint = f"From another machine, use this machine's name instead of {address}.\n"
    assert (hint in lines) == (address is not None)
    if address:
        assert link.startswith(f"http://{address}:")


@pytest.mark.thorough
def test_the_server_raises_its_limit_of_descriptors(start: Start) -> None:
    """The limit is raised as far as allowed: a server has more files open than programs of a shell."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    process, _ = start(ulimit="-S -n 128")
    assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)


@pytest.mark.thorough
def test_many_idle_clients_do_not_take_the_server_down(start: Start) -> None:
    """With few descriptors, the connections idle for longest are closed for new ones, with few log lines."""
    process, started = start(ulimit="-n 256")
    place = ("127.0.0.1", int(started["url"].rstrip("/").rpartition(":")[2]))
    clients = [socket.create_connection(place, timeout=60) for _ in range(200)]
    assert clients[0].recv(1) == b""
    with socket.create_connection(place, timeout=60, source_address=("127.0.0.2", 0)) as other:
        other.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.recv(12) == b"HTTP/1.1 200"
    for client in clients:
        client.close()

    def healthy() -> bool:
        try:
            return get(f"{started['url']}api/health").ok
        except requests.ConnectionError:  # the server has not noticed yet that they left
            return False

    wait_until(healthy)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert "the one idle for longest is closed" in said
    assert len(said.splitlines()) < 20


@pytest.mark.thorough
def test_behind_a_proxy_every_link_has_its_path(start: Start, serve: Any, usual_lab: Any) -> None:
    """With --base-url, links and redirects have the proxy's path, whether or not the proxy removes it from requests."""
    _, started = start("--base-url", "http://lab.example.org/labcrate/")
    assert started["url"] == "http://lab.example.org/labcrate/"
    assert started["setupUrl"].startswith("http://lab.example.org/labcrate/setup?token=")
    behind = serve(usual_lab.root, base_url="http://lab.example.org/labcrate")
    name = {"Host": "lab.example.org"}
    for path in ("/labcrate/api/health", "/api/health"):
        assert get(behind.url + path, headers=name).json()["status"] == "ok"
    assert get(f"{behind.url}/labcrate/sessions/42", headers=name).headers["Location"].startswith("/labcrate/login")
    assert get(f"{behind.url}/labcratex/api/health", headers=name).status_code != 200


@pytest.mark.parametrize(
    "base_url",
    [
        "http://[::1",
        "http://[::1]]/",
        "http://[v1.x]/",
        "http://lab:99999/",
        "http://lab:0/",
        "http://lab:http/",
        "http://a..b/",
        f"http://{'a' * 64}.org/",
        "http://lab example/",
        "http://lab/a b",
        "http://lab/a\n",
        "http://lab/\x1b[2J",
        "http://lab/a/../b",
        "http://lab/a/%2E%2e",
        "http://lab//other",
        "http://lab\\other",
        "http://lab?",
        "",
    ],
)
def test_invalid_addresses_of_a_proxy(base_url: str) -> None:
    """Brackets, ports, names and paths that no address has are refused in one sentence."""
    with pytest.raises(UsageError, match=r"^--base-url is '.*'. Write a URL such as https://"):
        parse_base_url(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://lab",
        "https://lab.example.org/labcrate/",
        "HTTPS://Lab.Example.org:8443/a/b",
        "http://[::1]:8080/x",
        "http://xn--mnchen-3ya.de/~lab",
    ],
)
def test_addresses_that_a_proxy_may_have(base_url: str) -> None:
    """A name or address with or without a port and a path is accepted, without slashes at its end."""
    assert parse_base_url(base_url) == base_url.rstrip("/")


@pytest.mark.parametrize(
    "arguments", [("sessions", "--lab", "~nobody-of-that-name/x"), ("verify", "~nobody-of-that-name/x.zip")]
)
def test_the_home_of_an_unknown_user_is_a_missing_path(cli: Any, arguments: tuple[str, ...]) -> None:
    """A path that begins with the name of an unknown user does not exist."""
    outcome = cli(*arguments)
    assert outcome.code in (2, 3)
    assert "nobody-of-that-name" in outcome.err or "x.zip cannot be opened" in outcome.err
