"""Programs and libraries that researchers open a ZIP with, each reading what labcrate writes."""

import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.zip_variants import LATE, MIXED, TIME

if TYPE_CHECKING:
    from tests.support.zip_readers import Reader, StructureCheck, WrittenArchive

UNPACKERS = ["unzip", "7z", "bsdtar", "bsdtar stream", "busybox"]  # jar does it in every test: it has no other way
WITHOUT_JAR = [*UNPACKERS, "ZipFile", "ZipInputStream", "zipfile", "stream-unzip"]
COMPARING = ["unzip", "7z", "bsdtar", "bsdtar stream", "jar stream", "ZipInputStream", "zipfile", "stream-unzip"]


def test_every_reader_finds_every_byte(archive: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """Names, sizes and order are the written ones, all bytes too, and no reader has a word to say about it."""
    found = reader.read_all(archive.path, tmp_path)
    assert found.differences(reader.expected(archive.contents)) == []


@pytest.mark.parametrize("reader", UNPACKERS, indirect=True)
def test_programs_unpack_every_member_as_it_was(
    archive: "WrittenArchive", variant: dict[str, bytes], reader: "Reader", tmp_path: Path
) -> None:
    """On disk, too: names in every script and all bytes; from a pipe where the program can do that."""
    reader.unpack_all(archive.path, tmp_path)
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {reader.unpacked_as(name): data for name, data in variant.items()}


@pytest.mark.parametrize("reader", WITHOUT_JAR, indirect=True)
def test_readers_find_70000_members(many: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """All 70 000 names in order, and all their bytes; jar, which has to unpack them, is tried with the huge ones."""
    found = reader.read_all(many.path, tmp_path)
    assert found.differences(reader.expected(many.contents)) == []


def is_noticed(archive: "WrittenArchive", data: bytes, reader: "Reader", folder: Path) -> bool:
    """Return whether a reader, or the comparison with what was written, notices a change of an archive."""
    damaged, target = folder / "damaged.zip", folder / "to"
    damaged.write_bytes(data)
    target.mkdir()
    try:
        found = reader.read_all(damaged, target)
    except (AssertionError, zipfile.BadZipFile):
        return True
    return found.differences(reader.expected(archive.contents)) != []


def test_one_altered_byte_is_noticed(mixed: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """The comparison of all bytes can fail: with one other byte it does, also for readers that compare no CRC-32."""
    data = bytearray(mixed.path.read_bytes())
    data[data.index(b"PK\x03\x04" * 4) + 5] ^= 0xFF
    assert is_noticed(mixed, bytes(data), reader, tmp_path)


@pytest.mark.parametrize("reader", COMPARING, indirect=True)
def test_an_altered_checksum_is_noticed(mixed: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """That a reader is content says something: it computes the CRC-32 of stored members itself, and compares it.

    Not so busybox and java.util.zip.ZipFile, on which jar is built: there all bytes are compared here instead.
    """
    data = bytearray(mixed.path.read_bytes())
    name = b"recordings/headers.mp4"
    data[data.index(name) - 16] ^= 0xFF  # 4.3.7: 30 bytes before the name, of which CRC-32 is the 15th to 18th
    data[data.rindex(name) - 30] ^= 0xFF  # 4.3.12: 46 bytes before the name, the 17th to 20th
    assert is_noticed(mixed, bytes(data), reader, tmp_path)


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar"], indirect=True)
def test_programs_restore_time_and_permissions(mixed: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
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


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar", "jar"], indirect=True)
def test_programs_list_what_lies_around_4_gib(edge: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """Names and sizes are right at the last value that 32 bits hold, at the mark for ZIP64, and beyond."""
    found = reader.list_members(edge.path, tmp_path)
    assert found.sizes == edge.contents.sizes


@pytest.mark.parametrize("program", ["unzip", "7z", "bsdtar"])
def test_programs_reach_both_sides_of_4_gib(edge: "WrittenArchive", tmp_path: Path, program: str) -> None:
    """The members before and after the large one are unpacked alone."""
    content = {"unzip": ["unzip", "-p"], "7z": ["7z", "x", "-so"], "bsdtar": ["bsdtar", "-xOf"]}[program]
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: this reader was not tried")
    words = [*content, str(edge.path), "README.txt", "data/late.csv"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"Session 42\n" + LATE)


def has_zip64_end(path: Path) -> bool:
    """Return whether the locator of the ZIP64 end record (4.3.15) is before the end record."""
    with path.open("rb") as file:
        file.seek(-42, os.SEEK_END)
        return file.read(4) == b"PK\x06\x07"


def test_busybox_refuses_what_lies_beyond_4_gib(edge: "WrittenArchive", tmp_path: Path) -> None:
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


def test_zipdetails_has_no_objection(archive: "WrittenArchive", zipdetails: "StructureCheck") -> None:
    """The structure checker walks through every variant without a warning and meets every header."""
    assert zipdetails.find_objections(archive) == []


def test_zipdetails_has_no_objection_around_4_gib(edge: "WrittenArchive", zipdetails: "StructureCheck") -> None:
    """The same for the ZIP64 forms of all structures, and just before they are needed."""
    if not has_zip64_end(edge.path):
        pytest.skip(
            "zipdetails 2.104 adds 4 GiB to where the directory is if the file is longer than that: its own bug"
        )
    assert zipdetails.find_objections(edge) == []


def test_zipdetails_can_object(mixed: "WrittenArchive", zipdetails: "StructureCheck", tmp_path: Path) -> None:
    """A header that is not where the central directory says is noticed."""
    data = bytearray(mixed.path.read_bytes())
    at = data.index(b"data/recordings.csv") - 30
    data[at : at + 4] = b"\0\0\0\0"
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data)
    assert zipdetails.find_objections(replace(mixed, path=damaged)) != []
