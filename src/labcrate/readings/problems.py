"""What is wrong with a file of readings, as values that a plan can show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a source file, or one kind of fault of many of its rows.

    ``file`` is relative to the lab folder; ``where`` is the line or key of the first of ``count`` faults.
    ``fatal`` means that nothing of the file could be used: the session's readings are not whole.
    """

    file: str
    where: str
    what: str
    count: int = 1
    fatal: bool = False

    def __str__(self) -> str:
        return f"{self.file}{', ' + self.where if self.where else ''}: {self.what}"


class Tally:
    """Counts faults of the rows of one file by kind, and remembers where each kind was met first."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._seen: dict[str, tuple[str, int]] = {}

    def add(self, what: str, where: str, count: int = 1) -> None:
        """Count ``count`` rows with the fault ``what``, the first of them at ``where``."""
        first, before = self._seen.get(what, (where, 0))
        self._seen[what] = (first, before + count)

    def problems(self) -> tuple[Problem, ...]:
        """One problem per kind, in the order in which the kinds were met."""
        return tuple(
            Problem(self.file, where, what if count == 1 else f"{what} ({count} times, first here)", count)
            for what, (where, count) in self._seen.items()
        )
