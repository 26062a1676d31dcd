"""The export of a session to a ZIP on the command line."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labcrate.index.catalog import Catalog

ORDER = [
    "README.txt",
    "data/session_metadata.json",
    "data/devices.json",
    "data/zigbee-data.json",
    "data/zigbee-sensors.csv",
    "data/sensor_data/sensor_readings.json",
    "data/sensor_data/sensor_readings.csv",
    "data/recordings.csv",
    "ro-crate-metadata.json",
    "datapackage.json",
    "manifest-sha256.txt",
]
SECRETS = ("s3cret-password", "lab-user", "192.0.2.77", "$argon2id$")


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV in the archive."""
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def tree(root: Path) -> dict[str, tuple[int, str]]:
    """Return modification time and hash of every file of the lab except labcrate's own."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".labcrate" not in path.parts
    }


def test_a_session_becomes_one_zip(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The ZIP contains all documents in order, then this session's recordings unchanged, and nothing else."""
    before = tree(usual_lab.root)
    target = tmp_path / "out.zip"
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", target)
    assert (outcome.code, outcome.err) == (0, "")
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [*ORDER, "recordings/any.mp4", "recordings/cam1_session42_a.mp4"]
        assert archive.testzip() is None
        assert archive.read("recordings/any.mp4") == usual_lab.clip
    assert tree(usual_lab.root) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lab", "out.zip"]


def test_readings_are_the_union_inside_the_session(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Both files have each reading from start to end of the session once, whichever file of the lab it is in."""
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        table = rows(archive, "data/zigbee-sensors.csv")
        messages = json.loads(archive.read("data/zigbee-data.json"))["messages"]
        long = rows(archive, "data/sensor_data/sensor_readings.csv")
    assert [row["timestamp"] for row in table] == [
        "2025-05-02T08:00:00.000Z",
        "2025-05-02T08:02:00.000Z",
        "2025-05-02T08:05:00.000Z",
    ]
    assert {topic: len(entries) for topic, entries in messages.items()} == {
        "zigbee2mqtt/door": 2,
        "zigbee2mqtt/hall/climate": 1,
    }
    assert {(row["device_id"], row["property"], row["value"], row["unit"]) for row in long} >= {
        ("hall/climate", "temperature", "21.5", "°C"),
        ("door", "battery", "90", "%"),
    }


def test_no_secret_leaves(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """No password, user name, address, user table or absolute path is in the archive or the output."""
    usual_lab.session(
        42,
        description="camera at rtsp://lab-user:s3cret-password@192.0.2.77/main",
        metadata={"notes": f"stored in {usual_lab.root}", "credentials": {"x": "s3cret-password"}},
    )
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    plan = cli("plan", "42", "--lab", usual_lab.root, "--json")
    data = (tmp_path / "out.zip").read_bytes()
    for text in (*SECRETS, str(usual_lab.root)):
        assert text.encode() not in data
        assert text not in plan.out
        assert text not in outcome.out
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        metadata = json.loads(archive.read("data/session_metadata.json"))
    assert metadata["session"]["removedKeys"] == ["description", "metadata.credentials", "metadata.notes"]


def test_the_same_session_gives_the_same_bytes(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Two exports have the same bytes, even if the index was deleted and other sessions got new data."""
    first = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip", "--json").json
    (usual_lab.root / ".labcrate" / "index.db").unlink()
    usual_lab.session(43)
    usual_lab.recording("recordings/cam1_session43_x.mp4")
    usual_lab.json("data/devices.json", [{"id": "0x01", "name": "door", "type": "EndDevice", "battery": 12}])
    stat = (usual_lab.root / "data/zigbee-sensors.csv").stat()
    os.utime(usual_lab.root / "data/zigbee-sensors.csv", ns=(0, stat.st_mtime_ns + 10**12))
    second = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "b.zip", "--json").json
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert first["etag"] == second["etag"]


