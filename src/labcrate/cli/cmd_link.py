"""``labcrate link ID [FILE]``: have a near miss belong to a session, or take that back."""

import shlex
from argparse import Namespace

from labcrate.catalog.state import state_folder
from labcrate.cli import link_by_time
from labcrate.cli.screen import same_lab, say, settings, write_json
from labcrate.cli.session import find_session
from labcrate.errors import UsageError
from labcrate.export.answers import link_object, near_miss_object
from labcrate.export.contents import NearMiss
from labcrate.export.inventory import Inventory
from labcrate.export.linking_by_time import METHOD as BY_TIME
from labcrate.export.prepare import prepared
from labcrate.export.repair import Method
from labcrate.export.repairing import repair, take_back
from labcrate.lab.folder import printable
from labcrate.model.session_id import json_id
from labcrate.people.database import Database
from labcrate.people.exports import system_user
from labcrate.people.links import Link, LinkLog


def run(options: Namespace) -> int:
    """Link a near miss or what recorders have of the session's time, undo a link, or list both."""
    if options.by_time:
        return link_by_time.run(options)
    if options.undo is not None and (options.file is not None or options.move):
        raise UsageError("--undo takes a link back; name no file and no --move with it.")
    if options.move and options.file is None:
        raise UsageError("--move moves a file; name the one that 'labcrate plan' lists as a near miss.")
    inventory, session_id = find_session(settings(options).lab(), options.session)
    lab = inventory.lab
    with Database.open(state_folder(lab.root)) as database:
        log = LinkLog(database)
        if options.undo is not None:
            _answer(take_back(lab, log, session=session_id, number=options.undo, who=system_user()), options)
        elif options.file is not None:
            method = Method.MOVE if options.move else Method.HARD_LINK
            near_misses, file = _near_misses(inventory, session_id), options.file
            made = repair(lab, log, near_misses, session=session_id, file=file, method=method, who=system_user())
            _answer(made, options)
        else:
            _list(log.lines(session_id), _near_misses(inventory, session_id), session_id, as_json=options.json)
    return 0


def _near_misses(inventory: Inventory, session_id: str) -> tuple[NearMiss, ...]:
    with prepared(inventory.lab, session_id, hashed=False, inventory=inventory) as assembly:
        return assembly.plan.near_misses


def _answer(link: Link, options: Namespace) -> None:
    if options.json:
        write_json(link_object(link))
    elif link.undone is not None:
        by_time = link.method == BY_TIME
        left = f", no part of session {link.session} any more" if by_time else " is where it was, and no part of it"
        say(f"Link {link.number} was taken back: {printable(link.source)}{left}.")
    else:
        say(f"{printable(link.source)} belongs to session {link.session} now, as {printable(link.target)}.")
        say(f"To take it back: labcrate link {shlex.quote(link.session)} --undo {link.number}{same_lab(options)}")


def _list(links: list[Link], near_misses: tuple[NearMiss, ...], session_id: str, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "session": json_id(session_id),
                "links": list(map(link_object, links)),
                "nearMisses": list(map(near_miss_object, near_misses)),
            }
        )
        return
    _list_links("Linked", [link for link in links if not link.undone])
    if undone := [link for link in links if link.undone]:
        _list_links("\nTaken back", undone)
    say("\nNear misses")
    for near_miss in near_misses:
        say(f"  {near_miss.source}")
        say(f"      {near_miss.verdict.reason}")
        say(f"      -> {near_miss.verdict.remedy}")
    if not near_misses:
        say("  none")


def _list_links(heading: str, links: list[Link]) -> None:
    say(heading)
    for link in links:
        undone = f", taken back by {link.undone_by}" if link.undone else ""
        say(f"  {link.number}: {printable(link.target)}")
        say(f"      {link.method} of {printable(link.source)}, by {link.who}{undone}")
    if not links:
        say("  nothing so far")
