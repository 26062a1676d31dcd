"""Permissions: every route, requested by every kind of caller."""

import asyncio
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from labcrate.config import ServeSettings
from labcrate.index.state_folder import STATE_FOLDER
from labcrate.people.database import PeopleDatabase
from labcrate.people.passwords import Passwords
from labcrate.people.roles import Role
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.app import make_app
from labcrate.web.auth.login_cookie import cookie_name, csrf_token
from labcrate.web.auth.require_role import ROLE_ATTRIBUTE
from labcrate.web.resources import RESOURCES

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

GOOD = "correct horse"
NAMES = ("Morning", "cam1", "any.mp4", "sessions/Session42")
"""What stands in the lab, and in no answer to somebody who may not see it."""
FILLED = {"{id}": "42", "{number}": "1", "{name}": "any.mp4"}


@dataclass(frozen=True)
class Route:
    """One method at one path, and the role it needs (None: no login)."""

    method: str
    path: str
    needs: Role | None

    @property
    def is_form(self) -> bool:
        """Return whether a form of a page is sent to a route, so that scripts with tokens do not use it."""
        return self.method == "POST" and not self.path.startswith("/api/")


@dataclass(frozen=True)
class Caller:
    """A kind of caller: the credentials in its request, and its role (None: no access)."""

    headers: dict[str, str] = field(default_factory=dict)
    role: Role | None = None
    by_login: bool = False


def routes_of(app: web.Application) -> list[Route]:
    """Return every route, with a real session in its path."""
    found = []
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        for name, value in FILLED.items():
            path = path.replace(name, value)
        assert "{" not in path, f"{path}: say above what to put there"
        assert hasattr(route.handler, ROLE_ATTRIBUTE), f"{route.method} {path} does not say whom it lets in"
        found.append(Route(route.method, path, getattr(route.handler, ROLE_ATTRIBUTE)))
    assert len(found) > 40
    return found


def by_login(serving: "Serving", role: Role) -> Caller:
    """Return a logged-in browser of a user with a role."""
    return _browser(serving, serving.resources.logins.begin(serving.user(role)), role)


def _browser(serving: "Serving", secret: str, role: Role | None) -> Caller:
    name = cookie_name(serving.settings)
    return Caller({"Cookie": f"{name}={secret}", "X-CSRF-Token": csrf_token(secret)}, role, by_login=True)


def by_token(serving: "Serving", role: Role) -> Caller:
    """Return a script with a token of a user with a role."""
    return _script(serving.token(role), role)


def _script(secret: str, role: Role | None = None) -> Caller:
    return Caller({"Authorization": f"Bearer {secret}"}, role)


def disabled_by_login(serving: "Serving") -> Caller:
    """Return a browser with the login of an administrator who has been disabled."""
    user = serving.resources.users.add("disabled", Role.ADMIN, GOOD)
    secret = serving.resources.logins.begin(user)
    serving.resources.users.disable("disabled")
    return _browser(serving, secret, None)


def disabled_by_token(serving: "Serving") -> Caller:
    """Return a script with a token of an administrator who has been disabled."""
    user = serving.resources.users.add("disabled", Role.ADMIN, GOOD)
    _, secret = serving.resources.tokens.add(user, "script", 1)
    serving.resources.users.disable("disabled")
    return _script(secret)


def expired_token(serving: "Serving") -> Caller:
    """Return an administrator's token that has just expired."""
    with PeopleDatabase.open(serving.settings.lab_folder / STATE_FOLDER) as database:
        past = Tokens(database, lambda: time.time() - 24 * 3600 - 1)
        _, secret = past.add(serving.user(Role.ADMIN), "expired", 1)
    return _script(secret)


def foreign_token(serving: "Serving") -> Caller:
    """Return a token that is valid in another lab."""
    elsewhere = serving.settings.lab_folder.parent / "elsewhere"
    elsewhere.mkdir()
    with PeopleDatabase.open(elsewhere) as database:
        theirs = Users(database, Passwords(PasswordHasher.from_parameters(CHEAPEST))).add("ana", Role.ADMIN, GOOD)
        _, secret = Tokens(database).add(theirs, "foreign", 1)
    return _script(secret)


