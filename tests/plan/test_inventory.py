"""The inventory of a lab: each file once, and a broken file hides nothing else."""

import os
from typing import Any

import pytest

from labcrate.errors import DocumentError, NoSessionError
from labcrate.model.lab_settings import CameraSettings, LabSettings
from labcrate.plan.inventory import read_inventory


def paths(lab: Any) -> set[str]:
    """Return the paths of all files in folders of recordings, as on disk."""
    return {entry.path for entry in lab.open().recordings()}


def test_every_file_is_linked_or_unlinked(lab: Any) -> None:
    """Each file in a folder of recordings is in the list of its sessions, or among the unlinked files."""
    lab.session(42)
    for path in ("recordings/cam1_session42_a.mp4", "recordings/garden.mp4", "sessions/Session42/recordings/a.mp4"):
        lab.write(path, "x")
    (lab.root / "recordings/link.mp4").symlink_to("garden.mp4")
    inventory = read_inventory(lab.open())
    linked = {entry.path for entries in inventory.linked.values() for entry in entries}
    unlinked = {entry.path for entry in inventory.unlinked}
    assert linked | unlinked == inventory.paths == paths(lab) - {"sessions/Session42/session_data.json"}
    assert not linked & unlinked


def test_a_description_folder_or_recording_makes_a_session(lab: Any) -> None:
    """A description, a folder, a recording's name or a broken description each make a session, in natural order."""
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
    ("unknown_id", "words"),
    [
        ("4", "The closest ID is 42"),
        ("43", "The closest ID is 42"),
        ("p7", "The closest ID is P07"),
        ("x", "sessions: 42, 900, P07"),
    ],
)
def test_an_unknown_session_is_answered_with_what_there_is(lab: Any, unknown_id: str, words: str) -> None:
    """The error lists the existing sessions, and the nearest one."""
    for session_id in (42, 900, "P07"):
        lab.session(session_id)
    with pytest.raises(NoSessionError, match=words):
        read_inventory(lab.open()).session(unknown_id)


def test_many_sessions_are_counted_not_listed(lab: Any) -> None:
    """Of hundreds of sessions, twelve are listed with the number of the others."""
    lab.json("data/sessions.json", [{"id": n} for n in range(1, 301)])
    with pytest.raises(NoSessionError, match=r" 11, 12 and 288 more\."):
        read_inventory(lab.open()).session("1234567")


def test_a_lab_without_sessions_says_so(lab: Any) -> None:
    """The error says that an empty lab has no sessions."""
    with pytest.raises(NoSessionError, match="The lab has no sessions"):
        read_inventory(lab.open()).session("42")


@pytest.mark.parametrize("path", ["sessions", "sessions/Session42"])
def test_a_session_behind_a_link_is_not_simply_unknown(lab: Any, path: str) -> None:
    """If the session's folder, or the folder of all sessions, is a link, the error says so."""
    aside = lab.root.parent / "aside"
    (lab.root / "sessions/Session42").mkdir()
    (lab.root / path).rename(aside)
    (lab.root / path).symlink_to(aside)
    with pytest.raises((NoSessionError, DocumentError), match=f"{path}:? is a symbolic link"):
        read_inventory(lab.open()).session("42")


def test_an_unreadable_list_of_sessions_is_not_an_unknown_session(lab: Any) -> None:
    """If the file that may describe the session cannot be parsed, the error is about that file."""
    lab.write("data/sessions.json", "[{")
    with pytest.raises(DocumentError, match=r"sessions\.json"):
        read_inventory(lab.open()).session("42")


BROKEN = ["data/cameras.json", "data/devices.json", "data/recordings.json", "data/sessions.json"]


@pytest.mark.parametrize("path", BROKEN)
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{", b"[1, 2]", b"null", b""])
def test_a_broken_file_hides_nothing_else(lab: Any, path: str, content: bytes) -> None:
    """Whatever is in one of the lab's files, session and recordings are as the other files describe them.

    Only if the cameras are unknown does a recording's name alone not link it: its prefix cannot be checked.
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
    """Names that contain a camera's password or address are cleaned in all texts of the inventory."""
    lab.cameras("cam1")
    lab.session(42, name="the password is s3cret-password", notes="at 192.0.2.77")
    lab.json("data/devices.json", [{"id": "0x01", "name": "s3cret-password"}])
    inventory = read_inventory(lab.open())
    shown = repr((inventory.session("42"), inventory.cameras, inventory.devices, inventory.problems))
    for secret in ("s3cret-password", "192.0.2.77"):
        assert secret not in shown
    assert "s3cret" not in repr(inventory)


def test_settings_add_to_the_labs_cameras(lab: Any) -> None:
    """Prefix and name in labcrate.toml replace the lab's, and a camera that only it has is added."""
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
    """Hard links are entries under each of their names."""
    lab.session(42)
    lab.write("recordings/cam1_session42_a.mp4", "x")
    os.link(lab.root / "recordings/cam1_session42_a.mp4", lab.root / "recordings/garden.mp4")
    assert read_inventory(lab.open()).paths == {"recordings/cam1_session42_a.mp4", "recordings/garden.mp4"}


def test_secrets_of_before_are_taken_where_nothing_changed(lab: Any) -> None:
    """With the secrets of an earlier inventory, the result is the same and includes a new password."""
    lab.cameras("cam1")
    first = read_inventory(lab.open())
    again = read_inventory(lab.open(), secrets=first.secrets)
    assert again.secrets.secrets.fingerprint(b"k") == first.secrets.secrets.fingerprint(b"k")
    lab.json("data/cameras.json", [{"id": 1, "password": "another-Password-1"}])
    lab.session(42, name="another-Password-1")
    assert "another-Password-1" not in repr(read_inventory(lab.open(), secrets=first.secrets).session("42"))
