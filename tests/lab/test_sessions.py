"""How sessions are read: unusual values are accepted, faults are named."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from labcrate.errors import DocumentError
from labcrate.lab.device_files import read_all_cameras, read_all_devices
from labcrate.lab.sessions import read_sessions
from labcrate.plan.inventory import read_inventory


def test_a_full_session(lab: Any) -> None:
    """All documented fields are read, unknown ones too, but no secrets."""
    lab.session(
        42,
        description="two rooms",
        tags=["pilot"],
        notes="fine",
        selectedDevices={
            "cameras": [{"id": 1, "name": "Hall", "recordingPrefix": "hall", "password": "x"}],
            "sensors": [{"id": "0x01"}, {"name": "door"}],
        },
        metadata={"researcher": "Ana", "labInfo": {"timezone": "Europe/Madrid"}},
        weather="rain",
    )
    session = read_inventory(lab.open()).book.sessions["42"]
    assert session.span.start == datetime(2025, 5, 2, 8, tzinfo=UTC)
    assert session.time_zone == "Europe/Madrid"
    assert session.all_fields["weather"] == "rain"
    assert session.all_fields["selectedDevices"]["cameras"] == [
        {"id": 1, "name": "Hall", "recordingPrefix": "hall", "password": "[removed]"}
    ]
    assert session.removed_keys == ("selectedDevices.cameras[0].password",)
    assert [sensor.id for sensor in session.sensors] == ["0x01", "door"]


def test_everything_but_the_id_may_be_missing(lab: Any) -> None:
    """A session with nothing but an id is valid."""
    lab.json("data/sessions.json", [{"id": 3}])
    session = read_sessions(lab.open()).sessions["3"]
    assert (session.name, session.span.start, session.status) == (None, None, None)


def test_null_and_empty_times_are_unknown_times(lab: Any) -> None:
    """``null`` and an empty text are unknown times."""
    lab.session(1, startTime=None, endTime="")
    session = read_sessions(lab.open()).sessions["1"]
    assert (session.span.start, session.span.end) == (None, None)


def test_the_sessions_own_folder_overrides_the_list(lab: Any) -> None:
    """If both describe a session, its own folder is used, with a warning; fields that only the list has are used."""
    lab.json("data/sessions.json", [{"id": 42, "name": "Old", "notes": "kept", "status": "completed"}])
    lab.session(42, name="Right")
    session = read_sessions(lab.open()).sessions["42"]
    assert (session.name, session.notes) == ("Right", "kept")
    assert session.warnings == (
        "data/sessions.json and sessions/Session42/session_data.json differ in name; "
        "sessions/Session42/session_data.json is used.",
    )
    assert session.description_files == ("sessions/Session42/session_data.json", "data/sessions.json")


def test_a_folder_alone_makes_a_session(lab: Any) -> None:
    """A folder without a description is a session without a description."""
    (lab.root / "sessions" / "Session9").mkdir()
    session = read_sessions(lab.open()).sessions["9"]
    assert session.description_files == ()


def test_one_broken_session_leaves_the_others(lab: Any) -> None:
    """A session whose file does not parse is an error of its own; the others are read."""
    lab.session(1)
    lab.write("sessions/Session2/session_data.json", '{"id": 2,\n "name": ')
    book = read_sessions(lab.open())
    assert "1" in book.sessions
    with pytest.raises(
        DocumentError, match=r"sessions/Session2/session_data.json, line 2, column 10: is not valid JSON"
    ):
        book.get("2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"startTime": "yesterday"}, r"key startTime: 'yesterday' is not a date and time"),
        ({"startTime": 17}, r"key startTime: 17 is not a date and time"),
        ({"startTime": True}, r"key startTime: True is not a date and time"),
        ({"name": 7}, r"key name: must be text, not a whole number"),
        ({"endTime": "2025-05-01T00:00:00Z"}, r"key endTime: the session ends before it starts"),
        ({"endTime": 10**30}, r"key endTime: 10{30} is not a date and time"),
        ({"tags": "x"}, r"key tags: must be a list, not text"),
        ({"selectedDevices": []}, r"key selectedDevices: must be an object, not a list"),
        ({"selectedDevices": {"cameras": [7]}}, r"key selectedDevices.cameras\[0\]: must be an object"),
        ({"selectedDevices": {"cameras": {"id": 1}}}, r"key selectedDevices.cameras: must be a list"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(lab: Any, fields: dict[str, Any], message: str) -> None:
    """A field of the wrong type is an error that names file and key."""
    lab.session(5, **fields)
    with pytest.raises(DocumentError, match="sessions/Session5/session_data.json, " + message):
        read_sessions(lab.open()).get("5")


def test_times_without_any_zone_are_utc_with_a_warning(lab: Any) -> None:
    """A time without any zone is read as UTC, and the warning says how to set a zone."""
    lab.session(1, startTime="2025-05-02T08:00:00")
    session = read_sessions(lab.open()).sessions["1"]
    assert session.span.start == datetime(2025, 5, 2, 8, tzinfo=UTC)
    assert session.warnings == (
        "startTime of the session has no time zone and is read as UTC. If it is local time, name the zone with "
        "--time-zone.",
    )


def test_times_without_zone_are_read_in_the_sessions_zone_then_the_labs(lab: Any) -> None:
    """The session's own zone comes before the lab's; a time with an offset needs neither."""
    lab.session(1, startTime="2025-05-02T08:00:00", endTime="2025-05-02T12:00:00+05:00", timeZone="Europe/Madrid")
    lab.session(2, startTime="2025-05-02T08:00:00", endTime=None)
    book = read_sessions(lab.open(), zone="America/Lima")
    assert book.sessions["1"].span.start == datetime(2025, 5, 2, 6, tzinfo=UTC)
    assert book.sessions["1"].span.end == datetime(2025, 5, 2, 7, tzinfo=UTC)
    assert book.sessions["2"].span.start == datetime(2025, 5, 2, 13, tzinfo=UTC)
    assert book.sessions["1"].warnings == book.sessions["2"].warnings == ()
    assert (book.sessions["1"].time_zone, book.sessions["2"].time_zone) == ("Europe/Madrid", None)


@pytest.mark.parametrize("clock", ["2025-10-26T02:30:00", "2025-03-30T02:30:00"])
def test_a_time_at_a_clock_change(lab: Any, clock: str) -> None:
    """If the zone's clocks change at that time, the first possible time is used, with a warning."""
    lab.session(1, startTime=clock, endTime=None, timeZone="Europe/Madrid")
    session = read_sessions(lab.open()).sessions["1"]
    assert session.span.start == datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)
    assert "twice or not at all" in session.warnings[0]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe"])
