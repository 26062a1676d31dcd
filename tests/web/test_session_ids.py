"""Sessions of any id over HTTP and on pages: each is listed, found, shown and downloaded under its own address."""

import html
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from tests.support.waiting import wait_for_plans

from labcrate.people.roles import Role

UUID = "7f9c24e5-1b1d-4c52-9d0e-5a8f0c3f7a11"
IDS = ["42", UUID, "P07", "P07-morning", "café", "kitchen 2.1"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a plan as long as it takes: how busy the machine is decides nothing."""
    wait_for_plans(monkeypatch)


def name_of(session_id: str) -> str:
    """Return the name of a session, which contains no ID of another."""
    return f"Named {'abcdef'[IDS.index(session_id)]}"


@pytest.fixture
def mixed(lab: Any, serve: Any) -> Any:
    """Serve a lab with every kind of session ID, below a path as behind a proxy."""
    lab.cameras("cam1")
    for session_id in IDS:
        lab.session(42 if session_id == "42" else session_id, name=name_of(session_id))
        lab.write(f"sessions/Session{session_id}/sensor_data/own.csv", f"session\n{session_id}\n")
    lab.recording("recordings/cam1_session42_a.mp4")
    lab.recording("recordings/cam1_42_b.mp4")
    return serve(lab.root)


def api(session_id: str, below: str = "") -> str:
    """Return the URL of a session in the API."""
    return f"/api/sessions/{quote(session_id, safe='')}{below}"


def as_json(session_id: str) -> int | str:
    """Return an ID as responses have it."""
    return 42 if session_id == "42" else session_id


def links(text: str) -> set[str]:
    """Return the URLs in a page."""
    return {html.unescape(address) for address in re.findall(r'(?:href|action|data-source|src)="([^"]+)"', text)}


def test_the_list_and_its_search_find_every_id(mixed: Any) -> None:
    """A number must match whole, other IDs in part and in any case; numbers sort first."""
    assert [row["id"] for row in mixed.get("/api/sessions").json()["sessions"]] == list(map(as_json, IDS))
    backwards = mixed.get("/api/sessions?order=desc").json()["sessions"]
    assert [row["id"] for row in backwards] == list(map(as_json, reversed(IDS)))
    for words, found in (
        ("42", [42]), ("4", [UUID]), ("p07", ["P07", "P07-morning"]), ("P07-MORNING", ["P07-morning"]), (UUID, [UUID]),
        ("7f9c24e5", [UUID]), ("kitchen 2.1", ["kitchen 2.1"]), ("cafe", ["café"]), ("p08", []),
    ):  # fmt: skip
        query = f"?q={quote(words)}"
        assert [row["id"] for row in mixed.get(f"/api/sessions{query}").json()["sessions"]] == found, words
        shown = links(mixed.get(f"/{query}").text)
        assert {unquote(at[10:]) for at in shown if at.startswith("/sessions/")} == set(map(str, found)), words


@pytest.mark.parametrize("session_id", IDS)
def test_a_session_is_served_under_its_own_address(mixed: Any, session_id: str) -> None:
    """Responses name it as JSON does, links lead to it, and both of the platform's paths still work."""
    told = mixed.get(api(session_id)).json()
    assert told["id"] == as_json(session_id)
    assert told["links"]["plan"] == api(session_id, "/plan")
    assert mixed.get(told["links"]["plan"]).json()["session"] == as_json(session_id)
    assert mixed.get(told["links"]["page"]).status_code == 200
    job = mixed.as_(Role.OPERATOR).post(mixed.url + api(session_id, "/prepare")).json()
    assert (job["session"], job["links"]["archive"]) == (as_json(session_id), api(session_id, "/archive.zip"))
    for path in ("/archive.zip", "/download"):
        answer = mixed.get(api(session_id, path), Role.OPERATOR)
        assert answer.status_code == 200
        assert f"session\n{session_id}\n".encode() in answer.content
        name = f"Session{session_id} {name_of(session_id)}.zip"
        exact = answer.headers["Content-Disposition"].partition("filename*=UTF-8''")[2]
        assert (unquote(exact) if exact else name) == name
        assert exact or f'filename="{name}"' in answer.headers["Content-Disposition"]
    assert mixed.get(api(session_id, "/export-progress"), Role.OPERATOR).json()["status"]
    log = mixed.get(f"/api/log?session={quote(session_id)}", Role.ADMIN).json()["lines"]
    assert [line["session"] for line in log] == [as_json(session_id)] * 2
    page = mixed.get(f"/log?session={quote(session_id)}", Role.ADMIN).text
    assert f"/sessions/{quote(session_id, safe='')}" in links(page)


@pytest.mark.parametrize("session_id", IDS)
def test_every_link_of_a_session_page_leads_somewhere(mixed: Any, session_id: str) -> None:
    """The page of a session and the pages that it leads to are there, and no link leads to another session."""
    page = mixed.get(f"/sessions/{quote(session_id, safe='')}", Role.OPERATOR)
    assert page.status_code == 200
    assert f"<bdi>{session_id}</bdi>" in page.text
    own = {at for at in links(page.text) if "/sessions/" in at}
    assert own
    for address in own:
        assert unquote(urlsplit(address).path).split("sessions/")[1].split("/")[0] == session_id
        if not address.endswith(("/undo", "/links")):
            assert mixed.get(address, Role.OPERATOR).status_code == 200, address


def test_a_link_is_made_and_undone_on_a_session_with_a_space(mixed: Any, lab: Any) -> None:
    """The addresses of links and the redirects of the page's forms carry the id percent-encoded."""
    operator = mixed.as_(Role.OPERATOR)
    lab.recording("recordings/cam1_42_b.mp4")
    assert mixed.get(api("kitchen 2.1", "/links"), Role.OPERATOR).json()["links"] == []
    made = operator.post(mixed.url + api("42", "/links"), json={"file": "recordings/cam1_42_b.mp4"})
    assert (made.status_code, made.headers["Location"]) == (201, api("42", "/links/1"))
    # The link is of session 42: no other session can take it back.
    assert operator.delete(mixed.url + api("kitchen 2.1", "/links/1")).status_code == 404
    assert operator.delete(mixed.url + api("42", "/links/1")).json()["session"] == 42


@pytest.mark.parametrize(
    "text", ["042", "a%2Fb", "..%2f42", "x.", "%20x", "a%3Cb%3E", "x" * 65, "%00", "%C3%28", "-1", "a+b", "%252e"]
)
def test_what_no_id_can_be_is_a_404_that_says_the_rule(mixed: Any, text: str) -> None:
    """It names what is wrong, in the API and on the page, and reaches no file."""
    answer = mixed.get(f"/api/sessions/{text}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:labcrate:error:no-session")
    assert "an ID has 1 to 64 letters, digits, spaces" in answer.json()["detail"]
    page = mixed.get(f"/sessions/{text}")
    assert page.status_code == 404
    assert "an ID has 1 to 64 letters" in html.unescape(page.text)
    assert not [at for at in links(page.text) if at.startswith("/sessions/")]


def test_a_decomposed_address_is_the_same_session(mixed: Any) -> None:
    """Ids are compared composed, as a macOS browser's address may not be."""
    assert mixed.get("/api/sessions/cafe%CC%81").json()["id"] == "café"
    assert mixed.get("/api/sessions/CAFÉ").status_code == 404
