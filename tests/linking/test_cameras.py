"""The prefix of a camera, the camera of a recording, and the selection that counts for a name."""

import pytest

from labcrate.linking import CameraNames, LinkingRules, Rule, VerdictKind, judge_file, linked_sessions


def camera(key: str, id: str, name: str | None = None, prefix: str | None = None) -> CameraNames:
    """Return a camera with the caller's key."""
    return CameraNames(key, id, name, prefix)


PLATFORM = LinkingRules.build(
    cameras=[
        camera("A", "5", "cocina", "c05"),
        camera("B", "6", "Sala  de estar"),
        camera("C", "7"),
        camera("D", "8", "192.0.2.31"),
        camera("E", "9", "cam1 session42"),
    ]
)


@pytest.mark.parametrize(
    ("name", "prefix", "key"),
    [
        ("c05_session42-2025-06-10T15-30-14-655Z", "c05", "A"),
        ("sala-de-estar_session42-2025-06-10T15-31-00-001Z", "sala-de-estar", "B"),
        ("SALA-DE-ESTAR-s42", "sala-de-estar", "B"),
        ("cam7_session42", "cam7", "C"),
        ("192.0.2.31_session42_x", "192.0.2.31", "D"),
    ],
)
def test_a_camera_goes_by_its_prefix_or_name_or_number(name: str, prefix: str, key: str) -> None:
    """Every name that the platform gives a camera's files links them, with the right camera."""
    verdict = judge_file(f"recordings/{name}.mp4", "42", PLATFORM)
    assert (verdict.linked, verdict.prefix, verdict.camera, verdict.warning) == (True, prefix, key, None)


@pytest.mark.parametrize(
    "name", ["cocina_session42_x", "cam5_session42_x", "cam6_session42_x", "cam9_session42_x", "cam1-session42_s42"]
)
def test_a_camera_has_only_its_first_name(name: str) -> None:
    """A camera with a configured prefix has no other, nor has one with a name; a name with a marker in it is none."""
    verdict = judge_file(f"recordings/{name}.mp4", "42", PLATFORM)
    assert verdict.kind is VerdictKind.NEAR_MISS
    assert linked_sessions(f"recordings/{name}.mp4", PLATFORM) == ()


@pytest.mark.parametrize("name", ["cam1 s42", "cam1 sessionP07 x", "cam1_session7"])
def test_a_name_that_holds_a_marker_is_no_prefix(name: str) -> None:
    """A camera's name must not read as a session; a configured prefix is taken as it was configured."""
    path = f"recordings/{name.replace(' ', '-')}_session3.mp4"
    named = [camera("A", "1", name), camera("B", "2", None, "other")]
    configured = [camera("A", "1", None, name.replace(" ", "-"))]
    rules = [LinkingRules.build(cameras=cameras, session_ids=["P07"]) for cameras in (named, configured)]
    assert [linked_sessions(path, one) for one in rules] == [(), ("3",)]


@pytest.mark.parametrize(
    ("cameras", "key", "warned"),
    [
        ([camera("A", "1"), camera("B", "2", "Cam1"), camera("C", "3", None, "cam1")], "C", False),
        ([camera("A", "1"), camera("B", "2", "Cam1"), camera("D", "4", None, "other")], "B", False),
        ([camera("A", "1"), camera("A2", "1"), camera("D", "4", None, "other")], "A", False),
        ([camera("A", "1", None, "cam1"), camera("A2", "1", "other", "CAM1")], "A", False),
        ([camera("A", "1", None, "cam1"), camera("B", "2", None, "CAM1")], None, True),
        ([camera("A", "1", "cam1"), camera("B", "2", "CAM1"), camera("D", "4", None, "other")], None, True),
        ([camera("A", "1", "cam1"), camera("B", "2", "CAM1"), camera("C", "3", None, "cam1")], "C", False),
    ],
)
def test_a_shared_prefix_is_the_better_cameras_or_nobodys(
    cameras: list[CameraNames], key: str | None, warned: bool
) -> None:
    """Configured comes before named before numbered; at one rank the recording is linked, its camera unknown."""
    for path in ("recordings/cam1_session42_x.mp4", "sessions/Session42/cam1_x.mp4"):
        verdict = judge_file(path, "42", LinkingRules.build(cameras=cameras))
        assert (verdict.linked, verdict.prefix is not None, verdict.camera) == (True, True, key)
        assert bool(verdict.warning) == warned
    if warned:
        assert verdict.warning == 'several cameras have the prefix "cam1", so the camera is unknown'


