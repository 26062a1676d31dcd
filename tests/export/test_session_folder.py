"""All of a session's own folder is exported, under names that every system holds, and what stays out is named."""

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import warnings
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av
import jsonschema
import pytest

from labcrate.archive.layout import name_problem
from labcrate.export.prepare import prepare_archive
from labcrate.messages.message import Message
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.readings.write.columns import Column

OWN = "sessions/Session42"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/spec/session_metadata.schema.json").read_text())
ODD_NAMES = [
    "ملاحظات/مراقب.txt",
    "観察/記録.pdf",
    "👩‍🔬/note 😀.txt",
    "line\nbreak.txt",
    "\u202egnp.exe",
    "CON/aux.txt",
    "nul .txt",
    "autorun.inf",
    "trailing. /dot.",
    'a<b>:"|?*.csv',
    "back\\slash.txt",
    os.fsdecode(b"latin-\xe9.txt"),
    "x" * 251 + ".csv",
    "Case/A.txt",
    "case/a.txt",
    os.fsdecode("cafe\u0301.txt".encode()),
    "caf\u00e9.txt",
    "wear/README.txt",
    "wear~2",
]
LEFT_OUT = {
    "session_data.json": "description",
    "config.json": "description",
    "session_form_data.json": "description",
    "session_files.json": "description",
    "recordings.json": "register",
    "Thumbs.db": "system file",
    "photos/THUMBS.DB": "system file",
    "desktop.ini": "system file",
    "wear/@eaDir/": "system file",
    ".DS_Store": "hidden file",
    ".git/": "hidden file",
    "recordings/._any.mp4": "hidden file",
    "~$protocol.docx": "lock file",
    "recordings/late.mp4.part": "unfinished copy",
    "empty.csv": "empty",
    "recordings/empty.mp4": "empty",
    "elsewhere.edf": "symbolic link",
    "pipe": "no file",
    "socket": "no file",
    "Session42.zip": "labcrate archive",
    "old/morning.ZIP": "labcrate archive",
}


def remuxed(clip: bytes, container: str) -> bytes:
    """Return a clip in another container, its pictures as they are."""
    remuxed_file = io.BytesIO()
    with av.open(io.BytesIO(clip), "r") as source, av.open(remuxed_file, "w", format=container) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return remuxed_file.getvalue()


def export(cli: Any, lab: Any, target: Path, *words: str) -> Any:
    """Export session 42, and see that it went well."""
    outcome = cli("export", "42", "--lab", lab.root, "-o", target, *words)
    assert outcome.code == 0, outcome.err
    return outcome


def metadata_of(path: Path) -> Any:
    """Return the metadata of an archive, found valid."""
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("data/session_metadata.json"))
    jsonschema.validate(metadata, SCHEMA)
    return metadata


@pytest.fixture
def full_lab(usual_lab: Any, cli: Any, tmp_path: Path) -> Any:
    """Return a session's folder as labs fill them: measurements, voices, forms, video of other cameras, and rubbish."""
    write = usual_lab.write
    for name, content in {
        "wear/acc.csv": b"t,x\n1,2\n",
        "wear/deep/er/eeg.edf": b"0       " + bytes(range(256)),
        "voice.wav": b"RIFF\x24\0\0\0WAVEfmt ",
        "forms/consent.pdf": b"%PDF-1.7\n",
        "notes.json": b"{not json",
        "other/config.json": b"{}",
        "without suffix": b"1",
        "sensor_data/belt.csv": b"a;b\n1\n",
        "recordings/any-sensors.json": b'{"any": 1}',
        "mqtt_data/session_42_mqtt.log": b"started\n",
    }.items():
        write(f"{OWN}/{name}", content)
    write(f"{OWN}/phone.MOV", remuxed(usual_lab.clip, "mov"))
    write(f"{OWN}/recordings/cam2_x.mkv", remuxed(usual_lab.clip, "matroska"))
    write(f"{OWN}/tv/stream.ts", remuxed(usual_lab.clip, "mpegts"))
    write(f"{OWN}/tv/broken.avi", b"RIFF\x10\0\0\0AVI LIST")
    usual_lab.recording(f"{OWN}/deep/down/extra.mp4")
    write("recordings/cam1_session42_a-sensors.json", b'{"temperature": 21}')
    write("recordings/cam1_session7_a-sensors.json", b'{"stranger": 1}')
    return usual_lab


