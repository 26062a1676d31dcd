"""The time of a session without an end: never after the next one began, never by a copied file's date."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session_bound import EndReason
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import read_inventory
from labcrate.plan.recording_time import TimeContext
from labcrate.plan.session_time import SessionTime, registered_spans, session_time, undescribed_session_starts

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
COPIED = datetime(2025, 11, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def look(found: Mapping[str, Identity]) -> Mapping[str, Probe]:
    """Return probes of recordings of one minute without a time."""
    return {path: Probe(duration_s=60.0) for path in found}


def time_of(lab: Any, session_id: str = "42", zone: str | None = None, probes: Any = look) -> SessionTime:
    """Return the time of a session as the lab is now."""
    inventory = read_inventory(lab.open(), zone)
    return session_time(
        inventory, inventory.session(session_id), TimeContext(zone, registered_spans(inventory)), probes
    )


def begun(lab: Any, session_id: int = 42, at: datetime = START) -> None:
    """Write a session without an end."""
    lab.session(session_id, startTime=at.isoformat(), endTime="absent")


def recorded(lab: Any, at: datetime, session_id: int = 42, camera: str = "cam1") -> str:
    """Write a recording with its start in its name; the file's date is that of a copy."""
    path = f"recordings/{camera}_session{session_id}_{at:%Y%m%dT%H%M%SZ}.mp4"
    lab.write(path, f"{path}", COPIED)
    return path


def test_a_described_time_is_used_and_no_file_is_opened(lab: Any) -> None:
    """With a described start and end, recordings of another time change nothing, and no file is opened."""
    lab.session(42)
    recorded(lab, START + 9 * HOUR)

    def never(_: Any) -> Any:
        raise AssertionError("a file was looked into")

    time = time_of(lab, probes=never)
    assert (time.span, time.bound.reason) == (TimeSpan(START, START + 5 * MINUTE), EndReason.DESCRIBED)
    assert (time.warnings, time.problems) == ((), ())


def test_the_last_recording_ends_it(lab: Any) -> None:
    """The end is that of the last recording by its name, never the date of its file; the warning names the file."""
    begun(lab)
    recorded(lab, START)
    last = recorded(lab, START + HOUR)
    time = time_of(lab)
    assert (time.span, time.bound.reason) == (TimeSpan(START, START + HOUR + MINUTE), EndReason.LAST_FILE)
    assert len(time.warnings) == 1
    assert last in time.warnings[0]


def test_a_files_date_alone_is_no_evidence(lab: Any) -> None:
    """If only modification times are known there is no end, and a warning says so."""
    begun(lab)
    lab.write("recordings/cam1_session42_a.mp4", "x", START + MINUTE)
    time = time_of(lab)
    assert (time.span, time.bound.reason) == (None, EndReason.NO_TIMED_FILE)
    assert len(time.warnings) == 1


def test_the_next_session_bounds_it_and_is_not_named(lab: Any) -> None:
    """The time ends before the next session's start; the warning does not name that session."""
    begun(lab)
    lab.session(777, startTime=(START + HOUR).isoformat(), endTime="absent")
    recorded(lab, START + HOUR - MINUTE / 2)
    time = time_of(lab)
    assert time.bound.reason is EndReason.NEXT_SESSION
    assert time.span
    assert time.span.end == START + HOUR - timedelta(microseconds=1)
    assert not any("777" in str(warning) for warning in time.warnings)


def test_a_session_without_a_description_bounds_it_too(lab: Any) -> None:
    """A session without a description begins with its first recording."""
    begun(lab)
    recorded(lab, START + 2 * HOUR)
    recorded(lab, START + HOUR, session_id=777)
    time = time_of(lab)
    assert time.span == TimeSpan(START, START + HOUR - timedelta(microseconds=1))
    inventory = read_inventory(lab.open())
    times = TimeContext(None, registered_spans(inventory))
    assert list(undescribed_session_starts(inventory, times, look)) == [("777", START + HOUR)]
    assert list(undescribed_session_starts(inventory, times, look, except_session="777")) == []
    session = inventory.session("42")
    assert session_time(inventory, session, times, look, lambda _: [("777", START + HOUR)]) == time
    assert session_time(inventory, session, times, look, lambda _: []).span == TimeSpan(
        START, START + 2 * HOUR + MINUTE
    )


def test_a_day_bounds_it(lab: Any) -> None:
    """A recording of the next day does not extend the time past 24 hours; a warning has its end."""
    begun(lab)
    late = recorded(lab, START + 30 * HOUR)
    time = time_of(lab)
    assert (time.span, time.bound.reason) == (TimeSpan(START, START + 24 * HOUR), EndReason.MAX_LENGTH)
    assert any(late in str(warning) for warning in time.warnings)


