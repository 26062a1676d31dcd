"""Security headers of every response, and requests for other hosts."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.people.roles import Role
from labcrate.web.http.security_headers import CONTENT_SECURITY_POLICY, add_security_headers

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

EXPECTED = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "labcrate",
}
TEMPLATES = Path(__file__).parents[2] / "src/labcrate/web/pages/templates"


def answers(serving: "Serving") -> list[requests.Response]:
    """Return one response of every kind: pages, data, files, downloads, redirects, and each error."""
    admin, nobody = serving.as_(Role.ADMIN), serving.as_(None)
    url = serving.url
    asset = re.search(r'href="(/static/[^"]+)"', nobody.get(url + "/login").text)
    assert asset is not None
    admin.post(url + "/api/sessions/42/prepare")
    found = [
        admin.get(url + "/"),
        admin.get(url + "/sessions/42"),
        admin.get(url + "/account"),
        admin.get(url + "/people"),
        admin.get(url + "/log"),
        admin.get(url + "/api/sessions"),
        admin.get(url + "/api/log.csv"),
        admin.get(url + "/api/sessions/42/archive.zip"),
        admin.head(url + "/api/sessions/42/archive.zip"),
        admin.get(url + "/api/sessions/42/archive.zip", headers={"Range": "bytes=0-9"}),
        admin.get(url + "/api/sessions/42/archive.zip", headers={"Range": "bytes=999999999999-"}),
        nobody.get(url + "/api/health"),
        nobody.get(url + "/login"),
        nobody.get(url + asset[1]),
        nobody.get(url + "/static/nothing.js"),
        nobody.get(url + "/", allow_redirects=False),
        nobody.get(url + "/api/sessions"),
        nobody.post(url + "/login", data={"name": "a", "password": "b" * 100_000}),
        nobody.get(url + "/login", headers={"Host": "evil.example"}),
        nobody.get(url + "/login", headers={"Expect": "nonsense"}),
        serving.as_(Role.VIEWER).get(url + "/api/log"),
        serving.as_(Role.VIEWER).get(url + "/log"),
        admin.get(url + "/api/nothing"),
        admin.get(url + "/nothing"),
        admin.delete(url + "/api/sessions"),
        admin.options(url + "/api/sessions", headers={"Origin": "https://evil.example"}),
    ]
    assert {answer.status_code for answer in found} >= {200, 206, 303, 400, 401, 403, 404, 405, 413, 416}
    return found


def test_every_answer_has_the_headers(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Pages, data, files, downloads, redirects and errors alike; over plain HTTP nothing of HTTPS is said."""
    for answer in answers(serve(usual_lab.root)):
        told = f"{answer.request.method} {answer.request.url} {answer.status_code}"
        for name, value in EXPECTED.items():
            assert answer.headers[name] == value, told
        assert "camera=()" in answer.headers["Permissions-Policy"], told
        assert "Strict-Transport-Security" not in answer.headers, told
        assert not any(name.startswith("Access-Control-") for name in answer.headers), told


