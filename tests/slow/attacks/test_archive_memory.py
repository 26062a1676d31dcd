"""``verify`` and ``labcrate.open`` take at most 200 MB of memory for any file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.forgeries import SECONDS, archive_of

from labcrate.archive import records
from labcrate.archive.directory import MAX_IN_MEMORY_BYTES, MAX_MEMBERS
from labcrate.archive.manifest import MANIFEST_NAME

MOST = 200 * 1024 * 1024
METADATA = b"data/session_metadata.json"
GB = 1_000_000_000
MANIFEST = MANIFEST_NAME.encode()
HEAD = b'{"format": "labcrate session archive", "formatVersion": 3, "state": "complete", "session": {"id": 42}, '

# The peak of this process; resource.getrusage may give that of the parent process.
PROGRAM = """
import sys
import labcrate
from labcrate.archive.verify import verify_archive
from pathlib import Path
path = Path(sys.argv[1])
verify = lambda: verify_archive(path)
try:
    archive = labcrate.open(path)
    print("opened", archive.session.id)
    verify = archive.verify
except labcrate.errors.LabcrateError as error:
    print("refused:", error)
try:
    print("findings", *(finding.text for finding in verify().findings[:3]), sep="\\n")
except labcrate.errors.LabcrateError as error:
    print("refused:", error)
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


def written(path: Path, data: bytes) -> None:
    """Write a file."""
    path.write_bytes(data)


def sparse(path: Path, name: bytes, size: int) -> None:
    """Write an archive with one member of that many zeros, which use no disk space."""
    local = records.local_header(name, 0, size, SECONDS, 0)
    central = records.central_header(name, 0, size, SECONDS, 0)
    with path.open("wb") as file:
        file.write(local)
        file.seek(size, 1)
        file.write(central + records.end_records(1, len(local) + size, len(central)))


def with_directory(path: Path, headers: bytes, count: int) -> None:
    """Write an archive without members that has this directory."""
    path.write_bytes(headers + records.end_records(count, 0, len(headers)))


def headers(path: Path, count: int, name: Callable[[int], bytes]) -> None:
    """Write an archive of nothing but directory headers, all for one position."""
    with_directory(
        path, b"".join(records.central_header(name(index), 0, 0, SECONDS, 0) for index in range(count)), count
    )


def huge_directory(path: Path) -> None:
    """Write a directory of 107 MB: one header repeated."""
    with_directory(path, records.central_header(b"01234567", 0, 0, SECONDS, 0) * 1_700_000, 1_700_000)


def metadata(rest: bytes) -> dict[bytes, bytes]:
    """Return the contents of a session archive with more in its metadata."""
    return {b"README.txt": b"", METADATA: HEAD + rest}


def tokens(count: int, kind: bytes) -> bytes:
    """Return a JSON array that takes much more memory than bytes."""
    return b"[" + b",".join([kind] * count) + b"]"


def many(path: Path) -> None:
    """Write as many members as allowed, all valid, and metadata of the maximum length."""
    files = {b"data/session_files/frames/%06d.jpg" % index: b"" for index in range(MAX_MEMBERS - 3)}
    path.write_bytes(archive_of(metadata(b'"x": ' + tokens(20_000_000, b"[]") + b"}") | files))


def full_metadata(rest: bytes, session: bytes = b"") -> Callable[[Path], None]:
    """Write an archive with such metadata."""
    contents = metadata(rest)
    if session:
        contents[METADATA] = contents[METADATA].replace(b'{"id": 42}', session)
    return lambda path: written(path, archive_of(contents))


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "metadata of 1.5 GB": (lambda path: sparse(path, METADATA, 3 * GB // 2), "at most 64,000,000 bytes are read"),
    "a manifest of 1 GB": (lambda path: sparse(path, MANIFEST, GB), "at most 16,000,000 bytes are read"),
    "a table of 1.5 GB that is not read": (
        lambda path: sparse(path, b"data/zigbee-sensors.csv", 3 * GB // 2),
        "its CRC-32",
    ),
    "a directory of 100 MB": (
        huge_directory,
        "and at most 16,000,000 bytes are read",
    ),
    "a directory of 16 MB with more members than there may be": (
        lambda path: headers(path, MAX_IN_MEMORY_BYTES // 61, lambda index: b"%06d" % index),
        "contains more than 100,000 files",
    ),
    "as many members as there may be, none sound": (
        lambda path: headers(path, MAX_MEMBERS, lambda index: b"%06d" % index + b"/a" * 49),
        "",
    ),
    "as many members as there may be, metadata of 60 MB": (many, "opened 42"),
    "names of 64 kB": (
        lambda path: headers(path, 240, lambda index: b"%04d" % index + b"/a" * 32_000),
        "longer than 1,024 bytes",
    ),
    "a manifest of 16 MB of line breaks": (
        lambda path: written(path, archive_of({b"a": b""}, b"\n" * MAX_IN_MEMORY_BYTES)),
        "line 1 is not a SHA-256",
    ),
    "a manifest of 16 MB without a line break": (
        lambda path: written(path, archive_of({b"a": b""}, b"\\" * MAX_IN_MEMORY_BYTES)),
        "line 1 is too long",
    ),
    "a manifest of 16 MB of names that are nowhere": (
        lambda path: (
            path.write_bytes(
                archive_of(
                    {}, b"".join(b"%064d  %09d\n" % (index, index) for index in range(MAX_IN_MEMORY_BYTES // 76))
                )
            ),
            None,
        )[1],
        "is in the manifest, but not in the archive",
    ),
    "metadata of 60 MB of empty lists": (full_metadata(b'"x": ' + tokens(20_000_000, b"[]") + b"}"), "opened 42"),
    "metadata of 60 MB of texts": (full_metadata(b'"x": ' + tokens(15_000_000, b'"a"') + b"}"), "opened 42"),
    "a session of 60 MB": (
        full_metadata(b'"x": 0}', b'{"id": 42, "described": {"a": ' + tokens(20_000_000, b"[]") + b"}}"),
        "and at most 2,000,000 bytes are read",
    ),
    "a session of 2 MB of empty objects": (
        full_metadata(b'"x": 0}', b'{"id": 42, "described": {"a": ' + tokens(600_000, b"{}") + b"}}"),
        "opened 42",
    ),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a program's own peak of memory is read from /proc")
@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_more_than_200_mb(name: str, tmp_path: Path) -> None:
    """Opening and verifying it in one program ends with a message, and at most 200 MB at the peak."""
    make, answer = HOSTILE[name]
    path = tmp_path / "a.zip"
    make(path)
    done = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=True)
    path.unlink()
    *said, peak = done.stdout.splitlines()
    assert answer in "\n".join(said)
    print(f"{name}: {int(peak) // 1024} MB")
    assert int(peak) * 1024 <= MOST
