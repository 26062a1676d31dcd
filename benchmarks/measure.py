"""Commands run as child processes, with their time and their peak of memory."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

PrepareRun = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one command: seconds on the wall clock, its peak of resident memory, and its processor seconds."""

    seconds: float
    peak_bytes: int
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Competitor:
    """A command that is timed; ``prepare`` runs before it and ``finish`` after it, and neither is timed.

    ``self_timed``: the command measures the relevant part itself and prints ``{"seconds": ...}``.
    """

    name: str
    command: Sequence[str]
    prepare: PrepareRun = lambda: None
    self_timed: bool = False
    cwd: Path | None = None
    finish: PrepareRun = lambda: None


@dataclass(slots=True)
class Results:
    """All runs of one competitor."""

    runs: list[Run] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        """Return the median of the times in seconds."""
        return median(run.seconds for run in self.runs)

    @property
    def minimum_s(self) -> float:
        """Return the shortest time in seconds, which other work on the machine disturbed least."""
        return min(run.seconds for run in self.runs)

    @property
    def cpu_s(self) -> float:
        """Return the fewest processor seconds of any run, which other work on the machine disturbs least."""
        return min(run.cpu_s for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """Return the highest peak of memory in any run."""
        return max(run.peak_bytes for run in self.runs)


class NotPossibleError(Exception):
    """A row that cannot be measured on this machine."""


class CommandError(Exception):
    """A measured command that ended with an error."""


def run_in_turn(competitors: Sequence[Competitor], rounds: int) -> dict[str, Results]:
    """Run all competitors in turn, round after round, so that a disturbance does not affect only one of them.

    Each round begins with another competitor, and each starts with the previous one's pages written to disk.
    """
    results = {competitor.name: Results() for competitor in competitors}
    for number in range(rounds):
        first = number % len(competitors)
        for competitor in (*competitors[first:], *competitors[:first]):
            competitor.prepare()
            os.sync()
            results[competitor.name].runs.append(run(competitor))
            competitor.finish()
    return results


# Child processes may write compiled modules, as in any installation.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(competitor: Competitor) -> Run:
    """Run a command once. Raises CommandError with the end of its output.

    A child's peak is never below this process's own, which the kernel inherits at the start; so nothing large is
    imported here.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            competitor.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd=competitor.cwd, env=ENVIRONMENT,
        )  # fmt: skip
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode:
        raise CommandError(f"{competitor.name} ended with {child.returncode}: {text[-2000:]}")
    if competitor.self_timed:
        seconds = float(json.loads(text.splitlines()[-1])["seconds"])
    return Run(seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)
