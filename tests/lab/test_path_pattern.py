"""Patterns of paths: a path written with a pattern is parsed by it."""

import re
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.lab.path_pattern import PatternError, name_pattern, recorder_pattern, wall_clock_bounds
from labcrate.lab.recorders import RECORDER_TYPES

WORDS = st.text(alphabet="abcXYZ-_ é(", min_size=1, max_size=12)
FIELDS = ("{Y}", "{m}", "{d}", "{H}", "{M}", "{S}")


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Return any pattern with date and time in any order, a camera, perhaps milliseconds, spread over folders."""
    pieces = [*draw(st.permutations(FIELDS)), *draw(st.sampled_from([[], ["{f}"]]))]
    pieces.insert(draw(st.integers(0, len(pieces))), "{camera}")
    separators = draw(st.lists(st.sampled_from(["-", "_", "/", ".", "T", "+", " ("]), min_size=len(pieces) - 1,
                               max_size=len(pieces) - 1))  # fmt: skip
    return pieces[0] + "".join(a + b for a, b in zip(separators, pieces[1:], strict=True)) + ".mp4"


INSTANTS = st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("9998-01-01")).map(
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
)


@given(pattern=patterns(), at=INSTANTS, camera=WORDS)
def test_a_pattern_parses_what_it_writes(pattern: str, at: datetime, camera: str) -> None:
    """Camera and time are parsed, to the millisecond if the pattern has milliseconds, else to the second."""
    compiled = recorder_pattern(pattern)
    parsed = compiled.parse(compiled.format(at, camera))
    assert parsed is not None
    assert parsed.camera == camera
    assert parsed.time == (at if "{f}" in pattern else at.replace(microsecond=0))
    assert parsed.uncertainty_s == 0


@given(at=INSTANTS, camera=WORDS, known=st.sampled_from(sorted(RECORDER_TYPES)))
def test_built_in_patterns_parse_what_they_write(at: datetime, camera: str, known: str) -> None:
    """Paths of Frigate and motionEye are parsed to the second."""
    compiled = recorder_pattern(RECORDER_TYPES[known].pattern)
    parsed = compiled.parse(compiled.format(at, camera))
    assert parsed is not None
    assert (parsed.camera, parsed.time) == (camera, at.replace(microsecond=0))


@given(at=st.datetimes(datetime.fromisoformat("2001-09-10"), datetime.fromisoformat("2286-01-01")))
def test_seconds_since_1970_are_utc(at: datetime) -> None:
    """{epoch} reads ten digits as seconds and thirteen as milliseconds."""
    compiled = recorder_pattern("{camera}_{epoch}.mp4")
    seconds = int(at.replace(tzinfo=UTC).timestamp())
    for text, expected in ((f"{seconds}", 0), (f"{seconds}250", 250)):
        parsed = compiled.parse(f"kitchen_{text}.mp4")
        assert parsed is not None
        assert parsed.time == datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=expected)


@pytest.mark.parametrize(
    ("pattern", "path", "camera", "time_"),
    [
        (RECORDER_TYPES["frigate"].pattern, "2025-05-02/07/kitchen/30.00.mp4", "kitchen", "2025-05-02T07:30:00"),
        (RECORDER_TYPES["motioneye"].pattern, "Camera1/2025-05-02/07-30-00.mp4", "Camera1", "2025-05-02T07:30:00"),
        ("{camera}_{any}_{Y}{m}{d}{H}{M}{S}.mp4", "Front_01_20250502093000.mp4", "Front", "2025-05-02T09:30:00"),
        (
            "{any}_{Y}{m}{d}_{H}{M}{S}_{any}.mp4",
            "R_20250502_093000_20250502_094000_A1.MP4",
            None,
            "2025-05-02T09:30:00",
        ),
        ("{y}{m}{d}/{H}{M}.mp4", "250502/0930.mp4", None, "2025-05-02T09:30:00"),
        ("{Y}/{camera}/{Y}{m}{d}{H}{M}{S}.mp4", "2024/a b/20250502093000.mp4", "a b", "2025-05-02T09:30:00"),
    ],
)
def test_paths_of_real_recorders(pattern: str, path: str, camera: str | None, time_: str) -> None:
    """Paths that recorders and cameras write are parsed; the later one of two dates is used."""
    parsed = recorder_pattern(pattern).parse(path)
    assert parsed is not None
    assert (parsed.camera, parsed.time.isoformat()) == (camera, time_)


@pytest.mark.parametrize(
    "path",
    ["2025-05-02/07/kitchen/30.00.mp4.part", "2025-13-02/07/kitchen/30.00.mp4", "2025-05-02/24/kitchen/30.00.mp4",
     "x/2025-05-02/07/kitchen/30.00.mp4", "2025-05-02/07/30.00.mp4", "2025-05-02/07/kitchen/30.60.mp4",
     "2025-05-02/07/kitchen/٣٠.00.mp4", "2025-05-02/07/kitchen/30.00.mp4\n"],
)  # fmt: skip
def test_other_paths_do_not_match(path: str) -> None:
    """A path that only resembles the pattern, or has an impossible date, does not match."""
    assert recorder_pattern(RECORDER_TYPES["frigate"].pattern).parse(path) is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("{Y}{m}{d}{H}{M}", "end in .mp4"), ("/{Y}{m}{d}{H}{M}.mp4", "below the folder"),
        ("../{Y}{m}{d}{H}{M}.mp4", "below"),
        ("{Y}{m}{d}{H}.mp4", "add {M} (or {epoch})"), ("{camra}{epoch}.mp4", "did you mean {camera}?"),
        ("{epoch.mp4", "has a {"),
        ("{camera}{any}{epoch}.mp4", "side by side"), ("{Y}{Y}{m}{d}{H}{M}.mp4", "twice"),
        ("{epoch}{Y}.mp4", "has {epoch} and"),
        ("{Y}{m}{d}{H}{M}{f}.mp4", "without seconds"), ("x" * 600 + "{epoch}.mp4", "longer than"),
        ("{epoch}\n.mp4", "control"),
    ],
)  # fmt: skip
def test_invalid_patterns_are_refused(pattern: str, problem: str) -> None:
    """Each kind of invalid pattern has its message."""
    with pytest.raises(PatternError, match=re.escape(problem)):
        recorder_pattern(pattern)


@pytest.mark.parametrize("pattern", ["a/{epoch}", "{epoch}.mp4"])
def test_a_pattern_of_names_has_neither_folder_nor_extension(pattern: str) -> None:
    """A camera's name pattern has no folder and no extension."""
    with pytest.raises(PatternError, match="leave out"):
        name_pattern(pattern)
    assert name_pattern("{any}_{epoch}").parse("cam1_1746171000") is not None


