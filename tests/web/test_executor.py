"""The server's threads: a number for each kind of work, and none waits for another kind."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind


class Held:
    """Work that continues until it is released; ``running`` counts what runs, ``most`` is the maximum at a time."""

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
    """Wait for a condition that must become true."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


def run(scenario: Callable[[Executor, Held], Awaitable[None]]) -> None:
    """Run a scenario with an executor."""

    async def whole() -> None:
        executor, held = Executor(), Held()
        try:
            await scenario(executor, held)
        finally:
            held.released.set()
            executor.close()

    asyncio.run(whole())


@pytest.mark.parametrize("lane", WorkKind)
def test_each_kind_has_its_own_threads(lane: WorkKind) -> None:
    """However much work of other kinds waits, work of this kind begins at once."""

    async def scenario(executor: Executor, held: Held) -> None:
        others = [other for other in WorkKind if other is not lane for _ in range(20)]
        tasks = [asyncio.ensure_future(executor.run(other, held)) for other in others]
        await until(lambda: held.running == sum(THREADS_PER_KIND.values()) - THREADS_PER_KIND[lane])
        async with asyncio.timeout(60):
            assert await executor.run(lane, lambda: "done") == "done"
        held.released.set()
        await asyncio.gather(*tasks)

    run(scenario)


def test_the_threads_of_a_kind_are_limited() -> None:
    """Further work waits for a thread, and all is done in the end."""

    async def scenario(executor: Executor, held: Held) -> None:
        tasks = [asyncio.ensure_future(executor.run(WorkKind.JOBS, held)) for _ in range(10)]
        await until(lambda: held.running == THREADS_PER_KIND[WorkKind.JOBS])
        held.released.set()
        await asyncio.gather(*tasks)
        assert (held.most, held.done) == (THREADS_PER_KIND[WorkKind.JOBS], 10)

    run(scenario)


def test_a_cancelled_caller_does_not_free_a_busy_thread() -> None:
    """A client that repeatedly requests heavy work and disconnects takes no thread from another kind."""

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


def test_closing_ends_running_work_and_cancels_the_rest() -> None:
    """Closing waits for running work; callers that wait for a thread are cancelled, and their work does not begin."""

    async def scenario(executor: Executor, held: Held) -> None:
        tasks = [asyncio.ensure_future(executor.run(WorkKind.PLANS, held)) for _ in range(6)]
        await until(lambda: held.running == THREADS_PER_KIND[WorkKind.PLANS])
        held.released.set()
        executor.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[: THREADS_PER_KIND[WorkKind.PLANS]] == [None] * THREADS_PER_KIND[WorkKind.PLANS]
        assert all(isinstance(one, asyncio.CancelledError) for one in results[THREADS_PER_KIND[WorkKind.PLANS] :])
        with pytest.raises(asyncio.CancelledError):
            await executor.run(WorkKind.REQUESTS, held)
        assert held.done == THREADS_PER_KIND[WorkKind.PLANS]

    run(scenario)
