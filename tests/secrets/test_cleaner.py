"""Generated documents lose their secrets, and no research data."""

import json
import re
from itertools import product
from pathlib import Path

import pytest

from labcrate.secrets.cleaner import REMOVED, Cleaner
from labcrate.secrets.credential_keys import (
    CREDENTIALS,
    HARMLESS_WORDS,
    LEFT_OUT,
    PAYLOAD_CREDENTIALS,
    STEMS,
    normalize_key,
)
from labcrate.secrets.values import collect_secrets

PASSWORD = "Not-For-Export-7"  # noqa: S105 - made up
CAMERAS = {"5": {"ipAddress": "192.0.2.40", "username": "operator", "password": PASSWORD},
           "6": {"ipAddress": "cam6.lab.example.org", "password": "admin"}}  # fmt: skip


@pytest.fixture
def cleaner() -> Cleaner:
    """Return a cleaner that has the secrets of both cameras."""
    return Cleaner(collect_secrets([("data/cameras.json", CAMERAS)]))


@pytest.mark.parametrize(
    "text",
    [
        "userExperience: good",
        "firmware 1.2.3.4, version 2.10.3.1",
        "time code 00:03:21:09",
        "10.5281/zenodo.123",
        "https://doi.org/10.5281/zenodo.123 and http://www.example.org/home/x?a=b#c",
        "https://youtube.com/@channel, mail ana@example.org, ssh://git@example.org/x",
        "the operator said admin; live view of the main camera, password forgotten",
        "0x00158d000945f2b1, 12:30:45, 2025-05-02T10:11:12.000Z, 50/50, and/or",
        "192.0.2.41 and 1192.0.2.40 and 192.0.2.400 and 192.0.2.40.1 and 3.192.0.2.40",
        "ratio 3:4, a\\b, \\alpha, 100%, R&D, &amp; &#65; %41 \\u0041",
        "rtsp://user:***@example.org/, rtsp://user:{password}@example.org",
    ],
)
def test_science_stays(cleaner: Cleaner, text: str) -> None:
    """Researchers' words, versions, time codes, DOIs and addresses that no camera has are unchanged."""
    assert cleaner.clean_text(text) == text
    assert cleaner.clean_json({"notes": text}) == {"notes": text}
    assert cleaner.places == []


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"it is {PASSWORD}!", f"it is {REMOVED}!"),
        ("at 192.0.2.40:554, twice", f"at {REMOVED}:554, twice"),
        ("CAM6.Lab.Example.ORG", REMOVED),
        ("rtsp://operator:x@203.0.113.9:554/live; firmware 2.10.3.1", f"{REMOVED}; firmware 2.10.3.1"),
        ("(https://u:p@example.org/a?b=c).", f"({REMOVED})."),
        ("rtsp:\\/\\/u:p@example.org\\/a", REMOVED),
        ("u=rtsp%3A%2F%2Fu%3Ap%40example.org%2Fa end", f"u={REMOVED} end"),
        ("password=admin, password: 'admin'", f"password={REMOVED}, password: '{REMOVED}'"),
        ("in /home/ana/lab/x.mp4", f"in {REMOVED}"),
        ("file:///home/ana/x", REMOVED),
        (r"in C:\Users\ana and \\nas\share\x", f"in {REMOVED} and {REMOVED}"),
        (f"{PASSWORD}192.0.2.40{PASSWORD}", REMOVED),
    ],
)
def test_texts(cleaner: Cleaner, text: str, cleaned: str) -> None:
    """Known values, URLs with credentials, weak values after their key and absolute paths are blanked."""
    assert cleaner.clean_text(text) == cleaned


def test_keys_of_a_document(cleaner: Cleaner) -> None:
    """Credential keys are blanked, user names and stream paths left out, others kept; each place is listed."""
    value = {
        "labInfo": {"wifi_password": "x", "Username": "ana", "streamPath": "live", "users": ["P1"], "pin": "D4"},
        "list": [{"apiKey": 5, "token": None, "password": "", "secret": False}],
        f"cam {PASSWORD}": 1,
        f"cam {PASSWORD} ": 2,
    }
    assert cleaner.clean_json(value, "session") == {
        "labInfo": {"wifi_password": REMOVED, "users": ["P1"], "pin": "D4"},
        "list": [{"apiKey": REMOVED, "token": None, "password": "", "secret": False}],
        f"cam {REMOVED}": 1,
        f"cam {REMOVED} ": 2,
    }
    assert cleaner.places == [
        "session.labInfo.wifi_password",
        "session.labInfo.Username",
        "session.labInfo.streamPath",
        "session.list[0].apiKey",
        f"session.cam {REMOVED}",
        f"session.cam {REMOVED} ",
    ]


