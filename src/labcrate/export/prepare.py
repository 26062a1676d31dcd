"""From a lab folder and a session's id to an archive that only needs writing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from labcrate.catalog.catalog import Catalog
from labcrate.catalog.index import Progress
from labcrate.catalog.state import state_folder
from labcrate.export.build import Assembly, assemble
from labcrate.export.inventory import Inventory, take_inventory
from labcrate.export.plan import Planner
from labcrate.export.redacting import Redactor
from labcrate.export.spool import Spool
from labcrate.lab.folder import Lab
from labcrate.plan.options import Options


@contextmanager
def prepared(
    lab: Lab,
    session_id: str,
    options: Options = Options(),
    *,
    hashed: bool,
    allow_incomplete: bool = True,
    progress: Progress | None = None,
    workers: int | None = None,
    inventory: Inventory | None = None,
    hurry: bool = False,
    standing: Iterable[Assembly] = (),
    refuse: bool = False,
) -> Iterator[Assembly]:
    """A session's archive, laid out; its generated documents live as long as somebody holds it.

    ``inventory`` is the lab's, where it has just been taken; ``hurry`` is as a Planner has it; ``standing`` are
    archives of the same session, whose tables are taken where they would come out the same; to ``refuse`` what may
    not be packed is as a Planner has it. What ``progress`` raises ends the work. Raises what ``Planner.plan`` does,
    and TargetError.
    """
    state = state_folder(lab.root)
    with Catalog.open(state) as catalog:
        progress = progress or Progress()
        if inventory is None:
            inventory = take_inventory(lab, options.time_zone)
        elif options.time_zone and options.time_zone != inventory.chosen_zone:
            # All times without a zone are read in it: those of sessions too. The same recorders may be read as before.
            folders = inventory.recorder_folders
            inventory = take_inventory(lab, options.time_zone, inventory.settings, secrets=inventory.secrets)
            inventory = replace(inventory, recorder_folders=folders)
        planner = Planner(inventory, catalog, progress, workers, hurry)
        plan = planner.plan(session_id, options, hashed=hashed, allow_incomplete=allow_incomplete, refuse=refuse)
        spool, cleaner = Spool(state, progress.check), inventory.cleaner
        redactor = Redactor(inventory.files, cleaner, catalog, spool, progress, hashed)
        plan, redacted = redactor.redact(plan, refuse=refuse)
        yield assemble(inventory.files, plan, spool, standing, redacted, cleaner.matcher)
