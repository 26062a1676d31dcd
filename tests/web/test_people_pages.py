"""The pages about people: everybody's own account, and for administrators all the others."""

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
import requests

from labcrate.model.timespan import format_instant
from labcrate.people.roles import Role

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Login, Serve, Serving

GOOD, OTHER = "correct horse", "another horse"


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve the usual lab with an administrator."""
    running = serve(usual_lab.root)
    running.user(Role.ADMIN)
    return running


def send(browser: "Login", url: str, **fields: str) -> requests.Response:
    """Send a page's form, and follow nowhere."""
    return browser.post(url, data={**fields, "csrf": browser.csrf}, allow_redirects=False, timeout=60)


def alert(answer: requests.Response) -> str:
    """Return the error that a page shows."""
    found = re.findall(r'role="alert"[^>]*>([^<]*)<', answer.text)
    assert len(found) == 1, answer.text
    return str(found[0])


class Fields(HTMLParser):
    """Finds the fields of a page, and the labels of each."""

    def __init__(self) -> None:
        super().__init__()
        self.unnamed: dict[str, str] = {}
        self.labels: set[str] = set()
        self.named: set[str] = set()
        self.ids: list[str] = []
        self.refers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "label":
            self.labels.add(str(told["for"]))
        for name in ("aria-describedby", "aria-labelledby"):
            self.refers.update((told.get(name) or "").split())
        if tag in ("input", "select") and told.get("type") != "hidden" and not told.get("aria-label"):
            self.unnamed[str(told.get("id"))] = tag


def test_every_field_says_what_it_is(serve: "Serve", usual_lab: "LabBuilder") -> None:
    """Each field of each page has a label, each id is there once, and what a field refers to is there."""
    serving = serve(usual_lab.root)
    setup = requests.get(f"{serving.url}{serving.resources.accounts.setup_link()}", timeout=60)
    browser = serving.login(Role.ADMIN)
    serving.resources.users.add("bob", Role.VIEWER, GOOD)
    pages = [
        setup,
        requests.get(serving.url + "/login", timeout=60),
        requests.post(serving.url + "/login", timeout=60),
        browser.get(serving.url + "/account"),
        browser.get(serving.url + "/people", headers={"Accept-Language": "es"}),
        send(browser, serving.url + "/people/add"),
        send(browser, serving.url + "/people/disable"),
        send(browser, serving.url + "/account/password"),
        send(browser, serving.url + "/account/tokens"),
        send(browser, serving.url + "/account/tokens", name="script", days="1", current=GOOD),
        browser.get(serving.url + "/account"),
        browser.get(serving.url + "/people"),
    ]
    for page in pages:
        fields = Fields()
        fields.feed(page.text)
        assert set(fields.unnamed) <= fields.labels, page.url
        assert len(fields.ids) == len(set(fields.ids)), page.url
        assert fields.refers <= set(fields.ids), page.url


def test_an_administrator_adds_a_user_who_can_log_in(serving: "Serving") -> None:
    """Name, role and password of the form are those of the user."""
    browser = serving.login(Role.ADMIN)
    answer = send(browser, serving.url + "/people/add", name="Bob", role="operator", password=GOOD, again=GOOD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people?done=added")
    page = browser.get(serving.url + "/people?done=added")
    assert 'role="status"' in page.text
    assert "Bob" in page.text
    assert serving.resources.users.verify("bob", GOOD).role is Role.OPERATOR


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "bob", "role": "viewer", "password": "short", "again": "short"}, "at least 10"),
        ({"name": "bob", "role": "viewer", "password": GOOD, "again": OTHER}, "passwords are different"),
        ({"name": "", "role": "viewer", "password": GOOD, "again": GOOD}, "not a valid name for a user"),
        ({"name": "The Admin", "role": "viewer", "password": GOOD, "again": GOOD}, "already a user"),
        ({"name": "bob", "role": "king", "password": GOOD, "again": GOOD}, "Choose a role"),
        ({"name": "bob", "password": GOOD, "again": GOOD}, "Choose a role"),
    ],
)
def test_what_will_not_do_is_said_beside_the_form(serving: "Serving", fields: dict[str, str], why: str) -> None:
    """The form comes back with the typed name and the reason, without the password, and no user was added."""
    browser = serving.login(Role.ADMIN)
    answer = send(browser, serving.url + "/people/add", **fields)
    assert answer.status_code == 400
    assert why in alert(answer)
    assert f'id="name" name="name" value="{fields["name"]}"' in answer.text
    assert GOOD not in answer.text
    assert len(serving.resources.users.all()) == 1


