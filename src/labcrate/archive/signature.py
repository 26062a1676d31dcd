"""Check who signed an archive: the signature is over its manifest, in a file beside the ZIP."""

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
from labcrate.messages.message import Message

if TYPE_CHECKING:
    from minisign import Signature


def read_public_key(key_or_path: str | os.PathLike[str]) -> PublicKey:
    """Return a public key from its base64 text, or from the file with it. Raises UsageError."""
    text = os.fspath(key_or_path)
    try:
        return parse_public_key(text)
    except ValueError:
        path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises RuntimeError
    label = printable_name(os.fsencode(path.name))
    try:
        return parse_public_key(read_small_file(path))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UsageError(Message("key.cannot_open", file=label[:60], reason=reason)) from None
    except ValueError:
        raise UsageError(Message("key.no_public_key_in_file", file=label[:60])) from None


def verify_signed(
    path: Path,
    key: PublicKey,
    signature: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify an archive as ``verify_archive`` does, and that its manifest was signed by this key.

    ``signature`` is the file with the signature (None: ``NAME.zip.minisig`` beside the archive). A problem of the
    signature is a finding of the kind ``signature``. Raises what ``verify_archive`` raises.
    """
    report = verify_archive(path, progress)
    problem = _signature_problem(path, report, key, signature or path.with_name(path.name + SIGNATURE_SUFFIX))
    if problem is not None:
        return replace(report, findings=(*report.findings, problem), etag=None)
    return report if report.findings else replace(report, signed_by=key.key_id)


def _signature_problem(path: Path, report: Report, key: PublicKey, signature_path: Path) -> Finding | None:
    """Return the finding about a signature that is wrong, or None."""
    from minisign import Signature  # noqa: PLC0415

    label = printable_name(os.fsencode(signature_path.name))
    try:
        data = read_small_file(signature_path)
        signature = Signature.from_bytes(data)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return _finding(key, Message("signature.cannot_open", file=label, reason=reason))
    except ValueError as error:
        return _finding(key, Message("signature.not_a_signature", file=label, reason=str(error)))
    signed_by = key_id_of(base64.b64decode(data.splitlines()[1]))
    if signed_by != key.key_id:
        text = Message("signature.other_key", file=label, found=signed_by, expected=key.key_id)
        return _finding(key, text, signed_by)
    if not signature.is_prehashed():
        return _finding(key, Message("signature.not_hashed", file=label), signed_by)
    manifest = _ManifestReader.of(path)
    if manifest is None:
        return _finding(key, Message("signature.no_manifest", file=label, manifest=MANIFEST_NAME))
    with manifest:
        return _check_manifest_signature(manifest, report, key, signature, label)


def _check_manifest_signature(
    manifest: "_ManifestReader", report: Report, key: PublicKey, signature: "Signature", label: str
) -> Finding | None:
    try:
        key.verify(manifest, signature)
    except (ValueError, OSError):
        text = Message("signature.no_match", file=label, manifest=MANIFEST_NAME, key=key.key_id)
        return _finding(key, text, key.key_id)
    if manifest.sha256.hexdigest() != report.manifest_sha256:
        return _finding(key, Message("signature.archive_changed", file=label), key.key_id)
    return None


def _finding(key: PublicKey, text: Message, found: str | None = None) -> Finding:
    return Finding("signature", "", "Ed25519", key.key_id, found, text)


class _ManifestReader:
    """The manifest of an archive, read in pieces and hashed at the same time; a context manager closes the file."""

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd, self._at, self._stop = fd, start, stop
        self.sha256 = hashlib.sha256()

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Open the manifest of an archive; None if it has none. Raises UsageError, VerificationError."""
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
