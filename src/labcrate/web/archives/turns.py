"""Turns of users: work that is made in threads of its own, each piece once for all requests, and in turn for each user.

One user must not make all others wait, and work whose clients have all disconnected is cancelled.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from labcrate.errors import NotReadyError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.messages.message import Message
from labcrate.plan.options import Options
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.reading_meter import ReadingMeter
from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind

ABANDON_AFTER_S = 15.0
"""The time in seconds after which work without clients is cancelled. Pages repeat their request every few seconds."""

MAX_PLANS_PER_USER = 6
"""The maximum number of unfinished plans of a user: as many as a browser requests at once."""

MAX_PLANS = 24
"""The maximum number of unfinished plans of all users."""

RETRY_AFTER_S = 5

PlanKey = tuple[str, Options]
T = TypeVar("T")


class QueuedWork(Progress, Generic[T]):
    """Work that is not finished, and the users who requested it.

    ``turn_of`` is the user in whose turn it is being made, None before that. The thread that makes it calls
    ``raise_if_cancelled`` and the methods of ``readings``; use the rest on the event loop.
    """

    readings: ReadingMeter

    def __init__(self, key: PlanKey, user: str, clock: Callable[[], float]) -> None:
        self.key, self.user, self._clock = key, user, clock
        self.users = {user}
        self.turn_of: str | None = None
        self.readings = ReadingMeter()
        self._result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting, self._last_left_s = 0, clock()

    async def wait(self) -> T:
        """Return the result. Raises WorkCancelled if the work was cancelled, and what making it raises."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._result)
        finally:
            self._waiting -= 1
            self._last_left_s = self._clock()

    @property
    def has_clients(self) -> bool:
        """Return whether a client waits for the result."""
        return self._waiting > 0

    @property
    def is_needed(self) -> bool:
        """Return whether a client waits for the result, or did recently."""
        return not self._result.done() and (self._waiting > 0 or self._clock() - self._last_left_s < ABANDON_AFTER_S)

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled if the result is no longer needed."""
        if not self.is_needed:
            raise WorkCancelled

    def end(self, result: T | BaseException) -> None:
        """Give the result or the error to all waiting clients."""
        if self._result.done():
            return
        if isinstance(result, BaseException):
            self._result.set_exception(result)
            self._result.exception()  # asyncio logs an exception that no client retrieves
        else:
            self._result.set_result(result)


class Turns(Generic[T]):
    """All unfinished work of one kind. Use it on the event loop.

    ``make`` is called in a thread with the key and the progress of the work.
    """

    def __init__(
        self, executor: Executor, kind: WorkKind, make: Callable[[PlanKey, Progress], T], clock: Callable[[], float]
    ) -> None:
        self._executor, self._kind, self._make, self._clock = executor, kind, make, clock
        self.pending: dict[PlanKey, QueuedWork[T]] = {}
        self.on_error: Callable[[QueuedWork[T], BaseException], None] = lambda _, __: None
        self._running: set[asyncio.Task[T]] = set()
        self._closed = False

    def find_or_add(self, key: PlanKey, user: str, *, limited: bool) -> QueuedWork[T]:
        """Return the unfinished work with a key, queued if there was none.

        ``limited`` is whether the limits on unfinished work apply. Raises TooManyError, and NotReadyError if the server
        is stopping.
        """
        self.refuse_if_closed()
        return self.pending.get(key) or self._add(key, user, limited=limited)

    async def wait(self, work: QueuedWork[T], user: str) -> T:
        """Return the result for a user, as ``QueuedWork.wait`` does."""
        work.users.add(user)
        self._start_next()  # this user's turn may come before that of the first user
        return await work.wait()

    def refuse_if_closed(self) -> None:
        """Raise NotReadyError if the server is stopping."""
        if self._closed:
            raise NotReadyError(Message("server.stopping"), RETRY_AFTER_S)

    def stop(self) -> None:
        """Cancel all work, and accept no more."""
        self._closed = True
        for work in list(self.pending.values()):
            self._cancel(work)

    async def close(self) -> None:
        """Cancel all work and wait for its threads, which end at their next step."""
        self.stop()
        if self._running:
            await asyncio.wait(self._running)

    def _add(self, key: PlanKey, user: str, *, limited: bool) -> QueuedWork[T]:
        for work in list(self.pending.values()):
            if work.turn_of is None and not work.is_needed:
                self._cancel(work)
        if limited and sum(work.user == user for work in self.pending.values()) >= MAX_PLANS_PER_USER:
            raise TooManyError(Message("server.user_plans_full", count=MAX_PLANS_PER_USER), RETRY_AFTER_S)
        if limited and len(self.pending) >= MAX_PLANS:
            raise TooManyError(Message("server.plans_full"), RETRY_AFTER_S)
        work = self.pending[key] = QueuedWork(key, user, self._clock)
        self._start_next()
        return work

    def _start_next(self) -> None:
        """Start as much work as possible, the oldest first, but one piece for each user at a time."""
        for work in [work for work in self.pending.values() if work.turn_of is None]:
            busy = {one.turn_of for one in self.pending.values() if one.turn_of is not None}
            if len(busy) >= THREADS_PER_KIND[self._kind]:
                return
            if not work.is_needed:
                self._cancel(work)
            elif free := work.users - busy:
                work.turn_of = min(free)
                make = partial(self._make, work.key, work)
                task = asyncio.get_running_loop().create_task(self._executor.run(self._kind, make))
                self._running.add(task)
                task.add_done_callback(partial(self._on_end, work))

    def _on_end(self, work: QueuedWork[T], task: asyncio.Task[T]) -> None:
        self._running.discard(task)
        del self.pending[work.key]
        error = WorkCancelled() if task.cancelled() else task.exception()
        if error is not None:
            self.on_error(work, error)
        work.end(task.result() if error is None else error)
        self._start_next()

    def _cancel(self, work: QueuedWork[T]) -> None:
        work.end(WorkCancelled())
        if work.turn_of is None:
            del self.pending[work.key]
