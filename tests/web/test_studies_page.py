"""The page of studies: administrators make, fill and give them; what it shows is what is so."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from labcrate.people.roles import Role

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Login, Serve, Serving

PAGE = "/people/studies"


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve the usual lab, with a tag on sessions 42 and 43."""
    usual_lab.session(42, tags=["Falls"])
    usual_lab.session(43, tags=["falls", "<b>night</b>"])
    running = serve(usual_lab.root)
    running.user(Role.OPERATOR)
    return running


@pytest.fixture
def admin(serving: "Serving") -> "Login":
    """Return a browser of an administrator."""
    return serving.login(Role.ADMIN)


def send(serving: "Serving", browser: "Login", below: str, **fields: str) -> Any:
    """Send one of the page's forms, and follow where that leads."""
    return browser.post(serving.url + PAGE + below, data={"csrf": browser.csrf} | fields)


def test_a_study_is_created_filled_and_removed(serving: "Serving", admin: "Login") -> None:
    """Every form works, and the page shows the result; only a study without people can be removed."""
    studies = serving.resources.studies
    assert "no sessions and no people yet" in send(serving, admin, "/add", name="Falls at home").text
    send(serving, admin, "/sessions/add", study="Falls at home", session="s42")
    page = send(serving, admin, "/people/add", study="Falls at home", name="the operator")
    assert "with immediate effect" in page.text
    study = studies.get("falls at home")
    assert (study.sessions, study.people) == (("42",), ("the operator",))
    assert studies.scope(serving.resources.users.get("the operator")).is_limited
    refused = send(serving, admin, "/remove", study="Falls at home")
    assert (refused.status_code, "has people" in refused.text) == (400, True)
    send(serving, admin, "/people/remove", study="Falls at home", name="the operator")
    send(serving, admin, "/sessions/remove", study="Falls at home", session="42")
    assert not studies.get("Falls at home").sessions
    send(serving, admin, "/remove", study="Falls at home")
    assert studies.all() == []


def test_a_tag_is_shown_before_it_fills_a_study(serving: "Serving", admin: "Login", usual_lab: "LabBuilder") -> None:
    """Its sessions are listed for confirmation; if they have changed since, they are only shown again."""
    send(serving, admin, "/add", name="S")
    offered = admin.get(serving.url + PAGE, params={"study": "S", "tag": "falls"}).text
    assert "2 sessions would be added" in offered
    assert serving.resources.studies.get("S").sessions == ()
    (shown,) = re.findall(r'name="shown" value="(\w+)"', offered)
    usual_lab.session(44, tags=["falls"])
    again = send(serving, admin, "/fill", study="S", tag="falls", shown=shown).text
    assert "3 sessions would be added" in again
    assert "Check the list again" in again
    assert serving.resources.studies.get("S").sessions == ()
    (shown,) = re.findall(r'name="shown" value="(\w+)"', again)
    send(serving, admin, "/fill", study="S", tag="falls", shown=shown)
    assert serving.resources.studies.get("S").sessions == ("42", "43", "44")
    usual_lab.session(45, tags=["falls"])
    assert "45" not in serving.resources.studies.get("S").sessions


def test_mistakes_are_said_on_the_page(serving: "Serving", admin: "Login") -> None:
    """A name that is taken, a session or user that there is not: one sentence, with its status, and no change."""
    send(serving, admin, "/add", name="S")
    for below, fields, status, said in (
        ("/add", {"name": "s"}, 400, "already a study"),
        ("/sessions/add", {"study": "S", "session": "4711"}, 404, "There is no session 4711"),
        ("/sessions/remove", {"study": "S", "session": "42"}, 404, "has no session"),
        ("/people/add", {"study": "S", "name": "nobody"}, 404, "There is no user"),
        ("/people/remove", {"study": "S", "name": "the admin"}, 404, "is not in study"),
        ("/people/add", {"study": "T", "name": "the admin"}, 404, "There is no study"),
    ):
        answer = send(serving, admin, below, **fields)
        assert (answer.status_code, said in answer.text) == (status, True), below
    study = serving.resources.studies.get("S")
    assert (study.sessions, study.people) == ((), ())


def test_the_page_is_spanish_and_takes_no_markup(serving: "Serving", admin: "Login") -> None:
    """Everything is said in Spanish too; names and tags stay text."""
    send(serving, admin, "/add", name="<i>S</i>")
    page = admin.get(serving.url + PAGE, headers={"Accept-Language": "es"}).text
    assert "Nuevo estudio" in page
    assert "Este estudio no tiene personas." in page
    assert "<i>S" not in page
    assert "<b>night" not in page


def test_tokens_do_not_change_studies(serving: "Serving") -> None:
    """A token must not change what its user sees; nor does a form without the page's own word."""
    answer = serving.as_(Role.ADMIN).post(serving.url + PAGE + "/add", data={"name": "S"})
    assert answer.status_code == 403
    assert serving.login(Role.ADMIN).post(serving.url + PAGE + "/add", data={"name": "S"}).status_code == 403
    assert serving.resources.studies.all() == []


def test_people_of_a_study_see_no_check_and_no_wider_window(serving: "Serving") -> None:
    """Menu and export form only offer what these users may do; pages explain what is not shown."""
    studies = serving.resources.studies
    studies.add("S")
    studies.add_sessions("S", ["42"], "ana")
    studies.add_people("S", [serving.user(Role.OPERATOR)])
    browser = serving.login(Role.OPERATOR)
    assert browser.get(serving.url + "/api/sessions/42/plan").status_code == 200  # then the page has no need to wait
    page = browser.get(serving.url + "/sessions/42", headers={"Accept-Language": "es"}).text
    assert "/doctor" not in page
    assert 'name="pad"' not in page
    assert 'value="all"' in page  # of the data, not of readings
    assert 'name="readings"' not in page
    assert "usted solo ve las sesiones de sus estudios" in page
    studies.remove_sessions("S", ["42"])
    assert "Sus estudios aún no tienen sesiones" in browser.get(serving.url, headers={"Accept-Language": "es"}).text
