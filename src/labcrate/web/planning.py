"""Making plans: in threads of their own, each plan once for all who ask for it, users in turn.

A plan of very many readings takes long. Pages, logins and downloads must not wait for it, one user must not have all
others wait, and what nobody waits for any more is not made. A plan that stands already is only looked at.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from labcrate.catalog.index import Progress
from labcrate.errors import LabcrateError, NoSuchThingError, NotReadyError, TooManyError
from labcrate.export.contents import PlannedRecording
from labcrate.lab.text import visible
from labcrate.plan.options import Options
from labcrate.web.executor import THREADS, Executor, Lane
from labcrate.web.meter import Cancelled
from labcrate.web.standing import Key, Planned, Standing

PATIENCE_SECONDS = 2.5
"""How long somebody likes to wait for a page."""

GIVEN_UP_SECONDS = 15.0
"""How long a plan is still wanted after the last who waited for it left. Pages ask again every few seconds."""

MOST_OF_ONE_USER = 6
"""How many unfinished plans a user may have asked for: as many as a browser asks for at once."""

MOST = 24
"""How many unfinished plans there may be of all users together."""

_TRY_AGAIN_SECONDS = 5


class _Wish(Progress):
    """A plan that is not made yet, and the users who want it.

    ``turn`` is the user in whose turn it is being made, None before that. The thread that makes it calls ``check``;
    all else happens on the event loop.
    """

    def __init__(self, key: Key, who: str, clock: Callable[[], float]) -> None:
        self.key, self.who, self._clock = key, who, clock
        self.users = {who}
        self.turn: str | None = None
        self._made: asyncio.Future[Planned] = asyncio.get_running_loop().create_future()
        self._waiting, self._left = 0, clock()

    async def wait(self) -> Planned:
        """What it comes to. Raises Cancelled when it was given up, and what Standing.plan does."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._made)
        finally:
            self._waiting -= 1
            self._left = self._clock()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it, or did a moment ago."""
        return not self._made.done() and (self._waiting > 0 or self._clock() - self._left < GIVEN_UP_SECONDS)

    def check(self) -> None:
        """Raise Cancelled when nobody wants it any more."""
        if not self.wanted:
            raise Cancelled

    def end(self, made: Planned | BaseException) -> None:
        """Tell those who wait what it came to."""
        if self._made.done():
            return
        if isinstance(made, Planned):
            self._made.set_result(made)
        else:
            self._made.set_exception(made)
            self._made.exception()  # nobody may be left who asks for it


class Planning:
    """All plans that are asked for. Use it on the event loop."""

    def __init__(
        self,
        executor: Executor,
        standing: Standing,
        base_topic: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._standing, self._base_topic, self._clock = executor, standing, base_topic, clock
        self._wishes: dict[Key, _Wish] = {}
        self._making: set[asyncio.Task[Planned]] = set()
        self._closed = False

    def whole(self) -> Options:
        """The options of a whole session's plan."""
        return Options(base_topic=self._base_topic)

    async def plan(self, session_id: str, options: Options, who: str, *, for_people: bool = True) -> Planned:
        """A session's plan as of now, for a user; ``for_people`` is as in ``Standing.plan``.

        Raises TooManyError, NotReadyError when the server ends, and what ``Standing.plan`` does.
        """
        key = session_id, options
        if key in self._wishes:
            # It was begun before this was asked, and the lab may have changed since: that is looked at below.
            with suppress(LabcrateError, Cancelled):
                await self._wait(self._wishes[key], who)
        while True:
            found = await self._kept_or_wished(key, who, for_people=for_people)
            if isinstance(found, Planned):
                return found
            with suppress(Cancelled):  # given up just as this was asked
                return await self._wait(found, who)

    async def soon(self, session_id: str, options: Options, who: str) -> Planned | None:
        """A session's plan for a page, perhaps as of a moment ago; None when it takes longer than one likes to wait.

        Then it goes on for a while, and whoever asks again joins it; where too many wait, it is begun some other time.
        Raises NotReadyError when the server ends, and what ``Standing.plan`` does.
        """
        key = session_id, options
        begun = self._wishes.get(key)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS) as patience:
                if begun is None:
                    # Looking goes on as well: where that takes long, a plan would never be begun otherwise.
                    found = await asyncio.shield(self._kept_or_wished(key, who))
                    if isinstance(found, Planned):
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
        """One recording of a session by its member's name without the folder, whole or not, hashed or not.

        Raises NoSuchThingError, and what ``plan`` does.
        """
        found = await self._executor.run(Lane.WORK, self._standing.linked, session_id, self.whole())
        found = found or await self.plan(session_id, self.whole(), who, for_people=False)
        for recording in found.assembly.plan.recordings:
            if recording.member == f"recordings/{name}":
                return recording
        raise NoSuchThingError(f"Session {session_id} has no recording {visible(name)!r}.")

    def stop(self) -> None:
        """Give up all plans, and take no more."""
        self._closed = True
        for wish in list(self._wishes.values()):
            self._give_up(wish)

    async def close(self) -> None:
        """Wait for the threads; what they make ends at its next step."""
        self.stop()
        if self._making:
            await asyncio.wait(self._making)

    async def _kept_or_wished(self, key: Key, who: str, *, for_people: bool = True) -> Planned | _Wish:
        """The plan that stands, or else one that is to be made."""
        kept = await self._executor.run(Lane.WORK, self._standing.kept, *key, for_people=for_people)
        if self._closed:
            raise NotReadyError("The server is being stopped; ask again in a moment.", _TRY_AGAIN_SECONDS)
        return kept or self._wishes.get(key) or self._wish(key, who)

    def _wish(self, key: Key, who: str) -> _Wish:
        for wish in list(self._wishes.values()):
            if wish.turn is None and not wish.wanted:
                self._give_up(wish)
        if sum(wish.who == who for wish in self._wishes.values()) >= MOST_OF_ONE_USER:
            raise TooManyError(
                f"{MOST_OF_ONE_USER} plans that you asked for are not made yet; wait until one is done, and ask again.",
                _TRY_AGAIN_SECONDS,
            )
        if len(self._wishes) >= MOST:
            raise TooManyError(
                "Too many plans are waiting to be made; wait until one is done, and ask again.", _TRY_AGAIN_SECONDS
            )
        wish = self._wishes[key] = _Wish(key, who, self._clock)
        self._go_on()
        return wish

    async def _wait(self, wish: _Wish, who: str) -> Planned:
        wish.users.add(who)
        self._go_on()  # this user's turn may come before that of those who asked first
        return await wish.wait()

    def _go_on(self) -> None:
        """Begin what can be begun, the oldest first, but one of a user at a time: others come in between."""
        for wish in [wish for wish in self._wishes.values() if wish.turn is None]:
            busy = {one.turn for one in self._wishes.values() if one.turn is not None}
            if len(busy) >= THREADS[Lane.PLANS]:
                return
            if not wish.wanted:
                self._give_up(wish)
            elif free := wish.users - busy:
                wish.turn = min(free)
                plan = partial(self._standing.plan, *wish.key, progress=wish)
                making = asyncio.get_running_loop().create_task(self._executor.run(Lane.PLANS, plan))
                self._making.add(making)
                making.add_done_callback(partial(self._ended, wish))

    def _ended(self, wish: _Wish, making: asyncio.Task[Planned]) -> None:
        self._making.discard(making)
        del self._wishes[wish.key]
        wish.end(Cancelled() if making.cancelled() else making.exception() or making.result())
        self._go_on()

    def _give_up(self, wish: _Wish) -> None:
        wish.end(Cancelled())
        if wish.turn is None:
            del self._wishes[wish.key]
