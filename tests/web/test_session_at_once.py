"""A session's page while its sensor messages are being read, and when they have been."""

import html
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.reading_gate import ReadingGate
from tests.support.waiting import wait_for_next_tick, wait_for_plans, wait_until
from tests.web.test_pages import text_of
from tests.web.test_studies import member, script

from labcrate.errors import CatalogError
from labcrate.messages.message import Message
from labcrate.people.roles import Role
from labcrate.web.archives.reading_meter import ReadingMeter


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadingGate]:
    """Return the gate that no plan passes before the test opens it."""
    monkeypatch.setattr("labcrate.web.archives.page_waits.OUTLINE_WAIT_S", 60.0)
    monkeypatch.setattr("labcrate.web.archives.page_waits.READINGS_WAIT_S", 0.0)
    monkeypatch.setattr("labcrate.web.archives.plan_queue.PAGE_WAIT_S", 0.0)
    gate = ReadingGate().hold(monkeypatch)
    yield gate
    gate.opened.set()


@pytest.fixture
def served(usual_lab: Any, serve: Any, gate: ReadingGate) -> Any:
    """Serve the usual lab, with a near miss."""
    usual_lab.recording("recordings/garden_session42_x.mp4")
    wait_for_next_tick()
    return serve(usual_lab.root)


