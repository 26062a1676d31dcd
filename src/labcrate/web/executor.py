"""The server's threads for what reads the disk or computes: a few for each kind of work, which wait for no other kind.

Bodies are sent by threads of their own (`Sender`), and new recordings are read by the indexer's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkKind(Enum):
    """A kind of work, which has threads of its own."""

    REQUESTS = auto()
    """What a request needs done before it is answered."""

    PLANS = auto()
    """Planning sessions and examining the lab."""

    JOBS = auto()
    """Reading whole recordings for the first time."""

    PEOPLE = auto()
    """Looking up users, logins and tokens: every request does, and must not wait for a lab's heavy work."""

    PASSWORDS = auto()
    """Hashing passwords: each takes 64 MiB."""

    THUMBNAILS = auto()
    """Pictures of recordings: a page full of them must not keep downloads and other pages waiting."""


THREADS_PER_KIND = {
    WorkKind.REQUESTS: 8,
    WorkKind.PLANS: 2,
    WorkKind.JOBS: 4,
    WorkKind.PEOPLE: 2,
    WorkKind.PASSWORDS: 1,
    WorkKind.THUMBNAILS: 1,
}


class Executor:
    """Runs functions in threads, of each kind so many at a time and the others in their order. Use it on the loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(sum(THREADS_PER_KIND.values()), "work")
        self._semaphores = {kind: asyncio.Semaphore(threads) for kind, threads in THREADS_PER_KIND.items()}
        self._closed = False

    async def run(self, kind: WorkKind, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns in one of a kind's threads.

        A function that runs goes on when the caller is cancelled, and keeps its thread: other kinds have theirs.
        """
        semaphore, loop = self._semaphores[kind], asyncio.get_running_loop()
        await semaphore.acquire()
        if self._closed:
            semaphore.release()
            raise asyncio.CancelledError
        running = self._pool.submit(partial(function, *args, **kwargs))
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(semaphore.release))
        return await asyncio.wrap_future(running)

    @asynccontextmanager
    async def run_repeatedly(self, interval_s: float, function: Callable[[], object]) -> AsyncIterator[None]:
        """In the block, run a function again and again, with so many seconds between."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(interval_s)
                await self.run(WorkKind.REQUESTS, function)

        task = asyncio.get_running_loop().create_task(repeat())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """Wait for what runs; what waits for a thread is dropped, and its caller cancelled."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)
