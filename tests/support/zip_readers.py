"""The programs and libraries that researchers open a ZIP with, and everything that each finds in an archive."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from isal import isal_zlib

from labcrate.archive.copying import COPY_METHODS, CopyMethod, write_entity
from labcrate.archive.entity import Entity, FileSegment
from labcrate.archive.layout import BytesSource, Layout, Member

CHUNK = 1 << 20
SERIAL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # faster for short runs of Java
ENVIRONMENT = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


class ReaderError(AssertionError):
    """A reader failed, or printed something unexpected."""


@dataclass(slots=True)
class Contents:
    """What an archive contains: names and sizes in order, and length and CRC-32 of all contents joined."""

    sizes: list[tuple[str, int]] = field(default_factory=list)
    length: int = 0
    crc32: int = 0

    def add(self, chunks: Iterable[bytes]) -> int:
        """Append content, and return its length."""
        before = self.length
        for chunk in chunks:
            self.crc32 = isal_zlib.crc32(chunk, self.crc32)
            self.length += len(chunk)
        return self.length - before

    def add_member(self, name: str, chunks: Iterable[bytes]) -> None:
        """Append one member."""
        self.sizes.append((name, self.add(chunks)))

    def differences(self, expected: "Contents") -> list[str]:
        """Return the differences from the expected contents, in few words for any number of members."""
        pairs = zip(self.sizes, expected.sizes, strict=False)
        wrong = [f"found {found}, expected {other}" for found, other in pairs if found != other][:3]
        if len(self.sizes) != len(expected.sizes):
            wrong.append(f"found {len(self.sizes)} members, expected {len(expected.sizes)}")
        if (self.length, self.crc32) != (expected.length, expected.crc32):
            wrong.append(
                f"found {self.length} bytes, {self.crc32:08x}: expected {expected.length}, {expected.crc32:08x}"
            )
        return wrong


def chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a file."""
    while chunk := file.read(CHUNK):
        yield chunk


def run(words: Sequence[str], archive: Path, folder: Path, sink: Callable[[IO[bytes]], object], piped: bool) -> None:
    """Run a reader in a folder, pass its output to ``sink``, and raise ReaderError if it fails or prints an error.

    With ``piped`` the archive comes on its standard input, a pipe, so that it cannot go back.
    """
    with archive.open("rb") as file, tempfile.TemporaryFile() as errors:
        feeder = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) if piped else None
        source = feeder.stdout if feeder else subprocess.DEVNULL
        reader = subprocess.Popen(
            words, stdin=source, stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=ENVIRONMENT, pipesize=CHUNK
        )
        if feeder and feeder.stdout:
            feeder.stdout.close()  # only the reader has it, so that the feeder ends with the reader
        with reader, reader.stdout or errors as output:
            sink(output)
        if feeder:
            feeder.wait()
        errors.seek(0)
        said = errors.read(2000).decode(errors="replace").strip()
        if reader.returncode or said:
            raise ReaderError(f"{words[0]} ended with {reader.returncode}: {said}")


def run_for_text(words: Sequence[str], archive: Path, folder: Path, piped: bool = False) -> str:
    """Run a reader as ``run`` does, and return its output as text."""
    parts: list[bytes] = []
    run(words, archive, folder, lambda output: parts.append(output.read()), piped)
    text = parts[0].decode()
    if re.search("^(warning|error)", text, re.IGNORECASE | re.MULTILINE):
        raise ReaderError(f"{words[0]} says: {text[-1000:]}")
    return text


