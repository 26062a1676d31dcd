"""The linked files of a session and the choice among them: each file has a verdict, each wrong option a remedy."""

import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labcrate.errors import UsageError
from labcrate.lab.session_register import LinkedFile, encode_entry, encode_register
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Camera, Device
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import SelectedSensor, Session
from labcrate.model.session_bound import EndReason, SessionBound
from labcrate.model.timespan import EMPTY_SPAN, TimeSpan
from labcrate.plan.choices import (
    ChosenFiles,
    choose_files,
    choose_sensors,
    describe_readings_not_chosen,
    find_camera_keys,
    intersection,
    readings_window,
    refuse_unknown_sensors,
)
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.plan.linked_files import LinkingResult, RecordingFile, count_left_out, find_linked_files
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import FileKind, SessionFile
from labcrate.plan.recordings import SessionCameras
from labcrate.readings.load.slice import Readings

START, END = datetime(2025, 5, 2, 8, tzinfo=UTC), datetime(2025, 5, 2, 8, 5, tzinfo=UTC)
SESSION = Session("42", span=TimeSpan(START, END))
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def nothing(_: Mapping[str, Identity]) -> Mapping[str, Probe]:
    """Return no probes."""
    return {}


def selected(lab: Any, session_id: str = "42", look: Any = nothing) -> tuple[Inventory, LinkingResult]:
    """Return the linking result for one session of a lab as it is now."""
    inventory = read_inventory(lab.open())
    return inventory, find_linked_files(inventory, inventory.session(session_id), look)


def filled(lab: Any, *paths: str) -> None:
    """Write sessions 42, 7 and 4 of two cameras, and recordings without a time near them in name or file."""
    lab.cameras("cam1", "cam2")
    for number in (42, 7, 4):
        lab.session(number)
    for path in paths:
        lab.write(path, f"bytes of {path}", LONG_AGO)


LINKED = {
    "recordings/cam1_session42_20240502.mp4": Rule.NAME,
    "recordings/cam2-s42.MP4": Rule.NAME,
    "recordings/deep/er/cam1_session42_s7.mp4": Rule.NAME,
    "recordings/cam1_session42_küche (2).mp4": Rule.NAME,
    "sessions/Session42/recordings/any.mp4": Rule.FOLDER,
    "sessions/Session42/recordings/part/cam1_session7_x.mp4": Rule.FOLDER,
}
NEAR = {
    "recordings/cam9_session42_x.mp4": Rule.UNKNOWN_PREFIX,
    "recordings/cam1session42_x.mp4": Rule.NO_SEPARATOR,
    "recordings/cam1_session042_x.mp4": Rule.LEADING_ZEROS,
    "recordings/session42_cam1.mp4": Rule.MARKER_FIRST,
    "recordings/cam1_42_x.mp4": Rule.BARE_NUMBER,
    "recordings/cam1_session42_x.mov": Rule.NOT_MP4,
    "sessions/session_42/recordings/cam1_x.mp4": Rule.WRONG_FOLDER_NAME,
}
UNRELATED = {
    "recordings/cam1_session420_x.mp4": Rule.OTHER_SESSION,
    "recordings/cam1_session4_2.mp4": Rule.OTHER_SESSION,
    "recordings/cam1_session7_session42.mp4": Rule.OTHER_SESSION,
    "sessions/Session7/recordings/cam1_session42_x.mp4": Rule.OTHER_SESSION,
    "recordings/.cam1_session42_x.mp4": Rule.HIDDEN,
    "recordings/notes_session42.txt": Rule.NOT_A_RECORDING,
    "recordings/garden.mp4": Rule.NO_SESSION,
}


def test_every_file_gets_the_one_verdict_that_is_its_own(lab: Any) -> None:
    """Linked, near miss or left out: by folder, name or neither; nothing twice, the rest counted by its rule."""
    filled(lab, *LINKED, *NEAR, *UNRELATED)
    _, selection = selected(lab)
    assert {found.path: found.verdict.rule for found in selection.linked} == LINKED
    assert {near.path: near.verdict.rule for near in selection.near_misses} == NEAR
    assert selection.left_out == Counter(UNRELATED.values())
    assert (selection.missing, selection.warnings) == ((), ())


