"""``labcrate link`` for several files, with a camera, and as MP4s; commands that can be pasted."""

import csv
import io
import json
import os
import pty
import shlex
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
from tests.support.messages import message

from labcrate.errors import RepairError
from labcrate.repair import link_files, register_file

REGISTER = "sessions/Session42/recordings.json"
GARDEN = "recordings/garden_session42_20250502T0801.mp4"
JOINED = "recordings/cam1session42_20250502T0802.mp4"
ZEROS = "recordings/cam2_session042_20250502T0803.mp4"
SPLIT = "recordings/cam2_session_42_b.mp4"
FIRST = "recordings/session42_cam1_c.mp4"
MARKED = [GARDEN, JOINED, ZEROS, SPLIT, FIRST]
BARE = "recordings/cam1_42_d.mp4"
TIMELY = "recordings/cam1_20250502T080100Z.mp4"
RUNS_ON = "recordings/cam1_session42b.mp4"
TWO = "recordings/garden_session42_session7.mp4"
FOLDER = "sessions/session42/recordings/a.mp4"
OTHERS = [BARE, TIMELY, RUNS_ON, TWO, FOLDER]


@pytest.fixture
def near_lab(usual_lab: Any) -> Any:
    """Build the usual lab with five near misses named session42, and five with other or ambiguous names."""
    for path in (*MARKED, *OTHERS):
        usual_lab.recording(path)
    return usual_lab


def _plan(cli: Any, lab: Any) -> Any:
    return cli("plan", "42", "--lab", lab.root, "--json").json


def _sources(cli: Any, lab: Any) -> set[str]:
    return {member["source"] for member in _plan(cli, lab)["members"] if member["source"]}


def _near(cli: Any, lab: Any) -> set[str]:
    return {near["file"] for near in _plan(cli, lab)["nearMisses"]}


def _registered(lab: Any) -> list[str]:
    path = lab.root / REGISTER
    return [e["file"] for e in json.loads(path.read_text())["recordings"]] if path.exists() else []


def test_several_files_are_linked_and_each_is_said(near_lab: Any, cli: Any) -> None:
    """Each file has a line and a command that undoes its link; all are in the plan."""
    told = cli("link", "42", BARE, GARDEN, BARE, "--lab", near_lab.root)
    assert told.code == 0
    assert told.out.splitlines() == [
        f"{BARE} now belongs to session 42 (listed in {REGISTER}).",
        f"{GARDEN} now belongs to session 42 (listed in {REGISTER}).",
        "To undo them:",
        f"  labcrate link 42 --undo 1 --lab {near_lab.root}",
        f"  labcrate link 42 --undo 2 --lab {near_lab.root}",
    ]
    assert {BARE, GARDEN} <= _sources(cli, near_lab)
    for line in told.out.splitlines()[3:]:
        assert cli(*shlex.split(line)[1:]).code == 0
    assert {BARE, GARDEN} <= _near(cli, near_lab)
    assert not (near_lab.root / REGISTER).exists()


def test_one_file_that_cannot_be_linked_keeps_all_back(near_lab: Any, cli: Any, clear: Any) -> None:
    """If a file cannot be linked, it is named, and no file is linked."""
    told = cli("link", "42", GARDEN, "recordings/cam1_session7_a.mp4", "recordings/none.mp4", "--lab", near_lab.root)
    clear(
        told,
        15,
        "recordings/cam1_session7_a.mp4 is not a near miss",
        "recordings/none.mp4 is not a near miss",
        "No files were linked",
    )
    assert (
        "recordings/none.mp4 is not a near miss of session 42: the file does not exist in the lab folder." in told.err
    )
    assert told.out == ""
    assert _registered(near_lab) == []


