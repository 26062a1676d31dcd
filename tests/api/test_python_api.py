"""The Python API: the same answers and archives as the command line, and archives read without unpacking."""

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.values import replace

import labcrate
from labcrate import errors
from labcrate.api.tables import read_table

PAGE = Path(__file__).parents[2] / "docs/reference/python-api.md"
METADATA = "data/session_metadata.json"
INSTANT = pl.Datetime("us", "UTC")


@pytest.fixture
def exported(usual_lab: Any, tmp_path: Path) -> labcrate.Export:
    """Return the usual lab's session 42 as a ZIP."""
    return labcrate.Lab(usual_lab.root).export(42, tmp_path / "out.zip")


@pytest.fixture
def archive(exported: labcrate.Export) -> Iterator[labcrate.Archive]:
    """Yield the same archive, open."""
    with labcrate.open(exported.path) as opened:
        yield opened


def test_the_page_documents_every_public_name_and_no_other() -> None:
    """Each name of the package has a heading of its own in the reference, and each heading is a name that exists."""
    headings = re.findall(r"^##+ `labcrate\.(\w+)`$", PAGE.read_text("utf-8"), re.M)
    assert sorted(headings) == sorted(labcrate.__all__)
    assert set(labcrate.__all__) <= set(dir(labcrate))
    assert all(getattr(labcrate, name) is not None for name in labcrate.__all__)


@pytest.mark.parametrize("name", [n for n in labcrate.__all__ if isinstance(getattr(labcrate, n), type)])
def test_the_page_documents_every_public_attribute(name: str) -> None:
    """What a public class offers is named in the section of that class."""
    cls = getattr(labcrate, name)
    declared = {attribute for base in cls.__mro__ if base.__module__.startswith("labcrate") for attribute in vars(base)}
    (section,) = re.findall(
        rf"^##+ `labcrate\.{name}`\n(.*?)(?=^##+ `labcrate\.|^## |\Z)", PAGE.read_text(), re.M | re.S
    )
    seen = set(re.findall(r"\w+", section))
    assert {a for a in declared if not a.startswith("_") and a != "of"} - seen == set()


def test_the_page_documents_every_error() -> None:
    """Each class of error is in the reference's table."""
    classes = {
        value.__name__
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert classes - set(re.findall(r"\w+", PAGE.read_text())) == set()


def test_importing_the_package_imports_nothing_else() -> None:
    """``import labcrate`` loads no room and no library; a name loads what it needs when it is used."""
    script = "import sys; before = set(sys.modules); import labcrate; print(*sorted(set(sys.modules) - before))"
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in outcome.stdout.split()} <= {"labcrate", "importlib", "warnings"}
    assert [name for name in outcome.stdout.split() if name.startswith("labcrate.")] == []


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """The lazy names leave Python's own error for a misspelt one."""
    with pytest.raises(AttributeError, match="'labcrate' has no attribute 'exprt'"):
        getattr(labcrate, "exprt")  # noqa: B009 - spelt so that type checkers do not see it


