"""The plan queue: one plan for all requests, users in turn, limits, and no plan without a client."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from tests.support.waiting import wait_for_next_tick

from labcrate.config import ServeSettings
from labcrate.errors import NoSessionError, NotFoundError, NotReadyError, TooManyError
from labcrate.export.prepare import prepare_from_index
from labcrate.index.indexing import Progress
from labcrate.plan.options import Options
from labcrate.web.app import make_app
from labcrate.web.archives import plan_queue
from labcrate.web.archives import turns as turns_module
from labcrate.web.archives.archive_cache import PlannedArchive
from labcrate.web.archives.outline_cache import OutlineCache
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.resources import RESOURCES

WHOLE = Options()


def part(number: int) -> Options:
    """Return options for a partial export, different for each number."""
    return Options(pad=timedelta(seconds=1 + number))


class Making:
    """A gate that stops every plan until ``opened``, and records the order in which they begin."""

    def __init__(self) -> None:
        self.begun: list[Options] = []
        self.ended: list[Options] = []
        self.opened = threading.Event()
        self.one_more = threading.Semaphore(0)

    def lay_out(self, inventory: Any, session_id: str, options: Options, *, progress: Progress, **more: Any) -> Any:
        """Wait at the gate, then call the real function."""
        self.begun.append(options)
        try:
            while not self.opened.is_set() and not self.one_more.acquire(timeout=0.01):
                progress.raise_if_cancelled()
            return prepare_from_index(inventory, session_id, options, progress=progress, **more)
        finally:
            self.ended.append(options)


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    """Return the gate that every plan of the test passes."""
    making = Making()
    monkeypatch.setattr("labcrate.web.archives.archive_cache.prepare_from_index", making.lay_out)
    monkeypatch.setattr(plan_queue, "PAGE_WAIT_S", 60.0)
    return making


@pytest.fixture
def clock() -> SimpleNamespace:
    """Return the clock that decides when plans are abandoned."""
    return SimpleNamespace(now=1000.0)


Scenario = Callable[[PlanQueue], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture
def run(usual_lab: Any, making: Making, clock: SimpleNamespace) -> Run:
    """Return a function that runs a scenario with the plan queue of the usual lab, which has no recent changes."""
    wait_for_next_tick()

    @asynccontextmanager
    async def planning() -> AsyncIterator[PlanQueue]:
        app = make_app(ServeSettings(usual_lab.root))
        runner = web.AppRunner(app)
        await runner.setup()
        server = app[RESOURCES]
        outlines = OutlineCache(server.inventories, server.archives.unreadable)
        planning = PlanQueue(server.executor, server.archives, outlines, None, lambda: clock.now)
        try:
            yield planning
        finally:
            await planning.close()
            await runner.cleanup()

    async def whole(scenario: Scenario) -> None:
        async with planning() as one:
            await scenario(one)

    return lambda scenario: asyncio.run(whole(scenario))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that must become true; fail if it does not."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.005)


def request_plan(planning: PlanQueue, options: Options, user: str = "ana") -> "asyncio.Task[PlannedArchive]":
    """Start a task that requests a plan and waits for it."""
    return asyncio.get_running_loop().create_task(planning.plan("42", options, user))


async def request_plans_in_order(planning: PlanQueue, *parts: Options) -> "list[asyncio.Task[PlannedArchive]]":
    """Request plans one after the other, each after the one before is in the queue."""
    asking = []
    for options in parts:
        asking.append(request_plan(planning, options))
        await until(lambda: len(planning._with_readings.pending) == len(asking))
    return asking


def turns(planning: PlanQueue) -> list[str | None]:
    """Return in whose turn each unfinished plan is made, None for one that waits; in the order of the requests."""
    return [wish.turn_of for wish in planning._with_readings.pending.values()]


async def cancel_requests(*tasks: "asyncio.Task[PlannedArchive]") -> None:
    """Cancel requests, as when their clients disconnect."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def test_one_plan_is_made_for_all_requests(run: Run, making: Making) -> None:
    """A page, its plots and pictures, scripts and other users that request a session's plan at once cause one plan."""

    async def scenario(planning: PlanQueue) -> None:
        loop = asyncio.get_running_loop()
        asking: list[asyncio.Task[Any]] = [request_plan(planning, WHOLE, user) for user in ("ana", "ana", "ben")]
        asking += [loop.create_task(planning.plan_for_page("42", WHOLE, user)) for user in ("ana", "eva")]
        shown = [loop.create_task(planning.find_recording("42", "any.mp4", "ana")) for _ in range(20)]
        await until(lambda: bool(making.begun))
        making.opened.set()
        found = await asyncio.gather(*asking)
        assert len({id(planned.layout) for planned in found}) == 1
        assert {recording.member for recording in await asyncio.gather(*shown)} == {"recordings/any.mp4"}
        assert making.begun == [WHOLE]

    run(scenario)


