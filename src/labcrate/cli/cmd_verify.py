"""``labcrate verify FILE``: check an archive against its manifest, and its signature."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from labcrate.archive.keys import SIGNATURE_SUFFIX
from labcrate.archive.signature import read_public_key, verify_signed
from labcrate.archive.verify import Report, verify_archive
from labcrate.cli.screen import ProgressBar, say, write_json
from labcrate.errors import UsageError, VerificationError
from labcrate.lab.text import expand_home
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.plan.summary import format_size, plural


def run(options: Namespace) -> int:
    """Check an archive's structure, all checksums and, with a key, the signature; print the findings."""
    path = expand_home(options.file)
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
        about = f"{plural(report.members, 'file')}, {format_size(report.bytes)}"
        say(f"{printable(path.name)} is valid: {about}, all CRC-32 and SHA-256 checksums match.")
        if report.signed_by:
            say(f"The manifest is signed by key {report.signed_by}, as given with --key.")
        archive_id = (report.etag or "").strip('"')
        say(f"Archive ID (as in the export log): {archive_id}")
    return 0


def _choose_check(options: Namespace) -> Callable[[Path, Callable[[int], None]], Report]:
    """Return the function for the requested check. Raises UsageError."""
    if options.key is None:
        if options.signature is not None:
            raise UsageError(Message("cli.signature_without_key"))
        return verify_archive
    key = read_public_key(options.key)
    beside = None if options.signature is None else expand_home(options.signature)
    return lambda path, progress: verify_signed(path, key, beside, progress)


def _raise_if_damaged(path: Path, report: Report) -> None:
    """Raise VerificationError if there are findings."""
    if not report.findings:
        return
    count, name = len(report.findings), path.name
    if all(finding.kind == "signature" for finding in report.findings):
        signature = f"{name}{SIGNATURE_SUFFIX}"
        raise VerificationError(Message("cli.signature_invalid", file=name, count=count, signature=signature))
    raise VerificationError(Message("cli.archive_invalid", file=name, count=count))
