"""A session's recordings and sensor activity over time, as positions in a drawing.

Positions are percent of the drawing's width, so that it fits every screen. The number of blocks is limited: thousands
of short recordings are merged into blocks that look the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from labcrate.model.device import Camera
from labcrate.model.timespan import MAX_SEAM, TimeSpan
from labcrate.plan.plan import Plan, PlannedRecording
from labcrate.plan.summary import MAX_LISTED_RECORDINGS
from labcrate.web.pages.i18n import Locale

GAP = MAX_SEAM
"""Cameras start the next file within this time: a shorter pause is no gap."""

MAX_BLOCKS = 400
MAX_DEVICES = 24
BUCKETS = 120
_MAX_TICKS = 6
_MAX_CACHED = 16
_MARGIN = 0.25  # the most time drawn before and after a session, as a share of its duration
_STEPS = [
    *(timedelta(seconds=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=n) for n in (1, 2, 3, 6, 12)),
    *(timedelta(days=n) for n in (1, 2, 7, 14, 28, 91, 364, 3640, 36400, 364000)),
]


@dataclass(frozen=True, slots=True)
class TimelineBlock:
    """A block from ``start`` to ``end``, at ``left`` with ``width`` in percent, for ``count`` recordings."""

    left: float
    width: float
    start: datetime
    end: datetime
    count: int = 1
    damaged: bool = False

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Lane:
    """One camera: ``blocks`` are its recordings, ``gaps`` the times of the session without a recording."""

    camera: Camera | None
    recordings: int
    damaged: int
    recorded_s: float
    blocks: tuple[TimelineBlock, ...]
    gaps: tuple[TimelineBlock, ...]
    gap_count: int


@dataclass(frozen=True, slots=True)
class Activity:
    """How often a device reported: ``bars`` are (left, height) in percent, the highest is 100."""

    device: str
    readings: int
    bars: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis."""

    left: float
    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing. ``outside`` counts recordings outside its time, ``more_devices`` devices that are not drawn."""

    start: datetime
    end: datetime
    session: TimelineBlock | None
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    activity: tuple[Activity, ...]
    outside: int
    more_devices: int


def draw(plan: Plan, locale: Locale) -> Timeline | None:
    """Return the timeline of a plan; None if there is nothing to draw or no time is known."""
    shown = _drawn_span(plan)
    if shown is None:
        return None
    axis = _Axis(*shown)
    session = plan.session.span
    inside = [r for r in plan.recordings if r.span.start and axis.shows(r)]
    activity = _activity(plan, axis)
    lanes = tuple(_lanes(inside, plan.cameras, session, axis))
    if not lanes and not activity:
        return None
    return Timeline(
        axis.start,
        axis.end,
        axis.block(session.start, session.end) if session.start and session.end else None,
        tuple(_ticks(axis, locale)),
        lanes,
        tuple(activity[:MAX_DEVICES]),
        len(plan.recordings) - len(inside),
        max(0, len(activity) - MAX_DEVICES),
    )


class Timelines:
    """A cache of the latest timelines, drawn again when the plan has changed. Any thread may use it."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, Locale], tuple[Plan, Timeline | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, plan: Plan, locale: Locale) -> Timeline | None:
        """Return the timeline of a plan, as ``draw`` does."""
        key = plan.session.id, locale
        with self._lock:
            cached = self._cached.pop(key, None)
        drawn = cached if cached and cached[0] is plan else (plan, draw(plan, locale))
        with self._lock:
            self._cached[key] = drawn
            while len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        return drawn[1]


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def position(self, at: datetime) -> float:
        """Return the position of an instant in percent, at most at an end."""
        return round(100 * min(1.0, max(0.0, (at - self.start) / self.length)), 3)

    def block(self, start: datetime, end: datetime, count: int = 1, *, damaged: bool = False) -> TimelineBlock:
        left = self.position(start)
        return TimelineBlock(left, round(self.position(end) - left, 3), start, end, count, damaged)

    def shows(self, recording: PlannedRecording) -> bool:
        return recording.span.overlaps(TimeSpan(self.start, self.end))


