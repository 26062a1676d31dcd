"""The cameras and sensors that a session selects, matched to the lab's cameras and devices."""

from typing import Any

import pytest

from labcrate.lab.device_files import read_all_cameras, read_all_devices
from labcrate.lab.device_selection import resolve_selection
from labcrate.lab.sessions import read_sessions
from labcrate.model.device import Camera, find_camera
from labcrate.model.session import Session
from labcrate.plan.inventory import read_inventory


def chosen(lab: Any, **fields: Any) -> Session:
    """Return session 7 of user 2 with these fields, its selection matched to the lab."""
    lab.json("data/user_2/sessions.json", {"7": {"id": 7, **fields}})
    opened = lab.open()
    session = read_sessions(opened).sessions["7"]
    return resolve_selection(session, read_all_cameras(opened)[0], read_all_devices(opened)[0])


@pytest.fixture
def rooms(lab: Any) -> Any:
    """Return a lab in which users 2 and 3 both have a camera 5, and which has one device."""
    lab.json(
        "data/user_2/cameras.json",
        {"5": {"id": 5, "name": "cocina", "recordingPrefix": "c05"}, "6": {"name": "Sala de estar"}},
    )
    lab.json("data/user_3/cameras.json", {"5": {"id": 5, "name": "patio", "recordingPrefix": "p5"}})
    lab.json("data/devices.json", [{"id": "0x01", "name": "t-cocina"}, {"id": "0x02", "name": "cocina"}])
    return lab


@pytest.mark.parametrize(
    "fields",
    [
        {"selectedDevices": {"cameras": [{"id": 5, "name": "cocina"}], "sensors": [{"id": "0x01"}]}},
        {"devices": {"cameras": [{"id": 5}], "sensors": ["0x01"]}},
        {"metadata": {"devices": [{"id": 5, "type": "camera"}, {"id": "0x01", "name": "t-cocina", "type": "sensor"}]}},
        {"metadata": {"devices": [{"id": 5, "type": "IP"}, {"id": "0x01", "type": "EndDevice"}]}},
        {"metadata": {"selectedDevices": [{"id": 5}, {"id": "0x01"}]}},
        {"metadata": {"selectedDevices": [5, "0x01"]}},
        {"metadata": {"selectedDevices": {"cameras": [5], "sensors": ["0x01"]}}},
        {"metadata": {"selectedDevices": {"5": {"type": "camera"}, "0x01": {"name": "t-cocina"}}}},
        {"devices": {"cameras": [{"id": 5}]}, "metadata": {"selectedDevices": ["0x01"], "devices": [{"id": 5}]}},
    ],
)
def test_every_field_is_read(rooms: Any, fields: dict[str, Any]) -> None:
    """Whichever field selects it, in whatever notation of its type: camera 5 and sensor 0x01, each once."""
    session = chosen(rooms, **fields)
    assert ([c.id for c in session.cameras], [s.id for s in session.sensors]) == (["5"], ["0x01"])
    assert (session.untyped_devices, session.warnings) == ((), ())


def test_names_are_accepted_as_ids(rooms: Any) -> None:
    """A camera selected by its name alone is found; a name of both a camera and a device selects both."""
    by_name = chosen(rooms, metadata={"selectedDevices": {"cameras": [{"name": "Sala de estar", "ipAddress": "x"}]}})
    assert [(c.id, c.name) for c in by_name.cameras] == [("6", "Sala de estar")]
    both = chosen(rooms, metadata={"selectedDevices": ["cocina"]})
    assert ([c.id for c in both.cameras], [s.id for s in both.sensors]) == (["5"], ["cocina"])


def test_an_unknown_device_counts_as_a_sensor(rooms: Any) -> None:
    """An unknown device counts as a sensor, with a warning, so that not all readings are exported."""
    session = chosen(rooms, metadata={"devices": [{"id": 77, "name": "old", "type": "thing"}]})
    assert [(s.id, s.name) for s in session.sensors] == [("77", "old")]
    assert session.warnings == (
        "The session selects 'old', which is neither a camera nor a device in the lab's files; "
        "it is treated as a sensor.",
    )


@pytest.mark.parametrize(
    ("metadata", "warning"),
    [
        ({"devices": "two"}, "metadata.devices of the session is not a list of devices"),
        ({"selectedDevices": {"cameras": 5}}, "metadata.selectedDevices.cameras of the session is not a list"),
        ({"devices": [[5], {"id": 5, "type": "camera"}]}, "metadata.devices[0] of the session is not a device"),
    ],
)
def test_invalid_metadata_is_a_warning(rooms: Any, metadata: dict[str, Any], warning: str) -> None:
    """A researcher's metadata may contain anything: invalid entries are named, and the session can be used."""
    assert warning in chosen(rooms, metadata=metadata).warnings[0]


