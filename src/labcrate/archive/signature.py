"""Checking who signed an archive: a signature over its manifest, in a file beside the ZIP."""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from labcrate.archive import records
from labcrate.archive.directory import printable_name, read_directory, read_exactly
from labcrate.archive.keys import (
    SIGNATURE_SUFFIX,
    PublicKey,
    key_id_of,
    parse_public_key,
    read_small_file,
)
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.archive.members import CHUNK_BYTES, open_zip
from labcrate.archive.verify import Finding, Report, verify_archive
from labcrate.errors import UsageError

if TYPE_CHECKING:
    from minisign import Signature

_AGAIN = "get archive and signature again from the lab"


def read_public_key(key_or_path: str | os.PathLike[str]) -> PublicKey:
    """Return the public key that is named: by its base64 text, or by the file that holds it. Raises UsageError."""
    text = os.fspath(key_or_path)
    try:
        return parse_public_key(text)
    except ValueError:
        path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises RuntimeError
    label = printable_name(os.fsencode(path.name))
    hint = "give the lab's public key, a text that begins with RW, or the file that holds it"
    try:
        return parse_public_key(read_small_file(path))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UsageError(f"{label[:60]} is no public key, and no file that can be opened ({reason}); {hint}.") from None
    except ValueError:
        raise UsageError(f"{label[:60]} holds no public key of minisign's; {hint}.") from None


def verify_signed(
    path: Path,
    key: PublicKey,
    signature: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check an archive as ``verify_archive`` does, and that its manifest was signed by just this key.

    ``signature`` is the file (None: ``NAME.zip.minisig`` beside the archive). What is wrong with it is a finding of
    the kind ``signature``. Raises what ``verify_archive`` does.
    """
    report = verify_archive(path, progress)
    problem = _signature_problem(path, report, key, signature or path.with_name(path.name + SIGNATURE_SUFFIX))
    if problem is not None:
        return replace(report, findings=(*report.findings, problem), etag=None)
    return report if report.findings else replace(report, signed_by=key.key_id)


def _signature_problem(path: Path, report: Report, key: PublicKey, signature_path: Path) -> Finding | None:
    """What is wrong with a signature, or None."""
    from minisign import Signature  # noqa: PLC0415

    label = printable_name(os.fsencode(signature_path.name))
    try:
        data = read_small_file(signature_path)
        signature = Signature.from_bytes(data)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return _finding(key, f"{label}: cannot be opened ({reason}), so nothing says who made the archive; {_AGAIN}")
    except ValueError as error:
        return _finding(key, f"{label}: is no signature of minisign's ({error}); {_AGAIN}")
    signed_by = key_id_of(base64.b64decode(data.splitlines()[1]))
    if signed_by != key.key_id:
        what = f"is by key {signed_by}, not by key {key.key_id}"
        return _finding(key, f"{label}: {what}; rely on it only if the lab itself tells you that key", signed_by)
    if not signature.is_prehashed():
        what = "signs the bytes themselves, as minisign did before version 0.10, and not their hash"
        return _finding(key, f"{label}: {what}; have the archive signed again", signed_by)
    manifest = _ManifestReader.of(path)
    if manifest is None:
        return _finding(key, f"{label}: is there, but the archive has no {MANIFEST_NAME} that it could sign; {_AGAIN}")
    with manifest:
        return _check_manifest_signature(manifest, report, key, signature, label)


def _check_manifest_signature(
    manifest: "_ManifestReader", report: Report, key: PublicKey, signature: "Signature", label: str
) -> Finding | None:
    try:
        key.verify(manifest, signature)
    except (ValueError, OSError):
        what = f"is no signature of this archive's {MANIFEST_NAME} by key {key.key_id}"
        why = "one of them was altered, or they do not belong together"
        return _finding(key, f"{label}: {what}: {why}; {_AGAIN}", key.key_id)
    if manifest.sha256.hexdigest() != report.manifest_sha256:
        return _finding(key, f"{label}: the archive changed while it was checked; check it again", key.key_id)
    return None


def _finding(key: PublicKey, text: str, found: str | None = None) -> Finding:
    return Finding("signature", "", "Ed25519", key.key_id, found, text)


class _ManifestReader:
    """The archive's manifest, read a part at a time and hashed on the way; a context manager that closes the file."""

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd, self._at, self._stop = fd, start, stop
        self.sha256 = hashlib.sha256()

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Open an archive at its manifest; None where it has none. Raises UsageError, VerificationError."""
        fd, label = open_zip(path)
        try:
            members = read_directory(fd, label).members
            member = next((one for one in members if one.raw_name == MANIFEST_NAME.encode()), None)
            head = member and read_exactly(fd, member.header_offset, records.LOCAL_HEADER.size)
            if member and head and member.is_stored:
                *_, name_bytes, extra_bytes = records.LOCAL_HEADER.unpack(head)
                start = member.header_offset + len(head) + name_bytes + extra_bytes
                return cls(fd, start, start + member.size_bytes)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most ``size`` and one megabyte. Raises OSError."""
        remaining = self._stop - self._at
        data = os.pread(self._fd, min(remaining, CHUNK_BYTES if size < 0 else size), self._at)
        self._at += len(data)
        self.sha256.update(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
