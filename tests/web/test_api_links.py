"""Linking near misses over HTTP and the command line: who may, what is logged, and how it is undone."""

import json
import shlex
from typing import Any

import pytest
from tests.support.messages import message

from labcrate.errors import PeopleError
from labcrate.people.link_log import LinkLog
from labcrate.people.roles import Role
from labcrate.web.archives import inventory_cache

FILE = "recordings/cam1_42_a.mp4"
REGISTER = "sessions/Session42/recordings.json"
TARGET = "sessions/Session42/recordings/cam1_42_a.mp4"
LINKS = "/api/sessions/42/links"


@pytest.fixture
def near_lab(usual_lab: Any) -> Any:
    """Return the usual lab with one near miss of session 42."""
    usual_lab.recording(FILE)
    return usual_lab


@pytest.mark.parametrize(
    ("asked", "method", "target", "place"),
    [
        ({}, "register entry", REGISTER, FILE),
        ({"method": "register entry"}, "register entry", REGISTER, FILE),
        ({"method": "hard link"}, "register entry", REGISTER, FILE),
        ({"method": "move"}, "move", TARGET, TARGET),
    ],
)
def test_a_near_miss_is_linked_and_unlinked(
    near_lab: Any, serve: Any, asked: dict[str, str], method: str, target: str, place: str
) -> None:
    """The plan has the recording at once, the log shows who did what, and undoing restores the near miss.

    The method of earlier versions, hard link, means an entry in the session's register.
    """
    server = serve(near_lab.root)
    client = server.as_(Role.OPERATOR)
    before = server.get("/api/sessions/42/plan").json()
    answer = client.post(server.url + LINKS, json={"file": FILE, **asked})
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{LINKS}/{made['number']}")
    assert {name: made[name] for name in ("session", "who", "source", "target", "method", "undoneAt")} == {
        "session": 42,
        "who": "the operator",
        "source": FILE,
        "target": target,
        "method": method,
        "undoneAt": None,
    }
    plan = server.get("/api/sessions/42/plan").json()
    assert plan["nearMissCount"] == 0
    assert place in [member["source"] for member in plan["members"]]
    assert server.get(LINKS).json() == {"links": [made], "nearMisses": []}
    answer = server.as_(Role.ADMIN).delete(server.url + answer.headers["Location"])
    assert (answer.status_code, answer.json()["undoneBy"]) == (200, "the admin")
    assert server.get("/api/sessions/42/plan").json() == before
    answer = client.delete(f"{server.url}{LINKS}/{made['number']}")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:labcrate:error:repair")
    assert "already undone, by the admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"file": "recordings/cam1_session7_a.mp4"}, 409, "is not a near miss of session 42"),
        ({"file": "../../etc/passwd"}, 409, "is not a near miss of session 42"),
        ({"file": "/etc/passwd"}, 409, "is not a near miss of session 42"),
        ({"file": "recordings/x\r\nSet-Cookie: a=b.mp4"}, 409, "is not a near miss of session 42"),
        ({"file": ""}, 409, "is not a near miss of session 42"),
        ({"file": FILE, "method": "copy"}, 400, "Invalid enum value 'copy'"),
        ({"file": FILE, "force": True}, 400, "unknown field `force`"),
        ({"file": FILE, "method": "remux"}, 400, "Invalid enum value 'remux'"),
        ({"file": FILE, "camera": "nowhere"}, 400, "There is no camera 'nowhere'"),
        ({"file": FILE, "camera": 1}, 400, "Expected `str | null`, got `int`"),
        ({"file": 42}, 400, "Expected `str`, got `int`"),
        ({}, 400, "missing required field `file`"),
        ([], 400, "Expected `object`, got `array`"),
    ],
)
def test_only_near_misses_of_the_plan_are_linked(near_lab: Any, serve: Any, body: Any, status: int, said: str) -> None:
    """No path but those that the plan names is taken, no other method, and no header comes out of a name."""
    server = serve(near_lab.root)
    before = sorted(near_lab.root.rglob("*.mp4"))
    answer = server.as_(Role.OPERATOR).post(server.url + LINKS, json=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert "Set-Cookie" not in answer.headers
    assert sorted(near_lab.root.rglob("*.mp4")) == before


def test_a_link_belongs_to_its_session(near_lab: Any, serve: Any) -> None:
    """A link's number below another session is not there, nor is a number that never was."""
    server = serve(near_lab.root)
    client = server.as_(Role.OPERATOR)
    number = client.post(server.url + LINKS, json={"file": FILE}).json()["number"]
    for address in (f"/api/sessions/7/links/{number}", f"{LINKS}/{number + 1}", f"{LINKS}/999999999999999999"):
        answer = client.delete(server.url + address)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:labcrate:error:no-such-thing")
    assert (near_lab.root / REGISTER).exists()
    assert server.get("/api/sessions/7/links").json()["links"] == []


def test_who_links_sees_it_at_once_in_a_large_lab_too(
    near_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lab's state is cached for some time, a user's own change still shows at once."""
    monkeypatch.setattr(inventory_cache, "MANY_FILES", 0)
    monkeypatch.setattr(inventory_cache, "RECHECK_AFTER_S", 3600.0)
    server = serve(near_lab.root)
    client = server.as_(Role.OPERATOR)
    assert client.get(f"{server.url}/api/sessions/42/plan").json()["nearMissCount"] == 1
    made = client.post(server.url + LINKS, json={"file": FILE, "method": "move"}).json()
    plan = client.get(f"{server.url}/api/sessions/42/plan").json()
    assert (plan["nearMissCount"], TARGET in [member["source"] for member in plan["members"]]) == (0, True)
    client.delete(f"{server.url}{LINKS}/{made['number']}")
    assert client.get(f"{server.url}/api/sessions/42/plan").json()["nearMissCount"] == 1


def test_what_cannot_be_written_down_is_not_done(near_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the log fails, the file stays where it was, and the response reports the log."""

    def full(*_: object, **__: object) -> int:
        raise PeopleError(message("The disk is full."))

    monkeypatch.setattr(LinkLog, "add", full)
    server = serve(near_lab.root)
    for method in ("register entry", "move"):
        answer = server.as_(Role.OPERATOR).post(server.url + LINKS, json={"file": FILE, "method": method})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:labcrate:error:people")
        assert (near_lab.root / FILE).exists()
        assert not (near_lab.root / TARGET).exists()
        assert not (near_lab.root / REGISTER).exists()


@pytest.mark.parametrize("method", ["register entry", "move"])
def test_what_was_undone_and_not_written_down_can_be(
    near_lab: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """If the log fails after a link was removed, removing it again logs it: files and log agree."""

    def full(*_: object) -> None:
        raise PeopleError(message("The disk is full."))

    server = serve(near_lab.root)
    client = server.as_(Role.OPERATOR)
    made = client.post(server.url + LINKS, json={"file": FILE, "method": method}).json()
    address = f"{server.url}{LINKS}/{made['number']}"
    with monkeypatch.context() as patched:
        patched.setattr(LinkLog, "mark_undone", full)
        assert client.delete(address).status_code == 503
    assert (near_lab.root / FILE).exists()
    assert not (near_lab.root / TARGET).exists()
    assert not (near_lab.root / REGISTER).exists()
    answer = client.delete(address)
    assert (answer.status_code, answer.json()["undoneBy"]) == (200, "the operator")
    assert server.get(LINKS).json()["links"][0]["undoneAt"]
    assert (near_lab.root / FILE).read_bytes() == near_lab.clip
    assert client.delete(address).status_code == 409


def test_a_viewer_may_neither_see_nor_link(near_lab: Any, serve: Any) -> None:
    """Links name files, so viewers see none of them and change nothing; without a login there is nothing at all."""
    server = serve(near_lab.root)
    for role, status in ((Role.VIEWER, 403), (None, 401)):
        client = server.as_(role)
        answers = [
            client.get(server.url + LINKS),
            client.post(server.url + LINKS, json={"file": FILE}),
            client.delete(f"{server.url}{LINKS}/1"),
        ]
        assert [answer.status_code for answer in answers] == [status] * 3
        assert FILE not in "".join(answer.text for answer in answers)
    assert not (near_lab.root / REGISTER).exists()


def test_a_near_miss_gets_its_camera(near_lab: Any, serve: Any) -> None:
    """The camera given with the link is the recording's in plan and metadata, whatever the file name says."""
    near_lab.recording("recordings/garden_session42_x.mp4")
    server = serve(near_lab.root)
    body = {"file": "recordings/garden_session42_x.mp4", "camera": "cam2"}
    assert server.as_(Role.OPERATOR).post(server.url + LINKS, json=body).status_code == 201
    (entry,) = json.loads((near_lab.root / REGISTER).read_text())["recordings"]
    assert (entry["file"], entry["cameraId"]) == (body["file"], "2")


def test_the_command_line_does_the_same(near_lab: Any, cli: Any, serve: Any) -> None:
    """'labcrate link' lists, links and undoes, and the server sees the result."""
    told = cli("link", "42", "--lab", near_lab.root)
    assert told.code == 0
    near = f"  near miss (bare number): {FILE}"
    assert told.out.splitlines()[:5] == ["Linked", "  none", "", "Near misses", near]
    told = cli("link", "42", FILE, "--lab", near_lab.root)
    back = f"labcrate link 42 --undo 1 --lab {near_lab.root}"
    assert told.out == f"{FILE} now belongs to session 42 (listed in {REGISTER}).\nTo undo it:\n  {back}\n"
    listed = cli("link", "42", "--lab", near_lab.root)
    assert f"  1: {FILE}\n      register entry, {REGISTER}, by " in listed.out
    assert listed.out.endswith("Near misses\n  none\n")
    listed = cli("link", "42", "--lab", near_lab.root, "--json").json
    assert serve(near_lab.root).get(LINKS).json() == {"links": listed["links"], "nearMisses": listed["nearMisses"]}
    told = cli("link", "42", "--undo", "1", "--lab", near_lab.root)
    assert told.out == (f"Link 1 was undone: {FILE} no longer belongs to session 42. The file is at its old path.\n")
    told = cli("link", "42", FILE, "--move", "--lab", near_lab.root, "--json")
    (made,) = told.json["links"]
    assert (made["number"], made["method"], told.json["failed"]) == (2, "move", [])
    assert not (near_lab.root / FILE).exists()
    assert ", undone by" in cli("link", "42", "--lab", near_lab.root).out.partition("\nUndone\n")[2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["42", "recordings/cam1_session7_a.mp4"], 15, "is not a near miss of session 42"),
        (["42", "--undo", "9"], 18, "Session 42 has no link 9"),
        (["42", FILE, "--undo", "1"], 2, "--undo takes no file names"),
        (["42", "--move"], 2, "--move needs files"),
        (["42", "--camera", "cam1"], 2, "--camera needs files"),
        (["42", FILE, "--all"], 2, "--all finds the files itself"),
        (["42", FILE, "--move", "--remux"], 2, "Choose one"),
        (["42", FILE, "--yes"], 2, "--yes is only for --all"),
        (["42", FILE, "--camera", "nowhere"], 2, "There is no camera 'nowhere'"),
        (["42", FILE, "--remux"], 15, "is not a video in another container"),
        (["7777"], 5, "There is no session 7777"),
    ],
)
def test_the_command_line_refuses_invalid_links(
    near_lab: Any, cli: Any, arguments: list[str], code: int, said: str
) -> None:
    """Each refusal has its exit code and one clear sentence."""
    told = cli("link", *arguments, "--lab", near_lab.root)
    assert (told.code, told.out) == (code, "")
    assert said in told.err


def test_a_plan_prints_a_command_that_works(usual_lab: Any, cli: Any) -> None:
    """The command below a near miss, pasted unchanged, links exactly that file."""
    usual_lab.recording("recordings/cam1 kitchen's.mp4")
    usual_lab.recording("recordings/cam1_b.mp4")
    plan = cli("plan", "42", "--lab", usual_lab.root).out
    command = next(line for line in plan.splitlines() if "labcrate link" in line and "kitchen" in line)
    words = shlex.split(command)
    assert words == ["labcrate", "link", "42", "recordings/cam1 kitchen's.mp4", "--lab", str(usual_lab.root)]
    assert cli(*words[1:]).code == 0
    after = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    assert [near["file"] for near in after["nearMisses"]] == ["recordings/cam1_b.mp4"]
    assert "recordings/cam1 kitchen's.mp4" in [member["source"] for member in after["members"]]
