"""Jobs that prepare archives: they read recordings to compute their fixity, which may take long.

A job belongs to the server, not to the browser tab that started it: it continues if its client disconnects, and all
requests for the same archive wait for the same job. It reads the files whose fixity the plan lacks, then plans again.
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
from labcrate.messages.message import Message
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
# Files may be added and changed while others are read; each round reads only the new ones.
_MAX_ROUNDS = 10


class JobState(StrEnum):
    """The state of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Job:
    """The preparation of one archive. Its state changes only on the event loop."""

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
        """Return the progress; a job that has ended has no current file and no speed."""
        now = self.meter.progress()
        return now if self.is_running else replace(now, bytes_per_s=None, seconds_left=None, current_file=None)

    @property
    def is_running(self) -> bool:
        """Return whether the job has not ended yet."""
        return self.state is JobState.RUNNING


class PrepareJobs:
    """All unfinished jobs, and the latest finished ones. Use it on the event loop; ``unfinished_count`` in any thread.

    ``is_stopping`` is true once the server ends all jobs. ``workers`` is the number of files that a job reads at once
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
        # Numbers start at the current time, so that a number from before a restart is never used again.
        self._next = time.time_ns() // 1_000_000

    @property
    def unfinished_count(self) -> int:
        """Return how many jobs run or wait for a thread."""
        return len(self._tasks)

    def start(self, session_id: str, options: Options, *, allow_incomplete: bool, user: str) -> Job:
        """Start a job that prepares an archive, or return the one that already does. Raises TooManyError."""
        same = (session_id, options, allow_incomplete)
        for job in map(self._jobs.__getitem__, self._tasks):
            if (job.session_id, job.options, job.allow_incomplete) == same and not job.meter.is_stopped:
                return job
        if len(self._tasks) >= _MAX_UNFINISHED:
            raise TooManyError(Message("server.archive_jobs_full"), _RETRY_AFTER_S)
        job = self._add(session_id, options, allow_incomplete, user)
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job))
        return job

    def add_finished(self, session_id: str, options: Options, *, allow_incomplete: bool, user: str) -> Job:
        """Return a finished job for an archive that is already prepared, without waiting for other jobs."""
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
        """Return a job by its number. Raises NotFoundError if there is none, or it ended long ago."""
        job = self._jobs.get(number)
        if job is None:
            raise self.no_such_job(number)
        return job

    @staticmethod
    def no_such_job(number: int) -> NotFoundError:
        """Return the error for a job that does not exist, ended long ago, or must not be seen."""
        return NotFoundError(Message("server.no_job", job=str(number)))

    def latest(self, session_id: str, options: Options) -> Job | None:
        """Return the job that was started last for an archive; None if there is none."""
        same = (session_id, options)
        return next((job for job in reversed(self._jobs.values()) if (job.session_id, job.options) == same), None)

    def cancel(self, number: int) -> Job:
        """Cancel a job; files that were read completely stay in the index. Raises NotFoundError."""
        job = self.get(number)
        self._stop(job)
        return job

    async def wait(self, job: Job, seconds: float) -> bool:
        """Wait until a job ends, for some seconds at most; return whether it has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)
        return not job.is_running

    def stop(self) -> None:
        """Cancel every job, because the server stops."""
        self.is_stopping = True
        for job in self._jobs.values():
            self._stop(job)

    async def close(self) -> None:
        """Cancel every job and wait until all have ended."""
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
        except Exception as error:  # noqa: BLE001 - a job that never ends would make all its clients wait
            log_unexpected_error(self._lab, f"Preparing session {job.session_id}", error)
            job.state = JobState.FAILED
            job.error = LabcrateError(Message("server.job_failed", session=job.session_id))
        finally:
            job.ended = datetime.now(UTC)
            del self._tasks[job.id]
            self._drop_oldest()

    async def _prepare(self, job: Job) -> None:
        """Read the files and write the tables whose fixity the plan lacks, and plan again, until it lacks none.

        Raises WorkCancelled, and what planning and reading raise.
        """
        hashed_plan: Plan | None = None
        failures: Mapping[str, str] = {}
        tables_written = False
        for _ in range(_MAX_ROUNDS):
            archive = (await self._plan(job)).check(allow_incomplete=job.allow_incomplete)
            if archive.entity:
                job.meter.set_final_totals()
                return
            if failures:
                break
            unindexed, tables_left = unindexed_files(archive.plan), tables_written and not archive.has_all_tables
            if hashed_plan and unindexed_files(hashed_plan) == unindexed and (unindexed or tables_left):
                raise CatalogError(Message("server.index_not_written"))
            hashed_plan = archive.plan
            failures = await self._executor.run(WorkKind.JOBS, self._hash_files, job, hashed_plan)
            if not failures and archive.table_files and not archive.has_all_tables:
                await self._executor.run(WorkKind.JOBS, archive.table_files.write, job.meter)
                tables_written = True
        changed = next(iter(failures), "")
        raise NotReadyError(
            Message("server.file_changing", session=job.session_id, file=display_path(changed))
            if changed
            else Message("server.files_changing", session=job.session_id),
            _RETRY_AFTER_S,
        )

    async def _plan(self, job: Job) -> PlannedArchive:
        """Return the current archive, planned for the job's user. Raises WorkCancelled, and as PlanQueue.plan."""
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
        """Read the files whose fixity a plan lacks; return those that cannot be read, by path, with the reason.

        Raises IncompleteError if there are any and that is not allowed.
        """
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
