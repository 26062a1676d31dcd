"""``labcrate verify FILE``: is the archive what its manifest says, and who signed that."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from labcrate.archive.keys import SIGNATURE_SUFFIX
from labcrate.archive.signature import read_public_key, verify_signed
from labcrate.archive.verify import Report, verify_archive
from labcrate.cli.screen import ProgressBar, say, write_json
from labcrate.errors import UsageError, VerificationError
from labcrate.lab.text import typed_path
from labcrate.messages.text import printable
from labcrate.plan.summary import format_size, plural


def run(options: Namespace) -> int:
    """Check an archive's structure, every checksum and, with a key, its signature; list each finding."""
    path = typed_path(options.file)
    size = path.stat().st_size if path.is_file() else 0
    verify = _choose_check(options)
    with ProgressBar("Verifying", shown=not options.json) as bar:
        bar.begin(1, size)
        report = verify(path, bar.advance)
    if options.json:
        write_json(
            {
                "file": str(path),
                "valid": not report.findings,
                "members": report.members,
                "sizeBytes": report.bytes,
                "etag": report.etag,
                "signedBy": report.signed_by,
                "findings": [asdict(finding) for finding in report.findings],
            }
        )
    else:
        for finding in report.findings:
            say(f"{finding.kind}: {finding.text}")
    _raise_if_damaged(path, report)
    if not options.json:
        about = f"{plural(report.members, 'member')}, {format_size(report.bytes)}"
        say(f"{printable(path.name)} is whole: {about}, every CRC-32 and SHA-256 as the manifest has it.")
        if report.signed_by:
            say(f"Its manifest is signed by key {report.signed_by}, the one that you gave.")
        say(f"ETag, as the export log has it: {report.etag}")
    return 0


def _choose_check(options: Namespace) -> Callable[[Path, Callable[[int], None]], Report]:
    """Return what checks an archive as it was asked for. Raises UsageError."""
    if options.key is None:
        if options.signature is not None:
            raise UsageError(
                "--signature says nothing without the key that it is to be by; name that, too: --key PUBKEY."
            )
        return verify_archive
    key = read_public_key(options.key)
    beside = None if options.signature is None else typed_path(options.signature)
    return lambda path, progress: verify_signed(path, key, beside, progress)


def _raise_if_damaged(path: Path, report: Report) -> None:
    """Raise VerificationError where anything was found."""
    if not report.findings:
        return
    found, name = plural(len(report.findings), "finding"), printable(path.name)
    if all(finding.kind == "signature" for finding in report.findings):
        raise VerificationError(
            f"{name} agrees with its manifest, but not with a signature by that key: {found}. Do not take it for "
            f"the lab's; get archive and {name}{SIGNATURE_SUFFIX} again from where it was exported."
        )
    raise VerificationError(
        f"{name} is not what its manifest says: {found}. Do not rely on it; export or copy it again."
    )
