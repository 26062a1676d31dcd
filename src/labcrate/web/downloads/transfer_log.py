"""Lines of the export log, one for each transfer of an archive or a recording.

A line is there before the first byte is sent. An end that cannot be written (a full disk) is written later.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from labcrate.errors import PeopleError
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.people.roles import Role
from labcrate.web.auth.accounts import Accounts
from labcrate.web.auth.require_role import Caller, recheck_permission
from labcrate.web.executor import Executor, WorkKind

_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class TransferEnd:
    """How the transfer of a line ended; ``at`` is when, in seconds since 1970."""

    line_number: int
    sent: int
    outcome: Outcome
    reason: str | None
    ended_s: float = field(default_factory=time.time)


class TransferEndWriter:
    """Writes ends into their lines, and keeps those that it cannot write. Threads may share it; it waits for disks."""

    def __init__(self, log: ExportLog) -> None:
        self._log, self._writing = log, threading.Lock()
        self._pending: list[TransferEnd] = []

    def write(self, end: TransferEnd) -> None:
        """Write an end, now or later: behind others that could not be written, so that not each waits for a lock."""
        reason = "others wait to be written."
        if not self._pending:
            try:
                self._write(end)
            except PeopleError as error:
                reason = str(error)
            else:
                return
        values = (end.line_number, end.outcome, end.sent, reason)
        _log.warning("The export log was not yet told that transfer %d ended (%s, %d bytes): %s", *values)
        self._pending.append(end)

    def write_pending(self) -> None:
        """Write the ends that could not be written before, as far as possible."""
        with self._writing, suppress(PeopleError):
            while self._pending:
                self._write(self._pending[0])
                self._pending.pop(0)

    def _write(self, end: TransferEnd) -> None:
        self._log.end(end.line_number, end.sent, end.outcome, end.reason, ended=end.ended_s)


@dataclass(frozen=True, slots=True)
class DownloadInfo:
    """What is downloaded: of which session, with which options (as the query of a URL), and its length in bytes."""

    session: str
    options: str
    etag: str
    total: int


@dataclass(frozen=True, slots=True)
class TransferLog:
    """What writes a line of the export log, and what says whether its transfer may go on."""

    executor: Executor
    export_log: ExportLog
    end_writer: TransferEndWriter
    accounts: Accounts


class ExportLogEntry:
    """The line of one transfer."""

    def __init__(self, log: TransferLog, caller: Caller, download: DownloadInfo) -> None:
        self._log, self._caller, self._download = log, caller, download
        self._line_number = 0

    async def begin(self, start: int, length: int) -> None:
        """Write the line. Raises PeopleError: what cannot be logged is not sent."""
        self._line_number = await self._log.executor.run(
            WorkKind.REQUESTS,
            self._log.export_log.begin,
            who=self._caller.name,
            via=self._caller.via,
            address=self._caller.address,
            session=self._download.session,
            options=self._download.options,
            etag=self._download.etag,
            start=start,
            length=length,
            total=self._download.total,
        )

    async def progress(self, sent: int) -> None:
        """Write how far it is. Raises NotAllowedError for a user who may not have the rest."""
        try:
            await self._log.executor.run(WorkKind.REQUESTS, self._log.export_log.progress, self._line_number, sent)
        except PeopleError as error:
            _log.warning("The export log was not told how far transfer %d is: %s", self._line_number, error)
        await recheck_permission(self._log.accounts, self._caller, Role.OPERATOR, self._download.session)

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """Write how it ended."""
        await self._log.executor.run(
            WorkKind.REQUESTS, self._log.end_writer.write, TransferEnd(self._line_number, sent, outcome, reason)
        )
