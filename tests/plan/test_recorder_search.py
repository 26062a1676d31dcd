"""``labcrate link ID --by-time``: the files of recorders during a session."""

import json
import os
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.recorders import (
    END,
    FRIGATE,
    MOTIONEYE,
    START,
    describe_lab,
    read_register,
    write_frigate_segment,
    write_motioneye_film,
)

from labcrate.index.catalog import Catalog

SECOND = timedelta(seconds=1)


@pytest.fixture
def nvr(tmp_path: Path) -> Path:
    """Return an empty Frigate folder outside the lab."""
    folder = tmp_path / "frigate" / "recordings"
    folder.mkdir(parents=True)
    return folder


def link(cli: Any, lab: Any, *more: str) -> Any:
    """Link session 42 by its time, without a question."""
    return cli("link", "42", "--by-time", "--yes", "--lab", lab.root, *more)


def plan(cli: Any, lab: Any, session_id: str = "42") -> Any:
    """Return the plan of a session as JSON."""
    return cli("plan", session_id, "--json", "--lab", lab.root).json


def recordings(planned: Any) -> dict[str, str]:
    """Return the names of recordings in the archive with their sources."""
    names = {one["name"].removeprefix("recordings/"): one["source"] for one in planned["members"]}
    return {name: source for name, source in names.items() if source}


def test_what_overlaps_the_session_is_linked_and_exported(lab: Any, nvr: Path, cli: Any, tmp_path: Path) -> None:
    """Segments that overlap the session are linked, others are not; their names have camera and start in UTC."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for seconds in (-20, -15, -5, 0, 10, 295, 300, 305):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    outcome = link(cli, lab)
    assert outcome.code == 0, outcome.err
    assert "4 recordings linked to session 42" in outcome.out
    assert [one["file"] for one in read_register(lab)] == [
        "2025-05-02/07/kitchen/59.55.mp4",
        "2025-05-02/08/kitchen/00.00.mp4",
        "2025-05-02/08/kitchen/00.10.mp4",
        "2025-05-02/08/kitchen/04.55.mp4",
    ]
    assert recordings(plan(cli, lab)) == {
        "kitchen_20250502T075955Z.mp4": "nvr: 2025-05-02/07/kitchen/59.55.mp4",
        "kitchen_20250502T080000Z.mp4": "nvr: 2025-05-02/08/kitchen/00.00.mp4",
        "kitchen_20250502T080010Z.mp4": "nvr: 2025-05-02/08/kitchen/00.10.mp4",
        "kitchen_20250502T080455Z.mp4": "nvr: 2025-05-02/08/kitchen/04.55.mp4",
    }
    archive = tmp_path / "42.zip"
    assert cli("export", "42", "--lab", lab.root, "-o", archive).code == 0
    assert cli("verify", archive).code == 0
    with zipfile.ZipFile(archive) as held:
        by_file = {one["file"]: one for one in json.loads(held.read("data/session_metadata.json"))["recordings"]}
        for name in held.namelist():
            assert str(tmp_path).encode() not in held.read(name), name
    first = by_file["recordings/kitchen_20250502T075955Z.mp4"]
    assert (first["startTime"], first["endTime"]) == ("2025-05-02T07:59:55.000Z", "2025-05-02T08:00:05.000Z")
    assert (first["startSource"], first["startUncertaintySeconds"]) == ("file name", 1)
    assert (first["linkedBy"], first["cameraId"]) == ("register", "1")
    assert first["source"] == "nvr: 2025-05-02/07/kitchen/59.55.mp4"


def test_a_recorder_inside_the_lab_is_read_in_its_own_zone(lab: Any, cli: Any) -> None:
    """motionEye writes local time, and its folder may be in the lab: linked files are no near misses."""
    folder = lab.root / "recordings" / "eye"
    describe_lab(lab, MOTIONEYE.format(folder="recordings/eye"))
    write_motioneye_film(folder, "Camera1", START + 30 * SECOND)
    assert len(plan(cli, lab)["nearMisses"]) == 1
    assert link(cli, lab).code == 0
    planned = plan(cli, lab)
    assert planned["nearMisses"] == []
    assert recordings(planned) == {"Camera1_20250502T080030Z.mp4": "eye: Camera1/2025-05-02/10-00-30.mp4"}


def test_what_the_table_says_fits_80_columns_and_names_gaps(lab: Any, nvr: Path, cli: Any) -> None:
    """Cameras, count, span, gaps over two seconds and size; no line is wider than a terminal's 80 columns."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for seconds in (0, 10, 21, 40):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    outcome = link(cli, lab)
    *lines, _, command = outcome.out.splitlines()
    assert command.startswith("To undo it: labcrate link 42 --undo 1 --lab ")  # to be pasted: on one line
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("  Camera 1"))
    assert row.split()[2:8] == ["4", "05-02", "08:00:00", "05-02", "08:00:50", "1"]
    assert "  Camera 1: 1 gap, the longest 0:09 from 05-02 08:00:31" in lines


