"""What is wrong with a file of readings, as values that a plan can show.

A row that could not be read makes the session's readings incomplete, unless its time lies outside the window or its
topic is that of a sensor that was not selected. Which it is, is known only when both files have been read: until then
each fault keeps its topic and where its time lies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class ReadingsProblem:
    """One fault of a source file, or one kind of fault of many of its rows.

    ``file`` is relative to the lab folder; ``where`` is the line or key of the first of ``count`` faults.
    ``fatal`` means that nothing of the file could be used. ``incomplete`` means that readings of the session are
    missing, or may be; whatever is fatal is that too. Any other problem is only worth knowing.
    """

    file: str
    where: str
    what: str
    count: int = 1
    fatal: bool = False
    incomplete: bool = False

    def __post_init__(self) -> None:
        if self.fatal:
            object.__setattr__(self, "incomplete", True)

    @property
    def about_dates(self) -> bool:
        """Whether times cannot be read, and ``date_formats`` in ``labcrate.toml`` would have them read."""
        return "date_formats" in self.what

    def __str__(self) -> str:
        return f"{self.file}{', ' + self.where if self.where else ''}: {self.what}"


class Extent(Enum):
    """Whether a fault takes readings away from the window."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NOTE = "note"  # nothing was left out


@dataclass(frozen=True, slots=True)
class Fault:
    """``count`` faults of one kind, the first of them at ``where``; ``topic`` is None where it cannot be read."""

    what: str
    where: str
    count: int
    extent: Extent
    topic: str | None


class FaultCounter:
    """Counts the faults of one file by kind, extent and topic, and remembers where each was met first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Extent, str | None], tuple[str, int]] = {}

    def add(
        self, what: str, where: str, count: int = 1, extent: Extent = Extent.NOTE, topic: str | None = None
    ) -> None:
        """Count ``count`` rows with the fault ``what``, the first of them at ``where``."""
        first, before = self._seen.get((what, extent, topic), (where, 0))
        self._seen[what, extent, topic] = (first, before + count)

    def faults(self) -> tuple[Fault, ...]:
        """Every fault, in the order in which they were met."""
        return tuple(
            Fault(what, where, count, extent, topic) for (what, extent, topic), (where, count) in self._seen.items()
        )


def to_problems(file: str, faults: Iterable[Fault], is_selected: Callable[[str], bool]) -> tuple[ReadingsProblem, ...]:
    """Return one problem per kind of fault, in the order in which the kinds were met.

    ``is_selected`` tells of a topic whether the session selected its sensor; a row without a readable topic counts.
    """
    seen: dict[tuple[str, bool], tuple[str, int]] = {}
    for fault in faults:
        what, incomplete = fault.what, fault.extent is Extent.INSIDE
        if fault.extent is Extent.OUTSIDE:
            what += " (outside the session's time)"
        elif incomplete and fault.topic is not None and not is_selected(fault.topic):
            what += " (of a sensor that was not selected)"
            incomplete = False
        first, before = seen.get((what, incomplete), (fault.where, 0))
        seen[what, incomplete] = (first, before + fault.count)
    return tuple(
        ReadingsProblem(
            file, where, what if count == 1 else f"{what} ({count} times, first here)", count, incomplete=incomplete
        )
        for (what, incomplete), (where, count) in seen.items()
    )
