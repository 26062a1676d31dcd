"""Exports of labs with missing, damaged, unreadable, linked or hostile files."""

import csv
import io
import json
import os
import random
import socket
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.rounds import rounds, sample

LIST = "data/sessions.json"
DOCUMENTS = {
    "data/cameras.json": 6,
    "data/devices.json": 6,
    "data/recordings.json": 6,
    LIST: 0,
    "sessions/Session42/session_data.json": 4,
    "data/zigbee-data.json": 6,
}
"""The lab's JSON files, and the exit code of an export of session 42 when one of them is broken.

It is 0 for the list of sessions: session 42 is described in its own folder, too.
"""


@pytest.fixture
def whole_lab(usual_lab: Any) -> Any:
    """Return the usual lab with a list of sessions and a register of recordings, so that it has every document."""
    usual_lab.json(LIST, [{"id": 42, "name": "Morning"}, {"id": 142}, {"id": 9}])
    usual_lab.json("data/recordings.json", {"1": {"filePath": "/mnt/nvr/any.mp4", "sessionId": 42}})
    return usual_lab


def export(cli: Any, lab: Any, target: Path, *options: str) -> Any:
    """Export session 42."""
    return cli("export", "42", "--lab", lab.root, "-o", target, *options)


def check_list_named(run: Any, clear: Any, lab: Any, target: Path, *words: str) -> None:
    """Check what follows when the list of sessions cannot be read.

    Session 42 is exported, and a warning names the file, and one its secrets; session 9, which that list alone
    describes, is refused.
    """
    outcome = run("export", "42", "--lab", lab.root, "-o", target)
    output, code = (outcome.out, outcome.code) if hasattr(outcome, "out") else (outcome.stdout, outcome.returncode)
    line, *secrets = [line for line in output.splitlines() if LIST in line]
    unsearched = "Passwords and addresses in it are not known, so they were not searched for."
    assert len(secrets) < 2
    assert all(one.endswith(unsearched) for one in secrets)
    assert (code, "complete, with warnings" in output, line.lstrip()[:9]) == (0, True, "warning: ")
    assert line.endswith("Its entries about this session, if any, are unknown.")
    for word in words:
        assert word in line
    target.unlink()
    clear(run("export", "9", "--lab", lab.root, "-o", target), 4, LIST, *words)
    assert not target.exists()


@pytest.mark.parametrize("command", ["sessions", "plan", "export", "index", "layout"])
@pytest.mark.parametrize("place", ["absent", "empty", "file", "loop", "recordings-is-a-file"])
def test_no_lab_folder(cli: Any, clear: Any, tmp_path: Path, command: str, place: str) -> None:
    """Every command refuses a path that is not a lab folder, and says what a lab folder is and how to name one."""
    lab = tmp_path / place
    match place:
        case "empty":
            lab.mkdir()
        case "file":
            lab.write_text("no folder")
        case "loop":
            lab.symlink_to(lab)
        case "recordings-is-a-file":
            lab.mkdir()
            (lab / "recordings").write_text("")
    words = [command, "42"] if command in ("plan", "export", "layout") else [command]
    clear(cli(*words, "--lab", lab), 3, place, "--lab DIR")


@pytest.mark.parametrize(
    ("requested", "nearest"), [("4", "42"), ("43", "42"), ("100", "142"), ("999999999999999999", "142")]
)
def test_an_unknown_session_lists_existing_ones(
    cli: Any, clear: Any, whole_lab: Any, requested: str, nearest: str
) -> None:
    """The message lists the existing sessions and the nearest one; no archive is written."""
    outcome = cli("export", requested, "--lab", whole_lab.root, "-o", whole_lab.root.parent / "out.zip")
    clear(outcome, 5, f"no session {requested}", "7, 9, 42, 142", f"The closest ID is {nearest}")
    assert not (whole_lab.root.parent / "out.zip").exists()


def test_an_empty_lab(cli: Any, clear: Any, lab: Any) -> None:
    """An empty lab lists no sessions, indexes nothing, and has no session to export."""
    assert cli("sessions", "--lab", lab.root).code == 0
    assert cli("index", "--lab", lab.root).code == 0
    clear(cli("export", "1", "--lab", lab.root), 5, "The lab has no sessions")