def test_of_another_session_the_same_files_are_the_others(lab: Any) -> None:
    """Session 7 gets what session 42 does not: no file is linked twice."""
    filled(lab, *LINKED, *UNRELATED)
    mine, others = selected(lab)[1], selected(lab, "7")[1]
    assert {found.path for found in others.linked} == {
        "recordings/cam1_session7_session42.mp4",
        "sessions/Session7/recordings/cam1_session42_x.mp4",
    }
    assert not {found.path for found in others.linked} & {found.path for found in mine.linked}
    assert others.left_out[Rule.OTHER_SESSION] == len(LINKED) + 2


def test_a_near_miss_renamed_as_it_says_is_linked(lab: Any) -> None:
    """A file that gets the name proposed by its verdict belongs to the session."""
    filled(lab, *NEAR)
    for near in selected(lab)[1].near_misses:
        if near.verdict.linked_as and near.verdict.linked_as.endswith(".mp4"):
            goal = lab.root / near.verdict.linked_as
            goal.parent.mkdir(parents=True, exist_ok=True)
            (lab.root / near.path).rename(goal)
            assert near.verdict.linked_as in {found.path for found in selected(lab)[1].linked}


def test_no_remedy_overwrites_a_file(lab: Any) -> None:
    """If the proposed name of a near miss exists, the remedy has an unused name, and says why."""
    filled(lab, "recordings/cam1_session042_x.mp4", "recordings/cam1_session42_x.mp4")
    near = selected(lab)[1].near_misses[0]
    assert near.verdict.linked_as == "recordings/cam1_session42_x_2.mp4"
    assert "cam1_session42_x_2.mp4" in (near.verdict.remedy or "")
    assert "already exists" in (near.verdict.remedy or "")
    lab.write("recordings/cam1_session42_x_2.mp4", "x", LONG_AGO)
    assert selected(lab)[1].near_misses[0].verdict.linked_as == "recordings/cam1_session42_x_3.mp4"


def test_a_free_name_in_another_folder_is_said_to_be_taken_there(lab: Any) -> None:
    """If the proposed name exists in another folder, the proposal stays and says so."""
    filled(lab, "sessions/session_42/recordings/a.mp4", "sessions/Session42/recordings/a.mp4")
    near = selected(lab)[1].near_misses[0]
    assert near.verdict.linked_as
    assert "already exists" in (near.verdict.remedy or "")


def test_a_hard_link_of_a_linked_file_is_no_near_miss(lab: Any) -> None:
    """One file under a right and a wrong name needs no repair; another file of the same bytes does."""
    filled(lab, "recordings/cam1_session42_x.mp4")
    os.link(lab.root / "recordings/cam1_session42_x.mp4", lab.root / "recordings/cam1_session042_x.mp4")
    lab.write("recordings/cam1_session042_y.mp4", "bytes of recordings/cam1_session42_x.mp4", LONG_AGO)
    _, selection = selected(lab)
    assert [near.path for near in selection.near_misses] == ["recordings/cam1_session042_y.mp4"]


def test_what_goes_between_walk_and_judgement(lab: Any) -> None:
    """A linked file that was deleted is missing; a near miss that was deleted is not reported."""
    filled(lab, "recordings/cam1_session42_x.mp4", "recordings/cam1_session042_y.mp4", "recordings/cam1_20250502.mp4")
    inventory = read_inventory(lab.open())
    for path in (lab.root / "recordings").iterdir():
        path.unlink()
    selection = find_linked_files(inventory, inventory.session("42"), nothing)
    assert [one.what for one in selection.missing] == ["recordings/cam1_session42_x.mp4"]
    assert (selection.linked, selection.near_misses) == ((), ())


