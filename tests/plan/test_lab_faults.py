"""What faults of the lab's files mean for the plan of one session."""

from typing import Any

import pytest

from labcrate.errors import DocumentError, NoSessionError
from labcrate.export.prepare import prepare_archive
from labcrate.messages.message import Message
from labcrate.plan.inventory import read_inventory
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import Plan
from labcrate.web.pages.i18n import Locale


def plan(lab: Any, session_id: str = "42", **options: Any) -> Plan:
    """Return the plan of a session, complete or not."""
    with prepare_archive(
        lab.open(), session_id, Options(**options), with_fixity=False, allow_incomplete=True
    ) as assembly:
        return assembly.plan


@pytest.mark.parametrize("file", ["data/cameras.json", "data/user_2/cameras.json", "data/recordings.json"])
def test_an_unreadable_file_about_recordings_is_missing(usual_lab: Any, file: str) -> None:
    """If a file that may list recordings cannot be read, the plan is incomplete, unless only sensor data is chosen."""
    usual_lab.write(file, '{"1": {')
    (missing,) = plan(usual_lab).missing
    assert missing.what == f"{file}, line 1, column 8"
    assert missing.why.startswith("is not valid JSON")
    sensors = plan(usual_lab, only=DataKind.SENSORS)
    assert sensors.missing == ()
    assert [warning for warning in sensors.warnings if file in warning] == [
        f"{missing.what}: {missing.why}",
        Message("secrets.unread", file=file),
    ]
    assert sensors.secrecy.unread == (file,)


@pytest.mark.parametrize("content", ["{", "", "7", "[" * 200 + "]" * 200, "link", "folder"])
def test_pages_say_it_in_spanish(usual_lab: Any, content: str) -> None:
    """Place, reason and remedy of each fault are translated."""
    (usual_lab.root / "data/cameras.json").unlink()
    if content == "link":
        (usual_lab.root / "data/cameras.json").symlink_to("devices.json")
    elif content == "folder":
        (usual_lab.root / "data/cameras.json").mkdir()
    else:
        usual_lab.write("data/cameras.json", content)
    (missing,) = plan(usual_lab).missing
    spanish = Locale("es")
    assert missing.what.startswith("data/cameras.json")
    for text in (missing.why, missing.remedy, missing.sentence):
        assert spanish.translation(text) not in (None, text)


def test_an_unreadable_file_about_sensors_is_missing(usual_lab: Any) -> None:
    """If a file that describes sensors cannot be read, the plan is incomplete, unless only recordings are chosen."""
    usual_lab.write("data/devices.json", "[")
    assert [one.what for one in plan(usual_lab).missing] == ["data/devices.json, line 1, column 2"]
    assert plan(usual_lab, only=DataKind.RECORDINGS).missing == ()


def test_an_entry_costs_itself_alone(usual_lab: Any) -> None:
    """A broken entry of a camera, device or recording is a warning, and nothing is missing."""
    usual_lab.json("data/devices.json", [{"type": "EndDevice"}])
    usual_lab.json("data/recordings.json", [7])
    found = plan(usual_lab)
    assert found.missing == ()
    assert [warning for warning in found.warnings if warning.startswith("data/")] == [
        "data/devices.json, key [0]: the device has neither an ID nor a name; give it one.",
        "data/recordings.json, key [0]: is not an object that describes a recording; correct it.",
    ]


def test_no_other_session_is_named(usual_lab: Any) -> None:
    """No warning has faults of another session's register, entries or folder: archives hold the warnings."""
    usual_lab.session("P07", name="Other")
    usual_lab.write("sessions/SessionP07/recordings.json", '{"writtenBy": "labcrate link", "recordings": 7}')
    usual_lab.json("data/sessions.json", {"-P08": {"name": "Other"}, "42": {"id": 42, "name": "Morning"}})
    (usual_lab.root / "sessions/Session-odd").mkdir()
    assert len(read_inventory(usual_lab.open()).problems) == 3
    assert not [warning for warning in plan(usual_lab).warnings if "P0" in warning or "odd" in warning]
    assert [one.what for one in plan(usual_lab, "P07").missing] == [
        "sessions/SessionP07/recordings.json, key recordings"
    ]


def test_a_broken_list_is_said_once(usual_lab: Any) -> None:
    """There is one warning for a session that another file describes, and one for a session known by recordings.

    The secrets in the broken list have a warning of their own.
    """
    usual_lab.write("data/sessions.json", "[")
    for session_id in ("42", "7"):
        said = [warning for warning in plan(usual_lab, session_id).warnings if "data/sessions.json" in warning]
        assert len([warning for warning in said if "searched for" not in warning]) == 1
        assert len(said) == 2


def test_the_error_of_an_unknown_session_names_the_file_that_may_hold_it(usual_lab: Any) -> None:
    """If a list of sessions cannot be read, an unknown session's error names that list, and no other fault."""
    (usual_lab.root / "sessions/Session-odd").mkdir()
    with pytest.raises(NoSessionError):
        read_inventory(usual_lab.open()).session("9")
    usual_lab.write("data/sessions.json", "[")
    with pytest.raises(DocumentError, match=r"data/sessions\.json, line 1"):
        read_inventory(usual_lab.open()).session("9")


def test_cameras_that_cannot_be_read_never_widen_what_is_linked(lab: Any) -> None:
    """A name that the configured prefixes exclude stays out while the cameras cannot be read."""
    lab.json("sessions/Session42/session_data.json", {"id": 42})
    lab.recording("recordings/garden_session42_x.mp4")
    lab.cameras("cam1")
    assert [near.path for near in plan(lab).near_misses] == ["recordings/garden_session42_x.mp4"]
    for content in ("{", '{"1": {"id": 1, "recordingPrefix": 7}}'):
        lab.write("data/cameras.json", content)
        found = plan(lab)
        assert (found.recordings, [near.path for near in found.near_misses]) == (
            (), ["recordings/garden_session42_x.mp4"],
        )  # fmt: skip
    lab.json("data/cameras.json", {})
    assert [recording.path for recording in plan(lab).recordings] == ["recordings/garden_session42_x.mp4"]