def logged_out(serving: "Serving") -> Caller:
    """Return a browser that kept its cookie after logging out."""
    secret = serving.resources.logins.begin(serving.user(Role.ADMIN))
    serving.resources.logins.end(secret)
    return _browser(serving, secret, None)


CALLERS: dict[str, Callable[["Serving"], Caller]] = {
    "nobody": lambda _: Caller(),
    "viewer in a browser": lambda serving: by_login(serving, Role.VIEWER),
    "operator in a browser": lambda serving: by_login(serving, Role.OPERATOR),
    "admin in a browser": lambda serving: by_login(serving, Role.ADMIN),
    "viewer's script": lambda serving: by_token(serving, Role.VIEWER),
    "operator's script": lambda serving: by_token(serving, Role.OPERATOR),
    "admin's script": lambda serving: by_token(serving, Role.ADMIN),
    "disabled user in a browser": disabled_by_login,
    "disabled user's script": disabled_by_token,
    "logged out browser": logged_out,
    "expired token": expired_token,
    "token of another lab": foreign_token,
    "token cut short": lambda serving: _script(serving.token(Role.ADMIN)[:-1]),
    "password as a token": lambda _: _script(GOOD),
    "another scheme": lambda serving: Caller({"Authorization": f"Basic {serving.token(Role.ADMIN)}"}),
}


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve the usual lab with an administrator: without one, every login is refused."""
    running = serve(usual_lab.root)
    running.user(Role.ADMIN)
    return running


@pytest.fixture
def ask(serving: "Serving") -> Iterator[Callable[[Route, Caller], requests.Response]]:
    """Request a route, and read only the head of a successful response."""
    with requests.Session() as client:
        client.trust_env = False

        def send(route: Route, caller: Caller) -> requests.Response:
            return client.request(
                route.method,
                serving.url + route.path,
                headers=caller.headers,
                data={"name": "nobody of this name"} if route.is_form else None,
                allow_redirects=False,
                stream=True,
                timeout=60,
            )

        yield send


def is_to_login(answer: requests.Response) -> bool:
    """Return whether a response only redirects to the login page."""
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login") and not answer.content


@pytest.mark.parametrize("who", CALLERS)
def test_every_caller_can_use_exactly_the_routes_of_its_role(
    serving: "Serving", ask: Callable[[Route, Caller], requests.Response], who: str
) -> None:
    """Each route lets in exactly the roles that it needs; all others get 401, 403 or the login page, and no content."""
    caller = CALLERS[who](serving)
    people = serving.resources.users.all()
    # Logging out comes last: it ends the login that all others use.
    for route in sorted(routes_of(serving.app), key=lambda route: route.path == "/logout"):
        with ask(route, caller) as answer:
            told = f"{route.method} {route.path}: {answer.status_code}"
            if route.needs is None or (caller.role is not None and caller.role.covers(route.needs)):
                if route.path in ("/login", "/login/code", "/setup"):
                    continue  # the door itself, which turns away for reasons of its own
                if route.is_form and not caller.by_login and route.needs is not None and route.path != "/logout":
                    continue  # forms that tokens may not send have a test of their own
                assert answer.status_code not in (401, 403, 500), told
                assert route.path == "/logout" or not is_to_login(answer), told
                continue
            if caller.role is not None:
                assert answer.status_code == 403, told
            elif route.path.startswith("/api/") or "Authorization" in caller.headers:
                assert answer.status_code == 401, told
                assert answer.headers["WWW-Authenticate"].startswith("Bearer"), told
            else:
                assert is_to_login(answer), told
            for name in NAMES:
                assert name not in answer.text.replace(route.path, ""), told
    assert serving.resources.users.all() == people


def raw(serving: "Serving", target: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request with its target unchanged: clients would normalize it."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(serving.url).port, timeout=60)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.headers.items()), answer.read()
    finally:
        connection.close()


VARIANTS = [
    "/api/log/",
    "//api/log",
    "/api//log",
    "///api/log",
    "/api/./log",
    "/api/%2e/log",
    "/api/sessions/../log",
    "/api/sessions/%2e%2e/log",
    "/api/sessions/%2E%2E%2Flog",
    "/api/health/../log",
    "/api/health/%2e%2e/log",
    "/static/../api/log",
    "/static/%2e%2e/api/log",
    "/static/..%2fapi%2flog",
    "/static/..%5capi%5clog",
    "/static/%252e%252e/api/log",
    "/login/../api/log",
    "/login/%2e%2e/log",
    "/api%2flog",
    "/%61pi/log/",
    "/API/LOG",
    "/api/log%00",
    "/api/log%00.css",
    "/api/log;.css",
    "/api/log%20",
    "/api/log%3f",
    "/log/",
    "//log",
    "/people/",
    "/people/../log",
    "/api/sessions/42/recordings/../../../log",
    "/api/sessions/42/recordings/..%2f..%2fdata%2fusers.json",
    "/api/sessions/42/recordings/%2e%2e",
    "/api/sessions/042/recordings/any.mp4/",
    "/api/sessions/42x/plan",
    "/api/sessions/%D9%A4%D9%A2",
    "/api/sessions/999999999999999999999999/plan",
    "/recordings/cam1_session42_a.mp4",
    "/data/users.json",
    "/.labcrate/people.db",
    "/static/people.db",
    "/static/%2e%2e%2f%2e%2e%2f.labcrate%2fpeople.db",
    "/..",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/nothing",
    "/api/nothing",
    "/api",
    "*",
]


@pytest.mark.parametrize("role", [None, Role.VIEWER], ids=str)
def test_no_way_of_writing_a_path_gets_around_the_gate(serving: "Serving", role: Role | None) -> None:
    """Dots, slashes, encodings and guessed names never lead to the log, to users or to files."""
    headers = {"Authorization": f"Bearer {serving.token(role)}"} if role else {}
    for target in [*VARIANTS, serving.url + "/api/log", "http://127.0.0.1/log"]:
        status, told, body = raw(serving, target, **headers)
        expected = {400, 401, 303} if role is None else {400, 403, 404}
        expected |= {404} if target.startswith("/static/") else set()  # what pages load is for everybody
        assert status in expected, f"{target}: {status}"
        if status == 303:
            assert told["Location"].startswith("/login"), target
        for word in (*NAMES, "argon2", "root:", "SQLite"):
            assert word.encode() not in body.replace(target.encode(), b""), target


def test_existing_and_missing_paths_look_the_same(serving: "Serving") -> None:
    """Without a login, sessions, paths and methods answer alike whether or not they exist."""
    api = ["/api/sessions/42", "/api/sessions/43", "/api/sessions/42/archive.zip", "/api/nothing", "/api/sessions/x"]
    answers = set()
    for target in api:
        for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS", "PROPFIND"):
            status, headers, body = raw(serving, target, method)
            headers.pop("Date")
            headers.pop("Content-Length", None)
            answers.add((status, tuple(sorted(headers.items())), body.replace(target.encode(), b"")))
    assert len(answers) == 1
    pages = {raw(serving, target)[0] for target in ("/", "/sessions/42", "/sessions/43", "/log", "/nothing", "/x/y/z")}
    assert pages == {303}


def test_a_handler_without_a_role_refuses_every_caller(usual_lab: "LabBuilder") -> None:
    """A handler without a declared role refuses every caller."""

    async def forgotten(_: web.Request) -> web.Response:
        return web.Response(text="Morning")

    async def scenario() -> list[int]:
        app = make_app(ServeSettings(usual_lab.root))
        app.router.add_get("/forgotten", forgotten)
        async with TestClient(TestServer(app)) as client:
            admin = app[RESOURCES].users.add("ana", Role.ADMIN, GOOD)
            _, secret = app[RESOURCES].tokens.add(admin, "script", 1)
            headers = {"Authorization": f"Bearer {secret}"}
            asked = [
                await client.get("/forgotten", allow_redirects=False),
                await client.get("/forgotten", headers=headers, allow_redirects=False),
                await client.get("/api/sessions", headers=headers),
            ]
            assert "Morning" not in await asked[1].text()
            return [answer.status for answer in asked]

    assert asyncio.run(scenario()) == [303, 403, 200]


def test_a_login_ends_with_its_user(serving: "Serving") -> None:
    """What a browser or script may do follows the user from one request to the next: role first, then nothing."""
    users = serving.resources.users
    browser, script = serving.login(Role.OPERATOR), serving.as_(Role.OPERATOR)
    url = serving.url + "/api/sessions/42/links"
    assert [client.get(url).status_code for client in (browser, script)] == [200, 200]
    users.set_role("the operator", Role.VIEWER)
    assert [client.get(url).status_code for client in (browser, script)] == [403, 403]
    users.disable("the operator")
    assert [client.get(url).status_code for client in (browser, script)] == [401, 401]
    users.enable("the operator")
    assert [client.get(url).status_code for client in (browser, script)] == [401, 401]


@pytest.mark.thorough
def test_a_change_by_another_process_holds_at_once(serving: "Serving") -> None:
    """Disabling a user on the command line takes effect in a running server."""
    browser, script = serving.login(Role.VIEWER), serving.as_(Role.VIEWER)
    assert [client.get(serving.url + "/api/sessions").status_code for client in (browser, script)] == [200, 200]
    with (
        PeopleDatabase.open(serving.settings.lab_folder / STATE_FOLDER) as other,
        other.write_transaction() as connection,
    ):
        connection.execute("UPDATE user SET disabled = 1 WHERE name = 'the viewer'")
    assert [client.get(serving.url + "/api/sessions").status_code for client in (browser, script)] == [401, 401]


def test_a_bad_token_is_not_made_good_by_a_cookie(serving: "Serving") -> None:
    """A request with a token is that of the token; a cookie beside it has no effect."""
    browser = serving.login(Role.ADMIN)
    answer = browser.get(serving.url + "/api/sessions", headers={"Authorization": "Bearer labcrate_wrong"})
    assert answer.status_code == 401
    viewer = {"Authorization": f"Bearer {serving.token(Role.VIEWER)}"}
    assert browser.get(serving.url + "/api/log", headers=viewer).status_code == 403


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_a_token_may_be_in_any_case(serving: "Serving", scheme: str) -> None:
    """As RFC 9110 has it for every scheme."""
    headers = {"Authorization": f"{scheme} {serving.token(Role.VIEWER)}"}
    assert requests.get(serving.url + "/api/sessions", headers=headers, timeout=60).status_code == 200


def test_nothing_is_served_while_people_cannot_be_read(serving: "Serving", tmp_path: Path) -> None:
    """When the user database is damaged under a running server, every request is refused without details."""
    serving.token(Role.VIEWER)
    file = serving.settings.lab_folder / STATE_FOLDER / "people.db"
    for path in file.parent.glob("people.db*"):
        path.write_bytes(b"damaged" * 100)
    answer = serving.get("/api/sessions", Role.VIEWER)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:labcrate:error:people"
    assert str(tmp_path) not in answer.text
    assert "Morning" not in answer.text


def test_a_token_is_refused_without_an_administrator(usual_lab: "LabBuilder", serve: "Serve") -> None:
    """Without an administrator a valid token is refused, with a message about the reason and the remedy."""
    served = serve(usual_lab.root)
    user = served.resources.users.add("nurse", Role.OPERATOR, GOOD)
    _, token = served.resources.tokens.add(user, "script", 1)
    answer = requests.get(served.url + "/api/sessions", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 401
    assert "has no administrator yet" in answer.json()["detail"]
    assert "labcrate user add NAME --role admin" in answer.json()["detail"]