def test_a_sensors_topic_is_read(rooms: Any) -> None:
    """The platform writes a sensor's whole topic beside its name."""
    session = chosen(rooms, metadata={"selectedDevices": {"sensors": [{"name": "t", "topic": "zigbee2mqtt/x/t"}]}})
    assert [(s.id, s.topic) for s in session.sensors] == [("t", "zigbee2mqtt/x/t")]


def test_two_users_may_both_have_a_camera_5(rooms: Any) -> None:
    """An id is first looked up among the cameras of the session's user; without a user it is ambiguous."""
    cameras = read_all_cameras(rooms.open())[0]
    found = [find_camera(cameras, "5", user) for user in ("2", "3", "4", None)]
    assert [camera and camera.prefix for camera in found] == ["c05", "p5", None, None]
    assert find_camera(cameras, "6", None) == find_camera(cameras, "6", "3")
    assert find_camera(cameras, "9", "2") is None


def test_one_id_with_one_prefix_in_several_files_is_one_camera(lab: Any) -> None:
    """Prefixes are compared without case; without prefixes, names are. Fields of one file alone are used."""
    lab.json("data/cameras.json", {"5": {"recordingPrefix": "c05", "model": "x"}, "6": {"name": "Sala"}, "10": {}})
    lab.json("data/user_2/cameras.json", [{"id": 5, "name": "cocina", "recordingPrefix": "C05"}])
    lab.json("data/user_3/cameras.json", {"5": {"recordingPrefix": "other"}, "6": {"name": "sala"}})
    cameras, problems = read_all_cameras(lab.open())
    assert [(c.id, c.prefix, c.name, c.users) for c in cameras] == [
        ("5", "c05", "cocina", (None, "2")),
        ("5", "other", None, ("3",)),
        ("6", None, "Sala", (None, "3")),
        ("10", None, None, (None,)),
    ]
    assert (cameras[0].user, cameras[3].user, cameras[0].extra) == ("2", None, {"model": "x"})
    assert problems == ()


def test_raw_names_are_used_for_prefixes(lab: Any) -> None:
    """A camera whose name is its address has no displayed name, but its files are still found by it."""
    lab.json("data/cameras.json", {"1": {"name": "192.0.2.77"}})
    lab.json("data/user_2/cameras.json", {"2": {"name": "x", "ipAddress": "192.0.2.77"}})
    camera = read_inventory(lab.open()).cameras[0]
    assert (camera.name, camera.raw_name) == ("[removed]", "192.0.2.77")


def test_an_invalid_camera_or_file_is_skipped(rooms: Any) -> None:
    """An invalid entry or file is a problem with file and key; the others are read."""
    rooms.json("data/cameras.json", {"1": {"name": "hall"}, "2": {"name": 7}, "3": "x"})
    rooms.json("data/user_2/cameras.json", [{"name": "no id"}])
    rooms.write("data/user_3/cameras.json", '{"5": {')
    cameras, problems = read_all_cameras(rooms.open())
    assert [camera.id for camera in cameras] == ["1"]
    assert [str(problem).partition(": ")[0] for problem in problems] == [
        "data/cameras.json, key 2.name",
        "data/cameras.json, key 3",
        "data/user_2/cameras.json, key [0]",
        "data/user_3/cameras.json, line 1, column 8",
    ]


def test_an_invalid_device_is_skipped(lab: Any) -> None:
    """devices.json may be a list or an object keyed by id; an invalid entry is a problem of its own."""
    lab.json("data/devices.json", {"0x01": {"name": "door"}, "0x02": {"battery": "full"}, "0x03": {"id": "0x3"}})
    devices, problems = read_all_devices(lab.open())
    assert [(device.id, device.name) for device in devices] == [("0x01", "door"), ("0x3", None)]
    assert [str(problem).partition(": ")[0] for problem in problems] == ["data/devices.json, key 0x02.battery"]


def test_a_camera_of_the_lab_comes_before_another_users() -> None:
    """If the session's user has no such camera, the lab's own camera is found."""
    own, other = Camera("2", prefix="a"), Camera("2", prefix="b", users=("9",))
    assert find_camera((other, own), "2", "1") == own
