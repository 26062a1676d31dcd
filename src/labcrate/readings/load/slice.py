"""The readings of a window as a value: rows in batches, and the counts of the lab."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.selection import AmbiguousSensor
from labcrate.readings.load.topics import TopicKind, Topics

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class LabCounts:
    """The number of all readings of the lab, of every session and none.

    ``json`` and ``csv`` are the numbers in each file, ``total`` that of the union. ``no_readings`` counts messages that
    are no state of a device. ``nearest`` is the time of the reading closest to the window, known if that contains none.
    """

    json: int = 0
    csv: int = 0
    total: int = 0
    no_readings: int = 0
    first: datetime | None = None
    last: datetime | None = None
    nearest: datetime | None = None


class FactStore(Protocol):
    """Small results that were computed from readings, by the readings and the computation that they depend on."""

    def load_fact(self, name: str, depends_on: object) -> bytes | None:
        """Return a result; None if it is not known."""

    def save_fact(self, name: str, depends_on: object, data: bytes) -> None:
        """Store a result. A result that cannot be stored is computed again."""


class RowPiece(Protocol):
    """Some of the readings: those of a span of time, of all sensors or of the selected ones.

    Pieces with the same ``identity`` have the same rows. ``kinds`` are those of the selected sensors.
    """

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows."""

    @property
    def kinds(self) -> frozenset[TopicKind]:
        """Return the kinds of the selected sensors."""

    def rows_of_all(self) -> pl.DataFrame:
        """Return the readings of all sensors; see `Readings.frame`."""

    def rows_of_selected(self) -> pl.DataFrame:
        """Return the readings of the selected sensors."""


class ReadingRows(Protocol):
    """The readings of a window and of some sensors, which are read in batches.

    ``kind_counts`` is the number of readings of each kind (topic, and whether its messages are whole), ``devices`` the
    device_id of each. ``first_us`` and ``last_us`` are the first and last instants, None without readings. Rows
    with the same ``identity`` are the same. ``memory_bytes`` is how much of them is in memory.
    """

    @property
    def identity(self) -> object:
        """Return a value that is only equal for the same rows."""

    @property
    def memory_bytes(self) -> int:
        """Return the approximate memory in bytes."""

    @property
    def height(self) -> int:
        """Return the number of readings."""

    @property
    def first_us(self) -> int | None:
        """Return the first instant in microseconds since 1970."""

    @property
    def last_us(self) -> int | None:
        """Return the last instant in microseconds since 1970."""

    @property
    def kind_counts(self) -> Mapping[TopicKind, int]:
        """Return the number of readings of each kind."""

    @property
    def devices(self) -> Mapping[TopicKind, str]:
        """Return the device_id of each kind."""

    @property
    def facts(self) -> FactStore:
        """Return the results that were computed from the readings."""

    def pieces(self) -> Iterator[RowPiece]:
        """Yield the readings in pieces that follow each other in time."""

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the readings; see `Readings.batches`."""

    def kinds_inside(self, span: TimeSpan) -> set[TopicKind]:
        """Return the kinds that have a reading in a span."""


@dataclass(frozen=True)
class Readings:
    """The readings of a window and of some sensors.

    ``rows`` is None if the lab has no file of readings; `frame` always exists. ``both``, ``only_json`` and ``only_csv``
    count them by source; ``of_other_sensors`` counts those of the window that are not selected. ``absent_sensors`` are
    selected and have no topic in the lab; ``silent_sensors`` have a topic, but no reading in the frame;
    ``ambiguous_sensors`` are those whose topics are unclear.
    """

    rows: ReadingRows | None = field(default=None, compare=False, repr=False)
    window: TimeSpan = TimeSpan()
    topics: Topics = field(default_factory=Topics)
    both: int = 0
    only_json: int = 0
    only_csv: int = 0
    of_other_sensors: int = 0
    absent_sensors: tuple[str, ...] = ()
    silent_sensors: tuple[str, ...] = ()
    ambiguous_sensors: tuple[AmbiguousSensor, ...] = ()
    lab: LabCounts = LabCounts()
    problems: tuple[ReadingsProblem, ...] = ()

    def __len__(self) -> int:
        return 0 if self.rows is None else self.rows.height

    def has_same_rows(self, other: Readings) -> bool:
        """Return whether another value is known to have the same rows."""
        if self.rows is None or other.rows is None:
            return self.rows is other.rows
        return self.rows.identity == other.rows.identity

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of `frame` in order, some ten thousand at a time; rows of one instant are in one batch.

        Raises SourceChangedError if they can no longer be read.
        """
        if self.rows is not None:
            yield from self.rows.batches()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Return one row per reading, all in memory.

        The columns are ``timestamp`` (UTC, microseconds), ``topic``, ``device_id`` (the device's name in
        ``devices.json``; the topic without its base if the lab does not have it) and ``payload`` (the whole message as
        compact JSON); sorted by time, then topic, then payload.
        """
        import polars as pl  # noqa: PLC0415

        from labcrate.readings.load.timestamps import FRAME  # noqa: PLC0415

        return pl.concat([pl.DataFrame(schema=FRAME), *self.batches()])

    @property
    def complete(self) -> bool:
        """Return whether every file that exists could be read, and no reading of the session may be missing."""
        return not any(problem.incomplete for problem in self.problems)

    @property
    def first(self) -> datetime | None:
        """Return the time of the first reading."""
        return None if self.rows is None else _instant(self.rows.first_us)

    @property
    def last(self) -> datetime | None:
        """Return the time of the last reading."""
        return None if self.rows is None else _instant(self.rows.last_us)

    @property
    def topic_names(self) -> list[str]:
        """Return every topic, sorted."""
        return sorted({topic for topic, _, _ in self.topic_kinds})

    @property
    def kinds(self) -> list[tuple[str, bool]]:
        """Return the devices (``device_id``), and whether their messages are whole or single values."""
        return sorted({(device, whole) for _, device, whole in self.topic_kinds})

    @property
    def topic_kinds(self) -> list[tuple[str, str, bool]]:
        """Return every topic with its device, and whether its messages are whole or single values; sorted."""
        if self.rows is None:
            return []
        return sorted((topic, device, whole) for (topic, whole), device in self.rows.devices.items())

    @property
    def counts_per_device(self) -> list[tuple[str, int]]:
        """Return the number of readings of each device, by name."""
        if self.rows is None:
            return []
        counts: defaultdict[str, int] = defaultdict(int)
        devices = self.rows.devices
        for kind, count in self.rows.kind_counts.items():
            counts[devices[kind]] += count
        return sorted(counts.items())


def _instant(us: int | None) -> datetime | None:
    return None if us is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
