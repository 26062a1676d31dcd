"""A session of a lab becomes a file: found, planned, written, signed, confirmed, with a line in the export log."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from labcrate.archive.entity import Entity
from labcrate.catalog.confirming import Check, Confirming
from labcrate.catalog.index import Progress
from labcrate.catalog.state import state_folder
from labcrate.export.build import Assembly
from labcrate.export.confirmation import Confirmation
from labcrate.export.inventory import Inventory, find_session
from labcrate.export.logged import Sent, Via, logged
from labcrate.export.prepare import prepared
from labcrate.export.signing import sign_archive, signer_of
from labcrate.export.writer import archive_path, check_targets, signature_path, write_archive
from labcrate.lab.folder import Lab
from labcrate.plan.options import Options, as_text

Stages = Callable[[str], AbstractContextManager[Progress]]
"""Return what shows the progress of a stage (``indexing`` or ``packing``) while its context is entered."""


def _silent(_: str) -> AbstractContextManager[Progress]:
    return nullcontext(Progress())


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


@contextmanager
def planned_session(
    lab: Lab, session: str, options: Options, stages: Stages, workers: int | None = None
) -> Iterator[tuple[Inventory, Assembly]]:
    """Yield a lab's inventory, and the archive of one session as it is known before recordings are read through.

    ``workers`` is how many files are read at once (None: one per core). Raises UsageError for what is no session's
    id, and what ``prepared`` does.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    with _laid_out(inventory, session_id, options, stages, workers, export=False) as assembly:
        yield inventory, assembly


def export_session(
    lab: Lab,
    session: str,
    options: Options,
    to: str | os.PathLike[str],
    via: Via,
    stages: Stages = _silent,
    *,
    force: bool = False,
    allow_incomplete: bool = False,
    sign: bool = False,
    sync: bool = True,
    check: bool | None = None,
    workers: int | None = None,
) -> Exported:
    """Package one session into the file, or into the folder, ``to``; whatever goes wrong, nothing is left behind.

    ``via`` is the way of the export as the log calls it. ``force`` replaces a file that exists, ``allow_incomplete``
    packs the rest when something is missing, ``sign`` writes a signature beside the archive, ``sync`` waits until the
    disk has it. ``check`` compares all bytes with their checksums, or (False) none; None those that are due.
    Raises what ``planned_session`` and ``write_archive`` do, IncompleteError, SecretsError, NoSuchThingError where the
    lab has no key to sign with, and SigningError.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    target = archive_path(to, session_id, partial=options.partial)
    check_targets(target, force=force, signed=sign)
    signer = signer_of(lab) if sign else None
    rule = Confirming.from_now(Check.of(check), inventory.settings.confirm_days)
    whole = not allow_incomplete
    with _laid_out(inventory, session_id, options, stages, workers, export=True, whole=whole) as assembly:
        entity = Entity(assembly.layout)
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
                signature=sign_archive(signer, assembly.layout) if signer else None,
                checker=confirmation.checker(),
            )
            sent.said = confirmation.said
    return Exported(target, signature_path(target) if sign else None, assembly, entity, sent, confirmation)


@contextmanager
def _laid_out(
    inventory: Inventory,
    session_id: str,
    options: Options,
    stages: Stages,
    workers: int | None,
    *,
    export: bool,
    whole: bool = False,
) -> Iterator[Assembly]:
    """Yield a session's archive, with the progress of the indexing shown until it is laid out.

    For an ``export`` recordings are read through, and secrets that may not be packed refused; ``whole``: raise
    IncompleteError where something is missing.
    """
    with ExitStack() as held:
        with stages("indexing") as progress:
            preparing = prepared(
                inventory.lab,
                session_id,
                options,
                hashed=export,
                allow_incomplete=not whole,
                refuse=export,
                progress=progress,
                workers=workers,
                inventory=inventory,
            )
            assembly = held.enter_context(preparing)
        yield assembly
