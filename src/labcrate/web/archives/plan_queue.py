"""The queue of plans: made in threads of their own, each plan once for all requests, one at a time for each user.

A plan with very many readings takes long. Pages, logins and downloads must not wait for it. What is known without
readings does not wait for it either: outlines of sessions and archives of recordings alone are made in other threads.
Finished plans are in the archive cache and the outline cache.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from labcrate.errors import LabcrateError, NotFoundError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.messages.message import Message
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import Plan, PlannedRecording
from labcrate.web.archives import page_waits
from labcrate.web.archives.archive_cache import ArchiveCache, PlannedArchive
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.outline_cache import OutlineCache
from labcrate.web.archives.reading_meter import ReadingState
from labcrate.web.archives.turns import PlanKey, QueuedWork, Turns
from labcrate.web.executor import Executor, WorkKind

PAGE_WAIT_S = 2.5
"""The time in seconds that a page waits for a plan if it has nothing else to show."""

_ERROR_AGE_S = 60.0


class PlanQueue:
    """All requested plans of a server. Use it on the event loop."""

    def __init__(
        self,
        executor: Executor,
        archives: ArchiveCache,
        outlines: OutlineCache,
        base_topic: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._archives, self._outline_cache = executor, archives, outlines
        self._base_topic, self._clock = base_topic, clock
        self._with_readings = Turns[PlannedArchive](executor, WorkKind.PLANS, self._make_archive, clock)
        self._without_readings = Turns[PlannedArchive](executor, WorkKind.OUTLINES, self._make_archive, clock)
        self._outlines = Turns[Plan](executor, WorkKind.OUTLINES, self._make_outline, clock)
        self._with_readings.on_error = self._keep_error
        # Errors of plans that no client waited for, with the time: the next page that requests the plan shows it.
        self._errors: dict[PlanKey, tuple[LabcrateError, float]] = {}

    @property
    def is_reading(self) -> bool:
        """Return whether a plan with readings is requested or being made. Any thread may call it."""
        return bool(self._with_readings.pending)

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
        key, turns = (session_id, options), self._turns(options)
        if key in turns.pending:
            # It was begun before this request, and the lab may have changed since; this is checked below.
            with suppress(LabcrateError, WorkCancelled):
                await turns.wait(turns.pending[key], user)
        while True:
            archive = await self._executor.run(WorkKind.REQUESTS, self._archives.get, *key, whole_plan=whole_plan)
            turns.refuse_if_closed()
            if archive:
                return archive
            with suppress(WorkCancelled):  # cancelled at the time of this request
                return await turns.wait(turns.find_or_add(key, user, limited=limited), user)

    async def plan_for_page(
        self, session_id: str, options: Options, user: str, wait_s: float | None = None
    ) -> PlannedArchive | None:
        """Return a session's archive for a page, or None if that takes longer than ``wait_s`` (None: PAGE_WAIT_S).

        Then planning continues for a while, so that the next request can join it; if too many plans wait, it does not
        begin. The archive may be as old as a running plan, or as ``page_waits`` allows. Raises NotReadyError if the
        server is stopping, and what ``ArchiveCache.plan`` does, now or since the last request for a page.
        """
        key, turns = (session_id, options), self._turns(options)
        if error := self._take_error(key):
            raise error

        async def find_or_add() -> PlannedArchive | QueuedWork[PlannedArchive]:
            archive = await self._executor.run(WorkKind.REQUESTS, self._archives.get, *key, for_page=True)
            turns.refuse_if_closed()
            return archive or turns.find_or_add(key, user, limited=True)

        try:
            async with asyncio.timeout(PAGE_WAIT_S if wait_s is None else wait_s) as patience:
                begun = turns.pending.get(key)
                if begun is None:
                    # The comparison continues after the timeout: if it takes long, the plan would never begin else.
                    found = await asyncio.shield(find_or_add())
                    if isinstance(found, PlannedArchive):
                        return found
                    begun = found
                return await turns.wait(begun, user)
        except (WorkCancelled, TooManyError):
            return None
        except TimeoutError:  # may also be an error of the disk
            if not patience.expired():
                raise
            return None

    async def find_for_page(self, session_id: str, options: Options) -> PlannedArchive | None:
        """Return the cached archive of a session, no older than ``page_waits`` allows; None if there is none."""
        return await self._executor.run(WorkKind.REQUESTS, self._archives.get, session_id, options, for_page=True)

    def reading_state(self, session_id: str, options: Options) -> ReadingState | None:
        """Return how much the plan has read that is being made; None if it is not begun or finished."""
        work = self._turns(options).pending.get((session_id, options))
        return work.readings.state() if work and work.turn_of is not None else None

    async def outline(self, session_id: str, options: Options, user: str) -> Plan:
        """Return the current outline of a session, for a user. Raises as ``plan`` does."""
        while True:
            outline = await self._executor.run(WorkKind.REQUESTS, self._outline_cache.get, session_id, options)
            self._outlines.refuse_if_closed()
            if outline:
                return outline
            work = self._outlines.find_or_add((session_id, options), user, limited=True)
            with suppress(WorkCancelled):
                return await self._outlines.wait(work, user)

    async def outline_for_page(self, session_id: str, options: Options, user: str) -> Plan | None:
        """Return the outline of a session, or None if that takes longer than a page waits.

        It may be as old as ``page_waits`` allows. Raises as ``plan_for_page`` does.
        """
        try:
            async with asyncio.timeout(page_waits.OUTLINE_WAIT_S) as patience:
                cached = await self._executor.run(
                    WorkKind.REQUESTS, self._outline_cache.get, session_id, options, for_page=True
                )
                return cached or await asyncio.shield(self.outline(session_id, options, user))
        except TooManyError:
            return None
        except TimeoutError:  # may also be an error of the disk
            if not patience.expired():
                raise
            return None

    async def find_recording(self, session_id: str, name: str, user: str) -> PlannedRecording:
        """Return a recording of a session by its member name without the folder, hashed or not.

        An outline has it too; then its ``search`` is None, because sensor messages may contain more secrets.

        Raises NotFoundError, and what ``plan`` does.
        """
        options, member = self.whole_session_options(), f"recordings/{name}"
        archive = await self._executor.run(WorkKind.REQUESTS, self._archives.get_with_same_links, session_id, options)
        if archive:
            plan = archive.plan
        else:
            outline = await self._executor.run(
                WorkKind.REQUESTS, self._outline_cache.get_with_same_links, session_id, options
            )
            plan = outline or await self.outline(session_id, options, user)
        for recording in plan.recordings:
            if recording.member == member:
                return recording if archive else msgspec.structs.replace(recording, search=None)
        raise NotFoundError(Message("server.no_recording", session=session_id, name=name))

    def stop(self) -> None:
        """Cancel all plans, and accept no more."""
        for turns in (self._with_readings, self._without_readings, self._outlines):
            turns.stop()

    async def close(self) -> None:
        """Cancel all plans and wait for their threads, which end at their next step."""
        self.stop()
        for turns in (self._with_readings, self._without_readings, self._outlines):
            await turns.close()

    def _turns(self, options: Options) -> Turns[PlannedArchive]:
        return self._without_readings if options.only is DataKind.RECORDINGS else self._with_readings

    def _make_archive(self, key: PlanKey, progress: Progress) -> PlannedArchive:
        return self._archives.plan(*key, progress=progress)

    def _make_outline(self, key: PlanKey, progress: Progress) -> Plan:
        return self._outline_cache.plan(*key, progress)

    def _keep_error(self, work: QueuedWork[PlannedArchive], error: BaseException) -> None:
        if isinstance(error, LabcrateError) and not work.has_clients:
            now_s = self._clock()
            self._errors = {key: one for key, one in self._errors.items() if now_s - one[1] < _ERROR_AGE_S}
            self._errors[work.key] = error, now_s

    def _take_error(self, key: PlanKey) -> LabcrateError | None:
        error, at_s = self._errors.pop(key, (None, 0.0))
        return error if self._clock() - at_s < _ERROR_AGE_S else None
