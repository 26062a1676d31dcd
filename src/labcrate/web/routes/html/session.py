"""The page of one session: its data, its export, and links of near misses."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web
from multidict import MultiDict
from yarl import URL

from labcrate.errors import UsageError
from labcrate.export.assemble import Assembly
from labcrate.export.plan_views import limit_to_study
from labcrate.export.signing import has_key
from labcrate.linking.verdict import command_line
from labcrate.model.session import Session
from labcrate.people.link_log import Link, LinkMethod
from labcrate.people.roles import Role
from labcrate.plan.options import Options, as_query
from labcrate.plan.plan import Plan, PlannedRecording
from labcrate.plan.summary import camera_spans, describe_left_out
from labcrate.plan.table_choice import DerivedTable
from labcrate.repair.near_misses import linkable_cameras
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.http.bodies import read_form
from labcrate.web.http.urls import session_api_url, session_url
from labcrate.web.pages.i18n import Locale, language_of
from labcrate.web.pages.plots import initial_properties
from labcrate.web.pages.render import text_page
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.api.links import link_near_miss, undo_link
from labcrate.web.routes.query import (
    check_session_time,
    form_options,
    permitted_options,
    session_id_of,
    whole_session_options,
)

routes = web.RouteTableDef()

_SESSION_PAGE = "/sessions/{id}"
_RECORDINGS_PER_PAGE = 60


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What a user chose to export; ``problem`` is the message about an invalid choice.

    ``assembly`` is None while the plan is being computed. The URLs hold the query of this choice; ``signature`` is None
    if the lab has no key.
    """

    options: Options
    assembly: Assembly | None
    problem: str | None
    is_whole: bool
    archive: str
    prepare: str
    signature: str | None


@routes.get(_SESSION_PAGE)
@allow(Role.VIEWER)
async def show_session(request: web.Request) -> web.Response:
    """Send the page of a session; while its files are read for the first time, a page that reloads."""
    server = resources(request)
    session_id, requester = session_id_of(request), caller(request)
    session = await server.run_in_thread(_session, server, session_id)
    planned = await server.plans.plan_for_page(session_id, whole_session_options(request, server.plans), requester.name)
    if planned is None:
        return await server.run_in_thread(_waiting_page, request, session)
    # Viewers see the whole session, whatever their URL chooses.
    choice = await _export_choice(request, session) if requester.may(Role.OPERATOR) else None
    return await server.run_in_thread(_session_page, request, planned, choice)


@routes.get(f"{_SESSION_PAGE}/choice")
@allow(Role.OPERATOR)
async def show_choice(request: web.Request) -> web.Response:
    """Send the part of the page that shows the size of a choice; a script replaces the previous one with it."""
    server = resources(request)
    session = await server.run_in_thread(_session, server, session_id_of(request))
    choice = await _export_choice(request, session)
    html = await server.run_in_thread(
        server.pages.fragment, request, "choice.html", zone=_zone(request, session), choice=choice
    )
    return web.Response(text=html, content_type="text/html")


@routes.get(f"{_SESSION_PAGE}/readings")
@allow(Role.VIEWER)
async def show_readings(request: web.Request) -> web.Response:
    """Send the table of the sensor values: the data of the plots as numbers."""
    server = resources(request)
    session_id = session_id_of(request)
    session = await server.run_in_thread(_session, server, session_id)
    planned = await server.plans.plan_for_page(
        session_id, whole_session_options(request, server.plans), caller(request).name
    )
    if planned is None:
        return await server.run_in_thread(_waiting_page, request, session)
    summaries = await server.run_in_thread(server.plots.summaries, session_id, planned.plan.readings)
    zone = _zone(request, session)
    return await server.run_in_thread(
        server.pages.render, request, "readings.html", zone=zone, session=session, summaries=summaries
    )


@routes.post(f"{_SESSION_PAGE}/links")
@allow(Role.OPERATOR)
async def repair_near_miss(request: web.Request) -> web.Response:
    """Link a near miss, and redirect to the session page, which offers to undo that."""
    session_id, fields = session_id_of(request), await read_form(request)
    method = LinkMethod.MOVE if fields.get("method") == LinkMethod.MOVE else LinkMethod.ENTRY
    camera = fields.get("camera") or None
    link = await link_near_miss(request, session_id, fields.get("file", ""), method, camera)
    return _redirect_to_session(request, session_id, f"?linked={link.number}")


@routes.post(f"{_SESSION_PAGE}/links/{{number:[0-9]{{1,18}}}}/undo")
@allow(Role.OPERATOR)
async def undo_session_link(request: web.Request) -> web.Response:
    """Remove a link, and redirect to the session page."""
    server = resources(request)
    session_id = session_id_of(request)
    undone = await server.run_in_thread(
        undo_link, server, session_id, int(request.match_info["number"]), caller(request).name
    )
    return _redirect_to_session(request, session_id, f"?undone={undone.number}")


def _redirect_to_session(request: web.Request, session_id: str, query: str) -> web.Response:
    """Redirect a browser to the page of a session."""
    return web.Response(
        status=303, headers={hdrs.LOCATION: session_url(resources(request).settings, session_id, query)}
    )


