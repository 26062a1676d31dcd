"""The part of a session's page that shows what the export form chooses, with its size and its download."""

from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDict
from yarl import URL

from labcrate.errors import LabcrateError, NoSessionError, NotReadyError, UsageError
from labcrate.export.assemble import Assembly
from labcrate.export.signing import has_key
from labcrate.model.session import Session
from labcrate.people.roles import Role
from labcrate.plan.options import Options, as_query
from labcrate.web.archives import page_waits
from labcrate.web.archives.reading_meter import ReadingState
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.http.problems import problem_of_error
from labcrate.web.http.urls import session_api_url
from labcrate.web.resources import resources
from labcrate.web.routes.html.session_view import SessionView, find_session, zone_of
from labcrate.web.routes.query import (
    check_session_time,
    form_options,
    permitted_options,
    session_id_of,
    whole_session_options,
)

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What a user chose to export; ``problem`` is the message about an invalid choice, or one that cannot be planned.

    ``assembly`` is None while the plan is being made, and ``reading`` is how much of the sensor messages was read for
    it. The URLs hold the query of this choice; ``signature`` is None if the lab has no key.
    """

    options: Options
    assembly: Assembly | None
    problem: str | None
    reading: ReadingState | None
    is_whole: bool
    archive: str
    prepare: str
    signature: str | None


@routes.get("/sessions/{id}/choice")
@allow(Role.OPERATOR)
async def show_choice(request: web.Request) -> web.Response:
    """Send the part of the page that shows the size of a choice; a script replaces the previous one with it."""
    server = resources(request)
    session = await server.run_in_thread(find_session, server, session_id_of(request))
    choice = await read_choice(request, session, None)
    html = await server.run_in_thread(
        server.pages.fragment, request, "choice.html", zone=zone_of(request, session), choice=choice
    )
    return web.Response(text=html, content_type="text/html")


async def read_choice(request: web.Request, session: Session, view: SessionView | None) -> ExportChoice:
    """Return the choice in a request's query; ``view`` is that of the whole session, if its page is requested."""
    server = resources(request)
    plans = server.plans
    whole = whole_session_options(request, plans)
    options, assembly, problem = whole, None, None
    try:
        options = form_options(request.query, zone_of(request, session), server.settings.base_topic)
        options = permitted_options(caller(request), options)
        await check_session_time(request, plans, session.id, options)
        if view and options == whole:
            assembly, problem = view.assembly, view.problem
        else:
            # A page has other things to show; a script waits for nothing but this.
            wait_s = page_waits.READINGS_WAIT_S if view else None
            assembly, problem = await _plan(request, session.id, options, wait_s)
    except UsageError as error:
        problem = error.message
    query = MultiDict([(name, value) for name, values in as_query(options).items() for value in values])
    if request.query.get("allow_incomplete") == "1":
        query.add("allow_incomplete", "1")
    archive, prepare, signature = (
        str(URL(session_api_url(server.settings, session.id, f"/{what}"), encoded=True).with_query(query))
        for what in ("archive.zip", "prepare", "archive.minisig")
    )
    has_lab_key = await server.run_in_thread(has_key, server.lab)
    return ExportChoice(
        options,
        assembly,
        problem,
        plans.reading_state(session.id, options),
        options == whole,
        archive,
        prepare,
        signature if has_lab_key else None,
    )


async def _plan(
    request: web.Request, session_id: str, options: Options, wait_s: float | None
) -> tuple[Assembly | None, str | None]:
    """Return the archive of a choice after a short wait, or the problem of planning it; None while it is planned.

    Raises UsageError, NoSessionError, NotReadyError.
    """
    try:
        return await resources(request).plans.plan_for_page(session_id, options, caller(request).name, wait_s), None
    except (UsageError, NoSessionError, NotReadyError):
        raise
    except LabcrateError as error:
        return None, problem_of_error(error).detail
