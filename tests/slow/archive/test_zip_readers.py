"""Programs and libraries that researchers open a ZIP with, each reading what labcrate writes."""

import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labcrate.archive.directory import read_directory
from labcrate.archive.layout import FileSource, Layout, Member
from labcrate.model.fixity import Fixity, Identity

if TYPE_CHECKING:
    from tests.support.zip_readers import Archive, Reader, StructureCheck, Writer

TIME = 1_746_214_801_000_000_000  # an odd second, which the DOS time alone cannot hold
GIB4 = 1 << 32
LATE = b"late\n" * 10
NAMES = {
    "Latin": "recordings/Übergröße façade_s42.mp4",
    "Greek": "recordings/μουσική_s42.mp4",
    "Cyrillic": "recordings/кухня_s42.mp4",
    "Arabic": "recordings/غرفة المعيشة_s42.mp4",
    "Hebrew": "recordings/סלון_s42.mp4",
    "right-to-left marks": "recordings/\u200fחדר\u200f 1 (b)_s42.mp4",
    "Chinese": "recordings/客厅_s42.mp4",
    "Japanese": "recordings/台所_ダイニング_s42.mp4",
    "Korean": "recordings/거실_s42.mp4",
    "Devanagari": "recordings/बैठक_s42.mp4",
    "Thai": "recordings/ห้องนั่งเล่น_s42.mp4",
    "emoji, joined": "recordings/👩🏽‍🔬🎥_s42.mp4",
    "beyond the basic plane": "recordings/𝔘𝔫𝔦_s42.mp4",
    "combining marks": "recordings/cafe\u0301 z\u0351\u036b_s42.mp4",
    "255 bytes": "recordings/" + "長" * 83 + "_a.mp4",
    "more than 255 characters": "/".join(f"part {number:02} of a long path" for number in range(40)) + "/x.csv",
    "spaces": "data/ two  spaces .csv",
    "what shells expand": "data/'quote\" $HOME `x` *[a]?.csv",
    "dash": "data/-r.csv",
}
MIXED = {
    "README.txt": b"Session 42\n",
    "data/recordings.csv": b"camera,start\n" * 900,
    "data/sensor_data/empty.csv": b"",
    "recordings/below.mp4": b"\0" * 65535,
    "recordings/padded.mp4": bytes(range(256)) * 256,
    "recordings/headers.mp4": b"PK\x03\x04" * 100_000,  # looks like headers, all through
    "recordings/last.mp4": b"x" * 65537,
}
VARIANTS: dict[str, dict[str, bytes]] = {
    "one small member": {"README.txt": b"Session 42\n"},
    "names in every script": {name: f"{script}: {name}\n".encode() * 9 for script, name in NAMES.items()},
    "empty sensor files alone": {"data/sensor_data/a.json": b"", "data/sensor_data/b.csv": b""},
    "mixed": MIXED,
}
UNPACKERS = ["unzip", "7z", "bsdtar", "bsdtar stream", "busybox"]  # jar does it in every test: it has no other way
WITHOUT_JAR = [*UNPACKERS, "ZipFile", "ZipInputStream", "zipfile", "stream-unzip"]
COMPARING = ["unzip", "7z", "bsdtar", "bsdtar stream", "jar stream", "ZipInputStream", "zipfile", "stream-unzip"]


