"""Rows with a local time that occurs twice, as clocks were set back: the order of rows shows which one it is."""

import io
from collections.abc import Iterable, Sequence

import polars as pl

from labcrate.readings.load.segments import SegmentInfo, SourceSegment
from labcrate.readings.load.uncertain_times import newest_first_topics, second_occurrences

REPEATED = {
    "is_json": pl.Boolean,
    "us": pl.Int64,
    "second": pl.Int64,
    "topic": pl.String,
    "payload": pl.String,
    "built": pl.Boolean,
    "segment": pl.UInt32,
    "place": pl.UInt32,
    "key": pl.String,
    "is_second": pl.Boolean,
}
"""``us`` and ``second`` are both instants; ``is_second`` is which of them was chosen, null if the first was assumed."""


def repeated_rows(segment: SourceSegment, segment_id: int, *, is_json: bool) -> pl.DataFrame:
    """Return the rows of a segment whose time occurs twice (`REPEATED`), undecided."""
    rows = segment.rows.filter(pl.col("second").is_not_null())
    return rows.with_columns(
        pl.lit(is_json).alias("is_json"),
        pl.lit(segment_id, pl.UInt32).alias("segment"),
        pl.lit(None, pl.Boolean).alias("is_second"),
    ).select(*REPEATED)


def choose_instants(rows: pl.DataFrame, sources: Iterable[tuple[bool, Sequence[SegmentInfo], bool]]) -> pl.DataFrame:
    """Return the rows with ``is_second``.

    ``sources`` are the two files: whether it is the JSON, its segments in order, and whether its rows may be in the
    order of time.
    """
    decided = [pl.DataFrame(schema=REPEATED)]
    for is_json, segments, in_time_order in sources:
        own = rows.filter(pl.col("is_json") == is_json)
        if own.height:
            order = own.select(order=pl.col("place").cast(pl.Int64), topic="topic", us="us", second="second")
            newest_first = newest_first_topics(_ends(segments))
            decided.append(own.with_columns(second_occurrences(order, newest_first, in_time_order).alias("is_second")))
    return pl.concat(decided)


def _ends(segments: Sequence[SegmentInfo]) -> dict[str, tuple[int, int]]:
    ends: dict[str, tuple[int, int]] = {}
    for segment in segments:
        for topic, (first, last) in segment.ends.items():
            ends[topic] = (ends.get(topic, (first, last))[0], last)
    return ends


def chosen_rows(rows: pl.DataFrame, *, is_json: bool) -> pl.DataFrame:
    """Return the rows of one file at the chosen instants (`part_rows.SOURCE_ROWS`)."""
    chosen = pl.when(pl.col("is_second").fill_null(False)).then("second").otherwise("us")
    own = rows.filter(pl.col("is_json") == is_json)
    return own.select(chosen.alias("us"), "topic", "payload", "built", "segment", "place")


def encode_repeated(rows: pl.DataFrame) -> bytes:
    """Return the rows as bytes; none for no rows."""
    if not rows.height:
        return b""
    data = io.BytesIO()
    rows.write_ipc(data, compression="zstd")
    return data.getvalue()


def decode_repeated(data: bytes) -> pl.DataFrame:
    """Return the rows that ``encode_repeated`` wrote."""
    return pl.read_ipc(io.BytesIO(data)) if data else pl.DataFrame(schema=REPEATED)
