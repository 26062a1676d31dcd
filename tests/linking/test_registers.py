"""Criterion 3, the registers: by base name, by hand, and against folder and name."""

import shlex

import pytest

from labcrate.linking import (
    CameraNames,
    LinkEntry,
    LinkingRules,
    Rule,
    VerdictKind,
    command_line,
    judge_file,
    linked_sessions,
    near_miss_by_time,
)

CAMS = (CameraNames("A", "1", None, "cam1"), CameraNames("B", "2", None, "cam2"))


def lab(
    *entries: tuple[str, str | None], shared: tuple[str, ...] = (), by_hand: dict[str, set[str]] | None = None
) -> LinkingRules:
    """Return the rules of a lab whose register gives each base name a session, all of camera B."""
    return LinkingRules.build(
        cameras=CAMS,
        register=[LinkEntry(name, session, "B") for name, session in entries],
        shared_names=shared,
        linked=by_hand,
    )


def test_the_register_gives_a_file_its_session_and_camera() -> None:
    """A base name of the register is linked anywhere in recordings, and only to that session."""
    rules = lab(("x.mp4", "7"), ("Y.mp4", "P07-morning"))
    for path in ("recordings/x.mp4", "recordings/may/x.mp4", "sessions/Session7/x.mp4"):
        verdict = judge_file(path, "7", rules)
        assert (verdict.linked, verdict.camera, verdict.warning) == (True, "B", None)
        assert judge_file(path, "42", rules).rule is Rule.OTHER_SESSION
    assert judge_file("recordings/x.mp4", "7", rules).rule is Rule.REGISTER
    assert linked_sessions("recordings/Y.mp4", rules) == ("P07-morning",)
    for path in (
        "recordings/y.mp4",
        "recordings/xx.mp4",
        "data/x.mp4",
        "recordings/.trash/x.mp4",
        "recordings/x.mp4/a.mp4",
    ):
        assert linked_sessions(path, rules) == ()


def test_the_register_makes_its_ids_known() -> None:
    """A text id that is only in the register is an id for names, too."""
    assert linked_sessions("recordings/cam1_sessionP07_x.mp4", lab(("x.mp4", "P07"))) == ("P07",)
    assert linked_sessions("recordings/cam1_sessionP07_x.mp4", lab()) == ()


def test_an_entry_without_session_links_nothing() -> None:
    """The platform often writes no session, or one that is no id: such an entry gives only the camera."""
    rules = lab(("cam_x.mp4", None), ("y.mp4", "042"))
    assert linked_sessions("recordings/cam_x.mp4", rules) == linked_sessions("recordings/y.mp4", rules) == ()
    assert judge_file("sessions/Session42/cam_x.mp4", "42", rules).camera == "B"


def test_register_and_name_agree() -> None:
    """If both agree, the rule is that of the name; the register decides which of two cameras it is."""
    rules = lab(("cam1_session42_x.mp4", "42"))
    verdict = judge_file("recordings/cam1_session42_x.mp4", "42", rules)
    assert (verdict.rule, verdict.prefix, verdict.camera) == (Rule.NAME, "cam1", "A")
    same_name = LinkingRules.build(
        cameras=[CameraNames("A", "1", None, "cam1"), CameraNames("B", "2", None, "cam1")],
        register=[LinkEntry("cam1_session42_x.mp4", "42", "B")],
    )
    verdict = judge_file("recordings/cam1_session42_x.mp4", "42", same_name)
    assert (verdict.camera, verdict.warning) == ("B", None)


@pytest.mark.parametrize(
    "path",
    [
        "recordings/cam1_session42_x.mp4",
        "sessions/Session42/x.mp4",
        "sessions/Session42/recordings/x.mkv",
        "recordings/session42_cam1.mp4",
        "recordings/garden_session42.mp4",
        "recordings/cam1_session042.mp4",
        "sessions/session42/x.mp4",
        "recordings/Session42/x.mp4",
    ],
)
def test_register_against_name_or_folder_is_ambiguous(path: str) -> None:
    """A file with 7 in the register and 42 in its folder or name is not linked; both sessions see both."""
    rules = lab((path.rpartition("/")[2], "7"))
    assert linked_sessions(path, rules) == ()
    for session_id in ("7", "42"):
        verdict = judge_file(path, session_id, rules)
        assert (verdict.kind, verdict.rule) == (VerdictKind.NEAR_MISS, Rule.AMBIGUOUS)
        assert "recordings.json says session 7" in verdict.reason
        assert "session 42" in verdict.reason
    assert judge_file(path, "8", rules).rule is Rule.OTHER_SESSION