def members_of(files: dict[str, bytes]) -> list[Member]:
    """Members with these names and contents."""
    return [Member.of_bytes(name, data, TIME) for name, data in files.items()]


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Names and contents of one variant."""
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def archive(variant: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, writer: "Writer") -> "Archive":
    """An archive of the variant."""
    return writer.whole(tmp_path_factory.mktemp("archive") / "a.zip", members_of(variant))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, writer: "Writer") -> "Archive":
    """Documents, an empty file, padded and unpadded members."""
    return writer.whole(tmp_path_factory.mktemp("mixed") / "a.zip", members_of(MIXED))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, writer: "Writer") -> "Archive":
    """70 000 members: more than the plain end record can count."""
    members = [Member.of_bytes(f"data/{index:05}.csv", b"%d\n" % index, TIME) for index in range(70_000)]
    return writer.whole(tmp_path_factory.mktemp("many") / "many.zip", members)


def test_every_reader_finds_every_byte(archive: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """Names, sizes and order are the written ones, all bytes too, and no reader has a word to say about it."""
    found = reader.everything(archive.path, tmp_path)
    assert found.differences(reader.expected(archive.contents)) == []


@pytest.mark.parametrize("reader", UNPACKERS, indirect=True)
def test_programs_unpack_every_member_as_it_was(
    archive: "Archive", variant: dict[str, bytes], reader: "Reader", tmp_path: Path
) -> None:
    """On disk, too: names in every script and all bytes; from a pipe where the program can do that."""
    reader.unpack_all(archive.path, tmp_path)
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {reader.unpacked_as(name): data for name, data in variant.items()}


@pytest.mark.parametrize("reader", WITHOUT_JAR, indirect=True)
def test_readers_find_70000_members(many: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """All 70 000 names in order, and all their bytes; jar, which has to unpack them, is tried with the huge ones."""
    found = reader.everything(many.path, tmp_path)
    assert found.differences(reader.expected(many.contents)) == []


def is_noticed(archive: "Archive", data: bytes, reader: "Reader", folder: Path) -> bool:
    """Whether a reader, or the comparison with what was written, notices that an archive is not as it was."""
    damaged, target = folder / "damaged.zip", folder / "to"
    damaged.write_bytes(data)
    target.mkdir()
    try:
        found = reader.everything(damaged, target)
    except (AssertionError, zipfile.BadZipFile):
        return True
    return found.differences(reader.expected(archive.contents)) != []


def test_one_altered_byte_is_noticed(mixed: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """The comparison of all bytes can fail: with one other byte it does, also for readers that compare no CRC-32."""
    data = bytearray(mixed.path.read_bytes())
    data[data.index(b"PK\x03\x04" * 4) + 5] ^= 0xFF
    assert is_noticed(mixed, bytes(data), reader, tmp_path)


@pytest.mark.parametrize("reader", COMPARING, indirect=True)
def test_an_altered_checksum_is_noticed(mixed: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """That a reader is content says something: it computes the CRC-32 of stored members itself, and compares it.

    Not so busybox and java.util.zip.ZipFile, on which jar is built: there all bytes are compared here instead.
    """
    data = bytearray(mixed.path.read_bytes())
    name = b"recordings/headers.mp4"
    data[data.index(name) - 16] ^= 0xFF  # 4.3.7: 30 bytes before the name, of which CRC-32 is the 15th to 18th
    data[data.rindex(name) - 30] ^= 0xFF  # 4.3.12: 46 bytes before the name, the 17th to 20th
    assert is_noticed(mixed, bytes(data), reader, tmp_path)


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar"], indirect=True)
def test_programs_restore_time_and_permissions(mixed: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """Unpacked files have the source's modification time to the second, read as UTC, and are readable files, 0644."""
    old = os.umask(0o022)
    try:
        reader.unpack_all(mixed.path, tmp_path)
    finally:
        os.umask(old)
    states = [path.stat() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(states) == len(MIXED)
    assert {state.st_mtime_ns for state in states} == {TIME}
    assert {state.st_mode for state in states} == {0o100644}


def test_zipfile_reads_the_time(mixed: "Archive") -> None:
    """Python's zipfile, which knows the DOS time alone, gives the even second in UTC."""
    with zipfile.ZipFile(mixed.path) as file:
        assert {info.date_time for info in file.infolist()} == {(2025, 5, 2, 19, 40, 0)}


# What lies around 4 GiB: one member's size, where the member after it starts, where the directory starts.
EDGES = [("size", 1), *((what, delta) for what in ("size", "offset", "directory") for delta in (-2, -1, 0))]


@pytest.fixture(scope="module", params=EDGES, ids=lambda edge: f"{edge[0]} 4 GiB {edge[1]:+}")
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, writer: "Writer") -> "Archive":
    """A small member, a large one whose data are a hole, a small one: one of their places is at the edge of 32 bits.

    The large member's CRC-32 is not that of its zeros, because nobody reads them here.
    """
    what, delta = request.param
    size = GIB4 + delta
    if what != "size":  # the offsets grow with the size, one by one, while no header changes its length
        trial = Layout(edge_members(GIB4 - 9000))
        size += GIB4 - 9000 - (trial.header_offsets[2] if what == "offset" else trial.directory_offset)
    layout = Layout(edge_members(size))
    reached = {"size": size, "offset": layout.header_offsets[2], "directory": layout.directory_offset}
    assert reached[what] == GIB4 + delta
    return writer.frame(tmp_path_factory.mktemp("edge") / "edge.zip", layout, hole=1)