@dataclass(frozen=True)
class Reader:
    """One way to read a ZIP; ``{zip}`` in its words is the archive's path.

    ``listing`` with ``row`` (a pattern for name and size) lists the members, ``content`` writes all their bytes to
    standard output; ``unpack`` writes files. A library has ``read`` instead. ``listed_as`` and ``unpacked_as`` give the
    reader's form of a member's name, where that is a known limit of it.
    """

    program: str
    listing: tuple[str, ...] = ()
    row: str = ""
    content: tuple[str, ...] = ()
    unpack: tuple[str, ...] = ()
    piped: bool = False
    read: Callable[[Path, Path], Contents] | None = None
    listed_as: Callable[[str], str] = str
    unpacked_as: Callable[[str], str] = str

    def list_members(self, archive: Path, folder: Path) -> Contents:
        """Return names and sizes only."""
        text = run_for_text(self._words(self.listing, archive), archive, folder, self.piped)
        found = re.finditer(self.row, text, re.MULTILINE)
        return Contents([(match["name"], int(match["size"])) for match in found])

    def read_all(self, archive: Path, folder: Path) -> Contents:
        """Return everything that the reader finds; raise ReaderError if it complains."""
        if self.read:
            return self.read(archive, folder)
        found = self.list_members(archive, folder)
        if self.content:
            words = self._words(self.content, archive)
            run(words, archive, folder, lambda output: found.add(chunks_of(output)), self.piped)
            return found
        self.unpack_all(archive, folder)
        for name, size in found.sizes:
            with (folder / name).open("rb", buffering=0) as file:
                if found.add(chunks_of(file)) != size:
                    raise ReaderError(f"{self.program} lists {size} bytes for {name} and unpacks another number")
        if sum(path.is_file() for path in folder.rglob("*")) != len(found.sizes):
            raise ReaderError(f"{self.program} unpacks another number of files than it lists")
        return found

    def unpack_all(self, archive: Path, folder: Path) -> None:
        """Unpack all members into a folder."""
        run_for_text(self._words(self.unpack, archive), archive, folder, self.piped)

    def expected(self, contents: Contents) -> Contents:
        """Return what this reader must find in these contents."""
        sizes = [(self.listed_as(name), size) for name, size in contents.sizes]
        return Contents(sizes, contents.length, contents.crc32)

    @staticmethod
    def _words(words: Sequence[str], archive: Path) -> list[str]:
        return [word.format(zip=archive) for word in words]


def compose_name(name: str) -> str:
    """Return a name as libarchive lists it: composed (Unicode form NFC) if it is flagged as UTF-8."""
    return unicodedata.normalize("NFC", name)


def without_non_ascii(name: str) -> str:
    """Return a name as busybox lists it: a question mark for every byte beyond ASCII. It unpacks the right names."""
    return "".join("?" if byte > 126 else chr(byte) for byte in name.encode())


def read_with_zipfile(archive: Path, _: Path) -> Contents:
    """Read with Python's zipfile, which compares each CRC-32."""
    found = Contents()
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            with file.open(info) as member:
                found.add_member(info.filename, chunks_of(member))
            if found.sizes[-1] != (info.filename, info.file_size):
                raise ReaderError(f"zipfile lists {info.file_size} bytes for {info.filename} and reads another number")
    return found


def read_with_stream_unzip(archive: Path, _: Path) -> Contents:
    """Read with stream-unzip, which compares each CRC-32 and size."""
    from stream_unzip import UnzipError, stream_unzip  # noqa: PLC0415 - it need not be installed

    found = Contents()
    with archive.open("rb", buffering=0) as file:
        try:
            for name, _size, chunks in stream_unzip(chunks_of(file), chunk_size=CHUNK):
                found.add_member(name.decode(), chunks)
        except UnzipError as error:
            raise ReaderError(f"stream-unzip: {error!r}") from error
    return found


def read_with_java(classes: Path, archive: Path, folder: Path, piped: bool) -> Contents:
    """Read with java.util.zip: ``ZipInputStream`` on a pipe, ``ZipFile`` on a file."""
    words = ["java", *SERIAL, "-cp", str(classes), "ReadZip"]
    *rows, crc32 = run_for_text(words if piped else [*words, str(archive)], archive, folder, piped).splitlines()
    sizes = [(name, int(size)) for size, _, name in (row.partition(" ") for row in rows)]
    return Contents(sizes, sum(size for _, size in sizes), int(crc32))


