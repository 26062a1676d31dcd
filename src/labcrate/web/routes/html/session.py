"""The page of one session: its data, its export, and links of near misses."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from labcrate.linking.verdict import command_line
from labcrate.model.session import Session
from labcrate.people.link_log import Link, LinkMethod
from labcrate.people.roles import Role
from labcrate.plan.plan import Plan, PlannedRecording
from labcrate.plan.summary import camera_spans, describe_left_out
from labcrate.plan.table_choice import DerivedTable
from labcrate.repair.near_misses import linkable_cameras
from labcrate.web.archives.reading_meter import ReadingState
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.http.bodies import read_form
from labcrate.web.http.urls import session_api_url, session_url
from labcrate.web.pages.i18n import Locale, language_of
from labcrate.web.pages.plots import initial_properties
from labcrate.web.pages.render import text_page
from labcrate.web.resources import resources
from labcrate.web.routes.api.links import link_near_miss, undo_link
from labcrate.web.routes.html.export_choice import ExportChoice, read_choice
from labcrate.web.routes.html.session_view import SessionView, find_session, read_view, zone_of
from labcrate.web.routes.query import session_id_of, whole_session_options

routes = web.RouteTableDef()

_SESSION_PAGE = "/sessions/{id}"
_RECORDINGS_PER_PAGE = 60


@routes.get(_SESSION_PAGE)
@allow(Role.VIEWER)
async def show_session(request: web.Request) -> web.Response:
    """Send the page of a session, without its readings while they are being read.

    While its recordings are opened for the first time, a page that reloads.
    """
    server = resources(request)
    session_id, requester = session_id_of(request), caller(request)
    session = await server.run_in_thread(find_session, server, session_id)
    view = await read_view(request, session_id, whole_session_options(request, server.plans))
    if view is None:
        return await server.run_in_thread(_waiting_page, request, session)
    # Viewers see the whole session, whatever their URL chooses.
    choice = await read_choice(request, session, view) if requester.may(Role.OPERATOR) else None
    return await server.run_in_thread(_session_page, request, view, choice)


@routes.get(f"{_SESSION_PAGE}/readings")
@allow(Role.VIEWER)
async def show_readings(request: web.Request) -> web.Response:
    """Send the table of the sensor values: the data of the plots as numbers."""
    server = resources(request)
    session_id, options = session_id_of(request), whole_session_options(request, server.plans)
    session = await server.run_in_thread(find_session, server, session_id)
    planned = await server.plans.plan_for_page(session_id, options, caller(request).name)
    if planned is None:
        reading = server.plans.reading_state(session_id, options)
        return await server.run_in_thread(_waiting_page, request, session, reading=reading, is_reading=True)
    summaries = await server.run_in_thread(server.plots.summaries, session_id, planned.plan.readings)
    zone = zone_of(request, session)
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


def _waiting_page(
    request: web.Request, session: Session, *, reading: ReadingState | None = None, is_reading: bool = False
) -> web.Response:
    """Return a page of a session's description; ``is_reading`` is whether its sensor messages are waited for."""
    return resources(request).pages.render(
        request,
        "session_waiting.html",
        status=HTTPStatus.ACCEPTED,
        zone=zone_of(request, session),
        session=session,
        reading=reading,
        is_reading=is_reading,
        selected_sensors=_sensor_names(session, []),
        **_facts(request, session),
    )


def _facts(request: web.Request, session: Session) -> dict[str, Any]:
    """Return what a page says about a session from its description."""
    server = resources(request)
    return {
        "is_lab_zone": zone_of(request, session) == server.inventories.inventory().settings.time_zone,
        "description": text_page(request, server.settings, session, "description"),
        "notes": text_page(request, server.settings, session, "notes"),
    }


def _session_page(request: web.Request, whole_view: SessionView, choice: ExportChoice | None) -> web.Response:
    server = resources(request)
    view = whole_view.limited_to_study() if caller(request).scope.is_limited else whole_view
    plan, session = view.plan, view.plan.session
    zone, is_operator = zone_of(request, session), caller(request).may(Role.OPERATOR)
    properties = server.plots.properties(session.id, plan.readings) if view.assembly else []
    devices = server.plots.devices(session.id, plan.readings) if view.assembly else []
    links = server.link_log.lines(session.id) if is_operator else []
    return server.pages.render(
        request,
        "session.html",
        zone=zone,
        session=session,
        view=view,
        assembly=view.assembly,
        plan=plan,
        reading=view.reading,
        choice=choice,
        query=request.query,
        timeline=server.timelines.get(whole_view.plan, Locale(language_of(request), zone)),
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
        **_facts(request, session),
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