def _drawn_span(plan: Plan) -> tuple[datetime, datetime] | None:
    """Return the drawn time: the session's with some margin, or that of everything that has a time."""
    session = plan.session.span
    spans = [(r.span.start, r.span.end or r.span.start) for r in plan.recordings if r.span.start]
    if session.start and session.end and session.start < session.end:
        margin = (session.end - session.start) * _MARGIN
        near = [(s, e) for s, e in spans if s <= session.end and e >= session.start]
        first = min([session.start, *(s for s, _ in near)])
        last = max([session.end, *(e for _, e in near)])
        return _earlier(session.start, margin, first), _later(session.end, margin, last)
    known = [at for span in spans for at in span]
    known += [at for at in (plan.readings.first, plan.readings.last, session.start, session.end) if at]
    if not known:
        return None
    first, last = min(known), max(known)
    return (
        (first, last)
        if first < last
        else (first, _later(first, timedelta(seconds=1), datetime.max.replace(tzinfo=UTC)))
    )


def _earlier(start: datetime, by: timedelta, minimum: datetime) -> datetime:
    return max(minimum, start - by) if start - datetime.min.replace(tzinfo=UTC) > by else minimum


def _later(end: datetime, by: timedelta, most: datetime) -> datetime:
    return min(most, end + by) if datetime.max.replace(tzinfo=UTC) - end > by else most


def _lanes(
    recordings: Sequence[PlannedRecording], cameras: Iterable[Camera], session: TimeSpan, axis: _Axis
) -> Iterator[Lane]:
    """Yield one lane per camera, also for one without recordings; recordings of an unknown camera come last."""
    by_camera: dict[str | None, list[PlannedRecording]] = {camera.id: [] for camera in cameras}
    known: dict[str | None, Camera] = {camera.id: camera for camera in cameras}
    for recording in recordings:
        by_camera.setdefault(recording.camera.id if recording.camera else None, []).append(recording)
    for key in sorted(by_camera, key=lambda key: key is None):
        yield _lane(known.get(key), by_camera[key], session, axis)


def _lane(camera: Camera | None, found: Sequence[PlannedRecording], session: TimeSpan, axis: _Axis) -> Lane:
    times = sorted((r.span.start, r.span.end or r.span.start, not r.probe.is_readable) for r in found if r.span.start)
    covered = list(_merge_spans((start, end) for start, end, damaged in times if not damaged))
    # Recordings without a known camera may be of several cameras, so gaps between them mean nothing.
    gaps = list(_gaps(covered, session)) if camera else []
    joined = _join_recordings(times) if len(found) > MAX_LISTED_RECORDINGS else [(*one, 1) for one in times]
    drawn = [axis.block(start, end, count, damaged=damaged) for start, end, damaged, count in joined]
    return Lane(
        camera,
        len(found),
        sum(damaged for *_, damaged in times),
        sum((end - start).total_seconds() for start, end in covered),
        tuple(_merge_close(drawn)),
        tuple(_merge_close([axis.block(start, end) for start, end in gaps])),
        len(gaps),
    )