def test_what_fails_on_the_way_is_said_for_its_file(near_lab: Any, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that fails after the check is named, the others are linked, and the exit code is 15."""
    real = register_file.add_entries

    def failing(lab: Any, folder: str, files: Any) -> None:
        if files[0].file == JOINED:
            raise RepairError(message("The disk is full."))
        real(lab, folder, files)

    monkeypatch.setattr(link_files, "add_entries", failing)
    told = cli("link", "42", GARDEN, JOINED, ZEROS, "--lab", near_lab.root)
    assert told.code == 15
    assert "NOT LINKED: The disk is full." in told.out
    assert told.out.endswith("1 of 3 files could not be linked.\n")
    assert _registered(near_lab) == [GARDEN, ZEROS]
    told = cli("link", "42", SPLIT, JOINED, "--lab", near_lab.root, "--json")
    assert told.code == 15
    assert [link["source"] for link in told.json["links"]] == [SPLIT]
    assert told.json["failed"] == [{"file": JOINED, "message": "The disk is full."}]
    listed = cli("link", "42", "--lab", near_lab.root, "--json").json["links"]
    assert {link["source"] for link in listed if link["undoneAt"] is None} == {GARDEN, ZEROS, SPLIT}


def test_what_is_linked_already_is_said_and_no_error(near_lab: Any, cli: Any) -> None:
    """A repeated command links the remaining files; with --camera or --move a linked file is an error."""
    assert cli("link", "42", BARE, "--lab", near_lab.root).code == 0
    told = cli("link", "42", BARE, GARDEN, "recordings/cam1_session42_a.mp4", "--lab", near_lab.root)
    assert told.code == 0
    assert f"{BARE} already belongs to session 42.\n" in told.out
    assert "recordings/cam1_session42_a.mp4 already belongs to session 42.\n" in told.out
    assert _registered(near_lab) == [BARE, GARDEN]
    again = cli("link", "42", BARE, "--lab", near_lab.root, "--json")
    assert (again.code, again.json) == (0, {"session": 42, "links": [], "failed": [], "already": [BARE]})
    for more in (["--move"], ["--camera", "cam1"]):
        refused = cli("link", "42", BARE, *more, "--lab", near_lab.root)
        assert (refused.code, f"{BARE} already belongs to session 42" in refused.err) == (15, True)
    assert len(cli("link", "42", "--lab", near_lab.root, "--json").json["links"]) == 2


def test_all_takes_only_what_names_the_session_by_a_marker(near_lab: Any, cli: Any) -> None:
    """--all does not link files by time, bare number, partial number, two sessions or folder name."""
    told = cli("link", "42", "--all", "--yes", "--lab", near_lab.root)
    assert told.code == 0
    assert sorted(_registered(near_lab)) == sorted(MARKED)
    assert _near(cli, near_lab) == set(OTHERS)
    assert "Not included: 5 near misses" in told.out
    again = cli("link", "42", "--all", "--yes", "--lab", near_lab.root)
    assert (again.code, again.out) == (
        0,
        "No near miss of session 42 is an MP4 whose name contains session42.\n",
    )


def test_all_asks_first_and_nobody_answers_without_a_terminal(near_lab: Any, cli: Any, clear: Any) -> None:
    """Without a terminal the files are shown, none is linked, and the error names --yes."""
    told = cli("link", "42", "--all", "--lab", near_lab.root)
    clear(told, 2, "add --yes")
    assert all(path in told.out for path in MARKED)
    assert all(path not in told.out for path in OTHERS)
    told = cli("link", "42", "--all", "--json", "--lab", near_lab.root)
    assert (told.code, told.out, json.loads(told.err)["error"]["kind"]) == (2, "", "UsageError")
    assert _registered(near_lab) == []


def _at_terminal(arguments: list[str], answer: bytes, columns: int) -> str:
    """Run the command at a terminal of so many columns, type an answer, and return all that it shows."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "LINES": "40", "TERM": "dumb"}
    command = [sys.executable, "-m", "labcrate", *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    os.write(ours, answer)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the command ended
            break
        if not data:
            break
        shown += data
    process.wait()
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.thorough
@pytest.mark.parametrize(("answer", "linked"), [(b"y\n", True), (b"\n", False), (b"n\n", False), (b"\x04", False)])
def test_all_does_what_is_answered(near_lab: Any, answer: bytes, linked: bool) -> None:
    """The table fits 80 columns, and only the answer yes links files."""
    shown = _at_terminal(["link", "42", "--all", "--lab", str(near_lab.root)], answer, 80)
    table = shown.partition("Link them?")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert all(any(path in line for line in table) for path in MARKED)
    assert (sorted(_registered(near_lab)) == sorted(MARKED)) == linked
    assert ("No files were linked." in shown) != linked


@pytest.mark.thorough
def test_commands_stay_on_one_line_however_narrow_the_terminal(near_lab: Any) -> None:
    """At 40 columns sentences are wrapped, but every suggested command is one line."""
    folder = near_lab.root.rename(near_lab.root.with_name("a lab's folder"))
    shown = _at_terminal(["plan", "42", "--lab", str(folder)], b"", 40)
    commands = [shlex.split(line) for line in shown.splitlines() if line.lstrip().startswith("labcrate link")]
    assert {words[3] for words in commands} == {*MARKED, *OTHERS}
    assert {tuple(words[4:]) for words in commands} == {("--lab", str(folder))}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _rows(file: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(file) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("data/recordings.csv").decode("utf-8-sig"))))


