"""Planning in turn: in threads of its own, each plan once for all who want it, one at a time for a user.

A plan of very many readings takes long. Pages, logins and downloads must not wait for it, one user must not have all
others wait, and a plan whose clients are all gone is not made. Whether a plan is kept already is found out elsewhere.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from labcrate.errors import LabcrateError, NotFoundError, NotReadyError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.messages.text import printable_lines
from labcrate.plan.options import Options
from labcrate.plan.plan import PlannedRecording
from labcrate.web.archives.archive_cache import ArchiveCache, CacheKey, PlannedArchive
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind

PAGE_WAIT_S = 2.5
"""How long a page waits for a plan."""

ABANDON_AFTER_S = 15.0
"""How long a plan is still made after its last client left. Pages ask again every few seconds."""

MAX_PLANS_PER_USER = 6
"""How many unfinished plans a user may have asked for: as many as a browser asks for at once."""

MAX_PLANS = 24
"""How many unfinished plans there may be of all users together."""

_RETRY_AFTER_S = 5


class _QueuedPlan(Progress):
    """A plan that is not made yet, and the users who want it.

    ``turn`` is the user in whose turn it is being made, None before that. The thread that makes it
    calls ``raise_if_cancelled``; all else happens on the event loop.
    """

    def __init__(self, key: CacheKey, user: str, clock: Callable[[], float]) -> None:
        self.key, self.user, self._clock = key, user, clock
        self.users = {user}
        self.turn_of: str | None = None
        self._result: asyncio.Future[PlannedArchive] = asyncio.get_running_loop().create_future()
        self._waiting, self._last_left_s = 0, clock()

    async def wait(self) -> PlannedArchive:
        """Return the archive. Raises WorkCancelled when the plan was given up, and what ArchiveCache.plan does."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._result)
        finally:
            self._waiting -= 1
            self._last_left_s = self._clock()

    @property
    def is_needed(self) -> bool:
        """Whether a client waits for it, or did a moment ago."""
        return not self._result.done() and (self._waiting > 0 or self._clock() - self._last_left_s < ABANDON_AFTER_S)

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled when no client waits for it any more."""
        if not self.is_needed:
            raise WorkCancelled

    def end(self, result: PlannedArchive | BaseException) -> None:
        """Hand the outcome to all that wait."""
        if self._result.done():
            return
        if isinstance(result, PlannedArchive):
            self._result.set_result(result)
        else:
            self._result.set_exception(result)
            self._result.exception()  # there may be no client left that retrieves it


class PlanQueue:
    """All plans that are asked for. Use it on the event loop."""

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
        """Return the options of a whole session's plan."""
        return Options(base_topic=self._base_topic)

    async def plan(
        self, session_id: str, options: Options, user: str, *, whole_plan: bool = True, limited: bool = True
    ) -> PlannedArchive:
        """Return a session's archive as of now, for a user; ``whole_plan`` is as in ``ArchiveCache.plan``.

        ``limited``: a user may ask for a few at a time. Raises TooManyError, NotReadyError when the server ends, and
        what ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        if key in self._pending:
            # It was begun before this request, and the lab may have changed since: that is compared below.
            with suppress(LabcrateError, WorkCancelled):
                await self._wait(self._pending[key], user)
        while True:
            found = await self._find_or_queue(key, user, whole_plan=whole_plan, limited=limited)
            if isinstance(found, PlannedArchive):
                return found
            with suppress(WorkCancelled):  # given up just as this request came
                return await self._wait(found, user)

    async def plan_for_page(self, session_id: str, options: Options, user: str) -> PlannedArchive | None:
        """Return a session's archive for a page, perhaps as of a moment ago; None when that takes too long for one.

        Then it goes on for a while, and the next request joins it; where too many wait, it is begun some other time.
        Raises NotReadyError when the server ends, and what ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        begun = self._pending.get(key)
        try:
            async with asyncio.timeout(PAGE_WAIT_S) as patience:
                if begun is None:
                    # The comparison goes on as well: where that takes long, a plan would never be begun otherwise.
                    found = await asyncio.shield(self._find_or_queue(key, user))
                    if isinstance(found, PlannedArchive):
                        return found
                    begun = found
                return await self._wait(begun, user)
        except (WorkCancelled, TooManyError):
            return None
        except TimeoutError:  # the disk's own error is called the same
            if not patience.expired():
                raise
            return None

    async def find_recording(self, session_id: str, name: str, user: str) -> PlannedRecording:
        """Return one recording of a session by its member's name without the folder, whole or not, hashed or not.

        Raises NotFoundError, and what ``plan`` does.
        """
        found = await self._executor.run(
            WorkKind.REQUESTS, self._archives.get_with_same_links, session_id, self.whole_session_options()
        )
        found = found or await self.plan(session_id, self.whole_session_options(), user, whole_plan=False)
        for recording in found.plan.recordings:
            if recording.member == f"recordings/{name}":
                return recording
        raise NotFoundError(f"Session {session_id} has no recording {printable_lines(name)!r}.")

    def stop(self) -> None:
        """Give up all plans, and take no more."""
        self._closed = True
        for pending in list(self._pending.values()):
            self._cancel(pending)

    async def close(self) -> None:
        """Wait for the threads; what they make ends at its next step."""
        self.stop()
        if self._running:
            await asyncio.wait(self._running)

    async def _find_or_queue(
        self, key: CacheKey, user: str, *, whole_plan: bool = True, limited: bool = True
    ) -> PlannedArchive | _QueuedPlan:
        """Return the archive that is kept, or else a plan that is to be made."""
        archive = await self._executor.run(WorkKind.REQUESTS, self._archives.get, *key, whole_plan=whole_plan)
        if self._closed:
            raise NotReadyError("The server is being stopped; ask again in a moment.", _RETRY_AFTER_S)
        return archive or self._pending.get(key) or self._add(key, user, limited=limited)

    def _add(self, key: CacheKey, user: str, *, limited: bool) -> _QueuedPlan:
        for pending in list(self._pending.values()):
            if pending.turn_of is None and not pending.is_needed:
                self._cancel(pending)
        if limited and sum(pending.user == user for pending in self._pending.values()) >= MAX_PLANS_PER_USER:
            raise TooManyError(
                f"{MAX_PLANS_PER_USER} plans that you asked for are not made yet; wait until one is done, and ask "
                "again.",
                _RETRY_AFTER_S,
            )
        if limited and len(self._pending) >= MAX_PLANS:
            raise TooManyError(
                "Too many plans are waiting to be made; wait until one is done, and ask again.", _RETRY_AFTER_S
            )
        pending = self._pending[key] = _QueuedPlan(key, user, self._clock)
        self._start_next()
        return pending

    async def _wait(self, pending: _QueuedPlan, user: str) -> PlannedArchive:
        pending.users.add(user)
        self._start_next()  # this user's turn may come before that of those who asked first
        return await pending.wait()

    def _start_next(self) -> None:
        """Begin what can be begun, the oldest first, but one of a user at a time: others come in between."""
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
