"""The export log: what left the lab, when, and by whom. A line is written before the first byte is sent."""

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from labcrate.messages.text import printable
from labcrate.model.session import resolve_id
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.process_lock import ProcessLock

COMMAND_LINE = "command line"
_PROCESS_DIED = "the server or command ended while it was sending; seen when the log was next opened"
_COLUMNS = (
    "number, begun_ms, ended_ms, who, via, address, session, options, etag, start, length, total, bytes_sent, "
    "outcome, reason"
)
_LINES_PER_READ = 1000
_MAX_INTEGER = (1 << 63) - 1


class Outcome(StrEnum):
    """How a transfer stands: aborted by the client or the server's end, broken by labcrate because a file changed."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ExportLogLine:
    """One transfer. ``start`` and ``length`` are the part that was asked for, ``total`` the archive, all in bytes."""

    number: int
    begun: datetime
    ended: datetime | None
    who: str
    via: str
    address: str
    session: str
    options: str
    etag: str
    start: int
    length: int
    total: int
    bytes_sent: int
    outcome: Outcome
    reason: str | None


class ExportLog:
    """The log of one lab. Any thread may use it; every method may wait for the disk. All raise PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock
        self._process_lock = ProcessLock(database.state_folder)

    def close(self) -> None:
        """Say that nothing more is sent by this process; its lines should have ended."""
        self._process_lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(
        self,
        *,
        who: str,
        via: str,
        address: str,
        session: str,
        options: str,
        etag: str,
        start: int,
        length: int,
        total: int,
    ) -> int:
        """Write a line before the first byte is sent, and return its number. It is on the disk afterwards."""
        texts = map(printable, (who, via, address, options, etag))
        who, via, address, options, etag = texts
        values = (now_ms(self._clock), who, via, address, session, options, etag, start, length, total)
        run = self._process_lock.acquire()
        with self._database.write_transaction() as connection:
            ((number,),) = connection.rows(
                "INSERT INTO export (begun_ms, who, via, address, session, options, etag, start, length, total, run) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
                *values,
                run,
            )
            return int(number)

    def progress(self, line: int, bytes_sent: int) -> None:
        """Say how many bytes were sent so far. A power cut may forget it."""
        with self._database.write_transaction(durable=False) as connection:
            connection.execute(
                "UPDATE export SET bytes_sent = ? WHERE number = ? AND outcome = 'running'", bytes_sent, line
            )

    def end(
        self, line: int, bytes_sent: int, outcome: Outcome, reason: str | None = None, *, ended: float | None = None
    ) -> None:
        """Say how a transfer ended, just now or (``ended``, in the clock's seconds) before.

        Of a line that ended already, nothing changes.
        """
        ended_ms = round(1000 * (self._clock() if ended is None else ended))
        with self._database.write_transaction() as connection:
            connection.execute(
                "UPDATE export SET ended_ms = ?, bytes_sent = ?, outcome = ?, reason = ? "
                "WHERE number = ? AND outcome = 'running'",
                *(ended_ms, bytes_sent, outcome, reason and printable(reason), line),
            )

    def abort_dead_transfers(self) -> int:
        """Mark as aborted what was left running by processes that live no more; returns how many lines that were.

        To be called when a server or command starts, before it writes lines of its own.
        """
        # Asked in this order: a process that begins meanwhile is not among those that may be dead.
        named = {run for (run,) in self._database.rows("SELECT DISTINCT run FROM export WHERE outcome = 'running'")}
        dead = named - self._process_lock.running_processes() if named else named
        aborted = 0
        for run in dead:
            with self._database.write_transaction() as connection:
                aborted += connection.execute(
                    "UPDATE export SET ended_ms = ?, outcome = 'aborted', reason = ? "
                    "WHERE outcome = 'running' AND run = ?",
                    *(now_ms(self._clock), _PROCESS_DIED, run),
                )
        return aborted

    def sent_etags(self, *, who: str, session: str, options: str, since: datetime) -> list[str]:
        """The tags of what the server sent somebody of a session since then, the one that it sent last first."""
        found = self._database.rows(
            "SELECT etag FROM export WHERE session = ? AND who = ? AND options = ? AND begun_ms >= ? AND address <> '' "
            "GROUP BY etag ORDER BY max(number) DESC",
            session,
            printable(who),
            printable(options),
            round(since.timestamp() * 1000),
        )
        return [etag for (etag,) in found]

    def resolve_session(self, text: str) -> str:
        """Return the id of the session of this log that somebody means: ``42``, also ``s42`` or ``Session42``."""
        return resolve_id(text, {session for (session,) in self._database.rows("SELECT DISTINCT session FROM export")})

    def lines(
        self, *, session: str | None = None, limit: int | None = None, before: int | None = None
    ) -> list[ExportLogLine]:
        """The lines, the newest first: of one session or all, and only those with a number below ``before``."""
        of_session, values = ("", []) if session is None else ("session = ? AND ", [session])
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM export WHERE {of_session}number < ? ORDER BY number DESC LIMIT ?",  # noqa: S608
            *values,
            _MAX_INTEGER if before is None else before,
            _MAX_INTEGER if limit is None else limit,
        )
        return [_line_from_row(row) for row in found]


@dataclass(frozen=True, slots=True)
class ExportLogFilter:
    """Which lines are wanted: of a session, of users (part of the name, any case), with an outcome, begun in a time.

    ``since`` is the first instant, ``until`` the first one that is too late.
    """

    session: str | None = None
    who: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self != ExportLogFilter()

    def find(self, log: ExportLog, before: int | None = None) -> Iterator[ExportLogLine]:
        """Those lines, the newest first, from the one below ``before`` on. Raises PeopleError."""
        while True:
            piece = log.lines(session=self.session, limit=_LINES_PER_READ, before=before)
            yield from filter(self._matches, piece)
            if len(piece) < _LINES_PER_READ:
                return
            before = piece[-1].number

    def _matches(self, line: ExportLogLine) -> bool:
        return (
            self.who.casefold() in line.who.casefold()
            and self.outcome in (None, line.outcome)
            and (self.since is None or line.begun >= self.since)
            and (self.until is None or line.begun < self.until)
        )


def system_user() -> str:
    """Who runs this command, as the operating system names them, whatever their environment says (LOGNAME, USER).

    This is what the log says of the command line.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a user number without a name, as in some containers
        return str(number)


def _line_from_row(row: tuple[Any, ...]) -> ExportLogLine:
    number, begun_ms, ended_ms, *texts_and_sizes = row
    line = ExportLogLine(number, from_ms(begun_ms), None if ended_ms is None else from_ms(ended_ms), *texts_and_sizes)
    return replace(line, outcome=Outcome(line.outcome))
