"""The log of links: which near miss was made part of which session, by whom, and whether that was taken back."""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labcrate.errors import NotFoundError, RepairError
from labcrate.messages.text import printable
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms

_COLUMNS = "number, linked_ms, who, session, source, target, method, undone_ms, undone_by"


@dataclass(frozen=True, slots=True)
class Link:
    """One near miss that was linked. Paths are relative to the lab folder; ``method`` is how the file got there."""

    number: int
    linked: datetime
    who: str
    session: str
    source: str
    target: str
    method: str
    undone: datetime | None = None
    undone_by: str | None = None


class LinkLog:
    """The log of one lab. Any thread may use it; every method may wait for the disk. All raise PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def add(self, *, who: str, session: str, source: str, target: str, method: str) -> int:
        """Write down a link, and return its number. It is on the disk afterwards."""
        with self._database.write_transaction() as connection:
            ((number,),) = connection.rows(
                "INSERT INTO link (linked_ms, who, session, source, target, method) VALUES (?, ?, ?, ?, ?, ?) "
                "RETURNING number",
                *(now_ms(self._clock), printable(who), session, os.fsencode(source), os.fsencode(target), method),
            )
            return int(number)

    def mark_undone(self, number: int, who: str) -> None:
        """Write down that a link was taken back. Raises NotFoundError, and RepairError when it was already."""
        with self._database.write_transaction() as connection:
            changed = connection.execute(
                "UPDATE link SET undone_ms = ?, undone_by = ? WHERE number = ? AND undone_ms IS NULL",
                *(now_ms(self._clock), printable(who), number),
            )
        if not changed:
            link = self.get(number)
            raise RepairError(f"Link {number} was taken back already, by {link.undone_by}.")

    def get(self, number: int) -> Link:
        """One link. Raises NotFoundError."""
        found = self._database.rows(f"SELECT {_COLUMNS} FROM link WHERE number = ?", number)  # noqa: S608
        if not found:
            raise NotFoundError(f"There is no link {number}; the list of a session's links tells their numbers.")
        return _link_from_row(found[0])

    def lines(self, session: str | None = None) -> list[Link]:
        """The links of one session or all, the newest first, those that were taken back too."""
        of_session, values = ("", []) if session is None else ("WHERE session = ? ", [session])
        query = f"SELECT {_COLUMNS} FROM link {of_session}ORDER BY number DESC"  # noqa: S608 - constants
        return [_link_from_row(row) for row in self._database.rows(query, *values)]


def _link_from_row(row: tuple[Any, ...]) -> Link:
    number, linked_ms, who, session, source, target, method, undone_ms, undone_by = row
    undone = None if undone_ms is None else from_ms(undone_ms)
    paths = os.fsdecode(source), os.fsdecode(target)
    return Link(number, from_ms(linked_ms), who, session, *paths, method, undone, undone_by)
