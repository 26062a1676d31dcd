"""Find when a recording began: read every source, with its uncertainty, and choose the best.

The order, the uncertainties and their reasons: docs/explanation/recording-times.md.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from labcrate.lab.lab_files import split_recorder_path
from labcrate.lab.path_pattern import name_pattern, parse_recorder_path
from labcrate.model.lab_settings import Recorder
from labcrate.model.recording import (
    FIRST_CREDIBLE_TIME,
    CameraClock,
    ClockNote,
    Probe,
    RecordingTime,
    StartCandidate,
    TimeSource,
)
from labcrate.model.timespan import TimeSpan, from_ns, shift_instant
from labcrate.plan.name_time_utc import NameTimeUtc, name_time_in_utc, strip_session
from labcrate.video.name_time import MINUTE_S, SECOND_S, NameTime, time_in_path

# Sources agree if they differ by no more than this, in seconds, plus the rounding of a name in minutes.
AGREE_S = 2.0
# By how much a source may be wrong, in seconds (names: name_time_utc). Both are written, to the second or better, when
# a recording begins; a container that has the end is recognized by a name that agrees with it within AGREE_S.
REGISTER_S = CONTAINER_S = 1.0
CONTAINER_END_S = AGREE_S
# A file is closed some time after its last frame, and a minute of video can take 72 s of real time.
MODIFIED_S, MODIFIED_SHARE = 60.0, 0.2
# For a file without a length, the modification time is only the end.
NO_LENGTH_S = 12 * 3600.0

_QUARTER_HOUR_S, _FARTHEST_ZONE_S = 900.0, 14 * 3600.0
_NO_CLOCK = CameraClock()


class TimeContext(Struct, frozen=True):
    """What is known about times in a lab, apart from the recordings themselves.

    ``zone`` is the IANA zone in which names without one are read; ``registered`` are spans by the recording's path
    (relative to the lab folder); ``clocks`` are cameras' clocks by the camera's id; ``recorders`` are by name.
    """

    zone: str | None = None
    registered: Mapping[str, TimeSpan] = field(default_factory=dict)
    clocks: Mapping[str, CameraClock] = field(default_factory=dict)
    recorders: Mapping[str, Recorder] = field(default_factory=dict)


class RecordingFacts(Struct, frozen=True):
    """What is known of one recording; ``path`` is relative to the lab folder, with slashes.

    ``prefix`` and ``session_id`` are what the linking rules found in the name: they are not times.
    """

    path: str
    probe: Probe
    mtime_ns: int
    camera_id: str | None = None
    prefix: str | None = None
    session_id: str | None = None

    @property
    def length(self) -> timedelta | None:
        """Return the length of the media, or None if it is unknown."""
        seconds = self.probe.duration_s
        return None if seconds is None else timedelta(seconds=seconds)


class _ContainerTime(Struct, frozen=True):
    """The start of a recording by its container: the creation time, or the creation time minus the length."""

    start: datetime
    source: TimeSource = TimeSource.CONTAINER
    local: bool = False


def recording_time(facts: RecordingFacts, context: TimeContext = TimeContext()) -> RecordingTime:
    """Return when a recording began and ended, with the start according to every source.

    The first of these is used: the register, a name with its zone, the container, a name in the camera's or the lab's
    zone (else read as UTC), the file's modification time. The name comes before a container with local time. Raises
    ValueError for an invalid name pattern of a camera.
    """
    recorder, path_in_recorder = _recorder(facts.path, context)
    # A recorder writes the times of its own clock into paths and containers, not those of its cameras.
    clock = _NO_CLOCK if recorder else context.clocks.get(facts.camera_id or "", _NO_CLOCK)
    registered = context.registered.get(facts.path, TimeSpan())
    registered = registered if _if_plausible(registered.start) else TimeSpan()
    named = (
        _time_from_recorder_path(path_in_recorder, recorder)
        if recorder
        else _time_from_name(facts, clock, context.zone)
    )
    creation_time = _if_plausible(facts.probe.creation_time)
    creation_time = creation_time and shift_instant(creation_time, timedelta(seconds=clock.offset_s))
    if named:
        for other in filter(None, (registered.start, creation_time)):
            named = named.nearest(other, AGREE_S)
    container = _interpret_container(creation_time, named, facts.length) if creation_time else None

    chosen, *others = _rank_candidates(registered.start, named, container, _candidate_from_file_time(facts))
    differences_s = [
        abs(_seconds_between(other.start, chosen.start))
        for other in others
        if not _candidates_agree(chosen, other, named)
    ]
    return RecordingTime(
        span=TimeSpan(chosen.start, _recording_end(chosen, registered, named, facts.length)),
        candidates=(StartCandidate(chosen.source, chosen.start, chosen.uncertainty_s, is_chosen=True), *others),
        notes=frozenset(_clock_notes(chosen, others, named, is_local=container is not None and container.local)),
        max_difference_s=max(differences_s, default=0.0),
        offset_s=clock.offset_s if named or container else 0.0,
    )


def recorded_span(facts: RecordingFacts, context: TimeContext = TimeContext()) -> TimeSpan:
    """Return a recording's start and end from the best source."""
    return recording_time(facts, context).span


