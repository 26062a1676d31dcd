"""From a plan to an archive: whatever the files are called and hold, any ZIP reader finds them whole, in one order."""

import csv
import hashlib
import io
import json
import os
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.values import replace

from labcrate.archive.entity import Entity
from labcrate.archive.layout import ALIGNED_FROM_BYTES, ALIGNMENT_BYTES, BytesSource, Layout, Member
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.archive.names import name_clashes, unsafe_name_reason
from labcrate.errors import LabcrateError, SourceChangedError, TargetError, UsageError
from labcrate.export.assemble import Assembly, assemble, check_limits
from labcrate.export.spool import Spool, Stored, WriteDocuments
from labcrate.lab.folder import open_file_below
from labcrate.linking.verdict import Rule, Verdict, VerdictKind
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe, RecordingTime, StartCandidate, TimeSource
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan import member_names as names
from labcrate.plan.member_names import UniqueNames
from labcrate.plan.options import DataKind, Options
from labcrate.plan.plan import FileKind, Missing, Plan, PlannedRecording, SessionFile
from labcrate.readings.load.slice import Readings
from labcrate.readings.store.load import load_readings
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secret, SecretKind, Secrets

START, END = datetime(2025, 5, 2, 8, tzinfo=UTC), datetime(2025, 5, 2, 8, 5, tzinfo=UTC)
SESSION = Session("42", "Morning", span=TimeSpan(START, END), description_files=("data/sessions.json",))
SIZES = [1, 4095, 4096, 4097, ALIGNED_FROM_BYTES - 1, ALIGNED_FROM_BYTES, ALIGNED_FROM_BYTES + 1, 200_000]
DOCUMENTS = {
    names.README,
    names.METADATA,
    names.DEVICES,
    names.ZIGBEE_JSON,
    names.ZIGBEE_CSV,
    names.SENSOR_JSON,
    names.SENSOR_CSV,
    names.RECORDINGS_CSV,
    names.CRATE,
    names.DATAPACKAGE,
    names.MANIFEST,
}


@dataclass(frozen=True)
class Folder:
    """A folder of the disk in place of a lab's, with the plan's files in it under names of their own."""

    root: Path

    def open(self, path: str) -> int:
        """Open a file of it."""
        return open_file_below(self.root, path)

    def identity(self, path: str) -> Identity:
        """Return the state of a file of it."""
        return Identity.of((self.root / path).lstat())

    def put(self, data: bytes, mtime_s: int = 1_746_173_000) -> tuple[str, Identity, Fixity]:
        """Write one more file; its path, state and fixity."""
        path = f"file {len(list(self.root.iterdir()))}"
        (self.root / path).write_bytes(data)
        os.utime(self.root / path, (mtime_s, mtime_s))
        return path, self.identity(path), Fixity.of_bytes(data)

    def recording(self, member: str, data: bytes) -> PlannedRecording:
        """Return a recording of the session with these bytes."""
        path, identity, fixity = self.put(data)
        claim = StartCandidate(TimeSource.NAME, START, 1.0, is_chosen=True)
        return PlannedRecording(
            member=f"{names.RECORDINGS}/{member}",
            path=path,
            duplicate_paths=(),
            identity=identity,
            fixity=fixity,
            probe=Probe(problem=Message("video.no_video")),
            time=RecordingTime(TimeSpan(START, END), (claim,)),
            verdict=Verdict(VerdictKind.LINKED, Rule.NAME, Message("linking.named", sessions="42", count=1)),
            camera=None,
        )

    def file(self, member: str, data: bytes, kind: FileKind = FileKind.OTHER) -> SessionFile:
        """Return another file of the session."""
        path, identity, fixity = self.put(data)
        return SessionFile(member, path, identity, fixity, kind)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty folder of files."""
    (tmp_path / "files").mkdir()
    return Folder(tmp_path / "files")


def readings(*messages: tuple[str, str, dict[str, Any]]) -> Readings:
    """Return readings as the lab's JSON file holds them."""
    topics: dict[str, list[Any]] = {}
    for at, topic, payload in messages:
        topics.setdefault(topic, []).append({"timestamp": at, "payload": payload})
    file = io.BytesIO(json.dumps({"messages": topics}).encode())
    return load_readings(file, None, TimeSpan(START, END))