def test_names_are_text_on_every_page(serving: "Serving") -> None:
    """A name or token that looks like HTML or like a placeholder of translations is shown unchanged."""
    hostile = '<script>alert(1)</script> %(name)s "x" {{1}}'
    browser = serving.login(Role.ADMIN)
    fields = {"name": hostile, "role": "viewer", "password": GOOD, "again": GOOD}
    assert send(browser, serving.url + "/people/add", **fields).status_code == 303
    again = send(browser, serving.url + "/people/add", **fields)
    assert "already a user" in alert(again)
    token = send(browser, serving.url + "/account/tokens", name=hostile, days="1", current=GOOD)
    missing = send(browser, serving.url + "/people/disable", name="<script>alert(2)</script> %s %(x)d")
    assert missing.status_code == 404
    for page in (browser.get(serving.url + "/people"), browser.get(serving.url + "/account"), again, token, missing):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


def test_roles_and_locks_are_changed(serving: "Serving") -> None:
    """Each button takes effect at once; those of the last administrator are refused with the reason."""
    browser, users = serving.login(Role.ADMIN), serving.resources.users
    bob = users.add("bob", Role.VIEWER, GOOD)
    secret = serving.resources.logins.begin(bob)
    _, token = serving.resources.tokens.add(bob, "script", 1)
    assert send(browser, serving.url + "/people/role", name="bob", role="operator").status_code == 303
    assert users.get("bob").role is Role.OPERATOR
    assert send(browser, serving.url + "/people/password", name="bob", password=OTHER).status_code == 303
    assert users.verify("bob", OTHER)
    assert serving.resources.logins.find(secret) is None
    assert serving.resources.tokens.find(token) is None
    assert send(browser, serving.url + "/people/disable", name="bob").status_code == 303
    assert users.get("bob").disabled
    assert send(browser, serving.url + "/people/enable", name="bob").status_code == 303
    assert not users.get("bob").disabled
    for path, fields in (("disable", {}), ("role", {"role": "viewer"})):
        answer = send(browser, f"{serving.url}/people/{path}", name="the admin", **fields)
        assert answer.status_code == 400
        assert alert(answer) == "the admin is the last administrator. Make another user an administrator first."
    assert "at least 10" in alert(send(browser, serving.url + "/people/password", name="bob", password="short"))  # noqa: S106


def test_an_administrator_can_give_up_the_role(serving: "Serving") -> None:
    """Making oneself a viewer leads to a page that viewers may see."""
    browser = serving.login(Role.ADMIN)
    serving.resources.users.add("bob", Role.ADMIN, GOOD)
    answer = send(browser, serving.url + "/people/role", name="the admin", role="viewer")
    assert answer.headers["Location"] == "/"
    assert browser.get(serving.url + "/").status_code == 200
    assert browser.get(serving.url + "/people").status_code == 403


