"""Preparing archives: the long work of reading recordings for the first time, away from any one request.

A job belongs to the server, not to the tab that asked for it: it goes on when its client goes away, and
whoever asks for the same archive meanwhile waits for the same job.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from labcrate.errors import LabcrateError, NoSuchThingError, TooManyError
from labcrate.lab.folder import Lab
from labcrate.plan.options import Options
from labcrate.web.executor import Executor, Lane
from labcrate.web.meter import Cancelled, JobProgress, Meter
from labcrate.web.problem import log_unexpected
from labcrate.web.standing import Standing

_MOST_UNFINISHED = 64
_MOST_FINISHED = 200
_TRY_AGAIN_SECONDS = 30


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

    @property
    def progress(self) -> JobProgress:
        """How far it is; one that has ended is at no file any more."""
        now = self.meter.read()
        return now if self.running else replace(now, rate=None, seconds_left=None, current_file=None)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state is JobState.RUNNING


class Jobs:
    """All jobs that run, and the latest that ended. Use it on the event loop; ``running`` from any thread.

    ``stopping`` says that the server ends, and with it all jobs.
    """

    def __init__(self, executor: Executor, lab: Lab, standing: Standing) -> None:
        self.stopping = False
        self._executor, self._lab, self._standing = executor, lab, standing
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        # Numbers go on from the time, so that one from before a restart is never another job's.
        self._next = time.time_ns() // 1_000_000

    @property
    def running(self) -> int:
        """How many jobs run or wait for their turn."""
        return len(self._tasks)

    def prepare(self, session_id: str, options: Options, *, allow_incomplete: bool, who: str) -> Job:
        """Start preparing an archive, or join the job that does. Raises TooManyError."""
        wanted = (session_id, options, allow_incomplete)
        for job in map(self._jobs.__getitem__, self._tasks):
            if (job.session, job.options, job.allow_incomplete) == wanted and not job.meter.stopped:
                return job
        if len(self._tasks) >= _MOST_UNFINISHED:
            raise TooManyError("Too many archives are being prepared; wait until one is done.", _TRY_AGAIN_SECONDS)
        job = self._add(session_id, options, allow_incomplete, who)
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job))
        return job

    def done(self, session_id: str, options: Options, *, allow_incomplete: bool, who: str) -> Job:
        """The job of an archive that stands already: it has ended, whatever others are waiting for."""
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
        """A job by its number. Raises NoSuchThingError for one that never was or ended long ago."""
        job = self._jobs.get(number)
        if job is None:
            raise self.no_such(number)
        return job

    @staticmethod
    def no_such(number: int) -> NoSuchThingError:
        """Make the error for a job that never was, ended long ago, or is not shown to who asks."""
        return NoSuchThingError(f"There is no job {number}; it may have ended long ago, or before a restart.")

    def latest(self, session_id: str, options: Options) -> Job | None:
        """The job that was started last for such an archive."""
        wanted = (session_id, options)
        return next((job for job in reversed(self._jobs.values()) if (job.session, job.options) == wanted), None)

    def cancel(self, number: int) -> Job:
        """Ask a job to end; what was read so far stays known. Raises NoSuchThingError."""
        job = self.get(number)
        job.meter.stop()
        return job

    async def wait(self, job: Job, seconds: float) -> bool:
        """Wait for a job's end, at most so long; whether it has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)
        return not job.running

    def stop(self) -> None:
        """Ask every job to end, because the server does."""
        self.stopping = True
        for job in self._jobs.values():
            job.meter.stop()

    async def close(self) -> None:
        """End every job and wait for that."""
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _run(self, job: Job) -> None:
        try:
            await self._executor.run(Lane.JOBS, self._work, job)
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

    def _work(self, job: Job) -> None:
        job.meter.check()
        self._standing.archive(job.session, job.options, allow_incomplete=job.allow_incomplete, progress=job.meter)
        job.meter.settle()

    def _drop_oldest(self) -> None:
        ended = [number for number, job in self._jobs.items() if not job.running]
        for number in ended[:-_MOST_FINISHED]:
            del self._jobs[number]
