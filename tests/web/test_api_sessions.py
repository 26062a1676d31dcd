"""Sessions and plans over HTTP: as on the command line, with search and sorting, limited to what a role may see."""

import json
from typing import Any

import pytest

from labcrate.people.roles import Role

NAMES = {1: "Sesión de mañana", 2: "Evening", 3: None, 12: "évening again"}


@pytest.fixture
def many(lab: Any, serve: Any) -> Any:
    """Serve four sessions that differ in every value."""
    lab.cameras("cam1")
    lab.session(
        1, name=NAMES[1], description="Breakfast in the KITCHEN", startTime="2025-05-01T22:30:00Z", tags=["pilot"]
    )
    lab.session(2, name=NAMES[2], status="active", startTime="2025-05-03T00:00:00Z", endTime=None)
    lab.session(3, name="absent", startTime="absent", endTime="absent", status="error")
    lab.session(12, name=NAMES[12], endTime="2025-05-02T08:00:30Z")
    lab.recording("recordings/cam1_session2_a.mp4")
    lab.recording("recordings/cam1_s2_b.mp4")
    lab.recording("recordings/cam1_session12.mp4", content=b"x" * 10)
    return serve(lab.root, time_zone="Europe/Madrid")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 12]),
        ("q=sesion", [1]),
        ("q=SESI%C3%93N+ma%C3%B1", [1]),
        ("q=evening", [2, 12]),
        ("q=kitchen", [1]),
        ("q=pilot", [1]),
        ("q=2", [2]),
        ("q=12", [12]),
        ("q=evening+12", [12]),
        ("q=nothing-like-it", []),
        ("status=active", [2]),
        ("status=active&status=error", [2, 3]),
        ("status=", [1, 2, 3, 12]),
        ("from=2025-05-03", [2]),
        ("to=2025-05-01", []),
        ("from=2025-05-02&to=2025-05-02", [1, 12]),
        ("from=2025-05-01T22:30:00Z&to=2025-05-01T22:30:00Z", [1]),
        ("from=2025-05-02T10:00:00%2B02:00", [2, 12]),
        ("sort=name", [2, 12, 1, 3]),
        ("sort=name&order=desc", [1, 12, 2, 3]),
        ("sort=start", [1, 12, 2, 3]),
        ("sort=start&order=desc", [2, 12, 1, 3]),
        ("sort=duration", [12, 1, 2, 3]),
        ("sort=size&order=desc", [2, 12, 1, 3]),
        ("sort=recordings&order=desc", [2, 12, 1, 3]),
        ("sort=id&order=desc", [12, 3, 2, 1]),
        ("limit=2", [1, 2]),
        ("limit=2&offset=3", [12]),
        ("offset=1000000000", []),
    ],
)
def test_sessions_are_searched_filtered_sorted_and_paged(many: Any, query: str, expected: list[int]) -> None:
    """Words without case and accents, statuses, days of the lab's zone, every order, and pages of it."""
    answer = many.get(f"/api/sessions?{query}", Role.VIEWER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert [row["id"] for row in answer.json()["sessions"]] == expected


def test_a_page_has_the_total(many: Any) -> None:
    """The total counts all that the query finds, not the page."""
    answer = many.get("/api/sessions?limit=1&q=evening").json()
    assert (answer["total"], answer["limit"], answer["offset"], len(answer["sessions"])) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit is '0'. It must be a whole number from 1 to 1000."),
        ("limit=1001", "limit is '1001'"),
        ("limit=1e3", "limit is '1e3'"),
        ("limit=%D9%A1", "limit is"),
        ("offset=-1", "offset is '-1'"),
        ("offset=99999999999999999999999", "offset is"),
        ("sort=secret", "sort is 'secret'. It must be one of: id, name, start, duration, size, recordings."),
        ("order=up", "order is 'up'"),
        ("from=yesterday", "from is 'yesterday', which is not a date"),
        ("to=9999-12-31", "to is '9999-12-31', which is not a date"),
        ("order=", "The option order is empty"),
        ("nonsense=1", "Unknown option 'nonsense'"),
        ("sort=id&sort=name", "The option sort is given more than once."),
        ("q=a&%1B[2J=1", "Unknown option '\\x1b[2J'"),
    ],
)
def test_an_invalid_query_is_explained(many: Any, query: str, said: str) -> None:
    """An invalid query gives 400 with a message about the rule."""
    answer = many.get(f"/api/sessions?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:labcrate:error:usage")
    assert said in answer.json()["detail"]


