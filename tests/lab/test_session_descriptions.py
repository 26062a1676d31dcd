"""Labs with the platform's own files: which file describes which session, and what an invalid file excludes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labcrate.errors import DocumentError
from labcrate.lab.device_files import read_all_cameras
from labcrate.lab.registers import read_registers
from labcrate.lab.sessions import LabSessions, read_sessions
from labcrate.lab.text import NO_CLEANING
from labcrate.plan.inventory import read_inventory

UUID = "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11"
START = "2025-06-10T15:30:12.040Z"


def entry(session_id: Any, **fields: Any) -> dict[str, Any]:
    """Return a session as the platform writes it for a user: completed, without an end."""
    session = {"id": session_id, "userId": 2, "name": f"s{session_id}", "startTime": START, "endTime": None}
    return session | {"status": "completed", "notes": None, "tags": [], "metadata": {}} | fields


@pytest.fixture
def platform(lab: Any) -> Any:
    """Return a lab with two users, sessions keyed by id, a UUID session with its config.json, and its own list."""
    lab.json("data/sessions.json", [entry(1)])
    lab.json("data/user_2/sessions.json", {"7": entry(7), "8": entry(8, startTime="2025-06-10T18:30:12.040Z")})
    lab.json("data/user_3/sessions.json", {"P07-morning": entry("P07-morning", startTime="2025-06-11T06:00:00Z")})
    lab.json(
        f"sessions/Session{UUID}/config.json",
        {
            "id": UUID,
            "title": "visita",
            "startTime": "2025-06-11T08:00:00.000Z",
            "endTime": "2025-06-11T08:30:00.000Z",
            "devices": {"cameras": [{"id": 5}], "sensors": ["t-cocina"]},
            "participants": "P-05",
        },
    )
    lab.json(f"sessions/Session{UUID}/session_data.json", {"sessionId": UUID, "title": "visita", "sensors": {}})
    return lab


def sentences(book: LabSessions) -> list[str]:
    """Return the messages of all errors in the files."""
    return [str(error) for error in (*book.broken.values(), *book.problems)]


def test_all_places_and_forms_are_read(platform: Any) -> None:
    """Lists, objects keyed by id, users' files and config.json each give their sessions, with their user."""
    book = read_sessions(platform.open())
    assert list(book.sessions) == ["1", "7", "8", UUID, "P07-morning"]
    assert sentences(book) == []
    assert not book.unreadable_files
    assert [session.user for session in book.sessions.values()] == ["2", "2", "2", None, "3"]
    visit = book.sessions[UUID]
    assert (visit.name, visit.span.seconds) == ("visita", 1800)
    assert ([c.id for c in visit.cameras], [s.id for s in visit.sensors]) == (["5"], ["t-cocina"])
    assert visit.all_fields["participants"] == "P-05"
    assert visit.description_files == tuple(f"sessions/Session{UUID}/{n}" for n in ("session_data.json", "config.json"))
    assert book.sessions["7"].span.end is None


@pytest.mark.parametrize("empty", [{}, []])
def test_empty_files_describe_nothing(lab: Any, empty: Any) -> None:
    """An empty object and an empty list are files without sessions, not faults."""
    lab.json("data/sessions.json", empty)
    lab.json("data/user_2/sessions.json", empty)
    book = read_sessions(lab.open())
    assert (dict(book.sessions), sentences(book)) == ({}, [])


def test_each_field_comes_from_the_first_file_that_has_it(lab: Any) -> None:
    """The order is session_data.json, config.json, a user's file, the lab's list; empty fields count as missing."""
    lab.json("sessions/Session7/session_data.json", {"sessionId": 7, "title": "one", "notes": "", "metadata": {}})
    lab.json("sessions/Session7/config.json", {"id": 7, "name": "two", "description": "two", "tags": []})
    lab.json("data/user_2/sessions.json", {"7": entry(7, name="three", notes="three", description="x", tags=["t"])})
    lab.json(
        "data/sessions.json", [entry(7, name="four", endTime="2025-06-10T16:00:00Z", metadata={"researcher": "R."})]
    )
    session = read_sessions(lab.open()).sessions["7"]
    assert (session.name, session.description, session.notes, session.tags) == ("one", "two", "three", ("t",))
    assert session.span.end == datetime(2025, 6, 10, 16, tzinfo=UTC)
    assert session.researcher == "R."
    assert session.all_fields["name"] == "two"
    assert session.all_fields["title"] == "one"
    assert session.warnings == (
        "data/user_2/sessions.json and sessions/Session7/config.json differ in description and name; "
        "sessions/Session7/config.json is used.",
        "data/sessions.json and sessions/Session7/config.json differ in name; sessions/Session7/config.json is used.",
    )


