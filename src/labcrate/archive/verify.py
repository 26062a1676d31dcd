"""Checking an archive: every byte of its structure, every CRC-32, and every SHA-256 against its manifest."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isal import isal_zlib

from labcrate.archive import records
from labcrate.archive.directory import MAX_IN_MEMORY, Entry, read_directory, read_exactly, shown
from labcrate.archive.entity import tag_of
from labcrate.archive.layout import name_problem
from labcrate.archive.manifest import MANIFEST_NAME, Manifest, parse_manifest
from labcrate.archive.opening import open_zip
from labcrate.errors import VerificationError
from labcrate.model.fixity import Fixity

CHUNK = 1024 * 1024
_BATCH_BYTES = 8 * CHUNK
_BATCH_MEMBERS = 256
_PADDING = range(records.PADDING_MIN, records.MAX16 // 2)  # together with the other extra fields it fits 16 bits

Kind = Literal["missing", "altered", "unexpected", "structure", "signature"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``member`` is empty for the archive as a whole; ``text`` is a sentence for people."""

    kind: Kind
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


@dataclass(frozen=True, slots=True)
class _Checked:
    """One member as found; where ``data_stop`` is None its data could not be read."""

    entry: Entry
    data_stop: int | None = None
    sha256: str = ""
    findings: tuple[Finding, ...] = ()


_Bounded = tuple[Entry, int]
"""A member, and the offset that its data must not pass."""


def verify_archive(path: Path, progress: Callable[[int], None] | None = None) -> Report:
    """Check a ZIP that labcrate exported; every byte of the file is covered by one check or another.

    ``progress`` is told how many bytes were read since its last call, from worker threads, one at a time.
    Raises UsageError if the file cannot be opened, and VerificationError if it is no ZIP, or one
    whose central directory cannot be followed.
    """
    fd, label = open_zip(path)
    try:
        return _verify(fd, label, progress or _ignore)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise VerificationError(f"{label} cannot be read ({reason}); check the disk, then try again.") from None
    finally:
        os.close(fd)


def _ignore(_: int) -> None:
    """Progress that nobody asked for."""


def _verify(fd: int, label: str, progress: Callable[[int], None]) -> Report:
    directory = read_directory(fd, label)
    checked = _Checker(fd, directory.offset, progress).check_all(directory.entries)
    findings: list[Finding] = []
    if not directory.end_exact:
        findings.append(_structure("", "the end of the archive is not as labcrate writes it: it was changed"))
    findings += _gaps(checked, directory.offset)
    findings += [finding for member in checked for finding in member.findings]
    findings += _against_manifest(fd, checked)
    read = sum(member.entry.size_bytes for member in checked if member.data_stop is not None)
    etag = None if findings else tag_of(map(_told, checked))
    return Report(tuple(findings), len(checked), read, etag, _manifest_sha256(checked))


def _manifest_sha256(checked: Sequence[_Checked]) -> str | None:
    manifest = (one for one in checked if one.entry.raw_name == MANIFEST_NAME.encode())
    return next((one.sha256 for one in manifest if one.data_stop is not None), None)


def _told(member: _Checked) -> tuple[Fixity, int, str]:
    entry = member.entry
    return Fixity(entry.size_bytes, entry.crc32, member.sha256), entry.seconds, entry.raw_name.decode()


def _structure(member: str, what: str) -> Finding:
    return Finding("structure", member, None, None, None, f"{member}: {what}" if member else what)


def _gaps(checked: Sequence[_Checked], directory_offset: int) -> Iterator[Finding]:
    """Members lie one after the other from the file's start to the central directory, and no name comes twice."""
    position: int | None = 0
    names: set[bytes] = set()
    for member in checked:
        if position is not None and member.entry.offset != position:
            yield _structure(member.entry.name, f"starts at byte {member.entry.offset} instead of {position}")
        if member.entry.raw_name in names:
            yield _structure(member.entry.name, "is there twice")
        names.add(member.entry.raw_name)
        position = member.data_stop
    if position is not None and position != directory_offset:
        yield _structure("", f"the central directory starts at byte {directory_offset} instead of {position}")