SOME = (("2025-05-02T08:01:00.000Z", "zigbee2mqtt/door", {"contact": True, "battery": 90}),)


def plan_of(
    recordings: Sequence[PlannedRecording] = (), files: Sequence[SessionFile] = (), read: Readings | None = None
) -> Plan:
    """Return a plan of session 42 with these files, in the order given."""
    return Plan(
        session=SESSION,
        options=Options(),
        window=SESSION.span,
        cameras=(),
        devices=(),
        recordings=tuple(recordings),
        session_files=tuple(files),
        readings=read or Readings(window=SESSION.span),
        near_misses=(),
        left_out={},
    )


def assembled(folder: Folder, plan: Plan, **options: Any) -> Assembly:
    """Return the archive of a plan; its documents are beside the files."""
    return assemble(folder, plan, Spool(folder.root.parent), **options)


def whole(assembly: Assembly) -> bytes:
    """Return the archive's bytes."""
    return b"".join(Entity(assembly.layout).read_range())


def unzipped(data: bytes) -> dict[str, bytes]:
    """Return the members as Python's own reader finds them, checksums checked, in their order."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


def manifest(found: dict[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each member that the manifest names."""
    lines = found[MANIFEST_NAME].decode().splitlines()
    return {name: digest for digest, name in (line.split(None, 1) for line in lines)}


TEXTS = st.text(st.characters(codec=None), min_size=1, max_size=30) | st.sampled_from(
    [
        "CAM1.mp4",
        "cam1.mp4",
        "Straße.mp4",
        "STRASSE.MP4",
        "e\u0301.mp4",
        "\u00e9.mp4",
        "aux.mp4",
        "a b/c.mp4",
        "a b",
        "..",
        "~2.mp4",
        "x~2.mp4",
        "\udcff.mp4",
        "sensor_readings.csv",
        "README.txt",
        "ﬁlm.mp4",
        "film.mp4",
        "x;1",
        "x.",
        "\u200bcam1.mp4",
        "\U0001f600.mp4",
        "a\nb",
        "a" * 300,
    ]
)


@settings(max_examples=12)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["recording", "sensor data", "other"])), max_size=8), st.data())
def test_any_names_and_sizes_make_a_zip_that_reads_whole(requested: list[tuple[str, str]], data: st.DataObject) -> None:
    """For any names and sizes of files the ZIP holds each under a name of its own, with its bytes, in one order.

    No two names are one on any system, all are safe on every one, the manifest has the hash of every other member,
    recordings that a disk can share start at its blocks, and any range of bytes is that range of the whole.
    """
    with TemporaryDirectory() as root:
        (Path(root) / "files").mkdir()
        folder = Folder(Path(root) / "files")
        recorded, own = (
            UniqueNames(),
            UniqueNames((names.SENSOR_JSON.rpartition("/")[2], names.SENSOR_CSV.rpartition("/")[2])),
        )
        others = UniqueNames()
        recordings, files, expected = [], [], {}
        for index, (name, kind) in enumerate(requested):
            size = data.draw(st.sampled_from(SIZES) | st.integers(0, 9000))
            content = random.Random(index).randbytes(size)  # noqa: S311
            if kind == "recording":
                recordings.append(folder.recording(recorded.reserve(name.replace("/", "_")), content))
                expected[recordings[-1].member] = content
            else:
                below, top = (own, names.SENSOR_DATA) if kind == "sensor data" else (others, names.SESSION_FILES)
                kinds = {"sensor data": FileKind.SENSOR_DATA, "other": FileKind.OTHER}
                files.append(folder.file(f"{top}/{below.reserve(name)}", content, kinds[kind]))
                expected[files[-1].member] = content
        plan = plan_of(recordings, files, readings(*SOME) if data.draw(st.booleans()) else None)
        assembly = assembled(folder, plan)
        entity = Entity(assembly.layout)
        got = b"".join(entity.read_range())
        found = unzipped(got)

        assert len(got) == entity.length
        assert {name: found[name] for name in expected} == expected
        assert found.keys() - expected.keys() == DOCUMENTS - expected.keys()
        assert next(iter(found)) == names.README
        assert list(found) == [part.name for part in assembly.descriptions]
        raw = [name.encode() for name in found]
        assert [unsafe_name_reason(name) for name in raw] == [None] * len(raw)
        assert list(name_clashes(raw)) == []
        digests = {
            name: hashlib.sha256(content).hexdigest() for name, content in found.items() if name != MANIFEST_NAME
        }
        assert manifest(found) == digests
        behind = [name for name in found if name.startswith((f"{names.SESSION_FILES}/", f"{names.RECORDINGS}/"))]
        assert behind == sorted(behind) == list(found)[len(found) - len(behind) :]
        layout = assembly.layout
        for member, at in zip(layout.members, layout.data_offsets, strict=True):
            assert member.fixity.size_bytes < ALIGNED_FROM_BYTES or at % ALIGNMENT_BYTES == 0
            content = got[at : at + member.fixity.size_bytes]
            assert content == found[member.name]
        edges = [0, entity.length, layout.directory_offset, layout.end_offset, *layout.data_offsets]
        near = st.builds(lambda at, by: min(max(at + by, 0), len(got)), st.sampled_from(edges), st.integers(-2, 2))
        for _ in range(4):
            start, stop = sorted((data.draw(near), data.draw(near | st.integers(0, len(got)))))
            assert b"".join(entity.read_range(start, stop)) == got[start:stop]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_in_which_files_are_found_is_no_matter(folder: Folder, seed: int) -> None:
    """The members lie in one order whatever the order of the plan's files, and the same plan gives the same bytes."""
    recordings = [folder.recording(f"cam{n}.mp4", bytes([n]) * 70_000) for n in (2, 10, 1)]
    files = [folder.file(f"{names.SESSION_FILES}/{name}", name.encode()) for name in ("b.txt", "B/a.txt", "a.txt")]
    files.append(folder.file(f"{names.SENSOR_DATA}/z.csv", b"a\n", FileKind.SENSOR_DATA))
    first = assembled(folder, plan_of(recordings, files, readings(*SOME)))
    assert whole(first) == whole(assembled(folder, first.plan))
    chance = random.Random(seed)  # noqa: S311
    chance.shuffle(recordings)
    chance.shuffle(files)
    other = assembled(folder, plan_of(recordings, files, readings(*SOME)))
    assert [part.name for part in other.descriptions] == [part.name for part in first.descriptions]