def test_the_plan_tells_the_size_to_the_byte(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The size in plan and layout, before anything is hashed, is the size of the exported ZIP."""
    plan = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    layout = cli("layout", "42", "--lab", usual_lab.root, "--json").json
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    size = (tmp_path / "out.zip").stat().st_size
    assert plan["sizeBytes"] == layout["total_bytes"] == size
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
    assert {m["name"]: m["header_offset"] for m in layout["members"]} == offsets


def test_verify_finds_the_archive_whole_and_any_change(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """verify accepts an exported archive, and names the member if one of its bytes is changed."""
    target = tmp_path / "out.zip"
    made = cli("export", "42", "--lab", usual_lab.root, "-o", target, "--json").json
    archive_id = made["etag"].strip('"')
    assert f"(as in the export log): {archive_id}\n" in cli("verify", target).out
    assert cli("verify", target, "--json").json["etag"] == made["etag"]
    data = bytearray(target.read_bytes())
    at = data.index(usual_lab.clip[-64:])
    data[at] ^= 1
    target.write_bytes(data)
    outcome = cli("verify", target)
    assert outcome.code == 9
    assert "recordings/any.mp4" in outcome.out
    assert "ETag" not in outcome.out
    assert "does not match its manifest" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["export", "41"], 5, "There is no session 41 in this lab. The lab's sessions: 7, 42. The closest ID is 42."),
        (["export", "forty"], 5, "There is no session forty in this lab. The lab's sessions: 7, 42."),
        (["export", "../42"], 2, "'../42' is not a session ID: an ID has 1 to 64 letters, digits"),
        (["export", "042"], 2, "'042' is not a session ID"),
        (["export", "x" * 65], 2, "is not a session ID"),
        (["exprt", "42"], 2, "Did you mean 'export'?"),
        (["export", "42", "--pad", "soon"], 2, "'soon' is not a duration"),
        (["export", "42", "--nothing"], 2, "unrecognized arguments: --nothing"),
    ],
)
def test_wrong_arguments(usual_lab: Any, cli: Any, arguments: list[str], code: int, message: str) -> None:
    """A wrong argument gives one sentence with the remedy and the exit code of its class, without a traceback."""
    outcome = cli(*arguments, "--lab", usual_lab.root) if arguments[0] == "export" else cli(*arguments)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_an_existing_target_is_kept_unless_forced(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """An existing file is not overwritten without --force."""
    target = tmp_path / "out.zip"
    target.write_text("mine")
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", target)
    assert (outcome.code, target.read_text()) == (8, "mine")
    assert "--force" in outcome.err
    assert cli("export", "42", "--lab", usual_lab.root, "-o", target, "--force").code == 0
    assert zipfile.is_zipfile(target)


def test_a_file_of_the_lab_is_never_replaced(usual_lab: Any, cli: Any) -> None:
    """Even --force replaces no recording, no document and nothing in .labcrate, but an older archive in the lab."""
    outside = usual_lab.root.parent / "way-into-the-lab"
    outside.symlink_to(usual_lab.root / "recordings")
    files = [path for path in usual_lab.root.rglob("*") if path.is_file()]
    assert len(files) > 3
    for target in [*files, outside / next(path.name for path in files if path.parent.name == "recordings")]:
        before = target.read_bytes()
        outcome = cli("export", "42", "--lab", usual_lab.root, "-o", target, "--force")
        assert (outcome.code, target.read_bytes()) == (8, before)
        assert "is a file of the lab, and labcrate never replaces a file of the lab" in outcome.err
    own = usual_lab.root / "sessions" / "out.zip"
    for _ in range(2):
        assert cli("export", "42", "--lab", usual_lab.root, "-o", own, "--force").code == 0


def test_an_active_session_is_refused_and_says_what_to_do(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """An active session is incomplete: it is not exported by default, and an allowed export says so everywhere."""
    usual_lab.session(42, status="active", endTime=None)
    target = tmp_path / "out.zip"
    refused = cli("export", "42", "--lab", usual_lab.root, "-o", target)
    assert refused.code == 6
    assert "still active" in refused.err
    assert "--allow-incomplete" in refused.err
    assert not target.exists()
    allowed = cli("export", "42", "--lab", usual_lab.root, "-o", target, "--allow-incomplete", "--json").json
    with zipfile.ZipFile(target) as archive:
        metadata = json.loads(archive.read("data/session_metadata.json"))
        readme = archive.read("README.txt").decode()
    assert allowed["state"] == metadata["state"] == "incomplete"
    assert "State of this archive: incomplete" in readme


def test_a_linked_symbolic_link_makes_the_export_incomplete(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A symbolic link named after the session is not followed, and is reported as missing."""
    stranger = tmp_path / "stranger.mp4"
    stranger.write_bytes(b"stranger")
    (usual_lab.root / "recordings/cam2_session42_link.mp4").symlink_to(stranger)
    target = tmp_path / "out.zip"
    refused = cli("export", "42", "--lab", usual_lab.root, "-o", target)
    assert refused.code == 6
    assert "recordings/cam2_session42_link.mp4 is a symbolic link" in refused.err
    cli("export", "42", "--lab", usual_lab.root, "-o", target, "--allow-incomplete")
    with zipfile.ZipFile(target) as archive:
        assert "recordings/cam2_session42_link.mp4" not in archive.namelist()
        assert "MISSING: recordings/cam2_session42_link.mp4" in archive.read("README.txt").decode()
    assert b"stranger" not in target.read_bytes()


def test_a_link_to_a_folder_of_recordings_is_told(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A linked folder below recordings/ is not searched, and the plan says so."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "cam1_session42_far.mp4").write_bytes(usual_lab.clip)
    (usual_lab.root / "recordings/far").symlink_to(outside)
    plan = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    assert "recordings/far is a symbolic link to a folder; it was not searched for recordings." in plan["warnings"]
    assert plan["leftOut"]["symbolic link"] == 1
    assert not any("far" in member["name"] for member in plan["members"])


def test_near_misses_are_shown_and_never_named_in_the_archive(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The output shows a near miss with its remedy; the archive does not contain its name."""
    usual_lab.recording("recordings/garden_session42_x.mp4")
    usual_lab.recording("recordings/cam1_20250502T0802.mp4")
    plan = cli("plan", "42", "--lab", usual_lab.root)
    assert "near miss (unknown prefix): recordings/garden_session42_x.mp4" in plan.out
    assert "near miss (right time, no ID): recordings/cam1_20250502T0802.mp4" in plan.out
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    data = (tmp_path / "out.zip").read_bytes()
    assert b"garden" not in data
    assert b"cam1_20250502T0802" not in data


def test_a_session_that_no_file_describes(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A session that only a recording's name refers to is exported, with a warning."""
    outcome = cli("export", "7", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--json")
    assert outcome.json["state"] == "complete, with warnings"
    assert any("No file of the lab describes session 7" in w for w in outcome.json["warnings"])
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert [n for n in archive.namelist() if n.endswith(".mp4")] == ["recordings/cam1_session7_a.mp4"]


def test_same_names_from_both_places(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Two files of one name are included once if they have the same bytes, otherwise under two names."""
    usual_lab.recording("recordings/cam1_session42_same.mp4")
    usual_lab.recording("sessions/Session42/recordings/cam1_session42_same.mp4")
    usual_lab.recording("recordings/cam1_session42_two.mp4")
    usual_lab.recording("sessions/Session42/recordings/cam1_session42_two.mp4", content=usual_lab.clip + b"\0" * 8)
    usual_lab.recording("recordings/CAM1_session42_A.mp4")
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        videos = [n for n in archive.namelist() if n.endswith(".mp4")]
        by_file = {r["file"]: r for r in json.loads(archive.read("data/session_metadata.json"))["recordings"]}
    assert sorted(videos) == sorted([
        "recordings/CAM1_session42_A.mp4",
        "recordings/any.mp4",
        "recordings/cam1_session42_a~2.mp4",
        "recordings/cam1_session42_same.mp4",
        "recordings/cam1_session42_two.mp4",
        "recordings/cam1_session42_two~2.mp4",
    ])  # fmt: skip
    assert by_file["recordings/cam1_session42_same.mp4"]["alsoAt"] == [
        "sessions/Session42/recordings/cam1_session42_same.mp4"
    ]
    assert by_file["recordings/cam1_session42_a~2.mp4"]["source"] == "recordings/cam1_session42_a.mp4"


def test_hard_links_are_one_recording_without_being_read(
    usual_lab: Any, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hard links of one file are included once, and the plan shows this without reading them."""
    one, two = "recordings/cam1_session42_x.mp4", "sessions/Session42/recordings/cam1_session42_x.mp4"
    (usual_lab.root / two).hardlink_to(usual_lab.recording(one))
    with monkeypatch.context() as patched:
        patched.setattr("labcrate.index.indexing.fixity_of", None)
        plan = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist().count("recordings/cam1_session42_x.mp4") == 1
        metadata = json.loads(archive.read("data/session_metadata.json"))
    assert {r["file"]: r["alsoAt"] for r in metadata["recordings"]}["recordings/cam1_session42_x.mp4"] == [two]
    assert plan["sizeBytes"] == (tmp_path / "out.zip").stat().st_size


def test_names_of_any_bytes(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A recording whose name is not UTF-8, or invalid on Windows, gets a safe name; the metadata have the original."""
    for name in (b"cam1_session42_k\xfcche.mp4", b"cam1_session42_10:15?.mp4"):
        usual_lab.recording(f"recordings/{os.fsdecode(name)}")
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--json")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {"recordings/cam1_session42_k_che.mp4", "recordings/cam1_session42_10_15_.mp4"} < set(archive.namelist())
    assert any("k\\xfcche" in warning for warning in outcome.json["warnings"])


def test_the_sessions_own_sensor_files_go_in_as_they_are(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Own sensor_readings files replace those that labcrate would write; other files are included unchanged."""
    own = {
        "sensor_readings.csv": "timestamp,sensorId,temperature\n",
        "deep/notes.txt": "n",
        "sensor_readings.json": "{",
    }
    for name, content in own.items():
        usual_lab.write(f"sessions/Session42/sensor_data/{name}", content)
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip").code == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        for name, content in own.items():
            assert archive.read(f"data/sensor_data/{name}").decode() == content


def test_no_reading_inside_is_told_with_the_nearest(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Without readings in the session's time both files have only headers; the warning shows the nearest readings."""
    usual_lab.session(42, startTime="2025-05-03T08:00:00Z", endTime="2025-05-03T09:00:00Z")
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--json").json
    (warning,) = [w for w in outcome["warnings"] if "reading" in w]
    assert "5" in warning
    assert "2025-05-02T08:05:00.001Z" in warning
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert json.loads(archive.read("data/zigbee-data.json")) == {
            "messages": {}, "topics": [], "deviceCount": 0, "lastUpdated": None,
        }  # fmt: skip
        header = archive.read("data/zigbee-sensors.csv").decode()
    assert header == "timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload,session\n"


@pytest.mark.parametrize(("option", "count"), [(["--pad", "1s"], 5), (["--readings", "all"], 5), ([], 3)])
def test_a_wider_window(usual_lab: Any, cli: Any, tmp_path: Path, option: list[str], count: int) -> None:
    """--pad extends the time on both sides, --readings all includes all readings; README and metadata say so."""
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", *option)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert len(rows(archive, "data/zigbee-sensors.csv")) == count
        window = json.loads(archive.read("data/session_metadata.json"))["readings"]["window"]
        readme = archive.read("README.txt").decode()
    assert window["all"] == ("all" in option)
    assert ("All readings of the lab" in readme) == ("all" in option)


def test_selected_sensors_only(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A session with selected sensors includes only their readings; a sensor without any is named."""
    usual_lab.session(42, selectedDevices={"sensors": [{"id": "0x01", "name": "door"}, {"name": "oor"}]})
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--json").json
    assert outcome["readings"] == 2
    assert any("oor" in warning for warning in outcome["warnings"])


def test_a_half_written_sensor_file_makes_the_export_incomplete(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """An unreadable unified file is reported with its line; the rest is exported only on request."""
    file = usual_lab.root / "data/zigbee-data.json"
    file.write_bytes(file.read_bytes()[:-40])
    refused = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    assert refused.code == 6
    assert "data/zigbee-data.json" in refused.err
    allowed = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--allow-incomplete", "--json")
    assert (allowed.code, allowed.json["state"], allowed.json["readings"]) == (0, "incomplete", 3)


def test_sessions_lists_all_of_them(usual_lab: Any, cli: Any) -> None:
    """The list has described sessions, those with a folder, and those that only file names refer to."""
    (usual_lab.root / "sessions/Session9").mkdir()
    usual_lab.write("sessions/Session10/session_data.json", "{")
    listed = {row["id"]: row for row in cli("sessions", "--lab", usual_lab.root, "--json").json}
    assert sorted(listed) == [7, 9, 10, 42]
    assert (listed[42]["recordings"], listed[42]["sizeBytes"]) == (2, 2 * len(usual_lab.clip))
    assert listed[42]["durationSeconds"] == 300
    assert "is not valid JSON" in listed[10]["warnings"][0]
    assert cli("sessions", "--lab", usual_lab.root).code == 0


def test_index_is_used_by_export(usual_lab: Any, cli: Any) -> None:
    """index computes what export needs and prints how much; a second run reads nothing."""
    first = cli("index", "--lab", usual_lab.root, "--json").json
    assert first == {"indexed": 3, "sizeBytes": 3 * len(usual_lab.clip), "readings": None, "failed": {}}
    assert cli("index", "42", "--lab", usual_lab.root).out.startswith("2 files indexed")


def test_index_forgets_what_is_gone_and_nothing_else(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Indexing the whole lab deletes the record of a removed recording, but not those of files in sensor_data."""
    usual_lab.write("sessions/Session42/sensor_data/notes.txt", "seen from the door")
    gone = usual_lab.recording("recordings/cam1_session42_gone.mp4")
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip").code == 0
    gone.unlink()
    assert cli("index", "--lab", usual_lab.root).code == 0
    with Catalog.open(usual_lab.root / ".labcrate") as catalog:
        known = set(catalog.all())
    assert "sessions/Session42/sensor_data/notes.txt" in known
    assert "recordings/cam1_session42_gone.mp4" not in known


def test_a_stopped_export_leaves_nothing_behind(
    usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    """Ctrl-C during an export leaves no partial or temporary file, and exits with 130."""
    from labcrate.archive import copying  # noqa: PLC0415 - patched for this test alone

    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(copying, "_write_all", stop)
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    assert outcome.code == 130
    assert [p.name for p in tmp_path.iterdir()] == ["lab"]
    assert list((usual_lab.root / ".labcrate").glob("document*")) == []


def test_the_installed_command_starts(tmp_path: Path) -> None:
    """``python -m labcrate`` prints the first steps; outside a lab the error says what a lab folder is."""
    started = subprocess.run(
        [sys.executable, "-m", "labcrate"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "labcrate demo" in started.stdout
    lost = subprocess.run(
        [sys.executable, "-m", "labcrate", "sessions"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (lost.returncode, lost.stdout) == (3, "")
    assert "is not a lab folder" in lost.stderr


def test_a_selected_camera_without_a_recording_is_named(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A selected camera without a recording gives a warning, unless a recording of an unknown camera may be its."""

    def warnings() -> list[str]:
        return [
            one for one in cli("plan", "42", "--lab", usual_lab.root, "--json").json["warnings"] if "selected" in one
        ]

    assert warnings() == []  # nobody knows which camera any.mp4 is of
    (usual_lab.root / "sessions/Session42/recordings/any.mp4").unlink()
    said = "Camera Camera 2 was selected for the session, but no recording of it belongs to the session."
    assert warnings() == [said]
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip")
    assert (outcome.code, "complete, with warnings" in outcome.out) == (0, True)
    sensors = cli("plan", "42", "--lab", usual_lab.root, "--json", "--only", "sensors").json
    assert said not in sensors["warnings"]
    usual_lab.recording("recordings/cam2_session42_b.mp4")
    assert warnings() == []
