"""Most files of no session are ruled out without reading their names, and none that may overlap the span."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.model.recording import CameraClock, Probe
from labcrate.model.timespan import TimeSpan
from labcrate.plan.recording_time import RecordingFacts, TimeContext, possible_spans
from labcrate.plan.time_filter import TimeFilter

BEGIN = datetime(2025, 5, 2, 8, tzinfo=UTC)
SPAN = TimeSpan(BEGIN - timedelta(hours=12), BEGIN + timedelta(hours=13))
LONG_AGO_NS = 10**18

_TIMES = st.datetimes(datetime(2025, 4, 28), datetime(2025, 5, 6))  # noqa: DTZ001 - clocks show no zone
_SHOWN = st.sampled_from(
    [
        "recordings/cam1_%Y-%m-%dT%H-%M-%S-000Z.mp4",
        "recordings/cam1_%Y%m%d%H%M%S.mp4",
        "recordings/cam1 %Y.%m.%d %H.%M.mp4",
        "recordings/%Y-%m-%d/%H/kitchen/%M.%S.mp4",
        "recordings/cam/%Y/%m/%d/%H-%M-%S.mp4",
        "recordings/%Y_%m_%d/1M%H%M%S.mp4",
        "recordings/cam1_%Y-%m-%dT%H-%M-%S+1400.mp4",
        "recordings/cam1_%Y-%m-%d_%H-%M-%S-%H-%M-01.mp4",
        "recordings/cam1_%d-%m-%Y-%H-%M-%S.mp4",
    ]
)
_EPOCHS = _TIMES.map(lambda at: f"recordings/cam1_{int(at.replace(tzinfo=UTC).timestamp())}.mp4")
_PATHS = st.builds(lambda at, shown: at.strftime(shown), _TIMES, _SHOWN) | _EPOCHS | st.text(max_size=30)
_ZONES = st.sampled_from([None, "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Madrid"])


@given(_PATHS, _TIMES, st.none() | _TIMES, st.integers(0, 100), _ZONES)
def test_nothing_that_may_be_of_the_span_is_ruled_out(
    path: str, modified: datetime, registered: datetime | None, hours: int, zone: str | None
) -> None:
    """If name, register or modification time overlap the span, the file stays."""
    start = registered and registered.replace(tzinfo=UTC)
    spans = {path: TimeSpan(start, start + timedelta(hours=hours))} if start else {}
    times = TimeContext(zone, spans, {})
    mtime_ns = int(modified.replace(tzinfo=UTC).timestamp()) * 10**9
    if any(span.overlaps(SPAN) for span in possible_spans(RecordingFacts(path, Probe(), mtime_ns), times)):
        assert TimeFilter(SPAN, times).may_overlap(path, mtime_ns)


@pytest.mark.parametrize("name", ["cam1_2025-04-22T08-00-00-000Z", "cam1_20250610080000", "garden"])
def test_other_days_are_ruled_out(name: str) -> None:
    """A name of another day, or of none, changed at another time, is ruled out."""
    assert not TimeFilter(SPAN, TimeContext()).may_overlap(f"recordings/{name}.mp4", LONG_AGO_NS)


@pytest.mark.parametrize("clock", [CameraClock(offset_s=86_400.0), CameraClock(name_pattern="{anything}")])
def test_corrected_clocks_rule_nothing_out(clock: CameraClock) -> None:
    """If a camera's clock is corrected or its names have a pattern, no file is ruled out."""
    times = TimeContext(clocks={"1": clock})
    assert TimeFilter(SPAN, times).may_overlap("recordings/cam1_2025-04-22T08-00-00-000Z.mp4", LONG_AGO_NS)
