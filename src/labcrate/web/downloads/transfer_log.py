"""Lines of the export log: one for each transfer of an archive or a recording.

A line is written before the first byte is sent. If the result of a transfer cannot be written (the disk is full), it
is written later.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from labcrate.errors import PeopleError
from labcrate.messages.message import Message
from labcrate.people.export_log import ExportLog, Outcome
from labcrate.people.roles import Role
from labcrate.web.auth.accounts import Accounts
from labcrate.web.auth.require_role import Caller, recheck_permission
from labcrate.web.executor import Executor, WorkKind

_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class TransferResult:
    """How the transfer of a line ended, with the number of bytes sent; ``ended_s`` is in seconds since 1970."""

    line_number: int
    sent: int
    outcome: Outcome
    reason: Message | str | None
    ended_s: float = field(default_factory=time.time)


class TransferResultWriter:
    """A writer of the results of transfers, with a list of those to be written later.

    Threads may share it; calls wait for the disk.
    """

    def __init__(self, log: ExportLog) -> None:
        self._log, self._writing = log, threading.Lock()
        self._pending: list[TransferResult] = []

    def write(self, end: TransferResult) -> None:
        """Write a result now, or later if it fails or others are pending: only one call waits for a locked file."""
        reason = "earlier results are not written yet."
        if not self._pending:
            try:
                self._write(end)
            except PeopleError as error:
                reason = str(error)
            else:
                return
        values = (end.line_number, end.outcome, end.sent, reason)
        _log.warning("The result of transfer %d (%s, %d bytes) is not in the export log yet: %s", *values)
        self._pending.append(end)

    def write_pending(self) -> None:
        """Write the pending results; stop at the first that cannot be written."""
        with self._writing, suppress(PeopleError):
            while self._pending:
                self._write(self._pending[0])
                self._pending.pop(0)

    def _write(self, end: TransferResult) -> None:
        self._log.end(end.line_number, end.sent, end.outcome, end.reason, ended=end.ended_s)


@dataclass(frozen=True, slots=True)
class DownloadInfo:
    """What is downloaded: session, options (as the query of a URL), entity tag, and total length in bytes."""

    session: str
    options: str
    etag: str
    total: int


@dataclass(frozen=True, slots=True)
class TransferLog:
    """What an entry of the export log needs: the log, and the accounts that decide whether a transfer may continue."""

    executor: Executor
    export_log: ExportLog
    result_writer: TransferResultWriter
    accounts: Accounts


class TransferLogEntry:
    """The line of one transfer in the export log."""

    def __init__(self, log: TransferLog, caller: Caller, download: DownloadInfo) -> None:
        self._log, self._caller, self._download = log, caller, download
        self._line_number = 0

    async def begin(self, start: int, length: int) -> None:
        """Write the line. Raises PeopleError; then nothing is sent."""
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
        """Write the number of bytes sent so far. Raises NotAllowedError if the user may no longer download."""
        try:
            await self._log.executor.run(WorkKind.REQUESTS, self._log.export_log.progress, self._line_number, sent)
        except PeopleError as error:
            _log.warning("The progress of transfer %d was not written to the export log: %s", self._line_number, error)
        await recheck_permission(self._log.accounts, self._caller, Role.OPERATOR, self._download.session)

    async def end(self, sent: int, outcome: Outcome, reason: Message | str | None) -> None:
        """Write how the transfer ended, now or later."""
        await self._log.executor.run(
            WorkKind.REQUESTS, self._log.result_writer.write, TransferResult(self._line_number, sent, outcome, reason)
        )
