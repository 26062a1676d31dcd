"""Forged archives are found or refused, and read once; what verify accepts is the same to every unzipper."""

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import forgeries
from tests.support.forgeries import FORGED, MEMBERS, SECONDS, SOUND, WHOLE

from labcrate.archive import verify
from labcrate.archive.directory import read_directory
from labcrate.archive.entity import Entity
from labcrate.archive.layout import Layout, Member
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.archive.verify import verify_archive
from labcrate.errors import VerificationError
from labcrate.messages.text import printable

TOOLS: dict[str, tuple[str, ...]] = {
    "unzip": ("unzip", "-q", "{zip}"),
    "bsdtar": ("bsdtar", "-xf", "{zip}"),
    "7z": ("7z", "x", "-bd", "{zip}"),
    "Python": (),
}


def unpacked(tool: str, archive: Path, folder: Path) -> dict[str, bytes]:
    """Return what a tool unpacks from an archive: contents by path. Skip the test if it is not installed."""
    folder.mkdir()
    if tool == "Python":
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    elif not shutil.which(tool):
        pytest.skip(f"{tool} is not installed: this unzipper was not tried")
    else:
        words = [word.format(zip=archive) for word in TOOLS[tool]]
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def members_of(archive: Path) -> dict[str, bytes]:
    """Return the contents of the members as labcrate reads them: up to where the next header starts."""
    data = archive.read_bytes()
    with archive.open("rb") as file:
        directory = read_directory(file.fileno(), "a.zip")
    stops = [member.header_offset for member in directory.members[1:]] + [directory.offset]
    pairs = zip(directory.members, stops, strict=False)
    return {member.raw_name.decode(): data[stop - member.size_bytes : stop] for member, stop in pairs}


def verdict(path: Path) -> list[str]:
    """Return the texts of all findings of verify, or the one message with which it refuses the archive."""
    try:
        return [finding.text for finding in verify_archive(path).findings]
    except VerificationError as error:
        return [str(error)]


def test_the_forger_writes_what_labcrate_writes() -> None:
    """Without an override its bytes are labcrate's own, so that a forgery differs in what its name says alone."""
    members = [Member.of_bytes(piece.name.decode(), piece.data, SECONDS * 10**9) for piece in MEMBERS]
    assert b"".join(Entity(Layout(members)).read_range()) == WHOLE


@pytest.mark.parametrize("name", FORGED)
def test_each_forgery_is_found_or_refused(name: str, tmp_path: Path) -> None:
    """No forgery is whole, one thing said about it is the reason, and every word is printable."""
    make, reason = FORGED[name]
    path = tmp_path / "a.zip"
    path.write_bytes(make())
    texts = verdict(path)
    assert any(re.search(reason, text) for text in texts), texts
    assert all(printable(text) == text for text in texts)


@pytest.mark.thorough
@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_called_whole_every_unzipper_unpacks_to_the_same_bytes(tool: str, tmp_path: Path) -> None:
    """Of all forgeries and all odd but sound archives: those without a finding, the sound ones, come out alike."""
    whole = set()
    every: dict[str, Callable[[], bytes]] = {name: make for name, (make, _) in FORGED.items()} | SOUND
    for number, (name, make) in enumerate(every.items()):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(make())
        if not verdict(path):
            whole.add(name)
            assert unpacked(tool, path, tmp_path / f"{number}") == members_of(path), name
    assert whole == set(SOUND)


@pytest.fixture
def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the length of each reading of a file from now on."""
    reads: list[int] = []
    pread, preadv = os.pread, os.preadv

    def counting(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        reads.append(len(data))
        return data

    def counting_into(fd: int, buffers: list[memoryview], offset: int) -> int:
        count = preadv(fd, buffers, offset)
        reads.append(count)
        return count

    monkeypatch.setattr(os, "pread", counting)
    monkeypatch.setattr(os, "preadv", counting_into)
    return reads


ENDS = 2 * (66 * 1024)
"""The archive's last 64 kB, which are looked through for the end record, and the records themselves."""


@pytest.mark.parametrize("name", [*FORGED, *SOUND])
def test_no_byte_is_read_twice(name: str, tmp_path: Path, count_reads: list[int]) -> None:
    """Whatever a forged archive claims, the file is read once, the manifest twice, and the end record again."""
    path = tmp_path / "a.zip"
    path.write_bytes(SOUND[name]() if name in SOUND else FORGED[name][0]())
    verdict(path)
    manifest_bytes = 300_000 if "endless" in name else 2000
    assert sum(count_reads) <= path.stat().st_size + manifest_bytes + ENDS


def test_entries_that_go_up_and_down_cost_one_reading(tmp_path: Path, count_reads: list[int]) -> None:
    """6,000 entries that point to and fro at 1 MB: not 3 GB are read but the file."""
    path = tmp_path / "a.zip"
    path.write_bytes(forgeries.up_and_down(3000, 1_000_000))
    report = verify_archive(path)
    assert sum(count_reads) <= path.stat().st_size + ENDS + 2000
    assert report.members == 6004
    assert len(report.findings) == verify.MAX_FINDINGS + 1
    assert re.fullmatch(r"[\d,]+ further findings are not listed", report.findings[-1].text)


def test_long_names_are_cut_in_findings(tmp_path: Path) -> None:
    """A name of 60,000 characters does not fill the screen."""
    path = tmp_path / "a.zip"
    path.write_bytes(forgeries.archive_of({b"\x1b" * 60_000: b""}))
    assert all(len(text) < 2500 for text in verdict(path))


def test_the_manifest_is_named_by_its_sha256(tmp_path: Path) -> None:
    """The report has the manifest's SHA-256, as ``sha256sum`` would say it, whether or not something was found."""
    path = tmp_path / "a.zip"
    expected = forgeries.HASH(MEMBERS[-1].data).hexdigest()
    for make in (SOUND["as exported"], FORGED["a member more"][0]):
        path.write_bytes(make())
        assert verify_archive(path).manifest_sha256 == expected
    path.write_bytes(FORGED["no manifest"][0]())
    assert verify_archive(path).manifest_sha256 is None
    assert MANIFEST_NAME in verdict(path)[0]