def test_no_data_folder(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """Without data/ the recordings are exported, and the archive says that there are no readings."""
    for file in (usual_lab.root / "data").iterdir():
        file.unlink()
    (usual_lab.root / "data").rmdir()
    outcome = export(cli, usual_lab, tmp_path / "out.zip", "--json")
    assert (outcome.code, outcome.json["recordings"], outcome.json["readings"]) == (0, 2, 0)
    assert any("The lab has no sensor readings" in warning for warning in outcome.json["warnings"])


@pytest.mark.parametrize("path", sample(list(DOCUMENTS), 4))
@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"\xff\xfe{\x00", b"not json", b"[[1]", b'{"a": NaN}', b'"text"', b"7", b"[" * 100_000,
     b'[{"id": 1e999}]', b'["\xc3\x28"]', b'{"a": "\\ud800"}', b"[" + b"9" * 5000 + b"]", b"\x00" * 100],
    ids=["empty", "blank", "utf-16", "words", "open", "nan", "text", "number", "deep", "infinite", "not-utf-8",
         "half-surrogate", "5000-digits", "zeros"],
)  # fmt: skip
def test_a_file_that_does_not_parse(
    cli: Any, clear: Any, whole_lab: Any, snapshot: Any, path: str, content: bytes
) -> None:
    """The file is named in one sentence, and no session that it may describe is packed as complete."""
    whole_lab.write(path, content)
    before = snapshot(whole_lab.root)
    target = whole_lab.root.parent / "out.zip"
    if path == LIST:
        check_list_named(cli, clear, whole_lab, target)
    else:
        clear(export(cli, whole_lab, target), DOCUMENTS[path], path)
    assert not target.exists()
    assert snapshot(whole_lab.root) == before


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_half_written_json(cli: Any, clear: Any, whole_lab: Any, path: str) -> None:
    """A JSON file that is cut anywhere is refused by name; its first half is not used."""
    whole = (whole_lab.root / path).read_bytes()
    choice = random.Random(path)  # noqa: S311 - repeatable on purpose
    target = whole_lab.root.parent / "out.zip"
    for cut in choice.sample(range(1, len(whole) - 1), rounds(3, 8)):
        whole_lab.write(path, whole[:cut])
        if path == LIST:
            check_list_named(cli, clear, whole_lab, target)
        else:
            clear(export(cli, whole_lab, target), DOCUMENTS[path], path)


def test_a_half_written_csv(cli: Any, usual_lab: Any, tmp_path: Path) -> None:
    """A CSV file that is cut anywhere gives exactly its whole rows, a warning for a cut row, or no export."""
    (usual_lab.root / "data/zigbee-data.json").unlink()
    whole = (usual_lab.root / "data/zigbee-sensors.csv").read_bytes()
    header = whole.index(b"\n") + 1
    ends = [at + 1 for at in range(header, len(whole)) if whole[at : at + 1] == b"\n"]
    inside = ends[:3]  # the fourth row is later than the session's end
    choice = random.Random(0)  # noqa: S311 - repeatable on purpose
    for number, cut in enumerate(choice.sample(range(len(whole)), rounds(10, 24))):
        usual_lab.write("data/zigbee-sensors.csv", whole[:cut])
        outcome = export(cli, usual_lab, tmp_path / f"{number}.zip", "--json")
        if 0 < cut < header - 1:
            columns = whole[:cut].split(b",")
            assert outcome.code == (0 if b"timestamp" in columns and b"topic" in columns else 6), outcome.err
            continue
        # Of the last row's end, a line feed and a quotation mark may be missing: its payload is whole.
        complete = [end for end in inside if end - 2 <= cut]
        assert (outcome.code, outcome.json["readings"]) == (0, len(complete))
        if cut < inside[-1]:
            torn = cut > header and not any(end - 2 <= cut <= end for end in inside)
            assert any("left out" in warning for warning in outcome.json["warnings"]) == torn


@pytest.mark.parametrize("path", ["data", *DOCUMENTS, "data/zigbee-sensors.csv", "sessions", "recordings",
    "sessions/Session42", "sessions/Session42/recordings", "sessions/Session42/sensor_data",
    "sessions/Session42/recordings/any.mp4", "recordings/cam1_session42_a.mp4",
    "sessions/Session42/sensor_data/own.csv"])  # fmt: skip
