"""From a lab folder to the report of an examination."""

from labcrate.doctor.byte_findings import byte_findings, confirmations_of
from labcrate.doctor.examine import examine
from labcrate.doctor.report import Report
from labcrate.doctor.secret_files import find_secret_files
from labcrate.errors import DocumentError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Progress
from labcrate.index.state import state_folder
from labcrate.lab.folder import Lab
from labcrate.model.lab_settings import LabSettings
from labcrate.plan.inventory import Inventory, take_inventory
from labcrate.secrets.clean import Cleaner


def inventory_in_spite_of_settings(lab: Lab) -> tuple[Inventory, DocumentError | None]:
    """Take the inventory of a lab and, where ``labcrate.toml`` cannot be used, take it without that and say why."""
    try:
        return take_inventory(lab), None
    except DocumentError as error:
        return take_inventory(lab, settings=LabSettings()), error


def make_report(
    lab: Lab,
    session: str | None = None,
    *,
    inventory: Inventory | None = None,
    base_topic: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Report:
    """Examine a lab or one session of it, and return the report.

    ``session`` is the id, or what somebody calls it (``s42``); ``inventory`` the lab's, where it has just been taken.
    Raises NoSessionError, CatalogError, and what ``progress`` raises.
    """
    problem = None
    if inventory is None:
        inventory, problem = inventory_in_spite_of_settings(lab)
    session = None if session is None else inventory.resolve(session)
    cleaner = Cleaner(inventory.secrets.secrets)
    with Catalog.open(state_folder(lab.root)) as catalog:
        ids = inventory.ids if session is None else [session]
        findings = examine(
            inventory,
            catalog,
            session,
            settings_problem=problem,
            secrets=list(find_secret_files(inventory, catalog, ids, progress or Progress(), workers)),
            base_topic=base_topic,
            progress=progress,
            workers=workers,
        )
        figures = confirmations_of(inventory, catalog) if session is None else None
        return Report.of([*findings, *byte_findings(inventory, catalog, session)], cleaner, session, figures)