@pytest.fixture
def littered_lab(full_lab: Any, cli: Any, tmp_path: Path) -> Any:
    """Return the same folder with one file for every rule that keeps a file out."""
    for name in LEFT_OUT:
        if name.endswith("/"):
            full_lab.write(f"{OWN}/{name}one", "x")
            full_lab.write(f"{OWN}/{name}two/three", "x")
        elif not name.startswith(("session_data", "elsewhere", "pipe", "socket", "Session42", "old")):
            full_lab.write(f"{OWN}/{name}", "" if "empty" in name else "{}")
    export(cli, full_lab, tmp_path / "before.zip")
    (full_lab.root / OWN / "old").mkdir()
    shutil.copy(tmp_path / "before.zip", full_lab.root / OWN / "Session42.zip")
    (full_lab.root / OWN / "old/morning.ZIP").write_bytes((tmp_path / "before.zip").read_bytes()[:20_000])
    (tmp_path / "stranger.edf").write_text("stranger")
    (full_lab.root / OWN / "elsewhere.edf").symlink_to(tmp_path / "stranger.edf")
    os.mkfifo(full_lab.root / OWN / "pipe")
    with socket.socket(socket.AF_UNIX) as opened:
        here = Path.cwd()
        os.chdir(full_lab.root / OWN)  # a socket's path may have 108 bytes
        try:
            opened.bind("socket")
        finally:
            os.chdir(here)
    return full_lab