def test_equal_times_in_different_notation_do_not_differ(lab: Any) -> None:
    """One instant in two notations is not a difference."""
    lab.json("data/user_2/sessions.json", {"7": entry(7)})
    lab.json("data/sessions.json", [entry(7, startTime="2025-06-10T17:30:12.040+02:00")])
    assert read_sessions(lab.open()).sessions["7"].warnings == ()


def test_two_users_describe_one_id_differently(platform: Any) -> None:
    """Only that id is refused, and both files are named; equal descriptions are not a conflict."""
    platform.json("data/user_4/sessions.json", {"7": entry(7, name="another"), "8": {**entry(8), "startTime": None}})
    platform.json("data/user_5/sessions.json", {"P07-morning": entry("P07-morning", startTime="2025-06-11T06:00:00Z")})
    book = read_sessions(platform.open())
    assert list(book.broken) == ["7", "8"]
    with pytest.raises(DocumentError) as caught:
        book.get("7")
    assert str(caught.value) == (
        "data/user_4/sessions.json, key 7: describes session 7 differently than data/user_2/sessions.json, key 7; "
        "two sessions cannot have the same ID. Change one of the IDs, or remove the wrong entry."
    )
    assert book.sessions["P07-morning"].user == "3"
    assert {"1", UUID} < book.sessions.keys()


def test_the_users_file_overrides_the_labs_list(platform: Any) -> None:
    """If data/sessions.json and a user's file differ, the user's file is used, with a warning."""
    platform.json("data/sessions.json", {"7": entry(7, name="another")})
    session = read_sessions(platform.open()).sessions["7"]
    assert session.name == "s7"
    assert "differ in name; data/user_2/sessions.json is used" in session.warnings[0]


def test_one_list_that_has_an_id_twice(lab: Any) -> None:
    """Two different entries with one id in one file are refused, and both places are named."""
    lab.json("data/sessions.json", [entry(1), entry(2), entry(2, name="b"), entry(1)])
    book = read_sessions(lab.open())
    assert list(book.sessions) == ["1"]
    assert "key [2]: describes session 2 differently than key [1] of the same file" in sentences(book)[0]


def test_a_key_and_an_id_that_differ(platform: Any) -> None:
    """The entry is refused by file and key; neither id can be used unless another file describes it."""
    platform.json("data/sessions.json", {"7": entry(70), "9": entry("10")})
    book = read_sessions(platform.open())
    assert list(book.broken) == ["9", "10", "70"]
    sentence = "data/sessions.json, key 7: the key is '7', but the ID in the entry is '70'; make them the same."
    assert str(book.broken["70"]) == sentence
    assert book.sessions["7"].warnings == (f"{sentence} The entry was ignored.",)


@pytest.mark.parametrize("bad", ["x/../../data", "..", "_a", "a.", "a ", "", "a" * 65, "a\x00", -1, "٤/"])
def test_an_invalid_id_excludes_its_session_alone(platform: Any, bad: Any) -> None:
    """File and key are named, no path is made from the id, and no file name with it is read as another session's."""
    platform.json("data/sessions.json", [entry(bad), entry(1)])
    book = read_sessions(platform.open())
    assert list(book.sessions) == ["1", "7", "8", UUID, "P07-morning"]
    assert len(sentences(book)) == 1
    assert sentences(book)[0].startswith("data/sessions.json, key [0]: ")
    assert "is not a session ID" in sentences(book)[0]
    assert book.invalid_ids == {str(bad)}
    assert str(bad) in book.known_ids
    assert not book.unreadable_files


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("text", "is not an object that describes a session"),
        ([], "is not an object that describes a session"),
        ({"name": "x"}, "the session has no ID"),
        ({"id": True}, "its ID is neither text nor a whole number"),
        ({"id": {"a": 1}}, "its ID is neither text nor a whole number"),
    ],
)
def test_an_entry_of_the_wrong_type_is_skipped(platform: Any, value: Any, what: str) -> None:
    """The other entries of that file are read."""
    platform.json("data/sessions.json", [value, entry(1)])
    book = read_sessions(platform.open())
    assert "1" in book.sessions
    assert f"data/sessions.json, key [0]: {what}" in sentences(book)[0]


