"""Doctor reports of the lab or of one session: one at a time, in the threads for plans, shared by all requests.

A report is kept while the lab's inventory and sensor files are unchanged, and for a minute at most: it also depends
on the content of single files.
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
from labcrate.messages.message import Message
from labcrate.plan.inventory import Inventory
from labcrate.readings.load.file_names import CSV_FILE, JSON_FILE
from labcrate.web.archives import plan_queue
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.turns import ABANDON_AFTER_S
from labcrate.web.executor import Executor, WorkKind

MAX_AGE_S = 60.0
"""The time in seconds after which a report is made again."""

MAX_REPORTS = 8
"""The maximum number of reports that run or wait, and of reports that are kept."""

_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class _ReportInputs:
    """The inputs of a report; ``inventory`` is None if ``labcrate.toml`` cannot be used."""

    inventory: Inventory | None
    state: Hashable

    def is_same(self, other: "_ReportInputs") -> bool:
        """Return whether other inputs are the same."""
        return self.inventory is other.inventory and self.state == other.state


class _RunningReport(Progress):
    """A report that is being made. Its thread calls ``raise_if_cancelled``; use the rest on the event loop."""

    def __init__(self, inputs: _ReportInputs, clock: Callable[[], float]) -> None:
        self.inputs, self.is_stopped = inputs, False
        self.task: asyncio.Task[LabReport] | None = None
        self._clock, self._waiting, self._last_left_s = clock, 0, clock()

    async def wait(self) -> LabReport:
        """Wait for the report. Raises WorkCancelled if it was abandoned."""
        assert self.task is not None  # noqa: S101 - set before the first wait
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            self._last_left_s = self._clock()

    def raise_if_cancelled(self) -> None:
        """Raise WorkCancelled if no request waits for the report any more, or the server stops."""
        if self.is_stopped or (not self._waiting and self._clock() - self._last_left_s > ABANDON_AFTER_S):
            raise WorkCancelled


class DoctorReports:
    """All doctor reports of a server. Use it on the event loop."""

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
        """Return the report on the lab or on one session, making it if necessary.

        Raises NoSessionError, TooManyError, CatalogError, and NotReadyError if the server is stopping.
        """
        inputs = await self._executor.run(WorkKind.REQUESTS, self._read_inputs, session_id)
        while True:
            if self._closed:
                raise NotReadyError(Message("server.stopping"), _RETRY_AFTER_S)
            finished = self._finished.get(session_id)
            if finished and finished[0].is_same(inputs) and self._clock() - finished[1] < MAX_AGE_S:
                return finished[2]
            running = self._running.get(session_id) or self._start(session_id, inputs)
            try:
                return await running.wait()
            except WorkCancelled:  # abandoned at the time of this request
                continue

    async def report_for_page(self, session_id: str | None) -> LabReport | None:
        """Return the report for a page, or None if that takes longer than ``PAGE_WAIT_S``. Raises as ``report``."""
        try:
            async with asyncio.timeout(plan_queue.PAGE_WAIT_S) as patience:
                return await self.report(session_id)
        except TooManyError:
            return None
        except TimeoutError:  # may also be an error of the disk
            if not patience.expired():
                raise
            return None

    async def stop(self) -> None:
        """Cancel all reports that run or wait, and accept no more."""
        self._closed = True
        running = list(self._running.values())
        for one in running:
            one.is_stopped = True
        await asyncio.gather(*(one.task for one in running if one.task), return_exceptions=True)

    def _start(self, session_id: str | None, inputs: _ReportInputs) -> _RunningReport:
        if len(self._running) >= MAX_REPORTS:
            raise TooManyError(Message("server.reports_full"), _RETRY_AFTER_S)
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
        """Return the current inputs of a report. Raises NoSessionError."""
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
        task.exception()  # asyncio logs an exception that is never retrieved
