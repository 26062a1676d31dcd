"""Preparing archives: the long work of reading recordings for their fixity, away from any one request.

A job belongs to the server, not to the tab that asked for it: it goes on when its client goes away, and all who
want the same archive meanwhile wait for the same job. It reads what a plan lacks, and has the plan made anew.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from labcrate.errors import CatalogError, LabcrateError, NoSuchThingError, NotReadyError, TooManyError
from labcrate.export.prepare import compute_fixity, unindexed_files
from labcrate.lab.folder import Lab
from labcrate.lab.lab_files import source_of
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.plan.planner import missing_files, refuse_incomplete
from labcrate.web.archives.archive_cache import Archive, ArchiveCache
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import Cancelled, JobProgress, Meter
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.executor import THREADS, Executor, WorkKind
from labcrate.web.http.problems import log_unexpected

_MOST_UNFINISHED = 64
_MOST_FINISHED = 200
_TRY_AGAIN_SECONDS = 30
# Files may come and change while others are read: each time, only what is new is read.
_MOST_ROUNDS = 10


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Job:
    """The preparation of one archive. Its state changes on the event loop alone."""

    id: int
    session: str
    options: Options
    allow_incomplete: bool
    who: str
    started: datetime
    meter: Meter = field(default_factory=Meter, repr=False)
    state: JobState = JobState.RUNNING
    error: LabcrateError | None = None
    ended: datetime | None = None
    planning: "asyncio.Task[Archive] | None" = field(default=None, repr=False)

    @property
    def progress(self) -> JobProgress:
        """Return how far it is; one that has ended is at no file any more."""
        now = self.meter.read()
        return now if self.running else replace(now, rate=None, seconds_left=None, current_file=None)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state is JobState.RUNNING


class PrepareJobs:
    """All jobs that run, and the latest that ended. Use it on the event loop; ``running`` from any thread.

    ``stopping`` says that the server ends, and with it all jobs. ``workers`` is how many files a job reads at once
    (None: one per core).
    """

    def __init__(
        self,
        executor: Executor,
        inventories: InventoryCache,
        archives: ArchiveCache,
        plans: PlanQueue,
        lab: Lab,
        workers: int | None = None,
    ) -> None:
        self.stopping = False
        self._executor, self._inventories, self._archives, self._plans = executor, inventories, archives, plans
        self._lab, self._workers = lab, workers
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(THREADS[WorkKind.JOBS])
        # Numbers go on from the time, so that one from before a restart is never another job's.
        self._next = time.time_ns() // 1_000_000

    @property
    def running(self) -> int:
        """Return how many jobs run or wait for their turn."""
        return len(self._tasks)

    def prepare(self, session_id: str, options: Options, *, allow_incomplete: bool, who: str) -> Job:
        """Start preparing an archive, or join the job that does. Raises TooManyError."""
        same = (session_id, options, allow_incomplete)
        for job in map(self._jobs.__getitem__, self._tasks):
            if (job.session, job.options, job.allow_incomplete) == same and not job.meter.stopped:
                return job
        if len(self._tasks) >= _MOST_UNFINISHED:
            raise TooManyError("Too many archives are being prepared; wait until one is done.", _TRY_AGAIN_SECONDS)
        job = self._add(session_id, options, allow_incomplete, who)
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job))
        return job

    def done(self, session_id: str, options: Options, *, allow_incomplete: bool, who: str) -> Job:
        """Return the job of an archive that is ready already: it has ended, whatever others are waiting for."""
        job = self._add(session_id, options, allow_incomplete, who)
        job.meter.settle()
        job.state, job.ended = JobState.DONE, job.started
        self._drop_oldest()
        return job

    def _add(self, session_id: str, options: Options, allow_incomplete: bool, who: str) -> Job:
        self._next += 1
        job = self._jobs[self._next] = Job(self._next, session_id, options, allow_incomplete, who, datetime.now(UTC))
        return job

    def get(self, number: int) -> Job:
        """Return a job by its number. Raises NoSuchThingError for one that never was or ended long ago."""
        job = self._jobs.get(number)
        if job is None:
            raise self.no_such(number)
        return job

    @staticmethod
    def no_such(number: int) -> NoSuchThingError:
        """Make the error for a job that never was, ended long ago, or may not be seen."""
        return NoSuchThingError(f"There is no job {number}; it may have ended long ago, or before a restart.")

    def latest(self, session_id: str, options: Options) -> Job | None:
        """Return the job that was started last for such an archive."""
        same = (session_id, options)
        return next((job for job in reversed(self._jobs.values()) if (job.session, job.options) == same), None)

    def cancel(self, number: int) -> Job:
        """Ask a job to end; what was read so far stays known. Raises NoSuchThingError."""
        job = self.get(number)
        self._stop(job)
        return job

    async def wait(self, job: Job, seconds: float) -> bool:
        """Wait for a job's end, at most so long; return whether it has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)
        return not job.running

    def stop(self) -> None:
        """Ask every job to end, because the server does."""
        self.stopping = True
        for job in self._jobs.values():
            self._stop(job)

    async def close(self) -> None:
        """End every job and wait for that."""
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _run(self, job: Job) -> None:
        try:
            async with self._free:
                await self._prepare(job)
            job.state = JobState.DONE
        except Cancelled:
            job.state = JobState.CANCELLED
        except LabcrateError as error:
            job.state, job.error = JobState.FAILED, error
        except Exception as error:  # noqa: BLE001 - a job that never ends would keep everybody waiting
            log_unexpected(self._lab, f"Preparing session {job.session}", error)
            job.state = JobState.FAILED
            job.error = LabcrateError(f"Session {job.session} could not be prepared; the server's log says why.")
        finally:
            job.ended = datetime.now(UTC)
            del self._tasks[job.id]
            self._drop_oldest()

    async def _prepare(self, job: Job) -> None:
        """Read what the plan lacks until it lacks nothing. Raises Cancelled, and what planning and reading raise."""
        read: Plan | None = None
        failures: Mapping[str, str] = {}
        for _ in range(_MOST_ROUNDS):
            archive = (await self._planned(job)).checked(allow_incomplete=job.allow_incomplete)
            if archive.entity:
                job.meter.settle()
                return
            if failures:
                break
            if read and unindexed_files(read) == unindexed_files(archive.plan):
                raise CatalogError("The index cannot be written, so no archive can be made; have room on its disk.")
            read = archive.plan
            failures = await self._executor.run(WorkKind.JOBS, self._read, job, read)
        changed = next(iter(failures), "")
        raise NotReadyError(
            f"Files of session {job.session} change while they are read"
            f"{f' ({source_of(changed)})' if changed else ''}; ask again when they are finished.",
            _TRY_AGAIN_SECONDS,
        )

    async def _planned(self, job: Job) -> Archive:
        """Return the archive as of now, for the user who began the job. Raises Cancelled, and as PlanQueue.plan."""
        job.meter.raise_if_cancelled()
        planning = self._plans.plan(job.session, job.options, job.who, for_people=False, limited=False)
        job.planning = asyncio.get_running_loop().create_task(planning)
        try:
            return await job.planning
        except (asyncio.CancelledError, NotReadyError):
            job.meter.raise_if_cancelled()
            raise
        finally:
            job.planning = None

    def _read(self, job: Job, plan: Plan) -> Mapping[str, str]:
        """Read what a plan lacks; return what cannot be read, if that may be missing. Raises IncompleteError."""
        job.meter.raise_if_cancelled()
        inventory, _ = self._inventories.with_messages()
        failures = compute_fixity(inventory, plan, job.meter, self._workers)
        if failures and not job.allow_incomplete:
            refuse_incomplete(plan.session, [*plan.missing, *missing_files(failures)])
        self._archives.leave_out({f.path: (f.identity, failures[f.path]) for f in plan.copied if f.path in failures})
        return failures

    @staticmethod
    def _stop(job: Job) -> None:
        job.meter.stop()
        if job.planning:
            job.planning.cancel()

    def _drop_oldest(self) -> None:
        ended = [number for number, job in self._jobs.items() if not job.running]
        for number in ended[:-_MOST_FINISHED]:
            del self._jobs[number]
