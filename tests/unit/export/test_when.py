"""When a recording was made."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.export.contents import TimeSource
from labcrate.export.when import recorded_span
from labcrate.model.recording import Probe

MTIME = datetime(2025, 5, 2, 8, 1, tzinfo=UTC)
MTIME_NS = int(MTIME.timestamp()) * 10**9
MADRID = "Europe/Madrid"


def test_the_containers_own_time_comes_first() -> None:
    """A creation time in the MP4 is the start, whatever name and file time say."""
    made = datetime(2025, 1, 1, tzinfo=UTC)
    span, source = recorded_span("cam_20250502T101500Z.mp4", Probe(duration_s=10, creation_time=made), MTIME_NS, MADRID)
    assert (span.start, span.end, source) == (made, made + timedelta(seconds=10), TimeSource.CONTAINER)


@pytest.mark.parametrize(
    ("name", "zone", "start"),
    [
        ("cam1_s42_20250502T101500Z.mp4", None, datetime(2025, 5, 2, 10, 15, tzinfo=UTC)),
        ("cam1_s42_20250502T101500.mp4", MADRID, datetime(2025, 5, 2, 8, 15, tzinfo=UTC)),
        ("cam1_2025-05-02_10-15.mp4", MADRID, datetime(2025, 5, 2, 8, 15, tzinfo=UTC)),
        ("cam1_2025-01-02 10.15.30.mp4", MADRID, datetime(2025, 1, 2, 9, 15, 30, tzinfo=UTC)),
    ],
)
def test_a_time_in_the_name(name: str, zone: str | None, start: datetime) -> None:
    """A name's time counts when it is marked Z, or read on the wall clock of the session's zone."""
    span, source = recorded_span(name, Probe(duration_s=1), MTIME_NS, zone)
    assert (span.start, source) == (start, TimeSource.NAME)


@pytest.mark.parametrize(
    "name", ["cam1_20250502T101500.mp4", "cam1_20250502.mp4", "cam1_20259902T101500Z.mp4", "a.mp4"]
)
def test_otherwise_the_files_own_time_is_the_end(name: str) -> None:
    """Without a creation time and a time in the name that can be placed, the file's modification ends the recording."""
    span, source = recorded_span(name, Probe(duration_s=60), MTIME_NS, None)
    assert (span.start, span.end, source) == (MTIME - timedelta(seconds=60), MTIME, TimeSource.MODIFIED)


@given(st.text(), st.sampled_from([None, MADRID]))
def test_no_name_is_a_crash(name: str, zone: str | None) -> None:
    """Any name gives a span whose start is not after its end."""
    span, _ = recorded_span(name, Probe(), MTIME_NS, zone)
    assert span.start is not None
    assert span.end is not None
    assert span.start <= span.end
