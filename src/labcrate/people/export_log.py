"""The export log: which data left the lab, when, and who took it.

A line is written before the first byte is sent, and completed when the transfer ends.
"""

import os
import pwd
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import replace

from labcrate.messages.message import Message
from labcrate.messages.stored import message_from_json, message_to_json
from labcrate.messages.text import printable
from labcrate.model.session import resolve_id
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.process_lock import ProcessLock

COMMAND_LINE = "command line"
_COLUMNS = (
    "number, begun_ms, ended_ms, who, via, address, session, options, etag, start, length, total, bytes_sent, "
    "outcome, reason, reason_message"
)
_LINES_PER_READ = 1000
_MAX_INTEGER = (1 << 63) - 1


class Outcome(StrEnum):
    """The state of a transfer: ABORTED by the client or the end of the server, BROKEN because a file changed."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    BROKEN = "broken"


class ExportLogLine(Struct, frozen=True):
    """One transfer of an archive or a part of it.

    ``start`` and ``length`` are the requested part, ``total`` is the whole archive, all in bytes. ``reason`` says why
    the transfer did not finish: a Message, or plain English text if an older labcrate wrote the line.
    """

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
    reason: Message | str | None


class ExportLog:
    """The export log of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock
        self._process_lock = ProcessLock(database.state_folder)

    def close(self) -> None:
        """Release the lock that marks this process as running; its transfers must have ended."""
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
        """Add a line before the first byte is sent, and return its number when the line is on the disk."""
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
        """Record how many bytes were sent so far. A power cut may lose this."""
        with self._database.write_transaction(durable=False) as connection:
            connection.execute(
                "UPDATE export SET bytes_sent = ? WHERE number = ? AND outcome = 'running'", bytes_sent, line
            )

    def end(
        self, line: int, bytes_sent: int, outcome: Outcome, reason: str | None = None, *, ended: float | None = None
    ) -> None:
        """Record how a transfer ended, now or at ``ended`` (seconds of the clock). Ignore a line that ended before.

        A ``reason`` that is a Message is stored with its id and values, so that it can be read in any language.
        """
        ended_ms = round(1000 * (self._clock() if ended is None else ended))
        with self._database.write_transaction() as connection:
            connection.execute(
                "UPDATE export SET ended_ms = ?, bytes_sent = ?, outcome = ?, reason = ?, reason_message = ? "
                "WHERE number = ? AND outcome = 'running'",
                *(ended_ms, bytes_sent, outcome, *_reason_columns(reason), line),
            )

    def abort_dead_transfers(self) -> int:
        """Mark as aborted the running transfers of processes that have ended, and return their number.

        Call this when a server or command starts, before it adds lines of its own.
        """
        # The order matters: a process that starts between the two queries is not among the possibly dead ones.
        named = {run for (run,) in self._database.rows("SELECT DISTINCT run FROM export WHERE outcome = 'running'")}
        dead = named - self._process_lock.running_processes() if named else named
        aborted = 0
        for run in dead:
            with self._database.write_transaction() as connection:
                aborted += connection.execute(
                    "UPDATE export SET ended_ms = ?, outcome = 'aborted', reason = ?, reason_message = ? "
                    "WHERE outcome = 'running' AND run = ?",
                    *(now_ms(self._clock), *_reason_columns(Message("transfer.process_ended")), run),
                )
        return aborted

    def sent_etags(self, *, who: str, session: str, options: str, since: datetime) -> list[str]:
        """Return the ETags of what the server sent a user of a session since an instant, the latest first."""
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
        """Return the id of the session in this log that a text names: ``42``, also ``s42`` or ``Session42``."""
        return resolve_id(text, {session for (session,) in self._database.rows("SELECT DISTINCT session FROM export")})

    def lines(
        self, *, session: str | None = None, limit: int | None = None, before: int | None = None
    ) -> list[ExportLogLine]:
        """Return the lines of one session or all, the newest first, only those with a number below ``before``."""
        of_session, values = ("", []) if session is None else ("session = ? AND ", [session])
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM export WHERE {of_session}number < ? ORDER BY number DESC LIMIT ?",  # noqa: S608
            *values,
            _MAX_INTEGER if before is None else before,
            _MAX_INTEGER if limit is None else limit,
        )
        return [_line_from_row(row) for row in found]


class ExportLogFilter(Struct, frozen=True):
    """A choice of lines: by session, part of the user's name (any case), outcome, and the time when they began.

    ``since`` is the first instant included, ``until`` the first one excluded.
    """

    session: str | None = None
    who: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self != ExportLogFilter()

    def find(self, log: ExportLog, before: int | None = None) -> Iterator[ExportLogLine]:
        """Yield the chosen lines with a number below ``before``, the newest first. Raises PeopleError."""
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
    """Return the operating system's name of the user who runs this command, whatever LOGNAME and USER say.

    The export log has this name for exports on the command line.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a user number without a name, as in some containers
        return str(number)


def _reason_columns(reason: str | None) -> tuple[str | None, str | None]:
    """Return the English text of a reason, and JSON of the message if it is one."""
    if not reason:
        return None, None
    return printable(reason), message_to_json(reason) if isinstance(reason, Message) else None


def _line_from_row(row: tuple[Any, ...]) -> ExportLogLine:
    *values, reason_message = row
    line = ExportLogLine(*values)
    message = None if reason_message is None else message_from_json(reason_message)
    _, begun_ms, ended_ms, *_ = row
    return replace(
        line,
        begun=from_ms(begun_ms),
        ended=None if ended_ms is None else from_ms(ended_ms),
        outcome=Outcome(line.outcome),
        reason=message or line.reason,
    )