def test_sessions_and_plan_are_those_of_the_command_line(usual_lab: Any, cli: Any) -> None:
    """Python and the command line have the same sessions, members, reasons and size."""
    lab = labcrate.Lab(str(usual_lab.root))
    seen = cli("sessions", "--lab", usual_lab.root, "--json").json
    assert [(r.id, r.name, r.recordings, r.size_bytes) for r in lab.sessions()] == [
        (str(r["id"]), r["name"], r["recordings"], r["sizeBytes"]) for r in seen
    ]
    plan, as_json = lab.plan(42), cli("plan", "42", "--lab", usual_lab.root, "--json").json
    assert (plan.size_bytes, str(plan.state)) == (as_json["sizeBytes"], as_json["state"])
    assert [part.name for part in plan.members] == [member["name"] for member in as_json["members"]]
    assert [n.source for n in plan.near_misses] == [n["file"] for n in as_json["nearMisses"]]
    assert list(plan.warnings) == as_json["warnings"]


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        ({"pad": "1s"}, ["--pad", "1s"]),
        ({"pad": timedelta(seconds=1)}, ["--pad", "1s"]),
        ({"all_readings": True, "workers": 1}, ["--readings", "all", "--workers", "1"]),
        ({"base_topic": "zigbee2mqtt/hall"}, ["--base-topic", "zigbee2mqtt/hall"]),
    ],
)
def test_export_is_that_of_the_command_line(
    usual_lab: Any, cli: Any, tmp_path: Path, options: dict[str, Any], arguments: list[str]
) -> None:
    """The same options give the same bytes and the same account; the plan knew the size."""
    lab = labcrate.Lab(usual_lab.root)
    done = lab.export(42, tmp_path / "api.zip", **options)
    as_json = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "cli.zip", "--json", *arguments).json
    data = (tmp_path / "api.zip").read_bytes()
    assert data == (tmp_path / "cli.zip").read_bytes()
    assert done.size_bytes == len(data) == lab.plan(42, **options).size_bytes
    assert (done.etag, str(done.state), done.recordings, done.readings, list(done.warnings)) == (
        as_json["etag"], as_json["state"], as_json["recordings"], as_json["readings"], as_json["warnings"],
    )  # fmt: skip