def test_every_document_is_dated_by_the_sessions_own_data(folder: Folder) -> None:
    """Documents bear the last instant of the session's data, files their own time: not the hour of the export."""
    recording = folder.recording("a.mp4", b"x")
    assembly = assembled(folder, plan_of([recording], read=readings(*SOME)))
    times = {member.name: member.mtime_s for member in assembly.layout.members}
    assert times.pop(recording.member) == 1_746_173_000
    assert set(times.values()) == {int(END.timestamp())}


def test_documents_agree_about_every_file(folder: Folder) -> None:
    """Manifest, crate, data package, table and metadata have the same size and SHA-256 of each recording."""
    recordings = [folder.recording(f"cam {n}, '%{n}'.mp4", bytes([n]) * n) for n in (1, 5)]
    found = unzipped(whole(assembled(folder, plan_of(recordings))))
    crate = {unquote(one["@id"]): one for one in json.loads(found[names.CRATE])["@graph"]}
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(found[names.RECORDINGS_CSV].decode()))}
    metadata = {one["file"]: one for one in json.loads(found[names.METADATA])["recordings"]}
    for recording in recordings:
        assert recording.fixity
        sha256, size = recording.fixity.sha256, recording.fixity.size_bytes
        assert manifest(found)[recording.member] == sha256
        assert rows[recording.member]["sha256"] == metadata[recording.member]["sha256"] == sha256
        assert (crate[recording.member]["contentSize"], crate[recording.member]["sha256"]) == (str(size), sha256)
    assert manifest(found).keys() == found.keys() - {MANIFEST_NAME}


def test_the_sessions_own_tables_stand_for_generated_ones(folder: Folder) -> None:
    """A table that the session's folder brings goes in with its own bytes, and none is generated under its name."""
    own = [
        folder.file(names.SENSOR_CSV, b"mine,and,only\n", FileKind.SENSOR_DATA),
        folder.file(names.SENSOR_JSON, b"[]", FileKind.SENSOR_DATA),
    ]
    found = unzipped(whole(assembled(folder, plan_of(files=own, read=readings(*SOME)))))
    assert (found[names.SENSOR_CSV], found[names.SENSOR_JSON]) == (b"mine,and,only\n", b"[]")
    described = json.loads(found[names.DATAPACKAGE])["resources"]
    assert not [one for one in described if one["path"] == names.SENSOR_CSV and one.get("schema")]