class _Checker:
    """Reads members' headers and data, several at a time."""

    def __init__(self, fd: int, directory_offset: int, progress: Callable[[int], None]) -> None:
        self.fd, self.directory_offset, self.progress = fd, directory_offset, progress
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def check_all(self, entries: Sequence[Entry]) -> list[_Checked]:
        """All members in order; stops at once if the caller is interrupted."""
        pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "verify")
        try:
            batches = _batches(entries, self.directory_offset)
            return [member for batch in pool.map(self._check_batch, batches) for member in batch]
        finally:
            self.stopped.set()
            pool.shutdown(cancel_futures=True)

    def _check_batch(self, batch: Sequence[_Bounded]) -> list[_Checked]:
        return [self._check(entry, limit) for entry, limit in batch]

    def _check(self, entry: Entry, limit: int) -> _Checked:
        name, findings = entry.name, []
        if not entry.exact or not entry.stored:
            what = "its entry in the central directory is not as labcrate writes it: changed, or packed again"
            findings.append(_structure(name, what))
        if problem := _name_problem(entry.raw_name):
            findings.append(_structure(name, f"its name is not allowed: {problem}"))
        header = self._local_header(entry)
        if header is None or not entry.stored:
            what = "has no local header where the central directory says" if header is None else "is not stored"
            findings.append(_structure(name, f"{what}, so its data cannot be checked"))
            return _Checked(entry, findings=tuple(findings))
        if header != _expected_local_header(entry, len(header)):
            findings.append(_structure(name, "its local header does not agree with the central directory"))
        start = entry.offset + len(header)
        if start + entry.size_bytes > limit:
            findings.append(_structure(name, "its data would reach into what follows it, so it cannot be checked"))
            return _Checked(entry, findings=tuple(findings))
        crc32, sha256 = self._digest(start, entry.size_bytes)
        if crc32 != entry.crc32:
            found, expected = f"{crc32:08x}", f"{entry.crc32:08x}"
            text = f"{name}: its CRC-32 is {found}, the central directory says {expected}"
            findings.append(Finding("altered", name, "CRC-32", expected, found, text))
        return _Checked(entry, start + entry.size_bytes, sha256, tuple(findings))

    def _local_header(self, entry: Entry) -> bytes | None:
        head = read_exactly(self.fd, entry.offset, records.LOCAL_HEADER.size)
        if head is None:
            return None
        signature, *_, name_bytes, extra_bytes = records.LOCAL_HEADER.unpack(head)
        if signature != records.LOCAL_SIGNATURE:
            return None
        return read_exactly(self.fd, entry.offset, len(head) + name_bytes + extra_bytes)

    def _digest(self, start: int, length: int) -> tuple[int, str]:
        """CRC-32 and SHA-256 of a range, from one reading; of what is there, if the file became shorter."""
        memory = memoryview(bytearray(min(CHUNK, length)))
        crc32, sha256, done = 0, hashlib.sha256(), 0
        while done < length and not self.stopped.is_set():
            count = os.preadv(self.fd, [memory[: length - done]], start + done)
            if not count:
                break
            crc32 = isal_zlib.crc32(memory[:count], crc32)
            sha256.update(memory[:count])
            done += count
            with self.lock:
                self.progress(count)
        return crc32, sha256.hexdigest()


def _batches(entries: Sequence[Entry], directory_offset: int) -> Iterator[list[_Bounded]]:
    """Portions of work: small members together, large ones each on their own.

    With each member comes where the next one starts: nothing is read twice, however members claim to overlap.
    """
    batch: list[_Bounded] = []
    size = 0
    limits = [entry.offset for entry in entries[1:]] + [directory_offset]
    for entry, limit in zip(entries, limits[: len(entries)], strict=True):
        batch.append((entry, limit))
        size += entry.size_bytes
        if size >= _BATCH_BYTES or len(batch) == _BATCH_MEMBERS:
            yield batch
            batch, size = [], 0
    yield batch


def _name_problem(name: bytes) -> str | None:
    try:
        return name_problem(name.decode())
    except UnicodeDecodeError:
        return "it is not UTF-8"


def _expected_local_header(entry: Entry, length: int) -> bytes | None:
    """What labcrate would write: the central directory's facts, and whatever padding makes up the length."""
    bare = records.local_header_length(len(entry.raw_name), entry.size_bytes, entry.seconds, entry.wide)
    padding = length - bare
    if padding and padding not in _PADDING:
        return None
    return records.local_header(
        entry.raw_name,
        entry.crc32,
        entry.size_bytes,
        entry.seconds,
        entry.offset,
        padding=padding,
        wide=entry.wide,
    )


def _against_manifest(fd: int, checked: Sequence[_Checked]) -> Iterator[Finding]:
    manifest = _read_manifest(fd, checked)
    if manifest is None:
        text = f"{MANIFEST_NAME}: is missing, so no SHA-256 can be checked; export the session again"
        yield Finding("missing", MANIFEST_NAME, None, None, None, text)
        return
    for problem in manifest.problems:
        yield _structure(MANIFEST_NAME, problem)
    left = dict(manifest.hashes)
    for member in checked:
        entry = member.entry
        expected = left.pop(entry.raw_name, None) or manifest.hashes.get(entry.raw_name)
        if entry.raw_name == MANIFEST_NAME.encode():
            continue
        if expected is None:
            text = f"{entry.name}: is in the archive, but not in its manifest"
            yield Finding("unexpected", entry.name, None, None, None, text)
        elif member.data_stop is not None and member.sha256 != expected:
            text = f"{entry.name}: its SHA-256 is {member.sha256}, the manifest says {expected}"
            yield Finding("altered", entry.name, "SHA-256", expected, member.sha256, text)
    for raw_name, expected in left.items():
        name = shown(raw_name)
        text = f"{name}: is in the manifest, but not in the archive"
        yield Finding("missing", name, "SHA-256", expected, None, text)


def _read_manifest(fd: int, checked: Sequence[_Checked]) -> Manifest | None:
    for member in checked:
        size, stop = member.entry.size_bytes, member.data_stop
        if member.entry.raw_name == MANIFEST_NAME.encode() and stop is not None and size <= MAX_IN_MEMORY:
            return parse_manifest(read_exactly(fd, stop - size, size) or b"")
    return None