JAR = ("jar", *(f"-J{option}" for option in SERIAL))
LONG_ROW = r"^-\S+ +\d+ \S+ +\S+ +(?P<size>\d+) \w+ +\d+ +\S+ (?P<name>.+)$"
PROGRAMS = {
    "unzip": Reader(
        "unzip",
        ("unzip", "-Z", "{zip}"),
        r"^-\S+ +\S+ unx +(?P<size>\d+) bx stor \S+ \S+ (?P<name>.+)$",
        ("unzip", "-p", "{zip}"),
        ("unzip", "-q", "{zip}"),
    ),
    "7z": Reader(
        "7z",
        ("7z", "l", "-slt", "-ba", "{zip}"),
        r"^Path = (?P<name>.+)\nFolder = -\nSize = (?P<size>\d+)$",
        ("7z", "x", "-so", "{zip}"),
        ("7z", "x", "-bd", "{zip}"),
    ),
    "bsdtar": Reader(
        "bsdtar",
        ("bsdtar", "-tvf", "{zip}"),
        LONG_ROW,
        ("bsdtar", "-xOf", "{zip}"),
        ("bsdtar", "-xf", "{zip}"),
        listed_as=compose_name,
        unpacked_as=compose_name,
    ),
    "bsdtar stream": Reader(
        "bsdtar",
        ("bsdtar", "-tvf", "-"),
        LONG_ROW,
        ("bsdtar", "-xOf", "-"),
        ("bsdtar", "-xf", "-"),
        piped=True,
        listed_as=compose_name,
        unpacked_as=compose_name,
    ),
    "jar": Reader(
        "jar",
        (*JAR, "-tvf", "{zip}"),
        r"^ *(?P<size>\d+) \w+ \w+ \d+ \S+ UTC \d+ (?P<name>.+)$",
        unpack=(*JAR, "-xf", "{zip}"),
    ),
    "jar stream": Reader(
        "jar",
        (*JAR, "-tv"),
        r"^ *(?P<size>\d+) \w+ \w+ \d+ \S+ UTC \d+ (?P<name>.+)$",
        unpack=(*JAR, "-x"),
        piped=True,
    ),
    "busybox": Reader(
        "busybox",
        ("busybox", "unzip", "-l", "{zip}"),
        r"^ *(?P<size>\d+)  \d\S+ \d\S+   (?P<name>.+)$",
        ("busybox", "unzip", "-p", "{zip}"),
        ("busybox", "unzip", "-q", "{zip}"),
        listed_as=without_non_ascii,
    ),
}
LIBRARIES = ["ZipFile", "ZipInputStream", "zipfile", "stream-unzip"]


def skip_unless_installed(program: str) -> None:
    """Skip the test visibly if a program is not installed."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: this reader was not tried")


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the Java readers, and return their folder."""
    skip_unless_installed("javac")
    folder = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", folder, Path(__file__).with_name("ReadZip.java")], check=True)
    return folder


@pytest.fixture(params=[*PROGRAMS, *LIBRARIES])
def reader(request: pytest.FixtureRequest) -> Reader:
    """Return each reader in turn; skip those that are not installed, by name."""
    name: str = request.param
    if name in PROGRAMS:
        skip_unless_installed(PROGRAMS[name].program)
        return PROGRAMS[name]
    if name == "zipfile":
        return Reader("Python", read=read_with_zipfile)
    if name == "stream-unzip":
        if not importlib.util.find_spec("stream_unzip"):
            pytest.skip("stream-unzip is not installed: this reader was not tried")
        return Reader(name, read=read_with_stream_unzip)
    classes: Path = request.getfixturevalue("java_classes")
    piped = name == "ZipInputStream"
    return Reader("java", read=lambda archive, folder: read_with_java(classes, archive, folder, piped), piped=piped)


@dataclass(frozen=True)
class WrittenArchive:
    """A ZIP that labcrate wrote, and its contents."""

    path: Path
    contents: Contents


