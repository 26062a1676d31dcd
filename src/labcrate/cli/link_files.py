"""Link several files to a session: check all of them first, then link them and print each result."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from rich.table import Table

from labcrate.cli.screen import ask_yes_no, say, say_command, write_json
from labcrate.cli.terminal import console
from labcrate.errors import PeopleError, RepairError, UsageError
from labcrate.export.plan_views import link_object
from labcrate.linking.judgement import has_session_marker
from labcrate.linking.verdict import Rule
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import json_id
from labcrate.people.export_log import system_user
from labcrate.people.link_log import LinkLog, LinkMethod
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import NearMiss
from labcrate.plan.summary import plural
from labcrate.repair.link_files import LinkResult, check_link_requests, create_link


def link_files(
    inventory: Inventory,
    session_id: str,
    log: LinkLog,
    near_misses: Sequence[NearMiss],
    files: Sequence[str],
    options: Namespace,
) -> int:
    """Link files as the options say, and return the exit code: that of RepairError if one could not be linked.

    Files that already belong to the session are only reported, so that a command that failed can be run again.
    Raises RepairError and UsageError if a check fails before any file is linked.
    """
    method = link_method(options)
    already = _already_linked(inventory, session_id, files) if method is LinkMethod.ENTRY and not options.camera else []
    rest = [file for file in files if file not in already]
    requests = check_link_requests(
        inventory, near_misses, session=session_id, files=rest, method=method, camera=single_camera(options)
    )
    for file in already if not options.json else ():
        say(f"{printable(file)} already belongs to session {session_id}.")
    done: list[LinkResult] = []
    failed: list[tuple[str, str]] = []
    for request in requests:
        try:
            one = create_link(inventory, log, request, who=system_user())
        except (RepairError, PeopleError) as error:
            if len(requests) == 1:
                raise
            failed.append((request.near_miss.source, str(error)))
            if not options.json:
                say(f"NOT LINKED: {error}")
            continue
        except KeyboardInterrupt:
            _print_undo_commands(done, session_id, options)
            raise
        done.append(one)
        if not options.json:
            say(_describe_link(one))
    if options.json:
        write_json(
            {
                "session": json_id(session_id),
                "links": [_json_object(one) for one in done],
                "failed": [{"file": file, "message": message} for file, message in failed],
                "already": list(map(printable, already)),
            }
        )
    else:
        _print_undo_commands(done, session_id, options)
        if failed:
            say(f"{len(failed)} of {len(requests)} files could not be linked.")
    return RepairError.exit_code if failed else 0


def _already_linked(inventory: Inventory, session_id: str, files: Sequence[str]) -> list[str]:
    paths = {entry.path for entry in inventory.linked.get(session_id, ())}
    shown = paths.union(map(printable, paths))
    return [file for file in dict.fromkeys(files) if file in shown]


def link_method(options: Namespace) -> LinkMethod:
    """Return how files are linked: moved (``--move``), remuxed (``--remux``), or in place."""
    if options.move:
        return LinkMethod.MOVE
    return LinkMethod.REMUX if options.remux else LinkMethod.ENTRY


def single_camera(options: Namespace) -> str | None:
    """Return the camera in the options, if there is one. Raises UsageError if there are several."""
    if len(options.camera) > 1:
        raise UsageError(Message("cli.several_cameras"))
    return next(iter(options.camera), None)


def _describe_link(done: LinkResult) -> str:
    link = done.link
    source, target = printable(link.source), printable(link.target)
    if link.method == LinkMethod.ENTRY:
        return f"{source} now belongs to session {link.session} (listed in {target})."
    if link.method == LinkMethod.MOVE:
        return f"{source} now belongs to session {link.session}, as {target}."
    sound = f" An MP4 cannot hold its sound ({done.left_out}), which is only in the original." if done.left_out else ""
    return f"{target} was made from {source} and belongs to session {link.session}. The original stays.{sound}"


def _json_object(done: LinkResult) -> dict[str, object]:
    return link_object(done.link) | ({"leftOut": done.left_out} if done.left_out else {})


def _print_undo_commands(done: Sequence[LinkResult], session_id: str, options: Namespace) -> None:
    if options.json:
        return
    if done:
        say("To undo it:" if len(done) == 1 else "To undo them:")
    for one in done:
        say_command(("labcrate", "link", session_id, "--undo", str(one.link.number)), options, "  ")


_METHOD_WORDS = {
    LinkMethod.ENTRY: "linked in place, by an entry in the session's register",
    LinkMethod.MOVE: "moved into the session's folder",
    LinkMethod.REMUX: "remuxed to MP4s in the session's folder (the originals stay)",
}


def link_all_marked(
    inventory: Inventory, session_id: str, log: LinkLog, near_misses: Sequence[NearMiss], options: Namespace
) -> int:
    """Show which near misses would be linked and how, ask, and link them; return the exit code.

    With ``--remux`` these are the videos that are no MP4s, else the MP4s. Raises UsageError if there is no terminal.
    """
    method = link_method(options)
    marked = [near for near in near_misses if has_session_marker(near.path, session_id, near.verdict, inventory.rules)]
    chosen = [near for near in marked if (near.verdict.rule is Rule.NOT_MP4) == (method is LinkMethod.REMUX)]
    files = [near.path for near in chosen]
    # Report files that cannot be linked before asking.
    check_link_requests(
        inventory, near_misses, session=session_id, files=files, method=method, camera=single_camera(options)
    )
    if not files:
        if options.json:
            write_json({"session": json_id(session_id), "links": [], "failed": [], "already": []})
        else:
            kind = "a video in another container" if method is LinkMethod.REMUX else "an MP4"
            say(f"No near miss of session {session_id} is {kind} whose name contains session{session_id}.")
        return 0
    if not options.json:
        _print_files(chosen, session_id, method)
        _print_rest(len(near_misses) - len(chosen))
    if not options.yes and not _ask_to_link(options):
        say("No files were linked.")
        return 0
    return link_files(inventory, session_id, log, near_misses, files, options)


def _print_files(chosen: Sequence[NearMiss], session_id: str, method: LinkMethod) -> None:
    say(f"{plural(len(chosen), 'file')} for session {session_id}, to be {_METHOD_WORDS[method]}:\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("File", overflow="fold", ratio=3)
    table.add_column("Problem with the name", overflow="fold", ratio=2)
    for near in chosen:
        table.add_row(near.source, near.verdict.rule.value)
    console().print(table)
    say()


def _print_rest(count: int) -> None:
    if count:
        say(f"Not included: {plural(count, 'near miss', 'near misses')}. To link one, give its name.\n")


def _ask_to_link(options: Namespace) -> bool:
    """Request a confirmation on the terminal. Raises UsageError if there is none."""
    if options.json or not sys.stdin.isatty():
        raise UsageError(Message("cli.no_terminal_to_link"))
    return ask_yes_no("Link them?")
