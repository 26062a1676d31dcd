"""Each file of a session's own folder is packed, missing, or left out by a named rule."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest

from labcrate.archive.entity import Entity
from labcrate.archive.layout import Layout, Member
from labcrate.lab.exclude import ExcludePatterns
from labcrate.plan import member_names as names
from labcrate.plan.inventory import read_inventory
from labcrate.plan.linked_files import find_linked_files
from labcrate.plan.not_taken import NotTaken, NotTakenRule
from labcrate.plan.plan import FileKind, Missing
from labcrate.plan.session_files import SessionFolderFiles, files_to_index, find_session_files, sidecar_path

OWN = "sessions/Session42"
THEN = datetime(2025, 5, 2, 8, 1, tzinfo=UTC)


@pytest.fixture
def own(lab: Any) -> Any:
    """Write session 42 with its description in its folder and no recordings."""
    lab.cameras("cam1")
    lab.session(42)
    return lab


def sorted_files(lab: Any, *exclude: str) -> SessionFolderFiles:
    """Return the sorted files of the session's folder."""
    inventory = read_inventory(lab.open())
    session = inventory.session("42")
    return find_session_files(
        inventory, session, find_linked_files(inventory, session, lambda _: {}), ExcludePatterns(exclude).matches
    )


def members(files: SessionFolderFiles) -> dict[str, str]:
    """Return the members of files other than recordings, by their path in the session's folder."""
    return {one.path.removeprefix(f"{OWN}/"): one.member for one in files.files}


def left(files: SessionFolderFiles) -> dict[str, NotTakenRule]:
    """Return the files that stay out, without the session's description, by their path in the session's folder."""
    rules = {one.path.removeprefix(f"{OWN}/"): one.rule for one in files.not_taken}
    assert rules.pop("session_data.json") is NotTakenRule.DESCRIPTION
    return rules


def test_everything_has_a_place_of_its_own(own: Any) -> None:
    """Videos of any container are recordings, sensor data are together, and other files keep their paths."""
    for path in (
        "recordings/a.mp4",
        "clips/b.MOV",
        "c.mkv",
        "sensor_data/d/e.csv",
        "sensor_data/f.json",
        "g.pdf",
        "h/i.txt",
    ):
        own.write(f"{OWN}/{path}", path, THEN)
    files = sorted_files(own)
    assert {one.path.removeprefix(f"{OWN}/") for one in files.recordings} == {
        "recordings/a.mp4",
        "clips/b.MOV",
        "c.mkv",
    }
    assert all(one.verdict.linked for one in files.recordings)
    assert members(files) == {
        "sensor_data/d/e.csv": "data/sensor_data/d/e.csv",
        "sensor_data/f.json": "data/sensor_data/f.json",
        "g.pdf": "data/session_files/g.pdf",
        "h/i.txt": "data/session_files/h/i.txt",
    }
    assert {one.kind for one in files.files if "sensor_data" in one.path} == {FileKind.SENSOR_DATA}
    assert left(files) == {}


def test_names_that_are_one_on_some_system_stay_two_files(own: Any) -> None:
    """A file and a folder, two cases, two Unicode forms: each file has its own member."""
    names = ["a.txt", "A.TXT", "b", "B/c.txt", "\u00e9.txt", "e\u0301.txt", "con.txt", "x:y.txt", "end."]
    for name in names:
        own.write(f"{OWN}/{name}", name)
    got = members(sorted_files(own))
    assert got.keys() == set(names)
    assert len({member.casefold() for member in got.values()}) == len(names)
    assert got["b"] != "data/session_files/B"


@pytest.mark.parametrize("name", ["sensor_readings.csv", "sensor_readings.json"])
def test_a_table_of_labcrates_own_name_keeps_it_only_in_that_spelling(own: Any, name: str) -> None:
    """The session's own table of a generated one's name stands for that; one in another case gets another name."""
    own.write(f"{OWN}/sensor_data/{name}", "mine")
    own.write(f"{OWN}/sensor_data/{name.upper()}", "other")
    got = members(sorted_files(own))
    assert got[f"sensor_data/{name}"] == f"data/sensor_data/{name}"
    assert got[f"sensor_data/{name.upper()}"].casefold() != f"data/sensor_data/{name}"


RULES = {
    ".hidden": (".hidden", NotTakenRule.HIDDEN),
    ".git/config": (".git/", NotTakenRule.HIDDEN),
    "notes/.DS_Store": ("notes/.DS_Store", NotTakenRule.HIDDEN),
    "Thumbs.db": ("Thumbs.db", NotTakenRule.SYSTEM),
    "recordings/@eaDir/a.mp4/thumb.jpg": ("recordings/@eaDir/", NotTakenRule.SYSTEM),
    "~$plan.docx": ("~$plan.docx", NotTakenRule.LOCK),
    "recordings/a.mp4.part": ("recordings/a.mp4.part", NotTakenRule.UNFINISHED),
    "config.json": ("config.json", NotTakenRule.DESCRIPTION),
    "recordings.json": ("recordings.json", NotTakenRule.REGISTER),
    "empty.txt": ("empty.txt", NotTakenRule.EMPTY),
    "private.txt": ("private.txt", NotTakenRule.EXCLUDED),
}


