"""Studies: roles x studies x routes; users in a study see nothing of other sessions."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.support.waiting import wait_for_ended
from tests.web.test_login_access import GOOD, Route, routes_of

from labcrate.people.roles import Role
from labcrate.people.users import User
from labcrate.web.auth.require_role import SCOPED_ATTRIBUTE

if TYPE_CHECKING:
    from tests.conftest import LabBuilder
    from tests.web.conftest import Serve, Serving

ABSENT = "4711"
"""A session that the lab does not have."""

OTHERS = ("Session7", "session7", "Evening", "mislaid", "Session8", "session8")
"""What stands in the lab of sessions 7 and 8 alone."""

SEEN_BY_ALL = {
    "/": "sessions of the scope",
    "/api/sessions": "sessions of the scope",
    "/account": "their own",
    "/account/password": "their own",
    "/account/tokens": "their own",
    "/account/tokens/revoke": "their own",
    "/account/second-factor": "their own",
    "/account/second-factor/prepare": "their own",
    "/account/second-factor/confirm": "their own",
    "/account/second-factor/codes": "their own",
    "/account/second-factor/off": "their own",
    "/key": "the lab's public key",
    "/logout": "their own",
}
WHOLE_LAB = ("/doctor", "/api/doctor")
JOBS = ("/api/jobs/{id}", "/api/jobs/{id}/events")
STUDIES_OF = {"of 42": ["42"], "of 42 and 8": ["42", "8"], "of 7": ["7"], "of nothing": []}


@pytest.fixture
def serving(serve: "Serve", usual_lab: "LabBuilder") -> "Serving":
    """Serve the usual lab with two more sessions, one right after 42, and files of every session and of none."""
    lab = usual_lab
    for number, start, end in ((7, "06:00", "06:30"), (8, "08:05", "08:30")):
        lab.session(
            number,
            name="Evening",
            tags=["mislaid"],
            startTime=f"2025-05-02T{start}:00.000Z",
            endTime=f"2025-05-02T{end}:00.000Z",
        )
        lab.recording(f"sessions/Session{number}/recordings/any.mp4")
        lab.recording(f"recordings/cam1_session{number}_mislaid.mp4")
    lab.recording("recordings/cam1_42_named.mp4")
    lab.recording("recordings/cam1_mislaid.mp4")
    lab.recording("recordings/odd_session42_session7_mislaid.mp4")
    running = serve(lab.root)
    running.user(Role.ADMIN)
    return running


def member(serving: "Serving", role: Role, *studies: list[str]) -> User:
    """Return a user in studies with these sessions, or (None) in no study."""
    user = serving.resources.users.add(f"somebody {len(serving.resources.users.all())}", role, GOOD)
    for number, sessions in enumerate(studies):
        name = f"study {number} of {user.name}"
        serving.resources.studies.add(name)
        serving.resources.studies.add_sessions(name, sessions, "ana")
        serving.resources.studies.add_people(name, [user])
    return user


def script(serving: "Serving", user: User) -> requests.Session:
    """Return a client with a token of that user."""
    client = serving.as_(None)
    _, secret = serving.resources.tokens.add(user, f"token {len(serving.resources.tokens.all())}", 1)
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


def by_session(serving: "Serving") -> list[Route]:
    """Return every route with a session's ID in its path, as ``{}``; fail for a route of an unknown kind."""
    found = []
    for route, handler in zip(routes_of(serving.app), serving.app.router.routes(), strict=True):
        assert handler.resource is not None
        path = handler.resource.canonical
        if re.match(r"(/api)?/sessions/\{id\}(/|$)", path):
            found.append(Route(route.method, re.sub(r"/42(?=/|$)", "/{}", route.path, count=1), route.needs))
        elif route.needs in (Role.VIEWER, Role.OPERATOR):
            keeps = path in SEEN_BY_ALL or path in JOBS
            assert keeps or path in WHOLE_LAB, f"{path}: say above what people of a study get there"
            assert getattr(handler.handler, SCOPED_ATTRIBUTE, False) is keeps, path
        else:
            assert "{id}" not in path, f"{path}: what is about a session is below /sessions/ or /api/sessions/"
    assert len(found) > 20
    return found


