"""The same readers on archives of several GiB, every byte of them: it takes minutes, so they run only on request."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from isal import isal_zlib

from labcrate.archive.layout import FileSource, Member
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.archive.verify import verify_archive
from labcrate.model.fixity import Fixity, Identity

if TYPE_CHECKING:
    from tests.support.zip_readers import ArchiveWriter, Reader, StructureCheck, WrittenArchive

pytestmark = pytest.mark.skipif(
    not os.environ.get("LABCRATE_HUGE"), reason="archives of several GiB are read only with LABCRATE_HUGE=1: minutes"
)

TIME = 1_746_214_801_000_000_000
GIB = 1 << 30
CHUNK = 1 << 20
ISLAND = 100_000
READERS = ["unzip", "7z", "bsdtar", "bsdtar stream", "jar", "ZipFile", "ZipInputStream", "zipfile", "stream-unzip"]
VARIANTS: dict[str, list[int]] = {
    "4 GiB - 2": [4 * GIB - 2],
    # Twice: recorders cut at this size, the largest file on FAT32, and unzip errs on the member that follows one.
    "4 GiB - 1, twice": [4 * GIB - 1, 4 * GIB - 1],
    "4 GiB": [4 * GIB],
    "4 GiB + 1": [4 * GIB + 1],
    "6 GiB": [6 * GIB],
    "4400 of 1 MiB": [CHUNK] * 4400,
}


def sparse_member(folder: Path, number: int, size: int) -> Member:
    """Return a file with noise at start, middle, end and around 4 GiB, and holes between; its CRC-32 is right."""
    path = folder / f"{number:04}.mp4"
    noise = random.Random(number)  # noqa: S311 - the same in every run
    island = min(ISLAND, size // 100)
    with path.open("wb") as file:
        file.truncate(size)
        for at in {0, size // 2, size - island, min(4 * GIB, size) - island // 2 - 5000}:
            os.pwrite(file.fileno(), noise.randbytes(min(island, size - at)), at)
    crc32 = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            crc32 = isal_zlib.crc32(chunk, crc32)
    source = FileSource.at(path, Identity.of(path.stat()), path.name)
    # The SHA-256 of so much would take longer than anything here, and no ZIP reader looks at it.
    return Member(f"recordings/{path.name}", Fixity(size, crc32, "0" * 64), TIME, source)


@pytest.fixture(scope="module", params=VARIANTS)
def huge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, writer: "ArchiveWriter"
) -> "Iterator[WrittenArchive]":
    """Yield large members from sparse files between small ones; the archive is as sparse, but for that of 6 GiB.

    That one is written in labcrate's usual way, by the system, over the edge of 4 GiB in source and target.
    """
    folder = tmp_path_factory.mktemp("huge")
    members = [
        Member.of_bytes("README.txt", b"Session 42\n", TIME),
        *(sparse_member(folder, number, size) for number, size in enumerate(VARIANTS[request.param])),
        Member.of_bytes("recordings/late.mp4", b"late\n" * 20_000, TIME),
        Member.of_bytes("data/late.csv", b"", TIME),
    ]
    yield writer.write_whole(folder / "huge.zip", members, sparse=request.param != "6 GiB")
    shutil.rmtree(folder)


@pytest.mark.parametrize("reader", READERS, indirect=True)
def test_readers_find_every_byte_of_huge_archives(huge: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """Names, sizes, order and all bytes are the written ones, with no word of warning."""
    found = reader.read_all(huge.path, tmp_path)
    shutil.rmtree(tmp_path)
    assert found.differences(reader.expected(huge.contents)) == []


def test_busybox_refuses_huge_archives(huge: "WrittenArchive", tmp_path: Path) -> None:
    """busybox reads no ZIP64: it fails at once and gives no byte."""
    if not shutil.which("busybox"):
        pytest.skip("busybox is not installed: this reader was not tried")
    words = ["busybox", "unzip", "-p", str(huge.path)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0
    assert done.stdout == b""


def test_zipdetails_has_no_objection_to_huge_archives(huge: "WrittenArchive", zipdetails: "StructureCheck") -> None:
    """The structure checker meets every header, and has no warning; thousands are not searched for overlaps."""
    assert zipdetails.find_objections(huge, overlaps=len(huge.contents.sizes) < 1000) == []


def test_labcrate_verifies_huge_archives(huge: "WrittenArchive") -> None:
    """labcrate's own check computes the same CRC-32, and misses nothing but the manifest that is not there."""
    report = verify_archive(huge.path)
    assert [(finding.kind, finding.member) for finding in report.findings] == [("missing", MANIFEST_NAME)]
    assert (report.members, report.bytes) == (len(huge.contents.sizes), huge.contents.length)


@pytest.mark.parametrize("reader", ["jar", "jar stream"], indirect=True)
def test_jar_unpacks_70000_members(many: "WrittenArchive", reader: "Reader", tmp_path: Path) -> None:
    """jar, from a file and from a pipe, unpacks all of them as they were."""
    found = reader.read_all(many.path, tmp_path)
    shutil.rmtree(tmp_path)
    assert found.differences(reader.expected(many.contents)) == []


def test_zipdetails_has_no_objection_to_70000_members(many: "WrittenArchive", zipdetails: "StructureCheck") -> None:
    """Every header is met, with no warning; only its search for overlaps, not done in 10 minutes, is off."""
    assert zipdetails.find_objections(many, overlaps=False) == []
