"""What is worth knowing about the window that readings are taken from, and about the registers of recordings."""

from collections.abc import Iterable, Iterator

from labcrate.model.bound import Bound
from labcrate.model.message import Message
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.options import Options
from labcrate.plan.plan import PlannedRecording


def window_warnings(
    inventory: Inventory, session: Session, window: TimeSpan, bound: Bound, options: Options
) -> Iterator[str]:
    """Say where the window was widened into the time of other sessions, without naming them."""
    if options.all_readings:
        yield Message("window.all_readings")
        return
    own = bound.span or session.span
    for start, end in ((window.start, own.start), (own.end, window.end)):
        if start is None or end is None or start >= end:
            continue
        beyond = TimeSpan(start, end)
        if any(_held_in(other.span, beyond, own) for other in inventory.book.sessions.values() if other is not session):
            yield Message("window.reaches_other_session")
            return


def _held_in(other: TimeSpan, beyond: TimeSpan, own: TimeSpan) -> bool:
    """Whether another session was held in the part of the window that lies beyond this session's own time."""
    return other.start is not None and other != own and other.overlaps(beyond)


def register_warnings(inventory: Inventory, recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Name the session's files whose register entries count for none, because other files have the same name."""
    uncounted = frozenset(inventory.rules.register.uncounted)
    for recording in recordings:
        if not recording.of_recorder and recording.path.rpartition("/")[2] in uncounted:
            yield Message("register.name_taken", file=recording.member)