def test_only_recordings_bring_no_table_of_readings(folder: Folder) -> None:
    """Where only recordings were chosen there is none of the four tables, and no document speaks of one."""
    plan = replace(plan_of([folder.recording("a.mp4", b"x")]), options=Options(only=DataKind.RECORDINGS))
    found = unzipped(whole(assembled(folder, plan)))
    tables = {names.ZIGBEE_CSV, names.ZIGBEE_JSON, names.SENSOR_CSV, names.SENSOR_JSON}
    assert not tables & found.keys()
    for name in (names.MANIFEST, names.CRATE, names.DATAPACKAGE):
        assert not [table for table in tables if table.encode() in found[name]]


class Counting(Spool):
    """A spool with the names of the documents written into it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.labels: list[str] = []

    def write_several(self, labels: Sequence[str], writer: WriteDocuments) -> list[Stored]:
        """Remember and write."""
        self.labels += labels
        return super().write_several(labels, writer)


def test_tables_of_an_archive_that_is_there_are_taken(folder: Folder) -> None:
    """With an archive of the same readings at hand no table is written again, and the bytes are the same."""
    plan = plan_of([folder.recording("a.mp4", b"x")], read=readings(*SOME))
    first = assembled(folder, plan)
    spool = Counting(folder.root.parent)
    again = assemble(folder, replace(plan, warnings=("Another warning.",)), spool, [first])
    assert spool.labels == []
    fresh = assembled(folder, replace(plan, warnings=("Another warning.",)))
    assert whole(again) == whole(fresh) != whole(first)


@pytest.mark.parametrize("other", ["a value", "a message more", "another session", "none"])
def test_tables_of_other_readings_are_not_taken(folder: Folder, other: str) -> None:
    """An archive whose readings or session differ in anything gives no table."""
    topics: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
        "a value": (("2025-05-02T08:01:00.000Z", "zigbee2mqtt/door", {"contact": False, "battery": 90}),),
        "a message more": (*SOME, ("2025-05-02T08:01:01.000Z", "zigbee2mqtt/door", {"contact": True})),
        "another session": SOME,
        "none": (),
    }
    plan = plan_of(read=readings(*topics[other]))
    if other == "another session":
        plan = replace(plan, session=replace(SESSION, id="7"))
    spool = Counting(folder.root.parent)
    mine = plan_of(read=readings(*SOME))
    assembly = assemble(folder, mine, spool, [assembled(folder, plan)])
    assert len(spool.labels) == 4
    assert whole(assembly) == whole(assembled(folder, mine))


def test_a_file_that_brings_a_tables_name_is_no_table_to_take(folder: Folder) -> None:
    """Where the archive at hand has the session's own file under a table's name, another plan does not get that."""
    own = folder.file(names.SENSOR_CSV, b"mine\n", FileKind.SENSOR_DATA)
    first = assembled(folder, plan_of(files=[own], read=readings(*SOME)))
    plan = plan_of(read=readings(*SOME))
    assert whole(assembled(folder, plan, same_session=[first])) == whole(assembled(folder, plan))


def test_an_archive_that_is_not_hashed_is_as_long_as_the_one_that_is(folder: Folder) -> None:
    """A plan without hashes has every size and offset already; only its entity does not exist yet."""
    hashed = plan_of([folder.recording("a.mp4", b"x" * 70_000)], [folder.file("data/session_files/a", b"y")])
    bare = replace(
        hashed,
        recordings=tuple(replace(one, fixity=None) for one in hashed.recordings),
        session_files=tuple(replace(one, fixity=None) for one in hashed.session_files),
    )
    known, unknown = assembled(folder, hashed), assembled(folder, bare)
    assert unknown.layout.describe() == known.layout.describe()
    with pytest.raises(ValueError, match="is not known yet"):
        Entity(unknown.layout)


def test_a_cleaned_copy_is_packed_in_place_of_its_file(folder: Folder) -> None:
    """The replacement of a file with secrets is packed under the file's name, with the fixity in the plan."""
    file, clean = folder.file("data/session_files/a.txt", b"password hunter2hunter2"), b"password [removed]"
    plan = plan_of(files=[replace(file, fixity=Fixity.of_bytes(clean))])
    found = unzipped(whole(assembled(folder, plan, replacements={file.member: BytesSource(clean)})))
    assert found[file.member] == clean
    assert b"hunter2" not in b"".join(found.values())