def possible_spans(facts: RecordingFacts, context: TimeContext = TimeContext()) -> Iterator[TimeSpan]:
    """Yield the span of a recording by each source, the best source first; there is at least one."""
    time = recording_time(facts, context)
    yield time.span
    for candidate in time.other_candidates:
        yield TimeSpan(candidate.start, shift_instant(candidate.start, facts.length or timedelta()))


def _if_plausible(instant: datetime | None) -> datetime | None:
    return instant if instant and instant >= FIRST_CREDIBLE_TIME else None


def _time_from_name(facts: RecordingFacts, clock: CameraClock, lab_zone: str | None) -> NameTimeUtc | None:
    shown = _time_from_camera_pattern(facts.path, clock.name_pattern) if clock.name_pattern else None
    shown = shown or time_in_path(strip_session(facts.path, facts.session_id, facts.prefix))
    if shown is None:
        return None
    zone = clock.time_zone or lab_zone
    return name_time_in_utc(shown, ZoneInfo(zone) if zone else None, timedelta(seconds=clock.offset_s))


def _recorder(path: str, context: TimeContext) -> tuple[Recorder | None, str]:
    """Return the recorder of a file (None for a file of the lab folder) and the path below its folder."""
    at = split_recorder_path(path) if context.recorders else None
    return (context.recorders.get(at[0]), at[1]) if at else (None, path)


def _time_from_recorder_path(path: str, recorder: Recorder) -> NameTimeUtc | None:
    """Return the time in a recorder's path; its zone is known, as if the path had it."""
    stamp = parse_recorder_path(recorder.pattern, path)
    if stamp is None:
        return None
    shown = NameTime(stamp.time, None, MINUTE_S if stamp.uncertainty_s else SECOND_S)
    return name_time_in_utc(shown, ZoneInfo(recorder.time_zone), shows_zone=True)


def _time_from_camera_pattern(path: str, pattern: str) -> NameTime | None:
    """Return the time that a camera's name pattern (labcrate.toml) finds in a path, or None if it does not match."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    stamp = name_pattern(pattern).parse(stem)
    return NameTime(stamp.time, None, MINUTE_S if stamp.uncertainty_s else SECOND_S) if stamp else None


def _interpret_container(
    creation_time: datetime, named: NameTimeUtc | None, length: timedelta | None
) -> _ContainerTime:
    """Decide by a name with a known zone whether the container has the start or the end, in UTC or in local time."""
    if named is None or not named.has_zone:
        return _ContainerTime(creation_time)
    media_s = length.total_seconds() if length else 0.0
    less_length = shift_instant(creation_time, -length) if length else None
    gaps = [(_seconds_between(creation_time, start), _zone_offset_s(named, start)) for start in named.starts]
    is_start = any(_agrees_with_name(named, gap_s) for gap_s, _ in gaps)
    if not is_start and less_length and any(_agrees_with_name(named, gap_s - media_s) for gap_s, _ in gaps):
        return _ContainerTime(less_length, TimeSource.CONTAINER_END)
    if is_start:
        return _ContainerTime(creation_time)
    if any(
        (zone_s and _agrees_with_name(named, gap_s - zone_s)) or _differ_by_time_zone(named, gap_s)
        for gap_s, zone_s in gaps
    ):
        return _ContainerTime(creation_time, local=True)
    if less_length and any(zone_s and _agrees_with_name(named, gap_s - media_s - zone_s) for gap_s, zone_s in gaps):
        return _ContainerTime(less_length, TimeSource.CONTAINER_END, local=True)
    return _ContainerTime(creation_time)


def _agrees_with_name(named: NameTimeUtc, gap_s: float) -> bool:
    """Return whether a source ``gap_s`` seconds after a name agrees with it; a name in minutes is up to 60 s early."""
    return -AGREE_S <= gap_s <= AGREE_S + named.rounding_s


def _differ_by_time_zone(named: NameTimeUtc, gap_s: float) -> bool:
    """Return whether two times differ as time zones do: by quarter hours, at most 14 hours, and not by zero."""
    quarters, rest_s = divmod(gap_s + AGREE_S, _QUARTER_HOUR_S)
    is_within_zones = abs(quarters * _QUARTER_HOUR_S) <= _FARTHEST_ZONE_S
    return quarters != 0 and is_within_zones and _agrees_with_name(named, rest_s - AGREE_S)


def _zone_offset_s(named: NameTimeUtc, start: datetime) -> float:
    """Return the known zone's offset at a date, in seconds; 0 if no zone is known."""
    offset = start.astimezone(named.zone).utcoffset() if named.zone else None
    return offset.total_seconds() if offset else 0.0


