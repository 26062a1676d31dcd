"""Programs and libraries that researchers open a ZIP with, each reading what labcrate writes."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from labcrate.archive.copying import write_entity
from labcrate.archive.directory import read_directory
from labcrate.archive.entity import Entity
from labcrate.archive.layout import FileSource, Layout, Member
from labcrate.model.fixity import Fixity, Identity

TIME = 1_746_214_801_000_000_000  # an odd second, which the DOS time alone cannot hold
CONTENTS = {
    "README.txt": b"Session 42\n",
    "data/sensor_data/empty.csv": b"",
    "data/recordings.csv": b"camera,start\n" * 900,
    "recordings/küche session42.mp4": bytes(range(256)) * 256,
    "recordings/台所_session42.mp4": b"\0" * 65535,
    "recordings/кухня_session42.mp4": b"PK\x03\x04" * 100_000,  # looks like headers, all through
    "recordings/μουσική 🎥_s42.mp4": b"x" * 65537,
}
READERS: dict[str, list[str]] = {
    "unzip": ["unzip", "-q", "{zip}", "-d", "{to}"],
    "7z": ["7z", "x", "-bd", "-o{to}", "{zip}"],
    "bsdtar": ["bsdtar", "-xf", "{zip}", "-C", "{to}"],
    "bsdtar stream": ["bsdtar", "-xf", "-", "-C", "{to}"],
    "jar": ["jar", "-xf", "{zip}"],
    "jar stream": ["jar", "-x"],
    "busybox": ["busybox", "unzip", "-q", "{zip}", "-d", "{to}"],
}
TESTERS: dict[str, list[str]] = {"unzip": ["unzip", "-t", "{zip}"], "7z": ["7z", "t", "-bd", "{zip}"]}
LISTERS: dict[str, list[str]] = {
    "unzip": ["unzip", "-Z1", "{zip}"],
    "7z": ["7z", "l", "-ba", "{zip}"],
    "bsdtar": ["bsdtar", "-tf", "{zip}"],
    "jar": ["jar", "-tf", "{zip}"],
}


def run(words: list[str], **names: Path) -> str:
    """Run a reader in its target folder, an archive on its standard input; skip, visibly, if it is not installed."""
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed: this reader was not tried")
    command = [word.format(**names) for word in words]
    environment = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with names["zip"].open("rb") as archive:
        # A pipe and no file: a reader of a stream must not be able to go back.
        feeder = subprocess.Popen(["cat"], stdin=archive, stdout=subprocess.PIPE)
        done = subprocess.run(
            command, stdin=feeder.stdout, cwd=names["to"], env=environment, capture_output=True, text=True, check=False
        )
        assert feeder.stdout
        feeder.stdout.close()
        feeder.wait()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def written(path: Path, members: list[Member]) -> Path:
    """Write an archive whole."""
    with path.open("wb") as file:
        write_entity(Entity(Layout(members)), file.fileno())
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names in several scripts, an empty file, padded and unpadded members."""
    members = [Member.of_bytes(name, data, TIME) for name, data in CONTENTS.items()]
    return written(tmp_path_factory.mktemp("archive") / "a.zip", members)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 000 members: more than the plain end record can count."""
    members = [Member.of_bytes(f"data/{index:05}.csv", b"%d" % index, TIME) for index in range(70_000)]
    return written(tmp_path_factory.mktemp("many") / "many.zip", members)


@pytest.fixture(scope="module", params=[-2, -1, 0, 1])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small member, one of about 4 GiB and one beyond it: a sparse file whose data are holes.

    The large member's CRC-32 is not that of its zeros, because nobody reads them here.
    """
    size = (1 << 32) + request.param
    source = FileSource(lambda: -1, Identity(size, 0, 0, 0), "large")
    members = [
        Member.of_bytes("README.txt", b"\0" * 10, TIME),
        Member("recordings/large.mp4", Fixity(size, 0, "0" * 64), TIME, source),
        Member.of_bytes("recordings/late.mp4", b"\0" * 70_000, TIME),
    ]
    layout = Layout(members)
    path = tmp_path_factory.mktemp("large") / "large.zip"
    with path.open("wb") as file:
        for index, offset in enumerate(layout.header_offsets):
            os.pwrite(file.fileno(), layout.local_header(index), offset)
        entity = Entity(layout)
        os.pwrite(file.fileno(), b"".join(entity.read_range(layout.directory_offset)), layout.directory_offset)
    assert path.stat().st_size == layout.total_size
    return path


