"""Preparing an archive ahead of its download, and watching that go on."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from multidict import MultiDict
from yarl import URL

from labcrate.errors import LabcrateError, NoSessionError, NotAllowedError
from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.people.roles import Role
from labcrate.plan.options import as_query
from labcrate.web.archives.prepare_jobs import Job, JobState
from labcrate.web.auth.require_role import allow, caller, check_still, keeps_to_scope, unseen
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.http.problems import problem_of_error
from labcrate.web.http.sse import (
    KEEP_ALIVE,
    StreamClosed,
    accepts_event_stream,
    format_event,
    send_events,
)
from labcrate.web.http.urls import session_api_url, url
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import incomplete_allowed, session_id_of, wanted

routes = web.RouteTableDef()

_LOOK_EVERY_SECONDS = 0.5
_LOOKS_UNTIL_KEEP_ALIVE = 30
_LOOKS_UNTIL_ASKED_WHO = 10
_END = "end"


@routes.post("/api/sessions/{id}/prepare")
@allow(Role.OPERATOR)
async def prepare(request: web.Request) -> web.Response:
    """Have an archive made ready: at once where all is known, else by a job that goes on by itself."""
    server = resources(request)
    jobs = server.jobs
    session_id, options = session_id_of(request), await wanted(request, server.plans)
    incomplete = incomplete_allowed(request)
    planned = await server.plans.plan(session_id, options, caller(request).name)
    begin = jobs.add_finished if planned.check(allow_incomplete=incomplete).entity else jobs.start
    job = begin(session_id, options, allow_incomplete=incomplete, user=caller(request).name)
    status = HTTPStatus.OK if job.state is JobState.DONE else HTTPStatus.ACCEPTED
    return json_response(job_object(request, job), status=status, headers={hdrs.LOCATION: _address(server, job)})


@routes.get("/api/jobs/{id:[0-9]{1,18}}")
@allow(Role.OPERATOR)
@keeps_to_scope
async def show_job(request: web.Request) -> web.Response:
    """How far a job is."""
    return json_response(job_object(request, _job(request)))


@routes.delete("/api/jobs/{id:[0-9]{1,18}}")
@allow(Role.OPERATOR)
@keeps_to_scope
async def cancel_job(request: web.Request) -> web.Response:
    """Ask a job to end, and say how it ended if it does so soon."""
    jobs = resources(request).jobs
    job = jobs.cancel(_job(request).id)
    ended = await jobs.wait(job, 2 * _LOOK_EVERY_SECONDS)
    return json_response(job_object(request, job), status=HTTPStatus.OK if ended else HTTPStatus.ACCEPTED)


@routes.get("/api/jobs/{id:[0-9]{1,18}}/events", allow_head=False)
@allow(Role.OPERATOR)
@keeps_to_scope
async def job_events(request: web.Request) -> web.StreamResponse:
    """A job's progress as server-sent events until it ends."""
    job = _job(request)
    if request.headers.get("Last-Event-ID") == _END:
        # A browser asks again whenever a stream ends. This one has heard the end; 204 has it stop asking.
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def events() -> AsyncIterator[bytes]:
        count = 0
        async for changed in _changes(request, job):
            count += changed
            told = encode_json(job_object(request, job))
            if not changed:
                yield KEEP_ALIVE
            elif job.is_running:
                yield format_event(told, name="progress", event_id=str(count))
            else:
                yield format_event(told, name=job.state, event_id=_END)

    return await send_events(request, events())


@routes.get("/api/sessions/{id}/export-progress", allow_head=False)
@allow(Role.OPERATOR)
async def export_progress(request: web.Request) -> web.StreamResponse:
    """How the newest export of a session goes, as scripts of the reference platform ask for it.

    There it is one JSON object each time somebody asks; who asks for events gets it as those.
    """
    server = resources(request)
    session_id, options = session_id_of(request), await wanted(request, server.plans)
    incomplete_allowed(request)  # the query is the archive's

    async def is_ready() -> bool:
        planned = await server.plans.plan(session_id, options, caller(request).name, whole_plan=False)
        return planned.entity is not None

    ready = await is_ready()
    job = server.jobs.latest(session_id, options)
    if not accepts_event_stream(request):
        return json_response(_as_reference(request, job, ready=ready))

    async def events() -> AsyncIterator[bytes]:
        if job is not None:
            async for changed in _changes(request, job):
                if job.is_running:
                    yield format_event(encode_json(_as_reference(request, job, ready=False))) if changed else KEEP_ALIVE
        told = await is_ready() if job else ready
        yield format_event(encode_json(_as_reference(request, job, ready=told)))

    return await send_events(request, events())


