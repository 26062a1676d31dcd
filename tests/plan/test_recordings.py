"""From linked files to recordings: each once, with a unique name and its warnings."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.values import replace

from labcrate.archive.names import name_clashes, unsafe_name_reason
from labcrate.index.records import IndexedFile
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.lab_settings import Recorder
from labcrate.model.recording import ClockNote, Probe, RecordingTime, StartCandidate, TimeSource
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import read_inventory
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.plan.linked_files import RecordingFile
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.recording_time import TimeContext
from labcrate.plan.recordings import (
    SessionCameras,
    cameras_without_recordings,
    find_possible_duplicates,
    may_overlap_session,
    plan_recordings,
    possible_duplicate_warnings,
    recording_warnings,
)
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secret, SecretKind, Secrets

START, END = datetime(2025, 5, 2, 8, tzinfo=UTC), datetime(2025, 5, 2, 8, 5, tzinfo=UTC)
SESSION = Session("42", span=TimeSpan(START, END))
MTIME = int((START + timedelta(minutes=2)).timestamp()) * 10**9
HALL, KITCHEN = Camera("1", "Hall", "cam1"), Camera("2", "Kitchen", "cam2")
CAMERAS = SessionCameras({"a": HALL, "b": KITCHEN}, frozenset())
PROBE = Probe(duration_s=60.0)
SECRET = LabCleaner(Matcher(Secrets(strong=(Secret("Not-For-Export-7", SecretKind.CAMERA_PASSWORD),))))


def found(path: str, inode: int = 1, size: int = 10, camera: str | None = "a", **verdict: Any) -> RecordingFile:
    """Return a linked file; the same inode is the same file."""
    judged = Verdict(
        VerdictKind.LINKED, Rule.NAME, Message("linking.named", sessions="42", count=1), camera=camera, **verdict
    )
    return RecordingFile(path, Identity(size, MTIME, 0, inode), judged)


def known(
    files: Iterable[RecordingFile], content: Mapping[str, str] | None = None, probe: Probe = PROBE
) -> dict[str, IndexedFile]:
    """Return the index records of files; ``content`` has the bytes of hashed ones."""
    index = {}
    for one in files:
        data = (content or {}).get(one.path)
        fixity = None if data is None else replace(Fixity.of_bytes(data.encode()), size_bytes=one.identity.size_bytes)
        index[one.path] = IndexedFile(one.path, one.identity, fixity, probe)
    return index


def planned(
    files: Sequence[RecordingFile], content: Mapping[str, str] | None = None, **options: Any
) -> tuple[PlannedRecording, ...]:
    """Return the recordings of the archive."""
    return plan_recordings(files, known(files, content), SESSION, CAMERAS, **options)


def members(recordings: Iterable[PlannedRecording]) -> list[str]:
    """Return the names of recordings in the archive, without the folder."""
    return [one.member.removeprefix("recordings/") for one in recordings]


A, B = "recordings/a.mp4", "sessions/Session42/recordings/a.mp4"


def test_one_name_and_bytes_are_packed_once_with_all_paths() -> None:
    """Two copies in two folders are one recording with all paths, in any order; so is a third hard link."""
    files = [found(A, 1), found(B, 2), found("recordings/x/a.mp4", 2)]
    content = dict.fromkeys((A, B, "recordings/x/a.mp4"), "bytes")
    for order in (files, files[::-1], [files[1], files[2], files[0]]):
        (one,) = planned(order, content)
        assert (one.path, one.duplicate_paths) == (A, ("recordings/x/a.mp4", B))


def test_one_name_with_other_bytes_goes_in_twice() -> None:
    """Two files with the same name and size and other bytes are two recordings."""
    first, second = planned([found(B, 2), found(A, 1)], {A: "one", B: "two"})
    assert members((first, second)) == ["a.mp4", "a~2.mp4"]
    assert (first.path, second.path) == (A, B)
    assert first.fixity != second.fixity


def test_one_file_under_two_names_is_two_recordings() -> None:
    """The same bytes under another name are two recordings."""
    files = [found("recordings/a.mp4", 1), found("recordings/b.mp4", 1)]
    assert members(planned(files, dict.fromkeys(("recordings/a.mp4", "recordings/b.mp4"), "x"))) == ["a.mp4", "b.mp4"]


def test_before_hashing_only_hard_links_are_one() -> None:
    """Without hashes the same name and size do not make one recording; one file under two paths does."""
    assert len(planned([found(A, 1), found(B, 2)])) == 2
    assert len(planned([found(A, 1), found(B, 1)])) == 1


def test_a_chain_of_links_and_copies_is_one() -> None:
    """A copy of a file, a hard link of that copy, and a file of other bytes between them: two recordings."""
    paths = [A, B, "recordings/y/a.mp4", "recordings/z/a.mp4"]
    files = [found(A, 1), found(B, 2), found(paths[2], 3), found(paths[3], 2)]
    content = {A: "same", B: "same", paths[2]: "other", paths[3]: "same"}
    first, second = planned(files, content)
    assert {first.path, *first.duplicate_paths} == {A, B, paths[3]}
    assert second.path == paths[2]


def test_names_that_some_system_takes_for_one_are_numbered() -> None:
    """No two members are the same under case folding, Unicode forms or joiners; none is reserved on Windows."""
    names = [
        "a.mp4",
        "A.MP4",
        "\u00e9.mp4",
        "e\u0301.mp4",
        "E\u0301.mp4",
        "aux.mp4",
        "a\u200b.mp4",
        "a~2.mp4",
        "\udcff.mp4",
    ]
    files = [found(f"recordings/{name}", inode) for inode, name in enumerate(names)]
    got = planned(files)
    raw = [one.member.encode() for one in got]
    assert len(raw) == len(names)
    assert list(name_clashes(raw)) == []
    assert [unsafe_name_reason(name) for name in raw] == [None] * len(raw)
    assert {one.path for one in got} == {one.path for one in files}


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["a.mp4", "A.mp4", "b.mp4"]), st.integers(1, 3)),
        max_size=8,
        unique_by=lambda one: one[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_no_file_is_lost_or_packed_twice(drawn: list[tuple[str, str, int]], chance: Any) -> None:
    """Each path is in exactly one recording; files with the same name and bytes share one."""
    files = [found(f"recordings/{folder}/{name}", inode) for inode, (folder, name, _) in enumerate(drawn)]
    content = {one.path: str(data) for one, (_, _, data) in zip(files, drawn, strict=True)}
    got = planned(files, content)
    paths = [path for one in got for path in (one.path, *one.duplicate_paths)]
    assert sorted(paths) == sorted(content)
    kinds = Counter((path.rpartition("/")[2], data) for path, data in content.items())
    assert len(got) == len(kinds)
    for one in got:
        assert {content[path] for path in (one.path, *one.duplicate_paths)} == {content[one.path]}
    chance.shuffle(files)
    assert planned(files, content) == got


def test_possible_duplicates_have_the_same_name_and_size() -> None:
    """Files with the same name and size are possible duplicates, unless they are one file."""
    files = [found(A, 1), found(B, 2), found("recordings/b.mp4", 3), found("recordings/x/b.mp4", 3)]
    assert find_possible_duplicates(files) == {A, B}
    assert find_possible_duplicates([found(A, 1, 10), found(B, 2, 11)]) == set()
    assert find_possible_duplicates([found("@nvr/x/a.mp4", 1), found("@nvr/y/a.mp4", 2)]) == set()


def test_what_was_not_compared_is_said() -> None:
    """Possible duplicates have a warning until they were read."""
    files = [found(A, 1), found(B, 2)]
    (sentence,) = possible_duplicate_warnings(planned(files))
    assert A in sentence
    assert B in sentence
    assert list(possible_duplicate_warnings(planned(files, {A: "one", B: "two"}))) == []
    assert len(list(possible_duplicate_warnings(planned(files, {A: "one"})))) == 1


def test_planning_a_file_that_was_not_probed_is_a_defect() -> None:
    """Planning a file that was not probed is a defect."""
    one = found(A)
    with pytest.raises(AssertionError, match=A):
        plan_recordings([one], {A: IndexedFile(A, one.identity)}, SESSION, CAMERAS)


NVR = Recorder("nvr", "/nvr", "{Y}-{m}-{d}/{H}/{camera}/{M}.{S}.mp4", "UTC", timedelta(hours=1))


def of_recorder(below: str, inode: int = 1, camera: str | None = "a") -> RecordingFile:
    """Return a recorder's file that is linked to the session."""
    return found(f"@nvr/{below}", inode, camera=camera)


