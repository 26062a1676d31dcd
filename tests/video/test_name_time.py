"""The time in a recording's path."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.video.name_time import time_in_path

ZULU = datetime(2025, 5, 2, 9, 30, tzinfo=UTC)
LOCAL = ZULU.replace(tzinfo=None)


def wall(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a local time without a zone."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC).replace(tzinfo=None)


def offset(hours: float) -> timezone:
    """Return a zone so many hours east."""
    return timezone(timedelta(hours=hours))


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("c31-2-2025-05-02T09-30-00-218Z.mp4", ZULU.replace(microsecond=218_000)),
        ("c05_session7-2025-05-02T09-30-00-001Z.mp4", ZULU.replace(microsecond=1000)),
        ("a_20250502T093000Z.mp4", ZULU),
        ("a_20250502t093000z.MP4", ZULU),
        ("a_20250502093000Z.mp4", ZULU),
        ("2025-05-02 09.30.00 UTC.mp4", ZULU),
        ("a_20250502093000.mp4", LOCAL),
        ("a_20250502093000123_TIMING.mp4", LOCAL.replace(microsecond=123_000)),
        ("2025_05_02_09_30_00.mp4", LOCAL),
        ("2025-05-02 09.30.00.mp4", LOCAL),
        ("2025.05.02.09.30.00.mp4", LOCAL),
        ("a-20250502-093000-b.mp4", LOCAL),
        ("a_20250502_093000_0001.mp4", LOCAL),
        ("2025-05-02 - 09-30-00.mp4", LOCAL),
        ("20250502_093000+0200.mp4", LOCAL.replace(tzinfo=offset(2))),
        ("2025-05-02T09:30:00+02:00.mp4", LOCAL.replace(tzinfo=offset(2))),
        ("2025-05-02_09-30-00-0500.mp4", LOCAL.replace(tzinfo=offset(-5))),
        ("2025-05-02 09.30.00 +0545.mp4", LOCAL.replace(tzinfo=offset(5.75))),
        ("2025-05-02T09-30-00.218+0200.mp4", LOCAL.replace(microsecond=218_000, tzinfo=offset(2))),
        ("a_1746178200.mp4", ZULU),
        ("a_1746178200123.mp4", ZULU.replace(microsecond=123_000)),
        ("front-1746178200.123456-abc12.mp4", ZULU.replace(microsecond=123_456)),
        ("recordings/2025-05-02/09/kitchen/30.00.mp4", ZULU),
        ("Camera1/2025-05-02/09-30-00.mp4", LOCAL),
        ("20250502/1M093000.mp4", LOCAL),
        ("recordings/20250502/cam1_093000.mp4", LOCAL),
        ("2025/05/02/093000Z.mp4", ZULU),
        ("a/2025_05_02/x/09.30.00-09.40.00[M].mp4", LOCAL),
    ],
)
def test_known_patterns(path: str, start: datetime) -> None:
    """Each way of writing a time is read to the same instant; it is aware exactly if the path contains a zone."""
    shown = time_in_path(path)
    assert shown is not None
    assert (shown.start, shown.start.tzinfo is None, shown.precision_s) == (start, start.tzinfo is None, 1)


@pytest.mark.parametrize("path", ["cam1_20250502T0930.mp4", "cam1_2025-05-02_09-30.mp4", "20250502_09-30.mp4"])
def test_names_in_minutes_say_so(path: str) -> None:
    """A name without seconds is up to a minute early."""
    shown = time_in_path(path)
    assert shown is not None
    assert (shown.start, shown.precision_s) == (LOCAL, 60)


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("20140509-000500-001000_192.0.2.9-CH2.mp4", wall(2014, 5, 9, 0, 10)),
        ("20140509-235500-000500_192.0.2.9-CH2.mp4", wall(2014, 5, 10, 0, 5)),
        ("20250502093000-20250502T094000.mp4", wall(2025, 5, 2, 9, 40)),
        ("20250502T093000Z_20250502T094000Z.mp4", datetime(2025, 5, 2, 9, 40, tzinfo=UTC)),
        ("2025-05-02/09.30.00-09.40.00.mp4", wall(2025, 5, 2, 9, 40)),
        ("2025-05-02/09:30:00-10:00:00.mp4", wall(2025, 5, 2, 10)),
        ("20250502T093000_20250601T120000_copy.mp4", None),
        ("20250502T093000_20250502T094000Z.mp4", None),
        ("20250502_093000_001000.mp4", None),
    ],
)
def test_start_and_end_in_one_name(path: str, end: datetime | None) -> None:
    """A second time is the end, past midnight too; not one that is a day away, of another kind, or a counter."""
    shown = time_in_path(path)
    assert shown is not None
    assert shown.end == end


@pytest.mark.parametrize(
    "path",
    [
        "cam1_session42_20250502.mp4",
        "2025-05-02.mp4",
        "cam1_20250502_0001.mp4",
        "cam1_20250502_01_02.mp4",
        "cam1_202505020930.mp4",
        "cam1_20259902T101500Z.mp4",
        "cam1_20250230T101500Z.mp4",
        "cam1_20250502T246000Z.mp4",
        "cam1_120250502093000.mp4",
        "cam1_202505020930001.mp4",
        "cam1_20250502093000a7f3.mp4",
        "cam1_20000101T000012Z.mp4",
        "02-05-2025-09-30-00-15.mp4",
        "2025-05-02 09.30.00 PM.mp4",
        "2025-05-02 09.30 pm.mp4",
        "a_2025050209.mp4",
        "a_1746178200_1746178300.mp4",
        "a1746178200.mp4",
        "a_0946684800.mp4",
        "a_9999999999999.mp4",
        "2025-05-02/10.12.13.14_hall.mp4",
        "2025-05-02/clip000123.mp4",
        "2025-05-02/09-75-00.mp4",
        "2025-13-02/09-30-00.mp4",
        "Session20250502/093000.mp4",
        "093000.mp4",
        "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11.mp4",
        "a.mp4",
        "",
    ],
)
def test_digits_that_are_no_time(path: str) -> None:
    """Dates alone, counters, impossible dates, longer numbers, addresses and day-first dates give no time."""
    assert time_in_path(path) is None


def iso(at: datetime) -> str:
    """Return the time as the reference platform writes it."""
    return f"{at:%Y-%m-%dT%H-%M-%S}-{at.microsecond // 1000:03}Z"


WRITERS: list[Callable[[datetime], str]] = [
    lambda at: f"cam1-{iso(at)}.mp4",
    lambda at: f"cam1_{at:%Y%m%d%H%M%S}.mp4",
    lambda at: f"{at:%Y_%m_%d_%H_%M_%S}.mp4",
    lambda at: f"{at:%Y-%m-%d %H.%M.%S}.mp4",
    lambda at: f"cam1_{at:%Y%m%dT%H%M%SZ}.mp4",
    lambda at: f"cam1_{at:%Y%m%dT%H%M}.mp4",
    lambda at: f"recordings/{at:%Y-%m-%d/%H}/hall/{at:%M.%S}.mp4",
    lambda at: f"Camera1/{at:%Y-%m-%d/%H-%M-%S}.mp4",
    lambda at: f"{at:%Y%m%d}/1M{at:%H%M%S}.mp4",
    lambda at: f"{at:%Y%m%d-%H%M%S}-{at + timedelta(minutes=5):%H%M%S}_192.0.2.4-CH2.mp4",
]


@given(st.datetimes(wall(2001, 1, 1), wall(2099, 12, 31)), st.sampled_from(WRITERS))
def test_any_time_comes_back(at: datetime, write: Callable[[datetime], str]) -> None:
    """A time written in any of the patterns is read again, no more wrong than the pattern's precision."""
    shown = time_in_path(write(at))
    assert shown is not None
    assert timedelta() <= at - shown.start.replace(tzinfo=None) < timedelta(seconds=shown.precision_s)


