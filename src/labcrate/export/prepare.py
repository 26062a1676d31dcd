"""Prepare an archive: read the inventory, plan, compute fixity if requested, and make its layout."""

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
    with_fixity: bool,
    allow_incomplete: bool = True,
    stop_on_secrets: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
    inventory: Inventory | None = None,
) -> Iterator[Assembly]:
    """Yield a session's archive. Its generated documents exist as long as there is a reference to it.

    ``inventory`` is the lab's, if it has been read already; ``stop_on_secrets`` is as in ``Planner.plan``. An
    exception from ``progress`` stops the work. Raises what ``Planner.plan`` raises, and TargetError.
    """
    progress = progress or Progress()
    inventory = inventory_in_zone(inventory or read_inventory(lab, options.time_zone), options.time_zone)
    with Catalog.open(state_folder(lab.root)) as catalog:
        planner = Planner(inventory, catalog, progress, workers)
        plan = planner.plan(
            session_id,
            options,
            with_fixity=with_fixity,
            allow_incomplete=allow_incomplete,
            stop_on_secrets=stop_on_secrets,
        )
        yield _assemble_plan(planner, plan, with_fixity=with_fixity, stop_on_secrets=stop_on_secrets)


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
    """Return a session's archive with what the index has of its files; none is hashed (see ``unindexed_files``).

    ``unreadable`` is as in ``Planner``; ``same_session`` are archives of the session whose tables are reused if they
    would be the same. An exception from ``progress`` stops the work. Raises what ``Planner.plan`` raises, and
    TargetError.
    """
    with Catalog.open(state_folder(inventory.lab.root)) as catalog:
        planner = Planner(inventory, catalog, progress, workers, skip_duplicate_check=True, unreadable=unreadable)
        plan = planner.plan(session_id, options, with_fixity=False)
        return _assemble_plan(planner, plan, same_session)


def outline_from_index(
    inventory: Inventory,
    session_id: str,
    options: Options,
    *,
    progress: Progress,
    workers: int | None,
    unreadable: Mapping[str, tuple[Identity, Message]],
) -> Plan:
    """Return a session's plan without its readings, which are not read: what is quickly known of it.

    Everything else is as in the plan of ``prepare_from_index``, before secrets are removed from files.
    """
    with Catalog.open(state_folder(inventory.lab.root)) as catalog:
        planner = Planner(
            inventory,
            catalog,
            progress,
            workers,
            skip_duplicate_check=True,
            unreadable=unreadable,
            skip_readings=True,
        )
        return planner.plan(session_id, options, with_fixity=False)


def unindexed_files(plan: Plan) -> list[CopiedFile]:
    """Return the files of a plan without fixity, or without a search for secrets."""
    return [file for file in plan.copied if file.fixity is None or file.search is None]


def compute_fixity(inventory: Inventory, plan: Plan, progress: Progress, workers: int | None) -> Mapping[str, Message]:
    """Add the missing fixity of a plan's files to the index; return the files that could not be read, with reasons.

    A plan made afterwards has the fixity of all other files. An exception from ``progress`` stops the work. Raises
    CatalogError, and SourceChangedError for a file whose secrets are removed.
    """
    state = state_folder(inventory.lab.root)
    with Catalog.open(state) as catalog:
        searcher = SecretSearcher(inventory.cleaner.matcher, catalog)
        wishes = [IndexRequest(file.path, file.identity, probe=False, search=True) for file in unindexed_files(plan)]
        _, failures = index_files(inventory.files, catalog, wishes, probe_video, progress, workers, searcher)
        if not failures:
            spool = Spool(state, progress.raise_if_cancelled)
            Redactor(inventory.files, inventory.cleaner, catalog, spool, progress, with_fixity=True).redact(
                plan, stop_on_secrets=False
            )
        return failures


def inventory_in_zone(inventory: Inventory, zone: str | None) -> Inventory:
    """Return the inventory with all times without a zone read in this one (IANA; None: unchanged).

    The lab is read again, because sessions have such times; permissions on recorders' folders stay as they are.
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
    with_fixity: bool = False,
    stop_on_secrets: bool = False,
) -> Assembly:
    """Remove the secrets from the files of a plan, generate its documents, and return its archive."""
    inventory, progress = planner.inventory, planner.progress
    spool = Spool(state_folder(inventory.lab.root), progress.raise_if_cancelled)
    redactor = Redactor(inventory.files, inventory.cleaner, planner.catalog, spool, progress, with_fixity)
    plan, redacted = redactor.redact(plan, stop_on_secrets=stop_on_secrets)
    return assemble(
        inventory.files,
        plan,
        spool,
        same_session,
        redacted,
        inventory.cleaner.matcher,
        tables_later=not with_fixity,
    )


ShowStage = Callable[[str], AbstractContextManager[Progress]]
"""Return a context manager that shows the progress of a stage (``indexing`` or ``packing``)."""


def show_nothing(_: str) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(Progress())


@contextmanager
def plan_session(
    lab: LabFolder, session: str, options: Options, show_stage: ShowStage, workers: int | None = None
) -> Iterator[tuple[Inventory, Assembly]]:
    """Yield a lab's inventory, and the archive of one session before recordings are hashed.

    ``workers`` is the number of files that are read at the same time (None: one per core). Raises UsageError for an
    invalid session ID, and what ``prepare_archive`` raises.
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
    """Yield a session's archive, and show the progress of the indexing until it is ready.

    For an ``export``, recordings are hashed, and secrets that may not be packed raise SecretsError; with ``whole``, a
    missing file raises IncompleteError.
    """
    with ExitStack() as stack:
        with show_stage("indexing") as progress:
            preparing = prepare_archive(
                inventory.lab,
                session_id,
                options,
                with_fixity=export,
                allow_incomplete=not whole,
                stop_on_secrets=export,
                progress=progress,
                workers=workers,
                inventory=inventory,
            )
            assembly = stack.enter_context(preparing)
        yield assembly