def test_keys_that_become_one(cleaner: Cleaner) -> None:
    """Two keys that differ only in their secret are both kept."""
    kept = cleaner.clean_json({PASSWORD: 1, "192.0.2.40": 2, REMOVED: 3})
    assert sorted(kept.values()) == [1, 2, 3]


def test_a_camera(cleaner: Cleaner) -> None:
    """In a camera, ``user`` is a login and is left out; in a session it is a word."""
    assert cleaner.clean_json({"user": "ana", "model": "M"}, camera=True) == {"model": "M"}
    assert cleaner.clean_json({"user": "ana"}) == {"user": "ana"}


@pytest.mark.parametrize(
    "payload",
    ['{"temperature":21.0, "big":12345678901234567890123, "e":1e-7}', "21,5", "ON", "", '{"a', "[1.50]", '"x"', "null"],
)
def test_payloads_without_secrets_stay_as_they_are(cleaner: Cleaner, payload: str) -> None:
    """A payload without secrets is unchanged, to the last blank and digit."""
    assert cleaner.clean_payload("zigbee2mqtt/t", payload) == payload
    assert cleaner.places == []


def test_a_locks_codes(cleaner: Cleaner) -> None:
    """Codes, users and Wi-Fi names are blanked for any value; every other number keeps its digits."""
    payload = '{"t":21.0,"pin_code":{"user":1,"pin_code":"4711"},"users":{"1":{}, "2":3},"ssid":"lab","n":1e-7,"b":1}'
    cleaned = cleaner.clean_payload("zigbee2mqtt/room/lock", payload, "messages.lock[3]")
    assert json.loads(cleaned) == {
        "t": 21.0, "pin_code": REMOVED, "users": REMOVED, "ssid": REMOVED, "n": 1e-7, "b": 1,
    }  # fmt: skip
    assert '"t":21.0' in cleaned
    assert cleaner.places == ["messages.lock[3].pin_code", "messages.lock[3].users", "messages.lock[3].ssid"]


def test_a_key_twice_hides_nothing(cleaner: Cleaner) -> None:
    """If an object has a key twice, a parser sees one value; the other one is removed as well."""
    assert "4711" not in cleaner.clean_payload("z/lock", '{"a":{"pin_code":"4711"},"a":2}')


def test_a_payload_inside_a_payload(cleaner: Cleaner) -> None:
    """A message that is stored as a text is cleaned as any other."""
    inner = json.dumps({"pin_code": "4711", "x": PASSWORD, "t": 1})
    cleaned = json.loads(cleaner.clean_payload("z/lock", json.dumps({"payload": inner})))
    assert json.loads(cleaned["payload"]) == {"pin_code": REMOVED, "x": REMOVED, "t": 1}


@pytest.mark.parametrize("topic", ["zigbee2mqtt/bridge/info", "a/b/bridge/devices", "bridge/info"])
def test_the_bridge_says_nothing(cleaner: Cleaner, topic: str) -> None:
    """A message of the bridge, below any base topic, is blanked whole; a device with a similar name is kept."""
    assert cleaner.clean_payload(topic, '{"anything":1}') == f'"{REMOVED}"'
    assert cleaner.clean_json({topic: [1], "z/mybridge": [2]}) == {topic: REMOVED, "z/mybridge": [2]}
    assert cleaner.clean_json([{"topic": topic, "payload": {"a": 1}, "timestamp": "t"}]) == [
        {"topic": topic, "payload": REMOVED, "timestamp": "t"}
    ]


