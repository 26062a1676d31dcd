"""Verify an archive: every byte of its structure, every CRC-32, and every SHA-256 in its manifest."""

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
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity

MAX_FINDINGS = 1000
"""The most findings that are listed; one more finding then counts the rest."""

_MAX_NAME_CHARACTERS = 300
_PIECE_BYTES = 64 * 1024
_MANIFEST = MANIFEST_NAME.encode()

FindingKind = Literal["missing", "altered", "unexpected", "structure", "signature"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of an archive. ``member`` is empty for the archive as a whole; ``text`` describes the problem."""

    kind: FindingKind
    member: str
    algorithm: str | None
    expected: str | None
    found: str | None
    text: Message


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification. Without findings the archive is complete and unaltered.

    ``bytes`` is the number of bytes that were read and hashed. ``etag`` is the strong entity tag of these bytes, as in
    the export log; None if there are findings. ``manifest_sha256`` is the SHA-256 of the manifest; None if it could not
    be read. ``signed_by`` is the id of the key that signed the archive; None if that was not requested, or if there are
    findings.
    """

    findings: tuple[Finding, ...]
    members: int
    bytes: int
    etag: str | None = None
    manifest_sha256: str | None = None
    signed_by: str | None = None


def verify_archive(path: Path, progress: Callable[[int], None] | None = None) -> Report:
    """Verify a ZIP that labcrate exported; the checks cover every byte of the file.

    Whatever the file contains, only the manifest is read twice, and little memory is needed.

    ``progress`` is called with the number of bytes read since its last call, by one worker thread at a time.
    Raises UsageError if the file cannot be opened, and VerificationError if it is not a ZIP, or if its central
    directory cannot be read.
    """
    fd, label = open_zip(path)
    try:
        return _verify(fd, label, progress or _no_progress)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise VerificationError(Message("zip.cannot_read", file=label, reason=reason)) from None
    finally:
        os.close(fd)


def _no_progress(_: int) -> None:
    """Ignore the progress."""


def _verify(fd: int, label: str, progress: Callable[[int], None]) -> Report:
    directory = read_directory(fd, label)
    verification = _Verification()
    if not directory.end_is_exact:
        verification.add_structure_finding("", Message("verify.end_changed"))
    with closing(read_members(fd, directory, progress)) as members:
        for member in members:
            verification.check_member(member)
    verification.check_end(directory.offset)
    verification.compare_with_manifest(fd, directory)
    findings = verification.findings()
    digests = verification.digests
    sha256 = digests[_MANIFEST].hex() if _MANIFEST in digests else None
    etag = None if findings else entity_tag(_entity_tag_parts(directory, digests))
    return Report(findings, len(directory.members), verification.bytes, etag, sha256)


def _entity_tag_parts(directory: Directory, digests: Mapping[bytes, bytes]) -> Iterator[tuple[Fixity, int, str]]:
    for member in directory.members:
        fixity = Fixity(member.size_bytes, member.crc32, digests[member.raw_name].hex())
        yield fixity, member.mtime_s, member.raw_name.decode()


class _Verification:
    """The findings of one verification, and the SHA-256 of each member that could be read."""

    def __init__(self) -> None:
        self.digests: dict[bytes, bytes] = {}
        self.bytes = 0
        self._names: set[bytes] = set()
        self._position: int | None = 0
        self._manifest: tuple[int, int] | None = None
        self._findings: list[Finding] = []
        self._unlisted_count = 0

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, at most ``MAX_FINDINGS`` and one that counts the rest."""
        if self._unlisted_count:
            text = Message("verify.more_findings", count=self._unlisted_count)
            self._unlisted_count = 0
            self._findings.append(Finding("structure", "", None, None, None, text))
        return tuple(self._findings)

    def add_structure_finding(self, member: str, problem: Message) -> None:
        """Add a finding about the structure of a member, or of the archive as a whole."""
        self._add("structure", member, problem)

    def _add(
        self,
        kind: FindingKind,
        member: str,
        problem: Message,
        algorithm: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        if len(self._findings) == MAX_FINDINGS:
            self._unlisted_count += 1
            return
        text = Message("verify.member", member=member, problem=problem) if member else problem
        self._findings.append(Finding(kind, member, algorithm, expected, found, text))

    def check_member(self, member: ReadMember) -> None:
        """Check the next member in the directory's order: members have no gaps between them, and different names."""
        listed, name = member.listed, _short_name(member.listed.raw_name)
        if self._position is not None and listed.header_offset != self._position:
            offsets = {"offset": listed.header_offset, "expected": self._position}
            self.add_structure_finding(name, Message("verify.member_offset", **offsets))
        self._position = member.data_stop
        for problem in member.problems:
            self.add_structure_finding(name, problem)
        if listed.raw_name in self._names:
            self.add_structure_finding(name, Message("verify.twice"))
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
            self._add(
                "altered", name, Message("verify.crc32", found=found, expected=expected), "CRC-32", expected, found
            )

    def check_end(self, directory_offset: int) -> None:
        """Check that the directory follows the last member, and that every system can unpack all names."""
        if self._position is not None and self._position != directory_offset:
            offsets = {"offset": directory_offset, "expected": self._position}
            self.add_structure_finding("", Message("verify.directory_offset", **offsets))
        for one, other, clash in name_clashes(self._names):
            problem = Message(clash, other=_short_name(other))
            self.add_structure_finding(_short_name(one), Message("verify.name_not_allowed", problem=problem))

    def compare_with_manifest(self, fd: int, directory: Directory) -> None:
        """Compare all members with the manifest."""
        if self._manifest is None:
            self._add("missing", MANIFEST_NAME, Message("verify.no_manifest"))
            return
        start, stop = self._manifest
        if stop - start > MAX_IN_MEMORY_BYTES:
            limit = size_limit_text(stop - start, MAX_IN_MEMORY_BYTES)
            self.add_structure_finding(MANIFEST_NAME, Message("verify.manifest_too_large", limit=limit))
            return
        expected, missing = self._read_manifest(fd, start, stop)
        for member in directory.members:
            self._compare_sha256(member, expected)
        for raw_name, sha256 in missing.items():
            self._add("missing", _short_name(raw_name), Message("verify.not_in_archive"), "SHA-256", sha256.hex())

    def _read_manifest(self, fd: int, start: int, stop: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the manifest's SHA-256 by name: of members, and of files that are not in the archive."""
        listed: dict[bytes, bytes] = {}
        missing: dict[bytes, bytes] = {}
        for line in read_manifest_lines(_read_pieces(fd, start, stop)):
            if line.problem is not None:
                self.add_structure_finding(MANIFEST_NAME, line.problem)
            elif line.name == _MANIFEST:
                self.add_structure_finding(MANIFEST_NAME, Message("manifest.names_itself", line=line.number))
            elif line.name in listed or line.name in missing:
                self.add_structure_finding(MANIFEST_NAME, Message("manifest.repeated_name", line=line.number))
            else:
                (listed if line.name in self._names else missing)[line.name] = line.sha256
        return listed, missing

    def _compare_sha256(self, member: ListedMember, listed: Mapping[bytes, bytes]) -> None:
        if member.raw_name == _MANIFEST:
            return
        expected, found = listed.get(member.raw_name), self.digests.get(member.raw_name)
        name = _short_name(member.raw_name)
        if expected is None:
            self._add("unexpected", name, Message("verify.not_in_manifest"))
        elif found is not None and found != expected:
            problem = Message("verify.sha256", found=found.hex(), expected=expected.hex())
            self._add("altered", name, problem, "SHA-256", expected.hex(), found.hex())


def _read_pieces(fd: int, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        part = os.pread(fd, min(_PIECE_BYTES, stop - start), start)
        if not part:
            return
        yield part
        start += len(part)


def _short_name(raw_name: bytes) -> str:
    """Return a name for findings; a long one is cut."""
    name = printable_name(raw_name[: 2 * _MAX_NAME_CHARACTERS])
    return name if len(raw_name) <= _MAX_NAME_CHARACTERS else f"{name[:_MAX_NAME_CHARACTERS]}..."