def test_each_rule_keeps_out_what_it_means_and_is_named(own: Any) -> None:
    """A file that stays out is listed with its rule; files of one hidden folder together, with their number."""
    for path in RULES:
        own.write(f"{OWN}/{path}", "" if path.startswith("empty") else "{}")
    own.write(f"{OWN}/.git/second", "x")
    own.write(f"{OWN}/below/config.json", "{}")
    own.write(f"{OWN}/below/recordings.json", "{}")
    files = sorted_files(own, "private.txt")
    assert left(files) == dict(RULES.values())
    assert NotTaken(f"{OWN}/.git/", NotTakenRule.HIDDEN, 2) in files.not_taken
    assert [one.path for one in files.not_taken] == sorted(one.path for one in files.not_taken)
    assert members(files).keys() == {"below/config.json", "below/recordings.json"}
    assert sum(one.files for one in files.not_taken) == len(RULES) + 2
    assert (files.missing_files, files.missing_recordings) == ([], [])
    assert any("empty.txt is empty" in warning for warning in files.warnings)


def test_empty_and_excluded_recordings_are_named_and_not_missing(own: Any) -> None:
    """A linked recording that is empty or excluded stays out with its rule, in the own folder and elsewhere."""
    own.write(f"{OWN}/recordings/empty.mp4", b"")
    own.write(f"{OWN}/recordings/out.mp4", b"x")
    own.write("recordings/cam1_session42_out.mp4", b"x")
    (own.root / f"{OWN}/recordings/link-out.mp4").symlink_to("nowhere")
    files = sorted_files(own, "*out.mp4")
    assert files.recordings == []
    assert left(files) == {
        "recordings/empty.mp4": NotTakenRule.EMPTY,
        "recordings/out.mp4": NotTakenRule.EXCLUDED,
        "recordings/link-out.mp4": NotTakenRule.EXCLUDED,
        "recordings/cam1_session42_out.mp4": NotTakenRule.EXCLUDED,
    }
    assert files.missing_recordings == []


@pytest.mark.parametrize(
    ("path", "video"),
    [("recordings/a.mp4", True), ("recordings/b", True), ("c.mov", True), ("sensor_data/d.csv", False)],
)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_where_data_lie_is_missing(own: Any, path: str, video: bool, kind: str) -> None:
    """A link or pipe in place of a recording or sensor data is missing with a remedy, once."""
    place = own.root / OWN / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(own.root / "data/cameras.json") if kind == "link" else os.mkfifo(place)
    files = sorted_files(own)
    missing, other = (files.missing_recordings, files.missing_files)[:: 1 if video else -1]
    assert [one.what for one in missing] == [f"{OWN}/{path}"]
    assert missing[0].remedy
    assert other == []
    assert left(files) == {}


def test_other_links_and_pipes_are_named(own: Any) -> None:
    """Elsewhere in the folder a link stays out with a warning and a pipe with its rule; the session stays complete."""
    (own.root / OWN / "notes.txt").symlink_to(own.root / "data/cameras.json")
    os.mkfifo(own.root / OWN / "pipe")
    files = sorted_files(own)
    assert left(files) == {"notes.txt": NotTakenRule.LINK, "pipe": NotTakenRule.NO_FILE}
    assert len(files.warnings) == 1
    assert [*files.missing_files, *files.missing_recordings, *files.files] == []