def test_rows_are_those_of_the_command_line(usual_lab: Any, serve: Any, cli: Any) -> None:
    """The list over HTTP and 'labcrate sessions --json' are the same objects."""
    told = cli("sessions", "--lab", usual_lab.root, "--json").json
    assert serve(usual_lab.root).get("/api/sessions").json()["sessions"] == told


def test_one_session_says_all_that_its_description_does(usual_lab: Any, serve: Any) -> None:
    """Times are UTC beside their zone, cameras come without addresses or passwords, and links lead on."""
    usual_lab.session(
        42,
        description="Two\nlines",
        notes="a note",
        tags=["pilot"],
        timeZone="Europe/Madrid",
        metadata={"researcher": "R. E.", "password": "s3cret-password"},
        selectedDevices={
            "cameras": [{"id": 1, "name": "Camera 1", "recordingPrefix": "cam1", "ipAddress": "192.0.2.77"}]
        },
    )
    server = serve(usual_lab.root, base_url="https://lab.example.org/crate")
    answer = server.get("/api/sessions/42", Role.VIEWER, headers={"Host": "lab.example.org"})
    told = answer.json()
    assert (told["startTime"], told["timeZone"]) == ("2025-05-02T08:00:00.000Z", "Europe/Madrid")
    assert (told["description"], told["notes"], told["tags"]) == ("Two\nlines", "a note", ["pilot"])
    assert told["researcher"] == "R. E."
    assert told["cameras"] == [{"id": "1", "name": "Camera 1", "prefix": "cam1"}]
    assert told["links"]["plan"] == "/crate/api/sessions/42/plan"
    assert "192.0.2.77" not in answer.text
    assert "s3cret-password" not in answer.text


def test_a_plan_is_that_of_the_command_line(usual_lab: Any, serve: Any, cli: Any) -> None:
    """Members, reasons, near misses and the size to the byte are those of 'labcrate plan --json'."""
    usual_lab.recording("recordings/cam1_42_a.mp4")
    told = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    answer = serve(usual_lab.root).get("/api/sessions/42/plan", Role.OPERATOR).json()
    assert {name: answer[name] for name in told} == told
    assert (answer["nearMissCount"], answer["ready"], answer["options"]) == (1, False, {})


