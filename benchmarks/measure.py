"""Runs commands as children and says how long each took and how much memory it held at its peak."""

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
    """One run of one command: seconds on the wall clock, and its peak resident memory."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Competitor:
    """A command that is timed; ``prepare`` runs before it and is not.

    ``self_timed``: the command measures the part that counts and prints ``{"seconds": ...}``.
    """

    name: str
    command: Sequence[str]
    prepare: PrepareRun = lambda: None
    self_timed: bool = False
    cwd: Path | None = None


@dataclass(slots=True)
class Results:
    """All runs of one competitor."""

    runs: list[Run] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        """Median of the times, in seconds."""
        return median(run.seconds for run in self.runs)

    @property
    def minimum_s(self) -> float:
        """The shortest time, in seconds: the run that other work on the machine disturbed least."""
        return min(run.seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """The highest peak of memory in any run."""
        return max(run.peak_bytes for run in self.runs)


class NotPossibleError(Exception):
    """A row that cannot be measured on this machine."""


class CommandError(Exception):
    """A command that was to be measured ended with an error."""


def run_in_turn(competitors: Sequence[Competitor], rounds: int) -> dict[str, Results]:
    """Run all competitors in turn, round after round, so that a disturbance does not hit one of them alone.

    The first of a round is another one each time, and dirty pages of the one before are on disk when the next begins.
    """
    results = {competitor.name: Results() for competitor in competitors}
    for number in range(rounds):
        first = number % len(competitors)
        for competitor in (*competitors[first:], *competitors[:first]):
            competitor.prepare()
            os.sync()
            results[competitor.name].runs.append(run(competitor))
    return results


# A child may keep its compiled modules, as every user's installation does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(competitor: Competitor) -> Run:
    """Run a command once. Raises CommandError with the end of what it wrote.

    A child's peak is never reported below this process's own, which the kernel takes over at the start: that is why
    nothing large is ever imported here.
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
    return Run(seconds, usage.ru_maxrss * 1024)