def asked(serving: "Serving", client: requests.Session, route: Route, session: str) -> tuple[Any, ...]:
    """Return what a response shows about a session: everything except the time and the session's own ID."""
    url, body = serving.url + route.path.format(session), {"file": "recordings/cam1_mislaid.mp4"}
    answer = client.request(
        route.method,
        url,
        json=body if route.method == "POST" and not route.is_form else None,
        headers={"Accept": "text/html"} if not route.path.startswith("/api") else {},
        allow_redirects=False,
        timeout=60,
    )
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "Content-Length")}
    return (
        answer.status_code,
        headers,
        re.sub(rf"(?<=[Ss]ession ){session}\b|(?<=sessions/){session}\b", "{{id}}", answer.text),
    )


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR], ids=str)
@pytest.mark.parametrize("study", STUDIES_OF)
def test_a_session_that_is_not_in_the_study_is_not_there(serving: "Serving", role: Role, study: str) -> None:
    """On every route a session outside the study answers as one that does not exist: status, headers and every byte."""
    client, sessions = script(serving, member(serving, role, STUDIES_OF[study])), STUDIES_OF[study]
    for route in by_session(serving):
        nothing = asked(serving, client, route, ABSENT)
        assert nothing[0] in (403, 404), route
        assert nothing[0] == 404 or not role.covers(route.needs or role) or route.is_form, route
        for session in ("42", "7", "8"):
            if session not in sessions:
                assert asked(serving, client, route, session) == nothing, (route, session)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR], ids=str)
def test_a_session_of_the_study_is_as_for_other_users(serving: "Serving", role: Role) -> None:
    """On every route a session of the study answers with the status that people of no study get."""
    everybody, of_study = (script(serving, member(serving, role, *of)) for of in ([], [["42"]]))
    for client in (everybody, of_study):  # then no page has to wait for a plan
        assert client.get(serving.url + "/api/sessions/42/plan").status_code == 200
    for route in by_session(serving):
        if route.method in ("GET", "HEAD"):
            told = asked(serving, of_study, route, "42")
            assert told[0] == asked(serving, everybody, route, "42")[0], route
            for word in OTHERS:
                assert word not in told[2], (route, word)


@pytest.mark.parametrize("role", Role, ids=str)
@pytest.mark.parametrize("studies", [[], [["42"]], [["42"], ["8"]], [[]]], ids=str)
def test_roles_and_studies_on_every_session(serving: "Serving", role: Role, studies: list[list[str]]) -> None:
    """Administrators and people of no study see every session, others the union of their studies', and no more."""
    client = script(serving, member(serving, role, *studies))
    limited = bool(studies) and role is not Role.ADMIN
    seen = {session for study in studies for session in study} if limited else {"7", "8", "42"}
    rows = client.get(serving.url + "/api/sessions").json()
    assert ({str(row["id"]) for row in rows["sessions"]}, rows["total"]) == (seen, len(seen))
    for session in ("7", "8", "42"):
        there = client.get(f"{serving.url}/api/sessions/{session}").status_code
        assert there == (200 if session in seen else 404)
    whole_lab = [client.get(serving.url + path).status_code for path in WHOLE_LAB]
    may = role.covers(Role.OPERATOR) and not limited
    assert set(whole_lab) <= ({200, 202} if may else {403})


def test_lists_and_searches_hold_the_studies_sessions_alone(serving: "Serving") -> None:
    """Counts, pages, searches and states of the list show nothing of other sessions, in page and API."""
    client = script(serving, member(serving, Role.OPERATOR, ["42"]))
    assert client.get(serving.url + "/api/sessions?q=evening").json()["total"] == 0
    for path in ("/", "/?q=evening", "/?q=7", "/?status=completed"):
        page = client.get(serving.url + path).text
        for word in OTHERS:
            assert word not in page.replace("/?q=evening", ""), (path, word)
    assert "of 3" not in client.get(serving.url + "/?q=morning").text
    health = client.get(serving.url + "/api/health").json()
    assert "indexing" not in health
    assert "jobsRunning" not in health


def test_the_plan_says_nothing_of_other_sessions(serving: "Serving") -> None:
    """Near misses name this session and no other; what is left out is not counted; no warning hints at another."""
    everybody, of_study = (script(serving, member(serving, Role.OPERATOR, *of)) for of in ([], [["42"]]))
    whole, told = (client.get(serving.url + "/api/sessions/42/plan").json() for client in (everybody, of_study))
    assert len(whole["nearMisses"]) == 3
    assert [near["file"] for near in told["nearMisses"]] == ["recordings/cam1_42_named.mp4"]
    assert told["nearMissCount"] == 1
    assert whole["leftOut"]
    assert told["leftOut"] == {}
    links = of_study.get(serving.url + "/api/sessions/42/links").json()
    assert links["nearMisses"] == told["nearMisses"]
    assert told["members"] == whole["members"]


