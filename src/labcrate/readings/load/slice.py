"""The readings of one session, and what is known of all the others.

Polars is not loaded for a session without readings: that takes longer than all else of a small export.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import Problem
from labcrate.readings.load.profile import Profile, profile
from labcrate.readings.load.selection import AmbiguousSensor
from labcrate.readings.load.topics import Topics

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class LabCounts:
    """All readings of the lab, of every session and none.

    ``json`` and ``csv`` are what each file holds, ``total`` the union of both; outside the window a reading of both
    files is recognised by instant and topic alone. ``no_readings`` counts messages that tell of no device's state.
    ``nearest`` is the reading closest to the window, known when the window holds none.
    """

    json: int = 0
    csv: int = 0
    total: int = 0
    no_readings: int = 0
    first: datetime | None = None
    last: datetime | None = None
    nearest: datetime | None = None


@dataclass(frozen=True)
class Readings:
    """The readings of a window and of some sensors.

    ``rows`` is None where the lab has no file of readings; `frame` is there in any case.
    ``both``, ``only_json``, ``only_csv`` say where they were found; ``of_other_sensors`` counts those of the window
    that were not selected. ``absent_sensors`` were selected and have no topic in the lab; ``silent_sensors`` have one,
    and no reading in the frame; of ``ambiguous_sensors`` it is not clear which topics are theirs.
    """

    rows: pl.DataFrame | None = field(default=None, compare=False, repr=False)
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
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return 0 if self.rows is None else self.rows.height

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row per reading.

        The columns are ``timestamp`` (UTC, microseconds), ``topic``, ``device_id`` (the device's name in
        ``devices.json``; the topic without its base where the lab does not know it) and ``payload`` (the whole message
        as compact JSON); sorted by time, then topic, then payload.
        """
        if self.rows is not None:
            return self.rows
        import polars as pl  # noqa: PLC0415

        from labcrate.readings.load.frame import FRAME  # noqa: PLC0415

        return pl.DataFrame(schema=FRAME)

    @property
    def complete(self) -> bool:
        """Whether every file that exists could be read, and no reading of the session may be missing."""
        return not any(problem.incomplete for problem in self.problems)

    @property
    def first(self) -> datetime | None:
        """The time of the first reading."""
        return self.frame["timestamp"][0] if len(self) else None

    @property
    def last(self) -> datetime | None:
        """The time of the last reading."""
        return self.frame["timestamp"][-1] if len(self) else None

    @cached_property
    def profile(self) -> Profile:
        """Which keys each device's payloads hold, and of what types; computed once, as every table needs it."""
        return profile(self.frame) if len(self) else {}

    @property
    def topic_names(self) -> list[str]:
        """Every topic, sorted."""
        return self.frame["topic"].unique().sort().to_list() if len(self) else []

    @property
    def kinds(self) -> list[tuple[str, bool]]:
        """The devices (``device_id``), and whether whole messages or single values came of them."""
        return sorted({(device, whole) for _, device, whole in self.topic_kinds})

    @cached_property
    def topic_kinds(self) -> list[tuple[str, str, bool]]:
        """Every topic with its device, and whether whole messages or single values came on it; sorted."""
        if not len(self):
            return []
        whole = self.frame["payload"].str.starts_with("{")
        return self.frame.select("topic", "device_id").with_columns(whole.alias("whole")).unique().sort("*").rows()

    @property
    def counts_per_device(self) -> list[tuple[str, int]]:
        """How many readings each device sent, by name."""
        return self.frame.group_by("device_id").len().sort("device_id").rows() if len(self) else []
