"""Faults in files of readings, as values that a plan can show.

A row that cannot be read makes the session's readings incomplete, unless its time is outside the window or its topic is
of a sensor that is not selected. This is known only after both files have been read; until then each fault stores its
topic and where its time is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from labcrate.messages.message import Message


@dataclass(frozen=True, slots=True)
class ReadingsProblem:
    """A fault of a source file, or a kind of fault in many of its rows.

    ``file`` is relative to the lab folder; ``where`` is the line or key of the first of ``count`` faults. ``fatal``
    means that nothing of the file could be used. ``incomplete`` means that readings of the session are missing or may
    be missing; a fatal problem always is. Any other problem is a warning.
    """

    file: str
    where: Message | str
    what: Message
    count: int = 1
    fatal: bool = False
    incomplete: bool = False

    def __post_init__(self) -> None:
        if self.fatal:
            object.__setattr__(self, "incomplete", True)

    @property
    def about_dates(self) -> bool:
        """Return whether times could not be read, but could with ``date_formats`` in ``labcrate.toml``."""
        return self.fault_id in ("readings.ambiguous_date", "readings.time_unreadable")

    @property
    def fault_id(self) -> str:
        """Return the message id of the fault itself, without notes about its extent and number."""
        what = self.what
        while "what" in what.values:
            what = what.values["what"]
        return what.id

    def __str__(self) -> Message:
        """Return the file, the place and the fault as one message."""
        if self.where:
            return Message("file.problem_at", file=self.file, where=self.where, problem=self.what)
        return Message("file.problem", file=self.file, problem=self.what)


class Extent(Enum):
    """Whether a fault removes readings from the window."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NOTE = "note"  # nothing was left out


@dataclass(frozen=True, slots=True)
class Fault:
    """``count`` faults of one kind, the first of them at ``where``; ``topic`` is None if it cannot be read."""

    what: Message
    where: Message | str
    count: int
    extent: Extent
    topic: str | None


class FaultCounter:
    """A counter of the faults of one file by kind, extent and topic, with the place of the first of each."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Message, Extent, str | None], tuple[Message | str, int]] = {}

    def add(
        self,
        what: Message,
        where: Message | str,
        count: int = 1,
        extent: Extent = Extent.NOTE,
        topic: str | None = None,
    ) -> None:
        """Count ``count`` rows with the fault ``what``, the first of them at ``where``."""
        first, before = self._seen.get((what, extent, topic), (where, 0))
        self._seen[what, extent, topic] = (first, before + count)

    def faults(self) -> tuple[Fault, ...]:
        """Return every fault, in order of first occurrence."""
        return tuple(
            Fault(what, where, count, extent, topic) for (what, extent, topic), (where, count) in self._seen.items()
        )


def to_problems(file: str, faults: Iterable[Fault], is_selected: Callable[[str], bool]) -> tuple[ReadingsProblem, ...]:
    """Return one problem for each kind of fault, in order of first occurrence.

    ``is_selected`` returns whether the session selected the sensor of a topic; a row without a readable topic counts as
    selected.
    """
    seen: dict[tuple[Message, bool], tuple[Message | str, int]] = {}
    for fault in faults:
        what, incomplete = fault.what, fault.extent is Extent.INSIDE
        if fault.extent is Extent.OUTSIDE:
            what = Message("readings.outside", what=what)
        elif incomplete and fault.topic is not None and not is_selected(fault.topic):
            what = Message("readings.not_selected", what=what)
            incomplete = False
        first, before = seen.get((what, incomplete), (fault.where, 0))
        seen[what, incomplete] = (first, before + fault.count)
    return tuple(
        ReadingsProblem(
            file,
            where,
            what if count == 1 else Message("readings.repeated", what=what, count=count),
            count,
            incomplete=incomplete,
        )
        for (what, incomplete), (where, count) in seen.items()
    )