def _session(server: ServerResources, session_id: str) -> Session:
    return server.inventories.inventory().session(session_id)


def _waiting_page(request: web.Request, session: Session) -> web.Response:
    return resources(request).pages.render(
        request, "session_waiting.html", status=202, zone=_zone(request, session), session=session
    )


def _zone(request: web.Request, session: Session) -> str:
    return session.time_zone or resources(request).settings.time_zone


async def _export_choice(request: web.Request, session: Session) -> ExportChoice:
    server = resources(request)
    settings = server.settings
    whole = whole_session_options(request, server.plans)
    options, planned, problem = whole, None, None
    try:
        options = form_options(request.query, _zone(request, session), settings.base_topic)
        options = permitted_options(caller(request), options)
        await check_session_time(request, server.plans, session.id, options)
        planned = await server.plans.plan_for_page(session.id, options, caller(request).name)
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
        planned if planned else None,
        problem,
        options == whole,
        archive,
        prepare,
        signature if has_lab_key else None,
    )


def _session_page(request: web.Request, assembled: Assembly, choice: ExportChoice | None) -> web.Response:
    server = resources(request)
    assembly = limit_to_study(assembled) if caller(request).scope.is_limited else assembled
    plan, session = assembly.plan, assembly.plan.session
    zone, is_operator = _zone(request, session), caller(request).may(Role.OPERATOR)
    properties = server.plots.properties(session.id, plan.readings)
    devices = server.plots.devices(session.id, plan.readings)
    links = server.link_log.lines(session.id) if is_operator else []
    return server.pages.render(
        request,
        "session.html",
        zone=zone,
        is_lab_zone=zone == server.inventories.inventory().settings.time_zone,
        session=session,
        description=text_page(request, server.settings, session, "description"),
        notes=text_page(request, server.settings, session, "notes"),
        assembly=assembly,
        plan=plan,
        choice=choice,
        query=request.query,
        timeline=server.timelines.get(assembled.plan, Locale(language_of(request), zone)),
        properties=list({one.name: one for one in reversed(properties)}.values())[::-1],
        plotted=initial_properties(properties),
        devices=devices,
        links=[link for link in links if link.undone is None],
        cameras=linkable_cameras(server.inventories.inventory(), session.id) if is_operator else [],
        command=command_line,
        notices=_link_notices(request, links),
        is_admin=caller(request).may(Role.ADMIN),
        thumbnail=lambda recording: _media_url(request, recording, session.id, "/thumbnail.jpg"),
        playback=lambda recording: _media_url(request, recording, session.id, ""),
        sensor_names=_sensor_names(session, devices),
        derived_tables=list(DerivedTable),
        reasons={recording.member: recording.verdict.reason for recording in plan.recordings},
        spans=camera_spans(plan.recordings)[0],
        describe_left_out=describe_left_out,
        **_recordings_page(request, plan),
    )


def _link_notices(request: web.Request, links: list[Link]) -> dict[str, Link]:
    """Return the link that was just made or removed, for a notice on the page."""
    by_number = {str(link.number): link for link in links}
    notices = {word: by_number.get(request.query.get(word, "")) for word in ("linked", "undone")}
    return {word: link for word, link in notices.items() if link and bool(link.undone) == (word == "undone")}


def _recordings_page(request: web.Request, plan: Plan) -> dict[str, Any]:
    """Return one page of the recordings, and the URLs of the previous and the next page."""
    ordered = sorted(plan.recordings, key=_by_time)
    text, pages = request.query.get("part", ""), max(1, -(-len(ordered) // _RECORDINGS_PER_PAGE))
    part = min(pages, max(1, int(text))) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    first = (part - 1) * _RECORDINGS_PER_PAGE

    def part_url(other: int) -> str:
        return f"{session_url(resources(request).settings, plan.session.id)}?part={other}#recordings"

    return {
        "recordings": ordered[first : first + _RECORDINGS_PER_PAGE],
        "recordings_first": first + 1,
        "recordings_before": part_url(part - 1) if part > 1 else None,
        "recordings_after": part_url(part + 1) if part < pages else None,
    }


def _by_time(recording: PlannedRecording) -> tuple[bool, float, str]:
    start = recording.span.start
    return start is None, start.timestamp() if start else 0.0, recording.member


def _media_url(request: web.Request, recording: PlannedRecording, session_id: str, what: str) -> str:
    """Return the URL of a recording or its picture. It changes with the file, so that browsers may cache it."""
    name = quote(recording.member.removeprefix("recordings/"), safe="")
    state = f"?v={recording.identity.mtime_ns:x}-{recording.identity.size_bytes:x}"
    return session_api_url(resources(request).settings, session_id, f"/recordings/{name}{what}") + (
        state if what else ""
    )


def _sensor_names(session: Session, devices: list[tuple[str, int]]) -> list[str]:
    """Return the sensors to choose from: those that the session selected, else all that reported."""
    return [sensor.name or sensor.id for sensor in session.sensors] or [name for name, _ in devices]
