"""Logging in and out in a browser, the first administrator, and what other sites cannot have a browser do."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

from labcrate.people.roles import Role
from labcrate.web.auth.login_cookie import cookie_name
from labcrate.web.routes.html.login import local_path

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

GOOD = "correct horse"


@pytest.fixture
def fresh(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve a lab for the first time."""
    return serve(usual_lab.root)


@pytest.fixture
def serving(fresh: "Serving") -> "Serving":
    """Serve a lab with an administrator."""
    fresh.user(Role.ADMIN)
    return fresh


def log_in(serving: "Serving", name: str, password: str, **options: Any) -> requests.Response:
    """Send the login form, and follow nowhere."""
    data = {"name": name, "password": password, "next": options.pop("next", "/")}
    return requests.post(serving.url + "/login", data=data, allow_redirects=False, timeout=60, **options)


def test_the_login_form_leads_to_the_requested_page(serving: "Serving") -> None:
    """From a page that needs a login to the form, through it, and back to that page with its query."""
    browser = serving.as_(None)
    page = browser.get(serving.url + "/sessions/42?pad=30s&camera=1")
    assert page.status_code == 200
    assert page.url.startswith(serving.url + "/login?next=")
    goal = re.search(r'name="next" value="([^"]*)"', page.text)
    assert goal is not None
    wanted = goal[1].replace("&amp;", "&")
    assert wanted == "/sessions/42?pad=30s&camera=1"
    answer = browser.post(
        serving.url + "/login",
        data={"name": "the admin", "password": GOOD, "next": wanted},
        allow_redirects=False,
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, wanted)
    assert browser.get(serving.url + "/api/sessions").status_code == 200


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/sessions/42/links", "/sessions/42"),
        ("/sessions/42/links/1/undo", "/sessions/42"),
        ("/sessions/P07-morning/links", "/sessions/P07-morning"),
        ("/account/password", "/account"),
        ("/account/tokens", "/account"),
        ("/account/tokens/revoke", "/account"),
        ("/people/add", "/people"),
        ("/people/tokens/revoke", "/people"),
    ],
)
def test_a_form_whose_login_has_ended_leads_back_to_its_page(serving: "Serving", path: str, page: str) -> None:
    """The login page explains that, and leads to the form's page; the form had no effect."""
    browser, people = serving.login(Role.ADMIN), serving.resources.users.all()
    serving.resources.logins.end(browser.cookies[cookie_name(serving.settings)])
    answer = browser.post(serving.url + path, data={"csrf": browser.csrf, "name": "bob"})
    assert answer.url == f"{serving.url}/login?next={page}&ended=yes"
    assert "You were logged out. Log in again, then repeat your last action." in answer.text
    assert f'name="next" value="{page}"' in answer.text
    data = {"name": "the admin", "password": GOOD, "next": page}
    assert browser.post(serving.url + "/login", data=data).url == serving.url + page
    assert serving.resources.users.all() == people


@pytest.mark.parametrize("path", ["/logout", "/nothing", "/people", "//sessions/42/links"])
def test_a_form_without_a_page_only_leads_to_the_login(serving: "Serving", path: str) -> None:
    """Without a page to go back to, nothing is said of one."""
    answer = requests.post(serving.url + path, allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "has ended" not in requests.get(serving.url + "/login?next=/people", timeout=60).text


@pytest.mark.parametrize(
    "goal",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "http:/\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/%0d%0aSet-Cookie:a=b\r\nSet-Cookie: a=b",
        "/\u2028/evil.example",
        "@evil.example",
        "",
        "/" + "a" * 3000,
    ],
)
def test_the_login_leads_to_no_other_site(serving: "Serving", goal: str) -> None:
    """For any ``next``, the browser stays on this server, and no header is added."""
    answer = log_in(serving, "the admin", GOOD, next=goal)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"
    assert answer.headers["Set-Cookie"].startswith(cookie_name(serving.settings))
    page = requests.get(f"{serving.url}/login?next={quote(goal)}", timeout=60)
    assert 'name="next" value="/"' in page.text


def test_a_wrong_password_says_so_beside_the_form(serving: "Serving") -> None:
    """The form comes back with the name, without the password, and does not show which of them was wrong."""
    answers = [log_in(serving, name, "wrong horse") for name in ("the admin", "<b>nobody</b>")]
    for answer in answers:
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert "Wrong name or password." in answer.text
        assert "wrong horse" not in answer.text
        assert "Set-Cookie" not in answer.headers
    assert "&lt;b&gt;nobody&lt;/b&gt;" in answers[1].text
    assert "<b>nobody" not in answers[1].text


