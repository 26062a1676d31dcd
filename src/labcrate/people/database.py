"""The database of people: users, logins, tokens, and the logs of exports and links."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from labcrate.database.pool import ConnectionPool
from labcrate.errors import PeopleError
from labcrate.people.file import DAMAGE, SCHEMA, explain, prepare

Clock = Callable[[], float]
"""Seconds since 1970, as ``time.time`` tells them."""
SYSTEM_CLOCK: Clock = time.time


def now_ms(clock: Clock) -> int:
    """The time in milliseconds since 1970, UTC."""
    return round(clock() * 1000)


def instant(milliseconds: int) -> datetime:
    """Return an instant from milliseconds since 1970, UTC. Raises PeopleError for one that the calendar lacks."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:  # only damage writes it
        raise PeopleError(DAMAGE) from None


class Database(ConnectionPool):
    """One lab's people. Any thread may use it, and several processes at once. All methods raise PeopleError."""

    @classmethod
    def open(cls, state_folder: Path) -> Self:
        """Open the file in labcrate's state folder, making it where there is none.

        Raises PeopleError when it is damaged, made by a newer labcrate, locked for long, or not ours to open.
        """
        return cls(prepare(state_folder), SCHEMA, explain)

    @property
    def folder(self) -> Path:
        """The state folder that it lies in."""
        return self.file.parent