def edge_members(size: int) -> list[Member]:
    """Three members, the second of this size."""
    source = FileSource(lambda: -1, Identity(size, 0, 0, 0), "large")
    return [
        Member.of_bytes("README.txt", b"Session 42\n", TIME),
        Member("recordings/large.mp4", Fixity(size, 0, "0" * 64), TIME, source),
        Member.of_bytes("data/late.csv", LATE, TIME),
    ]


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar", "jar"], indirect=True)
def test_programs_list_what_lies_around_4_gib(edge: "Archive", reader: "Reader", tmp_path: Path) -> None:
    """Names and sizes are right at the last value that 32 bits hold, at the mark for ZIP64, and beyond."""
    found = reader.listed(edge.path, tmp_path)
    assert found.sizes == edge.contents.sizes


def test_zipfile_reads_around_4_gib(edge: "Archive") -> None:
    """Python's zipfile lists the same, and reads the members before and after the large one."""
    with zipfile.ZipFile(edge.path) as file:
        assert [(info.filename, info.file_size) for info in file.infolist()] == edge.contents.sizes
        assert file.read("README.txt") + file.read("data/late.csv") == b"Session 42\n" + LATE
        with file.open("recordings/large.mp4") as member:
            assert member.read(10) == bytes(10)


@pytest.mark.parametrize("program", ["unzip", "7z", "bsdtar"])
def test_programs_reach_both_sides_of_4_gib(edge: "Archive", tmp_path: Path, program: str) -> None:
    """The members before and after the large one are unpacked alone."""
    content = {"unzip": ["unzip", "-p"], "7z": ["7z", "x", "-so"], "bsdtar": ["bsdtar", "-xOf"]}[program]
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: this reader was not tried")
    words = [*content, str(edge.path), "README.txt", "data/late.csv"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"Session 42\n" + LATE)


def has_zip64_end(path: Path) -> bool:
    """Whether the locator of the ZIP64 end record (4.3.15) stands before the end record."""
    with path.open("rb") as file:
        file.seek(-42, os.SEEK_END)
        return file.read(4) == b"PK\x06\x07"


def test_busybox_refuses_what_lies_beyond_4_gib(edge: "Archive", tmp_path: Path) -> None:
    """busybox reads no ZIP64: it fails at once and lists no member, rather than giving other bytes than it should."""
    if not shutil.which("busybox"):
        pytest.skip("busybox is not installed: this reader was not tried")
    if not has_zip64_end(edge.path):
        pytest.skip("busybox 1.35 lists an archive of more than 4 GiB that needs no ZIP64 over and over, without end")
    for option in ("-l", "-p"):
        words = ["busybox", "unzip", option, str(edge.path)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, timeout=60)
        assert done.returncode != 0
        assert b"README" not in done.stdout
        assert b"Session 42" not in done.stdout


def test_zipdetails_has_no_objection(archive: "Archive", zipdetails: "StructureCheck") -> None:
    """The structure checker walks through every variant without a warning and meets every header."""
    assert zipdetails.objections(archive) == []


def test_zipdetails_has_no_objection_around_4_gib(edge: "Archive", zipdetails: "StructureCheck") -> None:
    """The same for the ZIP64 forms of all structures, and just before they are needed."""
    if not has_zip64_end(edge.path):
        pytest.skip(
            "zipdetails 2.104 adds 4 GiB to where the directory is if the file is longer than that: its own bug"
        )
    assert zipdetails.objections(edge) == []


def test_zipdetails_can_object(mixed: "Archive", zipdetails: "StructureCheck", tmp_path: Path) -> None:
    """A header that is not where the central directory says is noticed."""
    data = bytearray(mixed.path.read_bytes())
    at = data.index(b"data/recordings.csv") - 30
    data[at : at + 4] = b"\0\0\0\0"
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data)
    assert zipdetails.objections(replace(mixed, path=damaged)) != []


def test_labcrate_reads_its_own_directory(edge: "Archive") -> None:
    """Verification finds the central directory and the end records around 4 GiB as they were written."""
    with edge.path.open("rb") as file:
        directory = read_directory(file.fileno(), "edge.zip")
    assert [(entry.name, entry.size_bytes) for entry in directory.entries] == edge.contents.sizes
    assert directory.end_exact
    assert all(entry.exact and entry.stored for entry in directory.entries)


def test_labcrate_reads_its_own_directory_of_70000(many: "Archive") -> None:
    """The same for more members than the plain end record can count."""
    with many.path.open("rb") as file:
        directory = read_directory(file.fileno(), "many.zip")
    assert [(entry.name, entry.size_bytes) for entry in directory.entries] == many.contents.sizes
    assert directory.end_exact
    assert all(entry.exact and entry.stored for entry in directory.entries)
