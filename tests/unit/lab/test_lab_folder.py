"""The lab folder: what is found in it, and what is never opened."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from labcrate.errors import NoLabError
from labcrate.lab.folder import Kind, Lab, printable


def test_a_folder_without_lab_parts_is_no_lab(tmp_path: Path) -> None:
    """A folder with none of the lab's parts is refused with a sentence that says what to do."""
    with pytest.raises(NoLabError, match=r"not a lab folder.*--lab DIR"):
        Lab(tmp_path)


def test_a_missing_folder_is_no_lab(tmp_path: Path) -> None:
    """A folder that does not exist is refused by its name."""
    with pytest.raises(NoLabError, match="There is no folder"):
        Lab(tmp_path / "absent")


def test_recordings_are_found_in_both_places_at_any_depth(lab: Any) -> None:
    """Every file below recordings/ and sessions/*/recordings/ is found; others are not."""
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
    ]


@pytest.mark.parametrize(
    "place", ["recordings/a.mp4", "recordings/sub", "sessions/Session1", "sessions/Session1/recordings"]
)
def test_symbolic_links_are_found_as_links_and_never_entered(lab: Any, tmp_path: Path, place: str) -> None:
    """A link at any place where recordings lie is reported as one; nothing behind it is listed or opened."""
    outside = tmp_path / "outside"
    (outside / "recordings").mkdir(parents=True)
    (outside / "stranger.mp4").write_bytes(b"x")
    (outside / "recordings" / "stranger.mp4").write_bytes(b"x")
    link = lab.root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "stranger.mp4" if place.endswith(".mp4") else outside)
    opened = lab.open()
    assert [(entry.path, entry.kind) for entry in opened.recordings()] == [(place, Kind.LINK)]
    beyond = place if place.endswith(".mp4") else f"{place}/stranger.mp4"
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the error number is what counts
        opened.open(beyond)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


def test_a_named_pipe_does_not_hang_and_is_not_opened(lab: Any) -> None:
    """A pipe with a recording's name is reported as no file, and opening it fails at once."""
    os.mkfifo(lab.root / "recordings" / "cam1_session1.mp4")
    opened = lab.open()
    assert [entry.kind for entry in opened.recordings()] == [Kind.OTHER]
    with pytest.raises(OSError, match="not a regular file"):
        opened.open("recordings/cam1_session1.mp4")


def test_only_exact_session_folders_count(lab: Any) -> None:
    """A session's folder is Session and its number, without leading zeros, in this case."""
    for name in ("Session1", "Session0", "Session01", "session2", "Session3x", "Session٤", "Session" + "9" * 40):
        (lab.root / "sessions" / name).mkdir()
    assert lab.open().session_folders() == {0: "sessions/Session0", 1: "sessions/Session1"}


def test_a_name_that_is_not_utf8_is_found_and_printable(lab: Any) -> None:
    """A file name of arbitrary bytes is found, opens, and is shown with its bytes escaped."""
    name = os.fsdecode(b"recordings/cam1_session1_k\xfcche.mp4")
    (lab.root / name).write_bytes(b"x")
    opened = lab.open()
    assert [entry.path for entry in opened.recordings()] == [name]
    os.close(opened.open(name))
    assert printable(name) == "recordings/cam1_session1_k\\xfcche.mp4"
    assert printable("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
