"""Registers of recordings: those of the platform, and those of labcrate link."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labcrate.lab.registers import RegisteredRecording, read_registers
from labcrate.lab.session_register import LinkedFile, encode_entry, encode_register, read_session_register

NAME = "c05_session7-2025-06-10T15-30-14-655Z.mp4"
FOLDER = "sessions/Session7"


def entry(**fields: Any) -> dict[str, Any]:
    """Return an entry as the platform writes it."""
    return {
        "id": 31,
        "cameraId": 5,
        "sessionId": 7,
        "filePath": f"/app/recordings/{NAME}",
        "startTime": "2025-06-10T15:30:14.655Z",
        "endTime": "2025-06-10T15:30:16.700Z",
        "status": "completed",
        "title": None,
        "tags": [],
        **fields,
    }


def test_an_entry_in_full(lab: Any) -> None:
    """Base name, session, camera, times, state and user are read; the path on the other machine is not."""
    lab.json("data/user_2/recordings.json", {"31": entry()})
    start, end = (datetime(2025, 6, 10, 15, 30, *second, tzinfo=UTC) for second in ((14, 655000), (16, 700000)))
    expected = RegisteredRecording("data/user_2/recordings.json", "31", NAME, "7", "5", start, end, "completed", "2")
    registers = read_registers(lab.open())
    assert (registers.recordings, registers.problems, registers.assumed_utc) == ((expected,), (), False)
    assert "/app" not in repr(registers)


@pytest.mark.parametrize(
    ("path", "name"),
    [("C:\\videos\\a.mp4", "a.mp4"), ("a.mp4", "a.mp4"), ("/x/y\\b.mp4", "b.mp4"), ("\\\\nas\\z/c.mp4", "c.mp4")],
)
def test_base_names_of_every_system(lab: Any, path: str, name: str) -> None:
    """Both slashes and backslashes separate folders."""
    lab.json("data/recordings.json", [entry(filePath=path)])
    assert [one.name for one in read_registers(lab.open()).recordings] == [name]


def test_missing_and_null_fields_are_unknown(lab: Any) -> None:
    """Only the path is required; a session's id that is missing, null or empty is unknown, and not a fault."""
    bare = {"filePath": "a.mp4"}
    lab.json("data/recordings.json", {"1": bare, "2": {**bare, "sessionId": None, "startTime": None, "cameraId": ""}})
    registers = read_registers(lab.open())
    assert registers.recordings == tuple(
        RegisteredRecording("data/recordings.json", key, "a.mp4") for key in ("1", "2")
    )
    assert registers.problems == ()


def test_a_fault_excludes_its_field_and_is_reported_once(lab: Any) -> None:
    """An invalid time or id leaves the other fields in use; equal faults of a file are one problem."""
    lab.json(
        "data/recordings.json",
        {
            "1": entry(startTime="yesterday"),
            "2": entry(startTime=7),
            "3": entry(sessionId="x/../../data"),
            "4": entry(sessionId="007"),
            "5": entry(startTime="2025-06-10T16:00:00Z"),
            "6": entry(filePath=None),
            "7": "text",
        },
    )
    registers = read_registers(lab.open())
    assert [(e.key, e.session_id, e.start is None, e.end is None) for e in registers.recordings] == [
        ("1", "7", True, False),
        ("2", "7", True, False),
        ("3", None, False, False),
        ("4", None, False, False),
        ("5", "7", True, True),
    ]
    assert registers.invalid_ids == {"x/../../data"}
    assert not registers.has_unreadable_file
    sentences = sorted(str(problem) for problem in registers.problems)
    assert len(sentences) == 5
    assert sentences[0] == (
        "data/recordings.json, key 1: the entry has an invalid time, which is not used; "
        "write it as 2025-05-02T19:40:00Z. 1 more entry has the same problem."
    )


def test_times_without_a_zone(lab: Any) -> None:
    """They are read in the lab's zone; without one they are read as UTC, which is reported."""
    lab.json("data/recordings.json", [entry(startTime="2025-06-10T15:30:14", endTime=None)])
    assert read_registers(lab.open()).assumed_utc
    madrid = read_registers(lab.open(), zone="Europe/Madrid")
    assert madrid.recordings[0].start == datetime(2025, 6, 10, 13, 30, 14, tzinfo=UTC)
    assert not madrid.assumed_utc


@pytest.mark.parametrize("content", ['{"1": {"filePath": "a', "", "7", b'{"1": "\xff"}'])
def test_a_broken_register_leaves_the_others(lab: Any, content: Any) -> None:
    """It is one problem that names the file; the other registers are read."""
    lab.write("data/recordings.json", content)
    lab.json("data/user_2/recordings.json", {"31": entry()})
    registers = read_registers(lab.open())
    assert registers.has_unreadable_file
    assert [problem.file for problem in registers.problems] == ["data/recordings.json"]
    assert [one.key for one in registers.recordings] == ["31"]