def test_a_file_that_goes_during_the_walk_is_missing(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed file that was deleted is missing, a video among the recordings."""
    own.write(f"{OWN}/a.txt", "x")
    own.write(f"{OWN}/clips/b.mov", "x")
    inventory = read_inventory(own.open())
    session = inventory.session("42")
    real = os.lstat

    def lstat(path: Any, **options: Any) -> Any:
        if str(path).endswith(("a.txt", "b.mov")):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, **options)

    monkeypatch.setattr(os, "lstat", lstat)
    files = find_session_files(inventory, session, find_linked_files(inventory, session, lambda _: {}))
    assert [one.what for one in files.missing_files] == [f"{OWN}/a.txt"]
    assert [one.what for one in files.missing_recordings] == [f"{OWN}/clips/b.mov"]
    assert all(isinstance(one, Missing) and one.remedy for one in (*files.missing_files, *files.missing_recordings))


class TestSidecar:
    """The sensor data that the platform writes next to a recording."""

    RECORDING = "recordings/cam1_session42_a.mp4"
    PATH = "recordings/cam1_session42_a-sensors.json"

    @pytest.fixture
    def recorded(self, own: Any) -> Any:
        """Write one recording outside the session's folder."""
        own.write(self.RECORDING, "x", THEN)
        return own

    def test_it_goes_in_with_its_recording(self, recorded: Any) -> None:
        """Next to a recording it is the session's, with that recording; alone it is not."""
        assert sidecar_path(self.RECORDING) == self.PATH
        recorded.write(self.PATH, "{}")
        recorded.write("recordings/cam1_session42_b-sensors.json", "{}")
        (one,) = sorted_files(recorded).files
        assert (one.path, one.kind, one.recording) == (self.PATH, FileKind.SIDECAR, self.RECORDING)
        assert one.member == "data/session_files/recordings/cam1_session42_a-sensors.json"

    @pytest.mark.parametrize(
        "why", [NotTakenRule.EXCLUDED, NotTakenRule.LINK, NotTakenRule.NO_FILE, NotTakenRule.EMPTY]
    )
    def test_it_stays_out_by_the_rules_of_all_files(self, recorded: Any, why: NotTakenRule) -> None:
        """Excluded, a link, a pipe or empty, it is listed with that rule, and the recording is packed."""
        place = recorded.root / self.PATH
        match why:
            case NotTakenRule.LINK:
                place.symlink_to(recorded.root / "data/cameras.json")
            case NotTakenRule.NO_FILE:
                os.mkfifo(place)
            case _:
                place.write_text("" if why is NotTakenRule.EMPTY else "{}")
        files = sorted_files(recorded, *(["*-sensors.json"] if why is NotTakenRule.EXCLUDED else []))
        assert left(files) == {self.PATH: why}
        assert files.files == []
        assert [one.path for one in files.recordings] == [self.RECORDING]

    def test_two_recordings_of_one_stem_share_it(self, recorded: Any) -> None:
        """Two files with one stem in one folder name one file of sensor data, which goes in once."""
        recorded.write(self.RECORDING.replace(".mp4", ".MP4"), "y", THEN)
        recorded.write(self.PATH, "{}")
        assert len(sorted_files(recorded).files) == 1


def test_a_secret_in_a_name_is_blanked(own: Any) -> None:
    """A file named with a camera's password goes in under a name without it."""
    own.write(f"{OWN}/s3cret-password notes.txt", "x")
    (member,) = members(sorted_files(own)).values()
    assert "s3cret" not in member


def test_files_to_index_are_those_that_may_be_packed(own: Any) -> None:
    """The files of a session's folder that its archive may hold are known by their names."""
    for path in ("a.txt", ".hidden", "b.part", "recordings/c.mp4"):
        own.write(f"{OWN}/{path}", "x")
    (own.root / OWN / "link").symlink_to("a.txt")
    inventory = read_inventory(own.open())
    assert [one.path for one in files_to_index(inventory, ["42", "7"])] == [f"{OWN}/a.txt", f"{OWN}/recordings/c.mp4"]


def test_a_session_without_a_folder_has_no_files(lab: Any) -> None:
    """A session known only by a shared description and recordings has only its recordings."""
    lab.cameras("cam1")
    lab.json("data/sessions.json", [{"id": 42}])
    lab.write("recordings/cam1_session42_a.mp4", "x")
    files = sorted_files(lab)
    assert [one.path for one in files.recordings] == ["recordings/cam1_session42_a.mp4"]
    assert [*files.files, *files.not_taken] == []


def test_labcrates_own_archives_stay_out_and_other_zips_go_in(own: Any) -> None:
    """An archive of labcrate in the folder, recognized by its content, and its signature stay out."""
    first = [Member.of_bytes("README.txt", b"Session 7", 0)]
    made = f'{{"format": "{names.FORMAT}"}}'.encode()
    archive = Entity(Layout([*first, Member.of_bytes("data/session_metadata.json", made, 0)]))
    other = Entity(Layout([*first, Member.of_bytes("data/session_metadata.json", b"{}", 0)]))
    own.write(f"{OWN}/renamed.ZIP", b"".join(archive.read_range()))
    own.write(f"{OWN}/renamed.ZIP.minisig", "signature")
    own.write(f"{OWN}/Session42.zip", b"".join(other.read_range()))
    own.write(f"{OWN}/Session42.zip.minisig", "signature")
    files = sorted_files(own)
    assert left(files) == {"renamed.ZIP": NotTakenRule.ARCHIVE, "renamed.ZIP.minisig": NotTakenRule.ARCHIVE}
    assert members(files).keys() == {"Session42.zip", "Session42.zip.minisig"}
