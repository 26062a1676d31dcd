"""``labcrate link ID --all``: near misses whose name says the session by a marker, shown before they are linked."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from rich.table import Table

from labcrate.cli.link_files import link_files, method_of, one_camera
from labcrate.cli.screen import agreed, say, write_json
from labcrate.cli.terminal import console
from labcrate.errors import UsageError
from labcrate.linking.marked import names_by_marker
from labcrate.linking.verdict import Rule
from labcrate.model.session_id import json_id
from labcrate.people.link_log import LinkLog
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import NearMiss
from labcrate.plan.summary import plural
from labcrate.repair.link_files import check
from labcrate.repair.near_misses import Method

_HOW = {
    Method.ENTRY: "linked where they lie, by an entry in the session's own register",
    Method.MOVE: "moved into the session's own folder",
    Method.REMUX: "made into MP4s in the session's own folder; the originals stay",
}


def link_marked(
    inventory: Inventory, session_id: str, log: LinkLog, near_misses: Sequence[NearMiss], options: Namespace
) -> int:
    """Show which near misses would be linked and how, ask, and link them; return the exit code.

    With ``--remux`` these are the videos that are no MP4s, else the MP4s. Raises UsageError where nobody can be asked.
    """
    method = method_of(options)
    marked = [near for near in near_misses if names_by_marker(near.path, session_id, near.verdict, inventory.rules)]
    chosen = [near for near in marked if (near.verdict.rule is Rule.NOT_MP4) == (method is Method.REMUX)]
    files = [near.path for near in chosen]
    # What cannot be linked is said before anybody is asked.
    check(inventory, near_misses, session=session_id, files=files, method=method, camera=one_camera(options))
    if not files:
        if options.json:
            write_json({"session": json_id(session_id), "links": [], "failed": [], "already": []})
        else:
            kind = "a video in another container" if method is Method.REMUX else "an MP4"
            say(f"No near miss of session {session_id} is {kind} whose name says session{session_id} by a marker.")
        return 0
    if not options.json:
        _show(chosen, session_id, method)
        _say_rest(len(near_misses) - len(chosen))
    if not options.yes and not _agreed(options):
        say("Nothing was linked.")
        return 0
    return link_files(inventory, session_id, log, near_misses, files, options)


def _show(chosen: Sequence[NearMiss], session_id: str, method: Method) -> None:
    say(f"{plural(len(chosen), 'file')} for session {session_id}, to be {_HOW[method]}:\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("File", overflow="fold", ratio=3)
    table.add_column("What is wrong with its name", overflow="fold", ratio=2)
    for near in chosen:
        table.add_row(near.source, near.verdict.rule.value)
    console().print(table)
    say()


def _say_rest(count: int) -> None:
    if count:
        say(f"Not among them: {plural(count, 'near miss', 'near misses')}; name those that you want.\n")


def _agreed(options: Namespace) -> bool:
    """Ask on the terminal. Raises UsageError where there is none."""
    if options.json or not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on, so nothing was linked; add --yes to link these files.")
    return agreed("Link them?")