def test_where_the_zip_goes(usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder gets a file named for the session, the current one by default; a file is not replaced unless forced."""
    monkeypatch.chdir(tmp_path)
    lab = labcrate.Lab(usual_lab.root)
    assert lab.export(42).path == Path("Session42.zip")
    with pytest.raises(errors.TargetError, match="already exists"):
        lab.export(42, tmp_path)
    (tmp_path / "Session42.zip").write_text("replace me")
    assert lab.export(42, tmp_path, force=True).path == tmp_path / "Session42.zip"
    with pytest.raises(errors.TargetError, match="no folder"):
        lab.export(42, "nowhere/")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Session42.zip", "lab"]


def test_a_target_that_cannot_be_written_is_known_before_anything_is_read(usual_lab: Any, tmp_path: Path) -> None:
    """Hours of hashing are not spent on a file that would then be refused."""
    (tmp_path / "out.zip").write_text("mine")
    calls: list[str] = []
    with pytest.raises(errors.TargetError):
        labcrate.Lab(usual_lab.root).export(42, tmp_path / "out.zip", progress=lambda *call: calls.append(call[0]))
    assert (calls, (tmp_path / "out.zip").read_text()) == ([], "mine")


def test_what_is_not_there_or_not_whole_is_an_error_of_its_class(usual_lab: Any, tmp_path: Path) -> None:
    """No lab, no session, an active session and an impossible pad raise what the page says, and write nothing."""
    with pytest.raises(errors.NoLabError):
        labcrate.Lab(tmp_path / "nowhere")
    lab = labcrate.Lab(usual_lab.root)
    with pytest.raises(errors.NoSessionError, match="The closest ID is 42"):
        lab.plan(41)
    for pad in (timedelta(seconds=-1), "soon"):
        with pytest.raises(errors.UsageError):
            lab.plan(42, pad=pad)
    usual_lab.session(42, status="active", endTime=None)
    with pytest.raises(errors.IncompleteError):
        lab.export(42, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
    done = lab.export(42, tmp_path / "out.zip", allow_incomplete=True)
    assert done.state is labcrate.State.INCOMPLETE
    assert [missing.what for missing in done.missing] == ["Session 42"]


def test_progress_counts_every_byte_once(usual_lab: Any, tmp_path: Path) -> None:
    """Each stage grows to its total: the recordings' bytes in indexing, the archive's in packing and verifying."""
    calls: list[tuple[str, int, int]] = []
    done = labcrate.Lab(usual_lab.root).export(42, tmp_path / "out.zip", progress=lambda *call: calls.append(call))
    with labcrate.open(done.path) as archive:
        report = archive.verify(lambda *call: calls.append(call))
    totals = {"indexing": 2 * len(usual_lab.clip), "packing": done.size_bytes, "verifying": report.bytes}
    for stage, total in totals.items():
        counted = [bytes_done for name, bytes_done, all_bytes in calls if name == stage and all_bytes == total]
        assert counted == sorted(counted)
        assert counted[-1] == total
    assert len(calls) == sum(name in totals for name, *_ in calls)


@pytest.mark.parametrize("stage", ["indexing", "packing"])
def test_an_exception_from_progress_stops_the_export(usual_lab: Any, tmp_path: Path, stage: str) -> None:
    """Whatever the callback raises comes out, and neither a ZIP nor a part of one is left."""

    class EnoughError(Exception):
        pass

    def stop(name: str, _: int, __: int) -> None:
        if name == stage:
            raise EnoughError

    with pytest.raises(EnoughError):
        labcrate.Lab(usual_lab.root).export(42, tmp_path / "out.zip", progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["lab"]


def test_the_session_of_an_archive_is_that_of_the_lab(usual_lab: Any, archive: labcrate.Archive) -> None:
    """Every field comes back as the plan has it, and the archive's state and warnings with it.

    But for cameras' names as the lab's files write them, of which an archive has the cleaned ones alone.
    """
    plan = labcrate.Lab(usual_lab.root).plan(42)
    cameras = tuple(replace(camera, raw_name=None) for camera in plan.session.cameras)
    expected = replace(plan.session, cameras=cameras, warnings=())
    assert [camera.name for camera in cameras] == ["Camera 1", None]
    for name in labcrate.Session.__struct_fields__:
        assert getattr(archive.session, name) == getattr(expected, name), name
    assert (archive.state, archive.warnings) == (plan.state, plan.warnings)
    assert archive.metadata["formatVersion"] == 3
    assert archive.members == tuple(part.name for part in plan.members)


def test_frames_hold_what_the_tables_say(exported: labcrate.Export, archive: labcrate.Archive) -> None:
    """Rows and columns are those of the CSVs, times are instants in UTC, numbers numbers, truth values truth values."""
    with zipfile.ZipFile(exported.path) as file:
        rows = list(csv.DictReader(io.StringIO(file.read("data/zigbee-sensors.csv").decode())))
    readings = archive.readings
    assert readings.columns == list(rows[0])
    assert readings.schema["timestamp"] == INSTANT
    assert readings["payload"].to_list() == [row["payload"] for row in rows]
    assert readings["timestamp"][0] == datetime(2025, 5, 2, 8, 0, tzinfo=UTC)
    assert readings["temperature"].to_list() == [None, 21.5, None]
    assert readings["contact"].to_list() == [False, None, True]
    recordings = archive.recordings
    assert recordings["file"].to_list() == ["recordings/any.mp4", "recordings/cam1_session42_a.mp4"]
    assert (recordings.schema["start"], recordings.schema["size_bytes"]) == (INSTANT, pl.Int64())
    assert recordings["readable"].to_list() == [True, True]
    assert (recordings["end"] - recordings["start"]).to_list() == [timedelta(seconds=2)] * 2
    long = archive.table("data/sensor_data/sensor_readings.csv")
    assert long.filter(property="temperature")["value"].to_list() == ["21.5"]


def test_a_session_without_anything_has_empty_frames_of_the_same_types(lab: Any, tmp_path: Path) -> None:
    """With no recording and no reading the columns and types are there all the same."""
    lab.session(1)
    with labcrate.open(labcrate.Lab(lab.root).export(1, tmp_path / "out.zip").path) as archive:
        assert (archive.recordings.height, archive.readings.height) == (0, 0)
        assert archive.recordings.schema["start"] == INSTANT
        assert archive.readings.schema["temperature"] == pl.Float64()


def test_a_recording_opens_in_place(usual_lab: Any, archive: labcrate.Archive, tmp_path: Path) -> None:
    """A recording reads, seeks and plays out of the ZIP, and nothing is unpacked anywhere."""
    before = sorted(tmp_path.rglob("*"))
    with archive.open("recordings/any.mp4") as file:
        assert file.read() == usual_lab.clip
        assert file.seek(-16, io.SEEK_END) == len(usual_lab.clip) - 16
        assert file.read() == usual_lab.clip[-16:]
        file.seek(0)
        with av.open(file, mode="r") as video:
            assert len(list(video.decode(video=0))) > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_member_behaves_as_a_file_does(archive: labcrate.Archive, usual_lab: Any) -> None:
    """Any sequence of seeks and reads gives what the same bytes in memory give."""
    steps = st.lists(st.tuples(st.integers(-90_000, 90_000), st.sampled_from([0, 1, 2]), st.integers(-1, 70_000)))

    @given(steps)
    def same(sequence: list[tuple[int, int, int]]) -> None:
        memory = io.BytesIO(usual_lab.clip)
        with archive.open("recordings/any.mp4") as file:
            for offset, whence, count in sequence:
                base = (0, memory.tell(), len(usual_lab.clip))[whence]
                if base + offset < 0:
                    with pytest.raises((ValueError, OSError)):
                        file.seek(offset, whence)
                    continue
                assert file.seek(offset, whence) == memory.seek(offset, whence)
                assert file.read(count) == memory.read(count)

    same()


def test_what_was_taken_survives_the_archive(exported: labcrate.Export, usual_lab: Any) -> None:
    """A file that was opened before close stays readable; the archive itself says that it is closed."""
    archive = labcrate.open(exported.path)
    file = archive.open("recordings/any.mp4")
    archive.close()
    archive.close()
    with file:
        assert file.read() == usual_lab.clip
    with pytest.raises(ValueError, match="closed"):
        archive.open("recordings/any.mp4")
    with pytest.raises(ValueError, match="closed"):
        _ = archive.readings


def test_names_that_are_not_there(archive: labcrate.Archive) -> None:
    """A member or table that does not exist is an invalid argument; the error lists the tables."""
    with pytest.raises(errors.UsageError, match=r"There is no recordings/other.mp4 in out.zip"):
        archive.open("recordings/other.mp4")
    with pytest.raises(errors.UsageError, match=r"data/recordings.csv"):
        archive.table("README.txt")


def test_verify_names_what_was_altered(exported: labcrate.Export, usual_lab: Any) -> None:
    """An archive as exported has no findings; a flipped byte of a recording is one that names it."""
    with labcrate.open(exported.path) as archive:
        assert archive.verify().findings == ()
    data = bytearray(exported.path.read_bytes())
    data[data.index(usual_lab.clip[-64:])] ^= 1
    exported.path.write_bytes(data)
    with labcrate.open(exported.path) as archive:
        found = archive.verify().findings
    assert {(finding.kind, finding.member) for finding in found} == {("altered", "recordings/any.mp4")}


def repacked(source: Path, target: Path, method: int = zipfile.ZIP_STORED, **changed: bytes | None) -> Path:
    """Return the archive with some members changed or left out (None), written by another program."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for name in old.namelist():
            content = changed.get(name.rpartition("/")[2].partition(".")[0], old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"formatVersion": 4},
            r"changed.zip has format version 4, and this labcrate reads versions up to 3: update labcrate",
        ),
        ({"format": "another"}, r"changed.zip is not a session archive of labcrate"),
        ({"formatVersion": None}, r"changed.zip is not a session archive of labcrate"),
        ({"session": {"id": "x/y"}}, r"changed.zip is damaged at data/session_metadata.json"),
        ({"state": "mostly"}, r"changed.zip is damaged at data/session_metadata.json"),
    ],
)
def test_metadata_that_cannot_be_read_here(
    exported: labcrate.Export, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """A newer format version says to update; another format, and metadata that make no sense, say so."""
    with zipfile.ZipFile(exported.path) as file:
        metadata = json.loads(file.read(METADATA)) | change
    changed = repacked(exported.path, tmp_path / "changed.zip", session_metadata=json.dumps(metadata).encode())
    with pytest.raises(errors.VerificationError, match=message):
        labcrate.open(changed)


def test_foreign_files_are_distinguished_from_damaged_archives(exported: labcrate.Export, tmp_path: Path) -> None:
    """Text, a foreign ZIP, half an archive, a compressed one and garbled JSON each get their own sentence."""
    data = exported.path.read_bytes()
    (tmp_path / "text.zip").write_text("hello")
    (tmp_path / "half.zip").write_bytes(data[: len(data) // 2])
    repacked(exported.path, tmp_path / "foreign.zip", session_metadata=None)
    repacked(exported.path, tmp_path / "packed.zip", zipfile.ZIP_DEFLATED)
    repacked(exported.path, tmp_path / "garbled.zip", session_metadata=b"{")
    (tmp_path / "flipped.zip").write_bytes(data.replace(b'"formatVersion": 3', b'"formatVersion": 0', 1))
    for name, message in {
        "text.zip": "is not a ZIP",
        "half.zip": "was cut short",
        "foreign.zip": "is a ZIP, but not a session archive",
        "packed.zip": "it is compressed",
        "garbled.zip": "is damaged at data/session_metadata.json",
        "flipped.zip": "its CRC-32 does not match",
    }.items():
        with pytest.raises(errors.VerificationError, match=message) as raised:
            labcrate.open(tmp_path / name)
        assert str(raised.value).startswith(name)
        assert str(tmp_path) not in str(raised.value)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe are refused at once, by name, never by path."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.zip", ".", "pipe"):
        with pytest.raises(errors.UsageError, match="labcrate exported") as raised:
            labcrate.open(tmp_path / name)
        assert str(tmp_path) not in str(raised.value)


def test_tables_that_are_damaged_or_missing(exported: labcrate.Export, tmp_path: Path) -> None:
    """A table whose columns, values or bytes are not as described, or that is gone, is named."""
    for content in (b"a,b\n1,2\n", b"", None):
        changed = repacked(exported.path, tmp_path / "changed.zip", recordings=content)
        with labcrate.open(changed) as archive, pytest.raises(errors.VerificationError, match=r"data/recordings\.csv"):
            _ = archive.recordings
    with labcrate.open(repacked(exported.path, tmp_path / "changed.zip", datapackage=b"[]")) as archive:
        with pytest.raises(errors.VerificationError, match=r"datapackage\.json"):
            _ = archive.readings
        with archive.open("README.txt") as file:
            assert hashlib.sha256(file.read()).hexdigest() in archive.open("manifest-sha256.txt").read().decode()


def test_an_archive_that_shrinks_is_never_read_as_whole(exported: labcrate.Export) -> None:
    """A file that is cut short while it is open gives an error, not fewer bytes."""
    with labcrate.open(exported.path) as archive, archive.open("recordings/cam1_session42_a.mp4") as file:
        file.read(10)
        os.truncate(exported.path, archive._members_by_name[b"recordings/cam1_session42_a.mp4"].header_offset + 2000)
        with pytest.raises(errors.VerificationError, match="was cut short"):
            file.read()


CELLS = {
    "datetime": st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)).map(  # noqa: DTZ001
        lambda t: t.replace(tzinfo=UTC)
    ),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1),
}


