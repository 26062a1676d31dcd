"""The lab folder: which entries are listed, and which are never opened."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from labcrate.errors import NoLabError
from labcrate.lab.folder import EntryKind, LabFolder
from labcrate.messages.text import printable


def test_a_folder_without_lab_parts_is_no_lab(tmp_path: Path) -> None:
    """A folder with none of the lab's folders is refused with a remedy."""
    with pytest.raises(NoLabError, match=r"not a lab folder.*--lab DIR"):
        LabFolder(tmp_path)


def test_a_missing_folder_is_no_lab(tmp_path: Path) -> None:
    """A folder that does not exist is refused by its name."""
    with pytest.raises(NoLabError, match="There is no folder"):
        LabFolder(tmp_path / "absent")


def test_recordings_are_found_in_both_places_at_any_depth(lab: Any) -> None:
    """Every file below recordings/ and in a session's folder is found, because video may be anywhere there."""
    for path in (
        "recordings/a.mp4",
        "recordings/x/b.mp4",
        "sessions/Session1/recordings/c/d.mp4",
        "sessions/S/recordings/e",
    ):
        lab.write(path, b"x")
    lab.write("sessions/Session1/session_data.json", "{}")
    lab.write("data/f.mp4", b"x")
    assert [entry.path for entry in lab.open().recordings()] == [
        "recordings/a.mp4",
        "recordings/x/b.mp4",
        "sessions/S/recordings/e",
        "sessions/Session1/recordings/c/d.mp4",
        "sessions/Session1/session_data.json",
    ]


@pytest.mark.parametrize(
    "place", ["recordings/a.mp4", "recordings/sub", "sessions/Session1", "sessions/Session1/recordings"]
)
def test_symbolic_links_are_found_as_links_and_never_entered(lab: Any, tmp_path: Path, place: str) -> None:
    """A link in any place of recordings is listed as a link; nothing behind it is listed or opened."""
    outside = tmp_path / "outside"
    (outside / "recordings").mkdir(parents=True)
    (outside / "stranger.mp4").write_bytes(b"x")
    (outside / "recordings" / "stranger.mp4").write_bytes(b"x")
    link = lab.root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "stranger.mp4" if place.endswith(".mp4") else outside)
    opened = lab.open()
    assert [(entry.path, entry.kind) for entry in opened.recordings()] == [(place, EntryKind.LINK)]
    beyond = place if place.endswith(".mp4") else f"{place}/stranger.mp4"
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the error number is what counts
        opened.open(beyond)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


def test_a_named_pipe_does_not_block(lab: Any) -> None:
    """A pipe with a recording's name is listed as a special file, and opening it fails at once."""
    os.mkfifo(lab.root / "recordings" / "cam1_session1.mp4")
    opened = lab.open()
    assert [entry.kind for entry in opened.recordings()] == [EntryKind.OTHER]
    with pytest.raises(OSError, match="not a regular file"):
        opened.open("recordings/cam1_session1.mp4")


def test_session_folders_end_in_an_id(lab: Any) -> None:
    """A session's folder is Session and its id; a number with a leading zero is neither valid nor listed as invalid."""
    names = (
        "Session1",
        "Session0",
        "Session01",
        "session2",
        "Session3x",
        "SessionP07-morning",
        "Session_4",
        "Session5.",
    )
    for name in names:
        (lab.root / "sessions" / name).mkdir()
    lab.write("sessions/Session6", "a file")
    opened = lab.open()
    assert opened.session_folders() == {
        session_id: f"sessions/Session{session_id}" for session_id in ("0", "1", "3x", "P07-morning")
    }
    assert opened.misnamed_session_folders() == {"sessions/Session5.": "5.", "sessions/Session_4": "_4"}


def test_users_folders_are_found_by_number_and_links_are_not_entered(lab: Any, tmp_path: Path) -> None:
    """Every data/user_N is found by the user's number; a link in its place is named and not followed."""
    for user in ("10", "2", "ana"):
        (lab.root / f"data/user_{user}").mkdir()
    (lab.root / "data/user_").mkdir()
    lab.write("data/user_7", "a file")
    (lab.root / "data/user_3").symlink_to(tmp_path)
    folders, closed = lab.open().user_folders()
    assert list(folders.items()) == [("2", "data/user_2"), ("10", "data/user_10"), ("ana", "data/user_ana")]
    assert [(entry.path, entry.kind) for entry in closed] == [("data/user_3", EntryKind.LINK)]


def test_a_name_that_is_not_utf8_is_found_and_printable(lab: Any) -> None:
    """A file name of arbitrary bytes is listed, opens, and is printed with its bytes escaped."""
    name = os.fsdecode(b"recordings/cam1_session1_k\xfcche.mp4")
    (lab.root / name).write_bytes(b"x")
    opened = lab.open()
    assert [entry.path for entry in opened.recordings()] == [name]
    os.close(opened.open(name))
    assert printable(name) == "recordings/cam1_session1_k\\xfcche.mp4"
    assert printable("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
