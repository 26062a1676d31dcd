"""Downloads of a session's archive, whole or in part; the same request always gives the same bytes."""

import asyncio
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from aiohttp import hdrs, web

from labcrate.archive.keys import SIGNATURE_SUFFIX
from labcrate.errors import NotReadyError
from labcrate.export.signing import sign_archive, signer_of
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.people.export_log import Outcome
from labcrate.people.roles import Role
from labcrate.plan.options import Options, as_text
from labcrate.web.archives.archive_cache import PlannedArchive
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.prepare_jobs import Job, JobState
from labcrate.web.auth.require_role import JOINED_STUDY, LEFT_STUDY, ROLE_LOST, TOKEN_REVOKED, allow, caller
from labcrate.web.downloads.checked_download import CheckedDownload
from labcrate.web.downloads.response import (
    archive_file_name,
    conditional_headers,
    content_disposition,
    http_date,
    send_representation,
)
from labcrate.web.downloads.transfer_log import DownloadInfo, TransferLogEntry
from labcrate.web.executor import WorkKind
from labcrate.web.http.conditional import Representation, is_unconditional_resume, requested_etags
from labcrate.web.http.problems import http_error
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import allows_incomplete, read_options, session_id_of

routes = web.RouteTableDef()

_WAIT_S = 20.0
_MIN_RETRY_S, _MAX_RETRY_S = 2, 60
_RESUME_WITHIN = timedelta(days=7)
_SIGNATURE_TAG_END = re.compile(r'-[0-9A-F]{1,16}"\Z')


@routes.get("/api/sessions/{id}/archive.zip")
@routes.get("/api/sessions/{id}/download")
@allow(Role.OPERATOR)
async def archive(request: web.Request) -> web.StreamResponse:
    """Send a session's archive."""
    server = resources(request)
    session_id, options = session_id_of(request), await read_options(request, server.plans)
    incomplete = allows_incomplete(request)
    given_conditions = conditional_headers(request)
    found = _find_cached(server, requested_etags(given_conditions), session_id, options, incomplete)
    if found is None:
        found = await _wait_until_ready(request, session_id, options, incomplete)
    if request.method == hdrs.METH_GET and is_unconditional_resume(given_conditions):
        found = await _archive_begun(request, session_id, options, incomplete, found)
    entity, name = found.ready_entity, archive_file_name(found.plan)
    confirmed = await server.run_in_thread(_confirm, server.lab, server.inventories, found)
    return await send_representation(
        server.sender,
        request,
        Representation(entity.length, entity.etag),
        {
            hdrs.CONTENT_TYPE: "application/zip",
            hdrs.CONTENT_DISPOSITION: content_disposition(name),
            hdrs.LAST_MODIFIED: http_date(found.modified),
        },
        confirmed.segments,
        f"A download of session {session_id}",
        _ArchiveLogLine(request, session_id, options, found, confirmed),
        partial(_write_tables, server, confirmed),
    )


@routes.get("/api/sessions/{id}/archive.minisig")
@allow(Role.OPERATOR)
async def signature(request: web.Request) -> web.StreamResponse:
    """Send the signature of a session's archive by the lab's key; its ETag is the archive's with the key's ID.

    A request with such an ETag gets the signature of that very archive, as long as it is cached.
    """
    server = resources(request)
    session_id, options = session_id_of(request), await read_options(request, server.plans)
    incomplete = allows_incomplete(request)
    given_conditions = conditional_headers(request)
    signer = await server.run_in_thread(signer_of, server.lab)
    tags = [_SIGNATURE_TAG_END.sub('"', tag) for tag in requested_etags(given_conditions)]
    found = _find_cached(server, tags, session_id, options, incomplete)
    if found is None:
        found = await _wait_until_ready(request, session_id, options, incomplete)
    data = await server.run_in_thread(sign_archive, signer, found.layout)
    name = archive_file_name(found.plan) + SIGNATURE_SUFFIX
    return await send_representation(
        server.sender,
        request,
        Representation(len(data), f'{found.ready_entity.etag[:-1]}-{signer.public.key_id}"'),
        {hdrs.CONTENT_TYPE: "text/plain", hdrs.CONTENT_DISPOSITION: content_disposition(name)},
        lambda start, stop: [data[start:stop]],
        f"The signature of session {session_id}",
    )


