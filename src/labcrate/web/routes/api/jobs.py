"""Prepare an archive before its download, and follow the progress."""

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
from labcrate.web.auth.require_role import allow, caller, not_visible_error, recheck_permission, stays_in_scope
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.http.problems import problem_of_error
from labcrate.web.http.sse import KEEP_ALIVE, StreamClosed, accepts_event_stream, format_event, send_events
from labcrate.web.http.urls import session_api_url, url
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import allows_incomplete, read_options, session_id_of

routes = web.RouteTableDef()

_POLL_S = 0.5
_POLLS_PER_KEEP_ALIVE = 30
_POLLS_PER_PERMISSION_CHECK = 10
_END_EVENT_ID = "end"


@routes.post("/api/sessions/{id}/prepare")
@allow(Role.OPERATOR)
async def prepare(request: web.Request) -> web.Response:
    """Prepare an archive: at once if all checksums are known, else in a job."""
    server = resources(request)
    jobs = server.jobs
    session_id, options = session_id_of(request), await read_options(request, server.plans)
    incomplete = allows_incomplete(request)
    planned = await server.plans.plan(session_id, options, caller(request).name)
    begin = jobs.add_finished if planned.check(allow_incomplete=incomplete).entity else jobs.start
    job = begin(session_id, options, allow_incomplete=incomplete, user=caller(request).name)
    status = HTTPStatus.OK if job.state is JobState.DONE else HTTPStatus.ACCEPTED
    return json_response(job_object(request, job), status=status, headers={hdrs.LOCATION: _job_url(server, job)})


@routes.get("/api/jobs/{id:[0-9]{1,18}}")
@allow(Role.OPERATOR)
@stays_in_scope
async def show_job(request: web.Request) -> web.Response:
    """Send a job's progress."""
    return json_response(job_object(request, _job(request)))


@routes.delete("/api/jobs/{id:[0-9]{1,18}}")
@allow(Role.OPERATOR)
@stays_in_scope
async def cancel_job(request: web.Request) -> web.Response:
    """Cancel a job, and send its state; with status 200 if it ended at once."""
    jobs = resources(request).jobs
    job = jobs.cancel(_job(request).id)
    has_ended = await jobs.wait(job, 2 * _POLL_S)
    return json_response(job_object(request, job), status=HTTPStatus.OK if has_ended else HTTPStatus.ACCEPTED)


@routes.get("/api/jobs/{id:[0-9]{1,18}}/events", allow_head=False)
@allow(Role.OPERATOR)
@stays_in_scope
async def job_events(request: web.Request) -> web.StreamResponse:
    """Send a job's progress as server-sent events until it ends."""
    job = _job(request)
    if request.headers.get("Last-Event-ID") == _END_EVENT_ID:
        # A browser reconnects whenever a stream ends. This one has received the end; 204 stops it.
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def events() -> AsyncIterator[bytes]:
        number = 0
        async for changed in _changes(request, job):
            number += changed
            answer = encode_json(job_object(request, job))
            if not changed:
                yield KEEP_ALIVE
            elif job.is_running:
                yield format_event(answer, name="progress", event_id=str(number))
            else:
                yield format_event(answer, name=job.state, event_id=_END_EVENT_ID)

    return await send_events(request, events())


@routes.get("/api/sessions/{id}/export-progress", allow_head=False)
@allow(Role.OPERATOR)
async def export_progress(request: web.Request) -> web.StreamResponse:
    """Send the progress of the newest export of a session, in the form of the reference platform.

    That is one JSON object, or a stream of events for a client that accepts one.
    """
    server = resources(request)
    session_id, options = session_id_of(request), await read_options(request, server.plans)
    allows_incomplete(request)  # checks the option; the query is that of the archive

    async def is_ready() -> bool:
        planned = await server.plans.plan(session_id, options, caller(request).name, whole_plan=False)
        return planned.entity is not None

    ready = await is_ready()
    job = server.jobs.latest(session_id, options)
    if not accepts_event_stream(request):
        return json_response(_reference_progress(request, job, ready=ready))

    async def events() -> AsyncIterator[bytes]:
        if job is not None:
            async for changed in _changes(request, job):
                if job.is_running:
                    yield (
                        format_event(encode_json(_reference_progress(request, job, ready=False)))
                        if changed
                        else KEEP_ALIVE
                    )
        now_ready = await is_ready() if job else ready
        yield format_event(encode_json(_reference_progress(request, job, ready=now_ready)))

    return await send_events(request, events())


