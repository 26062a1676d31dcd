"""Pieces of a file of readings, each with its rows and faults, independent of any session.

A file is a series of streams: a CSV and a flat list are one, the platform's JSON has one for each topic. A stream is a
series of segments of some megabytes. Whether a segment is unchanged is known by a hash of its bytes, so that a file
that grew is read from where it grew.
"""

from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.topics import TopicKind

SEGMENT_ROWS = {
    "us": pl.Int64,
    "second": pl.Int64,
    "topic": pl.String,
    "payload": pl.String,
    "built": pl.Boolean,
    "place": pl.UInt32,
    "key": pl.String,
}
"""The readings of a segment in the order of the file.

``us``: microseconds since 1970, of a time that occurs twice the first; ``second``: the other instant of such a time,
else null; ``built``: the payload was made from the row's other cells; ``place``: the line, or the index in a list;
``key``: the key in a JSON file of a row whose time occurs twice, else null.
"""


class Effect(Enum):
    """Which windows a fault matters to."""

    NOTE = "note"  # nothing was left out
    NOTE_INSIDE = "note-inside"  # nothing was left out, and it only matters if the row is inside
    INSIDE = "inside"  # the row is left out, which only matters if it is inside
    TIMED = "timed"  # the row is left out, its time is known
    BETWEEN = "between"  # the row is left out, only the times of the rows around it are known
    ALWAYS = "always"  # rows may be missing in any window


@dataclass(frozen=True, slots=True)
class RowFault:
    """``count`` faults of one kind, the first at ``where``: a line, or a key of a JSON file.

    ``us`` and ``other_us`` are the instant and the other instant of a time that occurs twice; of `Effect.BETWEEN` the
    times before and after, None if they are in another segment. ``topic`` is None if it cannot be read.
    """

    what: Message
    where: int | str
    effect: Effect
    count: int = 1
    topic: str | None = None
    us: int | None = None
    other_us: int | None = None

    @property
    def place(self) -> Message | str:
        """Return the place for messages."""
        return Message("readings.line", line=str(self.where)) if isinstance(self.where, int) else self.where


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """What is known about a segment without its rows.

    ``first_place`` and ``places``: its first line or index, and how many it has. ``first_us`` and ``last_us`` are the
    first and last readable times in the order of the file, ``min_us`` and ``max_us`` the earliest and latest of its
    readings, in microseconds since 1970. ``no_readings`` counts the messages per topic that are no readings
    (availability, commands, the bridge's own). ``kinds`` are its topics with readings; ``made_topics`` those made from
    a row's device_id, because it had no topic. ``has_local_times``: some times had no zone; then ``ends`` are the first
    and last time of each topic, without times that occur twice. ``is_open``: its last row is not ended.
    """

    id: int
    stream: str
    size_bytes: int
    digest: bytes
    first_place: int
    places: int
    rows: int = 0
    first_us: int | None = None
    last_us: int | None = None
    min_us: int | None = None
    max_us: int | None = None
    no_readings: dict[str, int] = field(default_factory=dict)
    kinds: frozenset[TopicKind] = frozenset()
    made_topics: frozenset[str] = frozenset()
    faults: tuple[RowFault, ...] = ()
    has_local_times: bool = False
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class SourceSegment:
    """A segment that was read: what is known about it, and its rows (`SEGMENT_ROWS`)."""

    info: SegmentInfo
    rows: pl.DataFrame


class FaultList:
    """The faults of a segment in order of occurrence; those that are alike are counted, with the first place."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Message, Effect, str | None, int | None, int | None], tuple[int | str, int]] = {}

    def add(
        self,
        what: Message,
        where: int | str,
        effect: Effect,
        count: int = 1,
        topic: str | None = None,
        us: int | None = None,
        other_us: int | None = None,
    ) -> None:
        """Count ``count`` rows with a fault, the first of them at ``where``; the rest is as in `RowFault`."""
        key = what, effect, topic, us, other_us
        first, known = self._seen.get(key, (where, 0))
        self._seen[key] = first, known + count

    def faults(self) -> tuple[RowFault, ...]:
        """Return the faults."""
        return tuple(
            RowFault(what, where, effect, count, topic, us, other_us)
            for (what, effect, topic, us, other_us), (where, count) in self._seen.items()
        )


def digest_of(data: bytes | memoryview) -> bytes:
    """Return the hash by which a segment is known to be unchanged."""
    return sha256(data).digest()
