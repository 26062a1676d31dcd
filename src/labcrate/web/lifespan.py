"""Start and end of a server: its resources start in the order of the lines, and end in the opposite order."""

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

from labcrate.config import ServeSettings
from labcrate.export.people_folder import open_people, refuse_split
from labcrate.lab.folder import LabFolder
from labcrate.people.export_log import ExportLog
from labcrate.people.link_log import LinkLog
from labcrate.people.logins import Logins
from labcrate.people.passwords import Passwords
from labcrate.people.second_factor import SecondFactors
from labcrate.people.studies import Studies
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.archives.archive_cache import ArchiveCache
from labcrate.web.archives.doctor_reports import DoctorReports
from labcrate.web.archives.indexer import Indexer
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.outline_cache import OutlineCache
from labcrate.web.archives.plan_queue import PlanQueue
from labcrate.web.archives.prepare_jobs import PrepareJobs
from labcrate.web.auth.accounts import Accounts
from labcrate.web.auth.code_logins import CodeLogins
from labcrate.web.auth.gate import Gate
from labcrate.web.downloads.sender import Sender
from labcrate.web.downloads.transfer_log import TransferLog, TransferResultWriter
from labcrate.web.executor import Executor, WorkKind
from labcrate.web.pages.plots import Plots
from labcrate.web.pages.render import Pages
from labcrate.web.pages.session_list import SessionList
from labcrate.web.pages.thumbnails import Thumbnails
from labcrate.web.pages.timeline import Timelines
from labcrate.web.resources import ServerResources

_CLEANUP_INTERVAL_S = 60.0
_LOG_RETRY_INTERVAL_S = 60.0


@asynccontextmanager
async def lifespan(settings: ServeSettings, passwords: Passwords | None = None) -> AsyncIterator[ServerResources]:
    """Start the resources of the server of one lab, and end them after the block, the last one first.

    Raises NoLabError, CatalogError, PeopleError.
    """
    async with AsyncExitStack() as stack:
        lab = LabFolder(settings.lab_folder)
        database = stack.enter_context(open_people(lab.root))
        refuse_split(lab.root, database)
        export_log = stack.enter_context(ExportLog(database))
        export_log.abort_dead_transfers()
        inventories = InventoryCache(lab, settings.recorders)
        plots = Plots()
        # Which properties can be plotted takes seconds for very many readings: no page waits for it.
        archives = stack.enter_context(
            closing(
                ArchiveCache(
                    inventories, settings.workers, lambda plan: plots.properties(plan.session.id, plan.readings)
                )
            )
        )
        executor = stack.enter_context(closing(Executor()))
        await stack.enter_async_context(executor.run_repeatedly(_CLEANUP_INTERVAL_S, archives.remove_unused))
        result_writer = await stack.enter_async_context(_retry_log_writes(executor, TransferResultWriter(export_log)))
        sender = Sender()
        stack.push_async_callback(sender.close)
        outlines = OutlineCache(inventories, archives.unreadable, settings.workers)
        plans = PlanQueue(executor, archives, outlines, settings.base_topic)
        stack.push_async_callback(plans.close)
        doctor_reports = DoctorReports(executor, lab, inventories, settings)
        stack.push_async_callback(doctor_reports.stop)
        jobs = PrepareJobs(executor, inventories, archives, plans, lab, settings.workers)
        stack.push_async_callback(jobs.close)
        indexer = Indexer(
            lab,
            inventories.inventory,
            lambda: jobs.unfinished_count > 0,
            lambda: plans.is_reading,
            settings.base_topic,
            on_difference=archives.remove_with_file,
        )
        await stack.enter_async_context(_run_indexer(executor, indexer))
        users, studies = Users(database, passwords), Studies(database)
        logins, tokens = Logins(database), Tokens(database)
        accounts = Accounts(executor, users, studies, logins, tokens)
        yield ServerResources(
            settings=settings,
            lab=lab,
            executor=executor,
            users=users,
            studies=studies,
            logins=logins,
            tokens=tokens,
            accounts=accounts,
            code_logins=CodeLogins(settings, accounts, SecondFactors(database)),
            gate=Gate(settings, accounts),
            export_log=export_log,
            link_log=LinkLog(database),
            result_writer=result_writer,
            transfer_log=TransferLog(executor, export_log, result_writer, accounts),
            inventories=inventories,
            archives=archives,
            plans=plans,
            doctor_reports=doctor_reports,
            jobs=jobs,
            indexer=indexer,
            sender=sender,
            pages=Pages(settings),
            session_list=SessionList(inventories),
            plots=plots,
            timelines=Timelines(),
            thumbnails=Thumbnails(lambda: inventories.inventory().files),
        )


async def notify_shutdown(resources: ServerResources) -> None:
    """Cancel all waiting work because the server stops, while connections are still open for the responses."""
    resources.sender.is_stopping = True
    resources.jobs.stop()  # before the plans that they wait for, so that jobs are cancelled and do not fail
    resources.plans.stop()
    resources.archives.stop()
    await resources.doctor_reports.stop()


@asynccontextmanager
async def _retry_log_writes(
    executor: Executor, result_writer: TransferResultWriter
) -> AsyncIterator[TransferResultWriter]:
    """Retry to write pending ends of transfers during the block, and once after it."""
    try:
        async with executor.run_repeatedly(_LOG_RETRY_INTERVAL_S, result_writer.write_pending):
            yield result_writer
    finally:
        await executor.run(WorkKind.REQUESTS, result_writer.write_pending)


@asynccontextmanager
async def _run_indexer(executor: Executor, indexer: Indexer) -> AsyncIterator[None]:
    """Run the indexer in a thread of its own during the block."""
    thread = threading.Thread(target=indexer.run, name="indexer")
    thread.start()
    try:
        yield
    finally:
        indexer.stop()
        await executor.run(WorkKind.REQUESTS, thread.join)
