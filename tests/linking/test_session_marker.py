"""The files that ``labcrate link --all`` includes, and those that an entry can link."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.linking import LinkEntry, LinkingRules, VerdictKind, judge_file
from labcrate.linking.judgement import has_session_marker
from labcrate.linking.resolve import entry_would_link

RULES = LinkingRules.of_prefixes("cam1", "cam2")


def _marked(path: str, session: str = "42", rules: LinkingRules = RULES) -> bool:
    verdict = judge_file(path, session, rules)
    assert verdict.kind is VerdictKind.NEAR_MISS, verdict
    return has_session_marker(path, session, verdict, rules)


@pytest.mark.parametrize(
    "name",
    [
        "garden_session42_x.mp4",
        "garden_s42.mp4",
        "cam1session42.mp4",
        "cam1s42_x.mp4",
        "cam1_session042_x.mp4",
        "cam1_session_42_x.mp4",
        "session42_cam1.mp4",
        "cam1_session42_x.mkv",
        "cam1_s42.MOV",
    ],
)
def test_the_marker_and_the_whole_id_are_enough(name: str) -> None:
    """Whatever else is wrong with the name, it contains this session and no other."""
    assert _marked(f"recordings/{name}")


@pytest.mark.parametrize(
    "path",
    [
        "recordings/cam1_42_x.mp4",
        "recordings/cam1_session42b.mp4",
        "recordings/cam1_session42 copy.mp4",
        "recordings/garden_session42_session7.mp4",
        "recordings/cam1_session42.mp4.part",
        "sessions/session42/recordings/a.mp4",
        "sessions/Session042/recordings/cam1_session7.mp4",
    ],
)
def test_everything_else_is_to_be_named(path: str) -> None:
    """A number, one that runs on, two sessions, half a file or a folder's name are near misses, and not for --all."""
    assert not _marked(path)


def test_an_s_before_a_text_is_any_word() -> None:
    """``sam`` may be a person's name: only a number may follow the short marker."""
    rules = LinkingRules.build(session_ids=["am", "P07"], prefix_configured=True)
    assert not _marked("recordings/cam1_sam_x.mp4", "am", rules)
    assert _marked("recordings/garden_sessionP07_x.mp4", "P07", rules)


def test_a_video_that_the_register_alone_names_is_not_taken() -> None:
    """A register entry for a video in another container is no marker in the name."""
    rules = LinkingRules.build(prefix_configured=True, register=[LinkEntry("a.mkv", "42")])
    assert not _marked("recordings/a.mkv", "42", rules)


_PARTS = st.sampled_from(
    ["cam1", "cam2", "garden", "session", "s", "Session", "42", "042", "7", "4", "2", "_", "-", " ", ".", "x", "b"]
)


@given(st.lists(_PARTS, min_size=1, max_size=9).map("".join), st.sampled_from([".mp4", ".MP4", ".mkv", ".mov"]))
def test_no_name_is_taken_for_two_sessions_or_without_the_number(stem: str, suffix: str) -> None:
    """A file that --all includes for 42 contains a marker followed by 42, and is not included for 7, 4 or 2."""
    path = f"recordings/{stem}{suffix}"
    taken = []
    for session in ("42", "7", "4", "2"):
        verdict = judge_file(path, session, RULES)
        if verdict.kind is VerdictKind.NEAR_MISS and has_session_marker(path, session, verdict, RULES):
            taken.append(session)
            assert re.search(rf"s[ _-]*(ession[ _-]*)?0*{session}(?![0-9])", stem, re.IGNORECASE)
    assert len(taken) <= 1


@given(st.lists(_PARTS, min_size=1, max_size=9).map("".join), st.sampled_from(["42", "7"]))
def test_an_entry_never_takes_a_file_from_the_session_that_its_name_says(stem: str, session: str) -> None:
    """A name that is linked to one session cannot be linked to another by an entry; any other MP4 can."""
    path = f"recordings/{stem}.mp4"
    said = [other for other in ("42", "7", "4", "2") if judge_file(path, other, RULES).linked]
    if not stem.startswith("."):
        assert entry_would_link(path, session, RULES) == (said in ([], [session]))


@pytest.mark.parametrize(
    ("path", "links"),
    [
        ("sessions/Session7/recordings/a.mp4", False),
        ("sessions/Session42/recordings/a.mp4", True),
        ("recordings/.hidden.mp4", False),
        ("recordings/a.mkv", False),
        ("recordings/a.txt", False),
    ],
)
def test_an_entry_does_not_overrule_a_folder(path: str, links: bool) -> None:
    """A file in another session's folder, a hidden file or one that is no MP4 is not linked by an entry."""
    assert entry_would_link(path, "42", RULES) == links


def test_the_camera_of_an_entry_is_that_sessions_alone() -> None:
    """A file in two sessions may have a camera in one of them; the prefix of its name comes after the entry."""
    path = "recordings/cam1_x.mp4"
    rules = LinkingRules.build(
        prefix_configured=True, linked={path: ["42", "7"]}, linked_cameras={(path, "42"): "2@"}, session_ids=["42", "7"]
    )
    verdicts = {session: judge_file(path, session, rules) for session in ("42", "7")}
    assert {session: v.camera for session, v in verdicts.items()} == {"42": "2@", "7": None}
    assert verdicts["42"].also_linked_to == ("7",)
