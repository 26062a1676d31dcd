"""Pages as a browser gets them: their contents, their language, and what a role may not see."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.waiting import wait_for_ended, wait_for_plans

from labcrate.people.roles import Role

HOSTILE = '<script>alert(1)</script><b>bold</b> & "quotes" \''


def text_of(page: str) -> str:
    """Return a page's visible text: without tags, scripts and styles."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a plan as long as it takes: how busy the machine is decides nothing."""
    wait_for_plans(monkeypatch)


@pytest.fixture
def served(usual_lab: Any, serve: Any) -> Any:
    """Serve the usual lab."""
    return serve(usual_lab.root, time_zone="Europe/Madrid")


def test_the_sessions_are_listed_with_what_counts(served: Any) -> None:
    """Name, local time with UTC beside it, length, status, number and size of the recordings."""
    text = text_of(served.get("/", Role.VIEWER).text)
    for shown in ("Morning", "2 May 2025, 10:00:00", "08:00:00 UTC", "5:00", "completed"):
        assert shown in text
    assert "Session 7" in text  # only a recording's name mentions it


def test_a_session_says_what_it_holds(served: Any) -> None:
    """Description, times, cameras, sensors, state, recordings with their reasons, and the exact size of its ZIP."""
    page = served.get("/sessions/42", Role.OPERATOR).text
    plan = served.get("/api/sessions/42/plan", Role.OPERATOR).json()
    text = text_of(page)
    assert f"{plan['sizeBytes']:,} bytes" in text
    assert "Europe/Madrid" in text
    assert "Camera 1" in text
    assert "Camera 2" in text
    assert plan["state"] in text
    for member in plan["members"]:
        assert member["name"] in text
    for warning in plan["warnings"]:
        assert warning in text


@pytest.mark.parametrize("path", ["/", "/sessions/42", "/sessions/42/readings", "/sessions/42/choice", "/log"])
def test_names_of_others_are_text_and_nothing_else(lab: Any, serve: Any, path: str) -> None:
    """HTML in names, descriptions, tags, cameras, sensors and files is shown as it is written, and does nothing."""
    lab.cameras("cam1")
    cameras = [{"id": 1, "name": HOSTILE, "recordingPrefix": "cam1"}]
    lab.session(
        42, name=HOSTILE, description=HOSTILE, notes=HOSTILE, tags=[HOSTILE], metadata={"researcher": HOSTILE},
        selectedDevices={"cameras": cameras, "sensors": []},
    )  # fmt: skip
    lab.recording("recordings/cam1_session42_<img src=x onerror=y>.mp4")
    lab.recording("recordings/x_session42_<img src=x onerror=y>.mp4")
    lab.zigbee_json([("2025-05-02T08:01:00Z", f"zigbee2mqtt/{HOSTILE}", {"temperature": 20, HOSTILE: 1})])
    page = serve(lab.root).get(path).text
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert "<img src=x" not in page
    if path != "/log":
        assert "&lt;script&gt;alert(1)" in page or path.endswith("choice")


def test_pages_obey_a_strict_content_security_policy(served: Any) -> None:
    """No inline script, style or event handler, and nothing from elsewhere: the policy forbids them all."""
    for path in ("/", "/sessions/42", "/sessions/42/readings", "/log", "/nowhere", "/account", "/key"):
        answer = served.get(path)
        assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text), path
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text), path
        for link in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text):
            assert link.startswith(("/", "#")), (path, link)