def _rank_candidates(
    registered: datetime | None, named: NameTimeUtc | None, container: _ContainerTime | None, modified: StartCandidate
) -> list[StartCandidate]:
    """Return all candidates, the best one first."""
    by_name = [StartCandidate(TimeSource.NAME, named.starts[0], named.uncertainty_s)] if named else []
    by_container = []
    if container:
        uncertainty_s = CONTAINER_END_S if container.source is TimeSource.CONTAINER_END else CONTAINER_S
        by_container = [StartCandidate(container.source, container.start, uncertainty_s)]
    name_first = named is not None and (named.zoned or (container is not None and container.local))
    by_content = [*by_name, *by_container] if name_first else [*by_container, *by_name]
    by_register = [StartCandidate(TimeSource.REGISTER, registered, REGISTER_S)] if registered else []
    return [*by_register, *by_content, modified]


def _candidate_from_file_time(facts: RecordingFacts) -> StartCandidate:
    """Return the start according to the modification time, which is about the recording's end."""
    end, length = from_ns(facts.mtime_ns), facts.length
    if length is None:
        return StartCandidate(TimeSource.MODIFIED, end, NO_LENGTH_S)
    uncertainty_s = round(MODIFIED_S + MODIFIED_SHARE * length.total_seconds(), 3)
    return StartCandidate(TimeSource.MODIFIED, shift_instant(end, -length) or end, uncertainty_s)


def _recording_end(
    chosen: StartCandidate, registered: TimeSpan, named: NameTimeUtc | None, length: timedelta | None
) -> datetime | None:
    """Return the end by the source of the start: the register's; else start plus length; without length the name's."""
    end = None
    if chosen.source is TimeSource.REGISTER:
        end = registered.end
    elif chosen.source is TimeSource.NAME and named and length is None:
        end = named.end
    return end if end and end >= chosen.start else shift_instant(chosen.start, length or timedelta())


def _candidates_agree(chosen: StartCandidate, other: StartCandidate, named: NameTimeUtc | None) -> bool:
    """Return whether two sources agree; a modification time, often that of a copy, is not compared."""
    if other.source is TimeSource.MODIFIED:
        return True
    gap_s = _seconds_between(other.start, chosen.start)
    if named and chosen.source is TimeSource.NAME:
        return _agrees_with_name(named, gap_s)
    if named and other.source is TimeSource.NAME:
        return _agrees_with_name(named, -gap_s)
    return abs(gap_s) <= AGREE_S


def _clock_notes(
    chosen: StartCandidate, others: list[StartCandidate], named: NameTimeUtc | None, *, is_local: bool
) -> Iterator[ClockNote]:
    """Yield what is unusual about a recording's clock, as far as it matters for the chosen time."""
    if is_local:
        yield ClockNote.LOCAL_TIME
    if named is None:
        return
    is_chosen = chosen.source is TimeSource.NAME
    is_contradicted = any(
        other.source is TimeSource.NAME and not _candidates_agree(chosen, other, named) for other in others
    )
    if not named.has_zone and (is_chosen or is_contradicted):
        yield ClockNote.NO_ZONE
    if named.note and is_chosen:
        yield named.note


def _seconds_between(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds()
