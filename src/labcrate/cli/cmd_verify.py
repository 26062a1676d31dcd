"""``labcrate verify FILE``: is the archive what its manifest says."""

from argparse import Namespace
from dataclasses import asdict

from labcrate.archive.verify import verify_archive
from labcrate.cli.screen import packing_bar, say, write_json
from labcrate.errors import VerificationError
from labcrate.export.documents.summary import format_size, plural
from labcrate.lab.text import typed_path


def run(options: Namespace) -> int:
    """Check an archive's structure and every checksum; list each finding."""
    path = typed_path(options.file)
    size = path.stat().st_size if path.is_file() else 0
    with packing_bar(size, "Verifying", shown=not options.json) as bar:
        report = verify_archive(path, bar.advance)
    if options.json:
        write_json(
            {
                "file": str(path),
                "valid": not report.findings,
                "members": report.members,
                "sizeBytes": report.bytes,
                "etag": report.etag,
                "findings": [asdict(finding) for finding in report.findings],
            }
        )
    else:
        for finding in report.findings:
            say(f"{finding.kind}: {finding.text}")
    if report.findings:
        raise VerificationError(
            f"{path.name} is not what its manifest says: {plural(len(report.findings), 'finding')}. "
            "Do not rely on it; export or copy it again."
        )
    if not options.json:
        about = f"{plural(report.members, 'member')}, {format_size(report.bytes)}"
        say(f"{path.name} is whole: {about}, every CRC-32 and SHA-256 as the manifest has it.")
        say(f"ETag, as the export log has it: {report.etag}")
    return 0