def test_symbolic_links_are_named_and_never_followed(
    cli: Any, clear: Any, whole_lab: Any, snapshot: Any, path: str
) -> None:
    """A link out of the lab, in any place, is named; nothing behind it is displayed or packed."""
    whole_lab.write("sessions/Session42/sensor_data/own.csv", "a\n")
    outside, target = whole_lab.root.parent / "outside", whole_lab.root.parent / "out.zip"
    (whole_lab.root / path).rename(outside)
    (whole_lab.root / path).symlink_to(outside)
    before = snapshot(whole_lab.root), snapshot(outside.parent / "outside")
    if path == LIST:
        check_list_named(cli, clear, whole_lab, target, "symbolic link")
    else:
        clear(export(cli, whole_lab, target), DOCUMENTS.get(path, 6), path, "symbolic link")
    assert not target.exists()
    assert (snapshot(whole_lab.root), snapshot(outside)) == before


def test_a_session_folder_that_is_a_link(cli: Any, clear: Any, lab: Any, tmp_path: Path) -> None:
    """If a session has only a folder that is a link, the error names the link."""
    (tmp_path / "outside").mkdir()
    (lab.root / "sessions/Session5").symlink_to(tmp_path / "outside")
    clear(cli("export", "5", "--lab", lab.root), 5, "sessions/Session5 is a symbolic link")


