"""``labcrate demo``: build a sample lab, and export one of its sessions."""

import shutil
import sys
from argparse import Namespace

from labcrate.cli.cmd_plan import print_left_out
from labcrate.cli.screen import say, say_command, write_json
from labcrate.cli.session import say_log_problem
from labcrate.demo.lab import build_demo_lab
from labcrate.export.session_export import export_session
from labcrate.lab.folder import LabFolder
from labcrate.lab.text import expand_home
from labcrate.plan.options import Options
from labcrate.plan.summary import format_size


def run(options: Namespace) -> int:
    """Build the sample lab, export one of its sessions, and print the next steps."""
    folder = expand_home(options.folder)
    if not options.json:
        say(f"Building a sample lab in {folder}/ ...")
    demo = build_demo_lab(folder)
    done = export_session(LabFolder(demo.root), demo.session_id, Options(), folder, "command line", force=True)
    say_log_problem(done.log_entry.problem)
    size, etag = done.entity.length, done.entity.etag
    if options.json:
        write_json({"lab": str(folder), "file": str(done.path), "sizeBytes": size, "etag": etag})
        return 0
    say(f"\n{done.path}: {format_size(size)}, {done.assembly.plan.state}\n\nContents")
    for part in done.assembly.descriptions:
        say(f"  {format_size(part.size_bytes or 0):>9}  {part.name}")
    say("\nLeft out")
    print_left_out(done.assembly.plan, Namespace(lab=str(folder)))
    command = _command_words()
    say("\nNext:")
    say_command((*command, "verify", str(done.path)), Namespace(lab=None), "  ")
    say_command((*command, "plan", demo.session_id), Namespace(lab=str(folder)), "  ")
    return 0


def _command_words() -> tuple[str, ...]:
    """Return the words that start labcrate from the current shell."""
    if shutil.which("labcrate"):
        return ("labcrate",)
    if not sys.argv[0].endswith("__main__.py"):
        return (sys.argv[0],)
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    return (python, "-m", "labcrate")