def test_the_language_can_be_chosen(served: Any) -> None:
    """The browser's language applies first; a chosen language is stored and replaces it, for texts and numbers."""
    client = served.login(Role.VIEWER)
    client.headers["Accept-Language"] = "es-ES,es;q=0.9"
    page = client.get(f"{served.url}/sessions/42").text
    assert '<html lang="es"' in page
    assert "Cronología" in page
    assert "2 may 2025" in page
    data = {"csrf": client.csrf, "language": "en", "back": "/sessions/42?part=1"}
    answer = client.post(f"{served.url}/language", data=data, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sessions/42?part=1")
    assert '<html lang="en"' in client.get(f"{served.url}/sessions/42").text
    assert '<html lang="es"' in served.as_(Role.VIEWER).get(served.url, headers={"Accept-Language": "es"}).text


ENGLISH = re.compile(r'<(\w+)[^>]* lang="en"[^>]*>(?!English<)(.*?)</\1>', re.DOTALL)


@pytest.mark.parametrize("query", ["", "?only=sensors", "?camera=1&from=2025-05-02T10:00", "?camera=nobody", "?from=x"])
def test_spanish_pages_are_spanish_throughout(usual_lab: Any, clip: bytes, serve: Any, query: str) -> None:
    """Reasons, remedies, warnings, what is missing and what was not chosen: none of it is left in English."""
    usual_lab.session(8, name="Eight", status="completed", startTime="2025-05-02T08:00:00", endTime=None)
    usual_lab.session(42, status="active", timeZone="Mars/Olympus", selectedDevices={
        "cameras": [{"id": 1, "recordingPrefix": "kitchen"}], "sensors": [{"id": "0x1", "name": "attic"}],
    })  # fmt: skip
    for name in ("kitchen42", "session42_kitchen", "attic_s42_1", "kitchen_session042", "kitchen_session42x", "new_42",
                 "kitchen_session 42", "kitchen_session42_session43", "20250502T080100Z", "Session42"):  # fmt: skip
        usual_lab.recording(f"recordings/{name}.mp4", datetime(2025, 5, 2, 8, 1, tzinfo=UTC))
    usual_lab.recording("recordings/kitchen_session42_odd.mkv")
    usual_lab.recording("recordings/kitchen_session42_unfinished.mp4.part")
    usual_lab.recording("sessions/session-42/recordings/kitchen.mp4")
    usual_lab.recording("sessions/Session42/recordings/attic_session7.mp4")
    usual_lab.recording("recordings/kitchen_session42_empty.mp4", content=b"")
    usual_lab.recording("recordings/kitchen_session42_cut.mp4", content=clip[: len(clip) // 2])
    usual_lab.recording("recordings/kitchen_session42_text.mp4", content=b"no video " * 99)
    usual_lab.recording("recordings/kitchen_session42_late.mp4", datetime(2031, 5, 2, tzinfo=UTC))
    (usual_lab.root / "recordings/kitchen_session42_link.mp4").symlink_to("kitchen42.mp4")
    (usual_lab.root / "data/zigbee-sensors.csv").write_text(
        'timestamp,topic,payload\nnever,zigbee2mqtt/a,{}\n"', "utf-8"
    )
    served = serve(usual_lab.root)
    for number in (42, 8):
        page = served.as_(Role.OPERATOR).get(
            f"{served.url}/sessions/{number}{query}", headers={"Accept-Language": "es"}
        ).text  # fmt: skip
        assert '<html lang="es"' in page
        assert [found[2] for found in ENGLISH.finditer(page) if found[2].strip()] == []
        said = text_of(page).replace("the operator", "")
        assert not re.search(r"\b(the|was|were|which|cannot|has no)\b", said)


def test_light_and_dark_can_be_chosen_without_a_login(served: Any) -> None:
    """The login page remembers it too; another word leaves it to the browser again."""
    client = served.as_(None)
    served.user(Role.ADMIN)
    for theme, expected in (("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ("system", None)):
        assert client.post(f"{served.url}/theme", data={"theme": theme, "back": "/login"}).status_code == 200
        page = client.get(f"{served.url}/login").text
        assert (expected or "data-theme") in page if expected else "data-theme" not in page


@pytest.mark.parametrize("back", ["//example.org/", "https://example.org/", "/\\example.org", "", "/a\r\nX: y"])
def test_choosing_a_language_leads_nowhere_else(served: Any, back: str) -> None:
    """The way back is a path of this server, whatever the form contains."""
    answer = served.as_(None).post(
        f"{served.url}/language", data={"language": "es", "back": back}, allow_redirects=False
    )
    assert answer.headers["Location"] == "/"
    assert "X" not in answer.headers


def test_times_without_a_zone_of_the_session_are_the_labs(lab: Any, serve: Any) -> None:
    """A session without a zone is shown in the lab's, and the page says so."""
    lab.session(42)
    page = text_of(serve(lab.root, time_zone="America/Bogota").get("/sessions/42").text)
    assert "2 May 2025, 03:00:00 08:00:00 UTC" in page
    assert "America/Bogota (time zone of this server; the session has none)" in page
    (lab.root / "labcrate.toml").write_text('time_zone = "Etc/UTC"\n', "utf-8")
    page = text_of(serve(lab.root, time_zone="Etc/UTC").get("/sessions/42").text)
    assert "UTC (time zone of the lab; the session has none)" in page
    assert "Etc/UTC" not in page


def test_a_file_in_another_container_is_shown_with_its_command(usual_lab: Any, serve: Any) -> None:
    """A page cannot convert a file, so it shows the command that does, in place of a button."""
    usual_lab.recording("recordings/cam1_session42_odd.mkv")
    page = serve(usual_lab.root).get("/sessions/42", Role.OPERATOR).text
    assert "labcrate link 42 recordings/cam1_session42_odd.mkv --remux" in text_of(page)


def test_recordings_of_an_unknown_camera_have_no_gaps(usual_lab: Any, serve: Any) -> None:
    """Gaps are of one camera: the table says that they were not computed, and the lane is not painted as outside."""
    usual_lab.recording("recordings/session42.mp4", datetime(2025, 5, 2, 8, 1, tzinfo=UTC))
    page = serve(usual_lab.root).get("/sessions/42", Role.OPERATOR).text
    assert "– (not computed: the camera is unknown)" in text_of(page)
    assert 'class="track unknown"' in page


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("/log", "Only administrators can do this."), ("/doctor", "Only operators and administrators can do this.")],
)
def test_a_refusal_names_the_roles_as_the_pages_do(served: Any, path: str, sentence: str) -> None:
    """A viewer learns who can open the page."""
    answer = served.get(path, Role.VIEWER)
    assert answer.status_code == 403
    assert sentence in text_of(answer.text)


def test_a_lab_without_sessions_says_what_to_do(lab: Any, serve: Any) -> None:
    """An empty lab is no error and no empty table."""
    page = text_of(serve(lab.root).get("/").text)
    assert "This lab has no sessions yet" in page
    assert "<table" not in serve(lab.root).get("/").text


def test_a_session_with_nothing_in_it_says_so(lab: Any, serve: Any) -> None:
    """No recordings, no readings, no times, no name: each is said in words; the file that stays out is named."""
    lab.session(42, name="absent", startTime="absent", endTime="absent", status="absent")
    page = text_of(serve(lab.root).get("/sessions/42").text)
    for sentence in ("Session 42", "This session has no recordings", "This session has no sensor readings"):
        assert sentence in page
    assert "sessions/Session42/session_data.json" in page
    assert "describes the session and may contain paths" in page
    assert "Nothing: every file" not in page


def test_a_session_that_is_not_there_is_a_page_for_people(served: Any) -> None:
    """404 with the nearest number, in HTML, with the way back."""
    answer = served.get("/sessions/41")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "The closest ID is 42" in text_of(answer.text)
    assert "Show all sessions" in answer.text


def test_what_is_missing_is_named_and_the_download_waits(usual_lab: Any, serve: Any) -> None:
    """An active session is incomplete: there is no download link until the rest is chosen for export."""
    usual_lab.session(42, status="active")
    served = serve(usual_lab.root)
    page = served.get("/sessions/42").text
    assert "Session 42 is still active" in text_of(page)
    assert 'id="download"' not in page
    allowed = served.get("/sessions/42?allow_incomplete=1").text
    assert 'href="/api/sessions/42/archive.zip?allow_incomplete=1"' in allowed


def test_the_form_works_without_scripts(served: Any) -> None:
    """What is chosen is in the address: the page shows the exact size of just that, and links to just that."""
    page = served.get("/sessions/42?only=sensors&from=2025-05-02T10:01&to=&sensor=door", Role.OPERATOR).text
    link = html.unescape(re.findall(r'id="download" href="([^"]*)"', page)[0])
    assert link == "/api/sessions/42/archive.zip?only=sensors&sensor=door&from=2025-05-02T08:01:00.000Z"
    size = served.get(link, Role.OPERATOR).headers["Content-Length"]
    assert f"{int(size):,} bytes" in text_of(page)
    assert "PARTIAL" in page
    spanish = served.as_(Role.OPERATOR).get(
        f"{served.url}/sessions/42?only=sensors", headers={"Accept-Language": "es"}
    ).text  # fmt: skip
    assert "PARCIAL" in text_of(spanish)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Left out on request: data/sensor_data/sensor_readings.json. The same readings are in"),
        ("es", "Excluido a petición: data/sensor_data/sensor_readings.json. Las mismas lecturas están en"),
    ],
)
def test_tables_are_chosen_in_the_form(served: Any, language: str, said: str) -> None:
    """Ticks stay set, the page says what is left out and not PARTIAL, and the size is that of the download."""
    address = f"{served.url}/sessions/42?only=all&with=parquet&without=long-json"
    page = served.as_(Role.OPERATOR).get(address, headers={"Accept-Language": language}).text
    ticked = re.findall(r'type="checkbox" name="(with\w*)" value="([\w-]+)"( checked)?', page)
    assert [(name, value) for name, value, checked in ticked if checked] == [
        ("with", "parquet"),
        ("without", "long-json"),
    ]
    assert [value for name, value, _ in ticked if name == "without"] == [
        "zigbee-json",
        "zigbee-csv",
        "long-json",
        "long-csv",
    ]
    assert said in text_of(page)
    link = html.unescape(re.findall(r'id="download" href="([^"]*)"', page)[0])
    assert link == "/api/sessions/42/archive.zip?with=parquet&without=long-json"
    answer = served.get(link, Role.OPERATOR)
    size = int(answer.headers["Content-Length"])
    assert any(f"{size:,} bytes".replace(",", mark) in text_of(page) for mark in (",", ".", "\N{NO-BREAK SPACE}"))
    assert 'filename="Session42' in answer.headers["Content-Disposition"]
    assert "PARTIAL" not in answer.headers["Content-Disposition"]
    assert "PARTIAL" not in page
    assert "PARCIAL" not in page


def test_leaving_out_every_whole_table_is_explained_in_the_form(served: Any) -> None:
    """One sentence with the remedies; the ticks can be changed, and nothing is offered to download."""
    page = served.get("/sessions/42?without=zigbee-json&without=zigbee-csv", Role.OPERATOR).text
    assert "At least one table must hold the session's readings whole" in text_of(page)
    assert 'id="download"' not in page
    assert 'id="download"' in served.get(
        "/sessions/42?without=zigbee-json&without=zigbee-csv&with=parquet", Role.OPERATOR
    ).text  # fmt: skip


def test_an_invalid_choice_is_explained_in_the_form(served: Any) -> None:
    """The page stays complete; the form shows the rule and offers no download."""
    answer = served.get("/sessions/42?camera=garden", Role.OPERATOR)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "garden" in text_of(answer.text)
    assert 'id="download"' not in answer.text


def test_viewers_see_no_way_to_recordings_or_other_peoples_files(usual_lab: Any, serve: Any) -> None:
    """A viewer's page has no playback, picture, export or name of a near miss, only how many there are."""
    usual_lab.recording("recordings/garden_session42_secret.mp4")
    served = serve(usual_lab.root)
    page = served.get("/sessions/42", Role.VIEWER).text
    for hidden in ("garden", "/api/sessions/42/recordings/", "archive.zip", "<video", "<img", "export-form", "/log"):
        assert hidden not in page, hidden
    assert "1 file may belong to this session" in text_of(page)
    assert "garden_session42_secret" in served.get("/sessions/42", Role.OPERATOR).text
    assert served.get("/sessions/42/choice", Role.VIEWER).status_code == 403
    assert served.get("/log", Role.OPERATOR).status_code == 403


def test_a_near_miss_is_linked_and_unlinked_with_plain_forms(usual_lab: Any, serve: Any) -> None:
    """Linking shows the result with an undo button; undoing restores the near miss. No script is needed."""
    usual_lab.recording("recordings/garden_session42_x.mp4")
    served = serve(usual_lab.root)
    client = served.login(Role.OPERATOR)
    data = {"csrf": client.csrf, "file": "recordings/garden_session42_x.mp4"}
    page = client.post(f"{served.url}/sessions/42/links", data=data).text
    assert "recordings/garden_session42_x.mp4 was linked to this session." in text_of(page)
    assert "3 recordings" in text_of(page)
    undo = re.findall(r'action="(/sessions/42/links/\d+/undo)"', page)[0]
    page = client.post(served.url + undo, data={"csrf": client.csrf}).text
    assert "is a near miss again" in text_of(page)
    assert "2 recordings" in text_of(page)
    assert "Near misses (1)" in text_of(page)


def test_an_unknown_prefix_is_linked_with_its_camera(usual_lab: Any, serve: Any) -> None:
    """The page offers the lab's cameras for a prefix that none has, and the one that is chosen is the recording's."""
    usual_lab.recording("recordings/garden_session42_x.mp4")
    usual_lab.recording("recordings/cam1_42_y.mp4")
    served = serve(usual_lab.root)
    client = served.login(Role.OPERATOR)
    page = served.get("/sessions/42", Role.OPERATOR).text
    assert page.count('<select name="camera">') == 1
    assert re.findall(
        r'<option value="(\w*)">', page.partition('<select name="camera">')[2].partition("</select>")[0]
    ) == [
        "",
        "1",
        "2",
    ]
    data = {"csrf": client.csrf, "file": "recordings/garden_session42_x.mp4", "camera": "2"}
    page = client.post(f"{served.url}/sessions/42/links", data=data).text
    shown = re.search(r'<h3><bdi>([^<]*)</bdi></h3>(?:(?!<h3>).)*<p class="code">garden_session42_x', page, re.DOTALL)
    assert shown is not None
    assert shown[1] == "Camera 2"


def test_a_repair_that_fails_leads_back_to_the_session(usual_lab: Any, serve: Any) -> None:
    """The page shows the reason and links to the session."""
    served = serve(usual_lab.root)
    client = served.login(Role.OPERATOR)
    data = {"csrf": client.csrf, "file": "recordings/no.mp4"}
    answer = client.post(f"{served.url}/sessions/42/links", data=data)
    assert answer.status_code == 409
    assert 'href="/sessions/42"' in answer.text
    assert client.post(f"{served.url}/sessions/42/links", data={"file": "x"}).status_code == 403  # no csrf


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=morning", ["Good morning", "Morning tea"]),
        ("q=MORNING+tea", ["Morning tea"]),
        ("q=sesion", ["Sesión de tarde"]),
        ("status=error", ["Sesión de tarde"]),
        ("from=2025-05-03&to=2025-05-03", ["Good morning"]),
        ("sort=name&order=asc", ["Good morning", "Morning tea", "Sesión de tarde"]),
        ("sort=name&order=desc", ["Sesión de tarde", "Morning tea", "Good morning"]),
        ("", ["Sesión de tarde", "Good morning", "Morning tea"]),
        ("q=nothing+at+all", []),
    ],
)
def test_sessions_are_searched_filtered_and_sorted(lab: Any, serve: Any, query: str, names: list[str]) -> None:
    """Words without regard to case and accents, status, days of the lab's zone, and any column's order."""
    lab.session(1, name="Morning tea", startTime="2025-05-02T08:00:00Z")
    lab.session(2, name="Good morning", startTime="2025-05-02T22:30:00Z", endTime="2025-05-02T23:00:00Z")
    lab.session(3, name="Sesión de tarde", startTime="2025-05-04T08:00:00Z", endTime="absent", status="error")
    page = serve(lab.root, time_zone="Europe/Madrid").get(f"/?{query}").text
    assert re.findall(r'class="name" href="[^"]*"><bdi>([^<]*)</bdi>', page) == names
    if not names:
        assert "No matching sessions" in page