class TestRecorders:
    """Files of recorders."""

    @pytest.fixture
    def times(self) -> TimeContext:
        """Return the times of a lab with one recorder."""
        return TimeContext(recorders={"nvr": NVR})

    def test_they_come_last_and_are_never_taken_for_one(self, times: TimeContext) -> None:
        """Segments of two cameras have the same name in their folders; all are packed, by camera and start."""
        files = [
            of_recorder("2025-05-02/08/kitchen/00.10.mp4", 1),
            of_recorder("2025-05-02/08/hall/00.10.mp4", 2),
            of_recorder("2025-05-02/08/hall/00.00.mp4", 3),
            found("recordings/z.mp4", 4),
        ]
        content = dict.fromkeys((one.path for one in files), "the same")
        got = planned(files, content, times=times)
        assert [one.path for one in got] == [files[3].path, files[2].path, files[1].path, files[0].path]
        assert len(set(members(got))) == 4
        assert all(one.is_from_recorder for one in got[1:])
        starts = [one.span.start for one in got[1:]]
        assert starts == [START, START + timedelta(seconds=10), START + timedelta(seconds=10)]

    def test_a_recorder_that_is_not_described_any_more(self) -> None:
        """Without its pattern a file is named by its camera, or by the recorder."""
        files = [of_recorder("a.mp4", 1), of_recorder("b.mp4", 2, camera=None)]
        names = members(planned(files, times=TimeContext()))
        assert len(names) == 2
        assert any(name.startswith("Hall") for name in names)
        assert any(name.startswith("nvr") for name in names)


