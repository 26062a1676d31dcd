"""The progress of reading a session's sensor messages, as events for the script of its page."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import hdrs, web

from labcrate.errors import LabcrateError, NotAllowedError, NotReadyError
from labcrate.messages.message import Message
from labcrate.people.roles import Role
from labcrate.web.archives.reading_meter import ReadingState
from labcrate.web.auth.require_role import allow, caller, recheck_permission
from labcrate.web.http.bodies import encode_json
from labcrate.web.http.problems import log_unexpected_error, problem_of_error, unexpected_problem
from labcrate.web.http.sse import KEEP_ALIVE, StreamClosed, format_event, send_events
from labcrate.web.resources import resources
from labcrate.web.routes.html.session_view import find_session
from labcrate.web.routes.query import session_id_of, whole_session_options

routes = web.RouteTableDef()

_POLL_S = 0.5
_POLLS_PER_KEEP_ALIVE = 30
_POLLS_PER_PERMISSION_CHECK = 10
_END_EVENT_ID = "end"


@routes.get("/sessions/{id}/progress", allow_head=False)
@allow(Role.VIEWER)
async def show_progress(request: web.Request) -> web.StreamResponse:
    """Send how much of a session's sensor messages was read, until its plan is finished or has failed.

    Raises NoSessionError.
    """
    if request.headers.get("Last-Event-ID") == _END_EVENT_ID:
        # A browser reconnects whenever a stream ends. This one has received the end; 204 stops it.
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={hdrs.CACHE_CONTROL: "no-store"})
    server, session_id = resources(request), session_id_of(request)
    await server.run_in_thread(find_session, server, session_id)
    return await send_events(request, _events(request, session_id))


async def _events(request: web.Request, session_id: str) -> AsyncIterator[bytes]:
    """Yield the events. Raises StreamClosed for a caller without permission, and when the server stops."""
    server = resources(request)
    options, user = whole_session_options(request, server.plans), caller(request).name
    before, unchanged, polls = "", 0, 0
    while request.transport is not None and not request.transport.is_closing():
        try:
            planned = await server.plans.plan_for_page(session_id, options, user, _POLL_S)
        except NotReadyError:
            raise StreamClosed from None
        except LabcrateError as error:
            yield await _failure(request, problem_of_error(error).detail)
            return
        except Exception as error:  # noqa: BLE001 - a stream that ends without the reason would be requested again
            log_unexpected_error(server.lab, f"Planning session {session_id}", error)
            yield await _failure(request, unexpected_problem().detail)
            return
        if planned:
            yield format_event(b"{}", name="done", event_id=_END_EVENT_ID)
            return
        state = server.plans.reading_state(session_id, options)
        now, unchanged, polls = await _fragment(request, state), unchanged + 1, polls + 1
        if polls % _POLLS_PER_PERMISSION_CHECK == 0:
            await _check_permission(request, session_id)
        if now != before:
            percent = state.percent if state else None
            yield format_event(encode_json({"percent": percent, "html": now}), name="progress")
            before, unchanged = now, 0
        elif unchanged >= _POLLS_PER_KEEP_ALIVE:
            yield KEEP_ALIVE
            unchanged = 0
        if state is None:  # the plan waits for others, or could not be queued
            await asyncio.sleep(_POLL_S)


async def _fragment(request: web.Request, state: ReadingState | None) -> str:
    server = resources(request)
    return await server.run_in_thread(server.pages.fragment, request, "reading.html", reading=state)


async def _failure(request: web.Request, problem: Message | str) -> bytes:
    server, session_id = resources(request), session_id_of(request)
    html = await server.run_in_thread(
        server.pages.fragment, request, "reading_failed.html", problem=problem, session_id=session_id
    )
    return format_event(encode_json({"html": html}), name="failed", event_id=_END_EVENT_ID)


async def _check_permission(request: web.Request, session_id: str) -> None:
    try:
        await recheck_permission(resources(request).accounts, caller(request), Role.VIEWER, session_id)
    except NotAllowedError:
        raise StreamClosed from None
