import csv
import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labcrate.demo import story
from labcrate.demo.lab import DemoLab, build_demo_lab
from labcrate.demo.sensors import SENSORS, zigbee_messages
from labcrate.errors import TargetError
from labcrate.lab.session_register import LinkedFile, encode_entry, encode_register
from labcrate.model.timespan import TimeSpan, from_ns, parse_instant
from labcrate.video.probe import probe


def read(lab: DemoLab, path: str) -> Any:
    """Return a JSON file of the lab."""
    return json.loads((lab.root / path).read_text("utf-8"))


def span(session: dict[str, Any]) -> TimeSpan:
    """Return when a session ran."""
    return TimeSpan(parse_instant(session["startTime"]), parse_instant(session["endTime"]))


def readings_in_json(lab: DemoLab) -> Counter[tuple[str, str, str]]:
    """Time, topic and payload of every message, and how often it is there."""
    return Counter(
        (entry["timestamp"], topic, json.dumps(entry["payload"], sort_keys=True))
        for topic, entries in read(lab, "data/zigbee-data.json")["messages"].items()
        for entry in entries
    )


def readings_in_csv(lab: DemoLab) -> Counter[tuple[str, str, str]]:
    """Return the same for the other unified file."""
    with (lab.root / "data/zigbee-sensors.csv").open(newline="", encoding="utf-8") as file:
        return Counter(
            (row["timestamp"], row["topic"], json.dumps(json.loads(row["payload"]), sort_keys=True))
            for row in csv.DictReader(file)
        )


def test_two_sessions_overlap(lab: DemoLab) -> None:
    """The list and each session's own file agree, and the two sessions share some time."""
    sessions = read(lab, "data/sessions.json")
    assert [str(session["id"]) for session in sessions] == [lab.session_id, lab.other_session_id]
    for session in sessions:
        assert read(lab, f"sessions/Session{session['id']}/session_data.json") == session
        assert session["timeZone"] == "Europe/Madrid"
    assert span(sessions[0]).overlaps(span(sessions[1]))
    assert span(sessions[0]) != span(sessions[1])


def test_lab_is_small(lab: DemoLab) -> None:
    """The whole lab takes less than 2 MB."""
    assert sum(path.stat().st_size for path in lab.root.rglob("*") if path.is_file()) < 2_000_000


def test_every_video_is_accounted_for(lab: DemoLab) -> None:
    """Each file with video is linked, of the other session, a near miss or unrelated: exactly one of them."""
    described = [*lab.linked, *lab.other_session, *lab.near_misses.values(), *lab.unrelated]
    found = {str(path.relative_to(lab.root)) for path in lab.root.rglob("*.m[pk][4v]") if path.name[0] != "."}
    assert sorted(described) == sorted(found)
    assert set(lab.damaged) <= set(lab.linked)
    assert all((lab.root / path).is_file() for path in lab.not_recordings)


def test_near_misses_are_of_every_kind(lab: DemoLab) -> None:
    """Every kind is there once."""
    assert set(lab.near_misses) == {
        "unknown prefix", "ambiguous", "no separator", "separator inside the marker", "leading zeros", "marker first",
        "bare number", "number runs on", "not MP4", "wrong folder name", "right time, no ID",
    }  # fmt: skip


def test_only_the_damaged_one_is_unreadable(lab: DemoLab) -> None:
    """All recordings of both sessions play for half a minute, but for the one that was cut short."""
    for path in (*lab.linked, *lab.other_session):
        with (lab.root / path).open("rb") as file:
            found = probe(file)
        if path in lab.damaged:
            assert "cut short" in str(found.problem)
        else:
            assert found.duration_s == story.SEGMENT_S


def test_recordings_are_dated(lab: DemoLab) -> None:
    """A file's time is its recording's end, in the session for the timely near miss; one has no creation time."""
    unset = []
    for path in (*lab.linked, *lab.near_misses.values(), *lab.unrelated):
        file = lab.root / path
        with file.open("rb") as opened:
            found = probe(opened)
        end = from_ns(file.stat().st_mtime_ns)
        if found.is_readable and found.creation_time is None:
            unset.append(path)
        elif found.creation_time and found.duration_s:
            assert end == found.creation_time + timedelta(seconds=found.duration_s)
    assert unset == [f"{story.OWN_FOLDER}/overview.mp4"]
    same_time = (lab.root / lab.near_misses["right time, no ID"]).stat().st_mtime_ns
    assert story.SPANS[lab.session_id].contains(from_ns(same_time))
    for path in lab.unrelated:
        assert not story.SPANS[lab.session_id].contains(from_ns((lab.root / path).stat().st_mtime_ns))


def test_hall_has_a_gap(lab: DemoLab) -> None:
    """Between two recordings of the hall 45 seconds are missing; the kitchen has no gap."""
    takes = [video.clip for video in story.video_files() if video.linked]
    gaps = {
        camera.name: [
            (later.start - earlier.start).total_seconds() - earlier.seconds for earlier, later in pairwise(of_camera)
        ]
        for camera in (story.KITCHEN, story.HALL)
        if (of_camera := [take for take in takes if take.camera is camera])
    }
    assert gaps == {"Kitchen": [0, 0, 0, 0], "Hall": [45, 0]}


