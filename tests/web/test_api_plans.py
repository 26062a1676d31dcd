"""Plans of a server with many clients: what a viewer may request, and what never waits for a plan."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.support.waiting import wait_for_plans

from labcrate.export.prepare import prepare_from_index
from labcrate.people.roles import Role
from labcrate.plan.options import Options
from labcrate.web.archives import plan_queue, turns

PLAN = "/api/sessions/42/plan"


class Held:
    """Plans with options, each held when it is begun; that of a whole session is made at once."""

    def __init__(self) -> None:
        self.begun: list[Options] = []
        self.held = threading.Semaphore(0)
        self.opened, self.ended = threading.Event(), threading.Event()

    def lay_out(self, inventory: Any, session_id: str, options: Options, **more: Any) -> Any:
        """Wait at the gate, then call the real function."""
        self.begun.append(options)
        try:
            if options != Options():
                self.held.release()
                while not self.opened.wait(0.01):
                    more["progress"].raise_if_cancelled()
            return prepare_from_index(inventory, session_id, options, **more)
        finally:
            self.ended.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Hold every plan of the server in a gate."""
    held = Held()
    monkeypatch.setattr("labcrate.web.archives.archive_cache.prepare_from_index", held.lay_out)
    yield held
    held.opened.set()


@pytest.mark.parametrize(
    "query",
    [
        "pad=1s",
        "pad=0s",
        "time_zone=Asia/Tokyo",
        "readings=all",
        "only=sensors",
        "camera=cam1",
        "from=2025-05-02",
        "with=parquet",
    ],
)
def test_a_viewer_gets_the_whole_sessions_plan_alone(usual_lab: Any, serve: Any, held: Held, query: str) -> None:
    """Options are refused with the role that may; nothing is made for them. Spelled out, the whole is the whole.

    No pad is an option like any other: labcrate.toml may widen every session of the lab.
    """
    server = serve(usual_lab.root)
    refused = server.get(f"{PLAN}?{query}", Role.VIEWER)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:labcrate:error:not-allowed")
    assert "operator" in refused.json()["detail"]
    assert held.begun == []
    whole = server.get(f"{PLAN}?readings=session&only=all&allow_incomplete=1", Role.VIEWER)
    assert (whole.status_code, whole.json()["options"]) == (200, {})
    held.opened.set()
    assert server.get(f"{PLAN}?{query}", Role.OPERATOR).json()["options"]


def test_a_viewer_sees_the_whole_session_with_an_operators_link(
    usual_lab: Any, serve: Any, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page's address may carry a choice: for a viewer the page is there, and no plan is made for the choice."""
    wait_for_plans(monkeypatch)
    server = serve(usual_lab.root)
    query = "only=sensors&pad=5&readings=all&camera=nobody"
    assert server.get(f"/sessions/42?{query}", Role.VIEWER).status_code == 200
    assert server.get(f"/sessions/42/readings?{query}", Role.VIEWER).status_code == 200
    assert set(held.begun) == {Options()}  # twice where the lab's files are so young that a change could be missed


@pytest.mark.thorough
def test_nothing_waits_for_plans(usual_lab: Any, serve: Any, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all threads that plan are held, pages, the API, logins, downloads that stand ready and the log answer."""
    monkeypatch.setattr(plan_queue, "PAGE_WAIT_S", 0.5)
    server = serve(usual_lab.root)
    operator = server.as_(Role.OPERATOR)
    job = operator.post(f"{server.url}/api/sessions/42/prepare").json()
    operator.get(server.url + job["links"]["events"])
    waiting = [_asking(server, role, number) for role in (Role.OPERATOR, Role.ADMIN) for number in range(5)]
    assert held.held.acquire(timeout=60)
    assert held.held.acquire(timeout=60)
    for path in ("/", "/sessions/42", "/sessions/42/readings", "/api/sessions", PLAN, "/log", "/api/log", "/account"):
        assert server.get(path).status_code == 200, path
    plot = "/api/sessions/42/readings/plot?property=contact"
    for path in (plot, "/api/sessions/42/recordings/any.mp4", "/api/sessions/42/recordings/any.mp4/thumbnail.jpg"):
        assert server.get(path).status_code == 200, path
    assert len(server.get("/api/sessions/42/archive.zip", Role.OPERATOR).content) > len(usual_lab.clip)
    assert server.login(Role.VIEWER).get(f"{server.url}/sessions/42").status_code == 200
    choice = server.get("/sessions/42/choice?pad=9", Role.OPERATOR)  # which comes when its turn does
    assert (choice.status_code, "data-pending" in choice.text) == (200, True)
    held.opened.set()
    for thread in waiting:
        thread.join()


def _asking(server: Any, role: Role, number: int) -> threading.Thread:
    """Yield a client that waits for a plan."""
    thread = threading.Thread(target=lambda: server.get(f"{PLAN}?pad={1 + number}s", role))
    thread.start()
    return thread


def test_too_many_plans_are_refused_and_pages_come_again(
    usual_lab: Any, serve: Any, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request too many gets 429 with the time to wait in the API; a page reloads."""
    monkeypatch.setattr(turns, "MAX_PLANS_PER_USER", 1)
    server = serve(usual_lab.root)
    first = _asking(server, Role.OPERATOR, 0)
    assert held.held.acquire(timeout=60)
    for path in (f"{PLAN}?pad=2s", "/api/sessions/42/archive.zip"):
        refused = server.get(path, Role.OPERATOR)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:labcrate:error:too-many"), path
        assert int(refused.headers["Retry-After"]) == refused.json()["retryAfterSeconds"] > 0
    page = server.get("/sessions/42", Role.OPERATOR)
    assert (page.status_code, 'http-equiv="refresh"' in page.text) == (200, True)
    assert "The sensor messages are read after those of earlier requests." in page.text
    assert server.get("/api/sessions/42/links", Role.OPERATOR).status_code == 200  # needs no readings
    assert server.get(PLAN, Role.ADMIN).status_code == 200
    held.opened.set()
    first.join()


def test_a_plan_whose_client_is_gone_ends(
    usual_lab: Any, serve: Any, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed connection ends what is made for it, though it would never end by itself."""
    server = serve(usual_lab.root)
    login = f"Host: {server.url[7:]}\r\nAuthorization: Bearer {server.token(Role.OPERATOR)}\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
        client.sendall(f"GET {PLAN}?pad=1s HTTP/1.1\r\n{login}\r\n".encode())
        assert held.held.acquire(timeout=60)
        assert not held.ended.is_set()
        monkeypatch.setattr(turns, "ABANDON_AFTER_S", 0.0)
    assert held.ended.wait(60)


def test_the_server_ends_in_the_midst_of_a_plan(usual_lab: Any, serve: Any, held: Held) -> None:
    """Stopping does not wait for a plan that never ends; its client gets a message to try again."""
    server = serve(usual_lab.root)
    answers: list[requests.Response] = []
    asking = threading.Thread(target=lambda: answers.append(server.get(f"{PLAN}?pad=1s")))
    asking.start()
    assert held.held.acquire(timeout=60)
    server.stop()
    asking.join()
    server.stop = lambda: None
    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (503, "urn:labcrate:error:not-ready")
    ]
    assert held.ended.is_set()
