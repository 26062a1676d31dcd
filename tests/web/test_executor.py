"""The server's threads: so many for each kind of work, and none of them waits for another kind."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind


class Held:
    """Work that goes on until it is released; ``running`` counts what is under way, ``most`` the most at a time."""

    def __init__(self) -> None:
        self.released, self._lock = threading.Event(), threading.Lock()
        self.running = self.most = self.done = 0

    def __call__(self) -> None:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.released.wait(60)
        with self._lock:
            self.running -= 1
            self.done += 1


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what is bound to happen."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


def run(scenario: Callable[[Executor, Held], Awaitable[None]]) -> None:
    """Let a scenario happen to an executor."""

    async def whole() -> None:
        executor, held = Executor(), Held()
        try:
            await scenario(executor, held)
        finally:
            held.released.set()
            executor.close()

    asyncio.run(whole())


@pytest.mark.parametrize("lane", WorkKind)
def test_each_lane_has_its_own_threads(lane: WorkKind) -> None:
    """However much of all other kinds is asked for, one of this kind begins at once."""

    async def scenario(executor: Executor, held: Held) -> None:
        others = [other for other in WorkKind if other is not lane for _ in range(20)]
        tasks = [asyncio.ensure_future(executor.run(other, held)) for other in others]
        await until(lambda: held.running == sum(THREADS_PER_KIND.values()) - THREADS_PER_KIND[lane])
        async with asyncio.timeout(60):
            assert await executor.run(lane, lambda: "done") == "done"
        held.released.set()
        await asyncio.gather(*tasks)

    run(scenario)


def test_only_so_many_of_one_kind_run_at_a_time() -> None:
    """What is more waits for its turn, and all is done in the end."""

    async def scenario(executor: Executor, held: Held) -> None:
        tasks = [asyncio.ensure_future(executor.run(WorkKind.JOBS, held)) for _ in range(10)]
        await until(lambda: held.running == THREADS_PER_KIND[WorkKind.JOBS])
        held.released.set()
        await asyncio.gather(*tasks)
        assert (held.most, held.done) == (THREADS_PER_KIND[WorkKind.JOBS], 10)

    run(scenario)


def test_those_who_leave_do_not_free_a_thread_that_still_works() -> None:
    """A client that asks for heavy work and goes away, again and again, takes no thread from another kind."""

    async def scenario(executor: Executor, held: Held) -> None:
        for _ in range(5):
            tasks = [
                asyncio.ensure_future(executor.run(WorkKind.REQUESTS, held))
                for _ in range(THREADS_PER_KIND[WorkKind.REQUESTS])
            ]
            await until(lambda: held.running == THREADS_PER_KIND[WorkKind.REQUESTS])
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        async with asyncio.timeout(60):
            assert await executor.run(WorkKind.PEOPLE, lambda: "known") == "known"
        held.released.set()
        assert await executor.run(WorkKind.REQUESTS, lambda: "again") == "again"
        await until(lambda: held.done == THREADS_PER_KIND[WorkKind.REQUESTS])  # the first that ended made room
        assert held.most == THREADS_PER_KIND[WorkKind.REQUESTS]

    run(scenario)


def test_at_the_end_what_waits_is_dropped_and_what_runs_ends() -> None:
    """Closing waits for what runs; who waited for a thread is cancelled, and nothing of theirs is begun."""

    async def scenario(executor: Executor, held: Held) -> None:
        tasks = [asyncio.ensure_future(executor.run(WorkKind.PLANS, held)) for _ in range(6)]
        await until(lambda: held.running == THREADS_PER_KIND[WorkKind.PLANS])
        held.released.set()
        executor.close()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        assert told[: THREADS_PER_KIND[WorkKind.PLANS]] == [None] * THREADS_PER_KIND[WorkKind.PLANS]
        assert all(isinstance(one, asyncio.CancelledError) for one in told[THREADS_PER_KIND[WorkKind.PLANS] :])
        with pytest.raises(asyncio.CancelledError):
            await executor.run(WorkKind.REQUESTS, held)
        assert held.done == THREADS_PER_KIND[WorkKind.PLANS]

    run(scenario)
