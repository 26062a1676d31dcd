"""Promises held against a lab in the platform's own shape: nothing lost, nothing of anybody else."""

import csv
import io
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.platform_lab import (
    CANARIES,
    PIN,
    SENSOR_TOPIC,
    START,
    UUID,
    PlatformLab,
    as_iso,
    format_for_name,
    make_video,
)

if TYPE_CHECKING:
    from tests.conftest import Clear, Cli


@pytest.fixture
def platform(tmp_path: Path) -> PlatformLab:
    """Return the platform's lab, whole."""
    return PlatformLab(tmp_path / "lab").build()


def plan(cli: "Cli", lab: PlatformLab, session: str, *options: str) -> Any:
    """Return the plan of a session as JSON."""
    outcome = cli("plan", session, "--lab", lab.root, "--json", *options)
    assert outcome.code == 0, outcome.err
    return outcome.json


def exported(cli: "Cli", lab: PlatformLab, session: str, *options: str) -> dict[str, bytes]:
    """Return the members of a session's archive, by name."""
    target = lab.root.parent / f"{session}.zip"
    outcome = cli("export", session, "--lab", lab.root, "-o", target, "--force", *options)
    assert outcome.code == 0, outcome.err
    with zipfile.ZipFile(target) as file:
        return {name: file.read(name) for name in file.namelist()}


def rows(members: dict[str, bytes], name: str) -> list[dict[str, str]]:
    """Return a CSV of an archive as rows."""
    return list(csv.DictReader(io.StringIO(members[name].decode())))


def test_every_session_of_every_user_is_there(platform: PlatformLab, cli: "Cli") -> None:
    """Sessions of users' object-shaped files, of a folder with a UUID, each with its recordings."""
    found = {str(row["id"]): row for row in cli("sessions", "--lab", platform.root, "--json").json}
    assert list(found) == ["7", "8", "9", UUID]
    assert [found[one]["recordings"] for one in found] == [3, 2, 1, 1]
    assert found[UUID]["name"] == "visita"


def test_a_topic_with_a_room_is_the_selected_sensor(platform: PlatformLab, cli: "Cli") -> None:
    """``t-cocina`` is selected, the topic is ``zigbee2mqtt/planta/t-cocina``: its readings are there and join."""
    path = platform.root / f"sessions/Session{UUID}/config.json"
    config = json.loads(path.read_text()) | {
        "startTime": as_iso(START),
        "endTime": as_iso(START + timedelta(minutes=10)),
    }
    path.write_text(json.dumps(config))
    members = exported(cli, platform, UUID)
    readings = rows(members, "data/zigbee-sensors.csv")
    assert len(readings) == 11
    assert {(row["topic"], row["device_id"]) for row in readings} == {(SENSOR_TOPIC, "t-cocina")}
    devices = json.loads(members["data/devices.json"])
    assert [device["name"] for device in devices["zigbee"]] == ["t-cocina"]
    assert devices["source"]["cameras"] == "data/user_2/cameras.json"


def test_a_session_that_nobody_ended_is_bounded(platform: PlatformLab, cli: "Cli") -> None:
    """Readings end with the session's own last evidence, here the sensor file; the window and its reason are said."""
    members = exported(cli, platform, "7", "--redact")
    times = [row["timestamp"] for row in rows(members, "data/zigbee-sensors.csv")]
    assert (times[0], times[-1]) == (as_iso(START), as_iso(START + timedelta(minutes=1)))
    metadata = json.loads(members["data/session_metadata.json"])
    assert metadata["readings"]["window"]["endSource"] == "evidence"
    assert metadata["session"]["endTime"] is None
    assert any("No end time" in warning and "temperature_sensors.csv" in warning for warning in metadata["warnings"])


def test_no_reading_of_the_next_session_comes_along(platform: PlatformLab, cli: "Cli") -> None:
    """A recording that goes on into the next session's time ends the readings before that one, and names no session."""
    late = START + timedelta(minutes=45)
    platform.write(f"recordings/c05_session7-{format_for_name(late)}.mp4", make_video())
    members = exported(cli, platform, "7", "--redact")
    nine = START + timedelta(minutes=40)
    last = max(row["timestamp"] for row in rows(members, "data/zigbee-sensors.csv"))
    assert last == as_iso(nine - timedelta(minutes=1))
    text = b"".join(members[name] for name in ("README.txt", "data/session_metadata.json"))
    assert b"when the lab's next session began" in text
    assert b"session 9" not in text