def test_two_entries_that_differ_are_ambiguous() -> None:
    """Two registers that give one base name two sessions link it to neither."""
    rules = lab(("x.mp4", "7"), ("x.mp4", "8"))
    assert linked_sessions("recordings/x.mp4", rules) == ()
    assert [judge_file("recordings/x.mp4", session_id, rules).rule for session_id in ("7", "8", "9")] == [
        Rule.AMBIGUOUS,
        Rule.AMBIGUOUS,
        Rule.OTHER_SESSION,
    ]


def test_an_entry_of_a_shared_name_counts_for_none_and_is_named() -> None:
    """If different files have the base name, the entry links none of them, and is no conflict either."""
    rules = lab(("x.mp4", "7"), ("cam1_session42.mp4", "7"), shared=("x.mp4", "cam1_session42.mp4", "z.mp4"))
    assert rules.register.ambiguous_names == ("cam1_session42.mp4", "x.mp4")
    verdict = judge_file("recordings/x.mp4", "7", rules)
    assert (verdict.kind, verdict.rule) == (VerdictKind.NEAR_MISS, Rule.AMBIGUOUS)
    assert "several different files have that name" in verdict.reason
    assert judge_file("recordings/x.mp4", "8", rules).rule is Rule.NO_SESSION
    assert linked_sessions("recordings/cam1_session42.mp4", rules) == ("42",)


def test_a_link_by_hand_counts_for_the_very_file() -> None:
    """It links only that path, to each of its sessions, and each verdict has the other session."""
    rules = lab(by_hand={"recordings/a.mp4": {"7", "42"}})
    assert linked_sessions("recordings/a.mp4", rules) == ("7", "42")
    verdict = judge_file("recordings/a.mp4", "42", rules)
    assert (verdict.rule, verdict.also_linked_to) == (Rule.REGISTER, ("7",))
    assert verdict.warning == "also linked to another session"
    for path in ("recordings/b/a.mp4", "sessions/session7/a.mp4", "recordings/A.mp4"):
        assert linked_sessions(path, rules) == ()
    assert judge_file("recordings/a.mp4", "8", rules).rule is Rule.OTHER_SESSION


def test_a_recorders_file_is_linked_by_hand() -> None:
    """A path outside recordings/ and sessions/ can only be linked by hand."""
    path = "kitchen recorder/2025-05-02/07/kitchen/30.00.mp4"
    rules = LinkingRules.build(cameras=CAMS, linked={path: {"7"}}, register=[LinkEntry("30.01.mp4", "7")])
    assert linked_sessions(path, rules) == ("7",)
    assert linked_sessions(path.replace("30.00", "30.01"), rules) == ()


def test_a_link_by_hand_decides_between_register_and_name() -> None:
    """If the register says 7 and the name 42, a link by hand to 42 decides; a link against the name does not."""
    entry, path = ("cam1_session42_x.mp4", "7"), "recordings/cam1_session42_x.mp4"
    assert linked_sessions(path, lab(entry, by_hand={path: {"42"}})) == ("42",)
    against = lab(by_hand={path: {"7"}})
    assert linked_sessions(path, against) == ()
    verdict = judge_file(path, "42", against)
    assert verdict.reason == "labcrate link says session 7, the name says session 42"
    assert verdict.command is None


def test_another_container_of_the_register_is_a_near_miss() -> None:
    """Below recordings/ only MP4s are linked: a video in the register gets the command that converts it."""
    verdict = judge_file("recordings/x.mkv", "7", lab(("x.mkv", "7")))
    assert (verdict.rule, verdict.command) == (
        Rule.NOT_MP4,
        ("labcrate", "link", "7", "recordings/x.mkv", "--remux"),
    )
    assert verdict.linked_as == "sessions/Session7/recordings/x.mkv"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("recordings/garden_session42_x.mp4", ()),
        ("recordings/take 2 'kitchen' session42.mp4", ()),
        ("recordings/cam1_session42.mkv", ("--remux",)),
        ("sessions/session42/recordings/a.mp4", ()),
        ("sessions/session42/recordings/a.mov", ("--remux",)),
    ],
)
def test_a_command_can_be_pasted(path: str, options: tuple[str, ...]) -> None:
    """A near miss has the command that links it: one line, quoted, and not repeated in its remedy."""
    verdict = judge_file(path, "42", LinkingRules.build(cameras=CAMS))
    if verdict.kind is not VerdictKind.NEAR_MISS:
        verdict = near_miss_by_time(path, "42", LinkingRules.build(cameras=CAMS))
    assert verdict.command == ("labcrate", "link", "42", path, *options)
    line = command_line(verdict.command)
    assert shlex.split(line) == list(verdict.command)
    assert "\n" not in line
    assert "labcrate link" not in (verdict.remedy or "")


def test_a_command_with_a_name_that_cannot_be_printed_is_one_line() -> None:
    """Control characters and undecodable bytes of a name are escaped."""
    line = command_line(("labcrate", "link", "42", "recordings/a\n\x1b\udcff.mp4"))
    assert line.isprintable()
    assert line.startswith("labcrate link 42 ")
