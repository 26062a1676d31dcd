"""The queue of plans: made in threads of their own, each plan once for all requests, one at a time for each user.

A plan with very many readings takes long. Pages, logins and downloads must not wait for it, one user must not make
all others wait, and a plan whose clients have all disconnected is cancelled. Finished plans are in the archive cache.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from labcrate.errors import LabcrateError, NotFoundError, NotReadyError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.messages.message import Message
from labcrate.plan.options import Options
from labcrate.plan.plan import PlannedRecording
from labcrate.web.archives.archive_cache import ArchiveCache, CacheKey, PlannedArchive
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind

PAGE_WAIT_S = 2.5
"""The time in seconds that a page waits for a plan."""

ABANDON_AFTER_S = 15.0
"""The time in seconds after which a plan without clients is cancelled. Pages repeat their request every few seconds."""

MAX_PLANS_PER_USER = 6
"""The maximum number of unfinished plans of a user: as many as a browser requests at once."""

MAX_PLANS = 24
"""The maximum number of unfinished plans of all users."""

_RETRY_AFTER_S = 5


class _QueuedPlan(Progress):
    """A plan that is not made yet, and the users who requested it.

    ``turn_of`` is the user in whose turn it is being made, None before that. The thread that makes it calls
    ``raise_if_cancelled``; use the rest on the event loop.
    """

    def __init__(self, key: CacheKey, user: str, clock: Callable[[], float]) -> None:
        self.key, self.user, self._clock = key, user, clock
        self.users = {user}
        self.turn_of: str | None = None
        self._result: asyncio.Future[PlannedArchive] = asyncio.get_running_loop().create_future()
        self._waiting, self._last_left_s = 0, clock()

    async def wait(self) -> PlannedArchive:
        """Return the archive. Raises WorkCancelled if the plan was cancelled, and what ArchiveCache.plan does."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._result)
        finally:
            self._waiting -= 1
            self._last_left_s = self._clock()

    @property
    def is_needed(self) -> bool:
        """Return whether a client waits for the plan, or did recently."""
        return not self._result.done() and (self._waiting > 0 or self._clock() - self._last_left_s < ABANDON_AFTER_S)

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled if the plan is no longer needed."""
        if not self.is_needed:
            raise WorkCancelled

    def end(self, result: PlannedArchive | BaseException) -> None:
        """Give the archive or the error to all waiting clients."""
        if self._result.done():
            return
        if isinstance(result, PlannedArchive):
            self._result.set_result(result)
        else:
            self._result.set_exception(result)
            self._result.exception()  # asyncio logs an exception that no client retrieves


class PlanQueue:
    """All requested plans of a server. Use it on the event loop."""

    def __init__(
        self,
        executor: Executor,
        archives: ArchiveCache,
        base_topic: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._archives, self._base_topic, self._clock = executor, archives, base_topic, clock
        self._pending: dict[CacheKey, _QueuedPlan] = {}
        self._running: set[asyncio.Task[PlannedArchive]] = set()
        self._closed = False

    def whole_session_options(self) -> Options:
        """Return the options for the plan of a whole session."""
        return Options(base_topic=self._base_topic)

    async def plan(
        self, session_id: str, options: Options, user: str, *, whole_plan: bool = True, limited: bool = True
    ) -> PlannedArchive:
        """Return the current archive of a session, for a user; ``whole_plan`` is as in ``ArchiveCache.plan``.

        ``limited`` is whether the limits on unfinished plans apply. Raises TooManyError, NotReadyError if the server is
        stopping, and what ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        if key in self._pending:
            # It was begun before this request, and the lab may have changed since; this is checked below.
            with suppress(LabcrateError, WorkCancelled):
                await self._wait(self._pending[key], user)
        while True:
            found = await self._find_or_queue(key, user, whole_plan=whole_plan, limited=limited)
            if isinstance(found, PlannedArchive):
                return found
            with suppress(WorkCancelled):  # cancelled at the time of this request
                return await self._wait(found, user)

    async def plan_for_page(self, session_id: str, options: Options, user: str) -> PlannedArchive | None:
        """Return a session's archive for a page, or None if that takes longer than ``PAGE_WAIT_S``.

        Then planning continues for a while, so that the next request can join it; if too many plans wait, it does not
        begin. The archive may be as old as a running plan. Raises NotReadyError if the server is stopping, and what
        ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        begun = self._pending.get(key)
        try:
            async with asyncio.timeout(PAGE_WAIT_S) as patience:
                if begun is None:
                    # The comparison continues after the timeout: if it takes long, the plan would never begin else.
                    found = await asyncio.shield(self._find_or_queue(key, user))
                    if isinstance(found, PlannedArchive):
                        return found
                    begun = found
                return await self._wait(begun, user)
        except (WorkCancelled, TooManyError):
            return None
        except TimeoutError:  # may also be an error of the disk
            if not patience.expired():
                raise
            return None

    async def find_recording(self, session_id: str, name: str, user: str) -> PlannedRecording:
        """Return a recording of a session by its member name without the folder, hashed or not.

        Raises NotFoundError, and what ``plan`` does.
        """
        found = await self._executor.run(
            WorkKind.REQUESTS, self._archives.get_with_same_links, session_id, self.whole_session_options()
        )
        found = found or await self.plan(session_id, self.whole_session_options(), user, whole_plan=False)
        for recording in found.plan.recordings:
            if recording.member == f"recordings/{name}":
                return recording
        raise NotFoundError(Message("server.no_recording", session=session_id, name=name))

    def stop(self) -> None:
        """Cancel all plans, and accept no more."""
        self._closed = True
        for pending in list(self._pending.values()):
            self._cancel(pending)

    async def close(self) -> None:
        """Cancel all plans and wait for their threads, which end at their next step."""
        self.stop()
        if self._running:
            await asyncio.wait(self._running)

    async def _find_or_queue(
        self, key: CacheKey, user: str, *, whole_plan: bool = True, limited: bool = True
    ) -> PlannedArchive | _QueuedPlan:
        """Return the cached archive, or the queued plan for it."""
        archive = await self._executor.run(WorkKind.REQUESTS, self._archives.get, *key, whole_plan=whole_plan)
        if self._closed:
            raise NotReadyError(Message("server.stopping"), _RETRY_AFTER_S)
        return archive or self._pending.get(key) or self._add(key, user, limited=limited)

    def _add(self, key: CacheKey, user: str, *, limited: bool) -> _QueuedPlan:
        for pending in list(self._pending.values()):
            if pending.turn_of is None and not pending.is_needed:
                self._cancel(pending)
        if limited and sum(pending.user == user for pending in self._pending.values()) >= MAX_PLANS_PER_USER:
            raise TooManyError(Message("server.user_plans_full", count=MAX_PLANS_PER_USER), _RETRY_AFTER_S)
        if limited and len(self._pending) >= MAX_PLANS:
            raise TooManyError(Message("server.plans_full"), _RETRY_AFTER_S)
        pending = self._pending[key] = _QueuedPlan(key, user, self._clock)
        self._start_next()
        return pending

    async def _wait(self, pending: _QueuedPlan, user: str) -> PlannedArchive:
        pending.users.add(user)
        self._start_next()  # this user's turn may come before that of the first user
        return await pending.wait()

    def _start_next(self) -> None:
        """Start as many plans as possible, the oldest first, but one of each user at a time."""
        for pending in [pending for pending in self._pending.values() if pending.turn_of is None]:
            busy = {one.turn_of for one in self._pending.values() if one.turn_of is not None}
            if len(busy) >= THREADS_PER_KIND[WorkKind.PLANS]:
                return
            if not pending.is_needed:
                self._cancel(pending)
            elif free := pending.users - busy:
                pending.turn_of = min(free)
                plan = partial(self._archives.plan, *pending.key, progress=pending)
                task = asyncio.get_running_loop().create_task(self._executor.run(WorkKind.PLANS, plan))
                self._running.add(task)
                task.add_done_callback(partial(self._on_end, pending))

    def _on_end(self, pending: _QueuedPlan, task: asyncio.Task[PlannedArchive]) -> None:
        self._running.discard(task)
        del self._pending[pending.key]
        pending.end(WorkCancelled() if task.cancelled() else task.exception() or task.result())
        self._start_next()

    def _cancel(self, pending: _QueuedPlan) -> None:
        pending.end(WorkCancelled())
        if pending.turn_of is None:
            del self._pending[pending.key]
