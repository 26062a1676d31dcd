"""Links several files to a session: all are checked before any is linked, and each result is said."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from rich.table import Table

from labcrate.cli.screen import ask_yes_no, say, say_command, write_json
from labcrate.cli.terminal import console
from labcrate.errors import PeopleError, RepairError, UsageError
from labcrate.export.plan_views import link_object
from labcrate.linking.judging import names_by_marker
from labcrate.linking.verdict import Rule
from labcrate.messages.text import printable
from labcrate.model.session import json_id
from labcrate.people.export_log import system_user
from labcrate.people.link_log import LinkLog
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import NearMiss
from labcrate.plan.summary import plural
from labcrate.repair.link_files import LinkResult, check_link_requests, create_link
from labcrate.repair.near_misses import LinkMethod


def link_files(
    inventory: Inventory,
    session_id: str,
    log: LinkLog,
    near_misses: Sequence[NearMiss],
    files: Sequence[str],
    options: Namespace,
) -> int:
    """Link files as the options say, and return the exit code: that of RepairError where one could not be linked.

    Those that are the session's already are only said, so that a command that failed on the way can be given again.
    Raises RepairError and UsageError for what can be known beforehand, and then nothing was linked.
    """
    method = link_method(options)
    already = _already_linked(inventory, session_id, files) if method is LinkMethod.ENTRY and not options.camera else []
    rest = [file for file in files if file not in already]
    requests = check_link_requests(
        inventory, near_misses, session=session_id, files=rest, method=method, camera=single_camera(options)
    )
    for file in already if not options.json else ():
        say(f"{printable(file)} belongs to session {session_id} already.")
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
    """Return how files are linked: ``--move``, ``--remux``, or in their place."""
    if options.move:
        return LinkMethod.MOVE
    return LinkMethod.REMUX if options.remux else LinkMethod.ENTRY


def single_camera(options: Namespace) -> str | None:
    """Return the camera that was named for the files, if any. Raises UsageError for several."""
    if len(options.camera) > 1:
        raise UsageError("--camera is given more than once; link the files of each camera by themselves.")
    return next(iter(options.camera), None)


def _describe_link(done: LinkResult) -> str:
    link = done.link
    source, target = printable(link.source), printable(link.target)
    if link.method == LinkMethod.ENTRY:
        return f"{source} belongs to session {link.session} now, as {target} says."
    if link.method == LinkMethod.MOVE:
        return f"{source} belongs to session {link.session} now, as {target}."
    sound = (
        f" Its sound ({done.left_out}) does not fit into an MP4 and was left in the original." if done.left_out else ""
    )
    return f"{target} was made of {source}, which stays, and belongs to session {link.session} now.{sound}"


def _json_object(done: LinkResult) -> dict[str, object]:
    return link_object(done.link) | ({"leftOut": done.left_out} if done.left_out else {})


def _print_undo_commands(done: Sequence[LinkResult], session_id: str, options: Namespace) -> None:
    if options.json:
        return
    if done:
        say("To take it back:" if len(done) == 1 else "To take them back:")
    for one in done:
        say_command(("labcrate", "link", session_id, "--undo", str(one.link.number)), options, "  ")


_METHOD_WORDS = {
    LinkMethod.ENTRY: "linked where they lie, by an entry in the session's own register",
    LinkMethod.MOVE: "moved into the session's own folder",
    LinkMethod.REMUX: "made into MP4s in the session's own folder; the originals stay",
}


def link_all_marked(
    inventory: Inventory, session_id: str, log: LinkLog, near_misses: Sequence[NearMiss], options: Namespace
) -> int:
    """Show which near misses would be linked and how, ask, and link them; return the exit code.

    With ``--remux`` these are the videos that are no MP4s, else the MP4s. Raises UsageError where nobody can be asked.
    """
    method = link_method(options)
    marked = [near for near in near_misses if names_by_marker(near.path, session_id, near.verdict, inventory.rules)]
    chosen = [near for near in marked if (near.verdict.rule is Rule.NOT_MP4) == (method is LinkMethod.REMUX)]
    files = [near.path for near in chosen]
    # What cannot be linked is said before anybody is asked.
    check_link_requests(
        inventory, near_misses, session=session_id, files=files, method=method, camera=single_camera(options)
    )
    if not files:
        if options.json:
            write_json({"session": json_id(session_id), "links": [], "failed": [], "already": []})
        else:
            kind = "a video in another container" if method is LinkMethod.REMUX else "an MP4"
            say(f"No near miss of session {session_id} is {kind} whose name says session{session_id} by a marker.")
        return 0
    if not options.json:
        _print_files(chosen, session_id, method)
        _print_rest(len(near_misses) - len(chosen))
    if not options.yes and not _ask_to_link(options):
        say("Nothing was linked.")
        return 0
    return link_files(inventory, session_id, log, near_misses, files, options)


def _print_files(chosen: Sequence[NearMiss], session_id: str, method: LinkMethod) -> None:
    say(f"{plural(len(chosen), 'file')} for session {session_id}, to be {_METHOD_WORDS[method]}:\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("File", overflow="fold", ratio=3)
    table.add_column("What is wrong with its name", overflow="fold", ratio=2)
    for near in chosen:
        table.add_row(near.source, near.verdict.rule.value)
    console().print(table)
    say()


def _print_rest(count: int) -> None:
    if count:
        say(f"Not among them: {plural(count, 'near miss', 'near misses')}; name those that you want.\n")


def _ask_to_link(options: Namespace) -> bool:
    """Ask on the terminal. Raises UsageError where there is none."""
    if options.json or not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on, so nothing was linked; add --yes to link these files.")
    return ask_yes_no("Link them?")
