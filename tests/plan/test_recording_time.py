"""When a recording began: every source in its order, with its uncertainty."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labcrate.model.recording import CameraClock, ClockNote, Probe, RecordingTime, TimeSource
from labcrate.model.timespan import TimeSpan
from labcrate.plan.name_time_utc import strip_session
from labcrate.plan.recording_time import RecordingFacts, TimeContext, possible_spans, recorded_span, recording_time

MADRID, NEW_YORK, LONDON = "Europe/Madrid", "America/New_York", "Europe/London"
START = datetime(2025, 6, 10, 18, 40, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MODIFIED = datetime(2025, 11, 30, 1, 58, tzinfo=UTC)
ZULU, LOCAL = "c05_session8_20250610T184000Z.mp4", "c05_session8_20250610204000.mp4"
REGISTER, NAME, CONTAINER = TimeSource.REGISTER, TimeSource.NAME, TimeSource.CONTAINER
CONTAINER_END, FILE = TimeSource.CONTAINER_END, TimeSource.MODIFIED


def when(
    name: str,
    container: datetime | None = None,
    zone: str | None = None,
    *,
    length_s: float | None = 40.0,
    registered: TimeSpan | None = None,
    clock: CameraClock | None = None,
) -> RecordingTime:
    """Return the time of a recording in the shared folder, of camera 5 and session 8."""
    path = f"recordings/{name}"
    evidence = RecordingFacts(
        path, Probe(duration_s=length_s, creation_time=container), int(MODIFIED.timestamp()) * 10**9, "5", "c05", "8"
    )
    clocks = {"5": clock} if clock else {}
    return recording_time(evidence, TimeContext(zone, {path: registered} if registered else {}, clocks))


def claims(time: RecordingTime) -> list[tuple[TimeSource, datetime, float, bool]]:
    """Return the claims without the modification time, which is always the last."""
    assert time.candidates[-1].source is FILE
    return [(c.source, c.start, c.uncertainty_s, c.is_chosen) for c in time.candidates[:-1]]


def test_the_register_comes_first_and_ends_the_recording() -> None:
    """A register's start comes before name and container, and its end is used: media time is not real time."""
    span = TimeSpan(START, START + timedelta(seconds=7))
    time = when(ZULU, START + timedelta(hours=2), registered=span)
    assert time.span == span
    assert [source for source, *_ in claims(time)] == [REGISTER, NAME, CONTAINER]
    assert time.chosen.source is REGISTER


@pytest.mark.parametrize("end", [None, START - timedelta(seconds=1)])
def test_without_a_registered_end_the_length_counts(end: datetime | None) -> None:
    """If the end is missing or before the start, it is start plus length."""
    assert when("a.mp4", registered=TimeSpan(START, end)).span.end == START + timedelta(seconds=40)


def test_a_register_without_a_start_says_nothing() -> None:
    """An end alone, or a start before any clock was set, is no claim."""
    for start in (None, datetime(2000, 1, 1, tzinfo=UTC)):
        time = when(ZULU, registered=TimeSpan(start, START + timedelta(hours=1)))
        assert (time.chosen.source, time.span.end) == (NAME, START + timedelta(seconds=40))


def test_a_name_with_a_zone_comes_before_the_container() -> None:
    """The name is used; the container that differs by minutes is listed with it."""
    odd = START + timedelta(minutes=7)
    time = when(ZULU, odd, MADRID)
    assert claims(time) == [(NAME, START, 1, True), (CONTAINER, odd, 1, False)]
    assert (time.max_difference_s, time.notes) == (420, frozenset())


def test_the_container_comes_before_a_name_in_the_zone() -> None:
    """A name in the session's zone does not replace the container, whether it agrees or not."""
    for seconds in (0, 2, -2, 3, 7 * 60, -100_000):
        made = START + timedelta(seconds=seconds)
        time = when(LOCAL, made, MADRID)
        assert claims(time) == [(CONTAINER, made, 1, True), (NAME, START, 1, False)]
        assert time.max_difference_s == (abs(seconds) if abs(seconds) > 2 else 0)


def test_a_name_in_the_zone_comes_before_the_file() -> None:
    """Without register and container the name is used, in summer and in winter."""
    assert when(LOCAL, None, MADRID).span.start == START
    assert when("c05_session8_20250110204000.mp4", None, MADRID).span.start == datetime(2025, 1, 10, 19, 40, tzinfo=UTC)
    assert when(LOCAL, None, MADRID).chosen.uncertainty_s == 1


def test_otherwise_the_modification_time_is_the_end() -> None:
    """The start is the modification time minus the length; its uncertainty grows with the length."""
    time = when("c05_session8_20250610.mp4", length_s=600)
    assert (time.chosen.source, time.span) == (FILE, TimeSpan(MODIFIED - timedelta(minutes=10), MODIFIED))
    assert time.chosen.uncertainty_s == 180
    assert when("a.mp4", length_s=None).chosen.uncertainty_s == 12 * 3600


