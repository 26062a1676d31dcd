"""The folder rule, and files that are never linked."""

import pytest

from labcrate.linking import LinkingRules, Rule, VerdictKind, judge_file, linked_sessions

CAMS = LinkingRules.of_prefixes("cam1", "cam2")


@pytest.mark.parametrize(
    ("path", "kind", "rule"),
    [
        ("sessions/Session42/recordings/a/b/c.MP4", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/recordings/.mp4", VerdictKind.UNRELATED, Rule.HIDDEN),
        ("sessions/Session42/recordings/.trash/a.mp4", VerdictKind.UNRELATED, Rule.HIDDEN),
        ("sessions/Session42/recordings/../../Session7/recordings/a.mp4", VerdictKind.UNRELATED, Rule.HIDDEN),
        ("sessions/Session42/a.mp4", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/Recordings/a.mp4", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/sensor_data/deep/x.mp4", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/recordings/notes.txt", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session42/recordings/a.mkv", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/b.MOV", VerdictKind.LINKED, Rule.FOLDER),
        ("sessions/Session42/recordings/a.mp4~", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session42/recordings/a.mp4.part", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session 42/recordings/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/SESSION_42/recordings/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/session-042/recordings/a/b.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/session42/recordings/a.mkv", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/session42/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/Session042/x/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("sessions/session42/notes.txt", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session42", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session42.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("recordings/Session42/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("recordings/may/session 042/b/a.mp4", VerdictKind.NEAR_MISS, Rule.WRONG_FOLDER_NAME),
        ("recordings/Session7/a.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("recordings/Session42/cam1_session7.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("recordings/Session42/cam1_session42.mp4", VerdictKind.LINKED, Rule.NAME),
        ("sessions/Session٤٢/recordings/a.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("sessions/ſession42/recordings/a.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("sessions/Session42x/recordings/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("sessions/Session7/recordings/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("sessions/session7/recordings/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.OTHER_SESSION),
        ("sessions/Kitchen/recordings/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("x/sessions/Session42/recordings/a.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("cam1_session42.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("data/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("Recordings/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("recordings/2025/may/cam1_session42.mp4", VerdictKind.LINKED, Rule.NAME),
        ("recordings/cam1_session42/x.mp4", VerdictKind.UNRELATED, Rule.NO_SESSION),
        ("recordings/.old/cam1_session42.mp4", VerdictKind.UNRELATED, Rule.HIDDEN),
        ("", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("recordings/", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
        ("recordings", VerdictKind.UNRELATED, Rule.NOT_A_RECORDING),
    ],
)
def test_only_the_exact_folder_counts(path: str, kind: VerdictKind, rule: Rule) -> None:
    """A session's folder is spelt exactly; no hidden file, no file elsewhere and no other kind of file is linked."""
    verdict = judge_file(path, "42", CAMS)
    assert (verdict.kind, verdict.rule) == (kind, rule)
    assert (linked_sessions(path, CAMS) == ("42",)) == verdict.linked


def test_a_folder_in_the_wrong_place_is_moved_with_what_lies_below() -> None:
    """A session's folder below recordings/ belongs in sessions/; the corrected path includes the rest of the path."""
    verdict = judge_file("recordings/may/session42/b/a.mp4", "42", CAMS)
    assert verdict.reason == 'the folder "recordings/may/session42" must be called sessions/Session42'
    assert verdict.linked_as == "sessions/Session42/b/a.mp4"


def test_a_misspelt_folder_says_how_it_must_be_called() -> None:
    """The remedy names the folder, and the corrected path includes the rest of the path."""
    verdict = judge_file("sessions/session 042/recordings/a/b.mp4", "42", CAMS)
    right = "sessions/Session42"
    assert verdict.reason == f'the folder "sessions/session 042" must be called {right}'
    assert verdict.remedy == f"rename the folder to {right}, or move the file there"
    assert verdict.linked_as == "sessions/Session42/recordings/a/b.mp4"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("cam1.mp4", "cam1"), ("CAM2_x.mp4", "cam2"), ("cam2_session7.mp4", "cam2"), ("cam22_x.mp4", None)],
)
def test_the_camera_of_a_folder_linked_recording_is_found(name: str, prefix: str | None) -> None:
    """A recording that is linked by its folder still has its camera's prefix if its name begins with it."""
    assert judge_file(f"sessions/Session42/recordings/{name}", "42", CAMS).prefix == prefix


def test_only_another_sessions_name_is_warned_about() -> None:
    """In its own folder a recording named for this session, or for none, brings no warning."""
    names = ["cam1_session42.mp4", "cam1.mp4", "garden_session7.mp4", "cam1_s7.mp4"]
    warnings = [judge_file(f"sessions/Session42/recordings/{name}", "42", CAMS).warning for name in names]
    assert warnings == [None, None, None, "the file name says session 7"]