def test_digits_with_a_leading_zero_are_no_id(platform: Any) -> None:
    """Such an entry or folder is not a session, not known, and not listed as invalid."""
    platform.json("data/sessions.json", {"042": entry("042")})
    (platform.root / "sessions/Session07").mkdir()
    book = read_sessions(platform.open())
    assert sentences(book) == []
    assert not {"042", "42", "07"} & book.known_ids


def test_a_folder_without_an_id_in_its_name(platform: Any) -> None:
    """It is a problem that names the folder, and not a session."""
    (platform.root / "sessions/Session_x").mkdir()
    book = read_sessions(platform.open())
    assert sentences(book)[0].startswith("sessions/Session_x: '_x' after Session is not a session ID: an ID has 1")
    assert "_x" not in book.sessions


BROKEN = {
    "half written": '{"7": {"id": 7, "na',
    "empty": "",
    "a text": '"sessions"',
    "not UTF-8": b'{"7": "\xff"}',
    "a number": "7",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("path", ["data/sessions.json", "data/user_2/sessions.json"])
def test_an_invalid_file_hides_no_session_of_another(platform: Any, path: str, content: bytes | str) -> None:
    """Sessions in other files can be used; the file is one problem of the lab, which every plan names."""
    platform.write(path, content)
    (platform.root / "sessions/Session7").mkdir()
    book = read_sessions(platform.open())
    assert book.unreadable_files
    assert len(book.problems) == 1
    assert book.problems[0].file == path
    others = {"1", "7", "8", UUID, "P07-morning"} - ({"1"} if path == "data/sessions.json" else {"8"})
    assert book.sessions.keys() == others
    for session in book.sessions.values():
        assert session.warnings == ()


@pytest.mark.parametrize("name", ["session_data.json", "config.json"])
@pytest.mark.parametrize("content", [*BROKEN.values(), "[]"])
def test_a_broken_file_in_a_sessions_folder_breaks_that_session_alone(
    platform: Any, name: str, content: bytes | str
) -> None:
    """The description in the list is not used instead."""
    platform.write(f"sessions/Session7/{name}", content)
    book = read_sessions(platform.open())
    assert list(book.broken) == ["7"]
    assert str(book.broken["7"]).startswith(f"sessions/Session7/{name}")
    assert not book.unreadable_files


def test_links_are_never_followed(platform: Any, tmp_path: Any) -> None:
    """A file, a user's folder or sessions/ that is a symbolic link is a problem, and nothing behind it is read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "sessions.json").write_text(json.dumps({"99": entry(99)}))
    (platform.root / "data/sessions.json").unlink()
    (platform.root / "data/sessions.json").symlink_to(outside / "sessions.json")
    (platform.root / "data/user_9").symlink_to(outside)
    (platform.root / "sessions").rename(outside / "moved")
    (platform.root / "sessions").symlink_to(outside / "moved")
    book = read_sessions(platform.open())
    assert book.unreadable_files
    assert sorted(error.file for error in book.problems) == ["data/sessions.json", "data/user_9", "sessions"]
    assert book.sessions.keys() == {"7", "8", "P07-morning"}


def test_the_id_of_a_folder_overrides_its_files(lab: Any) -> None:
    """If a session_data.json has a different id than its folder, the folder's id is used, with a warning."""
    lab.json("sessions/Session7/session_data.json", {"sessionId": "8", "name": "x"})
    session = read_sessions(lab.open()).sessions["7"]
    assert session.warnings == (
        "sessions/Session7/session_data.json has the ID 8; the ID in the folder's name, 7, is used.",
    )


def test_ids_are_compared_in_one_unicode_form(lab: Any) -> None:
    """A composed and a decomposed form of an id are one session."""
    lab.json("data/sessions.json", {"cafe\u0301": {"id": "caf\u00e9", "name": "x"}})
    assert read_sessions(lab.open()).sessions["caf\u00e9"].name == "x"


def test_the_next_start_counts_every_session_of_the_lab(platform: Any) -> None:
    """Invalid and broken sessions count as well; a session that starts at the same instant is not the next one."""
    book = read_sessions(platform.open())
    assert book.next_start("7") == datetime(2025, 6, 10, 18, 30, 12, 40000, tzinfo=UTC)
    assert book.same_start("7")  # session 1 of the list
    assert not book.same_start("8")
    platform.json("data/user_2/sessions.json", {"7": entry(7), "8": entry(9, startTime="2025-06-10T18:00:00Z")})
    assert read_sessions(platform.open()).next_start("7") == datetime(2025, 6, 10, 18, tzinfo=UTC)
    platform.json("data/user_2/sessions.json", {"7": entry(7), "x/y": entry("x/y", startTime=1749578400000)})
    assert read_sessions(platform.open()).next_start("7") == datetime(2025, 6, 10, 18, tzinfo=UTC)
    platform.json(
        "sessions/Session9/session_data.json",
        {"id": 9, "startTime": "2025-06-10T17:00:00Z", "endTime": "2025-06-10T16:00:00Z"},
    )
    book = read_sessions(platform.open())
    assert "9" in book.broken
    assert book.next_start("7") == datetime(2025, 6, 10, 17, tzinfo=UTC)
    earlier = ("50", datetime(2025, 6, 10, 16, tzinfo=UTC))
    assert book.next_start("7", others=[earlier]) == earlier[1]
    assert book.next_start("50", earlier[1], [earlier]) == datetime(2025, 6, 10, 17, tzinfo=UTC)
    assert book.next_start("unknown") is None


def test_texts_are_unchanged_without_cleaning(platform: Any) -> None:
    """Without cleaning, every text and key is unchanged, for callers that remove secrets themselves."""
    notes = "rtsp://a:Not-For-Export-7@192.0.2.40/live; firmware 2.10.3.1"
    platform.json("data/user_2/sessions.json", {"7": entry(7, notes=notes, metadata={"userExperience": "media"})})
    session = read_sessions(platform.open(), cleaning=NO_CLEANING).sessions["7"]
    assert session.notes == notes
    assert session.all_fields["metadata"] == {"userExperience": "media"}
    assert session.removed_keys == ()
    assert "Not-For-Export-7" not in repr(read_inventory(platform.open()).session("7"))


def test_messages_contain_no_control_characters(lab: Any) -> None:
    """Whatever keys, ids and folder names contain, messages are on one line and move no cursor."""
    odd = "\x1b[2J\n\u202e" + "x" * 500
    lab.json("data/sessions.json", {odd: {"id": odd}, "7": {"id": odd}})
    lab.json("data/recordings.json", {odd: {"filePath": None}})
    lab.json("data/cameras.json", {odd: {"name": 7}})
    (lab.root / f"sessions/Session_\x1b{chr(0xDCFF)}").mkdir()
    opened = lab.open()
    messages = [*sentences(read_sessions(opened)), *map(str, read_all_cameras(opened)[1])]
    messages += map(str, read_registers(opened).problems)
    assert len(messages) == 5
    for sentence in messages:
        assert sentence.isprintable()
        assert len(sentence) < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "sessionId", "name", "startTime", "devices", "metadata", "selectedDevices", "cameras", "7"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.thorough
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, JSON, JSON)
def test_any_content_of_other_files(lab: Any, user: Any, config: Any, listed: Any) -> None:
    """With any JSON in the other files, session S1 is as its own file describes it, and nothing crashes."""
    lab.json("sessions/SessionS1/session_data.json", {"id": "S1", "name": "sound", "startTime": START})
    lab.json("data/user_2/sessions.json", user)
    lab.json("sessions/Session2/config.json", config)
    lab.json("data/sessions.json", listed)
    book = read_sessions(lab.open())
    session = book.get("S1")
    assert session is not None
    assert (session.name, session.span.start) == ("sound", datetime(2025, 6, 10, 15, 30, 12, 40000, tzinfo=UTC))
    assert "2" in book.sessions.keys() | book.broken.keys()