@pytest.mark.usefixtures("permissions")
@pytest.mark.parametrize(
    ("path", "code"),
    [(LIST, 0), ("recordings/cam1_session42_a.mp4", 6), ("sessions/Session42", 4)],
)
def test_unreadable_files_are_named(
    command: Any, clear: Any, whole_lab: Any, tmp_path: Path, path: str, code: int
) -> None:
    """A file or folder without permission is named and nothing is packed, also if it may contain other sessions."""
    whole_lab.write("sessions/Session42/sensor_data/own.csv", "a\n")
    place = whole_lab.root / path
    mode = place.stat().st_mode
    place.chmod(0)
    try:
        if path == LIST:
            check_list_named(partial(command, denied=True), clear, whole_lab, tmp_path / "out.zip")
            return
        outcome = command("export", "42", "--lab", whole_lab.root, "-o", tmp_path / "out.zip", denied=True)
    finally:
        place.chmod(mode)
    clear(outcome, code, path)
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("permissions")
def test_an_unreadable_folder_of_another_session(command: Any, usual_lab: Any, tmp_path: Path) -> None:
    """An unreadable file of another session does not make this session's export incomplete."""
    usual_lab.recording("sessions/Session8/recordings/x.mp4")
    (usual_lab.root / "sessions/Session8").chmod(0)
    outcome = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", denied=True)
    (usual_lab.root / "sessions/Session8").chmod(0o755)
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.usefixtures("permissions")
def test_an_unreadable_lab_folder(command: Any, usual_lab: Any, tmp_path: Path) -> None:
    """A lab folder without permission is refused because it cannot be opened; it does not count as empty."""
    usual_lab.root.chmod(0)
    outcome = command("sessions", "--lab", "lab", denied=True, cwd=tmp_path)
    usual_lab.root.chmod(0o755)
    assert outcome.returncode == 3
    assert "The folder lab cannot be opened (Permission denied)" in outcome.stderr


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
@pytest.mark.parametrize("path", [*DOCUMENTS, "data/zigbee-sensors.csv", "recordings/cam1_session42_a.mp4"])
def test_special_files_do_not_block(
    cli: Any, clear: Any, whole_lab: Any, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    """A pipe, a socket or a folder with the name of a file is named; no command waits for data from it."""
    place = whole_lab.root / path
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        monkeypatch.chdir(place.parent)  # a socket's path may have 107 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(place.name)
    target = whole_lab.root.parent / "out.zip"
    if path == LIST:
        check_list_named(cli, clear, whole_lab, target)
        return
    outcome = export(cli, whole_lab, target)
    if (path, kind) == ("recordings/cam1_session42_a.mp4", "folder"):
        assert outcome.code == 0  # a folder is looked into, whatever its name
    else:
        clear(outcome, DOCUMENTS.get(path, 6), path)


def test_special_files_in_sensor_data(cli: Any, clear: Any, usual_lab: Any, tmp_path: Path) -> None:
    """Links and pipes in sensor_data are missing, hidden files are named; the other files can be packed."""
    folder = usual_lab.root / "sessions/Session42/sensor_data"
    usual_lab.write("sessions/Session42/sensor_data/good.csv", "a\n")
    usual_lab.write("sessions/Session42/sensor_data/.hidden", "kept from all")
    usual_lab.write("sessions/Session42/sensor_data/.git/config", "kept from all")
    (tmp_path / "stranger").write_text("stranger")
    (folder / "link.csv").symlink_to(tmp_path / "stranger")
    (folder / "deep").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.csv")
    target = tmp_path / "out.zip"
    clear(
        export(cli, usual_lab, target),
        6,
        "link.csv is a symbolic link",
        "pipe.csv is neither a file nor a folder",
        "deep",
    )
    assert export(cli, usual_lab, target, "--allow-incomplete").code == 0
    with zipfile.ZipFile(target) as archive:
        own = [name for name in archive.namelist() if name.startswith("data/sensor_data/")]
        assert sorted(own) == [
            f"data/sensor_data/{n}" for n in ("good.csv", "sensor_readings.csv", "sensor_readings.json")
        ]
        named = [one["source"] for one in json.loads(archive.read("data/session_metadata.json"))["notTaken"]]
    assert [name for name in named if "sensor_data" in name] == [
        f"sessions/Session42/sensor_data/{name}" for name in (".git/", ".hidden")
    ]
    for word in (b"stranger\n", b"kept from all"):
        assert word not in target.read_bytes()


HOSTILE: list[dict[str, Any]] = [
    {"startTime": "0001-01-01T00:00:00Z", "endTime": "9999-12-31T23:59:59.999999Z"},
    {"startTime": None, "endTime": "9999-12-31T23:59:59Z"},
    {"name": "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x00\x08\x7f\x9b31m", "description": "a\r\nb\x1b[1A\u202egnp.exe"},
    {"name": "line\nState of this archive: complete\n", "tags": ["\x1b[5m", "ok"], "notes": "x" * 100_000},
    {"name": "../../../etc/passwd", "id": 42, "unknown": {"..": [1e308, -(2**63), 2**200, 0.1]}},
    {"name": "a" * 100_000, "metadata": {"k" * 5000: "v"}},
    {"metadata": json.loads("[" * 50 + "]" * 50) and {"deep": json.loads("[" * 50 + "]" * 50)}},
    {"timeZone": "../../../etc/localtime"},
    {"timeZone": "Europe/Madrid\x00"},
    {"selectedDevices": {"cameras": [{"id": 10**40, "name": "\x1b[1m", "recordingPrefix": "(.*)+$"}], "sensors": []}},
    {"selectedDevices": {"cameras": [], "sensors": [{"id": "../..", "name": "\u202edoor"}]}},
    {"name": "مطبخ‌ها 厨房 кухня 👩‍🔬", "status": "finished?"},
]


@pytest.mark.parametrize("fields", HOSTILE)
def test_hostile_values_are_data(cli: Any, usual_lab: Any, tmp_path: Path, fields: dict[str, Any]) -> None:
    """Odd values of the right type are packed as data; no control character reaches the terminal or the README."""
    usual_lab.session(42, **fields)
    target = tmp_path / "out.zip"
    for words in (["plan", "42"], ["sessions"], ["layout", "42"], ["export", "42", "-o", target, "--pad", "9h"]):
        outcome = cli(*words, "--lab", usual_lab.root)
        assert outcome.code == 0, outcome.err
        assert not set(outcome.out) & {*map(chr, range(9)), "\x0b", "\x1b", "\x7f", "\x9b", "\r", "\u202e"}
        if words[0] == "sessions":
            assert "\nState of this archive: complete" not in outcome.out
    assert cli("verify", target).code == 0
    with zipfile.ZipFile(target) as archive:
        text = archive.read("README.txt").decode()
        described = json.loads(archive.read("data/session_metadata.json"))["session"]
    assert not set(text) & {*map(chr, range(9)), "\x0b", "\x1b", "\x7f", "\x9b", "\r", "\u202e"}
    assert described["id"] == 42


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"startTime": "soon"}, "startTime"),
        ({"startTime": "0001-01-01T00:00:00+05:00"}, "startTime"),
        ({"endTime": 10**30}, "endTime"),
        ({"startTime": "2025-05-02T09:00:00Z"}, "ends before it starts"),
        ({"name": {"a": 1}}, "name"),
        ({"tags": "x"}, "tags"),
        ({"selectedDevices": []}, "selectedDevices"),
        ({"selectedDevices": {"cameras": [7]}}, "selectedDevices.cameras"),
        ({"metadata": {"deep": json.loads("[" * 200 + "]" * 200)}}, "levels deep"),
    ],
)
def test_values_of_the_wrong_type_are_named_by_key(
    cli: Any, clear: Any, usual_lab: Any, fields: dict[str, Any], where: str
) -> None:
    """A session with an invalid value is refused with file and key; other sessions are not affected."""
    usual_lab.session(42, **fields)
    clear(export(cli, usual_lab, usual_lab.root.parent / "out.zip"), 4, "sessions/Session42/session_data.json", where)
    assert cli("plan", "7", "--lab", usual_lab.root).code == 0


