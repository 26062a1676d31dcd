"""Texts over 1 MB in the lab's files: only their own session or entry is refused."""

import json
from typing import Any

import pytest

from labcrate.errors import DocumentError
from labcrate.lab.device_files import read_all_cameras
from labcrate.lab.json_file import MAX_TEXT_BYTES
from labcrate.lab.sessions import read_sessions

LONG = "x" * (MAX_TEXT_BYTES + 1)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"notes": LONG}, "key notes"), ({"metadata": {"a": [{"b": "é" * 600_000}]}}, "key metadata.a[0].b"),
        ({"k" * 1_100_000: 1}, "key kkkk"), ({"tags": ["a", LONG]}, "key tags[1]"),
    ],
)  # fmt: skip
def test_a_text_over_a_megabyte_excludes_its_session_alone(lab: Any, fields: dict[str, Any], place: str) -> None:
    """The message names file, key, length, rule and remedy; all other sessions can be used."""
    lab.session(1, **fields)
    lab.session(2, notes="y" * MAX_TEXT_BYTES)
    book = read_sessions(lab.open())
    assert list(book.sessions) == ["2"]
    with pytest.raises(DocumentError, match="more than the 1 MB allowed; shorten it") as caught:
        book.get("1")
    assert place in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_long_text_excludes_its_entry_alone(lab: Any) -> None:
    """In a list of all sessions or cameras, the entry with the long text is refused and the others are read."""
    lab.write("data/sessions.json", json.dumps([{"id": 1, "notes": LONG}, {"id": 2, "notes": "short"}]))
    lab.write("data/cameras.json", json.dumps([{"id": 1, "name": LONG}, {"id": 2, "name": "hall"}]))
    book = read_sessions(lab.open())
    assert "data/sessions.json, key [0].notes: has 1.00 MB of text" in str(book.broken["1"])
    assert "2" in book.sessions
    cameras, problems = read_all_cameras(lab.open())
    assert [camera.id for camera in cameras] == ["2"]
    assert "data/cameras.json, key [0].name" in str(problems[0])
