"""The life of a server: what it starts, in the order of the lines, and what it ends, in the opposite order."""

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

from labcrate.config import ServeSettings
from labcrate.export.people_folder import open_people, refuse_split
from labcrate.lab.folder import Lab
from labcrate.people.exports import ExportLog
from labcrate.people.links import LinkLog
from labcrate.people.logins import Logins
from labcrate.people.passwords import Passwords
from labcrate.people.second_factor import SecondFactors
from labcrate.people.studies import Studies
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.downloads.sender import Sender
from labcrate.web.downloads.transfer_log import Ends, TransferLog
from labcrate.web.examining import Examining
from labcrate.web.executor import Executor, Lane
from labcrate.web.gate import Gate
from labcrate.web.indexer import Indexer
from labcrate.web.jobs import Jobs
from labcrate.web.listing import Listing
from labcrate.web.login import Doors
from labcrate.web.pages import Pages
from labcrate.web.planning import Planning
from labcrate.web.plots import Plots
from labcrate.web.second_step import SecondStep
from labcrate.web.services import Services
from labcrate.web.snapshot import Snapshot
from labcrate.web.standing import Standing
from labcrate.web.thumbnails import Thumbnails
from labcrate.web.timeline import Timelines

_TIDY_SECONDS = 60.0
_ENDS_AGAIN_SECONDS = 60.0


@asynccontextmanager
async def lifespan(settings: ServeSettings, passwords: Passwords | None = None) -> AsyncIterator[Services]:
    """Start what the server of one lab has, and end it after the block: the last line that started ends first.

    Raises NoLabError, CatalogError, PeopleError.
    """
    async with AsyncExitStack() as stack:
        lab = Lab(settings.lab_folder)
        database = stack.enter_context(open_people(lab.root))
        refuse_split(lab.root, database)
        export_log = stack.enter_context(ExportLog(database))
        export_log.settle()
        snapshot = Snapshot(lab, settings.recorders)
        standing = stack.enter_context(closing(Standing(lab, snapshot, settings)))
        executor = stack.enter_context(closing(Executor()))
        await stack.enter_async_context(executor.repeating(_TIDY_SECONDS, standing.tidy))
        ends = await stack.enter_async_context(_writing_ends(executor, Ends(export_log)))
        sender = Sender()
        stack.push_async_callback(sender.close)
        planning = Planning(executor, standing, settings.base_topic)
        stack.push_async_callback(planning.close)
        examining = Examining(executor, lab, snapshot, settings)
        stack.push_async_callback(examining.stop)
        jobs = Jobs(executor, lab, standing)
        stack.push_async_callback(jobs.close)
        indexer = Indexer(lab, snapshot.inventory, lambda: jobs.running > 0, differs=standing.drop_file)
        await stack.enter_async_context(_indexing(executor, indexer))
        users, studies = Users(database, passwords), Studies(database)
        logins, tokens = Logins(database), Tokens(database)
        doors = Doors(executor, users, studies, logins, tokens)
        yield Services(
            settings=settings,
            lab=lab,
            executor=executor,
            users=users,
            studies=studies,
            logins=logins,
            tokens=tokens,
            doors=doors,
            second_step=SecondStep(settings, doors, SecondFactors(database)),
            gate=Gate(settings, doors),
            export_log=export_log,
            link_log=LinkLog(database),
            ends=ends,
            transfer_log=TransferLog(executor, export_log, ends, doors),
            snapshot=snapshot,
            standing=standing,
            planning=planning,
            examining=examining,
            jobs=jobs,
            indexer=indexer,
            sender=sender,
            pages=Pages(settings),
            listing=Listing(snapshot),
            plots=Plots(),
            timelines=Timelines(),
            thumbnails=Thumbnails(lambda: snapshot.inventory().files),
        )


async def hear_of_end(services: Services) -> None:
    """Have those that wait hear that the server ends, while their connections are still open to say so."""
    services.sender.stopping = True
    services.planning.stop()
    await services.examining.stop()
    services.jobs.stop()


@asynccontextmanager
async def _writing_ends(executor: Executor, ends: Ends) -> AsyncIterator[Ends]:
    """In the block, try again to write ends that could not be written; after it, a last time."""
    try:
        async with executor.repeating(_ENDS_AGAIN_SECONDS, ends.write_kept):
            yield ends
    finally:
        await executor.run(Lane.WORK, ends.write_kept)


@asynccontextmanager
async def _indexing(executor: Executor, indexer: Indexer) -> AsyncIterator[None]:
    """In the block, the indexer goes on in a thread of its own."""
    thread = threading.Thread(target=indexer.run, name="indexer")
    thread.start()
    try:
        yield
    finally:
        indexer.stop()
        await executor.run(Lane.WORK, thread.join)
