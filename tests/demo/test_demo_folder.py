from pathlib import Path

import pytest

from labcrate.demo.lab import MARKER, build_demo_lab
from labcrate.errors import UsageError

pytestmark = pytest.mark.usefixtures("no_filming")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """A folder that holds anything but a sample lab is left as it is."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty, and not a sample lab"):
        build_demo_lab(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    """A file is no place for a lab."""
    (tmp_path / "x").write_text("mine")
    with pytest.raises(UsageError, match='"x" is a file'):
        build_demo_lab(tmp_path / "x")


def test_rebuilding_replaces_its_own_files_only(tmp_path: Path) -> None:
    """What the sample lab was made of is made again, what a user added stays, what a former version had goes."""
    build_demo_lab(tmp_path)
    (tmp_path / "data/cameras.json").write_text("broken")
    (tmp_path / "data/sessions.json").unlink()
    (tmp_path / "recordings/own.mp4").write_bytes(b"mine")
    (tmp_path / "recordings/former.mp4").write_bytes(b"of the former version")
    with (tmp_path / MARKER).open("a") as marker:
        marker.write("recordings/former.mp4\n")
    build_demo_lab(tmp_path)
    assert (tmp_path / "data/cameras.json").read_text().startswith("{")
    assert (tmp_path / "data/sessions.json").is_file()
    assert (tmp_path / "recordings/own.mp4").read_bytes() == b"mine"
    assert not (tmp_path / "recordings/former.mp4").exists()
    assert "former" not in (tmp_path / MARKER).read_text()


@pytest.mark.parametrize("line", ["../outside.txt", "{}/outside.txt", "data/../../outside.txt"])
def test_marker_cannot_lead_out(tmp_path: Path, line: str) -> None:
    """A marker that names files outside the folder is refused, and they stay."""
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    build_demo_lab(tmp_path / "lab")
    (tmp_path / "lab" / MARKER).write_text(line.format(tmp_path))
    with pytest.raises(UsageError, match="leads out of the folder"):
        build_demo_lab(tmp_path / "lab")
    assert outside.read_text() == "mine"


def test_links_cannot_lead_out(tmp_path: Path) -> None:
    """A folder of the lab that became a symbolic link is refused, and what it points to stays."""
    lab, elsewhere = tmp_path / "lab", tmp_path / "elsewhere"
    build_demo_lab(lab)
    (lab / "data").rename(elsewhere)
    (elsewhere / "cameras.json").write_text("mine")
    (lab / "data").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="leads out of the folder"):
        build_demo_lab(lab)
    assert (elsewhere / "cameras.json").read_text() == "mine"