def test_empty_files_and_what_is_no_file(lab: Any) -> None:
    """An empty recording is left out with a warning; a link or pipe in its place is missing or has a warning."""
    filled(lab)
    lab.write("recordings/cam1_session42_empty.mp4", b"")
    recordings = lab.root / "recordings"
    (recordings / "cam1_session42_link.mp4").symlink_to("cam1_session42_empty.mp4")
    (recordings / "cam2_session7_link.mp4").symlink_to("cam1_session42_empty.mp4")
    (recordings / "day").symlink_to(lab.root / "data")
    os.mkfifo(recordings / "cam1_session42_pipe.mp4")
    _, selection = selected(lab)
    assert {(one.what, one.why) for one in selection.missing} == {
        ("recordings/cam1_session42_link.mp4", "is a symbolic link"),
        ("recordings/cam1_session42_pipe.mp4", "is neither a file nor a folder"),
    }
    assert len(selection.warnings) == 2
    assert any("cam1_session42_empty.mp4 is empty" in warning for warning in selection.warnings)
    assert any("day is a symbolic link to a folder" in warning for warning in selection.warnings)
    assert selection.linked == ()


@pytest.mark.parametrize("folder", ["recordings", "sessions"])
def test_a_whole_folder_that_is_a_link_is_missing(lab: Any, folder: str) -> None:
    """If recordings/ or sessions/ is a link, nothing in it is read, and it is missing."""
    filled(lab)
    lab.json("data/sessions.json", [{"id": 42}])
    (lab.root / folder).rename(lab.root.parent / folder)
    (lab.root / folder).symlink_to(lab.root.parent / folder)
    assert folder in [one.what for one in selected(lab)[1].missing]


