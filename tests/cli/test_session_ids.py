"""Session IDs on the command line and in Python: numbers, UUIDs, IDs with spaces, IDs that begin alike."""

import json
import shlex
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcrate
from labcrate.errors import NoSessionError, UsageError
from labcrate.export.documents.datapackage import _slug
from labcrate.model.session import id_sort_key, is_session_id, json_id, normalize_id, resolve_id
from labcrate.plan.option_values import parse_session

if TYPE_CHECKING:
    from tests.conftest import Cli, LabBuilder

UUID = "7f9c24e5-1b1d-4c52-9d0e-5a8f0c3f7a11"
IDS = ["42", UUID, "P07", "P07-morning", "kitchen 2.1"]


@pytest.fixture
def mixed(lab: "LabBuilder") -> "LabBuilder":
    """Build a lab with sessions of every kind of id, each with a sensor file that contains its id."""
    lab.cameras("cam1")
    for session_id in IDS:
        lab.session(int(session_id) if session_id == "42" else session_id, name=f"The session {session_id}")
        lab.write(f"sessions/Session{session_id}/sensor_data/own.csv", f"session\n{session_id}\n")
    return lab


def test_every_session_is_listed_under_its_own_id(mixed: Any, cli: "Cli") -> None:
    """Numbers come first. In JSON an ID of digits is a number and any other a text; in Python all are texts."""
    rows = cli("sessions", "--json", "--lab", mixed.root).json
    assert [row["id"] for row in rows] == [42, UUID, "P07", "P07-morning", "kitchen 2.1"]
    assert [row.id for row in labcrate.Lab(mixed.root).sessions()] == IDS
    shown = cli("sessions", "--lab", mixed.root).out
    assert [line.split("  ")[0] for line in shown.splitlines()[1:]] == IDS


@pytest.mark.parametrize("session_id", IDS)
def test_a_session_is_exported_under_its_id(mixed: Any, cli: "Cli", tmp_path: Path, session_id: str) -> None:
    """Plan, file name, README, metadata, tables and log have the ID; the files are those of this session only."""
    as_json = 42 if session_id == "42" else session_id
    assert cli("plan", session_id, "--json", "--lab", mixed.root).json["session"] == as_json
    target = tmp_path / f"Session{session_id}.zip"
    assert cli("export", session_id, "-o", tmp_path, "--json", "--lab", mixed.root).json["file"] == str(target)
    with zipfile.ZipFile(target) as archive:
        assert archive.read("data/sensor_data/own.csv").decode() == f"session\n{session_id}\n"
        assert f"\nID         {session_id}\n" in archive.read("README.txt").decode()
        metadata = json.loads(archive.read("data/session_metadata.json"))
        assert metadata["session"]["id"] == as_json
        assert json.loads(archive.read("data/sensor_data/sensor_readings.json"))["sessionId"] == as_json
        crate = json.loads(archive.read("ro-crate-metadata.json"))
        assert f"session-{session_id}" in [entity.get("identifier") for entity in crate["@graph"]]
    with labcrate.open(target) as opened:
        assert opened.session.id == session_id
    lines = cli("log", "--session", session_id, "--json", "--lab", mixed.root).json
    assert [line["session"] for line in lines] == [as_json]


def test_python_takes_ids_and_ints(mixed: Any, tmp_path: Path) -> None:
    """An ID may be an int or a text; an invalid one is a UsageError, an unknown one a NoSessionError."""
    lab = labcrate.Lab(mixed.root)
    assert lab.plan(42).session.id == lab.plan("42").session.id == "42"
    assert lab.export(42, tmp_path).path.name == "Session42.zip"
    assert lab.plan("P07").session.name == "The session P07"
    for wrong in ("P07/../P07", "", "042", -1, "x."):
        with pytest.raises(UsageError, match="is not a session ID: an ID has 1 to 64 letters"):
            lab.plan(wrong)
    with pytest.raises(
        NoSessionError,
        match=r"no session p07 in this lab\. The lab's sessions: 42, .*, kitchen 2\.1\. The closest ID is P07\.",
    ):
        lab.plan("p07")


@pytest.mark.parametrize(
    ("given_as", "meant"),
    [("s42", "42"), ("S42", "42"), ("Session42", "42"), ("session42", "42"), ("SessionP07", "P07"), (" P07 ", "P07")],
)
def test_short_forms_of_a_known_id(mixed: Any, cli: "Cli", given_as: str, meant: str) -> None:
    """The forms in file names are accepted, unless they are IDs of their own; unknown forms are refused."""
    assert cli("plan", given_as, "--lab", mixed.root).out.startswith(f"Session {meant}: The session {meant}\n")
    mixed.session("s42", name="Another")
    if given_as == "s42":
        assert cli("plan", "s42", "--lab", mixed.root).out.startswith("Session s42: Another\n")
    assert cli("plan", "sP07", "--lab", mixed.root).code == 5


def test_commands_that_are_suggested_can_be_pasted(mixed: Any, cli: "Cli") -> None:
    """In suggested commands an ID with a space is quoted for the shell."""
    mixed.write("sessions/Sessionkitchen 2.1/recordings/notes.txt", "x")
    refused = cli("link", "kitchen 2.1", "recordings/none.mp4", "--lab", mixed.root)
    command = refused.err.partition("Use a name from the output of '")[2].partition("'.")[0]
    assert shlex.split(command) == ["labcrate", "plan", "kitchen 2.1"]


def test_ids_are_compared_in_one_composition(lab: Any, cli: "Cli") -> None:
    """A decomposed folder name of macOS and a composed ID are the same session."""
    lab.session("cafe\u0301", name="Decomposed")
    lab.write("sessions/Sessioncafe\u0301/sensor_data/own.csv", "a\n1\n")
    plan = cli("plan", "caf\u00e9", "--json", "--lab", lab.root).json
    assert plan["session"] == "caf\u00e9"
    assert "data/sensor_data/own.csv" in [member["name"] for member in plan["members"]]


@given(st.text(max_size=70))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    """An accepted text obeys the rule in its stored form; any other is a UsageError with the rule."""
    if not is_session_id(normalize_id(text.strip())):
        with pytest.raises(UsageError, match="an ID has 1 to 64 letters"):
            parse_session(text)
        return
    session_id = parse_session(text)
    assert is_session_id(session_id)
    assert parse_session(session_id) == session_id
    assert str(json_id(session_id)) == session_id


IDS_OF_ANY_KIND = st.one_of(
    st.integers(min_value=0, max_value=10**20).map(str),
    st.from_regex(r"[A-Za-z0-9é](?:[A-Za-z0-9é _.-]{0,20}[a-z0-9])?", fullmatch=True),
).filter(is_session_id)


@given(IDS_OF_ANY_KIND, st.sets(IDS_OF_ANY_KIND, max_size=5))
def test_a_known_id_always_means_itself(session_id: str, others: set[str]) -> None:
    """An existing ID is never read as the short form of another session's ID."""
    known = others | {session_id}
    assert resolve_id(session_id, known) == session_id
    assert resolve_id(f"Session{session_id}", known) in {session_id, f"Session{session_id}"} & known
    assert sorted(known, key=id_sort_key) == sorted(sorted(known), key=id_sort_key)


@given(IDS_OF_ANY_KIND)
def test_the_name_of_the_data_package_obeys_its_rule(session_id: str) -> None:
    """It has lower case, digits, dots, underscores and hyphens (Data Package v1, "name"); a number is unchanged."""
    slug = _slug(session_id)
    assert slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not session_id.isdecimal() or slug == session_id
