"""The resources of a running server as one value: routes get it from their request, all other code gets its parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from aiohttp import web

from labcrate.config import ServeSettings
from labcrate.lab.folder import LabFolder
from labcrate.people.export_log import ExportLog
from labcrate.people.link_log import LinkLog
from labcrate.people.logins import Logins
from labcrate.people.studies import Studies
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.archives.archive_cache import ArchiveCache
from labcrate.web.archives.doctor_reports import DoctorReports
from labcrate.web.archives.indexer import Indexer
from labcrate.web.archives.inventory_cache import InventoryCache
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

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResources:
    """All objects that live as long as the server; ``lifespan`` makes them."""

    settings: ServeSettings
    lab: LabFolder
    executor: Executor

    users: Users
    studies: Studies
    logins: Logins
    tokens: Tokens
    accounts: Accounts
    code_logins: CodeLogins
    gate: Gate

    export_log: ExportLog
    link_log: LinkLog
    result_writer: TransferResultWriter
    transfer_log: TransferLog

    inventories: InventoryCache
    archives: ArchiveCache
    plans: PlanQueue
    doctor_reports: DoctorReports
    jobs: PrepareJobs
    indexer: Indexer

    sender: Sender
    pages: Pages
    session_list: SessionList
    plots: Plots
    timelines: Timelines
    thumbnails: Thumbnails

    async def run_in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that reads the disk or computes in a thread, and return its result."""
        return await self.executor.run(WorkKind.REQUESTS, function, *args, **kwargs)


RESOURCES = web.AppKey("services", ServerResources)


def resources(request: web.Request) -> ServerResources:
    """Return the resources of the server that received a request. Only for routes: other code gets arguments."""
    return request.app[RESOURCES]
