"""The properties of a session's readings that can be plotted, and the points of a plot.

Polars is only loaded when there are readings to plot.
"""

import math
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from labcrate.readings.load.slice import Readings
from labcrate.readings.units import Units

if TYPE_CHECKING:
    import polars as pl

    from labcrate.readings.plot.points import PlotSeries, SeriesKind

MAX_POINTS = 24_000
"""The most points in one response, over all lines (breaks between them not counted)."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_BUCKETS = 10
_MAX_CACHE_BYTES = 64 * 1024 * 1024
# A line is broken where readings are missing for this many times the usual interval, and at least a minute.
_SILENCE = 10
_SHORTEST_SILENCE_US = 60_000_000
# Properties of the room, plotted first, and properties of the device itself, plotted last.
_ROOM_PROPERTIES = (
    "temperature", "humidity", "co2", "voc", "pm25", "illuminance", "illuminance_lux", "pressure", "power",
    "occupancy", "motion", "presence", "contact", "water_leak", "vibration", "smoke", "tamper",
)  # fmt: skip
_DEVICE_PROPERTIES = (
    "battery", "battery_low", "voltage", "linkquality", "device_temperature", "power_outage_count", "update_available",
)  # fmt: skip
_INITIAL_COUNT = 3


@dataclass(frozen=True, slots=True)
class Property:
    """A value that devices report; ``unit`` is None if it is unknown or differs between devices."""

    name: str
    kind: "SeriesKind"
    unit: str | None
    measured: "tuple[PlotSeries, ...]"


@dataclass(frozen=True, slots=True)
class Summary:
    """One device's readings of one property; for on/off values, ``mean`` is the share of readings that are on."""

    device: str
    property: Property
    readings: int
    minimum: float
    mean: float
    maximum: float
    first: datetime
    last: datetime


@dataclass
class _SessionPlots:
    """What has been computed of one session's readings so far."""

    readings: Readings
    properties: list[Property]
    devices: list[tuple[str, int]]
    points: "dict[PlotSeries, pl.DataFrame]" = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size_bytes(self) -> int:
        return sum(int(points.estimated_size()) for points in list(self.points.values()))