def _merge_spans(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield sorted spans, merging those that touch or overlap."""
    current: tuple[datetime, datetime] | None = None
    for start, end in spans:
        if current is not None and start - current[1] <= GAP:
            current = current[0], max(current[1], end)
            continue
        if current is not None:
            yield current
        current = start, end
    if current is not None:
        yield current


def _join_recordings(
    times: Iterable[tuple[datetime, datetime, bool]],
) -> Iterator[tuple[datetime, datetime, bool, int]]:
    """Yield sorted recordings, joining those without a gap between them, with their number."""
    current: tuple[datetime, datetime, bool, int] | None = None
    for start, end, damaged in times:
        if current is not None and start - current[1] <= GAP and damaged == current[2]:
            current = current[0], max(current[1], end), damaged, current[3] + 1
            continue
        if current is not None:
            yield current
        current = start, end, damaged, 1
    if current is not None:
        yield current


def _gaps(covered: Sequence[tuple[datetime, datetime]], session: TimeSpan) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times without a recording: between recordings, and up to the session's start and end."""
    edges = list(covered)
    if session.start:
        edges = [(session.start, session.start), *(span for span in edges if span[1] > session.start)]
    if session.end:
        edges = [*(span for span in edges if span[0] < session.end), (session.end, session.end)]
    for (_, end), (start, _) in pairwise(edges):
        if start - end > GAP:
            yield end, start


def _merge_close(blocks: Sequence[TimelineBlock]) -> Iterator[TimelineBlock]:
    """Yield the blocks, merging those that are too close to be seen apart if there are many."""
    if len(blocks) <= MAX_BLOCKS:
        yield from blocks
        return
    minimum, current = 100 / MAX_BLOCKS, blocks[0]
    for block in blocks[1:]:
        if block.left - current.left < minimum or block.left - (current.left + current.width) < minimum / 4:
            right = max(current.left + current.width, block.left + block.width)
            current = TimelineBlock(
                current.left,
                round(right - current.left, 3),
                current.start,
                max(current.end, block.end),
                current.count + block.count,
                current.damaged and block.damaged,
            )
        else:
            yield current
            current = block
    yield current


def _ticks(axis: _Axis, locale: Locale) -> Iterator[Tick]:
    """Yield even steps of time, on round times of the zone's clock at the start of the drawing."""
    step = next((s for s in _STEPS if axis.length / s <= _MAX_TICKS), _STEPS[-1])
    ahead = locale.local(axis.start).utcoffset() or timedelta()
    since = axis.start - datetime(1970, 1, 1, tzinfo=UTC) + ahead
    number = -(-since // step)
    while (at := axis.start + (number * step - since)) <= axis.end:
        clock = locale.local(at) if step < timedelta(days=1) else at + ahead
        yield Tick(axis.position(at), at, _label(clock, step, locale))
        number += 1


def _label(clock: datetime, step: timedelta, locale: Locale) -> str:
    if step >= timedelta(days=1):
        return locale.day(clock.date())
    return f"{clock:%H:%M:%S}" if step < timedelta(minutes=1) else f"{clock:%H:%M}"


def _activity(plan: Plan, axis: _Axis) -> list[Activity]:
    """Return how often each device reported, counted in as many intervals as there are bars."""
    if not len(plan.readings):
        return []
    # Polars is already loaded if there are rows.
    import polars as pl  # noqa: PLC0415

    width = max(1, -(-(axis.length // timedelta(microseconds=1)) // BUCKETS))
    start = (axis.start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    bucket = (pl.col("timestamp").dt.epoch("us") - start) // width
    counts_by_batch = [
        batch.lazy()
        .filter(pl.col("timestamp").is_between(axis.start, axis.end))
        .select("device_id", bucket.clip(0, BUCKETS - 1).alias("bucket"))
        .group_by("device_id", "bucket")
        .len()
        .collect()
        for batch in plan.readings.batches()
    ]
    every = pl.concat(counts_by_batch)
    counted = every.group_by("device_id", "bucket").agg(pl.col("len").sum()).sort("device_id", "bucket")
    found = []
    for (device,), buckets in counted.partition_by("device_id", as_dict=True, maintain_order=True).items():
        counts = buckets["len"].to_list()
        most = max(counts)
        bars = zip(buckets["bucket"].to_list(), counts, strict=True)
        shapes = tuple((round(100 * b / BUCKETS, 3), round(100 * n / most, 1)) for b, n in bars)
        found.append(Activity(str(device), sum(counts), shapes))
    return found
