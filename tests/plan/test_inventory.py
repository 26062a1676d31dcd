"""What a lab holds before a session is looked at: each file once, and nothing broken hides anything else."""

import os
from typing import Any

import pytest

from labcrate.errors import DocumentError, NoSessionError
from labcrate.model.lab_settings import CameraSettings, LabSettings
from labcrate.plan.inventory import read_inventory


def paths(lab: Any) -> set[str]:
    """All files where recordings lie, as the disk has them."""
    return {entry.path for entry in lab.open().recordings()}


def test_every_file_is_linked_or_unlinked(lab: Any) -> None:
    """Each file where recordings lie is in the list of the sessions that it belongs to, or among the others."""
    lab.session(42)
    for path in ("recordings/cam1_session42_a.mp4", "recordings/garden.mp4", "sessions/Session42/recordings/a.mp4"):
        lab.write(path, "x")
    (lab.root / "recordings/link.mp4").symlink_to("garden.mp4")
    inventory = read_inventory(lab.open())
    linked = {entry.path for entries in inventory.linked.values() for entry in entries}
    unlinked = {entry.path for entry in inventory.unlinked}
    assert linked | unlinked == inventory.paths == paths(lab) - {"sessions/Session42/session_data.json"}
    assert not linked & unlinked


def test_every_way_to_tell_of_a_session_makes_one(lab: Any) -> None:
    """A description, a folder, a recording's name and a broken description: each is a session, in natural order."""
    lab.cameras("cam1")
    lab.json("data/sessions.json", [{"id": 10, "name": "Ten"}, {"id": 9, "startTime": "no time"}])
    lab.session("P07")
    (lab.root / "sessions/Session5").mkdir()
    lab.write("recordings/cam1_session100_a.mp4", "x")
    inventory = read_inventory(lab.open())
    assert inventory.ids == ["5", "9", "10", "100", "P07"]
    assert inventory.session("100").description_files == ()
    assert inventory.session("10").name == "Ten"


@pytest.mark.parametrize(
    ("asked", "words"),
    [("4", "Nearest: 42"), ("43", "Nearest: 42"), ("p7", "Nearest: P07"), ("x", "It has 42, 900, P07")],
)
def test_an_unknown_session_is_answered_with_what_there_is(lab: Any, asked: str, words: str) -> None:
    """The error names the sessions that there are, and the one that was probably meant."""
    for session_id in (42, 900, "P07"):
        lab.session(session_id)
    with pytest.raises(NoSessionError, match=words):
        read_inventory(lab.open()).session(asked)


def test_many_sessions_are_counted_not_listed(lab: Any) -> None:
    """Of hundreds of sessions twelve are named, and how many more there are."""
    lab.json("data/sessions.json", [{"id": n} for n in range(1, 301)])
    with pytest.raises(NoSessionError, match=r" 11, 12 and 288 more\."):
        read_inventory(lab.open()).session("1234567")


def test_a_lab_without_sessions_says_so(lab: Any) -> None:
    """An empty lab has no session, and no list of them."""
    with pytest.raises(NoSessionError, match="The lab has no sessions"):
        read_inventory(lab.open()).session("42")


@pytest.mark.parametrize("path", ["sessions", "sessions/Session42"])
def test_a_session_behind_a_link_is_not_simply_unknown(lab: Any, path: str) -> None:
    """Where the session's folder or all of them are a link, the error says that this was left out."""
    aside = lab.root.parent / "aside"
    (lab.root / "sessions/Session42").mkdir()
    (lab.root / path).rename(aside)
    (lab.root / path).symlink_to(aside)
    with pytest.raises((NoSessionError, DocumentError), match=f"{path}:? is a symbolic link"):
        read_inventory(lab.open()).session("42")


def test_an_unreadable_list_of_sessions_is_not_an_unknown_session(lab: Any) -> None:
    """Where the file that would describe it does not parse, that is the error, with the file's name."""
    lab.write("data/sessions.json", "[{")
    with pytest.raises(DocumentError, match=r"sessions\.json"):
        read_inventory(lab.open()).session("42")