@given(st.datetimes(wall(2001, 9, 10), wall(2099, 12, 31)), st.booleans())
def test_any_epoch_comes_back(at: datetime, milliseconds: bool) -> None:
    """Seconds or milliseconds since 1970 are read again, but for ten digits that also are a date and an hour."""
    since = (at - wall(1970, 1, 1)) // timedelta(milliseconds=1)
    number = str(since if milliseconds else since // 1000)
    shown = time_in_path(f"hall_{number}.mp4")
    if shown is None:
        assert datetime.strptime(f"{number}+0000", "%Y%m%d%H%z").year == int(number[:4])
    else:
        assert timedelta() <= at.replace(tzinfo=UTC) - shown.start < timedelta(seconds=1)


@given(st.from_regex(r"[a-z]{0,3}[_-]?[0-9]{6,20}[_-]?[0-9]{0,8}(Z|[+-][0-9]{4})?\.mp4", fullmatch=True))
def test_digits_never_become_another_date(name: str) -> None:
    """Digits that are read as a date are that date in the name; all else is an epoch in a field of its own."""
    shown = time_in_path(name)
    if shown is not None and f"{shown.start:%Y%m%d}" not in name:
        fields = name[: -len(".mp4")].replace("-", "_").split("_")
        assert str(int(shown.start.timestamp())) in {field[:10] for field in fields}


@given(st.text(max_size=300))
def test_no_path_is_a_crash(path: str) -> None:
    """Any text gives a time of the years 2001 to 2100, or none."""
    shown = time_in_path(path)
    assert shown is None or 2001 <= shown.start.year <= 2100
