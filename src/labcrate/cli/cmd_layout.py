"""``labcrate layout ID``: print the structure of the ZIP, with all offsets, without writing the ZIP."""

from argparse import Namespace
from dataclasses import asdict

from labcrate.archive.layout import LayoutDescription, PlacedMember
from labcrate.cli.screen import open_lab, say, write_json
from labcrate.cli.session import export_options, stage_progress
from labcrate.export.prepare import plan_session


def run(options: Namespace) -> int:
    """Print the offset of every part of a session's archive."""
    chosen, shown = export_options(options), stage_progress(options)
    with plan_session(open_lab(options), options.session, chosen, shown, options.workers) as (_, assembly):
        description = assembly.layout.describe()
    if options.json:
        write_json(asdict(description))
    else:
        _print_layout(description)
    return 0


def _print_layout(description: LayoutDescription) -> None:
    width = len(f"{description.total_bytes:,}")
    say(f"{'header at':>{width}}  {'bytes':>6}  {'padding':>7}  {'data from':>{width}}  {'to':>{width}}")
    for member in description.members:
        say(_format_line(member, width))
        say(f"    {member.name}{'  (ZIP64)' if member.zip64 else ''}")
    say(f"{description.directory_offset:>{width},}  central directory, {description.directory_bytes:,} bytes")
    zip64 = "ZIP64 end record, its locator and " if description.zip64_end else ""
    say(f"{description.end_offset:>{width},}  {zip64}end record, {description.end_bytes:,} bytes")
    say(f"{description.total_bytes:>{width},}  end of the archive")


def _format_line(member: PlacedMember, width: int) -> str:
    return (
        f"{member.header_offset:>{width},}  {member.header_bytes:>6,}  {member.padding_bytes:>7,}  "
        f"{member.data_start:>{width},}  {member.data_stop:>{width},}"
    )