def copy_sparsely(_: FileSegment, source: int, target: int, offset: int, length: int) -> int:
    """Copy for ``write_entity`` with holes where the source has them."""
    try:
        data = os.lseek(source, offset, os.SEEK_DATA)
    except OSError:  # ENXIO: only a hole up to the end
        data = offset + length
    if data > offset:
        skipped = min(length, data - offset)
        os.lseek(target, skipped, os.SEEK_CUR)
        return skipped
    end = os.lseek(source, offset, os.SEEK_HOLE)
    return os.write(target, os.pread(source, min(length, end - offset, CHUNK), offset))


class ArchiveWriter:
    """A writer of archives as labcrate writes them."""

    def write_whole(self, path: Path, members: Sequence[Member], sparse: bool = False) -> WrittenArchive:
        """Write all of an archive; the expected contents are read from the sources, by no ZIP reader."""
        methods: Sequence[CopyMethod] = (copy_sparsely,) if sparse else COPY_METHODS
        with path.open("wb") as file:
            write_entity(Entity(Layout(members)), file.fileno(), methods=methods)
        contents = Contents()
        for member in members:
            contents.add_member(member.name, member_chunks(member))
        return WrittenArchive(path, contents)

    def write_frame(self, path: Path, layout: Layout, hole: int) -> WrittenArchive:
        """Write all but the data of member ``hole``, which is not read; the expected contents are names and sizes."""
        entity = Entity(layout)
        with path.open("wb") as file:
            for start, stop in ((0, layout.data_offsets[hole]), (layout.header_offsets[hole + 1], entity.length)):
                os.pwrite(file.fileno(), b"".join(entity.read_range(start, stop)), start)
        return WrittenArchive(path, Contents([(member.name, member.fixity.size_bytes) for member in layout.members]))


@pytest.fixture(scope="session")
def writer() -> ArchiveWriter:
    """Return a writer of archives."""
    return ArchiveWriter()


def member_chunks(member: Member) -> Iterator[bytes]:
    """Yield a member's bytes from its source."""
    if isinstance(member.source, BytesSource):
        yield member.source.data
        return
    with os.fdopen(member.source.open(), "rb", buffering=0) as file:
        yield from chunks_of(file)


class StructureCheck:
    """zipdetails of the Perl distribution, which walks through every structure and comments on errors."""

    ODD = re.compile(
        rb"warning|error|unexpected|invalid|mismatch|truncat|overlaps with|matches with|eocd not|^\* ", re.I
    )
    # Its search for overlapping members takes quadratic time: over 10 minutes for 70,000.
    LINEAR = "package Linear; INIT { no warnings; *Seen::save = sub {} } 1;"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "Linear.pm").write_text(self.LINEAR)

    def find_objections(self, archive: WrittenArchive, overlaps: bool = True) -> list[str]:
        """Return the lines that complain, and the structures that were not found as often as expected."""
        script = shutil.which("zipdetails") or ""
        words = [] if overlaps else ["perl", f"-I{self.folder}", "-MLinear"]
        odd: list[str] = []
        counts = dict.fromkeys((b" LOCAL HEADER #", b" CENTRAL HEADER #", b" END CENTRAL HEADER ", b"Done\n"), 0)

        def read(output: IO[bytes]) -> None:
            for line in output:
                if self.ODD.search(line):
                    odd.append(line.decode(errors="replace"))
                for word in counts:
                    counts[word] += word in line

        run([*words, script, str(archive.path)], archive.path, self.folder, read, piped=False)
        members = len(archive.contents.sizes)
        wrong = [
            f"{count} times {word!r}" for word, count in counts.items() if count != (members if b"#" in word else 1)
        ]
        return odd + wrong


@pytest.fixture(scope="session")
def zipdetails(tmp_path_factory: pytest.TempPathFactory) -> StructureCheck:
    """Return the structure checker, if it is installed."""
    skip_unless_installed("zipdetails")
    return StructureCheck(tmp_path_factory.mktemp("zipdetails"))
