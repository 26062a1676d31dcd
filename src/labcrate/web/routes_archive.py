"""Downloads: one session's archive, whole or any part of it, the same bytes today and tomorrow."""

import logging

from aiohttp import hdrs, web

from labcrate.config import as_text
from labcrate.errors import NotReadyError, PeopleError
from labcrate.export.contents import Options
from labcrate.people.exports import Outcome
from labcrate.people.roles import Role
from labcrate.web.access import allow, caller
from labcrate.web.delivering import conditions, deliver
from labcrate.web.disposition import archive_file_name, disposition
from labcrate.web.jobs import JOBS, Job
from labcrate.web.login import EXPORT_LOG
from labcrate.web.ranges import Representation, tags_wanted
from labcrate.web.site import work
from labcrate.web.standing import STANDING, Archive
from labcrate.web.wanted import incomplete_allowed, numbered, wanted

routes = web.RouteTableDef()

_WAIT_SECONDS = 20.0
_SOONEST_SECONDS, _LATEST_SECONDS = 2, 60
_log = logging.getLogger("labcrate.web")


@routes.get("/api/sessions/{id:[0-9]{1,18}}/archive.zip")
@routes.get("/api/sessions/{id:[0-9]{1,18}}/download")
@allow(Role.OPERATOR)
async def archive(request: web.Request) -> web.StreamResponse:
    """Send a session's archive."""
    number, options, incomplete = numbered(request), wanted(request), incomplete_allowed(request)
    found = _same_again(request, number, options, incomplete)
    if found is None:
        found = await _ready(request, number, options, incomplete)
    entity, name = found.entity, archive_file_name(found.assembly.plan)
    return await deliver(
        request,
        Representation(entity.length, entity.etag, found.modified),
        {hdrs.CONTENT_TYPE: "application/zip", hdrs.CONTENT_DISPOSITION: disposition(name)},
        entity.segments,
        f"A download of session {number}",
        _Line(request, number, options, found),
    )


def _same_again(request: web.Request, number: int, options: Options, incomplete: bool) -> Archive | None:
    """The very archive that a resumed download began with, though the lab may have changed since."""
    for tag in tags_wanted(conditions(request)):
        found = request.app[STANDING].by_etag(number, tag)
        if found and found.assembly.plan.options == options and (incomplete or not found.assembly.plan.missing):
            return found
    return None


async def _ready(request: web.Request, number: int, options: Options, incomplete: bool) -> Archive:
    """The archive as of now; while recordings are read for the first time, the client is asked to come again.

    Raises NotReadyError, and what the preparing of it does.
    """
    app = request.app
    found = await work(app, app[STANDING].at_once, number, options, allow_incomplete=incomplete)
    if found is None:
        job = app[JOBS].prepare(number, options, allow_incomplete=incomplete, who=caller(request).name)
        if await app[JOBS].wait(job, _WAIT_SECONDS):
            if job.error:
                raise job.error
            found = await work(app, app[STANDING].at_once, number, options, allow_incomplete=incomplete)
        if found is None:
            raise NotReadyError(
                f"The archive of session {number} is being prepared (job {job.id}); ask for it again.", _come_again(job)
            )
    return found


def _come_again(job: Job) -> int:
    left = job.progress.seconds_left if job.running else _SOONEST_SECONDS
    return int(min(max(_LATEST_SECONDS if left is None else left, _SOONEST_SECONDS), _LATEST_SECONDS))


class _Line:
    """One download's line in the export log."""

    def __init__(self, request: web.Request, number: int, options: Options, found: Archive) -> None:
        self._app, self._caller = request.app, caller(request)
        self._number, self._options, self._archive = number, options, found
        self._line = 0

    async def begin(self, start: int, length: int) -> None:
        """Write it. Raises PeopleError: what cannot be logged is not sent."""
        self._line = await work(
            self._app,
            self._app[EXPORT_LOG].begin,
            who=self._caller.name,
            via=self._caller.via,
            address=self._caller.address,
            session=self._number,
            options=as_text(self._options),
            etag=self._archive.entity.etag,
            start=start,
            length=length,
            total=self._archive.entity.length,
        )

    async def progress(self, sent: int) -> None:
        """Say how far it is."""
        try:
            await work(self._app, self._app[EXPORT_LOG].progress, self._line, sent)
        except PeopleError as error:
            _log.warning("The export log was not told how far download %d is: %s", self._line, error)

    async def end(self, sent: int, outcome: Outcome, reason: str | None) -> None:
        """Say how it ended; an archive that cannot be read as planned is planned anew for the next."""
        if outcome is Outcome.BROKEN:
            self._app[STANDING].forget(self._archive)
        try:
            await work(self._app, self._app[EXPORT_LOG].end, self._line, sent, outcome, reason)
        except PeopleError as error:
            _log.warning("The export log was not told how download %d ended: %s", self._line, error)