def test_spanish_readers_get_the_form_and_its_errors_in_spanish(serving: "Serving") -> None:
    """What a login can answer is translated like every page."""
    answer = log_in(serving, "the admin", "wrong horse", headers={"Accept-Language": "es"})
    assert '<html lang="es"' in answer.text
    assert "Wrong name or password." not in answer.text


def test_the_cookie_is_for_this_site_and_no_script(serving: "Serving") -> None:
    """Over plain HTTP: HttpOnly, SameSite=Lax, the whole site, gone when the browser closes."""
    cookie = log_in(serving, "the admin", GOOD).headers["Set-Cookie"]
    name, *attributes = cookie.split("; ")
    assert re.fullmatch(r"labcrate_login=[\w-]{43}", name)
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax"]


@pytest.mark.parametrize(
    ("settings", "name", "attributes"),
    [
        ({"base_url": "https://lab.example"}, "__Host-labcrate_login", ["Path=/", "Secure"]),
        ({"base_url": "https://lab.example/crate"}, "__Secure-labcrate_login", ["Path=/crate", "Secure"]),
        ({"base_url": "http://lab.example/crate"}, "labcrate_login", ["Path=/crate"]),
        ({"port": 9000}, "labcrate_login_9000", ["Path=/"]),
    ],
)
def test_the_cookie_is_bound_as_far_as_it_can_be(
    serve: "Serve", usual_lab: "LabBuilder", settings: dict[str, Any], name: str, attributes: list[str]
) -> None:
    """Behind TLS the cookie is Secure with the strictest prefix, below a path its own, beside another port another."""
    serving = serve(usual_lab.root, **settings)
    serving.user(Role.ADMIN)
    answer = log_in(serving, "the admin", GOOD, next="/log")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{name}=")
    assert sorted(cookie.split("; ")[1:]) == sorted(["HttpOnly", "SameSite=Lax", *attributes])
    value = cookie.partition(";")[0]
    assert requests.get(serving.url + "/api/log", headers={"Cookie": value}, timeout=60).status_code == 200
    prefix = "/crate" if "/crate" in str(settings) else ""
    assert answer.headers["Location"] == f"{prefix}/log"


