"""The planner: every file of the lab is in the plan, or the plan says why not; and only the session's files go in."""

import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.values import replace

from labcrate.archive.entity import Entity
from labcrate.errors import IncompleteError, NoSessionError, SecretsError, UsageError
from labcrate.export.prepare import prepare_archive
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Progress
from labcrate.index.records import IndexedFile
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.text import printable
from labcrate.model.fixity import Fixity
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.plan.left_out import left_out_files
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import Plan, SecretTreatment, State
from labcrate.plan.planner import CHECK_COMMAND, Planner

START = datetime(2025, 5, 2, 8, tzinfo=UTC)


def plan_of(lab: Any, session_id: str = "42", options: Options = Options(), **how: Any) -> Plan:
    """Return the plan of one session of a lab as it is on disk now."""
    inventory = how.pop("inventory", None) or read_inventory(lab.open(), options.time_zone)
    planner = {name: how.pop(name) for name in ("progress", "skip_duplicate_check") if name in how}
    with Catalog.open(state_folder(lab.root)) as catalog:
        return Planner(inventory, catalog, workers=1, **planner).plan(
            session_id, options, **{"with_fixity": True, **how}
        )


def bytes_of(root: Path) -> bytes:
    """Return the archive of session 42 of the lab in a folder."""
    with prepare_archive(LabFolder(root), "42", with_fixity=True) as assembly:
        return b"".join(Entity(assembly.layout).read_range())


def placed(plan: Plan, inventory: Inventory) -> Counter[str]:
    """Return how often a plan, and its counts of what is left out, have each path, as printable text."""
    found: Counter[str] = Counter()
    for recording in plan.recordings:
        found.update((recording.source, *recording.duplicate_paths))
    found.update(file.source for file in plan.session_files)
    found.update(near_miss.source for near_miss in plan.near_misses)
    found.update(one.source for one in plan.not_taken)
    found.update(missing.what for missing in plan.missing)
    found.update(one.source for one in left_out_files(inventory, plan))
    return found


PREFIXES = st.sampled_from(["cam1", "cam2", "CAM1", "cam", "cam12", "xcam", "", "küche"])
MARKERS = st.sampled_from(["_session", "-Session", "_s", "_S", ".session", " session", "session", "_sess", "_"])
IDS = st.sampled_from(["42", "042", "4", "420", "142", "7", "4_2", "P07", "p07", ""])
TAILS = st.sampled_from(["", "_a", "_s7", "_session7", "-20250502T080100Z", "_20250502", " (kitchen)", "\udcff", "\n"])
ENDS = st.sampled_from([".mp4", ".MP4", ".mov", ".ts", ".txt", ".mp4.part", "-sensors.json", ".zip", ""])
PLACES = st.sampled_from(
    [
        "recordings/",
        "recordings/",
        "recordings/day/",
        "recordings/.hidden/",
        "recordings/Session42/",
        "sessions/Session42/",
        "sessions/Session42/recordings/",
        "sessions/Session42/recordings/part/",
        "sessions/Session42/sensor_data/",
        "sessions/Session42/@eaDir/",
        "sessions/Session42/session7/",
        "sessions/Session7/recordings/",
        "sessions/Session7/",
        "sessions/Session 42/recordings/",
        "sessions/session42/recordings/",
        "sessions/Session042/recordings/",
        "sessions/",
    ]
)
NAMES = st.builds("".join, st.tuples(PLACES, PREFIXES, MARKERS, IDS, TAILS, ENDS))
THINGS = st.sampled_from(["file"] * 6 + ["same", "empty", "link", "link to folder", "dangling link", "pipe"])
MANY = st.dictionaries(NAMES, THINGS, max_size=24)


def made(root: Path, path: str, thing: str) -> None:
    """Put something under a path; nothing where that is taken."""
    place = root / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        match thing:
            case "file":
                place.write_bytes(b"bytes of " + os.fsencode(path))
            case "same":
                place.write_bytes(b"the same bytes")
            case "empty":
                place.touch()
            case "link":
                place.symlink_to(root / "data" / "sessions.json")
            case "link to folder":
                place.symlink_to(root / "data")
            case "dangling link":
                place.symlink_to("nowhere")
            case "pipe":
                os.mkfifo(place)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return


