"""The log of links: which file was linked to which session, by which user, and whether the link was undone."""

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from labcrate.errors import NotFoundError, RepairError
from labcrate.messages.message import Message
from labcrate.messages.stored import message_from_json, message_to_json
from labcrate.messages.text import printable
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms

_COLUMNS = "number, linked_ms, who, session, source, source_message, target, method, undone_ms, undone_by"


class LinkMethod(StrEnum):
    """How a file was linked to a session. Only earlier versions made hard links."""

    ENTRY = "register entry"
    MOVE = "move"
    REMUX = "remux"
    HARD_LINK = "hard link"
    BY_TIME = "by time"


_METHODS = {method.value: method for method in LinkMethod}


@dataclass(frozen=True, slots=True)
class Link:
    """One link. Paths are relative to the lab folder.

    ``source`` is the file, or for the method BY_TIME a text: a Message, or plain English text if an older labcrate
    wrote it. ``target`` is the file's new path, or the register that lists it. ``method`` is a LinkMethod, or text if
    a newer labcrate wrote it.
    """

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
    """The log of links of one lab. Any thread may use it. Methods may wait for the disk and raise PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def add(self, *, who: str, session: str, source: str, target: str, method: str) -> int:
        """Record a link, and return its number when it is on the disk."""
        message = message_to_json(source) if isinstance(source, Message) else None
        paths = os.fsencode(source), message, os.fsencode(target)
        with self._database.write_transaction() as connection:
            ((number,),) = connection.rows(
                "INSERT INTO link (linked_ms, who, session, source, source_message, target, method) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
                *(now_ms(self._clock), printable(who), session, *paths, method),
            )
            return int(number)

    def mark_undone(self, number: int, who: str) -> None:
        """Record that a link was undone. Raises NotFoundError, and RepairError if it was undone before."""
        with self._database.write_transaction() as connection:
            changed = connection.execute(
                "UPDATE link SET undone_ms = ?, undone_by = ? WHERE number = ? AND undone_ms IS NULL",
                *(now_ms(self._clock), printable(who), number),
            )
        if not changed:
            link = self.get(number)
            raise RepairError(Message("link.already_undone", number=str(number), who=link.undone_by))

    def get(self, number: int) -> Link:
        """Return the link with this number. Raises NotFoundError."""
        found = self._database.rows(f"SELECT {_COLUMNS} FROM link WHERE number = ?", number)  # noqa: S608
        if not found:
            raise NotFoundError(Message("link.not_found", number=str(number)))
        return _link_from_row(found[0])

    def lines(self, session: str | None = None) -> list[Link]:
        """Return the links of one session or all, the newest first, including the undone ones."""
        of_session, values = ("", []) if session is None else ("WHERE session = ? ", [session])
        query = f"SELECT {_COLUMNS} FROM link {of_session}ORDER BY number DESC"  # noqa: S608 - constants
        return [_link_from_row(row) for row in self._database.rows(query, *values)]


def _link_from_row(row: tuple[Any, ...]) -> Link:
    number, linked_ms, who, session, source, source_message, target, method, undone_ms, undone_by = row
    message = None if source_message is None else message_from_json(source_message)
    return Link(
        number,
        from_ms(linked_ms),
        who,
        session,
        message or os.fsdecode(source),
        os.fsdecode(target),
        _METHODS.get(method, method),
        None if undone_ms is None else from_ms(undone_ms),
        undone_by,
    )