def test_many_sessions_come_a_page_at_a_time(lab: Any, serve: Any) -> None:
    """120 sessions are three pages that link to each other and hold each session once."""
    lab.json("data/sessions.json", [{"id": number, "name": f"s{number}"} for number in range(1, 121)])
    served = serve(lab.root)
    seen: list[str] = []
    address: str | None = "/?sort=id&q=s"
    while address:
        page = served.get(address).text
        seen += re.findall(r"<bdi>(s\d+)</bdi>", page)
        following = re.findall(r'rel="next" href="([^"]*)"', page)
        address = html.unescape(following[0]) if following else None
    assert seen == [f"s{number}" for number in range(1, 121)]


def test_an_invalid_query_is_a_page(served: Any) -> None:
    """An invalid date gives a page, not JSON."""
    answer = served.get("/?from=yesterday")
    assert answer.status_code == 400
    assert "yesterday" in text_of(answer.text)
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.thorough
def test_two_hundred_recordings_are_shown_in_parts(lab: Any, serve: Any) -> None:
    """Each recording has its card on one of the pages, in the order of time."""
    lab.cameras("cam1")
    lab.session(42, endTime="2025-05-02T12:00:00.000Z")
    for number in range(130):
        at = datetime(2025, 5, 2, 8 + number // 60, number % 60, tzinfo=UTC)
        lab.recording(f"recordings/cam1_session42_{number:03}.mp4", at)
    served = serve(lab.root)
    names = [
        name
        for part in (1, 2, 3)
        for name in re.findall(r'class="code">(cam1_[^<]*)</p>', served.get(f"/sessions/42?part={part}").text)
    ]
    assert names == [f"cam1_session42_{number:03}.mp4" for number in range(130)]
    assert "61 to 120 of 130" in text_of(served.get("/sessions/42?part=2").text)
    assert served.get("/sessions/42?part=999").status_code == 200


def test_behind_a_proxy_every_link_has_its_prefix(usual_lab: Any, serve: Any) -> None:
    """With --base-url below a path, no link of a page leaves that path."""
    served = serve(usual_lab.root, base_url="https://lab.example.org/crate")
    for path in ("/", "/sessions/42", "/log"):
        for link in re.findall(r'(?:src|href|action|data-\w+)="(/[^"]*)"', served.get(path).text):
            assert link.startswith("/crate/"), (path, link)


def test_the_log_shows_every_download(usual_lab: Any, serve: Any) -> None:
    """User, address, session and outcome; it can be filtered, and links to the same list as CSV."""
    served = serve(usual_lab.root)
    assert "No exports yet" in served.get("/log").text
    assert served.get("/api/sessions/42/archive.zip?only=sensors", Role.OPERATOR).status_code == 200
    wait_for_ended(served)
    text = text_of(served.get("/log").text)
    for shown in ("the operator", "127.0.0.1", "only sensor data", "finished"):
        assert shown in text
    assert "No matching exports" in served.get("/log?who=somebody+else").text
    assert "the operator" in served.get("/log?who=OPERATOR&session=42&outcome=finished").text
    assert 'href="/api/log.csv?session=42"' in served.get("/log?session=42").text
    assert served.get("/log?outcome=lost").status_code == 400


def test_a_page_does_not_wait_for_slow_recordings(usual_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While recordings are read for the first time, the page has the description, reloads, and then has all."""
    monkeypatch.setattr("labcrate.web.archives.page_waits.OUTLINE_WAIT_S", 0.0)
    served = serve(usual_lab.root)
    first = served.get("/sessions/42")
    assert first.status_code == 202
    assert 'http-equiv="refresh"' in first.text
    for shown in ("Morning", "Reading the recordings", "Europe/Madrid", "Camera 1", "2 May 2025"):
        assert shown in text_of(first.text)
    wait_for_plans(monkeypatch)
    assert "Timeline" in served.get("/sessions/42").text
