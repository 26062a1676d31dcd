"""The server's resources: one value, started and ended in one order, and passed to the code that needs them."""

import ast
import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.messages import message

import labcrate.web
from labcrate.config import ServeSettings
from labcrate.errors import NoLabError, PeopleError
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog
from labcrate.web.app import make_app
from labcrate.web.archives.archive_cache import ArchiveCache
from labcrate.web.archives.doctor_reports import DoctorReports
from labcrate.web.archives.indexer import Indexer
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.archives.prepare_jobs import PrepareJobs
from labcrate.web.downloads.sender import Sender
from labcrate.web.downloads.transfer_log import TransferResultWriter
from labcrate.web.executor import Executor
from labcrate.web.lifespan import lifespan
from labcrate.web.resources import ServerResources
from labcrate.web.server import run_app

ORDER: dict[type, str] = {
    PeopleDatabase: "close",
    ExportLog: "close",
    ArchiveCache: "close",
    Executor: "close",
    TransferResultWriter: "write_pending",
    Sender: "close",
    PlanQueue: "close",
    DoctorReports: "stop",
    PrepareJobs: "close",
    Indexer: "stop",
}
"""What has an end, in the order in which it starts, and the method that ends it."""

ABOVE = ("app", "server", "lifespan", "resources", "routes")
"""Modules and rooms that may know the application or ``ServerResources``."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what started (``+X``), ended (``-X``) or was stopped (``!X``), in order."""
    seen: list[str] = []

    def noted(kind: type, method: str, sign: str) -> None:
        original: Callable[..., Any] = getattr(kind, method)

        def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(f"{sign}{kind.__name__}")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, method, noting)

    for kind, end in ORDER.items():
        noted(kind, "__init__", "+")
        noted(kind, end, "-")
    noted(PlanQueue, "stop", "!")
    noted(PrepareJobs, "stop", "!")
    noted(web.Server, "shutdown", "-")
    return seen


def test_what_starts_last_ends_first(usual_lab: Any, seen: list[str]) -> None:
    """Each resource ends before those that it needs, in the opposite order of their start."""

    async def live() -> None:
        async with lifespan(ServeSettings(usual_lab.root)):
            assert seen == [f"+{kind.__name__}" for kind in ORDER]
            seen.clear()

    asyncio.run(live())
    assert [one for one in seen if one[0] == "-"] == [f"-{kind.__name__}" for kind in reversed(ORDER)]


def test_a_start_that_fails_ends_what_had_started(
    usual_lab: Any, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error at the end of the start is passed to the caller, and no thread keeps the process running."""

    def full(*_: Any) -> None:
        raise PeopleError(message("The disk has no room for people.db."))

    monkeypatch.setattr("labcrate.web.lifespan.Users", full)
    app = make_app(ServeSettings(usual_lab.root))
    with pytest.raises(PeopleError, match="no room"):
        asyncio.run(run_app(app, ServeSettings(usual_lab.root)))
    assert [one for one in seen if one[0] == "-"] == [f"-{kind.__name__}" for kind in reversed(ORDER)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("indexer", "work", "send"))]


def test_a_folder_that_is_no_lab_is_an_error_for_the_caller(tmp_path: Path) -> None:
    """The errors of the start are those of the lab and its users' database."""
    settings = ServeSettings(tmp_path)
    with pytest.raises(NoLabError, match="is not a lab folder"):
        asyncio.run(run_app(make_app(settings), settings))


def test_waiting_requests_are_answered_before_connections_close(usual_lab: Any, seen: list[str]) -> None:
    """Plans and jobs are cancelled before connections are closed, and only then the resources end."""

    async def live() -> None:
        settings = ServeSettings(usual_lab.root)
        runner = await run_app(make_app(settings), settings)
        seen.clear()
        await runner.cleanup()

    asyncio.run(live())
    assert seen[:4] == ["!PrepareJobs", "!PlanQueue", "-DoctorReports", "-Server"]
    # aiohttp ends its own server, too, which is empty
    assert next(one for one in seen[4:] if one != "-Server") == "-Indexer"


def test_resources_cannot_be_replaced() -> None:
    """The resources of a server are fixed from its start to its end."""
    assert ServerResources.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _modules() -> Iterator[tuple[str, ast.Module]]:
    root = Path(labcrate.web.__file__).parent
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).with_suffix("").as_posix(), ast.parse(path.read_text("utf-8"), str(path))


def test_only_routes_use_the_application() -> None:
    """No module below the routes names the application, its keys or ``ServerResources``: it gets what it needs."""
    found = []
    for name, tree in _modules():
        if name.partition("/")[0] in ABOVE:
            continue
        for node in ast.walk(tree):
            if (isinstance(node, ast.Attribute) and node.attr in ("Application", "AppKey", "app")) or (
                isinstance(node, ast.ImportFrom) and node.module in ("labcrate.web.resources", "labcrate.web.lifespan")
            ):
                found.append(f"{name}, line {node.lineno}")
    assert found == []


def test_there_is_one_key_and_the_routes_do_not_read_it() -> None:
    """Routes get their resources from ``resources(request)``."""
    keys, reading = [], []
    for name, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "AppKey":
                keys.append(name)
            if isinstance(node, ast.Attribute) and node.attr in ("Application", "app") and name.startswith("routes/"):
                reading.append(f"{name}, line {node.lineno}")
    assert (keys, reading) == (["resources"], [])


def test_no_route_is_added_twice(tmp_path: Path) -> None:
    """A method and a path lead to one handler."""
    (tmp_path / "data").mkdir()
    seen = [
        (route.method, route.resource.canonical)
        for route in make_app(ServeSettings(tmp_path)).router.routes()
        if route.resource is not None
    ]
    assert len(seen) > 60
    assert sorted(seen) == sorted(set(seen))