def test_one_user_does_not_delay_all_others(run: Run, making: Making) -> None:
    """Of the plans that a user requests, one is made at a time, and another user's comes between them."""

    async def scenario(planning: PlanQueue) -> None:
        asking = await request_plans_in_order(planning, *map(part, range(5)))
        await until(lambda: turns(planning) == ["ana", None, None, None, None])
        await until(lambda: making.begun == [part(0)])
        asking.append(request_plan(planning, part(9), "ben"))
        await until(lambda: making.begun == [part(0), part(9)])
        assert turns(planning) == ["ana", None, None, None, None, "ben"]
        making.opened.set()
        await asyncio.gather(*asking)
        assert sorted(making.begun, key=lambda options: options.pad or timedelta()) == [
            part(number) for number in (0, 1, 2, 3, 4, 9)
        ]

    run(scenario)


def test_a_plan_of_two_users_comes_in_the_turn_of_either(run: Run, making: Making) -> None:
    """A user who requests a plan that another user has queued behind others does not wait for those."""

    async def scenario(planning: PlanQueue) -> None:
        asking = await request_plans_in_order(planning, *map(part, range(3)))
        await until(lambda: turns(planning) == ["ana", None, None])
        await until(lambda: making.begun == [part(0)])  # of two threads, either could come first
        asking.append(request_plan(planning, part(2), "ben"))
        await until(lambda: making.begun == [part(0), part(2)])
        making.opened.set()
        await asyncio.gather(*asking)
        assert making.begun == [part(0), part(2), part(1)]

    run(scenario)


@pytest.mark.thorough
def test_the_number_of_waiting_plans_is_limited(run: Run, making: Making) -> None:
    """Beyond some plans of one user, and some of all, there is an error with the remedy; a page just loads again."""

    async def scenario(planning: PlanQueue) -> None:
        asking = [request_plan(planning, part(number)) for number in range(turns_module.MAX_PLANS_PER_USER)]
        await until(lambda: len(turns(planning)) == turns_module.MAX_PLANS_PER_USER)
        with pytest.raises(TooManyError, match="You have 6 plans") as refused:
            await planning.plan("42", WHOLE, "ana")
        assert refused.value.retry_after_s > 0
        assert await planning.plan_for_page("42", WHOLE, "ana") is None
        asking.append(request_plan(planning, part(0)))  # one of them again is not one more
        for number in range(turns_module.MAX_PLANS_PER_USER, turns_module.MAX_PLANS):
            asking.append(request_plan(planning, part(number), f"user {number}"))
        await until(lambda: len(turns(planning)) == turns_module.MAX_PLANS)
        with pytest.raises(TooManyError, match="Too many plans are waiting"):
            await planning.plan("42", WHOLE, "eva")
        making.opened.set()
        await asyncio.gather(*asking)
        assert (await planning.plan("42", WHOLE, "ana")).plan.recordings

    run(scenario)


def test_plans_without_clients_are_cancelled(run: Run, making: Making, clock: SimpleNamespace) -> None:
    """Plans whose clients have disconnected are not begun; a running one ends, and others begin."""

    async def scenario(planning: PlanQueue) -> None:
        asking = await request_plans_in_order(planning, *map(part, range(turns_module.MAX_PLANS_PER_USER)))
        await cancel_requests(*asking)
        assert making.ended == []  # who loads a page again finds it going on
        clock.now += turns_module.ABANDON_AFTER_S
        await until(lambda: making.ended == [part(0)])
        making.opened.set()
        await planning.plan("42", WHOLE, "ana")
        assert making.begun == [part(0), WHOLE]
        assert (await planning.plan("42", part(0), "ana")).plan.options == part(0)

    run(scenario)


def test_cancelled_plans_do_not_count(run: Run, making: Making, clock: SimpleNamespace) -> None:
    """A user whose earlier plans were cancelled may request others at once, while another plan is being made."""

    async def scenario(planning: PlanQueue) -> None:
        first, *others = await request_plans_in_order(planning, *map(part, range(turns_module.MAX_PLANS_PER_USER)))
        await cancel_requests(*others)
        clock.now += turns_module.ABANDON_AFTER_S
        second = request_plan(planning, WHOLE)
        await until(lambda: set(planning._with_readings.pending) == {("42", part(0)), ("42", WHOLE)})
        making.opened.set()
        await asyncio.gather(first, second)
        assert making.begun == [part(0), WHOLE]

    run(scenario)