@pytest.mark.thorough
def test_a_register_of_a_hundred_thousand_recordings(lab: Any) -> None:
    """Each of very many entries is read, and the invalid ones among them are found."""
    lab.json("data/recordings.json", {str(i): entry(sessionId=i % 300 or "x/") for i in range(100_000)})
    registers = read_registers(lab.open())
    assert len(registers.recordings) == 100_000
    assert sum(one.session_id == "7" for one in registers.recordings) == 334
    (problem,) = registers.problems
    assert str(problem).endswith(" 333 more entries have the same problem.")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ENTRIES = st.dictionaries(
    st.sampled_from(["filePath", "sessionId", "cameraId", "startTime", "endTime", "status"]),
    SCALARS | st.lists(SCALARS, max_size=2),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=3), ENTRIES | SCALARS, max_size=4) | st.lists(ENTRIES | SCALARS, max_size=4))
def test_any_content_of_a_register(lab: Any, value: Any) -> None:
    """With any values in other entries, valid entries of the same file are read; the rest is a problem or unknown."""
    sound = {**value, "sound": entry()} if isinstance(value, dict) else [*value, entry()]
    lab.json("data/recordings.json", sound)
    registers = read_registers(lab.open())
    assert registers.recordings[-1].name == NAME
    assert registers.recordings[-1].session_id == "7"


LINKED = st.builds(
    LinkedFile,
    st.sampled_from(["", "nvr"]),
    st.lists(st.text("abc é.-", min_size=1).filter(lambda part: part not in (".", "..")), min_size=1).map("/".join),
    st.integers(0, 2**62),
    st.integers(-(2**63), 2**63),
    st.none() | st.text("0123456789", min_size=1),
    st.none() | st.just(datetime(2025, 5, 3, 9, tzinfo=UTC)),
)


@pytest.mark.thorough
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINKED, unique_by=lambda one: (one.folder, one.file)))
def test_links_are_read_as_written(lab: Any, files: list[LinkedFile]) -> None:
    """An entry that labcrate link writes is read unchanged, to the nanosecond."""
    lab.write(f"{FOLDER}/recordings.json", encode_register([encode_entry(one) for one in files]))
    register = read_session_register(lab.open(), FOLDER)
    assert (register.files, register.problems) == (tuple(files), ())


def links(**fields: Any) -> dict[str, Any]:
    """Return a register with one changed entry and one valid entry."""
    sound = {"file": "a.mp4", "sizeBytes": 1, "modifiedNs": "5"}
    return {"writtenBy": "labcrate link", "recordings": [{**sound, "file": "b.mp4", **fields}, sound]}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"file": "../b.mp4"}, "recordings[0].file"),
        ({"file": "/etc/passwd"}, "recordings[0].file"),
        ({"file": "a//b"}, "recordings[0].file"),
        ({"file": "a\u0000"}, "recordings[0].file"),
        ({"file": None}, "recordings[0].file"),
        ({"modifiedNs": "1e9"}, "recordings[0].modifiedNs"),
        ({"modifiedNs": "9" * 5000}, "recordings[0].modifiedNs"),
        ({"sizeBytes": "big"}, "recordings[0].sizeBytes"),
        ({"linkedAt": "soon"}, "recordings[0].linkedAt"),
    ],
)
def test_an_invalid_link_is_skipped(lab: Any, fields: dict[str, Any], where: str) -> None:
    """An entry never leads to a path outside its folder; the other entries are read."""
    lab.json(f"{FOLDER}/recordings.json", links(**fields))
    register = read_session_register(lab.open(), FOLDER)
    assert [one.file for one in register.files] == ["a.mp4"]
    assert [problem.where for problem in register.problems] == [f"key {where}"]


@pytest.mark.parametrize(
    "content", ['{"writtenBy": "labcrate link", "recordings"', "", '{"writtenBy": "labcrate link"}']
)
def test_a_broken_register_of_a_session_is_one_problem(lab: Any, content: str) -> None:
    """A half-written list of links is named by its file."""
    lab.write(f"{FOLDER}/recordings.json", content)
    register = read_session_register(lab.open(), FOLDER)
    assert register.files == ()
    assert [problem.file for problem in register.problems] == [f"{FOLDER}/recordings.json"]


def test_another_programs_file_links_nothing(lab: Any) -> None:
    """A recordings.json of another program is not a list of links and not a fault; a missing one is not, either."""
    assert read_session_register(lab.open(), FOLDER).problems == ()
    for value in ({"31": entry()}, [entry()], 7, {"writtenBy": "another", "recordings": []}):
        lab.write(f"{FOLDER}/recordings.json", json.dumps(value))
        register = read_session_register(lab.open(), FOLDER)
        assert (register.files, register.problems) == ((), ())