def test_a_plan_reads_no_file_through(usual_lab: Any, serve: Any, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings that may be the same are counted as two, and the plan warns of it, until a job has read them."""
    twins = ["recordings/cam1_session42_same.mp4", "sessions/Session42/recordings/cam1_session42_same.mp4"]
    for path in twins:
        usual_lab.recording(path)
    server = serve(usual_lab.root)
    with monkeypatch.context() as patched:
        patched.setattr("labcrate.index.indexing.fixity_of", _never)
        open_ = server.get("/api/sessions/42/plan").json()
    assert open_["ready"] is False
    told = [warning for warning in open_["warnings"] if "may be the same" in warning]
    assert told == [
        f"{' and '.join(twins)} have the same name and size and may be the same file. All of them are counted until "
        "they are read, so the ZIP may turn out smaller."
    ]
    job = server.as_(Role.OPERATOR).post(f"{server.url}/api/sessions/42/prepare").json()
    server.get(job["links"]["events"])
    known = server.get("/api/sessions/42/plan").json()
    assert (known["ready"], known["warnings"]) == (
        True,
        [w for w in open_["warnings"] if w not in told and "~2" not in w],
    )
    assert known["sizeBytes"] == cli("plan", "42", "--lab", usual_lab.root, "--json").json["sizeBytes"]
    assert known["sizeBytes"] < open_["sizeBytes"] - len(usual_lab.clip)


def _never(*_: object) -> None:
    raise AssertionError("a recording was read through")


def test_a_viewer_sees_no_file_of_other_sessions(usual_lab: Any, serve: Any) -> None:
    """Viewers only see the number of near misses: their session is not certain."""
    usual_lab.recording("recordings/cam1_42_private.mp4")
    answer = serve(usual_lab.root).get("/api/sessions/42/plan", Role.VIEWER)
    assert answer.json()["nearMissCount"] == 1
    assert "nearMisses" not in answer.json()
    assert "private" not in answer.text


def test_a_plan_takes_the_options_of_an_export(usual_lab: Any, serve: Any, cli: Any) -> None:
    """The query's options change the plan as the command line's do, and come back in one order."""
    told = cli("plan", "42", "--lab", usual_lab.root, "--json", "--pad", "1s", "--readings", "all").json
    answer = serve(usual_lab.root).get("/api/sessions/42/plan?readings=all&pad=1000ms").json()
    assert (answer["sizeBytes"], answer["readings"]) == (told["sizeBytes"], told["readings"])
    assert answer["options"] == {"pad": ["1s"], "readings": ["all"]}


@pytest.mark.parametrize("number", ["7777", "0", "999999999999999999"])
def test_a_session_that_is_not_there_is_a_404(usual_lab: Any, serve: Any, number: str) -> None:
    """An unknown session and an unknown path give different errors."""
    server = serve(usual_lab.root)
    for path in ("", "/plan"):
        answer = server.get(f"/api/sessions/{number}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:labcrate:error:no-session")


@pytest.mark.parametrize(
    ("text", "lawful"),
    [("9" * 19, True), ("9" * 65, False), ("-1", False), ("4%322", True), ("42.0", True), ("abc", True), ("٤٢", True),
     ("042", False), ("42%2F..%2F7", False)],
)  # fmt: skip
def test_no_other_text_means_session_42(usual_lab: Any, serve: Any, text: str, lawful: bool) -> None:
    """Other spellings, digits of other scripts and paths are not session 42; an invalid ID gets the rule."""
    answer = serve(usual_lab.root).get(f"/api/sessions/{text}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:labcrate:error:no-session")
    assert ("an ID has 1 to 64 letters" in answer.json()["detail"]) == (not lawful)
    assert serve(usual_lab.root).get("/api/sessions/%34%32").json()["id"] == 42


def test_a_description_that_does_not_parse_breaks_its_own_session_alone(usual_lab: Any, serve: Any) -> None:
    """The list still has every session, with the error at the broken one, which names the place."""
    usual_lab.write("sessions/Session7/session_data.json", "{")
    server = serve(usual_lab.root)
    rows = {row["id"]: row for row in server.get("/api/sessions").json()["sessions"]}
    assert set(rows) == {7, 42}
    assert "session_data.json" in rows[7]["warnings"][0]
    answer = server.get("/api/sessions/7")
    assert (answer.status_code, answer.json()["file"]) == (500, "sessions/Session7/session_data.json")
    assert str(usual_lab.root) not in answer.text


@pytest.mark.thorough
def test_ten_thousand_sessions_are_listed(lab: Any, serve: Any) -> None:
    """A long list is answered a page at a time, searched and sorted as a whole."""
    sessions = [{"id": i, "name": f"Session of {i % 97}", "tags": [f"t{i % 5}"]} for i in range(10_000)]
    lab.write("data/sessions.json", json.dumps(sessions))
    answer = serve(lab.root).get("/api/sessions?q=t3+of&sort=name&order=desc&limit=10&offset=5").json()
    assert (answer["total"], len(answer["sessions"])) == (2000, 10)
    assert {row["name"] for row in answer["sessions"]} == {"Session of 96"}
