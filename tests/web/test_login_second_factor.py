"""The second factor at a real server, with a clock that the test sets: turning it on, logging in, guessing."""

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyotp
import pytest
import requests
from tests.conftest import Clock

from labcrate.index.state_folder import STATE_FOLDER
from labcrate.people.database import PeopleDatabase
from labcrate.people.roles import Role
from labcrate.people.second_factor import RECOVERY_CODES, STEP_S, SecondFactors
from labcrate.web.auth.code_logins import PENDING_LOGIN_S, CodeThrottle, PendingLogins
from labcrate.web.auth.login_cookie import PENDING_SUFFIX, cookie_name, csrf_token
from labcrate.web.auth.login_throttle import LoginThrottle

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Login, Serve, Serving

GOOD, OTHER = "correct horse", "another horse"
PAGE = "/account/second-factor"


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve the usual lab with an administrator, behind a proxy that sends the clients' addresses."""
    running = serve(usual_lab.root, base_url="http://lab.example")
    running.user(Role.ADMIN)
    return running


@pytest.fixture
def clock(serving: "Serving") -> Iterator[Clock]:
    """Return the clock of codes, attempts and pending logins."""
    clock, code_logins = Clock(), serving.resources.code_logins
    with PeopleDatabase.open(serving.settings.lab_folder / STATE_FOLDER) as database:
        code_logins.factors = SecondFactors(database, clock)
        code_logins.pending, code_logins.code_throttle = PendingLogins(clock), CodeThrottle(clock)
        serving.resources.accounts.login_throttle = LoginThrottle(clock)
        yield clock


class Phone:
    """An app that has a user's secret, and the codes on a sheet of paper beside it."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self.secret, self.sheet = secret, list[str]()
        self._codes, self._clock = pyotp.TOTP(secret), clock

    def shows(self) -> str:
        """Return the current code."""
        return self._codes.at(int(self._clock()))


def send(browser: "Login", url: str, **fields: str) -> requests.Response:
    """Send a page's form, and follow nowhere."""
    return browser.post(url, data={**fields, "csrf": browser.csrf}, allow_redirects=False, timeout=60)


def turn_on(serving: "Serving", browser: "Login", clock: Clock) -> Phone:
    """Turn the second factor on through its page, and return the phone with the recovery codes."""
    page = send(browser, f"{serving.url}{PAGE}/prepare")
    phone = Phone(secret_of(page), clock)
    done = send(browser, f"{serving.url}{PAGE}/confirm", current=GOOD, code=phone.shows())
    assert done.status_code == 201, done.text
    phone.sheet = codes_of(done)
    clock.now += STEP_S
    return phone


def secret_of(page: requests.Response) -> str:
    """Return the secret that a page shows."""
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page.text)
    assert found, page.text
    return found[1].replace(" ", "")


def codes_of(page: requests.Response) -> list[str]:
    """Return the recovery codes that a page shows."""
    return re.findall(r"<li><code>([a-z2-7-]+)</code></li>", page.text)


@pytest.fixture
def phone(serving: "Serving", clock: Clock) -> Phone:
    """Return the phone of the administrator, whose second factor is on."""
    return turn_on(serving, serving.login(Role.ADMIN), clock)


class Browser(requests.Session):
    """One that is not logged in yet."""

    def __init__(self, serving: "Serving", address: str = "192.0.2.1") -> None:
        super().__init__()
        self.trust_env, self._serving = False, serving
        self.headers["X-Forwarded-For"] = address

    def password(self, password: str = GOOD, name: str = "the admin", **fields: str) -> requests.Response:
        """Send the login form."""
        data = {"name": name, "password": password, **fields}
        return self.post(self._serving.url + "/login", data=data, allow_redirects=False, timeout=60)

    def code(self, code: str, **fields: str) -> requests.Response:
        """Send the form for the code."""
        data = {"code": code, "csrf": csrf_token(self.pending_login), **fields}
        return self.post(self._serving.url + "/login/code", data=data, allow_redirects=False, timeout=60)

    @property
    def pending_login(self) -> str:
        """Return the secret in the cookie of the pending login."""
        return self.cookies.get(cookie_name(self._serving.settings, PENDING_SUFFIX)) or ""

    @property
    def is_in(self) -> bool:
        """Return whether the browser is logged in."""
        return self.get(self._serving.url + "/api/sessions", timeout=60).status_code == 200


def alert(answer: requests.Response) -> str:
    """Return the error that a page shows."""
    found = re.findall(r'role="alert"[^>]*>([^<]*)<', answer.text)
    assert len(found) == 1, answer.text
    return str(found[0])


