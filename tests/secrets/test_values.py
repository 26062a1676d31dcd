"""Secrets are collected from the lab's own files, and nothing else is."""

import json
from typing import Any

import pytest

from labcrate.secrets.values import SecretKind, Secrets, collect_secrets, is_weak, spellings_of_address

CAMERA = {
    "name": "Kitchen",
    "ipAddress": "192.0.2.40",
    "username": "operator",
    "password": "Not-For-Export-7",
    "streamPath": "live/main-stream-of-kitchen",
    "port": "554",
    "recordingPrefix": "kitchen_cam",
}


def found(documents: list[tuple[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the strong and the weak values, each with its kind."""
    secrets = collect_secrets(documents)
    return {s.value: s.kind for s in secrets.strong}, {s.value: s.kind for s in secrets.weak}


def test_a_camera_gives_password_and_address_alone() -> None:
    """Name, port and prefix are not secret; user name and stream path are left out by key, not searched for."""
    strong, weak = found([("data/user_2/cameras.json", {"5": CAMERA})])
    assert strong == {"Not-For-Export-7": SecretKind.CAMERA_PASSWORD, "192.0.2.40": SecretKind.CAMERA_ADDRESS}
    assert weak == {}


@pytest.mark.parametrize("value", ["secret7", "1234567890", "password", "Camera", "live", "MAIN", "admin"])
def test_common_values_are_weak(value: str) -> None:
    """Values under 8 characters, of digits only, or common words count only as the whole value of a credential key."""
    strong, weak = found([("data/cameras.json", {"5": {"password": value}})])
    assert (strong, weak) == ({}, {value: SecretKind.CAMERA_PASSWORD})


def test_eight_characters_are_enough() -> None:
    """The shortest password that is searched for everywhere has 8 characters."""
    assert is_weak("abcdef7")
    assert not is_weak("abcdefg7")


@pytest.mark.parametrize(
    "host",
    ["localhost", "0.0.0.0", "127.0.0.1", "::1", "camera1", "", "::", "rtsp", "10.1", "a b.example"],  # noqa: S104
)
def test_hosts_that_say_nothing(host: str) -> None:
    """Loopback and unspecified addresses, names without a dot and texts that are no host do not count."""
    assert spellings_of_address(host) == ()
    assert found([("data/cameras.json", {"5": {"ipAddress": host}})]) == ({}, {})


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("192.0.2.7:554", {"192.0.2.7"}),
        ("192.0.2.7/live", {"192.0.2.7"}),
        ("cam1.lab.example.org:8554", {"cam1.lab.example.org"}),
        ("admin@192.0.2.7:80", {"192.0.2.7"}),
        ("2001:DB8::7", {"2001:db8::7", "2001:0db8:0000:0000:0000:0000:0000:0007"}),
        ("[2001:db8::7]", {"2001:db8::7", "2001:0db8:0000:0000:0000:0000:0000:0007"}),
    ],
)
def test_how_addresses_are_written(written: str, values: set[str]) -> None:
    """An address is collected without port and path; of IPv6, the short and the long spelling."""
    assert set(found([("data/cameras.json", {"5": {"host": written}})])[0]) == values


def test_stream_urls_and_what_they_hold() -> None:
    """A stream URL of a camera counts whole; so do its host, its password, also decoded, and its query's values."""
    url = "rtsp://operator:p%40ssw0rd-x@192.0.2.9:554/live?token=Tok3n-Tok3n"
    strong, _ = found([("data/cameras.json", {"5": {"anything": url}})])
    assert strong == {
        url: SecretKind.STREAM_URL,
        "192.0.2.9": SecretKind.CAMERA_ADDRESS,
        "p%40ssw0rd-x": SecretKind.CAMERA_PASSWORD,
        "p@ssw0rd-x": SecretKind.CAMERA_PASSWORD,
        "Tok3n-Tok3n": SecretKind.CAMERA_PASSWORD,
    }


def test_a_web_page_is_no_address() -> None:
    """A camera's manual on the web is no address of the lab, unless its key names an address."""
    assert found([("data/cameras.json", {"5": {"manual": "https://vendor.example.com/m.pdf"}})]) == ({}, {})
    assert found([("data/cameras.json", {"5": {"streamUrl": "https://cam.example.com/hls"}})])[0] == {
        "cam.example.com": SecretKind.CAMERA_ADDRESS
    }


BRIDGE = {
    "config": {
        "mqtt": {"server": "mqtt://192.0.2.5:1883", "user": "zigbee-user", "password": "Mqtt-Pass-99"},
        "frontend": {"auth_token": "Front-End-Token"},
        "advanced": {"network_key": list(range(1, 17)), "channel": 11},
        "serial": {"port": "tcp://192.0.2.6:6638"},
        "homepage": "https://www.example.org/zigbee",
    },
    "version": "2.10.3",
}
BRIDGE_VALUES = {
    "192.0.2.5": SecretKind.ADDRESS,
    "192.0.2.6": SecretKind.ADDRESS,
    "Mqtt-Pass-99": SecretKind.PASSWORD,
    "Front-End-Token": SecretKind.PASSWORD,
    "0102030405060708090a0b0c0d0e0f10": SecretKind.PASSWORD,
    "0102030405060708090A0B0C0D0E0F10": SecretKind.PASSWORD,
    "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16": SecretKind.PASSWORD,
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16": SecretKind.PASSWORD,
}


@pytest.mark.parametrize(
    "document",
    [
        {"messages": {"zigbee2mqtt/bridge/info": [{"timestamp": "t", "payload": BRIDGE}]}},
        {"messages": {"any/base/bridge/info": [{"timestamp": "t", "payload": json.dumps(BRIDGE)}]}},
        [{"topic": "home/bridge/info", "payload": BRIDGE}],
        [{"topic": "bridge/info", "payload": json.dumps(BRIDGE)}],
    ],
)
def test_the_bridge_tells_its_configuration(document: Any) -> None:
    """Messages of the bridge, parsed or as texts, below any base, give passwords, keys and addresses; no user name."""
    strong, _ = found([("data/zigbee-data.json", document)])
    assert {value: kind for value, kind in strong.items() if "://" not in value} == BRIDGE_VALUES


def test_a_device_tells_no_address() -> None:
    """A message of a device gives only the values of credential keys: its firmware version is no address."""
    message = {"update": {"installed": "1.2.3.4"}, "host": "192.0.2.77", "pin_code": {"user": 1, "pin_code": "4711"}}
    strong, weak = found([("data/zigbee-data.json", {"messages": {"zigbee2mqtt/lock": [{"payload": message}]}})])
    assert (strong, weak) == ({}, {"4711": SecretKind.PASSWORD})


def test_any_document_gives_passwords_of_urls() -> None:
    """Notes with a URL give its password; user names, hosts and other words are not collected."""
    notes = "see rtsp://operator:Not-For-Export-7@192.0.2.40/live and https://doi.org/10.5281/zenodo.123"
    assert found(
        [("data/sessions.json", [{"notes": notes, "userExperience": "expert-level", "host": "Dr. Example"}])]
    ) == (
        {"Not-For-Export-7": SecretKind.PASSWORD},
        {},
    )


def test_users_are_never_read() -> None:
    """A document named users.json gives nothing."""
    assert collect_secrets([("data/users.json", [{"password": "$2b$10$abcdefgh"}])]) == Secrets()


def test_no_value_is_shown() -> None:
    """The text form of secrets contains no value: it may reach a log."""
    secrets = collect_secrets([("data/cameras.json", {"5": CAMERA, "6": {"password": "short"}})])
    shown = f"{secrets!r} {secrets} {secrets.strong!r} {secrets.weak!r}"
    assert "Not-For-Export-7" not in shown
    assert "192.0.2.40" not in shown
    assert "short" not in shown


def test_the_fingerprint_is_of_the_values() -> None:
    """The same values in any order and from any file give the same hash; another value or key gives another."""
    one = collect_secrets([("data/cameras.json", {"5": CAMERA, "6": {"password": "Another-One-8"}})])
    same = collect_secrets(
        [("data/cameras.json", {"9": {"password": "Another-One-8"}}), ("data/user_1/cameras.json", {"1": CAMERA})]
    )
    other = collect_secrets([("data/cameras.json", {"5": CAMERA, "6": {"password": "Another-One-9"}})])
    weak = collect_secrets(
        [("data/cameras.json", {"5": CAMERA, "6": {"password": "Another-One-8"}, "7": {"password": "x"}})]
    )
    prints = [secrets.fingerprint(b"key") for secrets in (one, other, weak)]
    assert same.fingerprint(b"key") == prints[0]
    assert len({*prints, one.fingerprint(b"other key")}) == 4
    with pytest.raises(ValueError, match="needs a key"):
        one.fingerprint(b"")


def test_a_document_of_any_depth_and_shape() -> None:
    """No shape of JSON makes the collection fail."""
    deep: Any = {"password": "Deep-Password-1"}
    for _ in range(5000):
        deep = [deep]
    strong, _ = found([("data/cameras.json", deep), ("x.json", None), ("y.json", 3), ("z.json", {"password": None})])
    assert strong == {"Deep-Password-1": SecretKind.CAMERA_PASSWORD}
