"""Cleaned texts and documents contain no more secrets: the search finds nothing in them."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.hostile_texts import SHAPES

from labcrate.export.documents.metadata import to_json
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import collect_secrets

CAMERAS = [
    {"id": 1, "password": "hunter22x!", "rtsp": "rtsp://admin:hunter22x!@192.0.2.7/live"},
    {"id": 2, "password": "admin"},
    {"id": 3, "password": "4711"},
    {"id": 4, "password": "aaaaaaaa"},
    {"id": 5, "password": 'pa ss"wö\\rd'},
    {"id": 6, "stream": "rtsp://u:p@h/" * 3},
    {"id": 7, "ip": "fe80::1:2"},
    {"id": 8, "note": "rtsp://user:rtsp://user:x"},
    {"id": 9, "password": "a%41b&amp;c/home/"},
    {"id": 10, "ip": "cam.lab.example"},
    {"id": 11, "password": "[removed]x"},
    {"id": 12, "password": "removed]"},
]
MATCHER = Matcher(collect_secrets([("data/cameras.json", CAMERAS)]))
CLEANER = LabCleaner(MATCHER)
PIECES = [
    *(shape for shape in SHAPES.values() if shape != "\udcff"),
    *(str(value) for camera in CAMERAS for value in camera.values()),
    "192.0.2.7", "password", "pin", "token", "state", "value", "/home/x", "%68unter22x!", "\\u0068unter22x!",
    "&#104;unter22x!", "rtsp://", "u:p@", "h/", "1", "2", "[removed]", "pa+ss", "user",
]  # fmt: skip
TEXTS = st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 3)), max_size=12).map(
    lambda pieces: "".join(piece * times for piece, times in pieces)
)
KEYS = TEXTS | st.sampled_from(["name", "value", "state", "message", "pin_code", "other"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers(4700, 4720) | st.sampled_from(["pin", "a/token", "4711"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)


@given(TEXTS)
@example("removed] rtsp://u:p@h/rtsp://u:p@h/")
def test_a_text_is_clean_once_it_was_cleaned(text: str) -> None:
    """A text of any hostile pieces and parts of secrets is clean after one pass, and a second one changes nothing."""
    cleaned = CLEANER.text(text)
    assert MATCHER.find(cleaned.encode("utf-8", "surrogatepass")) == []
    assert CLEANER.text(cleaned) == cleaned


@pytest.mark.thorough
@given(VALUES, TEXTS, TEXTS)
@example({"other": "token", "state": "4711"}, "", "")
@example({"other": "zigbee2mqtt/pin_code", "message": 4711}, "", "")
def test_a_document_of_cleaned_values_is_clean(value: Any, notes: str, tag: str) -> None:
    """A document of cleaned values is clean, also if neighbouring values decide what is a secret."""
    cleaned = {"described": CLEANER.value(value, []), "notes": CLEANER.text(notes), "tags": [CLEANER.text(tag)]}
    assert MATCHER.find(to_json(cleaned)) == []


@pytest.mark.parametrize("password", ["removed]", "[removed", "[removed]"])
def test_what_stands_for_a_secret_is_none(password: str) -> None:
    """A password that is part of ``[removed]`` is not collected: it would be found wherever something was removed."""
    assert collect_secrets([("data/cameras.json", [{"id": 1, "password": password}])]).strong == ()