def test_a_page_that_is_loaded_again_finds_its_plan(
    run: Run, making: Making, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that takes longer than a page waits continues from one load to the next, and is made once."""

    async def scenario(planning: PlanQueue) -> None:
        monkeypatch.setattr(plan_queue, "PAGE_WAIT_S", 0.0)
        for _ in range(5):
            assert await planning.plan_for_page("42", WHOLE, "ana") is None
            await until(lambda: making.begun == [WHOLE])
            clock.now += turns_module.ABANDON_AFTER_S - 1
        making.opened.set()
        await until(lambda: making.ended == [WHOLE])
        monkeypatch.setattr(plan_queue, "PAGE_WAIT_S", 60.0)
        assert await planning.plan_for_page("42", WHOLE, "ana")
        assert making.begun == [WHOLE]

    run(scenario)


def test_a_plan_is_as_of_the_request(run: Run, making: Making, usual_lab: Any) -> None:
    """A request that joins a plan begun before the lab changed gets a plan with the change."""

    async def scenario(planning: PlanQueue) -> None:
        before = request_plan(planning, WHOLE)
        await until(lambda: bool(making.begun))
        usual_lab.recording("recordings/cam2_session42_b.mp4")
        after = request_plan(planning, WHOLE)
        making.opened.set()
        await before
        assert any(r.path.endswith("cam2_session42_b.mp4") for r in (await after).plan.recordings)

    run(scenario)


def test_a_cached_plan_does_not_wait_for_others(run: Run, making: Making) -> None:
    """While every thread makes a plan, a cached one is returned, and its recordings are found."""

    async def scenario(planning: PlanQueue) -> None:
        making.one_more.release()
        stands = await planning.plan("42", WHOLE, "ana")
        asking = [request_plan(planning, part(number), user) for number, user in enumerate(("ana", "ben", "eva"))]
        await until(lambda: len(making.begun) == 3)
        assert await planning.plan("42", WHOLE, "ana") == stands
        assert await planning.plan_for_page("42", WHOLE, "joe") == stands
        assert (await planning.find_recording("42", "any.mp4", "joe")).member == "recordings/any.mp4"
        making.opened.set()
        await asyncio.gather(*asking)

    run(scenario)


def test_the_server_ends_while_plans_are_made(run: Run, making: Making) -> None:
    """Running plans end at their next step, the others do not begin, and clients get the advice to retry."""

    async def scenario(planning: PlanQueue) -> None:
        asking = [request_plan(planning, part(number), f"user {number}") for number in range(4)]
        await until(lambda: len(making.begun) == 2)
        planning.stop()
        for error in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(error, NotReadyError)
        with pytest.raises(NotReadyError):
            await planning.plan_for_page("42", WHOLE, "ana")
        await planning.close()  # no plan would ever end by itself: nothing opens them
        assert len(making.ended) == len(making.begun) == 2

    run(scenario)


def test_errors_are_passed_to_all_requests(run: Run, making: Making) -> None:
    """An unknown session is an error for all who wait, and later requests work."""

    async def scenario(planning: PlanQueue) -> None:
        asking = [asyncio.get_running_loop().create_task(planning.plan("99", WHOLE, "ana")) for _ in range(3)]
        making.opened.set()
        for error in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(error, NoSessionError)
        assert turns(planning) == []

    run(scenario)


def test_recordings_are_found_by_their_names_in_the_plan_alone(run: Run, making: Making, usual_lab: Any) -> None:
    """A recording of the session is found, hashed or not and also if it grew; another session's or a path is not."""

    async def scenario(planning: PlanQueue) -> None:
        async def found(name: str) -> str:
            return (await planning.find_recording("42", name, "ana")).path

        making.opened.set()
        assert await found("any.mp4") == "sessions/Session42/recordings/any.mp4"
        usual_lab.recording("sessions/Session42/recordings/any.mp4", content=usual_lab.clip + b"more")
        assert await found("any.mp4") == "sessions/Session42/recordings/any.mp4"
        for name in ("cam1_session7_a.mp4", "../recordings/any.mp4", "recordings/any.mp4", "", "ANY.MP4", "README.txt"):
            with pytest.raises(NotFoundError):
                await found(name)
        (usual_lab.root / "recordings/cam1_session42_a.mp4").rename(usual_lab.root / "recordings/cam1_session8_a.mp4")
        with pytest.raises(NotFoundError):
            await found("cam1_session42_a.mp4")

    run(scenario)
