"""The check of a lab as a page and as JSON: roles, languages, and the page while it is running."""

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform_lab import CANARIES, START, PlatformLab, format_for_name, make_video
from tests.support.waiting import wait_until
from tests.web.test_pages import text_of

from labcrate.doctor.findings import FindingKind, Severity
from labcrate.doctor.report import make_report
from labcrate.people.roles import Role
from labcrate.web.archives import doctor_reports
from labcrate.web.pages.i18n import words


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lab in the platform's shape, with near misses whose names are HTML."""
    lab = PlatformLab(tmp_path_factory.mktemp("platform") / "lab").build()
    for number in range(12):
        lab.write(f"recordings/c05session8_{number:02}<b>.mp4", make_video())
    return lab.root


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a report as long as it takes: how busy the machine is decides nothing."""
    monkeypatch.setattr("labcrate.web.archives.plan_queue.PAGE_WAIT_S", 60.0)


def test_the_page_shows_what_the_api_says(serve: Any, root: Path) -> None:
    """Every kind with its number, sentences, places, remedies and commands; ten of a kind, and the way to the rest."""
    server = serve(root)
    report = server.get("/api/doctor", Role.OPERATOR).json()
    page = server.get("/doctor", Role.OPERATOR).text
    text = text_of(page)
    assert report["kinds"]["near miss"] == 13
    for finding in report["findings"]:
        if finding["kind"] != "near miss":
            assert finding["what"] in text
            assert finding["remedy"] in text
    assert f"Problems: {report['counts']['problems']}" in text
    assert page.count("labcrate link 8 ") == 9  # and one of session 7
    assert "Show all 13" in text
    assert "<b>.mp4" not in page
    assert server.get("/doctor?kind=near+miss", Role.OPERATOR).text.count("labcrate link 8 ") == 12
    for canary in CANARIES:
        assert canary not in page


def test_one_session_is_examined_by_itself(serve: Any, root: Path) -> None:
    """Only its findings; an id that no session has is not found, and a text that is no id is refused."""
    server = serve(root)
    report = server.get("/api/doctor?session=7", Role.OPERATOR).json()
    assert report["session"] == 7
    assert {finding["session"] for finding in report["findings"]} == {7}
    assert "Check of session 7" in text_of(server.get("/doctor?session=7").text)
    assert server.get("/api/doctor?session=99").status_code == 404
    assert server.get("/doctor?session=99").status_code == 404
    assert server.get("/api/doctor?session=").status_code == 400
    assert server.get("/doctor?session=").status_code == 200


def test_viewers_see_neither_page_nor_link(serve: Any, root: Path) -> None:
    """It names files without a session, so it is only for operators and administrators."""
    server = serve(root)
    assert server.get("/doctor", Role.VIEWER).status_code == 403
    assert server.get("/api/doctor", Role.VIEWER).status_code == 403
    assert 'href="/doctor"' not in server.get("/", Role.VIEWER).text
    assert 'href="/doctor"' in server.get("/", Role.OPERATOR).text
    assert server.get("/doctor", Role.ADMIN).status_code == 200


def test_the_page_is_in_spanish_too(serve: Any, root: Path) -> None:
    """Headings, sentences and remedies; what is left in English is marked as such."""
    text = text_of(serve(root).get("/doctor", Role.OPERATOR, headers={"Accept-Language": "es"}).text)
    for shown in (
        "Revisión del laboratorio",
        "Sesiones sin hora de comienzo o de fin",
        "La sesión no tiene hora de fin",
        "aviso",
    ):
        assert shown in text
    assert set(Severity) <= set(words("es"))


def test_settings_that_do_not_parse_are_shown_and_not_a_failure(serve: Any, tmp_path: Path) -> None:
    """The page that reports errors works even when every other page of the lab fails."""
    lab = PlatformLab(tmp_path / "lab")
    lab.write("labcrate.toml", "time_zon = 1\n")
    server = serve(lab.root)
    answer = server.get("/doctor")
    assert answer.status_code == 200
    assert "time_zon" in text_of(answer.text)
    assert server.get("/api/doctor").json()["kinds"]["settings"] == 1


def test_a_report_is_made_once_while_the_lab_is_the_same(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look comes from memory; a new file or a changed sensor file has it made again."""
    lab = PlatformLab(tmp_path / "lab")
    lab.write(f"recordings/cam1_session1-{format_for_name(START)}.mp4", make_video())
    lab.write("data/zigbee-sensors.csv", "timestamp,topic,payload\n")
    made: list[Any] = []

    def counted(*args: Any, **options: Any) -> Any:
        made.append(args)
        return make_report(*args, **options)

    monkeypatch.setattr(doctor_reports, "MAX_AGE_S", 3600.0)
    monkeypatch.setattr(doctor_reports, "make_report", counted)
    server = serve(lab.root)
    assert [server.get("/api/doctor").json()["kinds"] for _ in range(2)]
    assert len(made) == 1
    lab.write("recordings/new.txt", "x")
    assert server.get("/api/doctor").json()["kinds"]["unknown file"] == 1
    lab.write("data/zigbee-sensors.csv", "timestamp,topic,payload\nnever,zigbee2mqtt/x,1\n")
    assert server.get("/api/doctor").json()["kinds"]["unread rows"] == 1
    assert len(made) == 3


def test_a_page_says_that_the_lab_is_being_examined(serve: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a long check the page reloads; other pages respond meanwhile, and all requests share one report."""
    opened, begun = threading.Event(), []

    def slow(*arguments: Any, progress: Any, **more: Any) -> Any:
        begun.append(arguments)
        while not opened.wait(0.01):
            progress.raise_if_cancelled()
        return make_report(*arguments, progress=progress, **more)

    monkeypatch.setattr("labcrate.web.archives.plan_queue.PAGE_WAIT_S", 0.05)
    monkeypatch.setattr(doctor_reports, "make_report", slow)
    server = serve(root)
    for _ in range(3):
        answer = server.get("/doctor")
        assert answer.status_code == 202
        assert "Checking the lab" in text_of(answer.text)
        assert '<meta http-equiv="refresh"' in answer.text
    assert server.get("/").status_code == 200
    opened.set()
    assert wait_until(lambda: server.get("/doctor").status_code == 200)
    assert len(begun) == 1


def test_a_server_ends_while_a_lab_is_being_examined(serve: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping does not wait for an examination: it ends at its next step."""
    begun = threading.Event()

    def endless(*_: Any, progress: Any, **__: Any) -> Any:
        begun.set()
        while True:
            progress.raise_if_cancelled()
            threading.Event().wait(0.01)

    monkeypatch.setattr("labcrate.web.archives.plan_queue.PAGE_WAIT_S", 0.05)
    monkeypatch.setattr(doctor_reports, "make_report", endless)
    server = serve(root)
    # A look at a busy machine's disk may take longer than a page waits: then the examination begins with the next one.
    assert wait_until(lambda: server.get("/doctor").status_code == 202 and begun.is_set())
    # The fixture stops the server; a thread that went on would keep the test from ending.


def test_every_kind_of_finding_is_in_the_contract(serve: Any, root: Path) -> None:
    """The API's document lists exactly the kinds that there are."""
    text = serve(root).get("/api/openapi.yaml").text
    listed = text.partition("    Finding:\n")[2].partition("enum:\n")[2].partition("        rule:")[0]
    assert [line.strip(" -") for line in listed.splitlines()] == list(FindingKind)