def test_without_evidence_no_reading_is_taken(platform: PlatformLab, cli: "Cli") -> None:
    """An open session with neither recording nor sensor file has no readings, unless the end is named."""
    sessions = platform.root / "data/user_3/sessions.json"
    value = json.loads(sessions.read_text())
    value["10"] = {
        "id": 10,
        "name": "open",
        "startTime": as_iso(START + timedelta(hours=3, minutes=1)),
        "endTime": None,
    }
    sessions.write_text(json.dumps(value))
    found = plan(cli, platform, "10")
    assert found["readings"] == 0
    assert any("no readings are included" in warning for warning in found["warnings"])
    end = as_iso(START + timedelta(hours=3, minutes=6))
    assert plan(cli, platform, "10", "--to", end)["readings"] == 12


def test_two_users_that_differ_are_refused_for_that_session_alone(
    platform: PlatformLab, cli: "Cli", clear: "Clear"
) -> None:
    """Session 7 is refused if a second user describes it differently; both files are named, session 8 stays."""
    sessions = platform.root / "data/user_3/sessions.json"
    value = json.loads(sessions.read_text()) | {"7": {"id": 7, "name": "another"}}
    sessions.write_text(json.dumps(value))
    clear(cli("plan", "7", "--lab", platform.root), 4, "data/user_2/sessions.json", "data/user_3/sessions.json")
    assert plan(cli, platform, "8")["state"] != "incomplete"


def test_a_broken_file_hides_no_session_of_others(platform: PlatformLab, cli: "Cli") -> None:
    """A user's file that was half written costs that user's sessions alone, and every plan says so."""
    (platform.root / "data/user_3/sessions.json").write_text('{"9": {"id": 9, "na')
    assert any("data/user_3/sessions.json" in warning for warning in plan(cli, platform, "8")["warnings"])
    assert {str(row["id"]) for row in cli("sessions", "--lab", platform.root, "--json").json} == {"7", "8", "9", UUID}


def test_the_whole_folder_of_a_session_goes_in_or_is_named(platform: PlatformLab, cli: "Cli") -> None:
    """EDF, WAV, PDF, MOV, logs and the sensor data beside a recording are members; what stays out is named with why."""
    members = exported(cli, platform, "7", "--redact")
    own = platform.root / "sessions/Session7"
    packed = {name.removeprefix("data/session_files/"): data for name, data in members.items()}
    for path in ("eeg/visit.edf", "audio/room.wav", "forms/consent.pdf", "mqtt_data/session_7_mqtt.log"):
        assert packed[path] == (own / path).read_bytes()
    assert members["recordings/phone.mov"] == (own / "phone.mov").read_bytes()
    assert any(name.startswith("data/session_files/recordings/") for name in members)
    metadata = json.loads(members["data/session_metadata.json"])
    assert [one["source"] for one in metadata["notTaken"]] == ["sessions/Session7/Thumbs.db"]
    assert "Thumbs.db" in members["README.txt"].decode()


@pytest.mark.parametrize(
    ("zone", "uncertainty", "source"), [("Europe/Madrid", "1", "file name"), (None, "50400", "file name")]
)
def test_when_a_recording_began_is_said_with_its_uncertainty(
    platform: PlatformLab, cli: "Cli", zone: str | None, uncertainty: str, source: str
) -> None:
    """A name without a zone is read in the zone that is known, else as UTC with fourteen hours of doubt."""
    members = exported(cli, platform, "8", *(("--time-zone", zone) if zone else ()))
    bare, zulu = rows(members, "data/recordings.csv")
    assert (bare["start_source"], bare["start_uncertainty_s"]) == (source, uncertainty)
    eight = START + timedelta(hours=3, minutes=5)
    expected = eight - timedelta(hours=2) if zone else eight
    assert datetime.fromisoformat(bare["start"]) == expected.replace(microsecond=0)
    assert datetime.fromisoformat(zulu["start"]) == (eight + timedelta(minutes=5)).replace(microsecond=0)
    assert "2025-06-10T20:40" in zulu["other_starts"]


def test_a_recording_of_one_session_is_in_no_other(platform: PlatformLab, cli: "Cli") -> None:
    """Every recording of the lab is in one archive at most, whatever its name holds."""
    sources = [
        member["source"]
        for session in ("7", "8", "9", UUID)
        for member in plan(cli, platform, session)["members"]
        if member["name"].startswith("recordings/")
    ]
    assert len(sources) == len(set(sources)) == 7


def test_the_doctor_names_files_with_secrets_and_never_the_secrets(
    platform: PlatformLab, cli: "Cli", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an export would refuse is found beforehand, with its kind; no canary, address or path is in what is said."""
    monkeypatch.chdir(platform.root)
    outcome = cli("doctor", "--json")
    found = [one for one in outcome.json["findings"] if one["kind"] == "secret"]
    assert [one["places"] for one in found] == [
        [f"recordings/c05_session7-{format_for_name(START + timedelta(seconds=2.615))}.mp4"]
    ]
    assert "password" in found[0]["what"]
    for secret in (*CANARIES, PIN, str(platform.root)):
        assert secret not in outcome.out