def test_an_unknown_prefix_gets_its_camera(near_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The camera, by ID, name or prefix, is in the archive; the session's register is not."""
    for word, file in (("2", GARDEN), ("Camera 1", SPLIT), ("CAM2", JOINED)):
        assert cli("link", "42", file, "--camera", word, "--lab", near_lab.root).code == 0
    assert cli("export", "42", "--lab", near_lab.root, "-o", tmp_path / "a.zip").code == 0
    of = {row["file"].rpartition("/")[2]: row["camera_id"] for row in _rows(tmp_path / "a.zip")}
    assert {name: of[name.rpartition("/")[2]] for name in (GARDEN, SPLIT, JOINED)} == {
        GARDEN: "2",
        SPLIT: "1",
        JOINED: "2",
    }
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert not [name for name in archive.namelist() if name.endswith("recordings.json")]


def test_a_cameras_name_in_place_of_its_prefix_is_that_camera(lab: Any, cli: Any) -> None:
    """A name with its spaces, in place of the prefix, is recognized as this camera, also by --all."""
    lab.json("data/cameras.json", {"5": {"id": 5, "name": "Sala de estar", "recordingPrefix": "sala-de-estar"}})
    lab.session(8)
    path = "recordings/Sala de estar_session8_a.mp4"
    lab.recording(path)
    (near,) = cli("plan", "8", "--lab", lab.root, "--json").json["nearMisses"]
    assert near["reason"] == '"Sala de estar" is the name of a camera whose prefix is "sala-de-estar"'
    assert near["remedy"] == "link it to that camera, or rename it to sala-de-estar_session8_a.mp4"
    assert "--camera 5" in cli("plan", "8", "--lab", lab.root).out
    assert cli("link", "8", "--all", "--yes", "--lab", lab.root).code == 0
    (entry,) = json.loads((lab.root / "sessions/Session8/recordings.json").read_text())["recordings"]
    assert (entry["file"], entry["cameraId"]) == (path, "5")


def test_a_moved_file_keeps_its_camera(near_lab: Any, cli: Any) -> None:
    """With --move the register has the new path with the camera, until the file is moved back."""
    moved = f"sessions/Session42/{GARDEN}"
    assert cli("link", "42", GARDEN, "--move", "--camera", "cam2", "--lab", near_lab.root).code == 0
    assert _registered(near_lab) == [moved]
    assert moved in _sources(cli, near_lab)
    assert cli("link", "42", "--undo", "1", "--lab", near_lab.root).code == 0
    assert (near_lab.root / GARDEN).exists()
    assert _registered(near_lab) == []


def test_an_id_means_the_cameras_of_the_sessions_user(lab: Any, cli: Any) -> None:
    """If two users have a camera 2, the ID refers to the camera of the session's user."""
    for user, name in (("1", "hall"), ("2", "kitchen")):
        lab.json(f"data/user_{user}/cameras.json", {"2": {"id": 2, "name": name, "recordingPrefix": name}})
    lab.json("data/user_1/sessions.json", {"5": {"id": 5, "userId": 1, "startTime": "2025-05-02T08:00:00Z"}})
    lab.recording("recordings/garden_session5_a.mp4")
    refused = cli("link", "5", "recordings/garden_session5_a.mp4", "--camera", "kitchen", "--lab", lab.root)
    assert refused.code == 2
    assert (
        "Camera kitchen belongs to another user than the session, and its ID 2 is another camera's in this session"
        in refused.err
    )
    assert cli("link", "5", "recordings/garden_session5_a.mp4", "--camera", "2", "--lab", lab.root).code == 0
    shown = cli("plan", "5", "--lab", lab.root).out
    assert "hall, 0:02" in shown


def test_a_file_may_stand_in_two_sessions_registers(near_lab: Any, cli: Any) -> None:
    """A file linked to two sessions is in both plans, each with a warning that does not name the other."""
    near_lab.session(7)
    assert cli("link", "42", TIMELY, "--lab", near_lab.root).code == 0
    (near_lab.root / "sessions/Session7/recordings.json").write_bytes((near_lab.root / REGISTER).read_bytes())
    for session in ("42", "7"):
        plan = cli("plan", session, "--lab", near_lab.root, "--json").json
        assert TIMELY in [member["source"] for member in plan["members"]]
        warning = f"recordings/{TIMELY.rpartition('/')[2]}: also linked to another session."
        assert warning in plan["warnings"]


@pytest.mark.parametrize(("change", "why"), [("touch", "has changed since"), ("remove", "no longer exists")])
def test_a_linked_file_that_is_another_now_is_missed(near_lab: Any, cli: Any, change: str, why: str) -> None:
    """If a linked file is replaced, the session is incomplete until that is corrected."""
    assert cli("link", "42", BARE, "--lab", near_lab.root).code == 0
    if change == "touch":
        os.utime(near_lab.root / BARE, ns=(1, 1))
    else:
        (near_lab.root / BARE).unlink()
    refused = cli("export", "42", "--lab", near_lab.root)
    assert refused.code == 6
    assert f"{BARE} was linked by hand and {why}" in refused.err
    assert cli("link", "42", "--undo", "1", "--lab", near_lab.root).code == 0
    assert _plan(cli, near_lab)["missing"] == []


def test_a_moved_file_that_was_touched_is_no_reason_for_incompleteness(near_lab: Any, cli: Any) -> None:
    """A moved file stays in the session with its camera; changed bytes give a warning with remedies."""
    moved = f"sessions/Session42/{GARDEN}"
    assert cli("link", "42", GARDEN, "--move", "--camera", "cam2", "--lab", near_lab.root).code == 0
    before = _plan(cli, near_lab)
    os.utime(near_lab.root / moved, ns=(1, 1))
    after = _plan(cli, near_lab)
    assert after["missing"] == []
    assert [m["name"] for m in after["members"]] == [m["name"] for m in before["members"]]
    with (near_lab.root / moved).open("ab") as file:
        file.write(b"more")
    (missing,) = _plan(cli, near_lab)["missing"]
    assert missing["remedy"] == f"Restore the file, or remove its entry from {REGISTER}."
    (near_lab.root / REGISTER).unlink()
    assert _plan(cli, near_lab)["missing"] == []


def test_an_undo_that_a_change_forbids_says_the_steps_that_work(
    near_lab: Any, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the file is moved back by hand, the same command undoes the link."""
    moved = f"sessions/Session42/{GARDEN}"
    assert cli("link", "42", GARDEN, "--move", "--lab", near_lab.root).code == 0
    monkeypatch.setattr("labcrate.repair.near_misses.from_ns", lambda _: datetime.max.replace(tzinfo=UTC))
    refused = cli("link", "42", "--undo", "1", "--lab", near_lab.root)
    assert refused.code == 15
    assert f"Move it back to {GARDEN} yourself, then run this command again" in refused.err
    (near_lab.root / moved).rename(near_lab.root / GARDEN)
    assert cli("link", "42", "--undo", "1", "--lab", near_lab.root).code == 0


def test_a_changed_file_is_linked_again_by_the_command_that_the_plan_prints(near_lab: Any, cli: Any) -> None:
    """The printed commands have the session, the file and the lab."""
    assert cli("link", "42", BARE, "--lab", near_lab.root).code == 0
    os.utime(near_lab.root / BARE, ns=(1, 1))
    shown = cli("plan", "42", "--lab", near_lab.root).out
    assert "'labcrate link 42 --undo N'" in shown
    command = f"labcrate link 42 {BARE} --lab {near_lab.root}"
    assert f"         {command}\n" in shown
    assert cli(*shlex.split(command)[1:]).code == 0
    assert _plan(cli, near_lab)["missing"] == []


HOSTILE = [
    "recordings/$(touch pwned)_session42_'\"`.mp4",
    "recordings/garden -rf_session42_.mp4",
    "recordings/g\x1b[31m_session42_x.mp4",
    "recordings/g\u202e_session42_x.mp4",
    "recordings/g\n_session42_x.mp4",
    "recordings/g{0}%s%(file)s_session42_x.mp4",
    "recordings/[bold]g[/bold]_session42_x.mp4",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_names_are_names(usual_lab: Any, cli: Any, path: str) -> None:
    """The printed command links exactly the file, and no output controls the terminal."""
    usual_lab.recording(path)
    shown = cli("plan", "42", "--lab", usual_lab.root).out
    (command,) = [line for line in shown.splitlines() if "labcrate link 42" in line]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    told = cli(*shlex.split(command)[1:])
    assert told.code == 0
    assert "\x1b" not in told.out
    assert _registered(usual_lab) == [path]
    assert cli("link", "42", "--undo", "1", "--lab", usual_lab.root).code == 0
    marked = cli("link", "42", "--all", "--yes", "--lab", usual_lab.root)
    assert "\x1b" not in marked.out
    assert _registered(usual_lab) == [path]


def test_a_name_that_is_not_utf8_is_moved_only(usual_lab: Any, cli: Any) -> None:
    """A file whose name is not UTF-8 cannot be linked in place, but can be moved."""
    path = "recordings/g\udcff_session42_x.mp4"
    usual_lab.recording(path)
    refused = cli("link", "42", "--all", "--yes", "--lab", usual_lab.root)
    assert refused.code == 15
    assert "its name is not UTF-8" in refused.err
    assert cli("link", "42", "--all", "--yes", "--move", "--lab", usual_lab.root).code == 0
    assert (usual_lab.root / "sessions/Session42" / path).exists()


def _mkv(path: Path, clip: bytes, container: str, sound: str | None) -> None:
    """Put the clip's pictures into another container, with a second of silence."""
    with av.open(io.BytesIO(clip), "r") as source, av.open(str(path), "w", format=container) as target:
        video = target.add_stream_from_template(source.streams.video[0])
        audio: Any = target.add_stream(sound, rate=8000, layout="mono") if sound else None
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                target.mux(packet)
        if audio:
            silence: Any = av.AudioFrame(format="s16", layout="mono", samples=8000)
            silence.sample_rate = 8000
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            target.mux(audio.encode(silence))
            target.mux(audio.encode(None))


def test_an_mp4_is_made_taken_and_taken_back(usual_lab: Any, cli: Any) -> None:
    """The new MP4 belongs to the session, and the original is no near miss; undoing restores the old state."""
    made, source = "sessions/Session42/recordings/cam1_session42_m.mp4", "recordings/cam1_session42_m.mov"
    _mkv(usual_lab.root / source, usual_lab.clip, "mov", "pcm_alaw")
    os.utime(usual_lab.root / source, ns=(1_746_172_860 * 10**9, 1_746_172_860 * 10**9))
    before = (usual_lab.root / source).read_bytes()
    (near,) = _plan(cli, usual_lab)["nearMisses"]
    assert near["kind"] == "not MP4"
    command = next(line for line in cli("plan", "42", "--lab", usual_lab.root).out.splitlines() if "--remux" in line)
    told = cli("link", "42", "--all", "--remux", "--yes", "--camera", "cam2", "--lab", usual_lab.root)
    assert told.code == 0
    assert f"{made} was made from {source} and belongs to session 42. The original stays." in told.out
    assert "An MP4 cannot hold its sound (pcm_alaw), which is only in the original." in told.out
    plan = _plan(cli, usual_lab)
    assert (made in {m["source"] for m in plan["members"]}, plan["nearMisses"]) == (True, [])
    assert any("was made from" in w and "cannot hold pcm_alaw" in w for w in plan["warnings"])
    assert (usual_lab.root / source).read_bytes() == before
    assert (usual_lab.root / made).stat().st_mtime_ns == (usual_lab.root / source).stat().st_mtime_ns
    assert _names(usual_lab.root / "sessions/Session42/recordings") == ["any.mp4", "cam1_session42_m.mp4"]
    assert cli("link", "42", "--undo", "1", "--lab", usual_lab.root).code == 0
    assert not (usual_lab.root / made).exists()
    assert not (usual_lab.root / REGISTER).exists()
    assert _near(cli, usual_lab) == {source}
    assert cli(*shlex.split(command.partition("labcrate ")[2])).code == 0


def test_no_mp4_is_made_over_another_file_or_of_a_broken_one(usual_lab: Any, cli: Any, clear: Any) -> None:
    """A name in use leads to the next one; a damaged video gives an error and leaves no file."""
    source, own = "recordings/cam1_session42_m.mkv", usual_lab.root / "sessions/Session42/recordings"
    _mkv(usual_lab.root / source, usual_lab.clip, "matroska", None)
    usual_lab.write("sessions/Session42/recordings/cam1_session42_m.mp4", b"another")
    assert cli("link", "42", source, "--remux", "--lab", usual_lab.root).code == 0
    assert (own / "cam1_session42_m.mp4").read_bytes() == b"another"
    assert (own / "cam1_session42_m_2.mp4").exists()
    assert cli("link", "42", "--undo", "1", "--lab", usual_lab.root).code == 0
    data = (usual_lab.root / source).read_bytes()
    (usual_lab.root / source).write_bytes(data[: len(data) // 2])
    clear(
        cli("link", "42", source, "--remux", "--lab", usual_lab.root), 15, "No MP4 can be made from", "it is cut short"
    )
    assert _names(own) == ["any.mp4", "cam1_session42_m.mp4"]
    assert len(cli("link", "42", "--lab", usual_lab.root, "--json").json["links"]) == 1


def test_an_mp4_that_was_changed_is_not_removed(usual_lab: Any, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An MP4 that was changed after it was made is not removed by --undo."""
    source, made = "recordings/cam1_session42_m.mkv", "sessions/Session42/recordings/cam1_session42_m.mp4"
    _mkv(usual_lab.root / source, usual_lab.clip, "matroska", None)
    assert cli("link", "42", source, "--remux", "--lab", usual_lab.root).code == 0
    monkeypatch.setattr("labcrate.repair.near_misses.from_ns", lambda _: datetime.max.replace(tzinfo=UTC))
    refused = cli("link", "42", "--undo", "1", "--lab", usual_lab.root)
    assert (refused.code, "changed after it was made. Remove it yourself" in refused.err) == (15, True)
    assert (usual_lab.root / made).exists()


def test_an_export_ends_with_what_stays_out(near_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The output ends with at most ten files that were left out, and the command that lists all."""
    for n in range(4):
        near_lab.write(f"sessions/Session42/.hidden{n}", b"x")
    told = cli("export", "42", "--lab", near_lab.root, "-o", tmp_path / "a.zip")
    lines = told.out.splitlines()
    assert told.code == 0
    assert ", complete" in lines[0]
    named = [line for line in lines if line.startswith(("  not exported: ", "  near miss ("))]
    assert len(named) == 10
    assert lines[-3:] == [
        "  and 4 more that are not exported",
        "  List all files left out, with remedies:",
        f"    labcrate plan 42 --lab {near_lab.root}",
    ]
    plan = cli(*shlex.split(lines[-1])[1:]).out
    assert all(line.removeprefix("  not exported:").strip() in plan for line in named)


def test_nothing_to_warn_about_is_said_only_then(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """The sentence is not printed if files are left out, also by exclude."""
    words = "no files missing, no warnings"
    (usual_lab.root / "sessions/Session42/recordings/any.mp4").unlink()
    usual_lab.recording("recordings/cam2_session42_a.mp4")
    for name in ("data/zigbee-data.json", "data/zigbee-sensors.csv"):
        (usual_lab.root / name).unlink()
    usual_lab.zigbee_json([("2025-05-02T08:02:00.000Z", "zigbee2mqtt/door", {"contact": True})])
    clean = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "a.zip").out
    usual_lab.recording(BARE)
    usual_lab.write("labcrate.toml", f'exclude = ["{BARE}"]\n')
    excluded = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "b.zip").out
    assert (words in clean, words in excluded) == (True, False), clean
