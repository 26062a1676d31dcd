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
from labcrate.lab.folder import LabFolder
from labcrate.plan.inventory import Inventory
from labcrate.readings.load.load import CSV_FILE, JSON_FILE
from labcrate.web.archives import plan_queue
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.plan_queue import ABANDON_AFTER_S
from labcrate.web.executor import Executor, WorkKind

MAX_AGE_S = 60.0
"""How long a report is shown before the lab is examined again."""

MAX_REPORTS = 8
"""How many reports may be in the making together, and how many are kept."""

_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class _ReportInputs:
    """What a report is made of; ``inventory`` is None where ``labcrate.toml`` cannot be used."""

    inventory: Inventory | None
    state: Hashable

    def is_same(self, other: "_ReportInputs") -> bool:
        return self.inventory is other.inventory and self.state == other.state


class _RunningReport(Progress):
    """A report in the making: its thread calls ``raise_if_cancelled``, all else happens on the event loop."""

    def __init__(self, inputs: _ReportInputs, clock: Callable[[], float]) -> None:
        self.inputs, self.is_stopped = inputs, False
        self.task: asyncio.Task[LabReport] | None = None
        self._clock, self._waiting, self._last_left_s = clock, 0, clock()

    async def wait(self) -> LabReport:
        """Wait for the report. Raises WorkCancelled when it was given up."""
        assert self.task is not None  # noqa: S101 - set before anybody can wait
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            self._last_left_s = self._clock()

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled when nobody waits any more, or the server ends."""
        if self.is_stopped or (not self._waiting and self._clock() - self._last_left_s > ABANDON_AFTER_S):
            raise WorkCancelled


class DoctorReports:
    """All reports of a server. Use it on the event loop."""

    def __init__(
        self,
        executor: Executor,
        lab: LabFolder,
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
        self._finished: dict[str | None, tuple[_ReportInputs, float, LabReport]] = {}
        self._running: dict[str | None, _RunningReport] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self._closed = False

    async def report(self, session_id: str | None) -> LabReport:
        """Return the report on the lab or one session of it, made if it is not there.

        Raises NoSessionError, TooManyError, CatalogError, and NotReadyError when the server ends.
        """
        inputs = await self._executor.run(WorkKind.REQUESTS, self._read_inputs, session_id)
        while True:
            if self._closed:
                raise NotReadyError("The server is being stopped; ask again in a moment.", _RETRY_AFTER_S)
            finished = self._finished.get(session_id)
            if finished and finished[0].is_same(inputs) and self._clock() - finished[1] < MAX_AGE_S:
                return finished[2]
            running = self._running.get(session_id) or self._start(session_id, inputs)
            try:
                return await running.wait()
            except WorkCancelled:  # given up just as this was asked for
                continue

    async def report_for_page(self, session_id: str | None) -> LabReport | None:
        """Return the report for a page; None when that takes longer than people like to wait. Raises as ``report``."""
        try:
            async with asyncio.timeout(plan_queue.PAGE_WAIT_S) as patience:
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
        running = list(self._running.values())
        for one in running:
            one.is_stopped = True
        await asyncio.gather(*(one.task for one in running if one.task), return_exceptions=True)

    def _start(self, session_id: str | None, inputs: _ReportInputs) -> _RunningReport:
        if len(self._running) >= MAX_REPORTS:
            raise TooManyError(
                "Too many examinations are waiting to be made; wait until one is done, and ask again.",
                _RETRY_AFTER_S,
            )
        running = self._running[session_id] = _RunningReport(inputs, self._clock)
        running.task = asyncio.get_running_loop().create_task(self._run(session_id, running))
        running.task.add_done_callback(_retrieve_error)
        return running

    async def _run(self, session_id: str | None, running: _RunningReport) -> LabReport:
        try:
            async with self._one_at_a_time:
                report = await self._executor.run(WorkKind.PLANS, self._examine, session_id, running)
            self._finished[session_id] = (running.inputs, self._clock(), report)
            while len(self._finished) > MAX_REPORTS:
                del self._finished[min(self._finished, key=lambda one: self._finished[one][1])]
            return report
        finally:
            del self._running[session_id]

    def _examine(self, session_id: str | None, running: _RunningReport) -> LabReport:
        running.raise_if_cancelled()
        return make_report(
            self._lab,
            session_id,
            inventory=running.inputs.inventory,
            base_topic=self._settings.base_topic,
            progress=running,
            workers=self._settings.workers,
        )

    def _read_inputs(self, session_id: str | None) -> _ReportInputs:
        """Look at what a report would be made of now. Raises NoSessionError."""
        try:
            inventory = self._inventories.inventory()
        except DocumentError as error:
            return _ReportInputs(None, str(error))
        if session_id is not None and session_id not in inventory.book.broken:
            inventory.session(session_id)
        root = self._lab.root
        return _ReportInputs(inventory, tuple(_state(f"{root}/{file}") for file in (JSON_FILE, CSV_FILE)))


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _retrieve_error(task: "asyncio.Task[LabReport]") -> None:
    if not task.cancelled():
        task.exception()  # nobody may be left who waits for it
