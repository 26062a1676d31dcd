"""Lines of the export log as the server writes them: one for every transfer of an archive or a recording."""

import logging
from dataclasses import dataclass

from labcrate.errors import PeopleError
from labcrate.people.exports import ExportLog, Outcome
from labcrate.people.roles import Role
from labcrate.web.access import Caller
from labcrate.web.ends import End, Ends
from labcrate.web.executor import Executor, Lane
from labcrate.web.lasting import check_still
from labcrate.web.login import Doors

_log = logging.getLogger("labcrate.web")


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out of the lab: of which session, chosen how (as the query of a URL), and how long in bytes."""

    session: str
    options: str
    etag: str
    total: int


@dataclass(frozen=True, slots=True)
class TransferLog:
    """What a line of the export log is written with, and what tells whether its transfer may go on."""

    executor: Executor
    export_log: ExportLog
    ends: Ends
    doors: Doors


class LogLine:
    """The line of one transfer, which is there before the first byte is sent."""

    def __init__(self, log: TransferLog, caller: Caller, taken: Taken) -> None:
        self._log, self._caller, self._taken = log, caller, taken
        self._number = 0

    async def begin(self, start: int, length: int) -> None:
        """Write it. Raises PeopleError: what cannot be logged is not sent."""
        self._number = await self._log.executor.run(
            Lane.WORK,
            self._log.export_log.begin,
            who=self._caller.name,
            via=self._caller.via,
            address=self._caller.address,
            session=self._taken.session,
            options=self._taken.options,
            etag=self._taken.etag,
            start=start,
            length=length,
            total=self._taken.total,
        )

    async def progress(self, sent: int) -> None:
        """Say how far it is. Raises NotAllowedError for who may not have the rest."""
        try:
            await self._log.executor.run(Lane.WORK, self._log.export_log.progress, self._number, sent)
        except PeopleError as error:
            _log.warning("The export log was not told how far transfer %d is: %s", self._number, error)
        await check_still(self._log.doors, self._caller, Role.OPERATOR, self._taken.session)

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """Say how it ended."""
        await self._log.executor.run(Lane.WORK, self._log.ends.write, End(self._number, sent, outcome, reason))
