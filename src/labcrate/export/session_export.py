"""A session of a lab becomes a file: found, planned, written, signed, confirmed, with a line in the export log."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labcrate.archive.entity import Entity
from labcrate.errors import TargetError
from labcrate.export.assemble import Assembly
from labcrate.export.confirmation import Confirmation
from labcrate.export.log_export import Sent, Via, logged
from labcrate.export.session_plan import Stages, laid_out, silent
from labcrate.export.signing import sign_archive, signer_of
from labcrate.export.writer import archive_path, check_targets, signature_path, write_archive
from labcrate.index.confirming import Check, Confirming
from labcrate.index.state import state_folder
from labcrate.lab.folder import Lab
from labcrate.lab.text import one_line
from labcrate.plan.inventory import find_session
from labcrate.plan.options import Options, as_text
from labcrate.plan.own_archives import is_own_archive


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
        f"{one_line(str(target))} is a file of the lab, and labcrate never replaces one of those; choose another name "
        "with --output."
    )