@pytest.fixture
def open_lab(serving: "Serving", usual_lab: "LabBuilder") -> "LabBuilder":
    """Serve the same lab, but 42 has no end and no readings, and overlaps the next session with its last recording."""
    usual_lab.session(42, endTime="absent")
    usual_lab.recording("recordings/cam1_session42_2025-05-02_08-01-00Z.mp4")
    usual_lab.session(9, name="Evening", startTime="2025-05-02T08:00:59.000Z")
    usual_lab.session(10, name="Evening", startTime="2025-05-02T08:00:00.000Z")
    usual_lab.zigbee_json([("2025-05-01T10:00:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    usual_lab.zigbee_csv([])
    return usual_lab


def test_warnings_hide_the_next_session_and_the_labs_readings(serving: "Serving", open_lab: "LabBuilder") -> None:
    """A bound shows its time, not that another session started; the lab's readings are not counted or shown."""
    everybody, of_study = (script(serving, member(serving, Role.VIEWER, *of)) for of in ([], [["42"]]))
    whole, told = (client.get(serving.url + "/api/sessions/42/plan").json() for client in (everybody, of_study))
    assert any("next session" in warning for warning in whole["warnings"])
    assert any("Another session" in warning for warning in whole["warnings"])
    assert any("the lab has 1" in warning for warning in whole["warnings"])
    assert "No sensor reading is within the session's time." in told["warnings"]
    assert any(re.fullmatch("The session has no end time: .* up to [^,]*", said) for said in told["warnings"])
    for hint in ("next session", "nother session", "the lab has", "nearest"):
        assert hint not in str(told["warnings"]), hint


BEYOND = (
    "pad=1s",
    "readings=all",
    "time_zone=Asia/Tokyo",
    "from=2025-05-02T07:59:59Z",
    "to=2025-05-02T08:05:01Z",
    "to=2025-05-02T10:06",
    "from=2025-05-01T10:00:00Z&to=2025-05-03T10:00:00Z",
)


@pytest.mark.parametrize("query", BEYOND)
def test_no_window_leaves_the_session_within_a_study(serving: "Serving", query: str) -> None:
    """What would take readings beyond the session's own time is refused with 403 and a sentence everywhere."""
    everybody, of_study = (script(serving, member(serving, Role.OPERATOR, *of)) for of in ([], [["42"]]))
    for method, path in (
        ("GET", "/api/sessions/42/plan"),
        ("GET", "/api/sessions/42/archive.zip"),
        ("GET", "/api/sessions/42/download"),
        ("POST", "/api/sessions/42/prepare"),
        ("GET", "/api/sessions/42/export-progress"),
        ("GET", "/sessions/42"),
        ("GET", "/sessions/42/choice"),
    ):
        assert everybody.request(method, f"{serving.url}{path}?{query}").status_code in (200, 202), path
        answer = of_study.request(method, f"{serving.url}{path}?{query}")
        assert answer.status_code == 403, path
        assert "people in a study" in answer.text, path


def test_within_the_session_parts_can_be_chosen(serving: "Serving") -> None:
    """Times inside the session, cameras, sensors, tables and no pad are allowed, and give what everybody gets."""
    admin = serving.as_(Role.ADMIN)
    of_study = script(serving, member(serving, Role.OPERATOR, ["42"]))
    time = "from=2025-05-02T08:01:00Z&to=2025-05-02T08:05:00Z"
    for query in ("", "only=sensors", "camera=cam1", time, "with=parquet", "without=long-json&without=zigbee-csv"):
        archives = [client.get(f"{serving.url}/api/sessions/42/archive.zip?{query}") for client in (admin, of_study)]
        assert [answer.status_code for answer in archives] == [200, 200], query
        assert archives[0].content == archives[1].content, query
        assert archives[0].headers["ETag"] == archives[1].headers["ETag"], query
    assert of_study.get(f"{serving.url}/api/sessions/42/plan?pad=0").status_code == 200


def test_the_labs_own_pad_does_not_widen_a_studys_window(serving: "Serving", usual_lab: "LabBuilder") -> None:
    """Even with a pad in labcrate.toml, users in a study only get the session's own time."""
    usual_lab.write("labcrate.toml", '[session]\npad = "10m"\n')
    everybody, of_study = (script(serving, member(serving, Role.VIEWER, *of)) for of in ([], [["42"]]))
    whole, told = (client.get(serving.url + "/api/sessions/42/plan").json() for client in (everybody, of_study))
    assert (whole["readings"], told["readings"]) == (5, 3)
    plot = of_study.get(f"{serving.url}/api/sessions/42/readings/plot?property=contact").json()
    assert plot["from"] == "2025-05-02T08:00:00.000Z"


def test_only_files_that_name_the_session_are_linked(serving: "Serving") -> None:
    """What was made at the right time, names others or is not there is refused in one sentence; what names it, not."""
    of_study = script(serving, member(serving, Role.OPERATOR, ["42"]))
    address, refused = serving.url + "/api/sessions/42/links", set()
    for file in (
        "recordings/cam1_mislaid.mp4",
        "recordings/odd_session42_session7_mislaid.mp4",
        "recordings/cam1_session7_mislaid.mp4",
        "sessions/Session7/recordings/any.mp4",
        "recordings/not_there.mp4",
    ):
        answer = of_study.post(address, json={"file": file})
        refused.add((answer.status_code, answer.json()["detail"].replace(file, "FILE")))
    assert len(refused) == 1
    assert next(iter(refused))[0] == 409
    made = of_study.post(address, json={"file": "recordings/cam1_42_named.mp4"})
    assert made.status_code == 201
    assert of_study.delete(f"{address}/{made.json()['number']}").status_code == 200


def test_a_link_of_another_session_is_as_one_that_is_not_there(serving: "Serving") -> None:
    """Undoing a link by a guessed number shows nothing of the links of other sessions."""
    everybody = serving.as_(Role.ADMIN)
    of_study = script(serving, member(serving, Role.OPERATOR, ["8"]))
    made = everybody.post(serving.url + "/api/sessions/42/links", json={"file": "recordings/cam1_42_named.mp4"}).json()
    told = {
        of_study.delete(f"{serving.url}/api/sessions/8/links/{number}").text.replace(str(number), "N")
        for number in (made["number"], made["number"] + 1)
    }
    assert len(told) == 1


def test_a_job_of_another_session_is_as_one_that_is_not_there(serving: "Serving") -> None:
    """Its state, its events and cancelling it answer as a job that never was; one's own is shown."""
    job = serving.as_(Role.ADMIN).post(serving.url + "/api/sessions/7/prepare").json()
    of_study, of_seven = (script(serving, member(serving, Role.OPERATOR, [one])) for one in ("42", "7"))
    for method, below in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        told = {
            (answer.status_code, answer.text.replace(str(number), "N"))
            for number in (job["id"], job["id"] + 1000)
            for answer in [of_study.request(method, f"{serving.url}/api/jobs/{number}{below}")]
        }
        assert len(told) == 1
        assert next(iter(told))[0] == 404
    assert of_seven.get(f"{serving.url}/api/jobs/{job['id']}").json()["session"] == 7


def test_the_archive_of_another_session_is_not_found_by_its_etag(serving: "Serving") -> None:
    """Conditions and ranges with the right tag of a session that one does not see answer as for none at all."""
    tag = serving.get("/api/sessions/7/archive.zip").headers["ETag"]
    of_study = script(serving, member(serving, Role.OPERATOR, ["42"]))
    for name in ("If-None-Match", "If-Match", "If-Range"):
        told = {
            of_study.get(
                f"{serving.url}/api/sessions/{session}/archive.zip", headers={name: tag, "Range": "bytes=0-1"}
            ).text.replace(session, "{id}")
            for session in ("7", ABSENT)
        }
        assert len(told) == 1
    assert all(line.who != "somebody 1" for line in wait_for_ended(serving))


def test_changes_hold_at_once(serving: "Serving") -> None:
    """Sessions and people that come and go do so with the next request, in every login and token."""
    user, studies = member(serving, Role.OPERATOR), serving.resources.studies
    client, url = script(serving, user), serving.url + "/api/sessions/7"
    studies.add("S")
    seen: list[int] = []
    changes: list[Callable[[], object]] = [
        lambda: studies.add_people("S", [user]),
        lambda: studies.add_sessions("S", ["7"], "ana"),
        lambda: studies.remove_sessions("S", ["7"]),
        lambda: studies.remove_people("S", [user]),
    ]
    for change in changes:
        change()
        seen.append(client.get(url).status_code)
    assert seen == [404, 200, 404, 200]


def test_an_id_is_compared_in_one_form(serving: "Serving", usual_lab: "LabBuilder") -> None:
    """Accents that are characters of their own (Unicode NFD) mean the same session, in a study and in an address."""
    usual_lab.session("caf\u00e9")
    client = script(serving, member(serving, Role.VIEWER, ["cafe\u0301"]))
    for text in ("caf%C3%A9", "cafe%CC%81"):
        assert client.get(f"{serving.url}/api/sessions/{text}").status_code == 200
    assert [row["id"] for row in client.get(serving.url + "/api/sessions").json()["sessions"]] == ["caf\u00e9"]


def test_a_session_of_a_study_that_the_lab_lost_names_no_other(serving: "Serving") -> None:
    """A study may list a session that is not there any more; the answer does not list those that are."""
    client = script(serving, member(serving, Role.OPERATOR, [ABSENT, "42"]))
    for path in (f"/api/sessions/{ABSENT}", f"/api/sessions/{ABSENT}/archive.zip", f"/sessions/{ABSENT}"):
        answer = client.get(serving.url + path)
        assert answer.status_code == 404
        assert "in your studies" in answer.text
        assert "42" not in answer.text
