"""Long texts on pages: the beginning, the length, and links to the rest."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.platform_lab import PlatformLab
from tests.support.waiting import wait_for_plans

from labcrate.people.roles import Role
from labcrate.web.pages.render import TEXT_PAGE_CHARACTERS


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a plan as long as it takes: how busy the machine is decides nothing."""
    wait_for_plans(monkeypatch)


@pytest.mark.thorough
def test_long_notes_are_read_part_by_part(serve: Any, tmp_path: Path) -> None:
    """900,000 characters of notes and of a name make no page of that size; every part of the notes can be reached."""
    lab = PlatformLab(tmp_path / "lab").build()
    notes = "".join(f"{number:09}\n" for number in range(90_000))
    lab.json(
        "sessions/Session77/session_data.json",
        {"id": 77, "name": "n" * 900_000, "notes": notes, "startTime": "2025-05-02T08:00:00Z"},
    )
    server = serve(lab.root)
    first = server.get("/sessions/77", Role.VIEWER).text
    assert len(first) < 250_000
    assert "Characters 1 to 20,000 of 900,000" in first
    assert 'href="/sessions/77?notes=2#notes" rel="next"' in first
    assert "000001999" in first
    assert "000002000" not in first
    assert f"({TEXT_PAGE_CHARACTERS:,} / 900,000)" in first
    last = server.get("/sessions/77?notes=45", Role.VIEWER).text
    assert "Characters 880,001 to 900,000 of 900,000" in last
    assert "000089999" in last
    assert len(server.get("/", Role.VIEWER).text) < 250_000