BROKEN = ["data/cameras.json", "data/devices.json", "data/recordings.json", "data/sessions.json"]


@pytest.mark.parametrize("path", BROKEN)
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{", b"[1, 2]", b"null", b""])
def test_a_broken_file_hides_nothing_else(lab: Any, path: str, content: bytes) -> None:
    """Whatever stands in one of the lab's files, session and recordings are there as the other files tell of them.

    Only where the cameras are not known does a recording's name alone link it no more: no prefix can be right.
    """
    lab.cameras("cam1")
    lab.session(42)
    lab.write("recordings/cam1_session42_a.mp4", "x")
    lab.write("sessions/Session42/recordings/b.mp4", "x")
    lab.write(path, content)
    inventory = read_inventory(lab.open())
    assert inventory.session("42").name == "Morning"
    linked = {entry.path for entry in inventory.linked["42"]}
    unknown = path == "data/cameras.json" and content != b"null"
    named = set() if unknown else {"recordings/cam1_session42_a.mp4"}
    assert linked == {*named, "sessions/Session42/recordings/b.mp4"}
    assert "recordings/cam1_session42_a.mp4" in inventory.paths
    assert all(str(lab.root) not in str(problem) for problem in inventory.problems)
    if content not in (b"null", b""):
        assert any(problem.file == path for problem in inventory.problems)


def test_secrets_stay_out_of_every_text(lab: Any) -> None:
    """Names that repeat a camera's password are blanked wherever the inventory shows them; addresses of cameras too."""
    lab.cameras("cam1")
    lab.session(42, name="the password is s3cret-password", notes="at 192.0.2.77")
    lab.json("data/devices.json", [{"id": "0x01", "name": "s3cret-password"}])
    inventory = read_inventory(lab.open())
    shown = repr((inventory.session("42"), inventory.cameras, inventory.devices, inventory.problems))
    for secret in ("s3cret-password", "192.0.2.77"):
        assert secret not in shown
    assert "s3cret" not in repr(inventory)


def test_settings_add_to_the_labs_cameras(lab: Any) -> None:
    """labcrate.toml's prefix and name come before the lab's, and a camera that it alone knows is one."""
    lab.cameras("cam1", "cam2")
    settings = LabSettings(cameras={"1": CameraSettings("1", prefix="door"), "9": CameraSettings("9", name="Rented")})
    inventory = read_inventory(lab.open(), settings=settings)
    assert [(one.id, one.name, one.prefix) for one in inventory.cameras] == [
        ("1", "Camera 1", "door"),
        ("2", "Camera 2", "cam2"),
        ("9", "Rented", None),
    ]
    assert inventory.camera("none") is None


def test_one_file_of_two_names_is_two_entries(lab: Any) -> None:
    """Hard links are found under each of their names: which of them is meant is for later."""
    lab.session(42)
    lab.write("recordings/cam1_session42_a.mp4", "x")
    os.link(lab.root / "recordings/cam1_session42_a.mp4", lab.root / "recordings/garden.mp4")
    assert read_inventory(lab.open()).paths == {"recordings/cam1_session42_a.mp4", "recordings/garden.mp4"}


def test_secrets_of_before_are_taken_where_nothing_changed(lab: Any) -> None:
    """An inventory that is given the secrets of an earlier one knows the same, and a password that came since."""
    lab.cameras("cam1")
    first = read_inventory(lab.open())
    again = read_inventory(lab.open(), secrets=first.secrets)
    assert again.secrets.secrets.fingerprint(b"k") == first.secrets.secrets.fingerprint(b"k")
    lab.json("data/cameras.json", [{"id": 1, "password": "another-Password-1"}])
    lab.session(42, name="another-Password-1")
    assert "another-Password-1" not in repr(read_inventory(lab.open(), secrets=first.secrets).session("42"))