def test_a_selection_counts_for_names_of_its_own_session() -> None:
    """A camera in the selection of session 7 only does not affect a name with session 42."""
    rules = LinkingRules.build(
        cameras=[camera("A", "1", None, "cam1")], selections={"7": [camera("B", "2", None, "old")]}
    )
    assert linked_sessions("recordings/old_session7_x.mp4", rules) == ("7",)
    assert judge_file("recordings/old_session7_x.mp4", "7", rules).camera == "B"
    verdict = judge_file("recordings/old_session42_x.mp4", "42", rules)
    assert (verdict.rule, verdict.reason) == (
        Rule.UNKNOWN_PREFIX,
        'no camera has the prefix "old"; configured prefixes: cam1',
    )


def test_the_sessions_own_camera_comes_first() -> None:
    """If a session's selection and the lab have one camera with two keys, the selection's key is returned."""
    rules = LinkingRules.build(
        cameras=[camera("user 1", "2", None, "c2")], selections={"7": [camera("user 2", "2", None, "c2")]}
    )
    assert judge_file("recordings/c2_session7.mp4", "7", rules).camera == "user 2"
    assert judge_file("recordings/c2_session8.mp4", "8", rules).camera == "user 1"


def test_the_longest_prefix_that_counts_decides() -> None:
    """A longer prefix of the named session's selection comes first; an ambiguous name is linked to no session."""
    lab, lab_s1 = camera("A", "1", None, "lab"), camera("B", "2", None, "lab_s1")
    path = "recordings/lab_s1_session42.mp4"
    of_42 = LinkingRules.build(cameras=[lab], selections={"42": [lab_s1]})
    assert linked_sessions(path, of_42) == ("42",)
    of_1 = LinkingRules.build(cameras=[lab], selections={"1": [lab_s1]})
    assert linked_sessions(path, of_1) == ()
    assert judge_file(path, "1", of_1).rule is Rule.AMBIGUOUS
    assert linked_sessions("recordings/lab_s1_x.mp4", of_1) == ()
    of_9 = LinkingRules.build(cameras=[lab], selections={"9": [lab_s1]})
    assert linked_sessions(path, of_9) == ()
    assert [judge_file(path, session_id, of_9).rule for session_id in ("1", "42", "9")] == [
        Rule.AMBIGUOUS,
        Rule.AMBIGUOUS,
        Rule.OTHER_SESSION,
    ]
    assert judge_file(path, "1", of_9).reason == 'may mean session 1 of "lab" or session 42 of "lab_s1"'


def test_names_and_numbers_configure_nothing() -> None:
    """Without a recordingPrefix anywhere any prefix is accepted, with a warning, though cameras have names."""
    named = [camera("A", "1", "Kitchen"), camera("B", "2")]
    rules = LinkingRules.build(cameras=named)
    verdict = judge_file("recordings/garden_session42.mp4", "42", rules)
    assert (verdict.linked, verdict.warning, verdict.camera) == (True, "no prefixes are configured", None)
    assert judge_file("recordings/kitchen_session42.mp4", "42", rules).camera == "A"
    assert judge_file("recordings/kitchen_session42_s7.mp4", "42", rules).rule is Rule.AMBIGUOUS
    for elsewhere in (
        LinkingRules.build(cameras=named, selections={"7": [camera("C", "3", None, "c3")]}),
        LinkingRules.build(cameras=named, prefix_configured=True),
    ):
        assert judge_file("recordings/garden_session42.mp4", "42", elsewhere).rule is Rule.UNKNOWN_PREFIX


@pytest.mark.parametrize(
    ("name", "session_id", "rule"),
    [
        ("c31-2-2025-04-22T08-14-00-218Z", "2", Rule.NO_SESSION),
        ("c31_2", "2", Rule.NO_SESSION),
        ("c31-3-2025-04-22", "3", Rule.BARE_NUMBER),
        ("kitchen-3-2025-04-22", "3", Rule.NO_SESSION),
        ("kitchen-2-2025-04-22", "2", Rule.BARE_NUMBER),
        ("garden-2-2025-04-22", "2", Rule.BARE_NUMBER),
        ("c31-session2-2025", "2", Rule.NAME),
    ],
)
def test_a_cameras_own_number_after_its_prefix_is_no_session(name: str, session_id: str, rule: Rule) -> None:
    """The platform's names without a session put the camera's id after its prefix: never a bare number."""
    rules = LinkingRules.build(cameras=[camera("A", "2", None, "c31"), camera("B", "3", "Kitchen")])
    assert judge_file(f"recordings/{name}.mp4", session_id, rules).rule is rule