def _job(request: web.Request) -> Job:
    """Return the job of a request's path. Raises NotFoundError, also for a job outside the caller's scope."""
    jobs, number = resources(request).jobs, int(request.match_info["id"])  # the route only matches digits
    job = jobs.get(number)
    if job.session_id not in caller(request).scope:
        raise jobs.no_such_job(number)
    return job


def _visible_error(request: web.Request, job: Job) -> LabcrateError | None:
    """Return the error of a job; without the names of other sessions for users with studies."""
    if isinstance(job.error, NoSessionError) and caller(request).scope.is_limited:
        return not_visible_error(job.session_id)
    return job.error


async def _changes(request: web.Request, job: Job) -> AsyncIterator[bool]:
    """Yield True when the progress of a job changed and when it has ended, False when it has not changed for long.

    Raises StreamClosed for a caller without permission, and when the server stops: a later request can continue the
    job.
    """
    server = resources(request)
    before, unchanged, polls = None, 0, 0
    while job.is_running:
        now, unchanged, polls = job.progress, unchanged + 1, polls + 1
        if polls % _POLLS_PER_PERMISSION_CHECK == 0:
            await _check_permission(request, job.session_id)
        if now != before or unchanged >= _POLLS_PER_KEEP_ALIVE:
            yield now != before
            before, unchanged = now, 0
        await server.jobs.wait(job, _POLL_S)
    if server.jobs.is_stopping and job.state is JobState.CANCELLED:
        raise StreamClosed
    yield True


async def _check_permission(request: web.Request, session: str) -> None:
    """Raise StreamClosed if the caller has lost the permission."""
    try:
        await recheck_permission(resources(request).accounts, caller(request), Role.OPERATOR, session)
    except NotAllowedError:
        raise StreamClosed from None


def job_object(request: web.Request, job: Job) -> dict[str, Any]:
    """Return a job as a JSON object."""
    server = resources(request)
    error = _visible_error(request, job)
    now, job_url = job.progress, _job_url(server, job)
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
        "links": {"self": job_url, "events": f"{job_url}/events", "archive": str(archive)},
    }


def _job_url(server: ServerResources, job: Job) -> str:
    return url(server.settings, f"/api/jobs/{job.id}")


def _reference_progress(request: web.Request, job: Job | None, *, ready: bool) -> dict[str, Any]:
    """Return a job's progress as the reference platform has it: files read of a total, and one of four states."""
    now = job.progress if job else None
    total, processed = (now.files_total or 0, now.files_done) if now else (0, 0)
    answer = {"total": total, "processed": processed}
    if job is not None and job.is_running and now is not None:
        share = int(100 * now.bytes_done / now.bytes_total) if now.bytes_total else 0
        message = f"Reading recordings ({processed} of {total})"
        return answer | {"progress": share, "status": "processing", "message": message}
    if ready:
        return answer | {"processed": total, "progress": 100, "status": "completed", "message": "Ready to download"}
    if job is not None and job.state in (JobState.FAILED, JobState.CANCELLED):
        error = _visible_error(request, job)
        why = error.message if error else "The export was cancelled."
        return answer | {"progress": 0, "status": "error", "message": "The export failed", "error": why}
    return answer | {"progress": 0, "status": "pending", "message": "Not started; the download starts it"}