def test_changing_ones_password_ends_the_other_logins(serving: "Serving") -> None:
    """It takes the current password; this browser stays logged in, all others do not."""
    here, there = serving.login(Role.VIEWER), serving.login(Role.VIEWER)
    fields = {"current": GOOD, "password": OTHER, "again": OTHER}
    for wrong, why in (
        ({"current": "wrong horse"}, "The current password is wrong"),
        ({"again": GOOD}, "passwords are different"),
        ({"password": "short", "again": "short"}, "at least 10"),
    ):
        answer = send(here, serving.url + "/account/password", **{**fields, **wrong})
        assert answer.status_code == 400
        assert why in alert(answer)
    assert there.get(serving.url + "/api/sessions").status_code == 200
    answer = send(here, serving.url + "/account/password", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?done=password")
    assert here.get(serving.url + "/api/sessions").status_code == 200
    assert there.get(serving.url + "/api/sessions").status_code == 401
    assert serving.resources.users.verify("the viewer", OTHER)


def test_the_present_password_cannot_be_guessed_in_a_borrowed_browser(serving: "Serving") -> None:
    """Attempts count as those of the login page do, and with them: for another password and for a token alike."""
    browser = serving.login(Role.VIEWER)
    change = {"current": "wrong horse", "password": OTHER, "again": OTHER}
    make = {"current": "wrong horse", "name": "script", "days": "1"}
    for _ in range(5):
        answer = send(browser, serving.url + "/account/tokens", **make)
        assert (answer.status_code, alert(answer)) == (400, "The current password is wrong.")
        assert send(browser, serving.url + "/account/password", **change).status_code == 400
    answers = [
        send(browser, serving.url + "/account/tokens", **make | {"current": GOOD}),
        send(browser, serving.url + "/account/password", **change | {"current": GOOD}),
        requests.post(serving.url + "/login", data={"name": "the viewer", "password": GOOD}, timeout=60),
    ]
    assert [answer.status_code for answer in answers] == [429] * 3
    assert serving.resources.tokens.all() == []


def test_a_token_is_shown_once(serving: "Serving") -> None:
    """The answer to creating it shows it, it works, and no later page has it; revoked, it is worth nothing."""
    browser = serving.login(Role.OPERATOR)
    answer = send(browser, serving.url + "/account/tokens", name="nightly", days="30", current=GOOD)
    assert answer.status_code == 201
    found = re.search(r"<code[^>]*>(labcrate_[\w-]{43})<", answer.text)
    assert found is not None
    headers = {"Authorization": f"Bearer {found[1]}"}
    assert requests.get(serving.url + "/api/sessions/42/links", headers=headers, timeout=60).status_code == 200
    page = browser.get(serving.url + "/account")
    assert "nightly" in page.text
    assert found[1] not in page.text
    assert send(browser, serving.url + "/account/tokens/revoke", name="nightly").status_code == 303
    assert requests.get(serving.url + "/api/sessions/42/links", headers=headers, timeout=60).status_code == 401


@pytest.mark.parametrize("days", ["", "0", "-1", "3651", "1.5", "٣", "9" * 30, "1e3"])
def test_days_that_are_none_make_no_token(serving: "Serving", days: str) -> None:
    """A token is good for whole days, from one to ten years."""
    browser = serving.login(Role.VIEWER)
    answer = send(browser, serving.url + "/account/tokens", name="script", days=days, current=GOOD)
    assert answer.status_code == 400
    assert "1 to 3650 days" in alert(answer)
    assert serving.resources.tokens.all() == []


def test_a_refused_token_keeps_what_was_typed(serving: "Serving") -> None:
    """Name and days stand in the form again, the password does not."""
    browser = serving.login(Role.VIEWER)
    answer = send(browser, serving.url + "/account/tokens", name="nightly", days="30", current="wrong horse")
    assert 'name="name" value="nightly"' in answer.text
    assert 'max="3650" value="30"' in answer.text
    assert "wrong horse" not in answer.text


def test_a_new_password_revokes_tokens_if_ticked(serving: "Serving") -> None:
    """Users with tokens get a ticked box; without it the tokens stay, with it they are revoked."""
    browser = serving.login(Role.VIEWER)
    change = {"current": GOOD, "password": GOOD, "again": GOOD}
    assert 'name="revoke" type="hidden" value="yes"' in browser.get(serving.url + "/account").text
    serving.resources.tokens.add(serving.user(Role.VIEWER), "script", 1)
    assert 'name="revoke" type="checkbox" value="yes" checked' in browser.get(serving.url + "/account").text
    assert send(browser, serving.url + "/account/password", **change).status_code == 303
    assert [token.name for token in serving.resources.tokens.all()] == ["script"]
    assert send(browser, serving.url + "/account/password", revoke="yes", **change).status_code == 303
    assert serving.resources.tokens.all() == []


def test_an_administrator_sees_and_revokes_all_tokens(serving: "Serving") -> None:
    """Name, user and times of each token are on the page with a button to revoke it; only administrators see it."""
    tokens, user = serving.resources.tokens, serving.user(Role.VIEWER)
    _, secret = tokens.add(user, "nightly", 30)
    token, _ = tokens.add(user, "other", 30)
    browser = serving.login(Role.ADMIN)
    page = browser.get(serving.url + "/people").text
    assert 'aria-label="Revoke token nightly of the viewer"' in page
    for at in (token.created, token.expires):
        assert format_instant(at) in page
    assert secret not in page
    revoke = {"name": "the viewer", "token": "nightly"}
    theirs = serving.login(Role.VIEWER)
    assert send(theirs, serving.url + "/people/tokens/revoke", **revoke).status_code == 403
    assert browser.post(serving.url + "/people/tokens/revoke", data=revoke).status_code == 403
    assert tokens.find(secret) == user
    answer = send(browser, serving.url + "/people/tokens/revoke", **revoke)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people?done=revoked")
    assert tokens.find(secret) is None
    assert [each.name for each in tokens.all()] == ["other"]
    again = send(browser, serving.url + "/people/tokens/revoke", **revoke)
    assert (again.status_code, "has no token" in alert(again)) == (404, True)


def test_refusals_are_in_the_readers_language(serving: "Serving") -> None:
    """Refusals of the user pages are in Spanish for Spanish readers, with their values."""
    browser = serving.login(Role.ADMIN)
    browser.headers["Accept-Language"] = "es"
    for number in range(20):
        serving.resources.tokens.add(serving.user(Role.ADMIN), f"script {number}", 1)
    for path, fields, said in (
        (
            "account/tokens",
            {"name": "one more", "days": "1", "current": GOOD},
            "the admin ya tiene 20 tokens, el máximo",
        ),
        ("people/tokens/revoke", {"name": "the admin", "token": "x"}, "the admin no tiene ningún token «x»"),
        ("people/disable", {"name": "the admin"}, "the admin es el último administrador"),
        ("people/disable", {"name": "ghost"}, "No hay ningún usuario «ghost»"),
    ):
        assert said in alert(send(browser, f"{serving.url}/{path}", **fields))


def test_users_only_reach_their_own_tokens(serving: "Serving") -> None:
    """The account forms only reach the caller's own tokens."""
    admin = serving.user(Role.ADMIN)
    serving.resources.tokens.add(admin, "theirs", 1)
    browser = serving.login(Role.VIEWER)
    answer = send(browser, serving.url + "/account/tokens/revoke", name="theirs")
    assert answer.status_code == 404
    assert "theirs" not in browser.get(serving.url + "/account").text
    assert [token.name for token in serving.resources.tokens.all("the admin")] == ["theirs"]


FORMS = ["account/password", "account/tokens", "account/tokens/revoke"]
FORMS += [f"people/{action}" for action in ("add", "role", "disable", "enable", "password", "tokens/revoke")]


@pytest.mark.parametrize("path", FORMS)
def test_a_token_creates_no_tokens_and_changes_no_users(serving: "Serving", path: str) -> None:
    """A stolen token cannot create a longer-lived one, nor a user."""
    script = serving.as_(Role.ADMIN)
    tokens, people = serving.resources.tokens.all(), serving.resources.users.all()
    fields = {"name": "bob", "role": "admin", "password": OTHER, "again": OTHER, "current": GOOD, "days": "9"}
    answer = script.post(f"{serving.url}/{path}", data=fields)
    assert answer.status_code == 403
    assert [token.name for token in serving.resources.tokens.all()] == [token.name for token in tokens]
    assert serving.resources.users.all() == people
    assert serving.resources.users.verify("the admin", GOOD)