DESCRIBED = """[
  {"id": 42, "name": "Morning", "startTime": "2025-05-02T08:00:00Z", "endTime": "2025-05-02T08:05:00Z"},
  {"id": 7, "name": "Other", "startTime": "2025-05-03T08:00:00Z", "endTime": "2025-05-03T08:05:00Z"},
  {"id": "P07", "name": "Named"}
]"""


@settings(max_examples=6)
@given(MANY)
@example({"sessions/Session7/recordings/cam1.mp4.part": "link", "sessions/Session7/recordings/.#cam1.mp4": "link"})
def test_every_file_has_one_place_in_the_plan_of_each_session(things: dict[str, str]) -> None:
    """For each session, each file of the lab has exactly one place in the plan.

    It is packed, missing, a near miss, left out by a named rule, or counted as left out; the counts add up to the
    files. No file is in the archives of two sessions, and every entry has a reason.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("recordings", "data", "sessions"):
            (root / name).mkdir()
        (root / "data/sessions.json").write_text(DESCRIBED)
        (root / "data/cameras.json").write_text('[{"id": 1, "recordingPrefix": "cam1"}, {"id": 2, "name": "cam2"}]')
        for path, thing in things.items():
            made(root, path, thing)
        lab = LabFolder(root)
        inventory = read_inventory(lab)
        packed_by: dict[str, str] = {}
        with Catalog.open(state_folder(root)) as catalog:
            for session_id in inventory.ids:
                plan = Planner(inventory, catalog, workers=1).plan(session_id, with_fixity=True)
                mine = {entry.path for entry in lab.walk(inventory.folder(session_id))}
                found = placed(plan, inventory)
                folders = [one.source for one in plan.not_taken if one.source.endswith("/")]
                for path in inventory.paths | mine:
                    named = found[printable(path)] + sum(printable(path).startswith(one) for one in folders)
                    assert named == 1, (session_id, path, things, found)
                assert sum(plan.left_out.values()) == sum(1 for _ in left_out_files(inventory, plan))
                for one in plan.copied:
                    assert packed_by.setdefault(one.path, session_id) == session_id
                    assert one.fixity
                    assert lab.identity(one.path).size_bytes == one.fixity.size_bytes > 0
                assert all(recording.verdict.linked and recording.verdict.reason for recording in plan.recordings)
                assert all(near.verdict.reason and near.verdict.remedy for near in plan.near_misses)
                assert all(one.what and one.why and one.remedy for one in plan.missing)
                assert all(one.rule.reason for one in plan.not_taken)
                members = [one.member for one in plan.copied]
                assert len({member.casefold() for member in members}) == len(members)


def test_the_same_lab_elsewhere_gives_the_same_bytes(usual_lab: Any, tmp_path: Path) -> None:
    """A copy of the lab, its files made in another order and with other inodes, gives the same archive, twice."""
    usual_lab.write("sessions/Session42/notes/a.txt", "a", START)
    usual_lab.write("sessions/Session42/sensor_data/b.csv", "b\n", START)
    other = tmp_path / "elsewhere"
    files = sorted((path for path in usual_lab.root.rglob("*") if path.is_file()), reverse=True)
    for file in files:
        (other / file.relative_to(usual_lab.root)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, other / file.relative_to(usual_lab.root))
    first = bytes_of(usual_lab.root)
    assert first == bytes_of(usual_lab.root) == bytes_of(other)


def test_what_other_sessions_do_does_not_change_the_bytes(usual_lab: Any) -> None:
    """Another session's description, recordings, files and readings do not change this session's archive."""
    first = bytes_of(usual_lab.root)
    usual_lab.session(8, name="Later", startTime="2025-06-02T08:00:00.000Z", endTime="2025-06-02T08:05:00.000Z")
    usual_lab.recording("recordings/cam1_session8_a.mp4")
    usual_lab.write("sessions/Session8/notes.txt", "private")
    (usual_lab.root / "recordings/cam1_session7_a.mp4").unlink()
    plan = plan_of(usual_lab)
    assert plan.state is State.COMPLETE
    assert bytes_of(usual_lab.root) == first
    assert b"private" not in first


class Meanwhile(Progress):
    """Has something happen to the lab as soon as a file is read."""

    def __init__(self, happens: Any) -> None:
        self.happens, self.begun = happens, Counter[str]()

    def start(self, path: str) -> None:
        """Let it happen, once."""
        self.begun[path] += 1
        self.happens(path)

    def advance(self, size_bytes: int) -> None:
        """Return without doing anything."""


MINE = "recordings/cam1_session42_a.mp4"


def one_file(lab: Any) -> None:
    """Write session 42 with a single recording."""
    lab.cameras("cam1")
    lab.session(42)
    lab.recording(MINE)


def test_a_recording_that_goes_while_it_is_read_is_missing(lab: Any) -> None:
    """A file that is deleted before it is read is missing, with a remedy."""
    one_file(lab)
    inventory = read_inventory(lab.open())
    plan = plan_of(lab, inventory=inventory, progress=Meanwhile(lambda path: (lab.root / path).unlink(missing_ok=True)))
    assert plan.recordings == ()
    assert [missing.what for missing in plan.missing] == [MINE]
    assert plan.missing[0].remedy
    assert plan.state is State.INCOMPLETE


def test_a_recording_that_grows_while_it_is_read_is_missing(lab: Any) -> None:
    """A file that changes while it is read is missing, and the plan says so."""
    one_file(lab)

    def grow(path: str) -> None:
        with (lab.root / path).open("ab") as file:
            file.write(b"more")

    plan = plan_of(lab, progress=Meanwhile(grow))
    assert (plan.recordings, [missing.what for missing in plan.missing]) == ((), [MINE])
    assert plan_of(lab).missing == ()


def test_a_session_that_is_gone_since_the_walk(lab: Any) -> None:
    """Recordings that are deleted before the plan are missing, not left out silently."""
    one_file(lab)
    inventory = read_inventory(lab.open())
    (lab.root / MINE).unlink()
    with pytest.raises(IncompleteError, match=MINE):
        plan_of(lab, inventory=inventory, allow_incomplete=False)
    assert plan_of(lab, inventory=inventory).state is State.INCOMPLETE


def test_other_bytes_under_the_same_state_are_missing(lab: Any) -> None:
    """A file that does not match its checksum is never packed, and has a remedy."""
    one_file(lab)
    recording = plan_of(lab).recordings[0]
    with Catalog.open(state_folder(lab.root)) as catalog:
        known = catalog.lookup({MINE: recording.identity})[MINE]
        catalog.store([replace(known, differs_ms=1)])
    plan = plan_of(lab)
    assert plan.recordings == ()
    assert [(one.what, one.command) for one in plan.missing] == [(MINE, CHECK_COMMAND)]
    os.utime(lab.root / MINE)
    assert plan_of(lab).missing == ()


BROKEN: dict[str, tuple[Any, str]] = {
    "a recording is a link": (
        lambda lab: linked(lab, "recordings/cam1_session42_l.mp4"),
        "recordings/cam1_session42_l",
    ),
    "an own recording is a link": (
        lambda lab: linked(lab, "sessions/Session42/recordings/l.mp4"),
        "sessions/Session42/recordings/l.mp4",
    ),
    "a folder of recordings is a link": (
        lambda lab: linked(lab, "sessions/Session42/recordings"),
        "sessions/Session42/recordings",
    ),
    "sensor data are a link": (
        lambda lab: linked(lab, "sessions/Session42/sensor_data/a.csv"),
        "sessions/Session42/sensor_data/a.csv",
    ),
    "readings do not parse": (lambda lab: lab.write("data/zigbee-data.json", "{"), "data/zigbee-data.json"),
    "readings are a link": (lambda lab: linked(lab, "data/zigbee-sensors.csv"), "data/zigbee-sensors.csv"),
    "the session runs": (lambda lab: lab.session(42, status="active", endTime="absent"), "Session 42"),
    "all recordings are a link": (lambda lab: swapped(lab, "recordings"), "recordings"),
}


def linked(lab: Any, path: str) -> None:
    """Put a symbolic link there."""
    (lab.root / path).parent.mkdir(parents=True, exist_ok=True)
    (lab.root / path).unlink(missing_ok=True)
    (lab.root / path).symlink_to(lab.root.parent)


def swapped(lab: Any, path: str) -> None:
    """Move a folder away and put a link to it in its place."""
    (lab.root / path).rename(lab.root.parent / "aside")
    (lab.root / path).symlink_to(lab.root.parent / "aside")


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_packed_is_named_with_a_remedy(lab: Any, case: str) -> None:
    """The plan names what cannot be read and is incomplete; unless that is allowed, no archive is made.

    That is known before any recording is hashed.
    """
    one_file(lab)
    lab.zigbee_json([])
    harm, what = BROKEN[case]
    harm(lab)
    plan = plan_of(lab, with_fixity=False)
    assert plan.state is State.INCOMPLETE
    named = [one for one in plan.missing if str(one.what).startswith(what)]
    assert named
    assert named[0].why
    assert named[0].remedy
    fresh = Meanwhile(lambda _: None)
    with pytest.raises(IncompleteError, match=what) as caught:
        plan_of(lab, allow_incomplete=False, progress=fresh)
    assert "--allow-incomplete" in str(caught.value)
    assert str(lab.root) not in str(caught.value)
    assert not fresh.begun


NEVER_TAKEN = {
    "an editor's lock": ("sessions/Session42/recordings/.#cam1_session42.mp4", "hidden file"),
    "an unfinished copy": ("sessions/Session42/recordings/cam1.mp4.part", "unfinished copy"),
    "a disk station's own": ("sessions/Session42/recordings/@eaDir/cam1.mp4", "system file"),
    "a hidden sensor file": ("sessions/Session42/sensor_data/.sync", "hidden file"),
}


@pytest.mark.parametrize("case", NEVER_TAKEN)
def test_a_link_that_is_never_taken_is_not_missing(lab: Any, case: str) -> None:
    """A link that stays out by its name makes no session incomplete: it is listed once, with that rule."""
    one_file(lab)
    lab.zigbee_json([])
    path, rule = NEVER_TAKEN[case]
    linked(lab, path)
    plan = plan_of(lab, allow_incomplete=False)
    assert plan.missing == ()
    assert [one.rule.value for one in plan.not_taken if path.startswith(one.path)] == [rule]


def closed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Close a folder, also for root."""
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return real(path)

    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize("path", ["recordings/lost+found", "recordings/day/2", "sessions/Session42/recordings/more"])
