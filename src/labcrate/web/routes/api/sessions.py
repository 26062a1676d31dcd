"""The list of sessions, one session, and the plan of its export."""

from typing import Any

from aiohttp import web

from labcrate.errors import NoSessionError, NotAllowedError
from labcrate.export.plan_views import limit_to_study, plan_object, row_object, session_object
from labcrate.messages.message import Message
from labcrate.people.roles import Role, SessionScope
from labcrate.plan.options import as_query
from labcrate.web.archives.archive_cache import PlannedArchive
from labcrate.web.auth.require_role import Caller, allow, caller, stays_in_scope
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.http.urls import session_api_url, session_url
from labcrate.web.pages.session_list import SessionQuery, refuse_empty_options, session_query
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import allows_incomplete, read_options, session_id_of, whole_session_options

routes = web.RouteTableDef()
_NEVER_EMPTY = ("sort", "order", "limit", "offset")


@routes.get("/api/sessions")
@allow(Role.VIEWER)
@stays_in_scope
async def list_sessions(request: web.Request) -> web.Response:
    """Send one page of the sessions that match a query."""
    server = resources(request)
    refuse_empty_options(request.query, _NEVER_EMPTY)
    query = session_query(request.query, server.settings.time_zone)
    return json_response(await server.run_in_thread(_page, server, query, caller(request).scope))


def _page(server: ServerResources, query: SessionQuery, scope: SessionScope) -> bytes:
    found = server.session_list.find(query, scope)
    rows = [row_object(row) for row in found.rows]
    return encode_json({"total": found.total, "limit": query.limit, "offset": query.offset, "sessions": rows})


@routes.get("/api/sessions/{id}")
@allow(Role.VIEWER)
async def show_session(request: web.Request) -> web.Response:
    """Send one session as the lab describes it."""
    server = resources(request)
    return json_response(await server.run_in_thread(_session, server, session_id_of(request)))


def _session(server: ServerResources, session_id: str) -> dict[str, Any]:
    session = server.inventories.inventory().session(session_id)
    row = next((row for row in server.inventories.rows() if row.id == session_id), None)
    if row is None:
        raise NoSessionError(Message("session.gone", session=session_id))
    here = session_api_url(server.settings, session_id)
    links = {
        "self": here,
        "plan": f"{here}/plan",
        "archive": f"{here}/archive.zip",
        "page": session_url(server.settings, session_id),
    }
    return session_object(row, session) | {"links": links}


@routes.get("/api/sessions/{id}/plan")
@allow(Role.VIEWER)
async def show_plan(request: web.Request) -> web.Response:
    """Send the contents and exclusions of an export; no recording is hashed for it."""
    server = resources(request)
    plans, requester = server.plans, caller(request)
    options = await read_options(request, plans)
    is_operator = requester.may(Role.OPERATOR)
    allows_incomplete(request)  # checked only: it does not change the plan, but plan and archive take the same query
    if options != whole_session_options(request, plans) and not is_operator:
        raise NotAllowedError(Message("query.part"))
    planned = await plans.plan(session_id_of(request), options, requester.name)
    return json_response(await server.run_in_thread(_plan, planned, requester))


def _plan(planned: PlannedArchive, requester: Caller) -> bytes:
    assembly = limit_to_study(planned) if requester.scope.is_limited else planned
    answer = plan_object(assembly)
    answer["notTakenCount"] = sum(one.files for one in assembly.plan.not_taken)
    answer["nearMissCount"] = len(assembly.plan.near_misses)
    if not requester.may(Role.OPERATOR):  # file names that may belong to other sessions
        del answer["nearMisses"], answer["notTaken"], answer["secrets"], answer["notSearchedYet"]
    answer["options"] = as_query(planned.plan.options)
    answer["ready"] = planned.entity is not None and not planned.plan.secrecy.refused
    return encode_json(answer)
