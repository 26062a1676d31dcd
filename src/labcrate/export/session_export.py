"""Export a session to a file: write, sign, confirm and log the archive, for the command line and Python."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from labcrate.archive.entity import Entity
from labcrate.errors import PeopleError, SourceChangedError, TargetError
from labcrate.export.assemble import Assembly
from labcrate.export.confirmation import Confirmation
from labcrate.export.people_folder import people_folder
from labcrate.export.prepare import ShowStage, prepare_with_progress, show_nothing
from labcrate.export.signing import sign_archive, signer_of
from labcrate.export.writer import archive_path, check_targets, signature_path, write_archive
from labcrate.index.byte_checks import ByteCheckMode, ByteCheckRule
from labcrate.index.state_folder import STATE_FOLDER, state_folder, user_state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import ExportLog, Outcome, system_user
from labcrate.plan.inventory import find_session
from labcrate.plan.options import Options, as_text
from labcrate.plan.own_archives import is_own_archive

Via = Literal["command line", "Python"]


class ExportLogEntry:
    """The entry of one export in the export log, and the number of bytes written so far.

    ``problem`` says why the lab's log has no complete entry, if it has none. ``in_own_log`` is True if the lab's folder
    cannot have a log, and the entry is in the user's own. ``confirmation`` is written to the log at the end.
    """

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.written_bytes = 0
        self.problem: Message | None = None
        self.in_own_log = False
        self.confirmation: Message | None = None
        self._progress = progress

    def advance(self, size_bytes: int) -> None:
        """Add a number of written bytes."""
        self.written_bytes += size_bytes
        self._progress(size_bytes)


@contextmanager
def log_export(
    lab: LabFolder, session: str, options: str, entity: Entity, via: Via, progress: Callable[[int], None]
) -> Iterator[ExportLogEntry]:
    """Write an entry to the export log before the archive is written, and its outcome afterwards.

    If the log cannot be written, ``problem`` says so, and the entry is in the user's own log if possible. The export
    continues, unlike that of the server: a user who runs a program here can read the recordings anyway.
    """
    log_entry = ExportLogEntry(progress)
    with ExitStack() as stack:
        started = _begin_log_line(stack, lab, log_entry, _LogFacts(session, options, entity, via))
        if started is None:
            yield log_entry
            return
        log, line = started
        outcome: Outcome = Outcome.ABORTED
        reason: str | None = None
        try:
            yield log_entry
            outcome, reason = Outcome.FINISHED, log_entry.confirmation
        except SourceChangedError as error:
            outcome, reason = Outcome.BROKEN, str(error)
            raise
        finally:
            try:
                log.end(line, log_entry.written_bytes, outcome, reason)
            except PeopleError as error:
                log_entry.problem = Message("export_log.no_end", error=error.message)


class _LogFacts(Struct, frozen=True):
    """What the log says about an export before anything is written."""

    session: str
    options: str
    entity: Entity
    via: Via


def _begin_log_line(
    stack: ExitStack, lab: LabFolder, log_entry: ExportLogEntry, facts: _LogFacts
) -> tuple[ExportLog, int] | None:
    """Begin an entry in the lab's log, or otherwise in the user's own; None if neither can be written."""
    try:
        folder = people_folder(lab.root)
        started = _begin_line_in(stack, folder, facts)
    except PeopleError as error:
        problem = error.message
    else:
        log_entry.in_own_log = folder != lab.root / STATE_FOLDER
        return started
    own = user_state_folder(lab.root)
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        started = _begin_line_in(stack, own, facts)
    except (PeopleError, OSError):
        log_entry.problem = Message("export_log.no_entry", error=problem)
        return None
    log_entry.problem = Message("export_log.own_entry", error=problem)
    return started


def _begin_line_in(stack: ExitStack, folder: Path, facts: _LogFacts) -> tuple[ExportLog, int]:
    with ExitStack() as opening:
        log = opening.enter_context(ExportLog(opening.enter_context(PeopleDatabase.open(folder))))
        log.abort_dead_transfers()
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
        stack.enter_context(opening.pop_all())
    return log, line


class ExportResult(Struct, frozen=True):
    """An archive that was written.

    ``signature`` is the file that signs it, None where none was to be made; ``log_entry`` says what the export log
    took, ``confirmation`` which bytes were compared with their checksums.
    """

    path: Path
    signature: Path | None
    assembly: Assembly
    entity: Entity
    log_entry: ExportLogEntry
    confirmation: Confirmation


def export_session(
    lab: LabFolder,
    session: str,
    options: Options,
    to: str | os.PathLike[str],
    via: Via,
    show_stage: ShowStage = show_nothing,
    *,
    force: bool = False,
    allow_incomplete: bool = False,
    sign: bool = False,
    sync: bool = True,
    check: bool | None = None,
    workers: int | None = None,
) -> ExportResult:
    """Export one session to the file or folder ``to``. After an error, no partial file is left.

    ``via`` is the value for the export log. ``force`` replaces an existing file (of the lab's own files, only an
    archive that labcrate wrote), ``allow_incomplete`` exports the rest if something is missing, ``sign`` writes a
    signature beside the archive, ``sync`` waits until the archive is on disk. ``check`` compares all bytes (True) or
    none (False) with their checksums; None compares those that were not confirmed recently.
    Raises what ``planned_session`` and ``write_archive`` do, IncompleteError, SecretsError, TargetError for a file of
    the lab, NotFoundError where the lab has no key to sign with, and SigningError.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    target = archive_path(to, session_id, partial=options.is_partial)
    check_targets(target, force=force, signed=sign)
    _refuse_lab_file(lab, target)
    signer = signer_of(lab) if sign else None
    rule = ByteCheckRule.from_now(ByteCheckMode.of(check), inventory.settings.confirm_days)
    whole = not allow_incomplete
    with prepare_with_progress(
        inventory, session_id, options, show_stage, workers, export=True, whole=whole
    ) as assembly:
        entity = Entity(assembly.layout)
        signature = sign_archive(signer, assembly.layout) if signer else None
        with (
            show_stage("packing") as progress,
            Confirmation.of(assembly, state_folder(lab.root), rule) as confirmation,
            log_export(lab, session_id, as_text(assembly.plan.options), entity, via, progress.advance) as log_entry,
        ):
            progress.begin(1, entity.length)
            write_archive(
                entity,
                target,
                force=force,
                sync=sync,
                progress=log_entry.advance,
                signature=signature,
                checker=confirmation.checker(),
            )
            log_entry.confirmation = confirmation.summary if assembly.plan.recordings else None
    return ExportResult(target, signature_path(target) if sign else None, assembly, entity, log_entry, confirmation)


def _refuse_lab_file(lab: LabFolder, target: Path) -> None:
    """Raise TargetError for an existing file of the lab that labcrate did not write."""
    place, root = target.parent.resolve() / target.name, lab.root.resolve()
    if not os.path.lexists(place) or not place.is_relative_to(root):
        return
    with suppress(OSError):  # a symbolic link, or not a file
        if is_own_archive(lab, str(place.relative_to(root))):
            return
    raise TargetError(Message("target.lab_file", target=str(target)))