def test_every_cleaned_payload_has_a_needle(cleaner: Cleaner) -> None:
    """Every payload that changes contains a needle: keys in any spelling, values and paths."""
    needles = cleaner.needles()
    keys = [key for name in sorted(PAYLOAD_CREDENTIALS | LEFT_OUT) for key in (name, name.upper(), name.capitalize())]
    keys += ["pin_code", "pinCode", "network-key", "user_name", "streamPath", "mqtt_user"]
    payloads = [json.dumps({key: "x"}) for key in keys]
    payloads += [f"x {PASSWORD}", "192.0.2.40", "CAM6.lab.example.org", "/home/x", "C:\\x", "rtsp://u:p@h.example/"]
    payloads += [json.dumps({"a": "\\u0050ot"}), "%4eot-For-Export-7"]
    for payload in payloads:
        if cleaner.clean_payload("z/x", payload) != payload:
            assert any(needle in payload.lower() for needle in needles), payload
    assert all(cleaner.clean_payload("z/x", payload) != payload for payload in payloads[: len(keys)])


def test_a_harmless_word_is_in_no_key() -> None:
    """No key that contains such a word is a credential's, however it goes on; and each begins with its stem."""
    for stem, word in HARMLESS_WORDS.items():
        assert stem in STEMS
        assert word.startswith(stem)
        assert not any(word in key for key in PAYLOAD_CREDENTIALS | LEFT_OUT | CREDENTIALS)


def test_every_key_has_a_stem() -> None:
    """The quick search finds each credential key."""
    assert all(any(stem in key for stem in STEMS) for key in PAYLOAD_CREDENTIALS)
    assert all(normalize_key(key) == key for key in PAYLOAD_CREDENTIALS | LEFT_OUT | CREDENTIALS)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("192.0.2.40_2025.mp4", "__2025.mp4"),
        ("20140509-000500_192.0.2.40-CH2.mp4", "20140509-000500__-CH2.mp4"),
        ("192.0.2.40.mp4", "_.mp4"),
        ("192.0.2.40.3gp", "_.3gp"),
        ("192.0.2.40", "_"),
        (f"x{PASSWORD}.csv", "x_.csv"),
        ("kitchen_session7.mp4", "kitchen_session7.mp4"),
        ("1.192.0.2.40.mp4", "1.192.0.2.40.mp4"),
    ],
)
def test_names(cleaner: Cleaner, name: str, cleaned: str) -> None:
    """In a name, a secret becomes ``_`` and the rest is unchanged."""
    assert cleaner.clean_name(name) == cleaned


def test_weak_values_count_behind_their_key_alone(cleaner: Cleaner) -> None:
    """``admin`` is a word; as the whole value of ``password`` it is a password."""
    for quote, joint, key in product(('"', "'", ""), (":", " : ", "="), ("password", "Password", "rtsp_password")):
        text = f"{quote}{key}{quote}{joint}{quote}admin{quote}, x"
        assert REMOVED in cleaner.clean_text(text), text
    for text in ("password: administrator", "passwords admin", "compass: admin", "the password is admin"):
        assert cleaner.clean_text(text) == text


def test_the_documentation_lists_every_key() -> None:
    """The page on secrets lists exactly the credential keys."""
    text = (Path(__file__).parents[2] / "docs/explanation/secrets.md").read_text(encoding="utf-8")
    listed = {}
    for part in text.split("<!-- keys: ")[1:]:
        name, _, rest = part.partition(" -->")
        listed[name] = set(re.findall("`([a-z]+)`", rest.strip().partition("\n\n")[0]))
    assert listed == {
        "CREDENTIALS": CREDENTIALS,
        "PAYLOAD_CREDENTIALS": PAYLOAD_CREDENTIALS - CREDENTIALS,
        "LEFT_OUT": LEFT_OUT,
    }


def test_hostile_documents_are_cleaned(cleaner: Cleaner) -> None:
    """Secrets that touch thousands of addresses, and endless paths and quotes, are cleaned in one pass."""
    assert cleaner.clean_text(f"{PASSWORD}192.0.2.40 " * 3000) == f"{REMOVED} " * 3000
    for unit in ("/home/", "\\\\a", "file://", "c:\\", "/", "{", '["'):
        text = unit * 30_000
        assert len(cleaner.clean_text(text)) <= len(text) + len(REMOVED)
        assert cleaner.clean_payload("z/x", text) == cleaner.clean_text(text)
