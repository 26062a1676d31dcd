"""Near misses: their rules, reasons and remedies."""

import pytest

from labcrate.linking import LinkingRules, Rule, VerdictKind, judge_file, near_miss_by_time

CAMS = LinkingRules.of_prefixes("cam1", "cam2")
ANY = LinkingRules()


@pytest.mark.parametrize(
    ("name", "rule", "fixed"),
    [
        ("cam1_session42x_20250502", Rule.NUMBER_RUNS_ON, "cam1_session42_x_20250502"),
        ("cam1_session42 kitchen", Rule.NUMBER_RUNS_ON, "cam1_session42_kitchen"),
        ("cam1_session42 (1)", Rule.NUMBER_RUNS_ON, "cam1_session42_(1)"),
        ("cam1_s42.part2", Rule.NUMBER_RUNS_ON, "cam1_s42_part2"),
        ("cam1 session42 kitchen", Rule.NO_SEPARATOR, "cam1_session42_kitchen"),
        ("cam1S42-x", Rule.NO_SEPARATOR, "cam1_S42-x"),
        ("cam1session042", Rule.NO_SEPARATOR, "cam1_session42"),
        ("cam1-s_42", Rule.SPLIT_MARKER, "cam1-s42"),
        ("cam1_Session 42-x", Rule.SPLIT_MARKER, "cam1_Session42-x"),
        ("cam1-session042-x", Rule.LEADING_ZEROS, "cam1-session42-x"),
        ("cam1_session042_session7", Rule.LEADING_ZEROS, "cam1_session42_session7"),
        ("session42_cam1", Rule.MARKER_FIRST, "cam1_session42"),
        ("session_42_cam2_x", Rule.MARKER_FIRST, "cam2_session42_x"),
        ("_session42_cam1_x", Rule.MARKER_FIRST, "cam1_session42_x"),
        ("cam1-42-x", Rule.BARE_NUMBER, "cam1-session42-x"),
        ("cam1_kitchen_s42", Rule.UNKNOWN_PREFIX, "cam1_s42_kitchen"),
        ("garden_session042_x", Rule.UNKNOWN_PREFIX, None),
        ("garden_session_42", Rule.UNKNOWN_PREFIX, None),
        ("garden_session42_session42", Rule.UNKNOWN_PREFIX, None),
        ("garden_session42_session7", Rule.AMBIGUOUS, None),
        ("cam1_session42x_s7", Rule.AMBIGUOUS, None),
        ("cam4_42_x", Rule.BARE_NUMBER, None),
    ],
)
def test_a_near_miss_is_named_and_mended(name: str, rule: Rule, fixed: str | None) -> None:
    """Each fault gets its rule and the corrected name, or the session's folder if no name is certain."""
    verdict = judge_file(f"recordings/may/{name}.MP4", "42", CAMS)
    assert (verdict.kind, verdict.rule) == (VerdictKind.NEAR_MISS, rule)
    assert verdict.remedy is not None
    if fixed:
        assert verdict.linked_as == f"recordings/may/{fixed}.MP4"
        assert verdict.remedy.endswith(f"rename it to {fixed}.MP4")
    else:
        assert verdict.linked_as == f"sessions/Session42/recordings/{name}.MP4"
        assert verdict.remedy.endswith("or move it to sessions/Session42/recordings/")


@pytest.mark.parametrize(
    ("name", "rule", "fixed"),
    [
        ("a_session042_x", Rule.LEADING_ZEROS, "a_session42_x"),
        ("a_session42_s042", Rule.LEADING_ZEROS, "a_session42_s42"),
        ("c32_livinglab_session_42_x", Rule.SPLIT_MARKER, "c32_livinglab_session42_x"),
        ("a_session42x", Rule.NUMBER_RUNS_ON, "a_session42_x"),
        ("asession42", Rule.NO_SEPARATOR, "a_session42"),
        ("a_42_x", Rule.BARE_NUMBER, "a_session42_x"),
        ("session42_a", Rule.MARKER_FIRST, None),
        ("a_session42_s007", Rule.AMBIGUOUS, None),
    ],
)
def test_near_misses_without_prefixes(name: str, rule: Rule, fixed: str | None) -> None:
    """Without a configured prefix the same faults are found, and no prefix is called unknown."""
    verdict = judge_file(f"recordings/{name}.mp4", "42", ANY)
    assert (verdict.kind, verdict.rule) == (VerdictKind.NEAR_MISS, rule)
    assert verdict.linked_as == (f"recordings/{fixed}.mp4" if fixed else f"sessions/Session42/recordings/{name}.mp4")


