"""The last step of an export, for the command line and Python: an archive becomes a file, with a line in the log."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labcrate.archive.entity import Entity
from labcrate.archive.keys import Signer
from labcrate.catalog.confirming import Confirming
from labcrate.catalog.state import state_folder
from labcrate.export.build import Assembly
from labcrate.export.confirmation import Confirmation
from labcrate.export.logged import Sent, Via, logged
from labcrate.export.signing import sign_archive
from labcrate.export.writer import write_archive
from labcrate.lab.folder import Lab


@dataclass(frozen=True, slots=True)
class Packing:
    """How an archive is to be written: where, by which rule its bytes are confirmed, and by whose key it is signed.

    ``options`` are those of the export as the log has them, ``via`` is who exports.
    """

    target: Path
    options: str
    via: Via
    rule: Confirming
    signer: Signer | None = None
    force: bool = False
    sync: bool = True


def write_session(
    lab: Lab, assembly: Assembly, entity: Entity, packing: Packing, progress: Callable[[int], None]
) -> tuple[Sent, Confirmation]:
    """Write an archive, sign it if there is a key for it, and have a line of it in the export log.

    Return what the log took, and what was confirmed. Raises what ``write_archive`` does, and CatalogError.
    """
    signature = sign_archive(packing.signer, assembly.layout) if packing.signer else None
    session_id = assembly.plan.session.id
    with (
        Confirmation.of(assembly, state_folder(lab.root), packing.rule) as confirmation,
        logged(lab, session_id, packing.options, entity, packing.via, progress) as sent,
    ):
        write_archive(
            entity,
            packing.target,
            force=packing.force,
            sync=packing.sync,
            progress=sent.advance,
            signature=signature,
            checker=confirmation.checker(),
        )
        sent.said = confirmation.said
    return sent, confirmation