async def _write_tables(server: ServerResources, download: CheckedDownload, start: int, stop: int) -> None:
    """Write the tables that a part of an archive needs, in a thread that sends nothing: that may take long.

    Raises TargetError and SourceChangedError; CancelledError if the server stops.
    """
    sources = download.generated_sources(start, stop) if start < stop else []
    try:
        for source in sources:
            await server.executor.run(WorkKind.TABLES, lambda: os.close(source.open()))  # noqa: B023 - awaited here
    except WorkCancelled:
        raise asyncio.CancelledError from None


def _confirm(lab: LabFolder, inventories: InventoryCache, found: PlannedArchive) -> CheckedDownload:
    """Return an archive's bytes, checked as the lab's settings require. Raises DocumentError and CatalogError."""
    return CheckedDownload(found, state_folder(lab.root), inventories.inventory().settings.confirm_days)


def _find_cached(
    server: ServerResources, tags: Iterable[str], session_id: str, options: Options, incomplete: bool
) -> PlannedArchive | None:
    """Return the archive that a resumed download began with, even if the lab has changed since; None if not cached."""
    for tag in tags:
        found = server.archives.get_by_etag(session_id, tag)
        plan = found.plan if found else None
        if plan and plan.options == options and (incomplete or not plan.missing) and not plan.secrecy.refused:
            return found
    return None


async def _archive_begun(
    request: web.Request, session_id: str, options: Options, incomplete: bool, current: PlannedArchive
) -> PlannedArchive:
    """Return the archive that a client continues without naming it: the current one, or an earlier one in the log.

    curl -C - and wget -c append what they receive: after a change of the session that would spoil their file without a
    warning. Sending the whole archive does not help, because wget appends the end of that.

    Raises HTTPPreconditionRequired if the client has a part of an archive that no longer exists.
    """
    server = resources(request)
    since = datetime.now(UTC) - _RESUME_WITHIN
    who, text = caller(request).name, as_text(options)
    tags = await server.run_in_thread(
        server.export_log.sent_etags, who=who, session=session_id, options=text, since=since
    )
    if not tags or current.ready_entity.etag in tags:
        return current
    earlier = _find_cached(server, tags, session_id, options, incomplete) if len(tags) == 1 else None
    if earlier is None:
        required = web.HTTPPreconditionRequired(headers={hdrs.ETAG: current.ready_entity.etag})
        raise http_error(required, Message("download.changed", session=session_id))
    return earlier


async def _wait_until_ready(
    request: web.Request, session_id: str, options: Options, incomplete: bool
) -> PlannedArchive:
    """Return the current archive; start a job if recordings must be read first.

    Raises NotReadyError if that takes longer than the wait, and the error of the job.
    """
    server = resources(request)
    found = await _archive_if_ready(request, session_id, options, incomplete)
    if found is None:
        job = server.jobs.start(session_id, options, allow_incomplete=incomplete, user=caller(request).name)
        if await server.jobs.wait(job, _WAIT_S):
            if job.error:
                raise job.error
            found = await _archive_if_ready(request, session_id, options, incomplete)
        if found is None:
            raise NotReadyError(_not_ready(job), _retry_after_s(job))
    return found


def _not_ready(job: Job) -> Message:
    id = "download.cancelled" if job.state is JobState.CANCELLED else "download.preparing"
    return Message(id, session=job.session_id, job=str(job.id))


async def _archive_if_ready(
    request: web.Request, session_id: str, options: Options, incomplete: bool
) -> PlannedArchive | None:
    found = await resources(request).plans.plan(session_id, options, caller(request).name, whole_plan=False)
    return found if found.check(allow_incomplete=incomplete).entity else None


def _retry_after_s(job: Job) -> int:
    left = job.progress.seconds_left if job.is_running else _MIN_RETRY_S
    return int(min(max(_MAX_RETRY_S if left is None else left, _MIN_RETRY_S), _MAX_RETRY_S))


class _ArchiveLogLine(TransferLogEntry):
    """The log entry of a download; an archive that could not be read as planned is dropped from the cache."""

    def __init__(
        self, request: web.Request, session_id: str, options: Options, found: PlannedArchive, confirmed: CheckedDownload
    ) -> None:
        super().__init__(
            resources(request).transfer_log,
            caller(request),
            DownloadInfo(session_id, as_text(options), found.ready_entity.etag, found.ready_entity.length),
        )
        self._archives, self._archive, self._confirm = resources(request).archives, found, confirmed

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """Log the end of the download."""
        if outcome is Outcome.BROKEN and reason not in (ROLE_LOST, TOKEN_REVOKED, JOINED_STUDY, LEFT_STUDY):
            self._archives.remove(self._archive)
        await super().end(sent, outcome, self._confirm.summary if outcome is Outcome.FINISHED else reason)