def test_it_is_turned_on_with_a_first_code(serving: "Serving", clock: Clock) -> None:
    """The page shows the secret as text and as a link for the app; password and code turn it on; ten codes, once."""
    browser, other = serving.login(Role.ADMIN), serving.login(Role.ADMIN)
    assert "Off." in browser.get(serving.url + PAGE).text
    page = send(browser, f"{serving.url}{PAGE}/prepare")
    phone = Phone(secret_of(page), clock)
    link = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert link
    assert pyotp.parse_uri(link[1].replace("&amp;", "&")).secret == phone.secret
    assert "the%20admin%40lab.example" in link[1]
    assert page.text.count(phone.secret) == 2  # link and its text
    for fields, why in (
        ({"current": OTHER, "code": phone.shows()}, "The current password is wrong"),
        ({"current": GOOD, "code": "000000"}, "clocks of the phone and the server"),
        ({"current": GOOD}, "Wrong code"),
    ):
        again = send(browser, f"{serving.url}{PAGE}/confirm", **fields)
        assert (again.status_code, secret_of(again)) == (400, phone.secret)
        assert why in alert(again)
    done = send(browser, f"{serving.url}{PAGE}/confirm", current=GOOD, code=phone.shows())
    assert (done.status_code, len(set(codes_of(done)))) == (201, RECOVERY_CODES)
    assert browser.get(serving.url + "/api/sessions").status_code == 200
    assert other.get(serving.url + "/api/sessions").status_code == 401
    later = browser.get(serving.url + PAGE).text + browser.get(serving.url + "/account").text
    assert later.count(f"Recovery codes left: {RECOVERY_CODES}") == 2
    for secret in (phone.secret, *codes_of(done)):
        assert secret not in later
    assert send(browser, f"{serving.url}{PAGE}/prepare").status_code == 400