@pytest.mark.parametrize("off_by", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize(
    ("name", "zone", "hours"),
    [
        (ZULU, None, 2),
        (ZULU, MADRID, 2),
        (ZULU, NEW_YORK, -4),
        (ZULU, NEW_YORK, 5.5),
        (ZULU, None, 14),
        (ZULU, None, -14),
        (LOCAL, MADRID, 2),
        (LOCAL, MADRID, 1),
        (LOCAL, MADRID, -0.25),
    ],
)
def test_a_container_in_local_time(name: str, zone: str | None, hours: float, off_by: int) -> None:
    """If they differ by the zone's offset or quarter hours, within two seconds, the name is used, with a note."""
    made = START + timedelta(hours=hours, seconds=off_by)
    time = when(name, made, zone)
    assert claims(time) == [(NAME, START, 1, True), (CONTAINER, made, 1, False)]
    assert time.notes == {ClockNote.LOCAL_TIME}
    assert time.max_difference_s == abs(hours * 3600 + off_by)


@pytest.mark.parametrize("seconds", [14.25 * 3600, -14.25 * 3600, 7203, 7197, 450, 2])
def test_no_local_time(seconds: float) -> None:
    """Other differences do not mean that the clock is on local time."""
    time = when(LOCAL, START + timedelta(seconds=seconds), MADRID)
    assert (time.chosen.source, time.notes) == (CONTAINER, frozenset())


@pytest.mark.parametrize("length_s", [37.4, 900.0, 3600.0, 7200.0])
@pytest.mark.parametrize("name", [ZULU, LOCAL])
def test_a_container_with_the_end(name: str, length_s: float) -> None:
    """If they differ by the recording's length, the container has the end."""
    time = when(name, START + timedelta(seconds=length_s), MADRID, length_s=length_s)
    assert time.span == TimeSpan(START, START + timedelta(seconds=length_s))
    assert (CONTAINER_END, START, 2) in [claim[:3] for claim in claims(time)]
    assert (time.notes, time.max_difference_s) == (frozenset(), 0)


def test_a_container_with_the_end_in_local_time() -> None:
    """If they differ by the length and the zone's offset, the container has the end in local time; the name is used."""
    time = when(LOCAL, START + timedelta(hours=2, seconds=37), MADRID, length_s=37)
    assert (time.chosen.source, time.span.start, set(time.notes)) == (NAME, START, {ClockNote.LOCAL_TIME})
    assert time.max_difference_s == 7200


def test_a_name_without_any_zone_never_overrules_the_container() -> None:
    """Read as UTC, it is 14 hours uncertain; a note says so if it is used or contradicts the container."""
    read = datetime(2025, 6, 10, 20, 40, tzinfo=UTC)
    alone = when(LOCAL)
    assert (claims(alone), set(alone.notes)) == ([(NAME, read, 50_400, True)], {ClockNote.NO_ZONE})
    for made in (START, read + timedelta(seconds=2.5)):
        time = when(LOCAL, made)
        assert claims(time) == [(CONTAINER, made, 1, True), (NAME, read, 50_400, False)]
        assert time.notes == {ClockNote.NO_ZONE}
    assert when(LOCAL, read).notes == frozenset()
    assert when(LOCAL, read + timedelta(seconds=60), length_s=60).chosen.source is CONTAINER


def test_the_modification_time_is_not_compared() -> None:
    """A copy's time months later is no disagreement."""
    assert when(ZULU).max_difference_s == 0


def test_a_clock_that_was_never_set_is_no_source() -> None:
    """A container time of 1904, 1970 or 2000 is no claim."""
    for year, month in ((1904, 1), (1970, 1), (2000, 1), (2000, 12)):
        assert claims(when(ZULU, datetime(year, month, 1, tzinfo=UTC))) == [(NAME, START, 1, True)]


def test_a_cameras_own_zone_and_offset() -> None:
    """The camera's zone comes before the lab's; its offset moves name and container, not the register or the file."""
    clock = CameraClock(NEW_YORK, 90.5)
    time = when(
        "c05_session8_20250610144000.mp4",
        START,
        MADRID,
        clock=clock,
        registered=TimeSpan(START + timedelta(seconds=90)),
    )
    moved = START + timedelta(seconds=90.5)
    assert [claim[:2] for claim in claims(time)[1:]] == [(CONTAINER, moved), (NAME, moved)]
    assert (time.max_difference_s, time.offset_s) == (0, 90.5)
    assert time.candidates[-1].start == MODIFIED - timedelta(seconds=40)


def test_a_cameras_own_pattern() -> None:
    """A name with the day first is read by the pattern; if that does not match, the usual ones are tried."""
    clock = CameraClock("UTC", name_pattern="{any}_{d}{m}{Y}_{H}{M}{S}")
    assert when("c05_session8_10062025_184000.mp4", clock=clock).span.start == START
    assert when(ZULU, clock=clock).span.start == START


@pytest.mark.parametrize("offset_s", [float("nan"), float("inf"), 1e10])
def test_an_offset_beyond_reason_is_refused(offset_s: float) -> None:
    """An offset that leaves the calendar is refused."""
    with pytest.raises(ValueError, match="ten years"):
        CameraClock(offset_s=offset_s)


def test_an_hour_that_occurs_twice() -> None:
    """The first is used, an hour uncertain, unless container or register decide; then it is certain."""
    name = "c05_session8_20251026_023000.mp4"
    first, second = (datetime(2025, 10, 26, hour, 30, tzinfo=UTC) for hour in (0, 1))
    unsure = when(name, None, MADRID)
    assert (claims(unsure), set(unsure.notes)) == ([(NAME, first, 3600, True)], {ClockNote.REPEATED_HOUR})
    for known in (first, second):
        for time in (when(name, known, MADRID), when(name, None, MADRID, registered=TimeSpan(known))):
            assert (time.span.start, time.max_difference_s, time.notes) == (known, 0, frozenset())


def test_an_hour_that_does_not_occur() -> None:
    """02:30 on the day that clocks go forward is moved past the gap, and is an hour uncertain."""
    time = when("c05_session8_20250330_023000.mp4", None, MADRID)
    assert claims(time) == [(NAME, datetime(2025, 3, 30, 1, 30, tzinfo=UTC), 3600, True)]
    assert time.notes == {ClockNote.SKIPPED_HOUR}


def test_a_name_in_minutes() -> None:
    """It is a minute uncertain, agrees with a container inside that minute, and still shows local time."""
    name = "c05_session8_20250610T1840Z.mp4"
    assert when(name, START + timedelta(seconds=59)).max_difference_s == 0
    assert when(name, START + timedelta(seconds=130)).max_difference_s == 130
    time = when(name, START + timedelta(hours=2, seconds=42))
    assert (time.chosen.uncertainty_s, set(time.notes)) == (60, {ClockNote.LOCAL_TIME})


def test_the_names_end_for_want_of_a_length() -> None:
    """The end of a damaged file is that in its name; a known length comes first."""
    name = "20140509-000500-001000_192.0.2.9-CH2.mp4"
    start = datetime(2014, 5, 9, 0, 5, tzinfo=UTC)
    assert when(name, None, "UTC", length_s=None).span == TimeSpan(start, start + timedelta(minutes=5))
    assert when(name, None, "UTC", length_s=290).span.end == start + timedelta(seconds=290)


@pytest.mark.parametrize(
    ("path", "session_id", "prefix", "rest"),
    [
        ("recordings/cam1_session42_x.mp4", "42", "cam1", "recordings/__x.mp4"),
        ("recordings/CAM1-S42.mp4", "42", "cam1", "recordings/-.mp4"),
        ("recordings/x_session20250502_093000.mp4", "20250502", None, "recordings/x__093000.mp4"),
        ("sessions/Session7/x_session20250502_093000.mp4", "7", None, "sessions/Session7/x__093000.mp4"),
        ("cam1_sessionP07-2025-05-02_093000.mp4", "P07-2025-05-02", "cam1", "__093000.mp4"),
        ("cam1_session20250502T093000Z.mp4", "7", "cam1", "_session20250502T093000Z.mp4"),
        ("a_s20250502093000.mp4", "20250502093000", None, "a_.mp4"),
        ("s20250502_093000.mp4", "7", None, "s20250502_093000.mp4"),
        ("20250502_093000_cam1_session42.mp4", "42", "cam1", "20250502_093000_cam1_.mp4"),
        ("kamera-küche_session7_x.mp4", "7", "kamera-ku\u0308che", "__x.mp4"),
    ],
)  # fmt: skip
def test_prefix_and_session_are_cut_out(path: str, session_id: str, prefix: str | None, rest: str) -> None:
    """Digits of a session id or a camera prefix are not times."""
    assert strip_session(path, session_id, prefix) == rest


def test_a_session_id_that_looks_like_a_date_is_none() -> None:
    """The id 20250502 is no time; the same digits elsewhere are one."""
    assert when("c05_session20250502_093000.mp4").chosen.source is FILE
    assert when("c05_session8_20250502_093000.mp4").chosen.source is NAME


def test_every_source_has_a_possible_span() -> None:
    """Register, name, container and file each give a span, the chosen one first."""
    evidence = RecordingFacts(ZULU, Probe(duration_s=60, creation_time=START + timedelta(minutes=7)), 0)
    spans = list(possible_spans(evidence, TimeContext(None, {ZULU: TimeSpan(START - timedelta(minutes=1))})))
    starts = [
        START - timedelta(minutes=1),
        START,
        START + timedelta(minutes=7),
        datetime(1969, 12, 31, 23, 59, tzinfo=UTC),
    ]
    assert spans == [TimeSpan(start, start + timedelta(minutes=1)) for start in starts]
    assert recorded_span(evidence) == spans[1]


INSTANTS = st.integers(1_010_000_000_000, 1_950_000_000_000).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
# A way of writing a time: the name for an instant in UTC and the same on a wall clock; whether it shows the zone.
Writer = tuple[Callable[[datetime, datetime], str], bool]
WRITERS: list[Writer] = [
    (lambda at, _: f"c05_session8-{at:%Y-%m-%dT%H-%M-%S}-{at.microsecond // 1000:03}Z.mp4", True),
    (lambda at, _: f"c05_session8_{at:%Y%m%dT%H%M%SZ}.mp4", True),
    (lambda _, local: f"c05_session8_{local:%Y-%m-%d_%H-%M-%S%z}.mp4", True),
    (lambda at, _: f"c05_session8_{int(at.timestamp())}.mp4", True),
    (lambda at, _: f"c05_session8_{int(at.timestamp() * 1000)}.mp4", True),
    (lambda at, _: f"{at:%Y-%m-%d/%H}/c05/{at:%M.%S}.mp4", True),
    (lambda _, local: f"c05_session8_{local:%Y%m%d%H%M%S}.mp4", False),
    (lambda _, local: f"{local:%Y_%m_%d_%H_%M_%S}.mp4", False),
    (lambda _, local: f"{local:%Y-%m-%d %H.%M.%S}.mp4", False),
    (lambda _, local: f"{local:%Y-%m-%d/%H-%M-%S}.mp4", False),
    (lambda _, local: f"{local:%Y%m%d}/1M{local:%H%M%S}.mp4", False),
    (lambda _, local: f"{local:%Y%m%d-%H%M%S}-235959_192.0.2.9-CH2.mp4", False),
    (lambda _, local: f"c05_session8_{local:%Y%m%dT%H%M}.mp4", False),
]
ZONES = ["UTC", MADRID, LONDON, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "Etc/GMT+12"]


@given(
    INSTANTS,
    st.sampled_from(ZONES),
    st.booleans(),
    st.sampled_from(WRITERS),
)
def test_any_instant_comes_back_within_its_uncertainty(at: datetime, zone: str, known: bool, writer: Writer) -> None:
    """Any instant in any pattern and zone, known or not, is read within the stated uncertainty."""
    write, zoned = writer
    name = write(at, at.astimezone(ZoneInfo(zone)))
    if not zoned:
        at = at.replace(microsecond=0)
    time = when(name, None, zone if known else None)
    assert time.chosen.source is NAME
    assert abs((time.chosen.start - at).total_seconds()) <= time.chosen.uncertainty_s


@given(
    INSTANTS,
    st.sampled_from([MADRID, NEW_YORK, "Asia/Kathmandu"]),
    st.booleans(),
    st.floats(3, 100_000),
    st.sampled_from([0, 1]),
)
def test_a_camera_on_local_time_is_always_found(
    at: datetime, zone: str, zoned: bool, length_s: float, ends: int
) -> None:
    """Whenever it recorded, whatever the length: name and container in local time give the true start."""
    at = at.replace(microsecond=0)
    local = at.astimezone(ZoneInfo(zone))
    assume(local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset())
    offset = local.utcoffset()
    assert offset
    assume(zoned or not ends or abs(offset.total_seconds() + length_s) > 2)
    name = f"c05_session8_{at:%Y%m%dT%H%M%SZ}.mp4" if zoned else f"c05_session8_{local:%Y%m%d%H%M%S}.mp4"
    container = at + offset + timedelta(seconds=length_s * ends)
    assert when(name, container, zone, length_s=length_s).span.start == at


@pytest.mark.thorough
@given(
    st.text(), st.sampled_from([None, MADRID]), st.one_of(st.none(), st.floats(0, 1e9)), st.integers(-(2**63), 2**63)
)
def test_any_input_gives_a_time(name: str, zone: str | None, length_s: float | None, mtime_ns: int) -> None:
    """Any name, length and file time give a span with a start, and exactly one chosen claim."""
    time = recording_time(RecordingFacts(name, Probe(duration_s=length_s), mtime_ns), TimeContext(zone))
    assert time.span.start is not None
    assert time.span.end is None or time.span.start <= time.span.end
    assert [claim.is_chosen for claim in time.candidates].count(True) == 1