class TestTimes:
    """Recordings without a session in their name that were made during the session."""

    @staticmethod
    def found(lab: Any, look: Any = nothing) -> list[str]:
        """Return the near misses by time."""
        near_misses = selected(lab, look=look)[1].near_misses
        assert {near.verdict.rule for near in near_misses} <= {Rule.RIGHT_TIME}
        return [near.path for near in near_misses]

    def test_any_source_is_enough(self, lab: Any) -> None:
        """The time in the name, in the container or of modification alone makes a near miss, with a remedy."""
        filled(lab)
        lab.write("recordings/cam1_20250502T080100Z.mp4", "a", LONG_AGO)
        lab.write("recordings/changed.mp4", "b", START + timedelta(minutes=1))
        lab.write("recordings/later_20250502T110000Z.mp4", "d", LONG_AGO)

        def look(candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
            return {
                path: Probe(duration_s=60.0, creation_time=START if "late" in path else None) for path in candidates
            }

        assert self.found(lab, look) == [
            "recordings/cam1_20250502T080100Z.mp4",
            "recordings/changed.mp4",
            "recordings/later_20250502T110000Z.mp4",
        ]
        for near in selected(lab, look=look)[1].near_misses:
            assert "session42" in (near.verdict.remedy or "").replace(" ", "")

    def test_only_files_of_about_that_time_are_opened(self, lab: Any) -> None:
        """A file with name and date days away is not opened; one of the day before is opened and left out."""
        filled(lab)
        lab.write("recordings/far_20240502T080100Z.mp4", "a", LONG_AGO)
        lab.write("recordings/near_20250501T230000Z.mp4", "b", LONG_AGO)
        probed: list[str] = []

        def look(candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
            probed.extend(candidates)
            return {path: Probe(duration_s=60.0) for path in candidates}

        assert self.found(lab, look) == []
        assert probed == ["recordings/near_20250501T230000Z.mp4"]

    def test_a_session_without_times_has_none(self, lab: Any) -> None:
        """Without a start or an end there are no near misses by time, and no file is opened."""
        filled(lab)
        lab.session(42, endTime="absent")
        lab.write("recordings/cam1_20250502T080100Z.mp4", "a", START)

        def look(candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
            raise AssertionError(candidates)

        assert self.found(lab, look) == []

    def test_a_file_that_cannot_be_probed_is_left_out(self, lab: Any) -> None:
        """A candidate without a readable time is counted like any file without a session."""
        filled(lab)
        lab.write("recordings/cam1_20250502T080100Z.mp4", "a", LONG_AGO)
        _, selection = selected(lab)
        assert selection.near_misses == ()
        assert selection.left_out[Rule.NO_SESSION] == 1


def test_an_mp4_that_was_made_stands_for_its_original(lab: Any) -> None:
    """An unchanged video from which labcrate made an MP4 of the session is no near miss."""
    video, mp4 = "recordings/cam1_session42_x.mov", "sessions/Session42/recordings/x.mp4"
    filled(lab, video, mp4)
    state = (lab.root / mp4).stat()
    one = LinkedFile("", mp4, state.st_size, state.st_mtime_ns, made_from=video)
    assert [near.path for near in selected(lab)[1].near_misses] == [video]
    lab.write("sessions/Session42/recordings.json", encode_register([encode_entry(one)]))
    _, selection = selected(lab)
    assert selection.near_misses == ()
    assert selection.left_out == Counter({Rule.NOT_MP4: 1})
    os.utime(lab.root / video)
    assert [near.path for near in selected(lab)[1].near_misses] == [video]


def test_sidecars_are_subtracted_from_the_counts(lab: Any) -> None:
    """Files packed next to a recording are subtracted from the counts under the rule that counted them."""
    filled(lab, "recordings/cam1_session42_x.mp4", "recordings/cam1_session42_x-sensors.json")
    (lab.root / "recordings/cam1_session42_y-sensors.json").symlink_to("nowhere")
    inventory, selection = selected(lab)
    paths = {"recordings/cam1_session42_x-sensors.json", "recordings/cam1_session42_y-sensors.json"}
    both = count_left_out(inventory, inventory.session("42"), paths)
    assert both == Counter({Rule.NOT_A_RECORDING: 1, Rule.SYMBOLIC_LINK: 1})
    assert selection.left_out - both == Counter()
    assert count_left_out(inventory, inventory.session("42"), set()) == Counter()


CAMERAS = SessionCameras({"a": Camera("1", "Hall", "cam1"), "b": Camera("2", "Küche", "cam2")}, frozenset({"a"}))
IDENTITY = Identity(10, 1_600_000_000_000_000_000, 0, 1)


def found(path: str, camera: str | None = "a") -> RecordingFile:
    """Return a linked recording of a camera."""
    return RecordingFile(
        path,
        IDENTITY,
        Verdict(VerdictKind.LINKED, Rule.NAME, Message("linking.named", sessions="42", count=1), camera=camera),
    )


def file(name: str, kind: FileKind = FileKind.OTHER, recording: str | None = None) -> SessionFile:
    """Return another file of the session."""
    return SessionFile(f"data/{name}", name, IDENTITY, None, kind, recording)


RECORDED = [found("recordings/hall.mp4"), found("recordings/kitchen.mp4", "b"), found("recordings/any.mp4", None)]
FILES = [
    file("plan.pdf"),
    file("own.csv", FileKind.SENSOR_DATA),
    file("hall-sensors.json", FileKind.SIDECAR, "recordings/hall.mp4"),
    file("kitchen-sensors.json", FileKind.SIDECAR, "recordings/kitchen.mp4"),
]


def chosen(options: Options, probes: Mapping[str, Probe] | None = None) -> ChosenFiles:
    """Return what the options choose of three recordings and four files."""
    return choose_files(options, SESSION, CAMERAS, RECORDED, FILES, lambda _: probes or {})


def said(choice: ChosenFiles) -> int:
    """Return the number of files in the messages about what was not chosen."""
    return sum(int(sentence.split()[0].replace(",", "")) for sentence in choice.not_chosen)


HOUR_AGO = TimeSpan(START - timedelta(hours=2), START - timedelta(hours=1))


@pytest.mark.parametrize(
    ("options", "recordings", "files"),
    [
        (Options(), ["hall", "kitchen", "any"], ["plan.pdf", "own.csv", "hall-sensors.json", "kitchen-sensors.json"]),
        (Options(cameras=("Hall",)), ["hall"], ["plan.pdf", "own.csv", "hall-sensors.json"]),
        (Options(cameras=("1", "cam2")), ["hall", "kitchen"], [file.path for file in FILES]),
        (Options(cameras=("KÜCHE",)), ["kitchen"], ["plan.pdf", "own.csv", "kitchen-sensors.json"]),
        (Options(only=DataKind.RECORDINGS), ["hall", "kitchen", "any"], []),
        (Options(only=DataKind.SENSORS), [], ["own.csv", "hall-sensors.json", "kitchen-sensors.json"]),
        (Options(only=DataKind.SENSORS, sensors=("door",)), [], []),
        (Options(sensors=("door",)), ["hall", "kitchen", "any"], []),
        (Options(span=HOUR_AGO), ["hall", "kitchen", "any"], []),
    ],
)
def test_a_choice_accounts_for_every_file(options: Options, recordings: list[str], files: list[str]) -> None:
    """Each file is chosen or counted in a message with its reason; the counts add up to the rest."""
    choice = chosen(options)
    assert [one.path for one in choice.recordings] == [f"recordings/{name}.mp4" for name in recordings]
    assert [one.path for one in choice.session_files] == files
    assert said(choice) == len(RECORDED) + len(FILES) - len(recordings) - len(files)
    assert all(" left out: " in sentence for sentence in choice.not_chosen)


def test_a_recording_goes_in_whole_if_it_touches_the_span() -> None:
    """An overlap of one instant is enough; a recording that cannot be read stays chosen, to be reported later."""
    probes = {
        "recordings/hall.mp4": Probe(duration_s=60.0, creation_time=START - timedelta(seconds=60)),
        "recordings/kitchen.mp4": Probe(duration_s=60.0, creation_time=END + timedelta(seconds=1)),
    }
    choice = chosen(Options(span=TimeSpan(START, END)), probes)
    assert [one.path for one in choice.recordings] == ["recordings/hall.mp4", "recordings/any.mp4"]
    assert "1 recording was left out: outside the chosen time." in choice.not_chosen


def test_an_unknown_camera_is_refused_with_a_proposal() -> None:
    """An unknown camera is refused, also for sensors only, with the nearest name or all names."""
    for only in DataKind:
        with pytest.raises(UsageError, match=r"^There is no camera 'Hal'. Did you mean Hall\?$"):
            chosen(Options(cameras=("Hall", "Hal"), only=only))
    with pytest.raises(UsageError, match="The lab's cameras: Hall and Küche"):
        find_camera_keys("x\ny", CAMERAS)
    with pytest.raises(UsageError, match="The lab has none"):
        find_camera_keys("x", SessionCameras({}, frozenset()))
    assert find_camera_keys("ku\u0308che", CAMERAS) == ["b"]


DEVICES = (Device("0x00AB", "door"), Device("0x02", "hall"), Device("0x03"))


def test_sensors_are_chosen_by_any_of_their_names() -> None:
    """A sensor is chosen by its address, in any case, or its name in the lab; each once, in the given order."""
    session = Session("42", sensors=(SelectedSensor("0x02", "hall"), SelectedSensor("0x00AB", "door")))
    for word in ("door", "0x00AB", "0x00ab"):
        assert choose_sensors(Options(sensors=(word,)), session, DEVICES).sensors == (session.sensors[1],)
    both = choose_sensors(Options(sensors=("door", "hall", "0x02")), session, DEVICES)
    assert [sensor.name for sensor in both.sensors] == ["door", "hall"]
    assert choose_sensors(Options(), session, DEVICES) is session
    with pytest.raises(UsageError, match=r"no sensor 'dor'. Did you mean door\?"):
        choose_sensors(Options(sensors=("dor",)), session, DEVICES)


def test_a_session_of_all_sensors_takes_any_that_the_lab_has() -> None:
    """In a session without selected sensors any word is accepted, and refused later if nothing in the lab has it."""
    session = choose_sensors(Options(sensors=("attic",)), SESSION, DEVICES)
    assert session.sensors == (SelectedSensor("attic"),)
    with pytest.raises(UsageError, match=r"no sensor 'attic'\. The lab's sensors: 0x03, door and hall"):
        refuse_unknown_sensors(Options(sensors=("attic",)), SESSION, ["attic"], DEVICES)
    refuse_unknown_sensors(Options(sensors=("attic",)), SESSION, [], DEVICES)
    refuse_unknown_sensors(Options(sensors=("door",)), SESSION, ["door"], DEVICES)
    refuse_unknown_sensors(Options(sensors=("x",)), Session("42", sensors=(SelectedSensor("x"),)), ["x"], DEVICES)


@pytest.mark.parametrize(
    ("options", "others", "sentences"),
    [
        (Options(only=DataKind.RECORDINGS), 5, ["All readings were left out: only recordings were chosen."]),
        (Options(sensors=("door",)), 0, []),
        (Options(sensors=("door",)), 1, ["1 reading of other sensors was left out."]),
        (Options(sensors=("door",)), 1200, ["1,200 readings of other sensors were left out."]),
        (Options(), 5, []),
        (Options(span=TimeSpan(START, None)), 5, ["Readings outside the chosen time were left out."]),
    ],
)
def test_readings_that_were_not_chosen_have_a_message(options: Options, others: int, sentences: list[str]) -> None:
    """Readings left out by choice have a message; others have none."""
    assert list(describe_readings_not_chosen(options, Readings(of_other_sensors=others))) == sentences


MINUTE = timedelta(minutes=1)
OPEN = Session("42", span=TimeSpan(START, None))
EVIDENCE = SessionBound(TimeSpan(START, END), EndReason.LAST_FILE)


@pytest.mark.parametrize(
    ("options", "session", "bound", "window"),
    [
        (Options(), SESSION, SessionBound(SESSION.span, EndReason.DESCRIBED), TimeSpan(START - MINUTE, END + MINUTE)),
        (Options(all_readings=True), SESSION, EVIDENCE, TimeSpan()),
        (Options(all_readings=True, span=TimeSpan(START, None)), SESSION, EVIDENCE, TimeSpan(START, None)),
        (Options(span=TimeSpan(START, START)), SESSION, EVIDENCE, TimeSpan(START, START)),
        (Options(span=TimeSpan(None, END + 9 * MINUTE)), SESSION, EVIDENCE, TimeSpan(START - MINUTE, END + MINUTE)),
        (Options(), OPEN, SessionBound(None, EndReason.NO_TIMED_FILE), EMPTY_SPAN),
        (Options(span=TimeSpan(START, END)), Session("42"), SessionBound(None, EndReason.NO_START), EMPTY_SPAN),
        (
            Options(span=TimeSpan(None, END)),
            OPEN,
            SessionBound(None, EndReason.NO_TIMED_FILE),
            TimeSpan(START - MINUTE, END),
        ),
        (
            Options(span=TimeSpan(None, END + 9 * MINUTE)),
            OPEN,
            EVIDENCE,
            TimeSpan(START - MINUTE, END + 9 * MINUTE),
        ),
    ],
)
def test_the_window_stays_in_the_sessions_time_unless_extended(
    options: Options, session: Session, bound: SessionBound, window: TimeSpan
) -> None:
    """The window is the padded time within the chosen span; only an estimated end may be extended."""
    assert readings_window(options, session, bound, MINUTE) == window


def test_what_spans_share() -> None:
    """The intersection has the later start and the earlier end; of separate spans it contains no instant."""
    assert intersection(TimeSpan(), TimeSpan()) == TimeSpan()
    assert intersection(TimeSpan(START, None), TimeSpan(None, END)) == TimeSpan(START, END)
    apart = intersection(TimeSpan(START, START), TimeSpan(END, None))
    assert not any(apart.contains(at) for at in (START, END, START + MINUTE))


def test_verdicts_on_hostile_names_are_one_line(lab: Any) -> None:
    """Reasons and remedies for names with control characters or undecodable bytes are printable."""
    filled(lab)
    for name in ("cam1_session042_\udcff\x1b[31m.mp4", "cam9_session42_a\nb.mp4"):
        lab.write(f"recordings/{name}", b"x", LONG_AGO)
    near_misses = selected(lab)[1].near_misses
    assert len(near_misses) == 2
    for near in near_misses:
        for text in (near.source, near.verdict.reason, near.verdict.remedy or ""):
            assert printable(text) == text