def events(served: Any, role: Role = Role.VIEWER, language: str = "en") -> Iterator[tuple[str, Any]]:
    """Yield the name and data of the events of session 42's progress."""
    answer = served.get("/sessions/42/progress", role, stream=True, headers={"Accept-Language": language})
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    name = ""
    for line in answer.iter_lines(decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def event_of(following: Iterator[tuple[str, Any]], percent: int) -> Any:
    """Return the data of the next event with a percentage; fail if it is above that before."""
    for name, data in following:
        assert name == "progress"
        assert data["percent"] is None or data["percent"] <= percent
        if data["percent"] == percent:
            return data
    raise AssertionError("the stream has ended")


def finished_page(served: Any, role: Role = Role.OPERATOR, query: str = "") -> str:
    """Return the page of session 42 when it waits for nothing more."""

    def read() -> str | None:
        page: str = served.get(f"/sessions/42{query}", role).text
        return None if "data-waiting" in page else page

    found: str = wait_until(read)
    return found


def test_facts_recordings_and_timeline_do_not_wait_for_readings(served: Any, gate: ReadingGate) -> None:
    """All that needs no sensor message is in the first answer, with pictures, playback and links."""
    answer = served.get("/sessions/42", Role.OPERATOR)
    text = text_of(answer.text)
    assert answer.status_code == 200
    for shown in ("Morning", "Europe/Madrid", "Camera 1", "cam1_session42_a.mp4", "any.mp4", "garden_session42_x.mp4"):
        assert shown in text
    assert 'id="timeline"' in answer.text
    assert 'class="recording' in answer.text.partition('id="timeline"')[2]
    assert gate.begun.wait(60)
    for media in ("/thumbnail.jpg", ""):
        assert served.get(f"/api/sessions/42/recordings/any.mp4{media}", Role.OPERATOR).status_code == 200
    assert served.get("/api/sessions/42/links", Role.OPERATOR).json()["nearMisses"]


def test_nothing_is_called_complete_before_it_is_known(served: Any, usual_lab: Any, gate: ReadingGate) -> None:
    """Neither state nor size nor download, nor that there are no readings; a missing file is known before."""
    for role in (Role.OPERATOR, Role.VIEWER):
        page = served.get("/sessions/42", role).text
        text = text_of(page).replace("Session: completed", "")
        assert "Archive: sensor messages are being read" in text
        for unknown in ("complete", "bytes", "no sensor readings", "file in the archive"):
            assert unknown not in text, unknown
        assert 'id="download"' not in page
    usual_lab.session(42, status="active")
    text = text_of(served.get("/sessions/42", Role.OPERATOR).text)
    assert "Archive: incomplete" in text
    assert "Session 42 is still active" in text


def test_the_rest_comes_when_the_readings_are_read(served: Any, gate: ReadingGate) -> None:
    """Each waiting part has an element of the same id in the page that follows, with what was not known."""
    first = served.get("/sessions/42", Role.OPERATOR).text
    waiting = re.findall(r'id="([\w-]+)"[^>]* data-waiting', first)
    assert {"state", "jump", "findings", "choice", "sensor-choice", "timeline", "sensors", "plan"} <= set(waiting)
    gate.opened.set()
    page = finished_page(served)
    for part in waiting:
        assert f'id="{part}"' in page
    plan = served.get("/api/sessions/42/plan", Role.OPERATOR).json()
    text = text_of(page)
    assert f"{plan['sizeBytes']:,} bytes" in text
    assert f"Archive: {plan['state']}" in text
    assert 'id="download"' in page
    assert 'data-source="/api/sessions/42/readings/plot"' in page
    assert 'class="reported"' in page
    assert 'name="sensor" value="door"' in page


def test_the_percentage_is_that_of_the_bytes(served: Any, gate: ReadingGate) -> None:
    """It is what was read of the total, with the messages so far, in each event; at the end the page is ready."""
    following = events(served)
    gate.read(620, 618_204)
    shown = event_of(following, 62)
    assert "Reading the sensor messages: 62 % (618,204 so far)" in text_of(shown["html"])
    assert 'value="62"' in shown["html"]
    gate.read(379, 381_795)
    assert "99 % (999,999 so far)" in text_of(event_of(following, 99)["html"])
    page = served.get("/sessions/42", Role.OPERATOR).text
    assert "Reading the sensor messages: 99 %" in text_of(page)
    gate.read(1, 1)
    assert "1,000,000 sensor messages were read" in text_of(event_of(following, 100)["html"])
    gate.opened.set()
    *before, (name, _) = following
    assert name == "done"
    assert all(data["percent"] == 100 for _, data in before)
    assert "data-waiting" not in served.get("/sessions/42", Role.OPERATOR).text


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**9), st.integers(0, 10**6))))
def test_a_percentage_never_goes_back_and_ends_with_the_bytes(steps: list[tuple[bool, int, int]]) -> None:
    """Whatever is added to the total and read of it: 0 to 100, rising, and 100 only with every byte at some time."""
    meter, total, done, read_all, last = ReadingMeter(), 0, 0, False, 0
    for adds, size, rows in steps:
        if adds:
            meter.begin(size)
            total += size
        else:
            meter.advance(size, rows)
            done += size
        read_all |= 0 < total <= done
        percent = meter.state().percent
        assert (percent is None) == (total == 0)
        if percent is not None:
            assert last <= percent <= 100
            assert percent < 100 or read_all
            assert percent >= min(100, 100 * done // total)
            last = percent


def test_without_scripts_the_page_reloads_until_all_is_there(
    served: Any, gate: ReadingGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only without scripts does it reload, and has a link; the page that is complete does neither."""
    page = served.get("/sessions/42", Role.OPERATOR).text
    assert '<noscript><meta http-equiv="refresh"' in page
    assert page.count('http-equiv="refresh"') == 1
    assert re.search(r'<noscript>[^/]*<a class="button quiet" href="/sessions/42">', page)
    table = served.get("/sessions/42/readings", Role.VIEWER)
    assert (table.status_code, '<noscript><meta http-equiv="refresh"' in table.text) == (202, True)
    assert "Morning" in text_of(table.text)
    gate.opened.set()
    assert "noscript><meta" not in finished_page(served)
    wait_for_plans(monkeypatch)
    assert served.get("/sessions/42/readings").status_code == 200


def test_what_waits_is_said_in_spanish(served: Any, gate: ReadingGate) -> None:
    """The page and the events of its progress are in the reader's language, with its numbers."""
    page = served.get("/sessions/42", Role.OPERATOR, headers={"Accept-Language": "es"}).text
    assert "ZIP: se leen los mensajes de los sensores" in text_of(page)
    assert "Los archivos del ZIP aparecerán aquí" in text_of(page)
    gate.read(620, 618_204)
    told = text_of(event_of(events(served, language="es"), 62)["html"])
    assert "Leyendo los mensajes de los sensores: 62 % (618.204 hasta ahora)" in told


def test_only_recordings_can_be_exported_meanwhile(
    served: Any, usual_lab: Any, gate: ReadingGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A choice without sensor data waits for no sensor message: its size and its download are there."""
    assert served.get("/sessions/42", Role.OPERATOR).status_code == 200
    assert gate.begun.wait(60)
    wait_for_plans(monkeypatch)
    choice = served.get("/sessions/42/choice?only=recordings", Role.OPERATOR).text
    link = html.unescape(re.findall(r'id="download" href="([^"]*)"', choice)[0])
    assert len(served.get(link, Role.OPERATOR).content) > len(usual_lab.clip)
    assert gate.readings == 1


def test_a_viewer_sees_no_more_than_before(served: Any, gate: ReadingGate) -> None:
    """While messages are read, too: no export form, picture, playback or name of a near miss."""
    page = served.get("/sessions/42", Role.VIEWER).text
    for hidden in ("garden", "/api/sessions/42/recordings/", "archive.zip", "<video", "<img", "export-form", "/log"):
        assert hidden not in page, hidden
    assert "1 file may belong to this session" in text_of(page)
    assert "cam1_session42_a.mp4" in page


def test_members_of_a_study_see_nothing_of_other_sessions_meanwhile(
    usual_lab: Any, serve: Any, gate: ReadingGate
) -> None:
    """Counts and names of other sessions' files are not on the page, as on the complete one; nor is their progress."""
    usual_lab.session(7, name="Evening", startTime="2025-05-02T07:58:00Z", endTime="2025-05-02T08:10:00Z")
    for name in ("odd_session42_session7_mislaid", "mislaid"):
        usual_lab.recording(f"recordings/{name}.mp4")
    served = serve(usual_lab.root)
    of_42, of_7 = (script(served, member(served, Role.OPERATOR, [session])) for session in ("42", "7"))
    assert "mislaid" in served.get("/sessions/42", Role.OPERATOR).text
    page = of_42.get(f"{served.url}/sessions/42").text
    assert "data-waiting" in page
    assert "cam1_session42_a.mp4" in page
    for other in ("mislaid", "Evening", "ession7", "other sessions"):
        assert other not in page.replace("Files of other sessions are not shown or counted here", ""), other
    for path in ("", "/progress", "/choice"):
        assert of_7.get(f"{served.url}/sessions/42{path}").status_code == 404


def test_a_session_that_goes_while_it_is_read_is_gone(served: Any, usual_lab: Any, gate: ReadingGate) -> None:
    """The stream ends, and page and stream then say that there is no such session."""
    assert served.get("/sessions/42", Role.OPERATOR).status_code == 200
    assert gate.begun.wait(60)
    following = events(served)
    next(following)
    shutil.rmtree(usual_lab.root / "sessions/Session42")
    for path in usual_lab.root.glob("recordings/*session42*"):
        path.unlink()
    gate.opened.set()
    assert [name for name, _ in following][-1] in ("done", "failed")
    assert served.get("/sessions/42", Role.OPERATOR).status_code == 404
    assert served.get("/sessions/42/progress", Role.OPERATOR).status_code == 404


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(CatalogError(Message("server.index_not_written")), "index"), (RuntimeError("a defect"), "error")],
)
def test_an_error_is_shown_where_the_readings_would_be(
    served: Any, gate: ReadingGate, error: Exception, sentence: str
) -> None:
    """The last event has the reason with a link to try again, and reading is not begun again by itself."""
    assert served.get("/sessions/42", Role.OPERATOR).status_code == 200
    assert gate.begun.wait(60)
    following = events(served)
    next(following)
    gate.error = error
    gate.opened.set()
    *_, (name, data) = following
    assert name == "failed"
    assert sentence in text_of(data["html"])
    assert 'href="/sessions/42"' in data["html"]
    assert gate.readings == 1


def test_an_error_is_shown_on_the_next_page_without_scripts(served: Any, gate: ReadingGate) -> None:
    """The page that reloads has the reason beside all else, once; loading it again tries again."""
    assert served.get("/sessions/42", Role.OPERATOR).status_code == 200
    assert gate.begun.wait(60)
    gate.error = CatalogError(Message("server.index_not_written"))
    gate.opened.set()
    page = finished_page(served)
    assert 'role="alert"' in page
    assert "cam1_session42_a.mp4" in page
    assert 'id="download"' not in page
    gate.error = None
    assert 'id="download"' in finished_page(served)
