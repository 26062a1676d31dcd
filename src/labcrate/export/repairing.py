"""Repairs with their line in the log of links: what the command line and the server do for somebody."""

from collections.abc import Iterable

from labcrate.errors import NoSuchThingError, PeopleError, RepairError
from labcrate.export.contents import NearMiss
from labcrate.export.linking_by_time import METHOD, undo_by_time
from labcrate.export.repair import Method, Repair, find_near_miss, is_undone, link, undo
from labcrate.lab.folder import Lab
from labcrate.people.links import Link, LinkLog


def repair(
    lab: Lab, log: LinkLog, near_misses: Iterable[NearMiss], *, session: str, file: str, method: Method, who: str
) -> Link:
    """Have one of a plan's near misses belong to the session, and write that down.

    Raises RepairError; PeopleError when it cannot be written down, and then nothing is linked.
    """
    done = link(lab, session, find_near_miss(near_misses, session, file), method)
    try:
        number = log.add(who=who, session=session, source=done.source, target=done.target, method=done.method)
        return log.get(number)
    except PeopleError:
        undo(lab, done, None)
        raise


def take_back(lab: Lab, log: LinkLog, *, session: str, number: int, who: str) -> Link:
    """Undo one of a session's links, and write that down. Raises NoSuchThingError, RepairError, PeopleError."""
    made = log.get(number)
    if made.session != session:
        raise NoSuchThingError(f"Link {number} is not one of session {session}.")
    if made.undone is not None:
        raise RepairError(f"Link {number} was taken back already, by {made.undone_by}.")
    if made.method == METHOD:
        return undo_by_time(lab, log, made, who)
    done = Repair(session, made.source, made.target, Method(made.method))
    if not is_undone(lab, done):  # by hand, or where it could not be written down (a full disk)
        undo(lab, done, made.linked)
    log.undone(number, who)
    return log.get(number)