NAMES = [
    b"cam1_session42_..\\..\\..\\evil.mp4",
    b"cam1_session42_\x1b[2J\x07.mp4",
    b"cam1_session42_new\nline.mp4",
    b"cam1_session42_\xff\xfe\x80.mp4",
    b"cam1_session42_" + b"x" * 235 + b".mp4",
    "cam1_session42_\u202e4pm.mp4".encode(),
    "cam1_session42_кухня_厨房_👩‍🔬.mp4".encode(),
    b"cam1_session42_C:con.mp4",
    b"cam1_session42_\xed\xa0\x80.mp4",
    b'cam1_session42_";rm -rf ~.mp4',
    b"cam1_session42_=cmd()|x.mp4",
]


def test_recordings_with_hostile_names(cli: Any, usual_lab: Any, tmp_path: Path, snapshot: Any) -> None:
    """A recording with any bytes in its name is packed under a name that unpacks inside its folder on every system."""
    for name in NAMES:
        usual_lab.recording(f"recordings/{os.fsdecode(name)}")
    before = snapshot(usual_lab.root)
    target = tmp_path / "out.zip"
    for words in (["plan", "42"], ["layout", "42"], ["export", "42", "-o", target]):
        outcome = cli(*words, "--lab", usual_lab.root)
        assert outcome.code == 0, outcome.err
        assert not set(outcome.out) & {"\x07", "\x1b", "\u202e"}
    assert cli("verify", target).code == 0
    with zipfile.ZipFile(target) as archive:
        videos = [name for name in archive.namelist() if name.startswith("recordings/")]
        table = list(csv.DictReader(io.StringIO(archive.read("data/recordings.csv").decode())))
        archive.extractall(tmp_path / "unpacked")
    assert len(videos) == len(table) == len(NAMES) + 2
    assert len(list((tmp_path / "unpacked/recordings").iterdir())) == len(videos)
    for video in videos:
        assert ".." not in video.split("/")
        assert not set(video) & set('\\:*?"<>|\n\x1b')
    assert snapshot(usual_lab.root) == before


@pytest.mark.parametrize("mtime_s", [0, -1, -(2**33), 2**31, 2**32, 2**33 + 7, 2**40, 2**55])
def test_file_times_outside_the_calendar(cli: Any, usual_lab: Any, tmp_path: Path, mtime_s: int) -> None:
    """A recording modified in 1698, in 1970 or after the year 9999 is packed; the archive is complete and readable."""
    file = usual_lab.root / "recordings/cam1_session42_a.mp4"
    try:
        os.utime(file, (mtime_s, mtime_s))
    except OverflowError:
        pytest.skip("this system has no such file time")
    outcome = export(cli, usual_lab, tmp_path / "out.zip")
    assert outcome.code == 0, outcome.err
    assert cli("verify", tmp_path / "out.zip").code == 0
    assert zipfile.ZipFile(tmp_path / "out.zip").testzip() is None