@pytest.mark.parametrize(
    "name",
    ["cam1_news42.mp4", "cam1_420.mp4", "cam1_x_42.mp4", "cam1_042_x.mp4", "cam1_clips_s_42.mp4", "42_cam1.mp4"],
)
def test_numbers_elsewhere_are_no_near_miss(name: str) -> None:
    """A number anywhere in a name is no session, nor is one after the plural of a word."""
    assert judge_file(f"recordings/{name}", "42", CAMS).rule is Rule.NO_SESSION
    assert judge_file("recordings/clips42_x.mp4", "42", ANY).rule is Rule.NO_SESSION


def test_a_near_miss_of_one_session_is_unrelated_to_another() -> None:
    """For another session, the reason contains the session that the name almost names."""
    verdict = judge_file("recordings/garden_session7.mp4", "42", CAMS)
    assert (verdict.kind, verdict.rule, verdict.reason) == (
        VerdictKind.UNRELATED,
        Rule.OTHER_SESSION,
        "named for session 7",
    )
    verdict = judge_file("recordings/garden_session7_s8.mp4", "42", CAMS)
    assert verdict.reason == "named for sessions 7, 8"


@pytest.mark.parametrize("suffix", [".mkv", ".TS", ".h264", ".mp4.part", ".mp4.crdownload", ".MP4~", ".mp4.mkv"])
def test_other_videos_are_near_misses_of_the_session_they_name(suffix: str) -> None:
    """A video of another kind, or half an MP4, is a near miss where its name would link, and nothing elsewhere."""
    verdict = judge_file(f"recordings/cam1_s42_x{suffix}", "42", CAMS)
    assert (verdict.rule, verdict.prefix) == (Rule.NOT_MP4, "cam1")
    assert verdict.linked_as == "recordings/cam1_s42_x.mp4"
    assert verdict.remedy is not None
    assert "cam1_s42_x.mp4" in verdict.remedy
    assert f'"{suffix}"' in verdict.reason
    for path, session_id in ((f"recordings/cam1_s42_x{suffix}", "4"), (f"recordings/garden_s42{suffix}", "42")):
        assert judge_file(path, session_id, CAMS).rule is Rule.NOT_A_RECORDING


def test_an_unknown_prefix_may_be_configured_or_the_file_renamed() -> None:
    """cam1_kitchen may be a camera: the remedy offers both possibilities."""
    verdict = judge_file("recordings/cam1_kitchen_s42.mp4", "42", CAMS)
    assert verdict.reason == 'no camera has the prefix "cam1_kitchen"; configured prefixes: cam1, cam2'
    assert verdict.remedy == "link it, and add --camera CAMERA to name its camera, or rename it to cam1_s42_kitchen.mp4"


def test_many_prefixes_are_not_all_listed() -> None:
    """The reason lists the first prefixes and counts the rest, on one line."""
    reason = judge_file(
        "recordings/garden_s42.mp4", "42", LinkingRules.of_prefixes(*(f"cam{n}" for n in range(100)))
    ).reason
    assert reason.endswith("configured prefixes: cam0, cam1, cam2, cam3, cam4, cam5, cam6, cam7 and 92 more")


def test_what_is_said_can_be_printed() -> None:
    """Undecodable bytes and control characters in a name are escaped, and no renaming is proposed for them."""
    verdict = judge_file("recordings/cam1_\udcff\x1b[2J_session42\u202e.mp4", "42", CAMS)
    assert verdict.rule is Rule.UNKNOWN_PREFIX
    assert verdict.remedy is not None
    assert (verdict.reason + verdict.remedy).isprintable()
    assert r'"cam1_\xff\x1b[2J"' in verdict.reason
    assert verdict.linked_as == "sessions/Session42/recordings/cam1_\udcff\x1b[2J_session42\u202e.mp4"


@pytest.mark.parametrize(
    ("prefixes", "name", "fixed"),
    [
        (CAMS, "cam1_20250502T2140", "recordings/cam1_session42_20250502T2140.mp4"),
        (CAMS, "cam2-x", "recordings/cam2-session42-x.mp4"),
        (CAMS, "cam1", "recordings/cam1_session42.mp4"),
        (CAMS, "garden_x", "sessions/Session42/recordings/garden_x.mp4"),
        (ANY, "garden_x", "recordings/garden_x_session42.mp4"),
    ],
)
def test_the_right_time_without_a_number(prefixes: LinkingRules, name: str, fixed: str) -> None:
    """A recording of the session's time gets its correct name, after its camera's prefix if that is known."""
    assert judge_file(f"recordings/{name}.mp4", "42", prefixes).rule is Rule.NO_SESSION
    verdict = near_miss_by_time(f"recordings/{name}.mp4", "42", prefixes)
    assert (verdict.kind, verdict.rule, verdict.linked_as) == (VerdictKind.NEAR_MISS, Rule.RIGHT_TIME, fixed)
    assert verdict.prefix == (name[:4] if name.startswith("cam") else None)
