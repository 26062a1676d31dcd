"""No reading that may belong to another session is included, whatever sessions a lab has."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.export.prepare import prepare_archive
from labcrate.lab.folder import LabFolder

BEGIN = datetime(2025, 6, 10, tzinfo=UTC)
TOPIC = "zigbee2mqtt/door"
MINUTES = st.integers(0, 40 * 60)

SESSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "start": st.none() | MINUTES,
            "length": st.none() | st.integers(0, 600),
            "recordings": st.lists(st.integers(-60, 1800), max_size=3),
            "file": st.sampled_from(["list", "user", "folder", "none"]),
        }
    ),
    min_size=1,
    max_size=4,
)


def at(minutes: int) -> datetime:
    """Return the instant so many minutes after the beginning."""
    return BEGIN + timedelta(minutes=minutes)


def build(root: Path, sessions: list[dict[str, Any]]) -> None:
    """Write a lab with these sessions and a reading every ten minutes of four days."""
    for folder in ("recordings", "data/user_1", "sessions"):
        (root / folder).mkdir(parents=True)
    cameras = {"1": {"id": 1, "name": "hall", "recordingPrefix": "hall"}}
    (root / "data/cameras.json").write_text(json.dumps(cameras))
    described: dict[str, list[dict[str, Any]]] = {"list": [], "user": []}
    for number, session in enumerate(sessions, 1):
        start, length = session["start"], session["length"]
        value = {
            "id": number,
            "startTime": None if start is None else at(start).isoformat(),
            "endTime": None if start is None or length is None else at(start + length).isoformat(),
        }
        if session["file"] == "folder":
            (root / f"sessions/Session{number}").mkdir()
            (root / f"sessions/Session{number}/session_data.json").write_text(json.dumps(value))
        elif session["file"] != "none":
            described[session["file"]].append(value)
        for minutes in session["recordings"]:
            name = f"hall_session{number}_{at((start or 0) + minutes):%Y%m%dT%H%M%SZ}.mp4"
            (root / "recordings" / name).write_bytes(b"no video")
    (root / "data/sessions.json").write_text(json.dumps(described["list"]))
    (root / "data/user_1/sessions.json").write_text(json.dumps({str(one["id"]): one for one in described["user"]}))
    messages = [{"timestamp": at(m).isoformat(), "payload": {"contact": True}} for m in range(-120, 4 * 1440, 10)]
    (root / "data/zigbee-data.json").write_text(json.dumps({"messages": {TOPIC: messages}}))


def starts(sessions: list[dict[str, Any]]) -> dict[int, datetime]:
    """Return when each session began: as described, else with its first recording."""
    found = {}
    for number, session in enumerate(sessions, 1):
        if session["file"] == "none":
            if session["recordings"]:
                found[number] = at((session["start"] or 0) + min(session["recordings"]))
        elif session["start"] is not None:
            found[number] = at(session["start"])
    return found


@settings(max_examples=rounds(15, 60))
@given(SESSIONS)
def test_no_reading_lies_outside_the_session_bound(sessions: list[dict[str, Any]]) -> None:
    """A described span has exactly its readings; an open one ends with its last recording.

    It ends before the next session begins and within a day; without a start or evidence it has no readings.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lab"
        build(root, sessions)
        began = starts(sessions)
        for number, session in enumerate(sessions, 1):
            if session["file"] == "none" and not session["recordings"]:
                continue  # nothing tells of it
            with prepare_archive(LabFolder(root), str(number), with_fixity=False) as assembly:
                taken = assembly.plan.readings.frame["timestamp"].to_list()
            start = began.get(number)
            described_end = session["file"] != "none" and session["start"] is not None and session["length"] is not None
            if start is None:
                assert taken == []
                continue
            ends = [at((session["start"] or 0) + minutes) for minutes in session["recordings"]]
            if described_end:
                end = start + timedelta(minutes=session["length"])
            else:
                later = [one for one in ends if one >= start]
                end = min(max(later), start + timedelta(hours=24)) if later else start - timedelta(microseconds=1)
                following = [one for other, one in began.items() if other != number and one > start]
                if following and end >= min(following):
                    end = min(following) - timedelta(microseconds=1)
            expected = [one for m in range(-120, 4 * 1440, 10) if start <= (one := at(m)) <= end]
            assert taken == expected
