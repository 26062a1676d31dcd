"""What leaves the lab without the server: a line in the same export log as a download."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from labcrate.archive.entity import Entity
from labcrate.catalog.state import state_folder
from labcrate.errors import PeopleError, SourceChangedError
from labcrate.lab.folder import Lab
from labcrate.people.database import Database
from labcrate.people.exports import ExportLog, Outcome, system_user

Via = Literal["command line", "Python"]


class Sent:
    """Counts the bytes that were written; ``problem`` says why there is no line in the log, if there is none.

    ``said`` goes into the line of an export that succeeds.
    """

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.size_bytes = 0
        self.problem: str | None = None
        self.said: str | None = None
        self._progress = progress

    def advance(self, size_bytes: int) -> None:
        """So many bytes more."""
        self.size_bytes += size_bytes
        self._progress(size_bytes)


@contextmanager
def logged(
    lab: Lab, session: str, options: str, entity: Entity, via: Via, progress: Callable[[int], None]
) -> Iterator[Sent]:
    """Writes the line before the archive is written, and how it went afterwards.

    A log that cannot be written does not stop the export, as it stops the server's: whoever runs a program here can
    read the recordings anyway. Then ``problem`` tells it.
    """
    sent = Sent(progress)
    with ExitStack() as stack:
        try:
            log = stack.enter_context(ExportLog(stack.enter_context(Database.open(state_folder(lab.root)))))
            log.settle()
            line = log.begin(
                who=system_user(),
                via=via,
                address="",
                session=session,
                options=options,
                etag=entity.etag,
                start=0,
                length=entity.length,
                total=entity.length,
            )
        except PeopleError as error:
            sent.problem = str(error)
            yield sent
            return
        outcome, reason = Outcome.ABORTED, None
        try:
            yield sent
            outcome, reason = Outcome.FINISHED, sent.said
        except SourceChangedError as error:
            outcome, reason = Outcome.BROKEN, str(error)
            raise
        finally:
            try:
                log.end(line, sent.size_bytes, outcome, reason)
            except PeopleError as error:
                sent.problem = str(error)
