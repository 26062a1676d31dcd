"""The readings of a window as a value: rows, counts of the lab, keys and types of payloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.payload import DECODER, Number
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.selection import AmbiguousSensor
from labcrate.readings.load.topics import Topics

if TYPE_CHECKING:
    import polars as pl


Profile = Mapping[str, Mapping[str, frozenset[str]]]
"""Device (the topic without its base) to top-level key to the types of its values.

Types are ``integer``, ``number``, ``boolean``, ``string``, ``null`` and ``nested``. A payload that is no object has no
keys.
"""

CHUNK_ROWS = 20_000

_KINDS = {int: "integer", Number: "number", bool: "boolean", str: "string", type(None): "null"}


def profile(frame: pl.DataFrame) -> Profile:
    """Return the keys and types of all payloads in a frame of readings."""
    profiles: dict[str, Mapping[str, frozenset[str]]] = {}
    for (device,), readings in sorted(frame.partition_by("device_id", as_dict=True).items()):
        types: defaultdict[str, set[type]] = defaultdict(set)
        for values in decode_payloads(readings["payload"]):
            for value in values:
                if isinstance(value, dict):
                    for key, one in value.items():
                        types[key].add(type(one))
        kinds = {key: frozenset(_KINDS.get(one, "nested") for one in found) for key, found in types.items()}
        profiles[str(device)] = kinds
    return profiles


def decode_payloads(payloads: pl.Series) -> Iterator[list[object]]:
    """Yield the values of payloads, a chunk at a time; see `payload.DECODER` for the type of numbers."""
    for chunk in payloads.to_frame().iter_slices(CHUNK_ROWS):
        # Decoding one long text is much faster than many short ones.
        yield DECODER.decode("[" + ",".join(chunk.to_series()) + "]")


@dataclass(frozen=True, slots=True)
class LabCounts:
    """The number of all readings of the lab, of every session and none.

    ``json`` and ``csv`` are the numbers in each file, ``total`` that of the union; outside the window a reading in both
    files is recognised by instant and topic only. ``no_readings`` counts messages that are no state of a device.
    ``nearest`` is the reading closest to the window, known if the window contains none.
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

    ``rows`` is None if the lab has no file of readings; `frame` always exists. ``both``, ``only_json`` and ``only_csv``
    count them by source; ``of_other_sensors`` counts those of the window that are not selected. ``absent_sensors`` are
    selected and have no topic in the lab; ``silent_sensors`` have a topic, but no reading in the frame;
    ``ambiguous_sensors`` are those whose topics are unclear.
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
    problems: tuple[ReadingsProblem, ...] = ()

    def __len__(self) -> int:
        return 0 if self.rows is None else self.rows.height

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Return one row per reading.

        The columns are ``timestamp`` (UTC, microseconds), ``topic``, ``device_id`` (the device's name in
        ``devices.json``; the topic without its base if the lab does not have it) and ``payload`` (the whole message as
        compact JSON); sorted by time, then topic, then payload.
        """
        if self.rows is not None:
            return self.rows
        import polars as pl  # noqa: PLC0415

        from labcrate.readings.load.timestamps import FRAME  # noqa: PLC0415

        return pl.DataFrame(schema=FRAME)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of `frame` in order, some thousands at a time; rows of one instant are in one batch."""
        start, times = 0, self.frame["timestamp"]
        while start < len(times):
            end = min(start + CHUNK_ROWS, len(times))
            if end < len(times):
                end = int(times.search_sorted(times[end - 1], side="right"))
            yield self.frame[start:end]
            start = end

    @property
    def complete(self) -> bool:
        """Return whether every file that exists could be read, and no reading of the session may be missing."""
        return not any(problem.incomplete for problem in self.problems)

    @property
    def first(self) -> datetime | None:
        """Return the time of the first reading."""
        return self.frame["timestamp"][0] if len(self) else None

    @property
    def last(self) -> datetime | None:
        """Return the time of the last reading."""
        return self.frame["timestamp"][-1] if len(self) else None

    @cached_property
    def profile(self) -> Profile:
        """Return the keys of each device's payloads and their types; computed once, as every table needs it."""
        return profile(self.frame) if len(self) else {}

    @property
    def topic_names(self) -> list[str]:
        """Return every topic, sorted."""
        return self.frame["topic"].unique().sort().to_list() if len(self) else []

    @property
    def kinds(self) -> list[tuple[str, bool]]:
        """Return the devices (``device_id``), and whether their messages are whole or single values."""
        return sorted({(device, whole) for _, device, whole in self.topic_kinds})

    @cached_property
    def topic_kinds(self) -> list[tuple[str, str, bool]]:
        """Return every topic with its device, and whether its messages are whole or single values; sorted."""
        if not len(self):
            return []
        whole = self.frame["payload"].str.starts_with("{")
        return self.frame.select("topic", "device_id").with_columns(whole.alias("whole")).unique().sort("*").rows()

    @property
    def counts_per_device(self) -> list[tuple[str, int]]:
        """Return the number of readings of each device, by name."""
        return self.frame.group_by("device_id").len().sort("device_id").rows() if len(self) else []


def clean_payloads(
    readings: Readings, needles: Sequence[str], clean: Callable[[str, str], str]
) -> tuple[Readings, int]:
    """Replace payloads by the result of ``clean`` for topic and payload (compact JSON, which it must stay).

    With ``needles``, only readings whose topic or payload contains one of them, in any case, are checked. Return the
    readings, sorted by time, topic and payload, with the same counts, and how many of them changed; the same object if
    none did.
    """
    if not len(readings):
        return readings, 0
    import polars as pl  # noqa: PLC0415

    frame = readings.frame
    suspects = frame.with_row_index("row").select("row", "topic", "payload")
    if needles:
        # An escape could hide a letter of a key: check any payload with one too.
        found = pl.any_horizontal(
            pl.col("topic", "payload").str.contains_any(list(needles), ascii_case_insensitive=True)
        )
        suspects = suspects.filter(found | pl.col("payload").str.contains("\\u", literal=True))
    changed = [
        (row, cleaned) for row, topic, payload in suspects.iter_rows() if (cleaned := clean(topic, payload)) != payload
    ]
    if not changed:
        return readings, 0
    rows = pl.Series([row for row, _ in changed], dtype=pl.UInt32)
    payloads = frame["payload"].scatter(rows, [text for _, text in changed])
    cleaned_frame = frame.with_columns(payloads.alias("payload")).sort("timestamp", "topic", "payload")
    return replace(readings, rows=cleaned_frame), len(changed)