def test_a_closed_folder_may_hold_recordings_unless_it_is_excluded(
    lab: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A folder without permission makes the session incomplete, unless labcrate.toml excludes it."""
    one_file(lab)
    lab.zigbee_json([])
    closed(monkeypatch, lab.root / path)
    assert [missing.what for missing in plan_of(lab).missing] == [path]
    lab.write("labcrate.toml", f'exclude = ["/{path}/"]')
    assert plan_of(lab, allow_incomplete=False).missing == ()


@pytest.mark.parametrize("path", ["recordings/.Trash-0", "sessions/Session42/recordings/.Trash-0"])
def test_a_closed_folder_that_is_hidden_holds_no_recordings(
    lab: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A hidden folder without permission leaves the session complete: hidden files are never exported."""
    one_file(lab)
    lab.zigbee_json([])
    closed(monkeypatch, lab.root / path)
    assert plan_of(lab, allow_incomplete=False).missing == ()


def test_a_session_without_a_description_says_so(lab: Any) -> None:
    """A session known only by a recording's name has a plan with a warning, and no readings."""
    lab.recording("recordings/cam1_session9_a.mp4")
    lab.zigbee_json([("2025-05-02T08:00:59.000Z", "zigbee2mqtt/door", {"contact": True})])
    plan = plan_of(lab, "9")
    assert plan.state is State.WARNINGS
    assert any("describes session 9" in warning for warning in plan.warnings)
    assert len(plan.recordings) == 1


def test_a_session_that_does_not_exist(usual_lab: Any) -> None:
    """An unknown id raises an error with the existing ids."""
    for session_id in ("4", "420", "2"):
        with pytest.raises(NoSessionError, match="42"):
            plan_of(usual_lab, session_id)


def test_a_plan_without_hashing_reads_no_file_through_and_says_the_same(usual_lab: Any) -> None:
    """Before and after hashing, a plan has the same files, times and warnings; only the fixity is missing before."""
    first, hashed = plan_of(usual_lab, with_fixity=False), plan_of(usual_lab)
    assert all(one.fixity is None for one in first.copied)
    assert all(one.fixity for one in hashed.copied)
    without = tuple(replace(one, fixity=None, search=None) for one in hashed.recordings)
    assert tuple(replace(one, search=None) for one in first.recordings) == without
    assert (first.warnings, first.missing, first.left_out) == (hashed.warnings, hashed.missing, hashed.left_out)


def test_namesakes_are_compared_unless_that_is_skipped(lab: Any) -> None:
    """One name and size in two places: compared by content, or counted twice with a warning when that is skipped."""
    one_file(lab)
    lab.write(f"sessions/Session42/{MINE}", bytes(lab.clip))
    name = MINE.rpartition("/")[2]
    unchecked = plan_of(lab, with_fixity=False, skip_duplicate_check=True)
    assert [one.member for one in unchecked.recordings] == [MINE, MINE.replace(".mp4", "~2.mp4")]
    assert any("may be the same" in warning and name in warning for warning in unchecked.warnings)
    plan = plan_of(lab, with_fixity=False)
    assert [one.member for one in plan.recordings] == [MINE]
    assert plan.recordings[0].duplicate_paths == (f"sessions/Session42/{MINE}",)
    assert not any("may be the same" in warning for warning in plan.warnings)


def test_progress_can_end_a_plan_at_any_step(usual_lab: Any) -> None:
    """An exception of the progress stops the plan while it probes, hashes or reads sensors."""

    class StopError(Exception):
        pass

    class Ending(Progress):
        def __init__(self, after: int) -> None:
            self.left = after

        def raise_if_cancelled(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise StopError

    ended = 0
    for after in range(12):
        shutil.rmtree(usual_lab.root / ".labcrate", ignore_errors=True)
        try:
            plan_of(usual_lab, progress=Ending(after))
        except StopError:
            ended += 1
        else:
            break
    assert ended >= 3


class TestSecrets:
    """Files that hold a secret of the lab."""

    @pytest.fixture
    def leaking(self, lab: Any) -> Any:
        """Write a session whose notes have a camera's password."""
        one_file(lab)
        lab.write("sessions/Session42/notes.txt", "the password is s3cret-password\n")
        return lab

    def test_they_are_refused_before_anything_is_hashed(self, leaking: Any) -> None:
        """The error names the file, not the secret; no recording was hashed before it."""
        with pytest.raises(SecretsError, match=r"sessions/Session42/notes\.txt") as caught:
            plan_of(leaking, stop_on_secrets=True)
        assert "s3cret" not in str(caught.value)
        with Catalog.open(state_folder(leaking.root)) as catalog:
            known = catalog.lookup({MINE: leaking.open().identity(MINE)})[MINE]
        assert known.fixity is None

    @pytest.mark.parametrize(
        ("options", "treatment"),
        [
            (Options(), SecretTreatment.REFUSED),
            (Options(redact=True), SecretTreatment.REDACTED),
            (Options(allow_secrets=True), SecretTreatment.ALLOWED),
            (Options(redact=True, allow_secrets=True), SecretTreatment.REDACTED),
        ],
    )
    def test_a_plan_says_what_becomes_of_them(self, leaking: Any, options: Options, treatment: SecretTreatment) -> None:
        """Each treatment is in the plan, with a warning, and no text of the plan has the secret."""
        plan = plan_of(leaking, options=options, stop_on_secrets=treatment is not SecretTreatment.REFUSED)
        assert [(one.source, one.treatment) for one in plan.secrecy.files] == [
            ("sessions/Session42/notes.txt", treatment)
        ]
        assert any("notes.txt" in warning for warning in plan.warnings)
        assert "s3cret" not in repr(plan)


def test_everything_that_is_not_chosen_is_counted(usual_lab: Any) -> None:
    """The plan counts what was not chosen of each kind of data, and has everything that was chosen."""
    usual_lab.write("sessions/Session42/notes.txt", "x")
    sensors = plan_of(usual_lab, options=Options(only=DataKind.SENSORS))
    assert sensors.copied == ()
    assert len(sensors.readings) == 3
    assert any("2 recordings were left out" in said for said in sensors.not_chosen)
    assert any("1 other file" in said for said in sensors.not_chosen)
    recordings = plan_of(usual_lab, options=Options(only=DataKind.RECORDINGS))
    assert (len(recordings.recordings), len(recordings.readings)) == (2, 0)
    assert any("All readings" in said for said in recordings.not_chosen)
    span = TimeSpan(START + timedelta(minutes=1), START + timedelta(minutes=3))
    part = plan_of(usual_lab, options=Options(span=span))
    assert len(part.readings) == 1
    assert any("outside the chosen time" in said for said in part.not_chosen)
    for plan in (sensors, recordings, part):
        assert plan.state is State.COMPLETE
    with pytest.raises(UsageError, match="The lab's cameras: Camera 1 and Camera 2"):
        plan_of(usual_lab, options=Options(cameras=("cam1x",)))
    with pytest.raises(UsageError, match="chosen time is outside"):
        plan_of(usual_lab, options=Options(span=TimeSpan(START + timedelta(days=1), START + timedelta(days=2))))


def test_readings_of_the_window_go_in_with_its_ends(usual_lab: Any) -> None:
    """Both ends of the session's time are included; a pad extends it, with a warning if that overlaps a session."""
    assert len(plan_of(usual_lab).readings) == 3
    padded = plan_of(usual_lab, options=Options(pad=timedelta(milliseconds=1)))
    assert (len(padded.readings), padded.pad) == (5, timedelta(milliseconds=1))
    usual_lab.session(7, startTime="2025-05-02T08:05:00.000Z", endTime="2025-05-02T08:09:00.000Z")
    wide = plan_of(usual_lab, options=Options(pad=timedelta(minutes=1)))
    assert any("another session" in str(warning) for warning in wide.warnings)
    assert not any("session 7" in str(warning).casefold() for warning in wide.warnings)


def test_excluded_files_are_named_and_stay_out(usual_lab: Any) -> None:
    """Files that labcrate.toml excludes are listed and stay out, and nothing is missing because of them."""
    usual_lab.write("labcrate.toml", 'exclude = ["sessions/Session42/recordings/", "*.txt"]\n')
    usual_lab.write("sessions/Session42/notes.txt", "x")
    plan = plan_of(usual_lab)
    assert [one.path for one in plan.copied] == [MINE]
    named = {one.source: one.rule.value for one in plan.not_taken}
    assert named["sessions/Session42/notes.txt"] == "excluded"
    assert named["sessions/Session42/recordings/any.mp4"] == "excluded"
    assert plan.missing == ()


def test_known_files_are_not_read_again(usual_lab: Any) -> None:
    """A second plan of an unchanged lab reads no file; after a change of one byte it reads only that file."""
    plan_of(usual_lab)
    calm = Meanwhile(lambda _: None)
    plan_of(usual_lab, progress=calm)
    assert not calm.begun
    usual_lab.recording(MINE, content=usual_lab.clip + bytes(8))
    plan_of(usual_lab, progress=calm)
    assert list(calm.begun) == [MINE]


def test_a_row_of_the_index_for_another_state_is_not_used(lab: Any) -> None:
    """Fixity stored for another size or time of the file is not used."""
    one_file(lab)
    identity = lab.open().identity(MINE)
    with Catalog.open(state_folder(lab.root)) as catalog:
        stale = replace(identity, mtime_ns=identity.mtime_ns - 1)
        catalog.store([IndexedFile(MINE, stale, Fixity(identity.size_bytes, 1, "0" * 64))])
    fixity = plan_of(lab).recordings[0].fixity
    assert fixity == Fixity.of_bytes(lab.clip)
