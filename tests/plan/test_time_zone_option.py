"""``--time-zone``, ``--from`` and ``--to``: one zone for all times without one, and never an empty export."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import labcrate
from labcrate.lab.sessions import read_sessions
from labcrate.model.timespan import TimeSpan

HOUR = TimeSpan(datetime(2025, 6, 10, 1, tzinfo=UTC), datetime(2025, 6, 10, 2, tzinfo=UTC))


@pytest.fixture
def local_lab(lab: Any) -> Any:
    """Write session 1, from 10:00 to 11:00 without a zone in Europe/Madrid, with a reading every ten minutes."""
    lab.cameras("cam1")
    lab.session(1, startTime="2025-06-10T10:00:00", endTime="2025-06-10T11:00:00", timeZone="Europe/Madrid")
    lab.zigbee_csv([(f"2025-06-10 {h}:{m}0:00", "zigbee2mqtt/s1", {"battery": m}) for h in (10, 11) for m in range(6)])
    return lab


def test_one_zone_holds_for_the_session_and_its_readings(local_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The command's zone is used for start, end and readings: none of them is lost or mislabelled.

    The README's sentence about times without a zone is true for the start too.
    """
    target = tmp_path / "a.zip"
    outcome = cli("export", "1", "--lab", local_lab.root, "--time-zone", "Asia/Tokyo", "-o", target)
    assert outcome.code == 0, outcome.err
    with labcrate.open(target) as archive:
        assert archive.session.span == HOUR
        assert len(archive.readings) == 7
    with zipfile.ZipFile(target) as archive:
        readme = " ".join(archive.read("README.txt").decode().split())
    assert "2025-06-10T10:00:00.000+09:00" in readme
    assert "Times without a zone were read in the time zone Asia/Tokyo" in readme


@pytest.mark.parametrize(("zone", "hour"), [(None, 8), ("Asia/Tokyo", 1), ("Europe/Madrid", 8), ("UTC", 10)])
def test_the_api_reads_a_session_in_the_chosen_zone(local_lab: Any, zone: str | None, hour: int) -> None:
    """Without a zone from the caller the session's own is used, whatever labcrate.toml says."""
    local_lab.write("labcrate.toml", 'time_zone = "Asia/Tokyo"\n')
    plan = labcrate.Lab(local_lab.root).plan(1, time_zone=zone)
    assert plan.window == TimeSpan(datetime(2025, 6, 10, hour, tzinfo=UTC), datetime(2025, 6, 10, hour + 1, tzinfo=UTC))
    assert len(plan.readings) == 7


@pytest.mark.parametrize(
    ("zone", "words", "start", "said"),
    [
        (None, (), "2025-06-10T08:20:00.000Z", "was given without a time zone; it was read in Europe/Madrid"),
        (
            None,
            ("--time-zone", "Asia/Tokyo"),
            "2025-06-10T01:20:00.000Z",
            "was given without a time zone; it was read in Asia/Tokyo",
        ),
        ("absent", (), "2025-06-10T10:20:00.000Z", "it was read as UTC"),
    ],
)
def test_a_chosen_time_without_a_zone_is_read_as_the_sessions(
    local_lab: Any, cli: Any, zone: str | None, words: tuple[str, ...], start: str, said: str
) -> None:
    """``--from`` and ``--to`` are read in the zone of the session's times, and the plan says which."""
    if zone:
        local_lab.session(1, startTime="2025-06-10T10:00:00", endTime="2025-06-10T11:00:00")
    outcome = cli(
        "plan", "1", "--lab", local_lab.root, "--from", "2025-06-10T10:20", "--to", "2025-06-10 10:40", *words
    )
    assert outcome.code == 0, outcome.err
    assert said in outcome.out
    assert start in outcome.out
    json = cli(
        "plan", "1", "--lab", local_lab.root, "--from", "2025-06-10T10:20", "--to", "2025-06-10 10:40", *words, "--json"
    ).json
    assert json["readings"] == 3


