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

from labcrate.errors import CatalogError, LabcrateError, NotFoundError, NotReadyError, TooManyError
from labcrate.export.prepare import compute_fixity, unindexed_files
from labcrate.lab.folder import LabFolder
from labcrate.lab.lab_files import display_path
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.plan.planner import missing_files, refuse_incomplete
from labcrate.web.archives.archive_cache import ArchiveCache, PlannedArchive
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import JobProgress, ProgressMeter, WorkCancelled
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.executor import THREADS_PER_KIND, Executor, WorkKind
from labcrate.web.http.problems import log_unexpected_error

_MAX_UNFINISHED = 64
_MAX_FINISHED = 200
_RETRY_AFTER_S = 30
# Files may come and change while others are read: each time, only what is new is read.
_MAX_ROUNDS = 10


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
    session_id: str
    options: Options
    allow_incomplete: bool
    user: str
    started: datetime
    meter: ProgressMeter = field(default_factory=ProgressMeter, repr=False)
    state: JobState = JobState.RUNNING
    error: LabcrateError | None = None
    ended: datetime | None = None
    plan_task: "asyncio.Task[PlannedArchive] | None" = field(default=None, repr=False)

    @property
    def progress(self) -> JobProgress:
        """Return how far it is; one that has ended is at no file any more."""
        now = self.meter.progress()
        return now if self.is_running else replace(now, bytes_per_s=None, seconds_left=None, current_file=None)

    @property
    def is_running(self) -> bool:
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
        lab: LabFolder,
        workers: int | None = None,
    ) -> None:
        self.is_stopping = False
        self._executor, self._inventories, self._archives, self._plans = executor, inventories, archives, plans
        self._lab, self._workers = lab, workers
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(THREADS_PER_KIND[WorkKind.JOBS])
        # Numbers go on from the time, so that one from before a restart is never another job's.
        self._next = time.time_ns() // 1_000_000

    @property
    def unfinished_count(self) -> int:
        """Return how many jobs run or wait for their turn."""
        return len(self._tasks)

    def start(self, session_id: str, options: Options, *, allow_incomplete: bool, user: str) -> Job:
        """Start preparing an archive, or join the job that does. Raises TooManyError."""
        same = (session_id, options, allow_incomplete)
        for job in map(self._jobs.__getitem__, self._tasks):
            if (job.session_id, job.options, job.allow_incomplete) == same and not job.meter.is_stopped:
                return job
        if len(self._tasks) >= _MAX_UNFINISHED:
            raise TooManyError("Too many archives are being prepared; wait until one is done.", _RETRY_AFTER_S)
        job = self._add(session_id, options, allow_incomplete, user)
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job))
        return job

    def add_finished(self, session_id: str, options: Options, *, allow_incomplete: bool, user: str) -> Job:
        """Return the job of an archive that is ready already: it has ended, whatever others are waiting for."""
        job = self._add(session_id, options, allow_incomplete, user)
        job.meter.set_final_totals()
        job.state, job.ended = JobState.DONE, job.started
        self._drop_oldest()
        return job

    def _add(self, session_id: str, options: Options, allow_incomplete: bool, user: str) -> Job:
        self._next += 1
        job = self._jobs[self._next] = Job(self._next, session_id, options, allow_incomplete, user, datetime.now(UTC))
        return job

    def get(self, number: int) -> Job:
        """Return a job by its number. Raises NotFoundError for one that never was or ended long ago."""
        job = self._jobs.get(number)
        if job is None:
            raise self.no_such_job(number)
        return job

    @staticmethod
    def no_such_job(number: int) -> NotFoundError:
        """Make the error for a job that never was, ended long ago, or may not be seen."""
        return NotFoundError(f"There is no job {number}; it may have ended long ago, or before a restart.")

    def latest(self, session_id: str, options: Options) -> Job | None:
        """Return the job that was started last for such an archive."""
        same = (session_id, options)
        return next((job for job in reversed(self._jobs.values()) if (job.session_id, job.options) == same), None)

    def cancel(self, number: int) -> Job:
        """Ask a job to end; what was read so far stays known. Raises NotFoundError."""
        job = self.get(number)
        self._stop(job)
        return job

    async def wait(self, job: Job, seconds: float) -> bool:
        """Wait for a job's end, at most so long; return whether it has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)
        return not job.is_running

    def stop(self) -> None:
        """Ask every job to end, because the server does."""
        self.is_stopping = True
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
        except WorkCancelled:
            job.state = JobState.CANCELLED
        except LabcrateError as error:
            job.state, job.error = JobState.FAILED, error
        except Exception as error:  # noqa: BLE001 - a job that never ends would keep everybody waiting
            log_unexpected_error(self._lab, f"Preparing session {job.session_id}", error)
            job.state = JobState.FAILED
            job.error = LabcrateError(f"Session {job.session_id} could not be prepared; the server's log says why.")
        finally:
            job.ended = datetime.now(UTC)
            del self._tasks[job.id]
            self._drop_oldest()

    async def _prepare(self, job: Job) -> None:
        """Read what the plan lacks until it lacks nothing.

        Raises WorkCancelled, and what planning and reading raise.
        """
        hashed_plan: Plan | None = None
        failures: Mapping[str, str] = {}
        for _ in range(_MAX_ROUNDS):
            archive = (await self._plan(job)).check(allow_incomplete=job.allow_incomplete)
            if archive.entity:
                job.meter.set_final_totals()
                return
            if failures:
                break
            if hashed_plan and unindexed_files(hashed_plan) == unindexed_files(archive.plan):
                raise CatalogError("The index cannot be written, so no archive can be made; have room on its disk.")
            hashed_plan = archive.plan
            failures = await self._executor.run(WorkKind.JOBS, self._hash_files, job, hashed_plan)
        changed = next(iter(failures), "")
        raise NotReadyError(
            f"Files of session {job.session_id} change while they are read"
            f"{f' ({display_path(changed)})' if changed else ''}; ask again when they are finished.",
            _RETRY_AFTER_S,
        )

    async def _plan(self, job: Job) -> PlannedArchive:
        """Return the archive as of now, for the user who began the job. Raises WorkCancelled, and as PlanQueue.plan."""
        job.meter.raise_if_cancelled()
        plan_task = self._plans.plan(job.session_id, job.options, job.user, whole_plan=False, limited=False)
        job.plan_task = asyncio.get_running_loop().create_task(plan_task)
        try:
            return await job.plan_task
        except (asyncio.CancelledError, NotReadyError):
            job.meter.raise_if_cancelled()
            raise
        finally:
            job.plan_task = None

    def _hash_files(self, job: Job, plan: Plan) -> Mapping[str, str]:
        """Read what a plan lacks; return what cannot be read, if that may be missing. Raises IncompleteError."""
        job.meter.raise_if_cancelled()
        inventory, _ = self._inventories.read_with_messages()
        failures = compute_fixity(inventory, plan, job.meter, self._workers)
        if failures and not job.allow_incomplete:
            refuse_incomplete(plan.session, [*plan.missing, *missing_files(failures)])
        self._archives.add_unreadable(
            {f.path: (f.identity, failures[f.path]) for f in plan.copied if f.path in failures}
        )
        return failures

    @staticmethod
    def _stop(job: Job) -> None:
        job.meter.stop()
        if job.plan_task:
            job.plan_task.cancel()

    def _drop_oldest(self) -> None:
        ended = [number for number, job in self._jobs.items() if not job.is_running]
        for number in ended[:-_MAX_FINISHED]:
            del self._jobs[number]
