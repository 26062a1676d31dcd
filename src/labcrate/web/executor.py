"""The server's threads for disk access and computation: some for each kind of work, which wait for no other kind.

``Sender`` and ``Indexer`` have threads of their own.
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
    """A kind of work that has threads of its own."""

    REQUESTS = auto()
    """Work that a request needs before it is answered."""

    PLANS = auto()
    """Planning sessions and examining the lab."""

    OUTLINES = auto()
    """Planning what is known of sessions without reading sensor messages."""

    JOBS = auto()
    """Reading whole recordings for the first time."""

    TABLES = auto()
    """Writing tables of very many readings that a download needs, while no file of a job is waited for."""

    PEOPLE = auto()
    """Looking up users, logins and tokens: every request needs it, and must not wait for other work."""

    PASSWORDS = auto()
    """Hashing passwords: each takes 64 MiB."""

    THUMBNAILS = auto()
    """Thumbnails of recordings: a page with many of them must not delay downloads and other pages."""


THREADS_PER_KIND = {
    WorkKind.REQUESTS: 8,
    WorkKind.PLANS: 2,
    WorkKind.OUTLINES: 2,
    WorkKind.JOBS: 4,
    WorkKind.TABLES: 2,
    WorkKind.PEOPLE: 2,
    WorkKind.PASSWORDS: 1,
    WorkKind.THUMBNAILS: 1,
}


class Executor:
    """A pool of threads with a limit for each kind of work. Use it on the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(sum(THREADS_PER_KIND.values()), "work")
        self._semaphores = {kind: asyncio.Semaphore(threads) for kind, threads in THREADS_PER_KIND.items()}
        self._closed = False

    async def run(self, kind: WorkKind, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread for its kind of work, and return its result.

        If the caller is cancelled, a running function continues and occupies its thread.
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
        """Run a function repeatedly during the block, with ``interval_s`` seconds between two runs."""

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
        """Wait for running functions; cancel those that wait for a thread, and their callers."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)