def test_an_unknown_zone_is_a_warning(lab: Any, zone: str) -> None:
    """A zone that is not in the IANA database is a warning, never a crash or a path."""
    lab.session(1, timeZone=zone)
    session = read_sessions(lab.open()).sessions["1"]
    assert session.time_zone is None
    assert "is not an IANA time zone" in session.warnings[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"1": {"name": "a"}', r"data/cameras.json, line 1, column \d+: is not valid JSON"),
        ("", r"data/cameras.json: is empty, not JSON"),
        ('{"1": "hall"}', r"data/cameras.json, key 1: must be an object, not text"),
        ('"hall"', r"data/cameras.json: must be a list, or an object with IDs as keys"),
        ('{"1": {"recordingPrefix": 7}}', r"data/cameras.json, key 1.recordingPrefix: must be text"),
        ("\udcff".encode("utf-8", "surrogateescape"), r"data/cameras.json"),
    ],
)
def test_an_invalid_camera_file(lab: Any, content: str | bytes, message: str) -> None:
    """A camera file that does not parse is one error that names the file and the place."""
    lab.write("data/cameras.json", content)
    with pytest.raises(DocumentError, match=message):
        raise read_all_cameras(lab.open())[1][0]


def test_cameras_keep_no_secret(lab: Any) -> None:
    """The id, name, prefix and harmless other fields of a camera are read, but no secrets."""
    lab.cameras("hall", None)
    cameras = read_inventory(lab.open()).cameras
    assert [(c.id, c.prefix) for c in cameras] == [("1", "hall"), ("2", None)]
    assert cameras[0].removed_keys == ("ipAddress", "password", "streamPath", "username")
    assert "s3cret" not in repr(cameras)
    assert "192.0.2" not in repr(cameras)
    assert "lab-user" not in repr(cameras)


def test_a_device_without_id_and_name_is_an_error(lab: Any) -> None:
    """Such a device is refused by its place in the list."""
    lab.json("data/devices.json", [{"id": "0x01"}, {"model": "x"}])
    with pytest.raises(DocumentError, match=r"data/devices.json, key \[1\]"):
        raise read_all_devices(lab.open())[1][0]


def test_a_byte_order_mark_is_no_fault(lab: Any) -> None:
    """A file saved by Windows Notepad is read like one without its mark."""
    lab.write("data/devices.json", b'\xef\xbb\xbf[{"id": "0x01", "name": "door"}]')
    (device,), problems = read_all_devices(lab.open())
    assert (device.name, problems) == ("door", ())