def test_a_file_past_the_session_needs_a_confirmation(lab: Any, tmp_path: Path, cli: Any) -> None:
    """A file that reaches more than a minute past the session needs --yes-beyond."""
    folder = tmp_path / "eye"
    describe_lab(lab, MOTIONEYE.format(folder=folder))
    write_motioneye_film(folder, "Camera1", END - 10 * SECOND, 71)  # 61 seconds past
    write_motioneye_film(folder, "Camera1", START - 60 * SECOND, 70)  # just a minute before
    outcome = link(cli, lab)
    assert "1 recording beyond the session not linked. To link them, add --yes-beyond" in outcome.out
    assert [one["file"] for one in read_register(lab)] == ["Camera1/2025-05-02/09-59-00.mp4"]
    answer = link(cli, lab, "--yes-beyond", "--json").json
    assert answer["beyond"] == [
        {
            "file": "eye: Camera1/2025-05-02/10-04-50.mp4",
            "reason": "it reaches more than a minute past the session",
            "sessions": [],
            "linked": True,
        }
    ]
    assert (answer["alreadyLinked"], answer["linked"]) == (1, 1)


def test_a_file_of_two_sessions_needs_a_confirmation(lab: Any, nvr: Path, cli: Any, tmp_path: Path) -> None:
    """A segment that overlaps two sessions may be in both; neither archive has the other's id."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    lab.session("P07-evening", startTime="2025-05-02T08:05:00.000Z", endTime="2025-05-02T08:10:00.000Z")
    write_frigate_segment(nvr, "kitchen", END - 5 * SECOND)
    outcome = link(cli, lab)
    assert outcome.code == 15  # nothing was linked, though it was said to
    assert "\n1 recording that needs a separate confirmation:" in outcome.out
    assert "extends into the time of session P07-evening (05-02 08:05:00 to 05-02 08:10:00)" in outcome.out
    assert "1 recording beyond the session not linked" in outcome.out
    assert f"\n  labcrate link 42 --by-time --yes --yes-beyond --lab {lab.root}\n" in outcome.out
    assert read_register(lab) == []
    for session_id in ("42", "P07-evening"):
        outcome = cli("link", session_id, "--by-time", "--yes", "--yes-beyond", "--lab", lab.root)
        assert "1 recording linked" in outcome.out
    said = "Camera 1: 1 file of the recorder is linked to another session as well."
    assert said in plan(cli, lab)["warnings"]
    assert said in plan(cli, lab, "P07-evening")["warnings"]
    archive = tmp_path / "42.zip"
    assert cli("export", "42", "--lab", lab.root, "-o", archive).code == 0
    with zipfile.ZipFile(archive) as held:
        assert not [name for name in held.namelist() if b"P07-evening" in held.read(name)]


@pytest.mark.parametrize("told_by_container", [True, False])
def test_the_hour_that_occurs_twice(lab: Any, tmp_path: Path, cli: Any, *, told_by_container: bool) -> None:
    """When clocks go back a name may mean two hours: the container decides, else the file needs a confirmation."""
    folder = tmp_path / "eye"
    first, second = datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    times = {"startTime": "2025-10-26T01:00:00.000Z", "endTime": "2025-10-26T02:00:00.000Z"}
    describe_lab(lab, MOTIONEYE.format(folder=folder), **times)
    write_motioneye_film(folder, "Camera1", second, created=second if told_by_container else None)
    outcome = link(cli, lab, "--json").json
    if told_by_container:
        assert (outcome["linked"], outcome["beyond"]) == (1, [])
        assert list(recordings(plan(cli, lab))) == ["Camera1_20251026T013000Z.mp4"]
        write_motioneye_film(folder, "Camera1", first, created=first)  # the same name, an hour earlier
        assert link(cli, lab, "--json").json["linked"] == 0
    else:
        assert outcome["linked"] == 0
        assert "clocks were changed" in outcome["beyond"][0]["reason"]


def test_unknown_and_unselected_cameras_are_reported_and_left_out(lab: Any, nvr: Path, cli: Any) -> None:
    """Only selected cameras are included, unless --camera names others, also unknown ones."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for camera in ("kitchen", "cam2", "garden"):
        write_frigate_segment(nvr, camera, START)
    outcome = link(cli, lab)
    assert "nvr: 1 file of garden, which is not a known camera: not linked." in outcome.out
    assert "nvr: 1 file of cam2, which is not selected: not linked." in outcome.out
    assert len(read_register(lab)) == 1
    assert link(cli, lab, "--camera", "garden", "--camera", "Camera 2").code == 0
    assert sorted((one["file"].split("/")[2], one.get("cameraId")) for one in read_register(lab)) == [
        ("cam2", "2"),
        ("garden", None),
        ("kitchen", "1"),
    ]
    warnings = plan(cli, lab)["warnings"]
    assert "Camera 2: 1 file of the recorder is from this camera, which was not selected for the session." in warnings
    assert "garden_20250502T080000Z.mp4" in recordings(plan(cli, lab))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--by-time",), ("no terminal", "--yes")),
        (("--by-time", "--yes", "--recorder", "nvx"), ("no recorder 'nvx'", "Did you mean nvr?")),
        (("--by-time", "--yes", "--camera", "kitchn"), ("no camera 'kitchn'", "Did you mean kitchen?")),
        (("a.mp4", "--by-time", "--yes"), ("Leave out file names",)),
        (("--by-time", "--yes", "--pad", "soon"), ("'soon' is not a duration",)),
    ],
)
def test_a_wrong_option_is_refused_with_a_remedy(
    lab: Any, nvr: Path, cli: Any, clear: Any, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Each wrong option has one clear message, and nothing is linked."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    clear(cli("link", "42", *arguments, "--lab", lab.root), 2, *words)
    assert read_register(lab) == []


def test_a_session_without_a_time_is_refused(lab: Any, nvr: Path, cli: Any, clear: Any) -> None:
    """A session without evidence of its end, or an active one, has no time to search."""
    describe_lab(lab, FRIGATE.format(folder=nvr), endTime="absent")
    write_frigate_segment(nvr, "kitchen", START)
    clear(link(cli, lab), 15, "The time of session 42 is not known", "Give it a start and an end")
    describe_lab(lab, FRIGATE.format(folder=nvr), endTime="absent", status="active")
    clear(link(cli, lab), 15, "Session 42 is still active")


def test_an_open_session_is_bounded_by_its_own_evidence(lab: Any, nvr: Path, cli: Any) -> None:
    """A session without an end is searched up to the end of its other recordings; linked files do not change that."""
    describe_lab(lab, FRIGATE.format(folder=nvr), endTime="absent")
    lab.recording("recordings/cam1_session42_20250502T080058Z.mp4")  # two seconds long
    for seconds in (0, 55, 65):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    assert link(cli, lab, "--json").json["to"] == "2025-05-02T08:01:00.000Z"
    assert link(cli, lab, "--json").json["to"] == "2025-05-02T08:01:00.000Z"
    assert len(read_register(lab)) == 2


@pytest.mark.parametrize("evidence", [False, True])
def test_a_session_without_an_end_does_not_overlap_a_later_one(
    lab: Any, nvr: Path, cli: Any, *, evidence: bool
) -> None:
    """A session without an end ends before the next one: files of the later session need no confirmation."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    lab.session("P06", startTime="2025-05-02T05:00:00.000Z", endTime=None)
    if evidence:
        lab.recording("recordings/cam1_sessionP06_20250502T080100Z.mp4")
    for seconds in (-5, 10, 200):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    answer = link(cli, lab, "--json").json
    assert (answer["linked"], answer["beyond"]) == (3, [])


def test_a_later_session_without_an_end_overlaps_files_until_its_estimated_end(lab: Any, nvr: Path, cli: Any) -> None:
    """A later session without an end lasts as long as its own recordings, not a day."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    lab.session("P08", startTime="2025-05-02T08:02:00.000Z", endTime=None)
    lab.recording("recordings/cam1_sessionP08_20250502T080258Z.mp4")  # two seconds long
    for seconds in (10, 150, 240):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    answer = link(cli, lab, "--json").json
    assert answer["linked"] == 2
    assert [(one["file"], one["sessions"]) for one in answer["beyond"]] == [
        ("nvr: 2025-05-02/08/kitchen/02.30.mp4", ["P08"])
    ]


def test_a_recorder_that_is_not_described_or_not_there(lab: Any, tmp_path: Path, cli: Any, clear: Any) -> None:
    """The message names the file or the recorder, never the path of its folder."""
    describe_lab(lab)
    clear(link(cli, lab), 2, "labcrate.toml describes no recorder", "[[recorder]]")
    describe_lab(lab, FRIGATE.format(folder=tmp_path / "unplugged"))
    outcome = link(cli, lab)
    clear(outcome, 4, 'recorder "nvr"', "connect its disk")
    assert str(tmp_path) not in outcome.err


def test_symbolic_links_are_refused(lab: Any, nvr: Path, tmp_path: Path, cli: Any) -> None:
    """A link instead of a segment or a folder is reported and never followed, before and after linking."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    secret = write_frigate_segment(tmp_path / "elsewhere", "kitchen", START + 10 * SECOND)
    (nvr / "2025-05-02/08/kitchen/00.10.mp4").symlink_to(secret)
    answer = link(cli, lab, "--json").json
    assert [one["file"] for one in answer["skipped"]] == ["nvr: 2025-05-02/08/kitchen/00.10.mp4"]
    assert len(read_register(lab)) == 1
    kitchen = nvr / "2025-05-02/08/kitchen"
    shutil.move(kitchen, tmp_path / "moved")
    kitchen.symlink_to(tmp_path / "moved")
    (missing,) = plan(cli, lab)["missing"]
    assert missing["what"] == "nvr: 2025-05-02/08/kitchen/00.00.mp4"
    assert "symbolic link" in missing["why"]


def test_a_file_that_is_another_one_by_now_is_missing(lab: Any, nvr: Path, cli: Any, clear: Any) -> None:
    """If a linked file or its recorder was replaced or deleted, the session is incomplete and says why."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    file = write_frigate_segment(nvr, "kitchen", START)
    assert link(cli, lab).code == 0
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    clear(cli("export", "42", "--lab", lab.root), 6, "nvr: 2025-05-02/08/kitchen/00.00.mp4 was replaced or changed")
    write_frigate_segment(nvr, "kitchen", START)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert plan(cli, lab)["missing"] == []
    file.unlink()
    assert [one["why"] for one in plan(cli, lab)["missing"]] == ["no longer exists"]
    lab.write("labcrate.toml", "")
    (missing,) = plan(cli, lab)["missing"]
    assert missing["why"] == "cannot be read: labcrate.toml has no recorder nvr"


def test_thousands_that_are_gone_are_one_sentence(lab: Any, nvr: Path, tmp_path: Path, cli: Any) -> None:
    """Thousands of deleted files, or a disk that is not connected, are one line."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for seconds in range(0, 140, 10):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    assert link(cli, lab).code == 0
    (nvr / "2025-05-02/08/kitchen").rename(tmp_path / "deleted")
    (missing,) = plan(cli, lab)["missing"]
    assert (missing["what"], missing["why"]) == ("nvr: 2025-05-02/08/kitchen/00.00.mp4 and 13 more", "no longer exists")
    nvr.rename(tmp_path / "unplugged")
    (missing,) = plan(cli, lab)["missing"]
    assert missing["why"] == "cannot be read: the folder of the recorder nvr does not exist"
    assert str(tmp_path) not in json.dumps(missing)


def test_undo_removes_just_what_one_link_wrote(lab: Any, nvr: Path, cli: Any) -> None:
    """Each link command is one line of the log; undoing one leaves the entries of the others."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    assert link(cli, lab).code == 0
    write_frigate_segment(nvr, "kitchen", START + 10 * SECOND)
    made = link(cli, lab, "--json").json["link"]
    assert (made["method"], made["source"]) == ("by time", "nvr: 1 recording")
    assert made["target"] == "sessions/Session42/recordings.json"
    assert len(read_register(lab)) == 2
    assert cli("link", "42", "--undo", str(made["number"]), "--lab", lab.root).code == 0
    assert [one["file"] for one in read_register(lab)] == ["2025-05-02/08/kitchen/00.00.mp4"]
    assert cli("link", "42", "--undo", str(made["number"]), "--lab", lab.root).code == 15
    assert cli("link", "42", "--undo", "1", "--lab", lab.root).code == 0
    assert not (lab.root / "sessions/Session42/recordings.json").exists()
    assert recordings(plan(cli, lab)) == {}


def test_a_terminal_needs_a_confirmation(lab: Any, nvr: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes, nothing is linked without a confirmation; Enter means no."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    monkeypatch.setattr("labcrate.cli.link_by_time._is_terminal", lambda: True)
    questions: list[str] = []
    answers = iter(("", "no", "y"))

    def reply(question: str) -> str:
        questions.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", reply)
    for linked in (0, 0, 1):
        outcome = cli("link", "42", "--by-time", "--lab", lab.root)
        assert outcome.code == 0, outcome.err
        assert len(read_register(lab)) == linked
    assert questions == ["Link this recording? [y/N] "] * 3


def test_excluded_files_stay_out(lab: Any, cli: Any) -> None:
    """Excluded files are not offered, and not packed if they were linked before."""
    folder = lab.root / "recordings" / "eye"
    describe_lab(lab, MOTIONEYE.format(folder="recordings/eye"))
    write_motioneye_film(folder, "Camera1", START)
    assert link(cli, lab, "--json").json["linked"] == 1
    toml = (lab.root / "labcrate.toml").read_text()
    lab.write("labcrate.toml", f'exclude = ["recordings/eye/"]\n{toml}')
    planned = plan(cli, lab)
    assert recordings(planned) == {}
    assert [one["rule"] for one in planned["notTaken"] if one["source"].startswith("eye: ")] == ["excluded"]
    write_motioneye_film(folder, "Camera1", START + 10 * SECOND)
    assert link(cli, lab, "--json").json["linked"] == 0


def test_many_files_are_shown_as_spans(lab: Any, nvr: Path, cli: Any, tmp_path: Path) -> None:
    """README and plan show a camera's many recordings as one span with gaps; JSON and CSV list all of them."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    for seconds in (*range(0, 200, 10), 220):
        write_frigate_segment(nvr, "kitchen", START + timedelta(seconds=seconds))
    assert link(cli, lab).code == 0
    shown = cli("plan", "42", "--lab", lab.root).out
    assert "recordings/kitchen_20250502T080000Z.mp4 and 20 more" in shown
    assert "recordings/kitchen_20250502T080010Z.mp4" not in shown
    assert "1 gap, 0:20 in all:" in shown
    assert len(recordings(plan(cli, lab))) == 21
    archive = tmp_path / "42.zip"
    assert cli("export", "42", "--lab", lab.root, "-o", archive).code == 0
    with zipfile.ZipFile(archive) as held:
        readme = held.read("README.txt").decode()
        assert len(held.read("data/recordings.csv").splitlines()) == 22
    assert "Camera 1: 21 recordings, 3:30 in all" in readme
    assert "2025-05-02T08:00:00.000Z to 2025-05-02T08:03:50.000Z" in readme
    assert "0:20 from 2025-05-02T08:03:20.000Z" in readme
    assert "kitchen_20250502T080010Z.mp4" not in readme


def test_indexing_covers_linked_files_once(lab: Any, nvr: Path, cli: Any) -> None:
    """``labcrate index`` reads them before an export, and keeps their records while their disk is away."""
    describe_lab(lab, FRIGATE.format(folder=nvr))
    write_frigate_segment(nvr, "kitchen", START)
    assert link(cli, lab).code == 0
    assert cli("index", "--json", "--lab", lab.root).json["indexed"] == 1
    nvr.rename(nvr.with_name("away"))
    assert cli("index", "--json", "--lab", lab.root).code == 0
    with Catalog.open(lab.root / ".labcrate") as catalog:
        assert "@nvr/2025-05-02/08/kitchen/00.00.mp4" in catalog.all()
    nvr.with_name("away").rename(nvr)
    (nvr / "2025-05-02/08/kitchen/00.00.mp4").unlink()
    assert cli("index", "--json", "--lab", lab.root).code == 0
    with Catalog.open(lab.root / ".labcrate") as catalog:
        assert catalog.all() == {}