def warned(
    one: RecordingFile, probe: Probe = PROBE, cameras: SessionCameras = CAMERAS, cleaner: LabCleaner | None = None
) -> list[str]:
    """Return the warnings about one recording."""
    clean = cleaner or LabCleaner()
    (recording,) = plan_recordings([one], known([one], probe=probe), SESSION, cameras, cleaner=clean)
    return list(recording_warnings(recording, SESSION, cameras, clean))


INSIDE = Probe(duration_s=60.0, creation_time=START + timedelta(minutes=1))


class TestWarnings:
    """Warnings about one recording."""

    def test_a_good_recording_has_no_warning(self) -> None:
        """A readable recording of the session's time under its own name has no warning."""
        assert warned(found(A), INSIDE) == []

    def test_a_damaged_one_is_kept(self) -> None:
        """The warning has the problem, once; there is none about the time."""
        (sentence,) = warned(found(A), Probe(problem=Message("video.no_moov")))
        assert sentence == f"recordings/a.mp4 is damaged and is exported unchanged: {Message('video.no_moov')}."

    def test_a_verdicts_warning_is_passed_on(self) -> None:
        """The verdict's warning is in the plan with the file."""
        assert warned(found(A, warning="name says session 7"), INSIDE) == ["recordings/a.mp4: name says session 7."]

    def test_another_name_is_said(self) -> None:
        """A name that not every system can store has a warning with its name in the lab; another Unicode form not."""
        (sentence,) = warned(found("recordings/a:b.mp4"), INSIDE)
        assert sentence.startswith("recordings/a_b.mp4 is named a:b.mp4 in the lab")
        assert warned(found(f"recordings/{unicodedata.normalize('NFD', 'é')}.mp4"), INSIDE) == []

    def test_a_secret_in_a_name_is_not_repeated(self) -> None:
        """A file with a password in its name gets another name, and no warning has the password."""
        said = warned(found("recordings/Not-For-Export-7_a.mp4"), INSIDE, cleaner=SECRET)
        assert len(said) == 1
        assert "Not-For-Export" not in said[0]

    def test_a_camera_that_was_not_selected(self) -> None:
        """There is a warning if the session selected cameras, and not this one."""
        chosen = replace(CAMERAS, selected=frozenset({"b"}))
        (sentence,) = warned(found(A), INSIDE, chosen)
        assert sentence == "recordings/a.mp4 is from camera Hall, which was not selected for the session."
        assert warned(found(A, camera="b"), INSIDE, chosen) == []
        assert warned(found(A, camera=None), INSIDE, chosen) == []

    def test_a_time_outside_the_session(self) -> None:
        """The warning has the start and its source; only for a file's own date does it mention a copy."""
        late = Probe(duration_s=60.0, creation_time=END + timedelta(hours=1))
        (sentence,) = warned(found(A), late)
        assert "2025-05-02T09:05:00.000Z (MP4 creation time)" in sentence
        assert "copy" not in sentence
        old = found(A)
        old = replace(old, identity=replace(old.identity, mtime_ns=0))
        (sentence,) = warned(old)
        assert sentence.endswith("That may be the time of a copy.")


