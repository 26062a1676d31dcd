"""Checking an archive: every byte of its structure, every CRC-32, and every SHA-256 against its manifest."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labcrate.archive.directory import (
    MAX_IN_MEMORY_BYTES,
    Directory,
    ListedMember,
    printable_name,
    read_directory,
    size_limit_text,
)
from labcrate.archive.entity import entity_tag
from labcrate.archive.manifest import MANIFEST_NAME, read_manifest_lines
from labcrate.archive.members import ReadMember, open_zip, read_members
from labcrate.archive.names import name_clashes
from labcrate.errors import VerificationError
from labcrate.model.fixity import Fixity

MAX_FINDINGS = 1000
"""The findings that are listed one by one; a last one counts the rest."""

_MAX_NAME_CHARACTERS = 300
_PIECE_BYTES = 64 * 1024
_MANIFEST = MANIFEST_NAME.encode()

FindingKind = Literal["missing", "altered", "unexpected", "structure", "signature"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``member`` is empty for the archive as a whole; ``text`` is a sentence for people."""

    kind: FindingKind
    member: str
    algorithm: str | None
    expected: str | None
    found: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome: without findings the archive is whole. ``bytes`` counts the data that was read and hashed.

    ``etag`` is the strong entity tag that the export log has of these bytes; None where something was found.
    ``manifest_sha256`` is that of the manifest as it was read (None: there is none that could be). ``signed_by`` is the
    id of the key that signed it; None where that was not asked, or something was found.
    """

    findings: tuple[Finding, ...]
    members: int
    bytes: int
    etag: str | None = None
    manifest_sha256: str | None = None
    signed_by: str | None = None


def verify_archive(path: Path, progress: Callable[[int], None] | None = None) -> Report:
    """Check a ZIP that labcrate exported; every byte of the file is covered by one check or another.

    Whatever the file claims, none of its bytes is read twice but for the manifest's, and memory stays small.

    ``progress`` is told how many bytes were read since its last call, from worker threads, one at a time.
    Raises UsageError if the file cannot be opened, and VerificationError if it is no ZIP, or one
    whose central directory cannot be followed.
    """
    fd, label = open_zip(path)
    try:
        return _verify(fd, label, progress or _no_progress)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise VerificationError(f"{label} cannot be read ({reason}); check the disk, then try again.") from None
    finally:
        os.close(fd)


def _no_progress(_: int) -> None:
    """Progress that nobody asked for."""


def _verify(fd: int, label: str, progress: Callable[[int], None]) -> Report:
    directory = read_directory(fd, label)
    verification = _Verification()
    if not directory.end_is_exact:
        verification.add_structure_finding("", "the end of the archive is not as labcrate writes it: it was changed")
    with closing(read_members(fd, directory, progress)) as members:
        for member in members:
            verification.check_member(member)
    verification.check_end(directory.offset)
    verification.compare_with_manifest(fd, directory)
    findings = verification.findings()
    digests = verification.digests
    sha256 = digests[_MANIFEST].hex() if _MANIFEST in digests else None
    etag = None if findings else entity_tag(_tag_facts(directory, digests))
    return Report(findings, len(directory.members), verification.bytes, etag, sha256)


def _tag_facts(directory: Directory, digests: Mapping[bytes, bytes]) -> Iterator[tuple[Fixity, int, str]]:
    for member in directory.members:
        fixity = Fixity(member.size_bytes, member.crc32, digests[member.raw_name].hex())
        yield fixity, member.mtime_s, member.raw_name.decode()


class _Verification:
    """Collects findings, and of each member that could be read its SHA-256."""

    def __init__(self) -> None:
        self.digests: dict[bytes, bytes] = {}
        self.bytes = 0
        self._names: set[bytes] = set()
        self._position: int | None = 0
        self._manifest: tuple[int, int] | None = None
        self._findings: list[Finding] = []
        self._unlisted_count = 0

    def findings(self) -> tuple[Finding, ...]:
        """Return all that was found, up to a number of them."""
        if self._unlisted_count:
            self._unlisted_count, text = 0, f"{self._unlisted_count} further findings are not listed"
            self._findings.append(Finding("structure", "", None, None, None, text))
        return tuple(self._findings)

    def add_structure_finding(self, member: str, what: str) -> None:
        """Add a finding on how a member, or the archive as a whole, is built."""
        self._add("structure", member, what)

    def _add(
        self, kind: FindingKind, member: str, what: str, algorithm: str | None = None, expected: str | None = None,
        found: str | None = None,
    ) -> None:  # fmt: skip
        if len(self._findings) == MAX_FINDINGS:
            self._unlisted_count += 1
            return
        text = f"{member}: {what}" if member else what
        self._findings.append(Finding(kind, member, algorithm, expected, found, text))

    def check_member(self, member: ReadMember) -> None:
        """Check one member, the next in the directory's order: members lie one after the other, no name comes twice."""
        listed, name = member.listed, _short_name(member.listed.raw_name)
        if self._position is not None and listed.header_offset != self._position:
            self.add_structure_finding(name, f"starts at byte {listed.header_offset} instead of {self._position}")
        self._position = member.data_stop
        for problem in member.problems:
            self.add_structure_finding(name, problem)
        if listed.raw_name in self._names:
            self.add_structure_finding(name, "is there twice")
        elif member.data_stop is not None:
            self.digests[listed.raw_name] = member.sha256
        self._names.add(listed.raw_name)
        if member.data_stop is not None:
            self.bytes += listed.size_bytes
            self._compare_crc32(member, name)
            if listed.raw_name == _MANIFEST and self._manifest is None:
                self._manifest = (member.data_stop - listed.size_bytes, member.data_stop)

    def _compare_crc32(self, member: ReadMember, name: str) -> None:
        if member.crc32 != member.listed.crc32:
            found, expected = f"{member.crc32:08x}", f"{member.listed.crc32:08x}"
            what = f"its CRC-32 is {found}, the central directory says {expected}"
            self._add("altered", name, what, "CRC-32", expected, found)

    def check_end(self, directory_offset: int) -> None:
        """Check what can be once all members are known: the directory follows on the last, no two names are one."""
        if self._position is not None and self._position != directory_offset:
            self.add_structure_finding(
                "", f"the central directory starts at byte {directory_offset} instead of {self._position}"
            )
        for one, other, how in name_clashes(self._names):
            self.add_structure_finding(_short_name(one), f"its name is not allowed: it {how} {_short_name(other)}")

    def compare_with_manifest(self, fd: int, directory: Directory) -> None:
        """Compare all members with the manifest."""
        if self._manifest is None:
            what = "is missing, so no SHA-256 can be checked; export the session again"
            self._add("missing", MANIFEST_NAME, what)
            return
        start, stop = self._manifest
        if stop - start > MAX_IN_MEMORY_BYTES:
            what = f"is {size_limit_text(stop - start, MAX_IN_MEMORY_BYTES)}, so no SHA-256 can be checked"
            self.add_structure_finding(MANIFEST_NAME, what)
            return
        expected, missing = self._read_manifest(fd, start, stop)
        for member in directory.members:
            self._compare_sha256(member, expected)
        for raw_name, sha256 in missing.items():
            what = "is in the manifest, but not in the archive"
            self._add("missing", _short_name(raw_name), what, "SHA-256", sha256.hex())

    def _read_manifest(self, fd: int, start: int, stop: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """SHA-256 by name as the manifest has it: of members, and of what is no member."""
        listed: dict[bytes, bytes] = {}
        missing: dict[bytes, bytes] = {}
        for line in read_manifest_lines(_read_pieces(fd, start, stop)):
            if line.problem is not None:
                self.add_structure_finding(MANIFEST_NAME, line.problem)
            elif line.name == _MANIFEST:
                self.add_structure_finding(MANIFEST_NAME, f"line {line.number} names the manifest itself")
            elif line.name in listed or line.name in missing:
                self.add_structure_finding(
                    MANIFEST_NAME, f"line {line.number} names a member that an earlier line names"
                )
            else:
                (listed if line.name in self._names else missing)[line.name] = line.sha256
        return listed, missing

    def _compare_sha256(self, member: ListedMember, listed: Mapping[bytes, bytes]) -> None:
        if member.raw_name == _MANIFEST:
            return
        expected, found = listed.get(member.raw_name), self.digests.get(member.raw_name)
        name = _short_name(member.raw_name)
        if expected is None:
            self._add("unexpected", name, "is in the archive, but not in its manifest")
        elif found is not None and found != expected:
            what = f"its SHA-256 is {found.hex()}, the manifest says {expected.hex()}"
            self._add("altered", name, what, "SHA-256", expected.hex(), found.hex())


def _read_pieces(fd: int, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        part = os.pread(fd, min(_PIECE_BYTES, stop - start), start)
        if not part:
            return
        yield part
        start += len(part)


def _short_name(raw_name: bytes) -> str:
    """A name as findings show it: a long one is cut."""
    name = printable_name(raw_name[: 2 * _MAX_NAME_CHARACTERS])
    return name if len(raw_name) <= _MAX_NAME_CHARACTERS else f"{name[:_MAX_NAME_CHARACTERS]}..."