class Plots:
    """A cache of the points of the sessions opened last. Its methods compute: call them in a worker thread."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _SessionPlots] = OrderedDict()
        self._lock = threading.Lock()

    def properties(self, session: str, readings: Readings) -> list[Property]:
        """Return every property that can be plotted, the most common ones first."""
        return self._session_plots(session, readings).properties

    def devices(self, session: str, readings: Readings) -> list[tuple[str, int]]:
        """Return every device that reported, by name, with its number of readings."""
        return self._session_plots(session, readings).devices

    def summaries(self, session: str, readings: Readings) -> list[Summary]:
        """Return one summary per device and property: the plots as a table."""
        plots = self._session_plots(session, readings)
        found = []
        for one in plots.properties:
            points = self._points(plots, one.measured)
            found += [_summary(m.device, one, points[m]) for m in one.measured if points[m].height]
        return found

    def panels(
        self, session: str, readings: Readings, names: Collection[str], start: datetime, end: datetime, buckets: int
    ) -> list[dict[str, Any]]:
        """Return, for each named property and each device, the points that a plot from start to end needs."""
        plots = self._session_plots(session, readings)
        chosen = [one for one in plots.properties if one.name in names]
        points = self._points(plots, [m for one in chosen for m in one.measured])
        buckets = max(_MIN_BUCKETS, min(buckets, MAX_POINTS // 4 // (len(points) or 1)))
        first, last = (start - _EPOCH) // _MICROSECOND, (end - _EPOCH) // _MICROSECOND
        return [
            {
                "property": one.name,
                "unit": one.unit,
                "kind": one.kind,
                "series": [
                    {"device": m.device, **_series(points[m], one, first, last, buckets)}
                    for m in one.measured
                    if points[m].height
                ],
            }
            for one in chosen
        ]

    def _session_plots(self, session: str, readings: Readings) -> _SessionPlots:
        with self._lock:
            plots = self._sessions.pop(session, None)
        if plots is None or not _have_same_rows(plots.readings, readings):
            plots = _SessionPlots(readings, _properties(readings), _devices(readings))
        with self._lock:
            self._sessions[session] = plots
            while len(self._sessions) > 1 and sum(one.size_bytes for one in self._sessions.values()) > _MAX_CACHE_BYTES:
                self._sessions.popitem(last=False)
        return plots

    def _points(self, plots: _SessionPlots, requested: "Collection[PlotSeries]") -> "dict[PlotSeries, pl.DataFrame]":
        from labcrate.readings.plot.points import series_points  # noqa: PLC0415

        with plots.lock:
            found = {one: plots.points[one] for one in requested if one in plots.points}
            found |= series_points(plots.readings, [one for one in requested if one not in found])
            if plots.size_bytes > _MAX_CACHE_BYTES:
                plots.points.clear()
            plots.points |= found
            return found


def _have_same_rows(one: Readings, other: Readings) -> bool:
    """Return whether two plans of a session have the same readings, of the same devices."""
    return one is other or (one.has_same_rows(other) and one.topics == other.topics)


def _properties(readings: Readings) -> list[Property]:
    if not len(readings):
        return []
    from labcrate.readings.plot.points import plot_series  # noqa: PLC0415

    together: defaultdict[tuple[str, SeriesKind], list[PlotSeries]] = defaultdict(list)
    for one in plot_series(readings):
        together[one.name, one.kind].append(one)
    units = Units(readings.topics.devices)
    found = [
        Property(name, kind, units.shared_unit([one.device for one in sources], name), tuple(sources))
        for (name, kind), sources in together.items()
    ]
    return sorted(found, key=lambda one: (_rank(one.name), one.name, one.kind))


def _devices(readings: Readings) -> list[tuple[str, int]]:
    counts: defaultdict[str, int] = defaultdict(int)
    whole = dict(readings.kinds)
    for own, count in readings.counts_per_device:
        counts[readings.topics.owner_of(own, whole.get(own, True))[0]] += count
    return sorted(counts.items())


def initial_properties(properties: Sequence[Property]) -> list[str]:
    """Return the properties that a page plots at first: a few about the room."""
    requested = [one.name for one in properties if one.name in _ROOM_PROPERTIES]
    return list(dict.fromkeys(requested or [one.name for one in properties]))[:_INITIAL_COUNT]


def _rank(name: str) -> int:
    if name in _ROOM_PROPERTIES:
        return _ROOM_PROPERTIES.index(name)
    return len(_ROOM_PROPERTIES) + (1 + _DEVICE_PROPERTIES.index(name) if name in _DEVICE_PROPERTIES else 0)


def _series(points: "pl.DataFrame", one: Property, start: int, end: int, buckets: int) -> dict[str, Any]:
    from labcrate.readings.plot.decimate import decimate, insert_gaps, median_interval_us, value_changes  # noqa: PLC0415
    from labcrate.readings.plot.points import SeriesKind  # noqa: PLC0415

    if one.kind is SeriesKind.STATE:
        shown = decimate(value_changes(points), start, end, buckets)
    else:
        silence = max(_SILENCE * (median_interval_us(points) or 0), _SHORTEST_SILENCE_US, (end - start) // buckets)
        shown = insert_gaps(decimate(points, start, end, buckets), silence)
    return {"t": (shown["us"] / 1000).to_list(), "v": shown["value"].to_list(), "readings": points.height}


def _summary(device: str, one: Property, points: "pl.DataFrame") -> Summary:
    value = points["value"]
    minimum, mean, maximum = (float(each) for each in (value.min(), value.mean(), value.max()))  # type: ignore[arg-type]
    if not math.isfinite(mean):  # the sum of large values exceeds a float
        mean = float((value / points.height).sum())
    first, last = (_EPOCH + int(points["us"][row]) * _MICROSECOND for row in (0, -1))
    return Summary(device, one, points.height, minimum, mean, maximum, first, last)