def test_a_login_takes_password_and_code(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Name and password alone give no access; the code does, and leads to the requested page."""
    browser = Browser(serving)
    answer = browser.password(next="/sessions/42?pad=30s&camera=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login/code")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(cookie_name(serving.settings, PENDING_SUFFIX))
    assert sorted(cookie.split("; ")[1:]) == ["HttpOnly", "Path=/", "SameSite=Lax"]
    assert not browser.is_in
    page = browser.get(serving.url + "/login/code")
    assert page.status_code == 200
    assert 'autocomplete="one-time-code"' in page.text
    assert f'name="csrf" value="{csrf_token(browser.pending_login)}"' in page.text
    answer = browser.code(phone.shows())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sessions/42?pad=30s&camera=1")
    assert browser.is_in
    assert browser.pending_login == ""
    assert len(serving.resources.code_logins.pending) == 0


def test_who_has_none_logs_in_as_before(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Users without a second factor, and one whose setup is not finished, log in without a code."""
    operator = serving.login(Role.OPERATOR)
    send(operator, f"{serving.url}{PAGE}/prepare")
    browser = Browser(serving)
    assert browser.password(name="the operator").headers["Location"] == "/"
    assert browser.is_in


@pytest.mark.parametrize("name", ["the admin", "the viewer", "nobody"])
def test_a_wrong_password_does_not_show_the_second_factor(serving: "Serving", phone: Phone, name: str) -> None:
    """A wrong password gives the same response with a second factor, without one, and for an unknown user."""
    serving.user(Role.VIEWER)
    answer = Browser(serving).password(OTHER, name)
    assert answer.status_code == 401
    assert alert(answer) == "Wrong name or password."
    assert "Set-Cookie" not in answer.headers
    assert "ode" not in re.sub(r"<[^>]*>", "", answer.text.partition("<main")[2])


def test_a_code_is_taken_once(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Sent again by another browser that has the password too, it opens nothing until there is a new one."""
    browser, thief = Browser(serving), Browser(serving)
    browser.password()
    thief.password()
    code = phone.shows()
    assert browser.code(code).status_code == 303
    answer = thief.code(code)
    assert answer.status_code == 401
    assert "works once" in alert(answer)
    assert code not in answer.text
    assert not thief.is_in
    clock.now += STEP_S
    assert thief.code(code).status_code == 401
    assert thief.code(phone.shows()).status_code == 303


@pytest.mark.parametrize("recovery", [False, True], ids=["code", "recovery code"])
def test_of_requests_with_one_code_one_gets_in(serving: "Serving", clock: Clock, phone: Phone, recovery: bool) -> None:
    """Eight browsers that know the password send the same code at once: one is logged in."""
    browsers = [Browser(serving, f"192.0.2.{n}") for n in range(1, 9)]
    for browser in browsers:
        browser.password()
    code = phone.sheet[0] if recovery else phone.shows()
    with ThreadPoolExecutor(8) as crowd:
        statuses = list(crowd.map(lambda browser: browser.code(code).status_code, browsers))
    assert sorted(statuses) == [303] + [401] * 7
    assert [browser.is_in for browser in browsers] == [status == 303 for status in statuses]


def test_a_login_that_waits_becomes_one_login(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Of eight forms of one browser at once, each with a right code, one succeeds."""
    browser = Browser(serving)
    browser.password()
    pending_login = {"Cookie": f"{cookie_name(serving.settings, PENDING_SUFFIX)}={browser.pending_login}"}

    def enter(code: str) -> int:
        data = {"code": code, "csrf": csrf_token(browser.pending_login)}
        url = serving.url + "/login/code"
        return requests.post(url, data=data, headers=pending_login, allow_redirects=False, timeout=60).status_code

    with ThreadPoolExecutor(8) as crowd:
        assert sorted(crowd.map(enter, phone.sheet[:8])) == [303] + [401] * 7
    assert serving.resources.code_logins.factors.status(serving.user(Role.ADMIN)).recovery_codes == RECOVERY_CODES - 1


def test_a_recovery_code_opens_once(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """In capitals too; the account page shows how many are left."""
    browser = Browser(serving)
    browser.password()
    assert browser.code(phone.sheet[0].upper()).status_code == 303
    assert f"Recovery codes left: {RECOVERY_CODES - 1}" in browser.get(serving.url + "/account").text
    again = Browser(serving)
    again.password()
    assert again.code(phone.sheet[0]).status_code == 401
    assert not again.is_in


def test_codes_cannot_be_guessed(
    serving: "Serving", clock: Clock, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten wrong codes, from any address and login, then one an hour, also with right ones; the log has a line."""
    for n in range(10):
        browser = Browser(serving, f"192.0.2.{n + 10}")
        browser.password()
        assert browser.code(f"{n:06}").status_code == 401
    browser = Browser(serving, "192.0.2.99")
    browser.password()
    answer = browser.code(phone.shows())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert browser.code(phone.sheet[0]).status_code == 429
    assert not browser.is_in
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "A login from 192.0.2.10 failed." in lines
    assert any("Someone has this user's password" in line and "192.0.2.99" in line for line in lines)
    assert not any(word in line for line in lines for word in (phone.shows(), phone.sheet[0], "the admin"))
    clock.now += 3600
    browser.password()
    assert browser.code(phone.shows()).status_code == 303


def test_wrong_codes_count_as_wrong_passwords_do(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """From one network ten at one name: a right password in between gives nothing back."""
    browser = Browser(serving)
    for n in range(10):
        assert browser.password().status_code == 303
        assert browser.code(f"{n:06}").status_code == 401
    assert browser.password().status_code == 429


def test_right_codes_are_free(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Logging in thirty times in a quarter of an hour is not limited."""
    for _ in range(30):
        browser = Browser(serving)
        browser.password()
        assert browser.code(phone.shows()).status_code == 303
        clock.now += STEP_S


def test_a_login_waits_five_minutes(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Then the code leads back to name and password, as with a made-up cookie."""
    browser = Browser(serving)
    browser.password()
    clock.now += PENDING_LOGIN_S - 1
    assert browser.get(serving.url + "/login/code").url.endswith("/login/code")
    clock.now += 1
    answer = browser.code(phone.shows())
    assert answer.status_code == 401
    assert "Log in again with your name and password" in alert(answer)
    assert browser.pending_login == ""
    browser.cookies.set(cookie_name(serving.settings, PENDING_SUFFIX), "made-up")
    assert browser.code(phone.shows()).status_code == 401
    assert not browser.is_in
    page = requests.get(serving.url + "/login/code", allow_redirects=False, timeout=60)
    assert (page.status_code, page.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize("change", ["password", "disable", "reset", "off"])
def test_a_login_that_waits_ends_with_what_it_was_begun_with(
    serving: "Serving", clock: Clock, phone: Phone, change: str
) -> None:
    """Another password, being disabled, a reset or turning it off: the code opens nothing then."""
    browser, users = Browser(serving), serving.resources.users
    users.add("Eva", Role.ADMIN, GOOD)
    browser.password()
    match change:
        case "password":
            users.set_password("the admin", OTHER)
        case "disable":
            users.disable("the admin")
        case "reset":
            serving.resources.code_logins.factors.reset(users.get("the admin"))
        case _:
            serving.resources.code_logins.factors.turn_off(users.get("the admin"), phone.sheet[1])
    for code in (phone.shows(), phone.sheet[0]):
        assert browser.code(code).status_code in (401, 403)
    assert not browser.is_in


def test_a_login_that_waits_is_bound_to_its_browser(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """Without the cookie, with another's form, or from another site's page the code opens nothing and is not spent."""
    browser, other = Browser(serving), Browser(serving)
    browser.password()
    other.password()
    url, data = serving.url + "/login/code", {"code": phone.shows(), "csrf": csrf_token(browser.pending_login)}
    assert requests.post(url, data=data, timeout=60).status_code == 401
    for csrf in ("", "wrong", "ñ", csrf_token(other.pending_login)):
        assert browser.code(phone.shows(), csrf=csrf).status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert browser.post(url, data=data, headers=headers).status_code == 403
    pending_login = {"Cookie": f"{cookie_name(serving.settings)}={browser.pending_login}"}  # as if it were a login
    assert requests.get(serving.url + "/api/sessions", headers=pending_login, timeout=60).status_code == 401
    assert browser.code(phone.shows()).status_code == 303


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example/", "/\\evil.example", "/a\r\nX: y"])
def test_the_code_leads_to_no_other_site(serving: "Serving", clock: Clock, phone: Phone, goal: str) -> None:
    """The code form has no parameter for the page to open."""
    browser = Browser(serving)
    browser.password(next=goal)
    assert browser.code(phone.shows(), next=goal).headers["Location"] == "/"
    assert quote(goal) not in browser.get(serving.url + "/login/code").url


def test_a_former_login_ends_and_of_one_user_ten_wait(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """A browser has one login; a user has at most ten pending logins."""
    browser = serving.login(Role.VIEWER)
    former = browser.cookies[cookie_name(serving.settings)]
    browser.post(serving.url + "/login", data={"name": "the admin", "password": GOOD}, allow_redirects=False)
    pending_login = browser.cookies[cookie_name(serving.settings, PENDING_SUFFIX)]
    answer = browser.post(serving.url + "/login/code", data={"code": phone.shows(), "csrf": csrf_token(pending_login)})
    assert answer.status_code == 200
    assert browser.get(serving.url + "/api/log").status_code == 200
    cookie = {"Cookie": f"{cookie_name(serving.settings)}={former}"}
    assert requests.get(serving.url + "/api/sessions", headers=cookie, timeout=60).status_code == 401
    browsers = [Browser(serving) for _ in range(12)]
    for each in browsers:
        each.password()
    assert len(serving.resources.code_logins.pending) == 10
    assert browsers[0].code(phone.sheet[0]).status_code == 401
    assert browsers[-1].code(phone.sheet[1]).status_code == 303


def test_it_is_turned_off_and_codes_renewed_with_password_and_code(
    serving: "Serving", clock: Clock, phone: Phone
) -> None:
    """Both are required, and wrong codes are limited here as well."""
    browser = Browser(serving)
    browser.password()
    browser.code(phone.shows())
    login: Any = browser
    login.csrf = csrf_token(browser.cookies[cookie_name(serving.settings)])
    for action in ("codes", "off"):
        assert "current password" in alert(send(login, f"{serving.url}{PAGE}/{action}", code=phone.sheet[0]))
        assert "Wrong code" in alert(send(login, f"{serving.url}{PAGE}/{action}", current=GOOD, code="123456"))
    fresh = codes_of(send(login, f"{serving.url}{PAGE}/codes", current=GOOD, code=phone.sheet[0]))
    assert len(set(fresh) | set(phone.sheet)) == 2 * RECOVERY_CODES
    assert send(login, f"{serving.url}{PAGE}/off", current=GOOD, code=phone.sheet[1]).status_code == 400
    answer = send(login, f"{serving.url}{PAGE}/off", current=GOOD, code=fresh[0])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?done=second-factor-off")
    assert "Second factor turned off." in browser.get(serving.url + "/account?done=second-factor-off").text
    assert Browser(serving).password().headers["Location"] == "/"
    assert "is off" in alert(send(login, f"{serving.url}{PAGE}/off", current=GOOD, code=fresh[1]))


def test_a_token_takes_a_code_and_works_without_one(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """A token outlives the login, so creating one needs a code; using it does not."""
    _, script = serving.resources.tokens.add(serving.user(Role.ADMIN), "before", 1)
    login = Browser(serving)
    login.password()
    login.code(phone.shows())
    browser: Any = login
    browser.csrf = csrf_token(login.cookies[cookie_name(serving.settings)])
    fields = {"name": "nightly", "days": "1", "current": GOOD}
    assert "Wrong code" in alert(send(browser, serving.url + "/account/tokens", **fields))
    assert "Wrong code" in alert(send(browser, serving.url + "/account/tokens", **fields, code="000000"))
    clock.now += STEP_S
    made = send(browser, serving.url + "/account/tokens", **fields, code=phone.shows())
    assert made.status_code == 201
    found = re.search(r'id="secret">([^<]+)<', made.text)
    assert found
    for token in (script, found[1]):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(serving.url + "/api/log", headers=headers, timeout=60).status_code == 200
    # Changing the password only needs the current one: a code is still needed to log in.
    data = {"current": GOOD, "password": OTHER, "again": OTHER}
    assert send(browser, serving.url + "/account/password", **data).status_code == 303


def test_a_script_cannot_change_it(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """No token turns it on or off, or resets another's."""
    script = serving.as_(Role.ADMIN)
    for path in (f"{PAGE}/prepare", f"{PAGE}/confirm", f"{PAGE}/codes", f"{PAGE}/off", "/people/second-factor/reset"):
        answer = script.post(serving.url + path, data={"name": "the admin", "current": GOOD, "code": phone.sheet[0]})
        assert answer.status_code == 403
    assert serving.resources.code_logins.factors.status(serving.user(Role.ADMIN)).recovery_codes == RECOVERY_CODES


def test_an_administrator_resets_anothers(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """The users' page shows who has one; removing it ends the user's logins; one's own needs a code."""
    users = serving.resources.users
    users.add("Eva", Role.ADMIN, GOOD)
    eva: Any = Browser(serving)
    eva.password(name="Eva")
    eva.csrf = csrf_token(eva.cookies[cookie_name(serving.settings)])
    browser = Browser(serving)
    browser.password()
    browser.code(phone.shows())
    assert browser.is_in
    page = eva.get(serving.url + "/people").text
    assert page.count("Remove second factor of") == 1
    assert "Remove second factor of the admin" in page
    reset = f"{serving.url}/people/second-factor/reset"
    answer = send(eva, reset, name="THE ADMIN")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people?done=second-factor")
    assert "Second factor removed" in eva.get(serving.url + "/people?done=second-factor").text
    assert not browser.is_in
    assert Browser(serving).password().headers["Location"] == "/"
    for name, status, why in (("the admin", 404, "no second factor"), ("Eva", 400, "your own"), ("x", 404, "no user")):
        again = send(eva, reset, name=name)
        assert again.status_code == status
        assert why in alert(again)


@pytest.mark.parametrize("role", Role)
def test_it_is_offered_from_operators_on(serving: "Serving", clock: Clock, role: Role) -> None:
    """A viewer sees no word of it on the account's page, and gets no secret."""
    browser = serving.login(role)
    offered = role is not Role.VIEWER
    assert ("Set up second factor" in browser.get(serving.url + "/account").text) is offered
    assert ("<button>Set up</button>" in browser.get(serving.url + PAGE).text) is offered
    assert send(browser, f"{serving.url}{PAGE}/prepare").status_code == (200 if offered else 403)
    assert send(browser, f"{serving.url}{PAGE}/confirm").status_code == (400 if offered else 403)


def test_a_viewer_keeps_a_second_factor_from_a_former_role(serving: "Serving", clock: Clock) -> None:
    """Another role opens no way around the code, and none out of turning it off."""
    operator: Any = serving.login(Role.OPERATOR)
    phone = turn_on(serving, operator, clock)
    serving.resources.users.set_role("the operator", Role.VIEWER)
    browser = Browser(serving)
    assert browser.password(name="the operator").headers["Location"] == "/login/code"
    assert browser.code(phone.shows()).status_code == 303
    assert "Manage second factor" in browser.get(serving.url + "/account").text
    assert send(operator, f"{serving.url}{PAGE}/off", current=GOOD, code=phone.sheet[0]).status_code == 303
    assert Browser(serving).password(name="the operator").headers["Location"] == "/"


def test_everything_is_said_in_spanish_too(serving: "Serving", clock: Clock, phone: Phone) -> None:
    """The form for the code and its refusal have no English left."""
    browser = Browser(serving)
    browser.headers["Accept-Language"] = "es"
    browser.password()
    answer = browser.code("000000")
    assert answer.status_code == 401
    assert "relojes del teléfono y del servidor" in alert(answer)
    assert 'lang="en"' not in answer.text.partition("<main")[2].partition("</main>")[0]