def cell(value: Any) -> str:
    """Return a value as the archive's tables write it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@given(st.lists(st.tuples(*(st.none() | cells for cells in CELLS.values()))))
def test_every_value_comes_back(rows: list[tuple[Any, ...]]) -> None:
    """Any values written as cells read back as those values, in the column's type; an empty cell is null."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CELLS)
    writer.writerows([[cell(value) for value in row] for row in rows])
    frame = read_table(text.getvalue().encode(), [(kind, kind) for kind in CELLS])
    assert frame.rows() == rows
    assert frame.dtypes == [INSTANT, pl.Int64(), pl.Float64(), pl.Boolean(), pl.String()]


def test_a_counter_beyond_64_bits_is_kept_as_a_float() -> None:
    """An integer column with a value that no 64 bits hold becomes floats; no value is lost."""
    frame = read_table(b"n\n1\n18446744073709551616\n", [("n", "integer")])
    assert frame["n"].to_list() == [1.0, 2.0**64]


@pytest.mark.parametrize("kind", ["datetime", "integer", "number", "boolean"])
def test_a_value_of_another_type_is_an_error(kind: str) -> None:
    """A cell that is not of its column's type is never silently null."""
    with pytest.raises(ValueError, match="does not have the type"):
        read_table(b"x\nmaybe\n", [("x", kind)])
