"""``labcrate demo``: a sample lab, one session of it exported, and what to look at."""

import shutil
import sys
from argparse import Namespace

from labcrate.archive.entity import Entity
from labcrate.cli.cmd_plan import show_left_out
from labcrate.cli.screen import say, say_command, write_json
from labcrate.demo.lab import build_demo_lab
from labcrate.export.contents import Options
from labcrate.export.documents.summary import format_size
from labcrate.export.prepare import prepared
from labcrate.export.writer import archive_path, write_archive
from labcrate.lab.folder import Lab
from labcrate.lab.text import typed_path


def run(options: Namespace) -> int:
    """Build the sample lab and export a session of it."""
    folder = typed_path(options.folder)
    if not options.json:
        say(f"Building a sample lab in {folder}/ ...")
    demo = build_demo_lab(folder)
    target = archive_path(folder, demo.session_id)
    with prepared(Lab(demo.root), demo.session_id, Options(), hashed=True) as assembly:
        entity = Entity(assembly.layout)
        write_archive(entity, target, force=True)
        if options.json:
            write_json({"lab": str(folder), "file": str(target), "sizeBytes": entity.length, "etag": entity.etag})
            return 0
        say(f"\n{target}: {format_size(entity.length)}, {assembly.plan.state}\n\nIn it")
        for part in assembly.parts:
            say(f"  {format_size(part.size_bytes or 0):>9}  {part.name}")
        say("\nLeft out")
        show_left_out(assembly.plan, Namespace(lab=str(folder)))
    command = "labcrate" if shutil.which("labcrate") else sys.argv[0]
    say("\nNext:")
    say_command((command, "verify", str(target)), Namespace(lab=None), "  ")
    say_command((command, "plan", demo.session_id), Namespace(lab=str(folder)), "  ")
    return 0
