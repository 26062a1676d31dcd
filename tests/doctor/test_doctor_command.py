"""``labcrate doctor``: every kind of finding, caused by real files in a lab of the platform's shape."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.platform_lab import (
    ADDRESS,
    CANARIES,
    PASSWORD,
    START,
    UUID,
    PlatformLab,
    as_iso,
    format_for_name,
    make_video,
)

from labcrate.cli.main import main
from labcrate.doctor.examine import secret_findings
from labcrate.doctor.file_findings import FileWithSecrets
from labcrate.doctor.findings import FindingKind, Severity
from labcrate.secrets.values import SecretKind

Doctor = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def built_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the lab in the platform's shape once, and return its folder."""
    return PlatformLab(tmp_path_factory.mktemp("platform") / "lab").build().root


@pytest.fixture
def platform(built_root: Path, tmp_path: Path) -> PlatformLab:
    """Copy that lab for one test to change."""
    return PlatformLab(Path(shutil.copytree(built_root, tmp_path / "lab")))


@pytest.fixture
def doctor(platform: PlatformLab, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Return a function that runs the command and returns the findings, of one kind if it is given."""

    def run(*arguments: str, kind: str | None = None) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert main(["doctor", *arguments, "--lab", str(platform.root), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        found: list[dict[str, Any]] = report["findings"]
        assert report["kinds"] == {kind: sum(f["kind"] == kind for f in found) for kind in report["kinds"]}
        for severity in Severity:
            assert report["counts"][f"{severity}s"] == sum(f["severity"] == severity for f in found)
        assert all(one["remedy"] for one in found)
        return [one for one in found if kind in (None, one["kind"])]

    return run


def only(found: list[dict[str, Any]], *words: str) -> dict[str, Any]:
    """Return the one finding whose sentence or places contain these words."""
    fitting = [one for one in found if all(word in one["what"] + " ".join(one["places"]) for word in words)]
    assert len(fitting) == 1, found
    return fitting[0]


def test_a_recording_whose_name_is_not_utf8_is_examined(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not UTF-8 beside a session with a text ID is shown escaped; it raised UnicodeEncodeError."""
    lab.session("P07")
    lab.recording("recordings/cam1_P07_\udcff.mp4")
    assert main(["doctor", "--lab", str(lab.root)]) == 0
    assert "cam1_P07_\\xff.mp4" in capsys.readouterr().out


def test_session_without_end_shows_its_bound_and_next_session(platform: PlatformLab, doctor: Doctor) -> None:
    """The finding gives the bound, its source, the next session's ID and start, and the ``--to`` that includes more."""
    found = only(doctor(kind="no end"), "Session7/sensor_data/temperature_sensors.csv")
    assert found["session"] == 7
    assert as_iso(START + timedelta(seconds=60)) in found["what"]
    assert f"next session (id 9) began at {as_iso(START + timedelta(minutes=40))}" in found["what"]
    assert found["command"] is None
    late = START + timedelta(minutes=45)
    platform.write(f"recordings/c05_session7-{format_for_name(late)}.mp4", make_video())
    found = only(doctor("7", kind="no end"), "no end")
    end = as_iso(late + timedelta(seconds=2))
    assert "The next session (id 9) began at" in found["what"]
    assert found["command"][:-2] == ["labcrate", "export", "7", "--to", end]
    assert "readings from the time of session 9" in found["remedy"]


def test_sessions_without_start_or_evidence_include_no_readings(platform: PlatformLab, doctor: Doctor) -> None:
    """Both are problems; undescribed and active sessions have their own findings."""
    platform.json(
        "data/sessions.json",
        {
            "20": {"id": 20, "startTime": None, "endTime": None, "status": "completed"},
            "21": {"id": 21, "startTime": as_iso(START + timedelta(days=3)), "status": "active"},
        },
    )
    platform.write(f"recordings/c05_session22-{format_for_name(START + timedelta(days=9))}.mp4", make_video())
    found = doctor(kind="no end")
    assert "no start" in only([f for f in found if f["session"] == 20], "no readings are included")["what"]
    assert (
        only([f for f in found if f["session"] == 21], "none of its recordings or sensor files")["severity"]
        == "problem"
    )
    assert only(doctor("21", kind="active session"), "still active")["severity"] == "warning"
    assert only(doctor(kind="description"), "No file describes session 22")


def test_clock_findings_give_count_and_largest_difference_per_camera(platform: PlatformLab, doctor: Doctor) -> None:
    """A container in local time and a name without a known zone are one finding for each camera."""
    found = only(doctor(kind="clock"), "cocina")
    assert "in 1 of 4 recordings, the sources of the start time differ by up to 2:00:00" in found["what"]
    assert "local time" in found["what"]
    assert found["places"] == ["recordings/c05_session8_20250610T184012Z.mp4"]
    assert "1 of 4" in only(doctor(kind="time zone"), "c05_session8_20250610183512.mp4")["what"]
    platform.write("labcrate.toml", 'time_zone = "Europe/Madrid"\n')
    assert doctor(kind="time zone") == []


def test_times_without_a_zone_are_found_in_every_file(platform: PlatformLab, doctor: Doctor) -> None:
    """Times without a zone are found in a session's description and in the lab's sensor files."""
    platform.json("data/sessions.json", {"30": {"startTime": "2025-06-12T08:00:00", "endTime": "2025-06-12T09:00:00Z"}})
    platform.write("data/zigbee-sensors.csv", "timestamp,topic,payload\n2025-06-10T15:30:20,zigbee2mqtt/x,1\n")
    found = doctor(kind="time zone")
    assert only(found, "startTime of the session has no time zone")["session"] == 30
    assert only(found, "data/zigbee-sensors.csv", "without a time zone")["session"] is None


def test_unreadable_rows_give_file_line_count_and_fault(platform: PlatformLab, doctor: Doctor) -> None:
    """Rows are counted by fault; a file that cannot be read at all is a finding of its own."""
    table = platform.root / "data/zigbee-sensors.csv"
    table.write_text(table.read_text() + 'not a time,zigbee2mqtt/a,b,"","","","","","{}"\n' * 3)
    found = only(doctor(kind="unread rows"), "the timestamp cannot be read")
    assert found["count"] == 3
    assert found["severity"] == "problem"
    assert found["places"][0].startswith("data/zigbee-sensors.csv, line ")
    platform.write("data/zigbee-data.json", '{"messages": {')
    assert only(doctor(kind="document"), "data/zigbee-data.json")["severity"] == "problem"


def test_invalid_files_and_ids_are_named(platform: PlatformLab, doctor: Doctor) -> None:
    """A broken file, a session described twice, an invalid ID and a folder named after one are all named."""
    platform.write("data/devices.json", "[{]")
    platform.json("data/sessions.json", {"bad/id": {"name": "x"}, "7": {"name": "another"}})
    platform.json("data/user_3/sessions.json", {"7": {"id": 7, "name": "someone else"}})
    (platform.root / "sessions/Session!").mkdir()
    (platform.root / "sessions/session 8/recordings").mkdir(parents=True)
    documents = doctor(kind="document")
    assert only(documents, "data/devices.json")["places"] == ["data/devices.json, line 1, column 3"]
    assert only(documents, "describes session 7 differently")["session"] == 7
    assert "bad/id" in only(doctor(kind="refused id"), "data/sessions.json")["what"]
    folders = doctor(kind="folder name")
    assert only(folders, "sessions/Session!")
    assert only(folders, "sessions/session 8")["remedy"] == "Rename it to sessions/Session8."


def test_near_misses_have_a_remedy_and_a_command_that_works(
    platform: PlatformLab, doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each near miss has its rule and a command with ``--lab``, which is on one line of the text and works."""
    platform.write(f"recordings/c05_007-{format_for_name(START + timedelta(seconds=20))}.mp4", make_video())
    platform.write("recordings/c05session8_x y.mp4", make_video())
    platform.write(f"recordings/c05_session9-{format_for_name(START)}.mkv", make_video(container="matroska"))
    found = doctor(kind="near miss")
    assert {one["rule"] for one in found} >= {"right time, no ID", "no separator", "not MP4"}
    assert only(found, "c05-5-")["session"] == 7
    assert main(["doctor", "--lab", str(platform.root)]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    command = next(line for line in lines if line.startswith("$ ") and "c05session8" in line).removeprefix("$ ")
    words = shlex.split(command)
    assert words == ["labcrate", "link", "8", "recordings/c05session8_x y.mp4", "--lab", str(platform.root)]
    assert main(words[1:]) == 0
    assert not [one for one in doctor(kind="near miss") if "c05session8" in one["places"][0]]


@pytest.mark.thorough
def test_a_session_has_the_same_findings_alone_and_in_the_lab(platform: PlatformLab, doctor: Doctor) -> None:
    """Near misses, bounds, recordings and files of a session are the same, examined alone or with the lab."""
    platform.write("recordings/c05session8_b.mp4", make_video())
    platform.write("recordings/c05_08_c.mp4", make_video())
    shared = {str(kind) for kind in FindingKind} - {
        "clock",
        "time zone",
        "unread rows",
        "secret",
    }  # findings about files, not sessions
    of_lab = doctor()
    for session in ("7", "8", "9", UUID):
        key = int(session) if session.isdigit() else session
        alone = [one for one in doctor(session) if one["kind"] in shared]
        assert alone == [one for one in of_lab if one["session"] == key and one["kind"] in shared]


def test_damaged_empty_and_doubtful_recordings_are_listed(platform: PlatformLab, doctor: Doctor) -> None:
    """Damaged and empty files, cameras that are not selected, and times outside the session are listed."""
    name = f"recordings/c05_session8-{format_for_name(START + timedelta(hours=3, minutes=1))}"
    platform.write(f"{name}-broken.mp4", make_video()[:300])
    platform.write(f"{name}-empty.mp4", b"")
    platform.write(f"recordings/t05_session7-{format_for_name(START + timedelta(days=2))}.mp4", make_video())
    platform.write(f"recordings/c05_session9-{format_for_name(START + timedelta(days=2))}.mp4", make_video())
    assert "broken" in only(doctor(kind="damaged recording"), "broken.mp4")["what"]
    assert only(doctor(kind="empty file"), "empty.mp4")["session"] == 8
    found = doctor("7", kind="recording")
    assert only(found, "camera taller", "not selected")["places"][0].startswith("recordings/t05_session7")
    assert only(doctor("9", kind="recording"), "outside the session's time")["count"] == 1


def test_unused_register_entries_shared_prefixes_and_silent_sensors_are_listed(
    platform: PlatformLab, doctor: Doctor
) -> None:
    """Entries for no file or for several, a prefix of two cameras, sensors and devices without readings are listed."""
    register = json.loads((platform.root / "data/user_2/recordings.json").read_text())
    register["32"] = {"filePath": "/srv/x/gone.mp4", "sessionId": 7, "cameraId": 5}
    register["33"] = {"filePath": "/srv/x/twice.mp4", "sessionId": 7, "cameraId": 5}
    platform.json("data/user_2/recordings.json", register)
    platform.write("recordings/a/twice.mp4", make_video())
    platform.write("recordings/b/twice.mp4", make_video(1))
    cameras = json.loads((platform.root / "data/user_2/cameras.json").read_text())
    cameras["6"]["recordingPrefix"] = "c05"
    platform.json("data/user_2/cameras.json", cameras)
    devices = json.loads((platform.root / "data/devices.json").read_text())
    platform.json("data/devices.json", [*devices, {"id": "0x00124b0022aa0009", "name": "silent"}])
    session = {"startTime": as_iso(START), "endTime": as_iso(START + timedelta(hours=1))}
    sensors = {"sensors": [{"id": "nowhere"}, {"id": "t-cocina"}]}
    platform.json("data/sessions.json", {"40": {**session, "selectedDevices": sensors}})
    found = doctor(kind="register")
    assert only(found, "gone.mp4")["places"] == ["data/user_2/recordings.json, key 32: gone.mp4"]
    assert only(found, "twice.mp4")["severity"] == "warning"
    assert "cocina" in only(doctor(kind="shared prefix"), "prefix c05")["what"]
    found = doctor(kind="sensor")
    assert only(found, "session 40", "nowhere")["severity"] == "warning"
    assert only(found, f"session {UUID}", "t-cocina")["severity"] == "hint"
    assert only(found, "devices.json")["places"] == ["silent"]


def test_a_link_by_hand_whose_file_changed_is_a_problem(platform: PlatformLab, doctor: Doctor) -> None:
    """An entry of ``labcrate link`` is for exactly one file: if the file changed, an export refuses it."""
    entry = {"file": "recordings/odd.mp4", "sizeBytes": 5, "modifiedNs": "1", "folder": ""}
    platform.json("sessions/Session8/recordings.json", {"writtenBy": "labcrate link", "recordings": [entry]})
    platform.write("recordings/odd.mp4", make_video())
    finding = only(doctor("8", kind="missing file"), "recordings/odd.mp4")
    assert (finding["session"], finding["severity"]) == (8, "problem")


def test_a_missing_file_of_a_recorder_is_a_problem_of_its_session(platform: PlatformLab, doctor: Doctor) -> None:
    """A session's findings include what its plan lists as missing, also when a recorder's folder or file is gone."""
    entry = {"file": "2025-05-02/08/kitchen/00.00.mp4", "sizeBytes": 5, "modifiedNs": "1", "folder": "nvr"}
    platform.json("sessions/Session8/recordings.json", {"writtenBy": "labcrate link", "recordings": [entry]})
    for gone in (True, False):
        platform.write("labcrate.toml", '[[recorder]]\nname = "nvr"\ntype = "frigate"\nfolder = "nvr"\n')
        found = doctor("8", kind="missing file")
        assert only(found, "nvr: 2025-05-02/08/kitchen/00.00.mp4", "does not exist" if gone else "no longer exists")
        assert any("The folder of the recorder nvr" in one["what"] for one in doctor(kind="settings")) is gone
        (platform.root / "nvr").mkdir(exist_ok=True)


def test_unknown_cameras_in_the_settings_are_warnings(platform: PlatformLab, doctor: Doctor) -> None:
    """Both a camera's table and a recorder's entry are warnings, with the nearest ID or all IDs."""
    platform.write(
        "labcrate.toml",
        '[cameras.99]\nname = "x"\n[[recorder]]\nname = "nvr"\ntype = "frigate"\nfolder = "recordings"\n'
        "cameras = { kitchen = 77, hall = 5 }\n",
    )
    found = doctor(kind="settings")
    assert only(found, "cameras.99", "no camera with the ID 99")["severity"] == "warning"
    assert "Correct the ID" in only(found, "recorder nvr: cameras.kitchen", "77")["remedy"]
    assert len(found) == 2


def test_unlinked_and_excluded_files_are_listed(platform: PlatformLab, doctor: Doctor) -> None:
    """Files below recordings/, in sessions/ and in a session's folder are listed; sidecars and excluded files not."""
    platform.write("recordings/notes.txt", "x")
    platform.write("recordings/other.mp4", make_video(), START + timedelta(days=90))
    platform.write("recordings/other.avi", b"x")
    platform.write("recordings/test/x.txt", "x")
    platform.write("sessions/readme.txt", "x")
    platform.write("sessions/old/data.csv", "x")
    platform.write("sessions/Session7/copy.edf.part", "x")
    platform.write("labcrate.toml", 'exclude = ["recordings/test/", "nothing/**", "sessions/Session8/wearable/"]\n')
    places = {one["rule"]: one["places"] for one in doctor(kind="unknown file")}
    assert places == {
        "other": ["recordings/notes.txt"],
        "recording": ["recordings/other.mp4"],
        "video": ["recordings/other.avi"],
        "stray": ["sessions/readme.txt", "sessions/old/data.csv"],
    }
    found = doctor(kind="kept out")
    assert only(found, "copy.edf.part")["severity"] == "warning"
    assert only(found, "Thumbs.db")["severity"] == "hint"
    assert "nothing/**" in only(doctor(kind="exclude"), "labcrate.toml")["what"]


def test_links_and_unreadable_folders_are_problems(platform: PlatformLab, doctor: Doctor) -> None:
    """Symbolic links and pipes are findings."""
    (platform.root / "recordings/elsewhere").symlink_to("/nowhere")
    os.mkfifo(platform.root / "recordings/pipe")
    found = doctor(kind="missing file")
    assert "symbolic link" in only(found, "recordings/elsewhere")["what"]
    assert only(found, "recordings/pipe")["severity"] == "warning"


def test_invalid_settings_are_a_finding_and_hide_no_other(platform: PlatformLab, doctor: Doctor) -> None:
    """Missing settings are a hint with the command that creates them; invalid ones are a problem beside all others."""
    assert doctor(kind="settings")[0]["command"][:2] == ["labcrate", "init"]
    platform.write("labcrate.toml", "time_zon = 5\n")
    found = doctor()
    assert only([f for f in found if f["kind"] == "settings"], "time_zon")["severity"] == "problem"
    assert {"no end", "near miss", "clock"} <= {one["kind"] for one in found}
    platform.write("labcrate.toml", "")
    assert doctor(kind="settings") == []


def test_files_with_secrets_are_named_with_kinds_and_no_values() -> None:
    """A finding about secrets gives the file and the kinds, never a value."""
    kinds = (SecretKind.CAMERA_PASSWORD, SecretKind.STREAM_URL)
    found, other = secret_findings(
        FileWithSecrets(f"sessions/Session7/{name}", kinds, name == "notes.txt", "7")
        for name in ("notes.txt", "report.pdf")
    )
    assert (found.kind, found.session) == (FindingKind.SECRET, "7")
    assert found.what == "sessions/Session7/notes.txt contains a camera's password and a stream URL."
    assert "Export with --redact" in found.remedy
    assert "--redact cannot remove it" in other.remedy
    assert "exclude" in found.remedy
    assert "exclude" in other.remedy


def test_a_refused_id_is_not_shown_as_the_next_session(platform: PlatformLab, doctor: Doctor) -> None:
    """Only valid IDs are named as the next session, each with ``id`` before it: ``open`` may be an ID."""
    start = as_iso(START + timedelta(minutes=10))
    platform.json(
        "data/sessions.json",
        {
            "open": {"id": "open", "startTime": start, "status": "completed"},
            "../no": {"id": "../no", "startTime": start},
            "7": {"id": 7, "startTime": as_iso(START), "endTime": None, "status": "completed"},
        },
    )
    assert f"The next session (id open) began at {start}" in only(doctor("7", kind="no end"), "no end")["what"]


def test_no_finding_shows_a_secret_or_an_absolute_path(
    platform: PlatformLab, doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    """No finding shows a secret, an address or an absolute path, even if names and invalid values contain them."""
    url = f"rtsp://operator:{PASSWORD}@{ADDRESS}:554/live"
    platform.json(
        "data/sessions.json",
        {"50": {"startTime": url}, f"x{PASSWORD}/": {}, "51": {"startTime": "/srv/data/users.json"}},
    )
    platform.write(f"recordings/c05session8_{PASSWORD}.mp4", make_video())
    platform.write(f"recordings/{ADDRESS}.txt", "x")
    found = doctor()
    assert {50, 51} <= {one["session"] for one in found}
    for one in found:
        one["command"] = one["command"] and one["command"][:-2]
    assert main(["doctor", "--all", "--lab", str(platform.root)]) == 0
    text = capsys.readouterr().out.replace(f"--lab {platform.root}", "")
    for canary in (*CANARIES, "/srv/data", str(platform.root), "/app/recordings"):
        assert canary not in json.dumps(found)
        assert canary not in text


def test_the_text_fits_80_columns_and_shows_ten_findings_of_a_kind(
    platform: PlatformLab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sentences are wrapped at 80 columns, commands are not; ``--all`` shows all; the last line has the counts."""
    for number in range(25):
        platform.write(f"recordings/c05session8_{number:02}.mp4", b"x")
        platform.write(f"recordings/note{number:02}.txt", b"x")
    assert main(["doctor", "--lab", str(platform.root)]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if len(line) > 80 and "/" not in line] == []
    assert text.count("$ labcrate link ") == 10
    assert text.count("recordings/note") == 10
    assert "no separator: 25" in text
    assert "... and 16 more" in text  # near misses, one of another session
    assert "... and 15 more" in text
    assert text.splitlines()[-1].startswith("Problems: ")
    assert main(["doctor", "--all", "--lab", str(platform.root)]) == 0
    text = capsys.readouterr().out
    assert text.count("$ labcrate link 8 ") == 25
    assert text.count("recordings/note") == 25
    assert "more" not in text.splitlines()[-1]


def test_a_missing_lab_or_session_is_one_sentence(
    platform: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a missing lab or session is an error of the command."""
    (tmp_path / "empty").mkdir()
    assert main(["doctor", "--lab", str(tmp_path / "empty")]) == 3
    assert main(["doctor", "99", "--lab", str(platform.root)]) == 5
    assert "There is no session 99" in capsys.readouterr().err


def test_a_lab_without_faults_has_only_hints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One fully described session with settings has no findings but hints."""
    lab = PlatformLab(tmp_path / "lab")
    lab.write("labcrate.toml", "")
    lab.json("data/sessions.json", {"1": {"startTime": as_iso(START), "endTime": as_iso(START + timedelta(hours=1))}})
    lab.write(f"recordings/cam1_session1-{format_for_name(START + timedelta(minutes=1))}.mp4", make_video())
    lab.json("data/cameras.json", {"1": {"name": "one", "recordingPrefix": "cam1"}})
    assert main(["doctor", "--lab", str(lab.root)]) == 0
    assert capsys.readouterr().out == "No problems found in the lab.\n"