def test_sessions_of_one_start_do_not_bound_each_other_and_that_is_said(lab: Any) -> None:
    """Two sessions with the same start share their readings until their own evidence ends, with a warning."""
    begun(lab)
    begun(lab, 7)
    recorded(lab, START)
    time = time_of(lab)
    assert time.span == TimeSpan(START, START + MINUTE)
    assert len(time.warnings) == 2


def test_a_session_that_no_file_describes(lab: Any) -> None:
    """Its start and end are those of its recordings; without a recording with a time there is none."""
    recorded(lab, START + HOUR)
    recorded(lab, START)
    assert time_of(lab).span == TimeSpan(START, START + HOUR + MINUTE)
    lab.write("recordings/cam1_session9_a.mp4", "x", START)
    time = time_of(lab, "9")
    assert (time.span, time.bound.reason) == (None, EndReason.NO_START)
    assert len(time.warnings) == 1


def test_a_recording_that_vanished_is_no_evidence(lab: Any) -> None:
    """A deleted file is no evidence, and stops no plan."""
    begun(lab)
    recorded(lab, START)
    path = recorded(lab, START + HOUR)
    inventory = read_inventory(lab.open())
    (lab.root / path).unlink()
    times = TimeContext(None, registered_spans(inventory))
    assert session_time(inventory, inventory.session("42"), times, look).span == TimeSpan(START, START + MINUTE)


@pytest.mark.parametrize(("zone", "end"), [(None, START + HOUR), ("Europe/Madrid", START - HOUR)])
def test_sensor_files_without_a_zone(lab: Any, zone: str | None, end: datetime) -> None:
    """A sensor file's times are read in the lab's zone; if there is none, a warning says so."""
    begun(lab, at=START - 5 * HOUR)
    lab.write(
        "sessions/Session42/sensor_data/sensor_readings.csv", f"timestamp,x\n{START + HOUR:%Y-%m-%dT%H:%M:%S},1\n"
    )
    time = time_of(lab, zone=zone)
    assert time.span
    assert time.span.end == end
    assert len(time.warnings) == (1 if zone else 2)


def test_a_sensor_file_that_cannot_be_read_is_a_problem(lab: Any) -> None:
    """A broken sensor file is among the problems, and the recordings are the evidence."""
    begun(lab)
    recorded(lab, START)
    lab.write("sessions/Session42/sensor_data/sensor_readings.json", "{")
    time = time_of(lab)
    assert [problem.file for problem in time.problems] == ["sessions/Session42/sensor_data/sensor_readings.json"]
    assert time.span == TimeSpan(START, START + MINUTE)


class TestRegisteredSpans:
    """The times of recordings in the lab's registers."""

    @pytest.fixture
    def registered(self, lab: Any) -> Any:
        """Write a register with two entries, one of them for two files."""
        lab.session(42, endTime="absent")
        end = (START + 3 * MINUTE).isoformat()
        entries = [
            {"cameraId": "1", "sessionId": "42", "filePath": f"/app/recordings/{name}", "startTime": START.isoformat(),
             "endTime": end}
            for name in ("one.mp4", "two.mp4")
        ]  # fmt: skip
        lab.json("data/recordings.json", {str(index): entry for index, entry in enumerate(entries)})
        lab.write("recordings/one.mp4", "1", COPIED)
        lab.write("recordings/two.mp4", "2", COPIED)
        lab.write("recordings/day/two.mp4", "another", COPIED)
        lab.write("recordings/three.mp4", "3", COPIED)
        return lab

    def test_a_name_that_several_files_have_counts_for_none(self, registered: Any) -> None:
        """An entry gives its times to the only file with its name; with two such files it is not used."""
        inventory = read_inventory(registered.open())
        spans = registered_spans(inventory)
        assert dict(spans) == {"recordings/one.mp4": TimeSpan(START, START + 3 * MINUTE)}
        assert len(spans) == 1
        assert "recordings/two.mp4" not in spans
        assert "recordings/three.mp4" not in spans
        entries = [entry for entry in inventory.unlinked if "one" not in entry.path]
        assert registered_spans(inventory, entries) == {}

    def test_a_register_ends_a_session(self, registered: Any) -> None:
        """The registered end of a linked recording is the session's if its description has none."""
        time = time_of(registered)
        assert time.span == TimeSpan(START, START + 3 * MINUTE)
