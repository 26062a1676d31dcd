"""Reports of what is wrong with a lab: each made once for all who want it, one at a time, in the threads of plans.

A report is kept while the lab's inventory and sensor files are the same, and a minute at most: it also says what only
a look at each file can tell.
"""

import asyncio
import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from labcrate.config import ServeSettings
from labcrate.doctor.report import LabReport, make_report
from labcrate.errors import DocumentError, NotReadyError, TooManyError
from labcrate.index.indexing import Progress
from labcrate.lab.folder import Lab
from labcrate.plan.inventory import Inventory
from labcrate.readings.load.load import CSV_FILE, JSON_FILE
from labcrate.web.archives import plan_queue
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import Cancelled
from labcrate.web.archives.plan_queue import GIVEN_UP_SECONDS
from labcrate.web.executor import Executor, WorkKind

KEPT_SECONDS = 60.0
"""How long a report is shown before the lab is examined again."""

MOST = 8
"""How many reports may be in the making together, and how many are kept."""

_TRY_AGAIN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a report is made of; ``inventory`` is None where ``labcrate.toml`` cannot be used."""

    inventory: Inventory | None
    state: Hashable

    def same(self, other: "_Basis") -> bool:
        return self.inventory is other.inventory and self.state == other.state


class _Making(Progress):
    """A report in the making: its thread calls ``raise_if_cancelled``, all else happens on the event loop."""

    def __init__(self, basis: _Basis, clock: Callable[[], float]) -> None:
        self.basis, self.stopped = basis, False
        self.task: asyncio.Task[LabReport] | None = None
        self._clock, self._waiting, self._left = clock, 0, clock()

    async def wait(self) -> LabReport:
        """Wait for the report. Raises Cancelled when it was given up."""
        assert self.task is not None  # noqa: S101 - set before anybody can wait
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            self._left = self._clock()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled when nobody waits any more, or the server ends."""
        if self.stopped or (not self._waiting and self._clock() - self._left > GIVEN_UP_SECONDS):
            raise Cancelled


class Examining:
    """All reports of a server. Use it on the event loop."""

    def __init__(
        self,
        executor: Executor,
        lab: Lab,
        inventories: InventoryCache,
        settings: ServeSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._lab, self._inventories, self._settings, self._clock = (
            executor,
            lab,
            inventories,
            settings,
            clock,
        )
        self._kept: dict[str | None, tuple[_Basis, float, LabReport]] = {}
        self._making: dict[str | None, _Making] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self._closed = False

    async def report(self, session_id: str | None) -> LabReport:
        """Return the report on the lab or one session of it, made if it is not there.

        Raises NoSessionError, TooManyError, CatalogError, and NotReadyError when the server ends.
        """
        basis = await self._executor.run(WorkKind.REQUESTS, self._look, session_id)
        while True:
            if self._closed:
                raise NotReadyError("The server is being stopped; ask again in a moment.", _TRY_AGAIN_SECONDS)
            kept = self._kept.get(session_id)
            if kept and kept[0].same(basis) and self._clock() - kept[1] < KEPT_SECONDS:
                return kept[2]
            making = self._making.get(session_id) or self._begin(session_id, basis)
            try:
                return await making.wait()
            except Cancelled:  # given up just as this was asked for
                continue

    async def soon(self, session_id: str | None) -> LabReport | None:
        """Return the report for a page; None when that takes longer than people like to wait. Raises as ``report``."""
        try:
            async with asyncio.timeout(plan_queue.PATIENCE_SECONDS) as patience:
                return await self.report(session_id)
        except TooManyError:
            return None
        except TimeoutError:  # the disk's own error is called the same
            if not patience.expired():
                raise
            return None

    async def stop(self) -> None:
        """End all that is in the making, and take no more."""
        self._closed = True
        making = list(self._making.values())
        for one in making:
            one.stopped = True
        await asyncio.gather(*(one.task for one in making if one.task), return_exceptions=True)

    def _begin(self, session_id: str | None, basis: _Basis) -> _Making:
        if len(self._making) >= MOST:
            raise TooManyError(
                "Too many examinations are waiting to be made; wait until one is done, and ask again.",
                _TRY_AGAIN_SECONDS,
            )
        making = self._making[session_id] = _Making(basis, self._clock)
        making.task = asyncio.get_running_loop().create_task(self._make(session_id, making))
        making.task.add_done_callback(_looked_at)
        return making

    async def _make(self, session_id: str | None, making: _Making) -> LabReport:
        try:
            async with self._one_at_a_time:
                report = await self._executor.run(WorkKind.PLANS, self._examine, session_id, making)
            self._kept[session_id] = (making.basis, self._clock(), report)
            while len(self._kept) > MOST:
                del self._kept[min(self._kept, key=lambda one: self._kept[one][1])]
            return report
        finally:
            del self._making[session_id]

    def _examine(self, session_id: str | None, making: _Making) -> LabReport:
        making.raise_if_cancelled()
        return make_report(
            self._lab,
            session_id,
            inventory=making.basis.inventory,
            base_topic=self._settings.base_topic,
            progress=making,
            workers=self._settings.workers,
        )

    def _look(self, session_id: str | None) -> _Basis:
        """Look at what a report would be made of now. Raises NoSessionError."""
        try:
            inventory = self._inventories.inventory()
        except DocumentError as error:
            return _Basis(None, str(error))
        if session_id is not None and session_id not in inventory.book.broken:
            inventory.session(session_id)
        root = self._lab.root
        return _Basis(inventory, tuple(_state(f"{root}/{file}") for file in (JSON_FILE, CSV_FILE)))


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _looked_at(task: "asyncio.Task[LabReport]") -> None:
    if not task.cancelled():
        task.exception()  # nobody may be left who waits for it
