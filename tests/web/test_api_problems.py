"""Failures over HTTP: one JSON format below /api/, pages elsewhere, and nothing that the user must not see."""

import logging
import socket
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.support.messages import message

from labcrate import errors
from labcrate.errors import LabcrateError
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow
from labcrate.web.http.problems import problem_of_error
from labcrate.web.routes.api import sessions as routes_sessions


def _classes(base: type[LabcrateError]) -> list[type[LabcrateError]]:
    ours = (each for each in base.__subclasses__() if each.__module__ == errors.__name__)
    return [base, *(c for each in ours for c in _classes(each))]


def test_every_error_has_a_type_and_a_title_of_its_own() -> None:
    """No two classes of errors have the same type or title, and each response has the status of its class."""
    made = []
    for kind in _classes(LabcrateError):
        if kind is errors.DocumentError:
            error: LabcrateError = errors.DocumentError("data/x.json", "line 1", message("is wrong."))
        elif kind in (errors.TooManyError, errors.NotReadyError):
            error = kind(message("Wait."), 7)
        else:
            error = kind(message("It failed."))
        made.append(problem_of_error(error))
        assert made[-1].status == kind.http_status
    assert len({problem.type for problem in made}) == len(made) == 21
    assert len({problem.title for problem in made}) >= len(made) - 1  # a server that cannot start sends no response
    assert all(problem.type.isascii() and problem.type.islower() for problem in made)


CONTRACT = {
    "LabcrateError": (1, 500, "labcrate", "Something went wrong"),
    "UsageError": (2, 400, "usage", "Invalid request"),
    "NoLabError": (3, 503, "no-lab", "No lab folder"),
    "DocumentError": (4, 500, "document", "Invalid file in the lab"),
    "NoSessionError": (5, 404, "no-session", "Session not found"),
    "IncompleteError": (6, 409, "incomplete", "The export would be incomplete"),
    "SourceChangedError": (7, 409, "source-changed", "A file has changed"),
    "ChecksumError": (7, 409, "other-bytes", "A file does not match its checksum"),
    "TargetError": (8, 500, "target", "The output cannot be written"),
    "VerificationError": (9, 422, "verification", "The archive is damaged"),
    "CatalogError": (10, 503, "catalog", "The index cannot be used"),
    "NotAllowedError": (11, 403, "not-allowed", "Not allowed"),
    "LoginError": (12, 401, "login", "Not logged in"),
    "TooManyError": (13, 429, "too-many", "Too many requests"),
    "PeopleError": (14, 503, "people", "Logins and logs cannot be used"),
    "RepairError": (15, 409, "repair", "The link cannot be changed"),
    "NotReadyError": (16, 503, "not-ready", "The archive is not ready yet"),
    "ServeError": (17, 500, "serve", "Something went wrong"),
    "NotFoundError": (18, 404, "no-such-thing", "Not found"),
    "SecretsError": (19, 409, "secrets", "Files contain secrets of the lab"),
    "SigningError": (20, 503, "signing", "The lab's key cannot be used"),
}
"""Of every class: exit code, HTTP status, the end of its type and its title. Scripts tell errors apart by them."""


def test_no_error_changes_its_code_status_type_or_title() -> None:
    """A class may be renamed or moved; what scripts and pages see of its errors stays, and new errors are listed."""
    assert {
        kind.__name__: (kind.exit_code, kind.http_status, kind.urn.removeprefix("urn:labcrate:error:"), kind.title)
        for kind in _classes(LabcrateError)
    } == CONTRACT


def test_an_error_keeps_its_type_under_another_name() -> None:
    """The type and the title come from attributes, not from the name of a class."""

    class Renamed(errors.NoSessionError):
        """An error class under another name."""

    problem = problem_of_error(Renamed(message("There is no session 9.")))
    assert (problem.type, problem.title) == ("urn:labcrate:error:no-session", "Session not found")


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "es"}