def test_matching_takes_linear_time() -> None:
    """200,000 characters that nearly match take little time: it is proportional to the length of the name."""
    compiled = recorder_pattern("{any}_{camera}-{any}_{Y}{m}{d}{H}{M}{S}.mp4")
    begin = time.process_time()
    for name in ("_" * 200_000, "_-" * 100_000, "_a-_2025" * 25_000):
        assert compiled.parse(f"{name}.mp4") is None
    assert time.process_time() - begin < 5


@given(st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("9990-01-01")), st.integers(1, 5))
def test_folders_bound_what_is_below_them(at: datetime, known: int) -> None:
    """The span of the first fields of a time contains that time."""
    keys = ("Y", "m", "d", "H", "M")[:known]
    values = dict(zip(keys, (f"{at:%Y}", f"{at:%m}", f"{at:%d}", f"{at:%H}", f"{at:%M}"), strict=False))
    span = wall_clock_bounds(values)
    assert span is not None
    assert span[0] <= at <= span[1]


def test_an_hour_that_occurs_twice() -> None:
    """On the night when summer time ends, 02:30 gives two instants; on any other night one."""
    compiled = recorder_pattern(RECORDER_TYPES["motioneye"].pattern)
    zone = ZoneInfo("Europe/Madrid")
    twice = compiled.parse("a/2025-10-26/02-30-00.mp4")
    once = compiled.parse("a/2025-10-25/02-30-00.mp4")
    assert twice is not None
    assert once is not None
    assert twice.start_bounds(zone) == (
        datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
    )
    assert once.start_bounds(zone) == (datetime(2025, 10, 25, 0, 30, tzinfo=UTC),) * 2