def unpacked(folder: Path) -> dict[str, bytes]:
    """Relative path and content of each file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("reader", READERS)
def test_programs_unpack_every_member_as_it_was(archive: Path, tmp_path: Path, reader: str) -> None:
    """Names in every script and all bytes come out the same; from a pipe, too, where the program can do that."""
    run(READERS[reader], zip=archive, to=tmp_path)
    assert unpacked(tmp_path) == CONTENTS


@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar"])
def test_programs_restore_time_and_permissions(archive: Path, tmp_path: Path, reader: str) -> None:
    """Unpacked files have the source's modification time to the second, read as UTC, and are readable files, 0644."""
    old = os.umask(0o022)
    try:
        run(READERS[reader], zip=archive, to=tmp_path)
    finally:
        os.umask(old)
    states = [path.stat() for path in tmp_path.rglob("*") if path.is_file()]
    assert {state.st_mtime_ns for state in states} == {TIME}
    assert {state.st_mode for state in states} == {0o100644}


@pytest.mark.parametrize("tester", TESTERS)
@pytest.mark.parametrize("kind", ["archive", "many"])
def test_programs_find_nothing_wrong(request: pytest.FixtureRequest, tmp_path: Path, tester: str, kind: str) -> None:
    """The programs' own tests pass, without a warning, for few members and for 70 000."""
    output = run(TESTERS[tester], zip=request.getfixturevalue(kind), to=tmp_path)
    assert "warning" not in output.lower()


@pytest.mark.parametrize("lister", LISTERS)
def test_programs_list_members_around_4_gib(large: Path, tmp_path: Path, lister: str) -> None:
    """Members of 4 GiB - 2, - 1, + 0, + 1 and what lies behind them are found by each program."""
    output = run(LISTERS[lister], zip=large, to=tmp_path)
    assert [name for name in ("README.txt", "recordings/large.mp4", "recordings/late.mp4") if name not in output] == []
    assert "warning" not in output.lower()


@pytest.mark.parametrize("lister", LISTERS)
def test_programs_list_70000_members(many: Path, tmp_path: Path, lister: str) -> None:
    """All 70 000 names are listed."""
    output = run(LISTERS[lister], zip=many, to=tmp_path)
    assert output.count(".csv") == 70_000


@pytest.mark.parametrize("member", ["README.txt", "recordings/late.mp4"])
@pytest.mark.parametrize("reader", ["unzip", "7z", "bsdtar"])
def test_programs_reach_members_on_both_sides_of_4_gib(large: Path, tmp_path: Path, reader: str, member: str) -> None:
    """A member before and one after the large one are unpacked, of the right size."""
    run([*READERS[reader], member], zip=large, to=tmp_path)
    assert {name: len(data) for name, data in unpacked(tmp_path).items()} == {
        member: 10 if member == "README.txt" else 70_000
    }


def test_zipfile_reads_everything(archive: Path) -> None:
    """Python's zipfile finds no fault, and names, sizes, times and content as they were."""
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        assert {info.filename: file.read(info) for info in file.infolist()} == CONTENTS
        assert {info.date_time for info in file.infolist()} == {(2025, 5, 2, 19, 40, 0)}


def test_zipfile_reads_70000_members(many: Path) -> None:
    """Python's zipfile finds all members and reads the last."""
    with zipfile.ZipFile(many) as file:
        assert len(file.infolist()) == 70_000
        assert file.read("data/69999.csv") == b"69999"


def test_zipfile_reads_around_4_gib(large: Path) -> None:
    """Sizes and offsets beyond 32 bits reach Python's zipfile; a member beyond 4 GiB is read."""
    with zipfile.ZipFile(large) as file:
        info = file.getinfo("recordings/large.mp4")
        assert info.file_size == info.compress_size >= (1 << 32) - 2
        with file.open(info) as member:
            assert member.read(10) == bytes(10)
        assert file.read("recordings/late.mp4") == bytes(70_000)


def test_zipdetails_has_no_objection(archive: Path, tmp_path: Path) -> None:
    """The structure checker of the Perl distribution walks through without a warning or an error."""
    assert objections(archive, tmp_path) == []


def test_zipdetails_has_no_objection_around_4_gib(large: Path, tmp_path: Path) -> None:
    """The same for the ZIP64 forms of all structures."""
    assert objections(large, tmp_path) == []


def objections(path: Path, folder: Path) -> list[str]:
    """The lines of zipdetails that complain; that it reached the end record is checked beside."""
    output = run(["zipdetails", "{zip}"], zip=path, to=folder).lower()
    assert "end central" in output
    words = ("warning", "error", "unexpected", "invalid", "mismatch")
    return [line for line in output.splitlines() if any(word in line for word in words)]


def test_labcrate_reads_its_own_directory_around_4_gib(large: Path, many: Path) -> None:
    """Verification finds the central directory and the end records of the ZIP64 forms as they were written."""
    for path, count in ((large, 3), (many, 70_000)):
        with path.open("rb") as file:
            directory = read_directory(file.fileno(), path.name)
        assert len(directory.entries) == count
        assert directory.end_exact
        assert all(entry.exact and entry.stored for entry in directory.entries)