def timed(start: datetime, source: TimeSource = TimeSource.NAME, *notes: ClockNote) -> RecordingTime:
    """Return a time of one minute from a start; a name without a zone may be 14 hours wrong."""
    claim = StartCandidate(source, start, 14 * 3600.0, is_chosen=True)
    return RecordingTime(TimeSpan(start, start + timedelta(minutes=1)), (claim,), frozenset(notes))


def test_a_name_without_a_zone_may_be_of_a_session_hours_away() -> None:
    """Only a name without a known zone is accepted hours away, as far as zones differ."""
    away = START - timedelta(hours=13)
    assert may_overlap_session(SESSION, timed(away, TimeSource.NAME, ClockNote.NO_ZONE))
    assert not may_overlap_session(SESSION, timed(away))
    assert not may_overlap_session(SESSION, timed(away, TimeSource.CONTAINER, ClockNote.NO_ZONE))
    assert not may_overlap_session(SESSION, timed(START - timedelta(hours=20), TimeSource.NAME, ClockNote.NO_ZONE))


class TestCameras:
    """The cameras of a session."""

    def test_what_the_session_says_of_a_camera_comes_first(self, lab: Any) -> None:
        """Name and prefix in the selection replace the lab's; a camera that only the session has is added."""
        lab.cameras("cam1", "cam2")
        chosen = [{"id": 1, "name": "Door", "recordingPrefix": "door"}, {"id": 9, "name": "Rented"}]
        lab.session(42, selectedDevices={"cameras": chosen})
        inventory = read_inventory(lab.open())
        cameras = SessionCameras.build(inventory, inventory.session("42"))
        assert {(camera.id, camera.name, camera.prefix) for camera in cameras.by_key.values()} == {
            ("1", "Door", "door"),
            ("2", "Camera 2", "cam2"),
            ("9", "Rented", None),
        }
        assert sorted(cameras.by_key[key].id for key in cameras.selected) == ["1", "9"]
        assert [camera.id for camera in cameras.involved([])] == ["1", "9"]

    def test_involved_are_the_selected_and_the_recorded(self) -> None:
        """Each camera is listed once, in the order of ids, also without a recording."""
        many = SessionCameras({"a": replace(HALL, id="10"), "b": KITCHEN, "c": Camera("3")}, frozenset({"a"}))
        recordings = plan_recordings([found(A, camera="b")], known([found(A)]), SESSION, many)
        assert [camera.id for camera in many.involved(recordings)] == ["2", "10"]

    def test_a_selected_camera_without_a_recording_is_named(self) -> None:
        """Each selected camera without a recording has a warning, unless a recording's camera is unknown."""
        chosen = replace(CAMERAS, selected=frozenset({"a", "b"}))
        assert len(list(cameras_without_recordings([], chosen))) == 2
        (sentence,) = cameras_without_recordings([found(A)], chosen)
        assert "Kitchen" in sentence
        assert "Hall" not in sentence
        assert list(cameras_without_recordings([found(A), found(B, camera=None)], chosen)) == []
        assert list(cameras_without_recordings([], CAMERAS)) == []


def test_paths_of_any_bytes_are_shown_as_text() -> None:
    """Further paths of a recording are printable text; the first is as on disk."""
    odd = "recordings/\udcff\n/a.mp4"
    (one,) = planned([found(A, 1), found(odd, 1)])
    assert {one.path, *one.duplicate_paths} == {A, printable(odd)}
    assert all(path.isprintable() for path in one.duplicate_paths)
