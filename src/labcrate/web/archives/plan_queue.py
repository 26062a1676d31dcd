"""Planning in turn: in threads of its own, each plan once for all who want it, one at a time for a user.

A plan of very many readings takes long. Pages, logins and downloads must not wait for it, one user must not have all
others wait, and a plan whose clients are all gone is not made. Whether a plan is kept already is found out elsewhere.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from labcrate.errors import LabcrateError, NoSuchThingError, NotReadyError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.lab.text import visible
from labcrate.plan.options import Options
from labcrate.plan.plan import PlannedRecording
from labcrate.web.archives.archive_cache import Archive, ArchiveCache, Key
from labcrate.web.archives.job_progress import Cancelled
from labcrate.web.executor import THREADS, Executor, WorkKind

PATIENCE_SECONDS = 2.5
"""How long a page waits for a plan."""

GIVEN_UP_SECONDS = 15.0
"""How long a plan is still made after its last client left. Pages ask again every few seconds."""

MOST_OF_ONE_USER = 6
"""How many unfinished plans a user may have asked for: as many as a browser asks for at once."""

MOST = 24
"""How many unfinished plans there may be of all users together."""

_TRY_AGAIN_SECONDS = 5


class _Pending(Progress):
    """A plan that is not made yet, and the users who want it.

    ``turn`` is the user in whose turn it is being made, None before that. The thread that makes it
    calls ``raise_if_cancelled``; all else happens on the event loop.
    """

    def __init__(self, key: Key, who: str, clock: Callable[[], float]) -> None:
        self.key, self.who, self._clock = key, who, clock
        self.users = {who}
        self.turn: str | None = None
        self._made: asyncio.Future[Archive] = asyncio.get_running_loop().create_future()
        self._waiting, self._left = 0, clock()

    async def wait(self) -> Archive:
        """Return the archive. Raises Cancelled when the plan was given up, and what ArchiveCache.plan does."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._made)
        finally:
            self._waiting -= 1
            self._left = self._clock()

    @property
    def in_demand(self) -> bool:
        """Whether a client waits for it, or did a moment ago."""
        return not self._made.done() and (self._waiting > 0 or self._clock() - self._left < GIVEN_UP_SECONDS)

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled when no client waits for it any more."""
        if not self.in_demand:
            raise Cancelled

    def end(self, made: Archive | BaseException) -> None:
        """Hand the outcome to all that wait."""
        if self._made.done():
            return
        if isinstance(made, Archive):
            self._made.set_result(made)
        else:
            self._made.set_exception(made)
            self._made.exception()  # there may be no client left that retrieves it


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
        self._pending: dict[Key, _Pending] = {}
        self._making: set[asyncio.Task[Archive]] = set()
        self._closed = False

    def whole(self) -> Options:
        """Return the options of a whole session's plan."""
        return Options(base_topic=self._base_topic)

    async def plan(
        self, session_id: str, options: Options, who: str, *, for_people: bool = True, limited: bool = True
    ) -> Archive:
        """Return a session's archive as of now, for a user; ``for_people`` is as in ``ArchiveCache.plan``.

        ``limited``: a user may ask for a few at a time. Raises TooManyError, NotReadyError when the server ends, and
        what ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        if key in self._pending:
            # It was begun before this request, and the lab may have changed since: that is compared below.
            with suppress(LabcrateError, Cancelled):
                await self._wait(self._pending[key], who)
        while True:
            found = await self._kept_or_pending(key, who, for_people=for_people, limited=limited)
            if isinstance(found, Archive):
                return found
            with suppress(Cancelled):  # given up just as this request came
                return await self._wait(found, who)

    async def soon(self, session_id: str, options: Options, who: str) -> Archive | None:
        """Return a session's archive for a page, perhaps as of a moment ago; None when that takes too long for one.

        Then it goes on for a while, and the next request joins it; where too many wait, it is begun some other time.
        Raises NotReadyError when the server ends, and what ``ArchiveCache.plan`` does.
        """
        key = session_id, options
        begun = self._pending.get(key)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS) as patience:
                if begun is None:
                    # The comparison goes on as well: where that takes long, a plan would never be begun otherwise.
                    found = await asyncio.shield(self._kept_or_pending(key, who))
                    if isinstance(found, Archive):
                        return found
                    begun = found
                return await self._wait(begun, who)
        except (Cancelled, TooManyError):
            return None
        except TimeoutError:  # the disk's own error is called the same
            if not patience.expired():
                raise
            return None

    async def recording(self, session_id: str, name: str, who: str) -> PlannedRecording:
        """Return one recording of a session by its member's name without the folder, whole or not, hashed or not.

        Raises NoSuchThingError, and what ``plan`` does.
        """
        found = await self._executor.run(WorkKind.REQUESTS, self._archives.linked, session_id, self.whole())
        found = found or await self.plan(session_id, self.whole(), who, for_people=False)
        for recording in found.plan.recordings:
            if recording.member == f"recordings/{name}":
                return recording
        raise NoSuchThingError(f"Session {session_id} has no recording {visible(name)!r}.")

    def stop(self) -> None:
        """Give up all plans, and take no more."""
        self._closed = True
        for pending in list(self._pending.values()):
            self._give_up(pending)

    async def close(self) -> None:
        """Wait for the threads; what they make ends at its next step."""
        self.stop()
        if self._making:
            await asyncio.wait(self._making)

    async def _kept_or_pending(
        self, key: Key, who: str, *, for_people: bool = True, limited: bool = True
    ) -> Archive | _Pending:
        """Return the archive that is kept, or else a plan that is to be made."""
        kept = await self._executor.run(WorkKind.REQUESTS, self._archives.kept, *key, for_people=for_people)
        if self._closed:
            raise NotReadyError("The server is being stopped; ask again in a moment.", _TRY_AGAIN_SECONDS)
        return kept or self._pending.get(key) or self._add(key, who, limited=limited)

    def _add(self, key: Key, who: str, *, limited: bool) -> _Pending:
        for pending in list(self._pending.values()):
            if pending.turn is None and not pending.in_demand:
                self._give_up(pending)
        if limited and sum(pending.who == who for pending in self._pending.values()) >= MOST_OF_ONE_USER:
            raise TooManyError(
                f"{MOST_OF_ONE_USER} plans that you asked for are not made yet; wait until one is done, and ask again.",
                _TRY_AGAIN_SECONDS,
            )
        if limited and len(self._pending) >= MOST:
            raise TooManyError(
                "Too many plans are waiting to be made; wait until one is done, and ask again.", _TRY_AGAIN_SECONDS
            )
        pending = self._pending[key] = _Pending(key, who, self._clock)
        self._go_on()
        return pending

    async def _wait(self, pending: _Pending, who: str) -> Archive:
        pending.users.add(who)
        self._go_on()  # this user's turn may come before that of those who asked first
        return await pending.wait()

    def _go_on(self) -> None:
        """Begin what can be begun, the oldest first, but one of a user at a time: others come in between."""
        for pending in [pending for pending in self._pending.values() if pending.turn is None]:
            busy = {one.turn for one in self._pending.values() if one.turn is not None}
            if len(busy) >= THREADS[WorkKind.PLANS]:
                return
            if not pending.in_demand:
                self._give_up(pending)
            elif free := pending.users - busy:
                pending.turn = min(free)
                plan = partial(self._archives.plan, *pending.key, progress=pending)
                making = asyncio.get_running_loop().create_task(self._executor.run(WorkKind.PLANS, plan))
                self._making.add(making)
                making.add_done_callback(partial(self._ended, pending))

    def _ended(self, pending: _Pending, making: asyncio.Task[Archive]) -> None:
        self._making.discard(making)
        del self._pending[pending.key]
        pending.end(Cancelled() if making.cancelled() else making.exception() or making.result())
        self._go_on()

    def _give_up(self, pending: _Pending) -> None:
        pending.end(Cancelled())
        if pending.turn is None:
            del self._pending[pending.key]