def test_the_api_takes_times_without_a_zone_and_with_one(local_lab: Any) -> None:
    """A datetime without a zone is read as text without one is; the two may be mixed, and are compared when read."""
    lab = labcrate.Lab(local_lab.root)
    plan = lab.plan(1, start=datetime(2025, 6, 10, 10, 20), end="2025-06-10T08:40Z")  # noqa: DTZ001
    assert plan.window.start == datetime(2025, 6, 10, 8, 20, tzinfo=UTC)
    assert plan.options.span == plan.window
    with pytest.raises(labcrate.errors.UsageError, match="The chosen time ends before it starts"):
        lab.plan(1, start="2025-06-10T10:50", end="2025-06-10T08:40Z")
    with pytest.raises(labcrate.errors.UsageError, match="before the year 1"):
        lab.plan(1, start="0001-01-01T00:00", time_zone="Asia/Tokyo")


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "2025-06-10T12:00", "--to", "2025-06-10T13:00"),
        ("--from", "2025-06-10T11:00:01"),
        ("--to", "2025-06-10T09:59:59"),
        ("--to", "2025-06-10T09:59:59", "--only", "sensors"),
        ("--to", "2025-06-10T09:59:59", "--only", "recordings"),
        ("--to", "2025-06-10T09:59:50", "--pad", "5s"),
    ],
)
def test_a_chosen_time_outside_the_sessions_is_refused(
    local_lab: Any, cli: Any, clear: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A chosen time outside the session is refused with the session's time."""
    outcome = cli("export", "1", "--lab", local_lab.root, "-o", tmp_path / "a.zip", *words)
    clear(outcome, 2, "lasted from 2025-06-10T08:00:00.000Z to 2025-06-10T09:00:00.000Z")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(("words", "count"), [(("--to", "2025-06-10T10:00"), 1), (("--from", "2025-06-10T11:00"), 1)])
def test_a_chosen_time_that_touches_the_sessions_is_taken(
    local_lab: Any, cli: Any, words: tuple[str, ...], count: int
) -> None:
    """Both ends are included, so a single instant is something."""
    assert cli("plan", "1", "--lab", local_lab.root, "--json", *words).json["readings"] == count


def test_an_end_before_the_start_of_an_open_session_is_refused(local_lab: Any, cli: Any, clear: Any) -> None:
    """For a session without an end, ``--to`` sets it, but not before its start."""
    local_lab.session(1, startTime="2025-06-10T10:00:00", endTime="absent", timeZone="Europe/Madrid")
    words = ("plan", "1", "--lab", local_lab.root, "--to")
    clear(cli(*words, "2025-06-10T09:00"), 2, "Session 1 began at 2025-06-10T08:00:00.000Z")
    assert cli(*words, "2025-06-10T10:30", "--json").json["readings"] == 4


def test_recordings_made_outside_the_sessions_time_can_be_chosen(local_lab: Any, cli: Any) -> None:
    """A recording linked by its name is included by its own time, if only recordings are chosen."""
    local_lab.recording("recordings/cam1_session1_20250610T100000Z.mp4", datetime(2025, 6, 10, 10, tzinfo=UTC))
    words = ("--from", "2025-06-10T09:59:00Z", "--only", "recordings")
    members = cli("plan", "1", "--lab", local_lab.root, "--json", *words).json["members"]
    assert any(member["name"].startswith("recordings/") for member in members)


def test_doctor_says_only_of_times_without_any_zone_that_they_are_utc(local_lab: Any, cli: Any) -> None:
    """If every session has a zone, readings are read in it, and doctor has no warning.

    A session without a zone, in a lab without one, reads them as UTC; the warning has a remedy.
    """

    def found(*words: str) -> list[Any]:
        report = cli("doctor", *words, "--lab", local_lab.root, "--json").json
        return [one for one in report["findings"] if (one["kind"] == "time zone" and one["session"] is None) or words]

    assert found() == []
    assert not [one for one in found("1") if one["kind"] == "time zone"]
    local_lab.session(2, startTime="2025-06-11T10:00:00", endTime="2025-06-11T11:00:00", timeZone="Asia/Tokyo")
    assert found() == []
    local_lab.session(3, startTime="2025-06-12T10:00:00Z", endTime="2025-06-12T11:00:00Z")
    (one,) = found()
    assert "the times are read as UTC" in one["what"]
    assert one["count"] == 12
    assert "labcrate.toml (time_zone)" in one["remedy"]
    local_lab.write("labcrate.toml", 'time_zone = "Europe/Madrid"\n')
    assert found() == []


def test_the_lab_is_read_once(usual_lab: Any, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a named zone, plan and export read the lab's descriptions once."""
    read: list[str | None] = []

    def counted(lab: Any, **options: Any) -> Any:
        read.append(options["zone_override"])
        return read_sessions(lab, **options)

    monkeypatch.setattr("labcrate.plan.inventory.read_sessions", counted)
    for command in (("plan", "42"), ("export", "42", "-o", tmp_path / "a.zip")):
        assert cli(*command, "--time-zone", "Asia/Tokyo", "--lab", usual_lab.root).code == 0
    assert read == ["Asia/Tokyo", "Asia/Tokyo"]