def test_what_people_see_is_not_kept_by_browsers(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Responses that need a login are only cached by the requesting browser; pages and data not at all."""
    for answer in answers(serve(usual_lab.root)):
        told = f"{answer.request.url} {answer.status_code}: {answer.headers.get('Cache-Control')}"
        path = str(answer.request.path_url)
        if path.startswith(("/static/", "/api/openapi.yaml")):
            continue
        words = {word.strip() for word in answer.headers["Cache-Control"].split(",")}
        assert words & {"no-store", "private"}, told
        if ".zip" not in path:
            assert "no-store" in words, told


@pytest.mark.parametrize("base_url", ["https://lab.example", "https://lab.example/crate", "https://[2001:db8::1]:443"])
def test_behind_tls_browsers_must_keep_using_it(serve: "Serve", usual_lab: "LabBuilder", base_url: str) -> None:
    """With TLS, that of a proxy too, HTTP is not used again for a year."""
    answer = serve(usual_lab.root, base_url=base_url).get("/api/health", None)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "base_url", ["https://lab.example:8642", "https://[2001:db8::1]:8443", "http://lab.example:443"]
)
def test_neighbours_on_other_ports_keep_their_http(serve: "Serve", usual_lab: "LabBuilder", base_url: str) -> None:
    """On a port of its own nothing of the kind is said: it would be about all ports of that name (RFC 6797, 8.3)."""
    answer = serve(usual_lab.root, base_url=base_url).get("/api/health", None)
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize(("port", "told"), [(443, True), (8642, False)])
def test_tls_of_our_own_speaks_for_its_own_port(port: int, told: bool) -> None:
    """Without a proxy it is the port that is listened on that counts."""
    answer = web.Response()
    add_security_headers(answer, ServeSettings(Path("lab"), port=port, tls_cert=Path("cert.pem")))
    assert ("Strict-Transport-Security" in answer.headers) == told


def test_the_policy_allows_no_script_or_style_in_a_page() -> None:
    """No unsafe word, no other site, and no page of ours needs one: all scripts and styles are files."""
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text), template.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name
        assert "|safe" not in text.replace(" ", ""), template.name


LOOPBACK = ["127.0.0.1:8642", "localhost", "LOCALHOST:1", "localhost.", "[::1]:8642", "127.0.0.2"]
FOREIGN = [
    "evil.example",
    "evil.example:8642",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.0.2.1",
    ":",
    "[",
    "",
]


def test_a_loopback_server_answers_to_loopback_names_alone(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """A foreign page that makes its own name point here reaches nothing (DNS rebinding), not even public parts."""
    serving = serve(usual_lab.root)
    serving.user(Role.ADMIN)
    for host in LOOPBACK:
        assert serving.get("/login", None, headers={"Host": host}).status_code == 200, host
    for host in FOREIGN:
        for path in ("/login", "/api/health", "/api/sessions", "/static/style.css", "/"):
            answer = serving.get(path, headers={"Host": host}, allow_redirects=False)
            assert answer.status_code == 400, (host, path)
            assert "Morning" not in answer.text
    told = serving.get("/api/health", None, headers={"Host": "evil.example"}).json()["detail"]
    assert told == "This server's name is not 'evil.example'. Open it as http://localhost:8642/."


def test_behind_a_proxy_the_proxys_name_is_right(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """With --base-url its name is answered to, and the loopback one that a proxy may pass on; no other."""
    serving = serve(usual_lab.root, base_url="https://lab.example:8443/crate")
    serving.user(Role.ADMIN)
    for host in ("lab.example:8443", "LAB.example", "127.0.0.1:8642"):
        assert serving.get("/login", None, headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "lab.example.evil.example"):
        assert serving.get("/login", None, headers={"Host": host}).status_code == 400, host


def test_a_server_on_the_network_answers_to_any_name(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """A server on the network without --base-url accepts any host name."""
    serving = serve(usual_lab.root, host="0.0.0.0")  # noqa: S104 - a setting; the test's own socket is on loopback
    assert serving.get("/api/health", None, headers={"Host": "lab.local"}).status_code == 200


def test_the_log_has_the_clients_address(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Behind a proxy on this machine the last forwarded address is the client's; otherwise the connection's own is."""
    for base_url, address in (("http://lab.example", "192.0.2.7"), (None, "127.0.0.1")):
        serving = serve(usual_lab.root, base_url=base_url)
        headers = {"X-Forwarded-For": "198.51.100.1, 192.0.2.7"}
        assert serving.get("/api/sessions/42/archive.zip", headers=headers).status_code == 200
        assert serving.get("/api/log").json()["lines"][0]["address"] == address
        serving.get("/api/sessions/42/archive.zip", headers={"X-Forwarded-For": "<script>, nonsense"})
        assert serving.get("/api/log").json()["lines"][0]["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7:5678", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7:443", "192.0.2.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("192.0.2.7:", "127.0.0.1"),
        ("192.0.2.7:123456", "127.0.0.1"),
        ("[2001:db8::1]x", "127.0.0.1"),
        ("lab.example:80", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("198.51.100.1, 192.0.2.7, 127.0.0.1", "192.0.2.7"),
    ],
)
def test_a_forwarded_address_may_have_a_port(
    serve: "Serve", usual_lab: "LabBuilder", forwarded: str, address: str
) -> None:
    """Proxies send addresses with and without a port; anything else counts as the proxy's own address."""
    serving = serve(usual_lab.root, base_url="http://lab.example")
    assert serving.get("/api/sessions/42/archive.zip", headers={"X-Forwarded-For": forwarded}).status_code == 200
    assert serving.get("/api/log").json()["lines"][0]["address"] == address


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        (("198.51.100.0/24",), "127.0.0.1"),  # the client is this machine, which is no proxy then
        (("127.0.0.1",), "192.0.2.7"),
        (("127.0.0.1", "192.0.2.7"), "203.0.113.9"),
        (("127.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"), "203.0.113.9"),
        (("0.0.0.0/0",), "203.0.113.9"),
    ],
)
def test_only_a_trusted_proxy_counts(
    serve: "Serve", usual_lab: "LabBuilder", networks: tuple[str, ...], address: str
) -> None:
    """Only the headers of named proxies count, however they are written."""
    serving = serve(usual_lab.root, base_url="http://lab.example", trusted_proxies=tuple(map(ip_network, networks)))
    headers = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    assert serving.get("/api/sessions/42/archive.zip", headers=headers).status_code == 200
    assert serving.get("/api/log").json()["lines"][0]["address"] == address
