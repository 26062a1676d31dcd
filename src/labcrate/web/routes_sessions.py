"""What the lab holds: the list of sessions, one session, the plan of its export."""

from typing import Any

from aiohttp import web

from labcrate.errors import NoSessionError, NotAllowedError, UsageError
from labcrate.export.answers import plan_object, row_object, session_object
from labcrate.people.roles import Role
from labcrate.web.access import allow, caller
from labcrate.web.bodies import encoded, json_answer
from labcrate.web.listing import LISTING, RowQuery, row_query
from labcrate.web.planning import PLANNING
from labcrate.web.site import SETTINGS, session_api_url, session_url, work
from labcrate.web.snapshot import SNAPSHOT
from labcrate.web.standing import Planned
from labcrate.web.wanted import as_query, incomplete_allowed, session_id_of, wanted

routes = web.RouteTableDef()
_NEVER_EMPTY = ("sort", "order", "limit", "offset")


@routes.get("/api/sessions")
@allow(Role.VIEWER)
async def list_sessions(request: web.Request) -> web.Response:
    """The sessions that a query finds, a page at a time."""
    for name in _NEVER_EMPTY:  # a form may send them empty, a script that does has a fault
        if request.query.get(name) == "":
            raise UsageError(f"The option {name!r} is empty; leave it out, or say what it is.")
    query = row_query(request.query, request.app[SETTINGS].time_zone)
    return json_answer(await work(request.app, _page, request.app, query))


def _page(app: web.Application, query: RowQuery) -> bytes:
    found = app[LISTING].find(query)
    rows = [row_object(row) for row in found.rows]
    return encoded({"total": found.total, "limit": query.limit, "offset": query.offset, "sessions": rows})


@routes.get("/api/sessions/{id}")
@allow(Role.VIEWER)
async def show_session(request: web.Request) -> web.Response:
    """One session as the lab describes it."""
    return json_answer(await work(request.app, _session, request.app, session_id_of(request)))


def _session(app: web.Application, session_id: str) -> dict[str, Any]:
    session = app[SNAPSHOT].inventory().session(session_id)
    row = next((row for row in app[SNAPSHOT].rows() if row.id == session_id), None)
    if row is None:
        raise NoSessionError(f"There is no session {session_id} in this lab any more.")
    here = session_api_url(app, session_id)
    links = {
        "self": here,
        "plan": f"{here}/plan",
        "archive": f"{here}/archive.zip",
        "page": session_url(app, session_id),
    }
    return session_object(row, session) | {"links": links}


@routes.get("/api/sessions/{id}/plan")
@allow(Role.VIEWER)
async def show_plan(request: web.Request) -> web.Response:
    """What an export would hold and what not, before anything is read for it."""
    planning, asking, options = request.app[PLANNING], caller(request), wanted(request)
    operates = asking.may(Role.OPERATOR)
    incomplete_allowed(request)  # changes no plan, but one query serves plan and archive
    if options != planning.whole() and not operates:
        raise NotAllowedError("Choosing a part needs the role operator; without options the plan is of the whole.")
    planned = await planning.plan(session_id_of(request), options, asking.name)
    return json_answer(await work(request.app, _plan, planned, near_misses=operates))


def _plan(planned: Planned, *, near_misses: bool) -> bytes:
    answer = plan_object(planned.assembly)
    answer["notTakenCount"] = sum(one.files for one in planned.assembly.plan.not_taken)
    answer["nearMissCount"] = len(planned.assembly.plan.near_misses)
    if not near_misses:  # names of files that are, so far, nobody's
        del answer["nearMisses"], answer["notTaken"], answer["secrets"], answer["notSearchedYet"]
    answer["options"] = as_query(planned.assembly.plan.options)
    answer["ready"] = planned.archive is not None and not planned.assembly.plan.secrecy.refused
    return encoded(answer)