def test_a_browser_that_opens_a_download_gets_a_page(
    usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who follows a link to an archive gets the reason in their language, and the page loads itself again."""
    server = serve(usual_lab.root)
    browser, path = server.login(Role.OPERATOR), f"{server.url}/api/sessions"
    refused = browser.get(f"{path}/99/archive.zip", headers=BROWSER)
    assert (refused.status_code, refused.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "En este laboratorio no hay una sesión 99" in refused.text

    async def not_yet(*_: object) -> None:
        raise errors.NotReadyError(message("The archive of session 42 is being prepared (job 3). Try again later."), 7)

    monkeypatch.setattr("labcrate.web.routes.api.archive._wait_until_ready", not_yet)
    waiting = browser.get(f"{path}/42/archive.zip", headers=BROWSER)
    assert (waiting.status_code, waiting.headers["Refresh"], waiting.headers["Retry-After"]) == (503, "7", "7")
    assert "dentro de 7 segundos" in waiting.text
    assert 'href="/sessions/42"' in waiting.text
    body = browser.get(f"{path}/42/archive.zip")  # as scripts and download tools ask
    assert (body.headers["Content-Type"], "Refresh" in body.headers) == ("application/problem+json", False)
    token = server.as_(Role.OPERATOR).get(f"{path}/99/archive.zip", headers=BROWSER)
    assert token.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/sessions/", 404),
        ("POST", "/api/sessions", 405),
        ("PUT", "/api/sessions/42/links", 405),
        ("TRACE", "/api/sessions", 405),
    ],
)
def test_http_errors_have_the_type_about_blank(usual_lab: Any, serve: Any, method: str, path: str, status: int) -> None:
    """404 and 405 have the format of every problem, the type about:blank and HTTP's title; 405 lists the methods."""
    server = serve(usual_lab.root)
    answer = server.as_(Role.ADMIN).request(method, server.url + path)
    assert answer.status_code == status
    if path != "/api":  # which is no address of the API's
        body = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert set(body) >= {"type", "title", "status", "detail", "instance"}
        assert (body["type"], body["status"], body["instance"]) == ("about:blank", status, path)
    if status == 405:
        assert answer.headers["Allow"].split(",") == body["allowed"]


def test_pages_fail_as_pages(usual_lab: Any, serve: Any) -> None:
    """Outside the API, a failure is an HTML page."""
    answer = serve(usual_lab.root).get("/nothing/here")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at this address." in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "The request body is not valid JSON."),
        (b"", "application/json", 400, "The request body is not valid JSON."),
        (b'{"file": "\xff"}', "application/json", 400, "The request body is not valid JSON."),
        (b"[" * 60_000, "application/json", 400, "Expected `object`, got `array`"),
        (b'{"file":' * 7_000, "application/json", 400, "Expected `str`, got `object`"),
        (b'{"file": "\\ud800"}', "application/json", 400, "The request body is not valid JSON."),
        (b"null", "application/json", 400, "Expected `object`, got `null`"),
        (b"file=x", "application/x-www-form-urlencoded", 415, "The request body must be JSON"),
        (b"{}", "text/plain", 415, "The request body must be JSON"),
        (b"{}", None, 415, "The request body must be JSON"),
        (b'{"file": "' + b"x" * 70_000 + b'"}', "application/json", 413, "too large for this server"),
    ],
)
def test_an_invalid_body_has_an_explanation(
    usual_lab: Any, serve: Any, content: bytes, kind: str | None, status: int, said: str
) -> None:
    """Invalid JSON, other types and too large bodies each have their status; the connection still works afterwards."""
    server = serve(usual_lab.root)
    client = server.as_(Role.OPERATOR)
    headers = {"Content-Type": kind} if kind else {}
    answer = client.post(f"{server.url}/api/sessions/42/links", data=content, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert client.get(f"{server.url}/api/health").status_code == 200


def test_a_client_that_waits_before_sending_a_body(usual_lab: Any, serve: Any) -> None:
    """A client that expects 100 Continue gets it if it may send the body, else the error; others are ignored.

    A client without a login gets no 100 Continue.
    """
    server = serve(usual_lab.root)
    host, _, port = server.url.removeprefix("http://").partition(":")
    body = b'{"file": "recordings/nothing.mp4"}'
    token = f"Authorization: Bearer {server.token(Role.OPERATOR)}\r\n"

    def ask(expected: str, login: str = "") -> list[bytes]:
        with socket.create_connection((host, int(port)), timeout=60) as client, client.makefile("rb") as answers:
            client.sendall(
                f"POST /api/sessions/42/links HTTP/1.1\r\nHost: {host}:{port}\r\n{login}Expect: {expected}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + (b"" if expected == "100-continue" else body)
            )
            said = [answers.readline().strip()]
            if said == [b"HTTP/1.1 100 Continue"]:
                client.sendall(body)
                said += [answers.readline().strip(), answers.readline().strip()]
            return said

    assert ask("100-continue") == [b"HTTP/1.1 401 Unauthorized"]
    assert ask("100-continue", token) == [b"HTTP/1.1 100 Continue", b"", b"HTTP/1.1 409 Conflict"]
    assert ask("miracles", token) == [b"HTTP/1.1 409 Conflict"]
    assert ask("miracles") == [b"HTTP/1.1 401 Unauthorized"]


def test_an_unexpected_error_is_logged_and_not_shown(
    usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is a 500 without details; the log has its traceback, without the lab's path."""

    def broken(app: web.Application, number: int) -> None:
        raise ZeroDivisionError(f"secret {usual_lab.root}/{number}")

    monkeypatch.setattr(routes_sessions, "_session", broken)
    answer = serve(usual_lab.root).get("/api/sessions/42")
    assert (answer.status_code, answer.json()["type"]) == (500, "about:blank")
    assert "secret" not in answer.text
    assert "ZeroDivisionError: secret LAB/42" in caplog.text
    assert "Traceback" in caplog.text
    assert str(usual_lab.root) not in caplog.text


def test_a_client_that_disconnects_is_no_error(usual_lab: Any, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Half a request, and a request whose client has disconnected, leave nothing in the log."""
    caplog.set_level(logging.INFO)
    server = serve(usual_lab.root)
    port = int(server.url.rpartition(":")[2])
    login = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {server.token(Role.OPERATOR)}\r\n"
    head = f"POST /api/sessions/42/links HTTP/1.1\r\n{login}"
    for text in (
        f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + '{"file": ',
        head.replace("POST", "GET") + "\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(text.encode())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert server.get("/api/health").status_code == 200
    server.stop()
    server.stop = lambda: None
    assert "Traceback" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_response_that_fails_in_the_middle_is_not_complete(
    usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an error occurs after the first bytes, the connection is closed; no second response follows."""

    async def half(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_length = 100
        await answer.prepare(request)
        await answer.write(b"x" * 50)
        raise errors.SourceChangedError(message("A file changed."))

    server = serve(usual_lab.root)
    routes = server.app.router.routes()
    route = next(r for r in routes if (r.method, r.resource.canonical) == ("GET", "/api/health"))
    allow(None)(half)
    monkeypatch.setattr(route, "_handler", half)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
        client.sendall(f"GET /api/health HTTP/1.1\r\nHost: {server.url[7:]}\r\n\r\n".encode())
        client.settimeout(30)
        got = b""
        try:
            while piece := client.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
    assert got.startswith(b"HTTP/1.1 200") or got == b""  # a cut connection may lose what was sent before
    assert got.count(b"HTTP/1.1") <= 1
    assert b"problem" not in got


def test_a_missing_login_is_a_401(usual_lab: Any, serve: Any) -> None:
    """Without a login there is a 401 that names the scheme, and contains nothing of the lab."""
    answer = serve(usual_lab.root).get("/api/sessions/42", None)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:labcrate:error:login")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_health_without_a_login_shows_only_that_the_server_works(usual_lab: Any, serve: Any) -> None:
    """Status, version and one word on the index without a login; names of recordings only for operators."""
    server = serve(usual_lab.root)
    for role in (None, Role.VIEWER):
        assert set(server.get("/api/health", role).json()) == {"status", "version", "index"}
    body = server.get("/api/health", Role.OPERATOR).json()
    assert body["status"] == "ok"
    assert set(body["indexing"]) == {"filesLeft", "bytesLeft", "unstable", "failed", "problem"}
    assert msgspec.json.decode(server.get("/api/health", None).content)["version"]


def test_no_path_forges_a_line_of_the_log(
    usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A line break in a path is escaped: nothing that a client sends is a log line of its own."""

    async def broken(*_: object) -> None:
        raise errors.CatalogError(message("It cannot be used.\nA login from 192.0.2.1 failed."))

    monkeypatch.setattr("labcrate.web.archives.plan_queue.PlanQueue.find_recording", broken)
    server = serve(usual_lab.root)
    with caplog.at_level(logging.WARNING, "labcrate.web"):
        answer = server.get("/api/sessions/42/recordings/a%0AA%20login%20from%20192.0.2.2%20failed.mp4", Role.OPERATOR)
    assert answer.status_code == 503
    (body,) = [record.getMessage() for record in caplog.records if "recordings/a" in record.getMessage()]
    assert "\n" not in body