def test_everything_goes_to_its_place(full_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Video of any container goes to recordings/, sensor_data/ to its place, all else to data/session_files/."""
    target = tmp_path / "a.zip"
    export(cli, full_lab, target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        own = {name for name in names if name.startswith(("recordings/", "data/session_files/", "data/sensor_data/"))}
        assert own == {
            "recordings/any.mp4", "recordings/broken.avi", "recordings/cam1_session42_a.mp4", "recordings/cam2_x.mkv",
            "recordings/extra.mp4", "recordings/phone.MOV", "recordings/stream.ts",
            "data/sensor_data/belt.csv", "data/sensor_data/sensor_readings.csv",
            "data/sensor_data/sensor_readings.json",
            "data/session_files/forms/consent.pdf", "data/session_files/mqtt_data/session_42_mqtt.log",
            "data/session_files/notes.json", "data/session_files/other/config.json",
            "data/session_files/recordings/any-sensors.json",
            "data/session_files/recordings/cam1_session42_a-sensors.json", "data/session_files/voice.wav",
            "data/session_files/wear/acc.csv", "data/session_files/wear/deep/er/eeg.edf",
            "data/session_files/without suffix",
        }  # fmt: skip
        assert archive.read("data/session_files/wear/deep/er/eeg.edf")[8:] == bytes(range(256))
    manifest = names.index("manifest-sha256.txt")
    files = [name for name in names if name.startswith("data/session_files/")]
    assert names[manifest + 1 :] == files + sorted(name for name in names if name.startswith("recordings/"))
    assert files == sorted(files)
    assert cli("verify", target).code == 0


def test_each_file_is_described_everywhere(full_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Each file of the folder is in README, metadata, crate and data package, with media type and hash."""
    target = tmp_path / "a.zip"
    export(cli, full_lab, target)
    metadata = metadata_of(target)
    with zipfile.ZipFile(target) as archive:
        readme = archive.read("README.txt").decode()
        crate = {unquote(e["@id"]): e for e in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
        package = {r["path"]: r for r in json.loads(archive.read("datapackage.json"))["resources"]}
    described = {f["file"]: f for f in metadata["sessionFiles"]}
    assert len(described) == 10
    for name, file in described.items():
        assert name in readme
        assert crate[name]["encodingFormat"] == file["mediaType"] == package[name]["mediatype"]
        assert crate[name]["sha256"] == file["sha256"] == package[name]["hash"].removeprefix("sha256:")
    types = {name.rpartition("/")[2]: file["mediaType"] for name, file in described.items()}
    assert types["eeg.edf"] == "application/x-edf"
    assert (types["voice.wav"], types["consent.pdf"]) == ("audio/wav", "application/pdf")
    assert types["without suffix"] == "application/octet-stream"
    beside = described["data/session_files/recordings/cam1_session42_a-sensors.json"]
    assert beside["source"] == "recordings/cam1_session42_a-sensors.json"
    assert beside["description"] == "sensor data that the lab has next to cam1_session42_a.mp4"
    assert crate["recordings/phone.MOV"]["encodingFormat"] == "video/quicktime"
    assert crate["recordings/cam2_x.mkv"]["encodingFormat"] == "video/x-matroska"
    assert crate["recordings/stream.ts"]["encodingFormat"] == "video/mp2t"


def test_frictionless_and_rocrate_read_what_labs_bring(full_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A ragged CSV and a broken JSON of the lab are files of a valid package; the crate opens with all members."""
    from frictionless import Package  # noqa: PLC0415 - slow to import
    from rocrate.rocrate import ROCrate  # noqa: PLC0415

    full_lab.write(f"{OWN}/ragged.csv", "a,b\n1\n1,2,3\n")
    export(cli, full_lab, tmp_path / "a.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = Package(str(tmp_path / "a.zip")).validate()
        crate = ROCrate(str(tmp_path / "a.zip"))
    assert report.valid, report.flatten(["type", "message"])
    files = {unquote(entity.id) for entity in crate.get_by_type("File")}
    assert files == set(zipfile.ZipFile(tmp_path / "a.zip").namelist()) - {"ro-crate-metadata.json"}


def test_video_of_other_containers_is_looked_into(full_lab: Any, cli: Any, tmp_path: Path) -> None:
    """MOV, MKV and TS have length, codec and size in recordings.csv; a broken AVI goes in, marked unreadable."""
    export(cli, full_lab, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        rows = {r["file"]: r for r in csv.DictReader(io.StringIO(archive.read("data/recordings.csv").decode()))}
    whole = rows["recordings/any.mp4"]
    for name in ("phone.MOV", "cam2_x.mkv", "stream.ts"):
        row = rows[f"recordings/{name}"]
        assert (row["readable"], row["video_codec"], row["width"], row["height"]) == (
            "true", whole["video_codec"], whole["width"], whole["height"],
        )  # fmt: skip
        assert float(row["duration_s"]) == pytest.approx(float(whole["duration_s"]), abs=0.2)
        assert row["linked_by"] == "folder"
    assert rows["recordings/cam2_x.mkv"]["camera_id"] == "2"
    assert rows["recordings/broken.avi"]["readable"] == "false"
    assert rows["recordings/broken.avi"]["duration_s"] == ""


def test_what_stays_out_is_named_with_its_rule(littered_lab: Any, cli: Any, tmp_path: Path) -> None:
    """README, metadata, plan and plan --json name every file of the folder that stays out; none of it is inside."""
    target = tmp_path / "a.zip"
    output = export(cli, littered_lab, target).out
    metadata = metadata_of(target)
    named = {one["source"].removeprefix(f"{OWN}/"): one["rule"] for one in metadata["notTaken"]}
    assert named == LEFT_OUT
    assert {one["files"] for one in metadata["notTaken"] if one["source"].endswith("/")} == {2}
    with zipfile.ZipFile(target) as archive:
        readme = archive.read("README.txt").decode()
        assert not any(name.endswith((".zip", ".ZIP", ".part", ".db")) for name in archive.namelist())
    assert b"stranger" not in target.read_bytes()
    plan = cli("plan", "42", "--lab", littered_lab.root).out
    listed = cli("plan", "42", "--lab", littered_lab.root, "--json").json["notTaken"]
    assert listed == metadata["notTaken"]
    unwrapped = " ".join(readme.split("\nLeft out\n")[1].split())
    for name in LEFT_OUT:
        assert f"- {OWN}/{name}" in unwrapped
        assert f"  {OWN}/{name}" in plan
    assert "sessions/Session42/.git/ (2 files): hidden files are never exported." in unwrapped
    assert "no files missing" not in output
    assert output.count("  not exported: ") == 10
    assert "\n  and 6 more that are not exported\n" in output
    assert f"\n    labcrate plan 42 --lab {littered_lab.root}\n" in output


def test_nothing_is_missing_is_said_only_where_that_is_so(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """State, README and command mention near misses and files left out in the same breath, and count them right."""
    usual_lab.json(f"{OWN}/session_data.json", json.loads((usual_lab.root / OWN / "session_data.json").read_text()))

    def output() -> tuple[str, str, Any]:
        outcome = export(cli, usual_lab, tmp_path / "a.zip", "--force")
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            readme = " ".join(archive.read("README.txt").decode().split())
        return outcome.out, readme, metadata_of(tmp_path / "a.zip")

    out, readme, metadata = output()
    assert metadata["state"] == "complete"
    assert "no files missing, no warnings" in out
    assert "State of this archive: complete. Everything that belongs to the session is in it. Format" in readme
    usual_lab.recording("recordings/garden_session42_x.mp4")
    known = "Every file known to belong to the session is included."
    assert f"State of this archive: complete. {known} 1 more file in the lab may belong" in output()[1]
    (usual_lab.root / "recordings/garden_session42_x.mp4").unlink()
    usual_lab.write(f"{OWN}/Thumbs.db", "x")
    out, readme, metadata = output()
    assert metadata["state"] == "complete"
    assert "no files missing" not in out
    left = 'Every file that was to be exported is included. 1 file of the session was not exported. See "Left out".'
    assert f"State of this archive: complete. {left}" in readme
    usual_lab.recording("recordings/garden_session42_x.mp4")
    usual_lab.write(f"{OWN}/empty.csv", "")
    out, readme, metadata = output()
    assert (metadata["state"], metadata["nearMissCount"]) == ("complete, with warnings", 1)
    assert "no files missing" not in out
    assert (
        "State of this archive: complete, with warnings. Every file that was to be exported is included. "
        'See "Warnings". 2 files of the session were not exported. 1 more file in the lab may belong to the session '
        'and was not exported. See "Left out".'
    ) in readme
    assert b"garden" not in (tmp_path / "a.zip").read_bytes()
    plan = cli("plan", "42", "--lab", usual_lab.root).out
    assert "State: complete, with warnings; 2 files of the session were not exported, and 1 file elsewhere" in plan


def test_files_of_other_sessions_are_counted_and_named_on_request(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """plan counts the files of other sessions; with --left-out it names each of them, and never this session's."""
    usual_lab.write(f"{OWN}/note.txt", "x")
    usual_lab.recording("recordings/garden_session42_x.mp4")
    usual_lab.write("recordings/plan.txt", "x")
    for recording in ("cam1_session42_a", "cam1_session42_gone"):
        usual_lab.write(f"recordings/{recording}-sensors.json", "{}")
    before = cli("plan", "42", "--lab", usual_lab.root, "--json").json
    assert "leftOutFiles" not in before
    found = cli("plan", "42", "--lab", usual_lab.root, "--json", "--left-out").json
    assert found["leftOut"] == before["leftOut"] == {"other session": 1, "not a recording": 2}
    assert {one["file"]: one["rule"] for one in found["leftOutFiles"]} == {
        "recordings/cam1_session7_a.mp4": "other session",
        "recordings/plan.txt": "not a recording",
        "recordings/cam1_session42_gone-sensors.json": "not a recording",  # its recording is not there
    }
    packed = "data/session_files/recordings/cam1_session42_a-sensors.json"
    assert packed in [member["name"] for member in found["members"]]
    assert "cam1_session7_a.mp4" not in cli("plan", "42", "--lab", usual_lab.root).out
    assert "  recordings/cam1_session7_a.mp4: belongs to session 7\n" in (
        cli("plan", "42", "--lab", usual_lab.root, "--left-out").out
    )


@pytest.mark.parametrize(
    ("words", "files", "expected"),
    [
        (
            ("--only", "recordings"),
            0,
            "9 other files|1 sensor data file next to a recording|only recordings were chosen",
        ),
        (("--only", "sensors"), 1, "9 other files|only sensor data was chosen"),
        (("--sensor", "door"), 0, "9 other files|only some sensors were chosen"),
        (("--from", "2025-05-02T08:00:30Z"), 0, "9 other files|only some of the session's time was chosen"),
        (("--camera", "2"), 9, "1 sensor data file next to a recording|other cameras were chosen"),
        (("--camera", "1"), 10, ""),
    ],
)
def test_a_chosen_part_says_what_of_the_folder_it_leaves_out(
    full_lab: Any, cli: Any, tmp_path: Path, words: tuple[str, ...], files: int, expected: str
) -> None:
    """A part takes only the files that are of it: the folder's other files cannot be cut, and that is said."""
    export(cli, full_lab, tmp_path / "a.zip", *words)
    metadata = metadata_of(tmp_path / "a.zip")
    assert len(metadata["sessionFiles"]) == files
    not_chosen = " ".join(metadata["selection"]["notChosen"])
    for words_of_it in filter(None, expected.split("|")):
        assert words_of_it in not_chosen
    assert ("other files" in not_chosen) == ("other files" in expected)


def plan_of(lab: Any) -> Plan:
    """Return the plan of session 42."""
    with prepare_archive(lab.open(), "42", Options(), with_fixity=False) as assembly:
        return assembly.plan


def plan_without(lab: Any, *patterns: str) -> Plan:
    """Return the plan of session 42, with patterns that labcrate.toml excludes."""
    lab.write("labcrate.toml", f"exclude = {json.dumps(patterns)}\n")
    return plan_of(lab)


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("wear/", {f"{OWN}/wear/acc.csv", f"{OWN}/wear/deep/er/eeg.edf"}),
        ("cam1_session42_a.mp4", {"recordings/cam1_session42_a.mp4"}),
        ("cam1_session42_a-sensors.json", {"recordings/cam1_session42_a-sensors.json"}),
        ("phone.MOV", {f"{OWN}/phone.MOV"}),
        ("belt.csv", {f"{OWN}/sensor_data/belt.csv"}),
    ],
)
def test_what_the_lab_excludes_stays_out_and_is_named(full_lab: Any, pattern: str, gone: set[str]) -> None:
    """An excluded file of any kind is not in the plan, and is named as excluded; nothing else changes."""
    whole = plan_of(full_lab)
    plan = plan_without(full_lab, pattern)

    def paths(one: Plan) -> set[str]:
        return {r.path for r in one.recordings} | {f.path for f in one.session_files}

    beside = {"recordings/cam1_session42_a-sensors.json"} if pattern.endswith("a.mp4") else set()
    assert paths(whole) - paths(plan) == gone | beside
    assert {one.path for one in plan.not_taken if one.rule == "excluded"} == gone


def test_an_excluded_link_makes_nothing_incomplete(usual_lab: Any, tmp_path: Path) -> None:
    """A link in recordings/ is missing, as ever; one that the lab excludes is not, and is named instead."""
    (usual_lab.root / OWN / "recordings/old").symlink_to(tmp_path)
    (usual_lab.root / "recordings/cam1_session42_link.mp4").symlink_to(tmp_path / "any.mp4")
    assert {one.what for one in plan_of(usual_lab).missing} == {
        f"{OWN}/recordings/old", "recordings/cam1_session42_link.mp4",
    }  # fmt: skip
    plan = plan_without(usual_lab, "old/", "*_link.mp4")
    assert plan.missing == ()
    assert [one.source for one in plan.not_taken if one.rule == "excluded"] == [
        "recordings/cam1_session42_link.mp4", f"{OWN}/recordings/old",
    ]  # fmt: skip


def test_a_near_miss_that_is_excluded_is_counted_alone(usual_lab: Any) -> None:
    """What the lab keeps out is no near miss: it is counted under its rule."""
    usual_lab.recording("recordings/garden_session42_x.mp4")
    assert len(plan_of(usual_lab).near_misses) == 1
    plan = plan_without(usual_lab, "garden*")
    assert (plan.near_misses, plan.left_out["excluded"]) == ((), 1)


def test_tables_of_a_known_form_have_their_columns(full_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CSV of a known form is a table in the plan, with its columns; its reader gets path and first bytes."""
    first_bytes: dict[str, bytes] = {}

    def columns_of(name: str, head: bytes) -> tuple[Column, ...] | None:
        first_bytes[name] = head
        return (
            (
                Column("t", "number", "s", Message("readings.column.value")),
                Column("x", "number", None, Message("readings.column.value")),
            )
            if "acc" in name
            else None
        )

    monkeypatch.setattr("labcrate.plan.planner.describe_platform_table", columns_of)
    plan = plan_of(full_lab)
    assert first_bytes == {"wear/acc.csv": b"t,x\n1,2\n", "sensor_data/belt.csv": b"a;b\n1\n"}
    columns = {file.member: [c.name for c in file.columns] for file in plan.session_files if file.columns}
    assert columns == {"data/session_files/wear/acc.csv": ["t", "x"]}


def test_a_described_table_is_one_in_the_package(
    full_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its columns are in README, metadata and data package, and frictionless checks its rows."""
    from frictionless import Package  # noqa: PLC0415 - slow to import

    from labcrate.archive.entity import Entity  # noqa: PLC0415
    from labcrate.export.writer import write_archive  # noqa: PLC0415

    columns = (
        Column("t", "number", "s", Message("readings.column.value")),
        Column("x", "integer", None, Message("readings.column.value")),
    )
    monkeypatch.setattr(
        "labcrate.plan.planner.describe_platform_table", lambda name, _: columns if "acc" in name else None
    )
    for content, valid in (("t,x\n1.5,2\n", True), ("t,x\n1.5,wide\n", False)):
        full_lab.write(f"{OWN}/wear/acc.csv", content)
        target = tmp_path / f"{valid}.zip"
        with prepare_archive(full_lab.open(), "42", with_fixity=True) as assembly:
            write_archive(Entity(assembly.layout), target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Package(str(target)).validate().valid == valid
    file = next(f for f in metadata_of(target)["sessionFiles"] if f["file"].endswith("acc.csv"))
    assert file["description"] == "a copy of a file in the session's own folder; columns: t, x"


def test_any_name_is_packed_under_a_name_that_all_systems_hold(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Odd names become safe and different ones, the source says what they were, and every unpacker gives the same."""
    for name in ODD_NAMES:
        usual_lab.write(f"{OWN}/{name}", f"content of {os.fsencode(name)!r}")
    target = tmp_path / "a.zip"
    export(cli, usual_lab, target)
    assert cli("verify", target).code == 0
    files = {f["file"]: f["source"] for f in metadata_of(target)["sessionFiles"]}
    assert len(files) == len(set(files.values())) == len(ODD_NAMES)
    assert files["data/session_files/_autorun.inf"] == f"{OWN}/autorun.inf"
    assert files["data/session_files/_CON/_aux.txt"] == f"{OWN}/CON/aux.txt"
    assert files["data/session_files/観察/記録.pdf"] == f"{OWN}/観察/記録.pdf"
    with zipfile.ZipFile(target) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
        archive.extractall(tmp_path / "python")
    assert all(name_problem(name) is None for name in expected)
    assert unpacked(tmp_path / "python") == expected
    tools: dict[str, list[str | Path]] = {
        "unzip": ["unzip", "-q", target, "-d"],
        "bsdtar": ["bsdtar", "-xf", target, "-C"],
        "7z": ["7z", "x", "-bd", target],
    }
    for tool, words in tools.items():
        if shutil.which(tool):
            folder = tmp_path / tool
            folder.mkdir()
            where = f"-o{folder}" if tool == "7z" else folder
            subprocess.run([*words, where], check=True, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
            assert unpacked(folder) == expected


def unpacked(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_a_reading_table_of_the_session_in_other_letters_is_kept_apart(
    usual_lab: Any, cli: Any, tmp_path: Path
) -> None:
    """Sensor_Readings.CSV of the session and the sensor_readings.csv that labcrate makes both unpack on Windows."""
    usual_lab.write(f"{OWN}/sensor_data/Sensor_Readings.CSV", "own\n")
    export(cli, usual_lab, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("data/sensor_data/")]
        assert archive.read("data/sensor_data/Sensor_Readings~2.CSV") == b"own\n"
    assert len({name.casefold() for name in names}) == len(names) == 3


@pytest.mark.thorough
def test_a_file_that_cannot_be_read_makes_the_export_incomplete(
    usual_lab: Any, command: Any, permissions: None, clear: Any, tmp_path: Path
) -> None:
    """A closed file or folder anywhere in the session's folder is missing: it is named, and nothing is packed."""
    usual_lab.write(f"{OWN}/closed.edf", "x").chmod(0)
    usual_lab.write(f"{OWN}/shut/inside.csv", "x").parent.chmod(0)
    try:
        output = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip", denied=True)
        clear(output, 6, f"{OWN}/shut cannot be opened: no permission")
        (usual_lab.root / OWN / "shut").chmod(0o755)
        output = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip", denied=True)
        clear(output, 6, f"{OWN}/closed.edf cannot be read: no permission")
    finally:
        (usual_lab.root / OWN / "shut").chmod(0o755)
    assert not (tmp_path / "a.zip").exists()


def test_the_folder_makes_the_same_bytes_again(littered_lab: Any, cli: Any, tmp_path: Path) -> None:
    """Two exports of the same folder are the same file, whatever the order in which the disk lists it."""
    export(cli, littered_lab, tmp_path / "a.zip")
    export(cli, littered_lab, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
