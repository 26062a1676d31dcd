"""What leaves the lab without the server: a line in the same export log as a download."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labcrate.archive.entity import Entity
from labcrate.errors import PeopleError, SourceChangedError
from labcrate.export.people_folder import people_folder
from labcrate.index.state import own_folder
from labcrate.lab.folder import Lab
from labcrate.people.database import Database
from labcrate.people.export_log import ExportLog, Outcome, system_user

Via = Literal["command line", "Python"]


class Sent:
    """Counts the bytes that were written.

    ``problem`` is a sentence that says why the lab's log has no whole line of this, if it has none; ``private`` says
    that the lab takes no log at all, and the line is in the user's own.
    """

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.size_bytes = 0
        self.problem: str | None = None
        self.private = False
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
    """Write the line before the archive is written, and how it went afterwards.

    A log that cannot be written does not stop the export, as it stops the server's: whoever runs a program here can
    read the recordings anyway. Then ``problem`` tells it, and the line is in the user's own log where that takes it.
    """
    sent = Sent(progress)
    with ExitStack() as stack:
        begun = _begin(stack, lab, sent, _Facts(session, options, entity, via))
        if begun is None:
            yield sent
            return
        log, line = begun
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
                sent.problem = f"The export log does not say how this ended. {error}"


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a line says before anything is written."""

    session: str
    options: str
    entity: Entity
    via: Via


def _begin(stack: ExitStack, lab: Lab, sent: Sent, facts: _Facts) -> tuple[ExportLog, int] | None:
    """Write the line in the lab's log, else in the user's own; None when neither takes it."""
    own = own_folder(lab.root)
    try:
        folder = people_folder(lab.root)
        begun = _begin_in(stack, folder, facts)
    except PeopleError as error:
        problem = error
    else:
        sent.private = folder == own
        return begun
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = _begin_in(stack, own, facts)
    except (PeopleError, OSError):
        sent.problem = f"The export log has no line of this. {problem}"
        return None
    sent.problem = f"The export log has no line of this, but a log of your own has (in your state folder). {problem}"
    return begun


def _begin_in(stack: ExitStack, folder: Path, facts: _Facts) -> tuple[ExportLog, int]:
    with ExitStack() as opened:
        log = opened.enter_context(ExportLog(opened.enter_context(Database.open(folder))))
        log.settle()
        length = facts.entity.length
        line = log.begin(
            who=system_user(),
            via=facts.via,
            address="",
            session=facts.session,
            options=facts.options,
            etag=facts.entity.etag,
            start=0,
            length=length,
            total=length,
        )
        stack.enter_context(opened.pop_all())
    return log, line
