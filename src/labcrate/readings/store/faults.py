"""The faults of both files as the problems of one window."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import Extent, Fault, ReadingsProblem, to_problems
from labcrate.readings.load.segments import Effect, RowFault, SegmentInfo
from labcrate.readings.load.timestamps import instant_at, is_inside, microseconds
from labcrate.readings.store.manifest import SourceInfo

_REPEATED_TIME = Message("readings.repeated_time")


def source_problems(
    source: SourceInfo, label: str, window: TimeSpan, repeated: pl.DataFrame, is_selected: Callable[[str], bool]
) -> Iterator[ReadingsProblem]:
    """Yield the problems of one file for a window; ``repeated`` are its rows whose time occurs twice.

    ``label`` is the file's name in messages; ``is_selected`` is as in `problems.to_problems`.
    """
    if source.fatal is not None:
        where, what = source.fatal
        yield ReadingsProblem(label, where, what, fatal=True)
    faults = [*_segment_faults(source.segments, window), *_faults(source.faults, window, None, None)]
    faults += _undecided(repeated, window)
    yield from to_problems(label, faults, is_selected)


def _segment_faults(segments: Sequence[SegmentInfo], window: TimeSpan) -> Iterator[Fault]:
    following: dict[str, int] = {}
    after: list[int | None] = []
    for segment in reversed(segments):
        after.append(following.get(segment.stream))
        if segment.first_us is not None:
            following[segment.stream] = segment.first_us
    previous: dict[str, int] = {}
    for segment, next_us in zip(segments, reversed(after), strict=True):
        yield from _faults(segment.faults, window, previous.get(segment.stream), next_us)
        if segment.last_us is not None:
            previous[segment.stream] = segment.last_us


def _faults(faults: Iterable[RowFault], window: TimeSpan, before: int | None, after: int | None) -> Iterator[Fault]:
    """Yield the faults that matter to a window; ``before`` and ``after`` are the times around their segment."""
    for fault in faults:
        extent = _extent(fault, window, before, after)
        if extent is not None:
            yield Fault(fault.what, fault.place, fault.count, extent, fault.topic)


def _extent(fault: RowFault, window: TimeSpan, before: int | None, after: int | None) -> Extent | None:
    match fault.effect:
        case Effect.NOTE:
            return Extent.NOTE
        case Effect.ALWAYS:
            return Extent.INSIDE
        case Effect.BETWEEN:
            first = before if fault.us is None else fault.us
            last = after if fault.other_us is None else fault.other_us
            around = [instant_at(us) for us in (first, last) if us is not None]
            span = TimeSpan(min(around), max(around)) if around else TimeSpan()
            return Extent.INSIDE if window.overlaps(span) else Extent.OUTSIDE
    inside = any(us is not None and _is_inside(us, window) for us in (fault.us, fault.other_us))
    if fault.effect is Effect.TIMED:
        return Extent.INSIDE if inside else Extent.OUTSIDE
    if not inside:
        return None
    return Extent.NOTE if fault.effect is Effect.NOTE_INSIDE else Extent.INSIDE


def _is_inside(us: int, window: TimeSpan) -> bool:
    after_start = window.start is None or us >= microseconds(window.start)
    return after_start and (window.end is None or us <= microseconds(window.end))


def _undecided(repeated: pl.DataFrame, window: TimeSpan) -> Iterator[Fault]:
    """Yield a note about the rows near the window whose time occurs twice, and that were read as the first."""
    near = is_inside(repeated["us"], window) | is_inside(repeated["second"], window)
    unknown = repeated.filter(near & repeated["is_second"].is_null())
    if unknown.height:
        first = unknown.row(int(unknown["place"].arg_min() or 0), named=True)
        where = Message("readings.line", line=str(first["place"])) if first["key"] is None else first["key"]
        yield Fault(_REPEATED_TIME, where, unknown.height, Extent.NOTE, None)
