"""The work of a plan in a large lab: counted, not timed."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labcrate.index.catalog import Catalog
from labcrate.index.state_folder import state_folder
from labcrate.linking import all_paths, grammar, resolve
from labcrate.linking.judgement import judge_file
from labcrate.plan import linked_files, session_time
from labcrate.plan.inventory import read_inventory
from labcrate.plan.planner import Planner

MINE = 3


def fill(lab: Any, sessions: int, each: int) -> None:
    """Write that many sessions with that many empty recordings each, and a register of all of them."""
    lab.cameras("cam1")
    described: list[dict[str, Any]] = []
    register: dict[str, dict[str, Any]] = {}
    for session in range(sessions):
        day = f"{1 + session % 28:02}"
        span = {"startTime": f"2025-04-{day}T08:00:00.000Z", "endTime": f"2025-04-{day}T09:00:00.000Z"}
        described.append({"id": session, "name": "x", **span})
        for number in range(each):
            name = f"cam1_session{session}-2025-04-{day}T08-{number:02}-00-000Z.mp4"
            (lab.root / "recordings" / name).touch()
            key = str(len(register))
            register[key] = {"cameraId": 1, "sessionId": session, "filePath": f"/app/recordings/{name}", **span}
    lab.json("data/sessions.json", described)
    lab.json("data/recordings.json", register)


def work_of_a_plan(lab: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], list[str]]:
    """Return how often a plan of one session judges, resolves and reads names, and the paths that it reads."""
    counts: Counter[str] = Counter()
    seen: list[str] = []

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    real = os.lstat

    def lstat(path: Any, **kwargs: Any) -> Any:
        seen.append(os.fspath(path))
        return real(path, **kwargs)

    with monkeypatch.context() as patched:
        for module in (linked_files, session_time):
            patched.setattr(module, "judge_file", counted("judge", judge_file))
        patched.setattr(all_paths, "linked_sessions", counted("resolve", resolve.linked_sessions))
        patched.setattr(all_paths, "parse_name", counted("read", grammar.parse_name))
        patched.setattr(os, "lstat", lstat)
        inventory = read_inventory(lab.open())
        with Catalog.open(state_folder(lab.root)) as catalog:
            plan = Planner(inventory, catalog).plan(str(MINE), with_fixity=False)
    assert plan.session.id == str(MINE)
    return counts, [path for path in seen if Path(path).suffix == ".mp4"]


def test_the_work_grows_with_beginnings_of_names_alone(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With twice as many recordings, no more names are read one by one, and only the session's files are judged."""
    fill(lab, sessions=20, each=5)
    once, _ = work_of_a_plan(lab, monkeypatch)
    fill(lab, sessions=20, each=10)
    twice, _ = work_of_a_plan(lab, monkeypatch)
    assert once["read"] == twice["read"] == 20
    assert once["resolve"] == twice["resolve"] == 0
    assert once["judge"] <= 2 * 5
    assert twice["judge"] <= 2 * 10


def test_files_of_other_sessions_are_not_read(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a file with another session in its name is not read."""
    fill(lab, sessions=20, each=5)
    lab.recording("recordings/cam1_2025-06-10T08-00-00-000Z.mp4", datetime(2025, 6, 10, 8, tzinfo=UTC))
    _, seen = work_of_a_plan(lab, monkeypatch)
    names = {Path(path).name for path in seen}
    assert len(names) == 6
    assert all(f"session{MINE}-" in name or "2025-06-10" in name for name in names)


def test_nothing_is_ruled_out_twice(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of each of the session's files is read a fixed number of times, however many others there are."""
    fill(lab, sessions=10, each=4)
    _, few = work_of_a_plan(lab, monkeypatch)
    fill(lab, sessions=40, each=4)
    _, many = work_of_a_plan(lab, monkeypatch)
    assert len(few) == len(many)
