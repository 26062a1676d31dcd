"""Secrets never survive redaction; ordinary data always does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.lab.redact import REMOVED, is_secret_key, redact, redact_text


@pytest.mark.parametrize(
    "key",
    ["password", "Passwd", "camPassword", "ipAddress", "ip_address", "IP", "userName", "username", "apiKey", "API_KEY",
     "rtspUrl", "streamPath", "port", "authToken", "macAddress", "mqttServer", "network_key", "wifi-psk",
     "pin", "doorPin", "Bearer", "passcode"],
)  # fmt: skip
def test_keys_that_tell_secrets(key: str) -> None:
    """A key that names a credential or a network place is a secret, however it is spelt."""
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key", ["name", "report", "compass", "description", "transport", "iposition", "support", "tag"]
)
def test_keys_that_only_contain_a_secret_word(key: str) -> None:
    """A key is judged by whole words: a report is no port."""
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("see rtsp://u:p@192.0.2.1/x now", f"see {REMOVED} now"),
        ("at 192.0.2.1:554, twice", f"at {REMOVED}, twice"),
        ("fe80::1:2:3 and 2001:db8::7334:1", f"{REMOVED} and {REMOVED}"),
        ("in /home/ana/lab/x.mp4", f"in {REMOVED}"),
        (r"in C:\Users\ana", f"in {REMOVED}"),
        ("version 1.2.3, at 12:30:45, 2025-05-02T10:11:12.000Z, 50/50, and/or", None),
        ("0x00158d000945f2b1", None),
    ],
)
def test_texts(text: str, kept: str | None) -> None:
    """Addresses, URLs and absolute paths are blanked inside a text; times and numbers are not."""
    assert redact_text(text) == (text if kept is None else kept)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc 12", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "password", "zone", "host"]), inner, max_size=3)
    ),
)


@given(values)
def test_no_secret_key_survives_and_each_is_listed(value: object) -> None:
    """Whatever the nesting, no secret key is left, each is listed, and nothing else changes."""
    removed: list[str] = []
    text = json.dumps(redact(value, "", removed))
    assert '"password"' not in text
    assert '"host"' not in text
    assert all(path.rpartition(".")[2] in ("password", "host") for path in removed)
    if not removed:
        assert json.loads(text) == value
