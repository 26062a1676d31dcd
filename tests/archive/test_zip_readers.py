"""What labcrate writes, read by two common readers and by labcrate itself; all others read it in ``tests/slow``."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.zip_variants import LATE

from labcrate.archive.directory import read_directory

if TYPE_CHECKING:
    from tests.support.zip_readers import Reader, WrittenArchive


@pytest.mark.parametrize("reader", ["unzip", "zipfile"], indirect=True)
def test_readers_find_every_byte(archive: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """Names, sizes and order are the written ones, all bytes too, and no reader has a word to say about it."""
    found = reader.read_all(archive.path, tmp_path)
    assert found.differences(reader.expected(archive.contents)) == []


@pytest.mark.parametrize("reader", ["unzip"], indirect=True)
def test_a_program_lists_what_lies_around_4_gib(edge: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """Names and sizes are right at the last value that 32 bits hold, at the mark for ZIP64, and beyond."""
    found = reader.list_members(edge.path, tmp_path)
    assert found.sizes == edge.contents.sizes


def test_zipfile_reads_the_time(mixed: "WrittenArchive") -> None:
    """Python's zipfile, which reads only the DOS time, returns the even second in UTC."""
    with zipfile.ZipFile(mixed.path) as file:
        assert {info.date_time for info in file.infolist()} == {(2025, 5, 2, 19, 40, 0)}


def test_zipfile_reads_around_4_gib(edge: "WrittenArchive") -> None:
    """Python's zipfile lists the same, and reads the members before and after the large one."""
    with zipfile.ZipFile(edge.path) as file:
        assert [(info.filename, info.file_size) for info in file.infolist()] == edge.contents.sizes
        assert file.read("README.txt") + file.read("data/late.csv") == b"Session 42\n" + LATE
        with file.open("recordings/large.mp4") as member:
            assert member.read(10) == bytes(10)


def test_labcrate_reads_its_own_directory(edge: "WrittenArchive") -> None:
    """Verification finds the central directory and the end records around 4 GiB as they were written."""
    with edge.path.open("rb") as file:
        directory = read_directory(file.fileno(), "edge.zip")
    assert [(member.name, member.size_bytes) for member in directory.members] == edge.contents.sizes
    assert directory.end_is_exact
    assert all(member.is_exact and member.is_stored for member in directory.members)


@pytest.mark.thorough
def test_labcrate_reads_its_own_directory_of_70000(many: "WrittenArchive") -> None:
    """The same for more members than the plain end record can count."""
    with many.path.open("rb") as file:
        directory = read_directory(file.fileno(), "many.zip")
    assert [(member.name, member.size_bytes) for member in directory.members] == many.contents.sizes
    assert directory.end_is_exact
    assert all(member.is_exact and member.is_stored for member in directory.members)