@pytest.mark.parametrize("where", [names.METADATA, names.ZIGBEE_JSON])
def test_a_secret_in_a_generated_document_stops_everything(folder: Folder, where: str) -> None:
    """A secret that reached a document or a table ends the assembly; the error names that one, never the secret."""
    matcher = Matcher(Secrets(strong=(Secret("Not-For-Export-7", SecretKind.CAMERA_PASSWORD),)))
    said = {"note": "it is Not-For-Export-7"}
    plan = plan_of(read=readings(("2025-05-02T08:01:00.000Z", "zigbee2mqtt/door", said)))
    if where == names.METADATA:
        plan = replace(plan_of(), session=replace(SESSION, all_fields=said))
    with pytest.raises(
        LabcrateError, match=f"^{where} was generated with {SecretKind.CAMERA_PASSWORD} in it"
    ) as caught:
        assembled(folder, plan, matcher=matcher)
    assert "Not-For-Export" not in str(caught.value)


def test_what_is_missing_is_said_in_the_archive_itself(folder: Folder) -> None:
    """An archive of an incomplete plan says so in its README and metadata, with the file and the reason."""
    plan = replace(plan_of(), missing=(Missing("recordings/b.mp4", "cannot be read", "Restore the file."),))
    found = unzipped(whole(assembled(folder, plan)))
    for name in (names.README, names.METADATA):
        assert b"recordings/b.mp4" in found[name]
        assert b"incomplete" in found[name].lower()


def test_a_file_that_changes_after_the_plan_is_not_packed(folder: Folder) -> None:
    """A file with another state than the plan's gives SourceChangedError in place of its first byte."""
    recording = folder.recording("a.mp4", b"x" * 70_000)
    entity = Entity(assembled(folder, plan_of([recording])).layout)
    (folder.root / recording.path).write_bytes(b"y" * 70_000)
    at = entity.layout.data_offsets[-1]
    assert b"".join(entity.read_range(0, at)).startswith(b"PK")
    with pytest.raises(SourceChangedError):
        next(entity.read_range(at, at + 1))


def test_no_room_for_the_tables(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no disk takes the tables the assembly ends with TargetError, whose remedy names TMPDIR."""

    def failing(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", failing)
    with pytest.raises(TargetError, match="TMPDIR"):
        assembled(folder, plan_of(read=readings(*SOME)))


def test_an_archive_is_never_larger_than_what_verify_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits hold to the member and to the byte, for the directory and for the manifest."""
    layout = Layout([Member.of_bytes(f"{n}", b"", 0) for n in range(3)])
    monkeypatch.setattr("labcrate.export.assemble.MAX_MEMBERS", 3)
    monkeypatch.setattr("labcrate.export.assemble.MAX_IN_MEMORY_BYTES", layout.directory_bytes)
    check_limits("42", layout, layout.directory_bytes)
    with pytest.raises(UsageError, match="42"):
        check_limits("42", layout, layout.directory_bytes + 1)
    monkeypatch.setattr("labcrate.export.assemble.MAX_IN_MEMORY_BYTES", layout.directory_bytes - 1)
    with pytest.raises(UsageError, match="42"):
        check_limits("42", layout, 0)
    monkeypatch.setattr("labcrate.export.assemble.MAX_IN_MEMORY_BYTES", 1 << 30)
    monkeypatch.setattr("labcrate.export.assemble.MAX_MEMBERS", 2)
    with pytest.raises(UsageError, match="3"):
        check_limits("42", layout, 0)


def test_padding_is_never_more_than_two_blocks(folder: Folder) -> None:
    """Aligning costs each recording less than 8 KiB, and nothing for small ones."""
    plan = plan_of([folder.recording(f"{'n' * n}.mp4", b"x" * ALIGNED_FROM_BYTES) for n in range(1, 40)])
    layout = assembled(folder, plan).layout
    rows = layout.describe().members
    assert all(row.padding_bytes < ALIGNMENT_BYTES + 6 for row in rows)
    assert sum(row.padding_bytes > 0 for row in rows) >= 38
    assert all(one.data_stop <= other.header_offset for one, other in pairwise(rows))
