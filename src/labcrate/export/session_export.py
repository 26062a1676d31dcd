"""Pack a session: write, sign, confirm, and log the archive; the one export of command line and Python."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labcrate.archive.entity import Entity
from labcrate.errors import PeopleError, SourceChangedError, TargetError
from labcrate.export.assemble import Assembly
from labcrate.export.confirmation import Confirmation
from labcrate.export.people_folder import people_folder
from labcrate.export.prepare import Stages, laid_out, silent
from labcrate.export.signing import sign_archive, signer_of
from labcrate.export.writer import archive_path, check_targets, signature_path, write_archive
from labcrate.index.confirming import Check, Confirming
from labcrate.index.state import own_folder, state_folder
from labcrate.lab.folder import Lab
from labcrate.messages.text import printable
from labcrate.people.database import Database
from labcrate.people.export_log import ExportLog, Outcome, system_user
from labcrate.plan.inventory import find_session
from labcrate.plan.options import Options, as_text
from labcrate.plan.own_archives import is_own_archive

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


@dataclass(frozen=True, slots=True)
class Exported:
    """An archive that was written, and what is known of that.

    ``signature`` is the file that signs it, None where none was to be made; ``sent`` says what the export log took,
    ``confirmation`` which bytes were compared with their checksums.
    """

    path: Path
    signature: Path | None
    assembly: Assembly
    entity: Entity
    sent: Sent
    confirmation: Confirmation


def export_session(
    lab: Lab,
    session: str,
    options: Options,
    to: str | os.PathLike[str],
    via: Via,
    stages: Stages = silent,
    *,
    force: bool = False,
    allow_incomplete: bool = False,
    sign: bool = False,
    sync: bool = True,
    check: bool | None = None,
    workers: int | None = None,
) -> Exported:
    """Package one session into the file, or into the folder, ``to``; whatever goes wrong, nothing is left behind.

    ``via`` is the way of the export as the log calls it. ``force`` replaces a file that exists (of the lab's files, an
    archive that labcrate wrote and nothing else), ``allow_incomplete`` packs the rest when something is missing,
    ``sign`` writes a signature beside the archive, ``sync`` waits until the disk has it. ``check`` compares all bytes
    with their checksums, or (False) none; None those that are due.
    Raises what ``planned_session`` and ``write_archive`` do, IncompleteError, SecretsError, TargetError for a file of
    the lab, NoSuchThingError where the lab has no key to sign with, and SigningError.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    target = archive_path(to, session_id, partial=options.partial)
    check_targets(target, force=force, signed=sign)
    _refuse_lab_file(lab, target)
    signer = signer_of(lab) if sign else None
    rule = Confirming.from_now(Check.of(check), inventory.settings.confirm_days)
    whole = not allow_incomplete
    with laid_out(inventory, session_id, options, stages, workers, export=True, whole=whole) as assembly:
        entity = Entity(assembly.layout)
        signature = sign_archive(signer, assembly.layout) if signer else None
        with (
            stages("packing") as progress,
            Confirmation.of(assembly, state_folder(lab.root), rule) as confirmation,
            logged(lab, session_id, as_text(assembly.plan.options), entity, via, progress.advance) as sent,
        ):
            progress.begin(1, entity.length)
            write_archive(
                entity,
                target,
                force=force,
                sync=sync,
                progress=sent.advance,
                signature=signature,
                checker=confirmation.checker(),
            )
            sent.said = confirmation.said
    return Exported(target, signature_path(target) if sign else None, assembly, entity, sent, confirmation)


def _refuse_lab_file(lab: Lab, target: Path) -> None:
    """Refuse to replace a file of the lab that labcrate did not write. Raises TargetError."""
    place, root = target.parent.resolve() / target.name, lab.root.resolve()
    if not os.path.lexists(place) or not place.is_relative_to(root):
        return
    with suppress(OSError):  # a link, or what is no file
        if is_own_archive(lab, str(place.relative_to(root))):
            return
    raise TargetError(
        f"{printable(str(target))} is a file of the lab, and labcrate never replaces one of those; choose another name "
        "with --output."
    )