def test_twelve_devices_report(lab: DemoLab) -> None:
    """All twelve devices are listed with their last message, and appear in both unified files."""
    listed = read(lab, "data/devices.json")
    assert [device["name"] for device in listed] == list(lab.devices)
    assert len({device["id"] for device in listed}) == 12
    topics = {f"zigbee2mqtt/{name}" for name in lab.devices}
    for unified in (readings_in_json(lab), readings_in_csv(lab)):
        assert topics <= {topic for _, topic, _ in unified}
    assert read(lab, "data/zigbee-data.json")["deviceCount"] == 12


def test_unified_files_differ_by_what_a_crash_lost(lab: DemoLab) -> None:
    """Few readings are in one file only, none is twice in a file, and the counts of what belongs to session 42 hold."""
    in_json, in_csv = readings_in_json(lab), readings_in_csv(lab)
    assert max(in_json.values()) == max(in_csv.values()) == 1
    session = read(lab, f"sessions/Session{lab.session_id}/session_data.json")
    expected = {f"zigbee2mqtt/{sensor['name']}" for sensor in session["selectedDevices"]["sensors"]}

    def belonging(unified: Counter[tuple[str, str, str]]) -> int:
        return sum(topic in expected and span(session).contains(parse_instant(when)) for when, topic, _ in unified)

    assert belonging(in_json | in_csv) == lab.readings > 40
    assert belonging(in_csv - in_json) == lab.only_in_csv > 0
    assert belonging(in_json - in_csv) == lab.only_in_json > 0
    assert sum((in_json & in_csv).values()) > 150


def test_csv_columns_repeat_the_payload(lab: DemoLab) -> None:
    """The columns hold what the payload says; motion is true, false or empty."""
    with (lab.root / "data/zigbee-sensors.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        payload = json.loads(row["payload"])
        for key in ("temperature", "humidity", "battery", "linkquality"):
            assert row[key] == str(payload.get(key, ""))
        assert row["motion"] == str(payload.get("occupancy", "")).lower()
        assert row["topic"] == f"zigbee2mqtt/{row['device_id']}"
    assert {row["motion"] for row in rows} == {"true", "false", ""}


def test_values_are_cached_and_actions_are_not() -> None:
    """As in Zigbee2MQTT, a message repeats the whole state but for actions; availability comes beside it."""
    published = zigbee_messages()
    by_topic = {sensor.topic: [m.payload for m in published if m.topic == sensor.topic] for sensor in SENSORS}
    for sensor in SENSORS:
        for payload in by_topic[sensor.topic]:
            assert set(sensor.state) | {"linkquality"} <= set(payload)
    vibration = by_topic["zigbee2mqtt/washing machine vibration"]
    assert ["action" in payload for payload in vibration] == [True, True, False, True]
    assert [payload.get("strength") for payload in vibration] == [14, 23, 23, 23]
    assert [m.payload["state"] for m in published if m.topic.endswith("/availability")] == ["offline", "online"]


def test_secrets_are_planted_where_labs_have_them(lab: DemoLab) -> None:
    """Each secret is in the lab, some in the session's own file, so their absence in an export proves something."""
    text = "".join((lab.root / "data" / name).read_text() for name in ("cameras.json", "users.json"))
    assert all(secret in text for secret in lab.secrets)
    assert "not-for-export" in (lab.root / f"sessions/Session{lab.session_id}/session_data.json").read_text()


@pytest.mark.thorough
def test_same_lab_on_every_run(lab: DemoLab, tmp_path: Path) -> None:
    """A second build has the same files, bytes and times."""
    again = build_demo_lab(tmp_path / "again")

    def state(root: Path) -> dict[str, tuple[int, bytes]]:
        files = [path for folder in ("data", "recordings", "sessions") for path in (root / folder).rglob("*")]
        return {str(f.relative_to(root)): (f.stat().st_mtime_ns, f.read_bytes()) for f in files if f.is_file()}

    assert state(again.root) == state(lab.root)


@pytest.mark.usefixtures("no_filming")
def test_unwritable_folder_is_a_target_error(tmp_path: Path) -> None:
    """Where the lab cannot be written, the error says so without telling an absolute path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match='"lab": Not a directory') as raised:
        build_demo_lab(tmp_path / "file" / "lab")
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.usefixtures("encoded_once")
def test_a_sample_lab_that_is_built_again_has_no_links(tmp_path: Path) -> None:
    """What was linked in the earlier sample lab is forgotten; a list that labcrate did not write stays as it is."""
    demo = build_demo_lab(tmp_path / "lab")
    register = demo.root / "sessions/Session42/recordings.json"
    entry = LinkedFile("", "recordings/a.mp4", 1, 1)
    register.write_bytes(encode_register([encode_entry(entry)]))
    build_demo_lab(tmp_path / "lab")
    assert not register.exists()
    register.write_text("{}")
    build_demo_lab(tmp_path / "lab")
    assert register.read_text() == "{}"