def test_logging_out_ends_the_login_and_drops_the_cookie(serving: "Serving") -> None:
    """A copy of the cookie is no longer valid, and the browser deletes its cached pictures."""
    browser = serving.login(Role.ADMIN)
    kept = browser.cookies[cookie_name(serving.settings)]
    answer = browser.post(serving.url + "/logout", data={"csrf": browser.csrf}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert not browser.cookies
    cookie = {"Cookie": f"{cookie_name(serving.settings)}={kept}"}
    assert requests.get(serving.url + "/api/sessions", headers=cookie, timeout=60).status_code == 401


def test_logging_in_again_ends_the_login_before(serving: "Serving") -> None:
    """A browser has one login: logging in as another user ends the previous one, and secrets are never reused."""
    browser = serving.login(Role.ADMIN)
    name = cookie_name(serving.settings)
    former = browser.cookies[name]
    serving.user(Role.VIEWER)
    browser.post(serving.url + "/login", data={"name": "the viewer", "password": GOOD})
    assert browser.cookies[name] != former
    assert browser.get(serving.url + "/api/log").status_code == 403
    cookie = {"Cookie": f"{name}={former}"}
    assert requests.get(serving.url + "/api/log", headers=cookie, timeout=60).status_code == 401


def test_a_cookie_set_by_others_becomes_no_login(serving: "Serving") -> None:
    """Logging in makes a new secret: one that was planted before is worth nothing (session fixation)."""
    name = cookie_name(serving.settings)
    answer = log_in(serving, "the admin", GOOD, headers={"Cookie": f"{name}=planted"})
    assert "planted" not in answer.headers["Set-Cookie"]
    assert requests.get(serving.url + "/", headers={"Cookie": f"{name}=planted"}, timeout=60).url.endswith("/login")


def test_a_form_needs_the_token_of_its_login(serving: "Serving") -> None:
    """A cookie alone changes nothing: the CSRF field or header must match, for any method and body."""
    browser, other = serving.login(Role.ADMIN), serving.login(Role.ADMIN)
    add = {"name": "bob", "role": "viewer", "password": GOOD, "again": GOOD}
    target = serving.url + "/people/add"
    for csrf in ("", "wrong", "ñ", other.csrf, browser.csrf[:-1]):
        assert browser.post(target, data={**add, "csrf": csrf}).status_code == 403
        assert browser.post(target, data=add, headers={"X-CSRF-Token": csrf.encode()}).status_code == 403
    assert browser.post(target, files={"csrf": (None, browser.csrf), "name": (None, "bob")}).status_code == 403
    assert browser.post(f"{target}?csrf={browser.csrf}", data=add).status_code == 403
    assert browser.post(serving.url + "/api/sessions/42/prepare").status_code == 403
    assert browser.delete(serving.url + "/api/sessions/42/links/1").status_code == 403
    assert browser.post(serving.url + "/logout").status_code == 403
    assert [user.name for user in serving.resources.users.all()] == ["the admin"]
    assert browser.post(target, data={**add, "csrf": browser.csrf}, allow_redirects=False).status_code == 303
    headers = {"X-CSRF-Token": browser.csrf}
    assert browser.post(serving.url + "/api/sessions/42/prepare", headers=headers).ok


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost.evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_page_cannot_have_a_browser_change_anything(serving: "Serving", headers: dict[str, str]) -> None:
    """Neither with a login nor with the right CSRF token, nor to log the browser in as another user."""
    browser = serving.login(Role.ADMIN)
    data = {"name": "the admin", "password": GOOD, "csrf": browser.csrf}
    for path in ("/logout", "/people/disable", "/login", "/setup", "/language"):
        answer = browser.post(serving.url + path, data=data, headers=headers, allow_redirects=False)
        assert answer.status_code == 403, path
        assert "Set-Cookie" not in answer.headers
    assert log_in(serving, "the admin", GOOD, headers=headers).status_code == 403


def test_this_sites_own_page_can(serving: "Serving") -> None:
    """Forms of this server are accepted, by Fetch Metadata or by Origin alone."""
    own = [
        {"Sec-Fetch-Site": "same-origin", "Origin": serving.url},
        {"Origin": serving.url},
        {"Sec-Fetch-Site": "none"},
    ]
    for headers in own:
        assert log_in(serving, "the admin", GOOD, headers=headers).status_code == 303


def test_a_token_needs_no_form(serving: "Serving") -> None:
    """Scripts send no form's token: no browser adds their header by itself."""
    script = serving.as_(Role.OPERATOR)
    assert script.post(serving.url + "/api/sessions/42/prepare").ok


BODIES: list[tuple[bytes, str]] = [
    (b"name=the+admin&password=\xff\xfe", "application/x-www-form-urlencoded"),
    (b"name=%ff&password=%00", "application/x-www-form-urlencoded"),
    (b"name=a&password=b", "application/x-www-form-urlencoded; charset=nonsense"),
    (b"name=a&password=b", "application/x-www-form-urlencoded; charset=utf-16"),
    (b'{"name": "the admin"}', "application/json"),
    (b"--x\r\nContent-Disposition: form-data; name=name\r\n\r\nx", "multipart/form-data; boundary=x"),
    (b"", ""),
    (b"name=" + b"a" * 60_000 + b"&password=" + b"b" * 4000, "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[1])
def test_an_invalid_form_is_no_login(serving: "Serving", body: tuple[bytes, str]) -> None:
    """Bytes that are no text, other types, nothing at all, and much too much are refused, and nothing fails."""
    content, kind = body
    answer = requests.post(serving.url + "/login", data=content, headers={"Content-Type": kind}, timeout=60)
    assert answer.status_code in (400, 401)


def test_a_form_that_is_too_large_is_not_read(serving: "Serving") -> None:
    """More than any form of ours can be is refused without an account."""
    data = {"name": "a", "password": "b" * 100_000}
    assert requests.post(serving.url + "/login", data=data, timeout=60).status_code == 413


def test_nothing_is_served_before_there_is_an_administrator(fresh: "Serving") -> None:
    """Only the setup, static files and health respond: even existing users are refused."""
    bob = fresh.resources.users.add("bob", Role.VIEWER, GOOD)
    _, token = fresh.resources.tokens.add(bob, "script", 1)
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(fresh.url + "/api/sessions", headers=headers, timeout=60).status_code == 401
    assert requests.get(fresh.url + "/api/health", timeout=60).status_code == 200
    page = requests.get(fresh.url + "/", timeout=60)
    assert page.url.startswith(fresh.url + "/login")
    assert "no administrator yet" in page.text
    assert '<form method="post" action="/login"' not in page.text
    assert log_in(fresh, "bob", GOOD).headers.get("Set-Cookie") is None
    assert requests.get(fresh.url + "/api/sessions", timeout=60).status_code == 401


def test_the_one_time_link_makes_the_first_administrator(fresh: "Serving") -> None:
    """It leads to a form, the form to being logged in as administrator, and then it leads nowhere any more."""
    link = fresh.resources.accounts.setup_link()
    assert link is not None
    browser = fresh.as_(None)
    page = browser.get(fresh.url + link)
    token = re.search(r'name="token" value="([^"]*)"', page.text)
    assert page.status_code == 200
    assert token is not None
    assert token[1] == link.partition("=")[2]
    data = {"token": token[1], "name": "Ana", "password": GOOD, "again": GOOD}
    short = browser.post(fresh.url + "/setup", data={**data, "password": "short", "again": "short"})
    assert short.status_code == 400
    assert "at least 10 characters" in short.text
    assert 'value="Ana"' in short.text
    assert "passwords are different" in browser.post(fresh.url + "/setup", data={**data, "again": "other"}).text
    answer = browser.post(fresh.url + "/setup", data=data, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.get(fresh.url + "/api/log").status_code == 200
    assert fresh.resources.accounts.setup_link() is None
    again = requests.post(fresh.url + "/setup", data={**data, "name": "Eve"}, allow_redirects=False, timeout=60)
    assert (again.status_code, again.headers["Location"]) == (303, "/login")
    later = requests.get(fresh.url + link, allow_redirects=False, timeout=60)
    assert (later.status_code, later.headers["Location"]) == (303, "/login")
    assert [user.name for user in fresh.resources.users.all()] == ["Ana"]


@pytest.mark.parametrize("token", ["", "wrong", "ñ", "\x00"])
def test_setup_needs_the_one_time_link(fresh: "Serving", token: str) -> None:
    """A guessed link shows no form and creates no user."""
    page = requests.get(f"{fresh.url}/setup?token={quote(token)}", timeout=60)
    assert page.status_code == 403
    assert '<input id="password"' not in page.text
    data = {"token": token, "name": "Eve", "password": GOOD, "again": GOOD}
    assert requests.post(fresh.url + "/setup", data=data, timeout=60).status_code == 403
    assert fresh.resources.users.all() == []


def test_of_two_setups_at_once_one_succeeds(fresh: "Serving") -> None:
    """With two forms of the link at once, exactly one creates the administrator; the other gets an error."""
    token = str(fresh.resources.accounts.setup_link()).partition("=")[2]

    def set_up(name: str) -> int:
        data = {"token": token, "name": name, "password": GOOD, "again": GOOD}
        return requests.post(fresh.url + "/setup", data=data, allow_redirects=False, timeout=60).status_code

    with ThreadPoolExecutor() as pool:
        statuses = list(pool.map(set_up, ["Ana", "Bob", "Carla", "Dora"]))
    assert set(statuses) <= {303, 400}
    assert len(fresh.resources.users.all()) == 1


def test_an_administrator_from_the_command_line_closes_the_one_time_link(fresh: "Serving") -> None:
    """However the first administrator is created, the link stops working."""
    link = fresh.resources.accounts.setup_link()
    fresh.resources.users.add("ana", Role.ADMIN, GOOD)
    answer = requests.get(f"{fresh.url}{link}", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize(
    "goal",
    [
        "/../other", "/sessions/../../other", "/..", "/.", "/./x", "/%2e%2e/other", "/.%2E/other", "/%252e%252e/other",
        "/..;/other", "/..;x=1/other", "/%2e%2e;/other", "/..%2fother", "/..%5cother", "/a\\..\\other", "//host/x",
        "/%2fhost", "/%5chost", "/a//host", "\\\\host", "/\\host", "https://host/", "javascript:alert(1)", "/a\tb",
        "/%0aother", "/sessions/%00",
    ],
)  # fmt: skip
def test_no_goal_leaves_the_servers_own_paths(goal: str) -> None:
    """Dot segments, plain or encoded, backslashes and hosts lead to the first page instead."""
    assert local_path(goal) == "/"


@pytest.mark.parametrize(
    "goal",
    ["/", "/sessions/42", "/sessions/P07-morning?only=sensors&from=2025-05-02T10:00:00Z", "/sessions/a..b/readings",
     "/sessions/P%C3%A9rez%20.x", "/log?who=..", "/log?next=/../x", "/.well-known/x", "/sessions/42#plan"],
)  # fmt: skip
def test_goals_of_this_server_stay(goal: str) -> None:
    """Paths of pages are kept, with their query."""
    assert local_path(goal) == goal
