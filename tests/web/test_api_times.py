"""The HTTP API's words for times: ``time_zone``, ``from`` and ``to``."""

import io
import json
import zipfile
from typing import Any

import pytest


@pytest.fixture
def local_lab(lab: Any) -> Any:
    """Return a lab with session 1 from 10:00 to 11:00 without a zone, in Europe/Madrid."""
    lab.cameras("cam1")
    lab.session(1, startTime="2025-06-10T10:00:00", endTime="2025-06-10T11:00:00", timeZone="Europe/Madrid")
    lab.zigbee_csv([(f"2025-06-10 10:{m}0:00", "zigbee2mqtt/s1", {"battery": m}) for m in range(6)])
    return lab


def span(server: Any, query: str = "") -> list[str]:
    """Return the session's start and end as written in an archive's README."""
    answer = server.get(f"/api/sessions/1/archive.zip{query}")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        session = json.loads(archive.read("data/session_metadata.json"))["session"]
    return [session["startTime"], session["endTime"]]


def test_one_zone_holds_for_the_session_and_its_readings(local_lab: Any, serve: Any) -> None:
    """``time_zone`` replaces the session's own zone, for its start and its readings."""
    server = serve(local_lab.root)
    assert span(server, "?time_zone=Asia/Tokyo") == ["2025-06-10T01:00:00.000Z", "2025-06-10T02:00:00.000Z"]
    assert server.get("/api/sessions/1/plan?time_zone=Asia/Tokyo").json()["readings"] == 6
    assert span(server) == ["2025-06-10T08:00:00.000Z", "2025-06-10T09:00:00.000Z"]


def test_from_and_to_without_a_zone_are_read_as_the_sessions(local_lab: Any, serve: Any) -> None:
    """Without ``time_zone`` in the session's own zone, with it in that; the answer names the instants."""
    plan = "/api/sessions/1/plan?from=2025-06-10T10:20&to=2025-06-10T10:40"
    server = serve(local_lab.root)
    own, tokyo = server.get(plan).json(), server.get(f"{plan}&time_zone=Asia/Tokyo").json()
    assert own["readings"] == tokyo["readings"] == 3
    assert own["options"]["from"] == ["2025-06-10T08:20:00.000Z"]
    assert tokyo["options"]["from"] == ["2025-06-10T01:20:00.000Z"]


def test_a_chosen_time_outside_the_sessions_is_refused(local_lab: Any, serve: Any) -> None:
    """The plan and the archive answer 400 and name the session's own time, and no archive is empty."""
    server = serve(local_lab.root)
    for what in ("plan", "archive.zip"):
        answer = server.get(f"/api/sessions/1/{what}?from=2025-06-10T20:30&to=2025-06-10T20:45")
        assert answer.status_code == 400
        assert "lasted from 2025-06-10T08:00:00.000Z to 2025-06-10T09:00:00.000Z" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["only=recordings&sensor=s1", "only=sensors&camera=1"])
def test_a_choice_that_contradicts_another_is_refused(local_lab: Any, serve: Any, query: str) -> None:
    """A sensor together with only recordings would give an empty archive without a warning."""
    answer = serve(local_lab.root).get(f"/api/sessions/1/archive.zip?{query}")
    assert answer.status_code == 400
    assert "Remove one of the two" in answer.json()["detail"]