def _job(request: web.Request) -> Job:
    """The job of a request's path; one of a session that who asks does not see is not there.

    Raises NoSuchThingError.
    """
    jobs, number = resources(request).jobs, int(request.match_info["id"])  # routes match digits alone
    job = jobs.get(number)
    if job.session_id not in caller(request).scope:
        raise jobs.no_such_job(number)
    return job


def _error(request: web.Request, job: Job) -> LabcrateError | None:
    """Why a job failed; the words for a session that is gone would name others."""
    if isinstance(job.error, NoSessionError) and caller(request).scope.limited:
        return unseen(job.session_id)
    return job.error


async def _changes(request: web.Request, job: Job) -> AsyncIterator[bool]:
    """True whenever a job has something to tell, the last time when it ended; False when it is silent for long.

    Raises StreamClosed for who may hear no more, and where the server's end was the job's: it goes on when asked for
    again.
    """
    server = resources(request)
    before, silent, looks = None, 0, 0
    while job.is_running:
        now, silent, looks = job.progress, silent + 1, looks + 1
        if looks % _LOOKS_UNTIL_ASKED_WHO == 0:
            await _check_who(request, job.session_id)
        if now != before or silent >= _LOOKS_UNTIL_KEEP_ALIVE:
            yield now != before
            before, silent = now, 0
        await server.jobs.wait(job, _LOOK_EVERY_SECONDS)
    if server.jobs.is_stopping and job.state is JobState.CANCELLED:
        raise StreamClosed
    yield True


async def _check_who(request: web.Request, session: str) -> None:
    """Raise StreamClosed for who may hear no more."""
    try:
        await check_still(resources(request).doors, caller(request), Role.OPERATOR, session)
    except NotAllowedError:
        raise StreamClosed from None


def job_object(request: web.Request, job: Job) -> dict[str, Any]:
    """A job as JSON, for who asks."""
    server = resources(request)
    error = _error(request, job)
    now, here = job.progress, _address(server, job)
    query = MultiDict([(name, value) for name, values in as_query(job.options).items() for value in values])
    archive = URL(session_api_url(server.settings, job.session_id, "/archive.zip"), encoded=True).with_query(query)
    return {
        "id": job.id,
        "session": json_id(job.session_id),
        "options": as_query(job.options),
        "allowIncomplete": job.allow_incomplete,
        "state": job.state,
        "startedAt": format_instant(job.started),
        "endedAt": format_instant(job.ended) if job.ended else None,
        "startedBy": job.user,
        "bytesDone": now.bytes_done,
        "bytesTotal": now.bytes_total,
        "filesDone": now.files_done,
        "filesTotal": now.files_total,
        "bytesPerSecond": now.bytes_per_s,
        "secondsLeft": now.seconds_left,
        "currentFile": now.current_file,
        "error": problem_of_error(error).as_object() if error else None,
        "links": {"self": here, "events": f"{here}/events", "archive": str(archive)},
    }


def _address(server: ServerResources, job: Job) -> str:
    return url(server.settings, f"/api/jobs/{job.id}")


def _as_reference(request: web.Request, job: Job | None, *, ready: bool) -> dict[str, Any]:
    """What the reference platform says of an export: files processed of a total, and one of four words."""
    now = job.progress if job else None
    total, processed = (now.files_total or 0, now.files_done) if now else (0, 0)
    told = {"total": total, "processed": processed}
    if job is not None and job.is_running and now is not None:
        share = int(100 * now.bytes_done / now.bytes_total) if now.bytes_total else 0
        message = f"Reading recordings ({processed} of {total})"
        return told | {"progress": share, "status": "processing", "message": message}
    if ready:
        return told | {"processed": total, "progress": 100, "status": "completed", "message": "Ready to download"}
    if job is not None and job.state in (JobState.FAILED, JobState.CANCELLED):
        error = _error(request, job)
        why = str(error) if error else "The export was cancelled."
        return told | {"progress": 0, "status": "error", "message": "The export failed", "error": why}
    return told | {"progress": 0, "status": "pending", "message": "Not begun; the download begins it"}
