"""Prepare an archive: take the inventory, plan, compute fixity where asked, and lay it out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace

from labcrate.export.assemble import Assembly, assemble
from labcrate.export.redact import Redactor
from labcrate.export.spool import Spool
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.secret_search import SecretSearcher
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory, find_session, read_inventory
from labcrate.plan.options import Options
from labcrate.plan.plan import CopiedFile, Plan
from labcrate.plan.planner import Planner, probe_video


@contextmanager
def prepare_archive(
    lab: LabFolder,
    session_id: str,
    options: Options = Options(),
    *,
    hashed: bool,
    allow_incomplete: bool = True,
    refuse: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
    inventory: Inventory | None = None,
) -> Iterator[Assembly]:
    """A session's archive, laid out; its generated documents live as long as somebody holds it.

    ``inventory`` is the lab's, where it has just been taken; to ``refuse`` what may not be packed is as a Planner has
    it. What ``progress`` raises ends the work. Raises what ``Planner.plan`` does, and TargetError.
    """
    progress = progress or Progress()
    inventory = inventory_in_zone(inventory or read_inventory(lab, options.time_zone), options.time_zone)
    with Catalog.open(state_folder(lab.root)) as catalog:
        planner = Planner(inventory, catalog, progress, workers)
        plan = planner.plan(
            session_id, options, with_fixity=hashed, allow_incomplete=allow_incomplete, stop_on_secrets=refuse
        )
        yield _assemble_plan(planner, plan, hashed=hashed, refuse=refuse)


def prepare_from_index(
    inventory: Inventory,
    session_id: str,
    options: Options,
    *,
    progress: Progress,
    workers: int | None,
    unreadable: Mapping[str, tuple[Identity, Message]],
    same_session: Iterable[Assembly] = (),
) -> Assembly:
    """Return a session's archive with what is known of its files: none is read through (see ``unindexed_files``).

    ``unreadable`` is as a Planner has it; ``same_session`` are archives of the session whose tables are taken where
    they would come out the same. What ``progress`` raises ends the work. Raises what ``Planner.plan`` does, and
    TargetError.
    """
    with Catalog.open(state_folder(inventory.lab.root)) as catalog:
        planner = Planner(inventory, catalog, progress, workers, skip_duplicate_check=True, unreadable=unreadable)
        plan = planner.plan(session_id, options, with_fixity=False)
        return _assemble_plan(planner, plan, same_session)


def unindexed_files(plan: Plan) -> list[CopiedFile]:
    """Return the files of which a plan lacks the fixity, or the search for secrets."""
    return [file for file in plan.copied if file.fixity is None or file.search is None]


def compute_fixity(inventory: Inventory, plan: Plan, progress: Progress, workers: int | None) -> Mapping[str, Message]:
    """Have the index know what a plan lacks; return the files that could not be read, by path with the reason.

    A plan made afterwards has the fixity of all others. What ``progress`` raises ends the work. Raises CatalogError,
    and SourceChangedError for a file without its secrets.
    """
    state = state_folder(inventory.lab.root)
    with Catalog.open(state) as catalog:
        searcher = SecretSearcher(inventory.cleaner.matcher, catalog)
        wishes = [IndexRequest(file.path, file.identity, probe=False, search=True) for file in unindexed_files(plan)]
        _, failures = index_files(inventory.files, catalog, wishes, probe_video, progress, workers, searcher)
        if not failures:
            spool = Spool(state, progress.raise_if_cancelled)
            Redactor(inventory.files, inventory.cleaner, catalog, spool, progress, hashed=True).redact(
                plan, refuse=False
            )
        return failures


def inventory_in_zone(inventory: Inventory, zone: str | None) -> Inventory:
    """Return the inventory with all times that name no zone read in this one (IANA; None: as they are).

    The lab is read again for it, for times of sessions are among them; the same recorders may be read as before.
    """
    if not zone or zone == inventory.chosen_zone:
        return inventory
    new_inventory = read_inventory(inventory.lab, zone, inventory.settings, secrets=inventory.secrets)
    return replace(new_inventory, recorder_folders=inventory.recorder_folders)


def _assemble_plan(
    planner: Planner,
    plan: Plan,
    same_session: Iterable[Assembly] = (),
    *,
    hashed: bool = False,
    refuse: bool = False,
) -> Assembly:
    """Take the secrets out of the files of a plan, generate its documents, and lay its archive out."""
    inventory, progress = planner.inventory, planner.progress
    spool = Spool(state_folder(inventory.lab.root), progress.raise_if_cancelled)
    redactor = Redactor(inventory.files, inventory.cleaner, planner.catalog, spool, progress, hashed)
    plan, redacted = redactor.redact(plan, refuse=refuse)
    return assemble(inventory.files, plan, spool, same_session, redacted, inventory.cleaner.matcher)


ShowStage = Callable[[str], AbstractContextManager[Progress]]
"""Return what shows the progress of a stage (``indexing`` or ``packing``) while its context is entered."""


def show_nothing(_: str) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(Progress())


@contextmanager
def plan_session(
    lab: LabFolder, session: str, options: Options, show_stage: ShowStage, workers: int | None = None
) -> Iterator[tuple[Inventory, Assembly]]:
    """Yield a lab's inventory, and the archive of one session as it is known before recordings are read through.

    ``workers`` is how many files are read at once (None: one per core). Raises UsageError for what is no session's
    id, and what ``prepare_archive`` does.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    with prepare_with_progress(inventory, session_id, options, show_stage, workers, export=False) as assembly:
        yield inventory, assembly


@contextmanager
def prepare_with_progress(
    inventory: Inventory,
    session_id: str,
    options: Options,
    show_stage: ShowStage,
    workers: int | None,
    *,
    export: bool,
    whole: bool = False,
) -> Iterator[Assembly]:
    """Yield a session's archive, with the progress of the indexing shown until it is laid out.

    For an ``export`` recordings are read through, and secrets that may not be packed refused; ``whole``: raise
    IncompleteError where something is missing.
    """
    with ExitStack() as stack:
        with show_stage("indexing") as progress:
            preparing = prepare_archive(
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
            assembly = stack.enter_context(preparing)
        yield assembly
