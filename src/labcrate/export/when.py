"""When a recording was made, from the best source there is."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from labcrate.export.contents import TimeSource
from labcrate.model.recording import Probe
from labcrate.model.timespan import TimeSpan, from_ns, parse_instant, shifted

_STAMP = re.compile(
    r"(?<!\d)(?P<y>20\d\d)-?(?P<m>\d\d)-?(?P<d>\d\d)[T_ -]"
    r"(?P<H>\d\d)[-:.]?(?P<M>\d\d)(?:[-:.]?(?P<S>\d\d))?(?P<z>Z)?(?!\d)",
    re.ASCII,
)


def recorded_span(name: str, probe: Probe, mtime_ns: int, zone: str | None) -> tuple[TimeSpan, TimeSource]:
    """Start and end of a recording, and where they come from.

    In this order: the container's creation time (UTC, ISO 14496-12 8.2.2); a date and time in the
    file's name, when it is marked ``Z`` or the session names its zone; the file's modification time,
    which is about the recording's end.
    """
    return next(possible_spans(name, probe, mtime_ns, zone))


def possible_spans(name: str, probe: Probe, mtime_ns: int, zone: str | None) -> Iterator[tuple[TimeSpan, TimeSource]]:
    """What each source says of a recording's start and end, the best source first; at least one says something."""
    length = timedelta(seconds=probe.duration_s or 0)
    if probe.creation_time:
        yield TimeSpan(probe.creation_time, shifted(probe.creation_time, length)), TimeSource.CONTAINER
    if named := _time_in_name(name, zone):
        yield TimeSpan(named, shifted(named, length)), TimeSource.NAME
    end = from_ns(mtime_ns)
    yield TimeSpan(shifted(end, -length), end), TimeSource.MODIFIED


def _time_in_name(name: str, zone: str | None) -> datetime | None:
    match = _STAMP.search(name)
    if not match or not (match["z"] or zone):
        return None
    text = f"{match['y']}-{match['m']}-{match['d']}T{match['H']}:{match['M']}:{match['S'] or '00'}"
    try:
        local = datetime.fromisoformat(text)
    except ValueError:  # digits that look like a date and are none
        return None
    return parse_instant(text) if match["z"] or not zone else local.replace(tzinfo=ZoneInfo(zone))
