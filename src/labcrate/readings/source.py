"""What one file of readings yields, whichever its format."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedIOBase

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.problems import Problem, Tally
from labcrate.readings.timestamps import inside, parse_timestamps
from labcrate.readings.topics import Topics

Opened = BufferedIOBase
"""A file, open for reading at its beginning."""

Where = Callable[[int], str]
"""Names a row of a piece, counted from 0, for a person: its line or key."""

ROWS = {"us": pl.Int64, "topic": pl.String, "payload": pl.String, "built": pl.Boolean}
"""Readings inside the window; ``built``: the payload was made from the row's other cells."""

KEYS = {"us": pl.Int64, "topic": pl.Categorical}
"""Every reading of the file, inside the window or not."""

UNREADABLE_TIME = "the timestamp cannot be read, so the reading was left out; write it as ISO 8601 in UTC"
UNREADABLE_PAYLOAD = "the payload is not JSON, so the reading was left out"
NAIVE_TIME = "the timestamp has no time zone and was taken as UTC"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its readings inside the window, the time and topic of all, and what was wrong.

    ``no_readings`` counts the messages per topic that are no readings (availability, commands, the bridge's own).
    """

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ROWS))
    keys: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=KEYS))
    no_readings: Counter[str] = field(default_factory=Counter)
    problems: tuple[Problem, ...] = ()


class Gatherer:
    """Takes a file's readings piece by piece; `source` is what they come to."""

    def __init__(self, label: str, window: TimeSpan, topics: Topics) -> None:
        self.tally = Tally(label)
        self.topics = topics
        self.no_readings: Counter[str] = Counter()
        self._window = window
        self._keys: list[pl.DataFrame] = []
        self._rows: list[pl.DataFrame] = []

    def times(self, texts: pl.Series, where: Where) -> tuple[pl.Series, pl.Series]:
        """Read timestamps; give microseconds since 1970 and which rows lie in the window. Faults are counted."""
        us, naive = parse_timestamps(texts)
        for what, faults in ((UNREADABLE_TIME, us.is_null()), (NAIVE_TIME, naive)):
            if count := int(faults.sum()):
                self.tally.add(what, where(faults.arg_true()[0]), count)
        return us, inside(us, self._window)

    def add_keys(self, us: pl.Series, topic: pl.Series) -> None:
        """Add the times and topics of readings, whether inside the window or not."""
        self._keys.append(pl.DataFrame([us.alias("us"), topic.cast(pl.Categorical).alias("topic")]).drop_nulls("us"))

    def add_rows(self, us: pl.Series, topic: pl.Series, payload: pl.Series, built: pl.Series) -> None:
        """Add readings of the window; one whose payload is null was unreadable, and counted by the caller."""
        columns = (us, topic, payload, built)
        self._rows.append(pl.DataFrame([one.alias(name) for one, name in zip(columns, ROWS, strict=True)]))

    def source(self) -> Source:
        """All that was gathered."""
        rows = pl.concat([pl.DataFrame(schema=ROWS), *self._rows]).drop_nulls("payload")
        keys = pl.concat([pl.DataFrame(schema=KEYS), *self._keys])
        return Source(rows, keys, self.no_readings, self.tally.problems())
