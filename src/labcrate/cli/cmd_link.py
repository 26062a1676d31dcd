"""``labcrate link ID [FILE…]``: link near misses to a session, undo a link, or list both."""

from argparse import Namespace
from collections.abc import Iterator, Sequence

from labcrate.cli import link_by_time
from labcrate.cli.link_files import link_all_marked, link_files
from labcrate.cli.screen import open_lab, say, write_json
from labcrate.cli.session import say_near_miss
from labcrate.errors import UsageError
from labcrate.export.people_folder import open_people
from labcrate.export.plan_views import link_object, near_miss_object
from labcrate.export.prepare import prepare_archive
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import json_id
from labcrate.people.export_log import system_user
from labcrate.people.link_log import Link, LinkLog, LinkMethod
from labcrate.plan.inventory import Inventory, find_session
from labcrate.plan.plan import NearMiss
from labcrate.repair.link_files import undo_logged_link


def run(options: Namespace) -> int:
    """Link near misses, or recordings by time; undo a link; or list links and near misses."""
    if options.by_time:
        return link_by_time.run(options)
    _check_options(options)
    inventory, session_id = find_session(open_lab(options), options.session)
    with open_people(inventory.lab.root) as database:
        log = LinkLog(database)
        if options.undo is not None:
            _undo(inventory, session_id, log, options)
            return 0
        near_misses = _find_near_misses(inventory, session_id)
        if options.files:
            return link_files(inventory, session_id, log, near_misses, options.files, options)
        if options.all:
            return link_all_marked(inventory, session_id, log, near_misses, options)
        _print_list(log.lines(session_id), near_misses, session_id, options)
    return 0


def _check_options(options: Namespace) -> None:
    ways = [word for word, given in _method_options(options) if given]
    if options.undo is not None and (options.files or options.all or ways):
        raise UsageError(Message("cli.undo_alone"))
    if options.files and options.all:
        raise UsageError(Message("cli.all_without_files"))
    if options.move and options.remux:
        raise UsageError(Message("cli.move_or_remux"))
    if ways and not options.files and not options.all:
        raise UsageError(Message("cli.option_without_files", option=ways[0]))
    if options.yes and not options.all:
        raise UsageError(Message("cli.yes_without_all"))


def _method_options(options: Namespace) -> Iterator[tuple[str, bool]]:
    yield "--move", options.move
    yield "--remux", options.remux
    yield "--camera", bool(options.camera)


def _find_near_misses(inventory: Inventory, session_id: str) -> tuple[NearMiss, ...]:
    with prepare_archive(inventory.lab, session_id, with_fixity=False, inventory=inventory) as assembly:
        return assembly.plan.near_misses


def _undo(inventory: Inventory, session_id: str, log: LinkLog, options: Namespace) -> None:
    link = undo_logged_link(inventory.lab, log, session=session_id, number=options.undo, who=system_user())
    if options.json:
        write_json(link_object(link))
    else:
        back = "" if link.method == LinkMethod.BY_TIME else " The file is at its old path."
        source = printable(link.source)
        say(f"Link {link.number} was undone: {source} no longer belongs to session {link.session}.{back}")


def _print_list(links: list[Link], near_misses: Sequence[NearMiss], session_id: str, options: Namespace) -> None:
    if options.json:
        write_json(
            {
                "session": json_id(session_id),
                "links": list(map(link_object, links)),
                "nearMisses": list(map(near_miss_object, near_misses)),
            }
        )
        return
    _print_links("Linked", [link for link in links if not link.undone])
    if undone := [link for link in links if link.undone]:
        _print_links("\nUndone", undone)
    say("\nNear misses")
    for near_miss in near_misses:
        say_near_miss(near_miss, options)
    if not near_misses:
        say("  none")


def _print_links(heading: str, links: list[Link]) -> None:
    say(heading)
    for link in links:
        undone = f", undone by {link.undone_by}" if link.undone else ""
        say(f"  {link.number}: {printable(link.source)}")
        say(f"      {link.method}, {printable(link.target)}, by {link.who}{undone}")
    if not links:
        say("  none")
