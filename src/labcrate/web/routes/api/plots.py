"""The points of a session's plots, and the pictures of its recordings."""

import hashlib
from datetime import datetime
from http import HTTPStatus

from aiohttp import hdrs, web

from labcrate.errors import NotFoundError, NotReadyError, UsageError
from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan, format_instant, parse_instant
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.executor import WorkKind
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.pages.i18n import Locale
from labcrate.web.resources import resources
from labcrate.web.routes.query import session_id_of, whole_session_options

routes = web.RouteTableDef()

_MAX_PROPERTIES = 8
_DEFAULT_BUCKETS, _MAX_BUCKETS = 800, 4000
_OPTION_NAMES = ("property", "from", "to", "buckets")


@routes.get("/api/sessions/{id}/readings/plot")
@allow(Role.VIEWER)
async def plot(request: web.Request) -> web.Response:
    """Send the points of some properties between two times."""
    server = resources(request)
    session_id = session_id_of(request)
    for name in request.query:
        if name not in _OPTION_NAMES:
            raise UsageError(Message("query.unknown_option", name=name, names=", ".join(_OPTION_NAMES)))
    names = request.query.getall("property", [])
    if not 0 < len(names) <= _MAX_PROPERTIES:
        raise UsageError(Message("plot.properties", most=_MAX_PROPERTIES))
    buckets, start, end = _buckets(request), _instant(request, "from"), _instant(request, "to")
    planned = await server.plans.plan_for_page(
        session_id, whole_session_options(request, server.plans), caller(request).name
    )
    if planned is None:
        raise NotReadyError(Message("plot.not_ready"), 2)
    plan = planned.plan
    readings = plan.readings
    start, end = start or readings.first, end or readings.last
    panels = []
    if start and end:
        if end <= start:
            raise UsageError(Message("plot.reversed"))
        panels = await server.run_in_thread(server.plots.panels, session_id, readings, names, start, end, buckets)
    zone = plan.session.time_zone or server.settings.time_zone
    return json_response(await server.run_in_thread(encode_json, _plot_object(zone, TimeSpan(start, end), panels)))


def _plot_object(zone: str, span: TimeSpan, panels: list[dict[str, object]]) -> dict[str, object]:
    """Return the JSON object of a plot; ``offsetSeconds`` is the zone's distance from UTC at the plot's start."""
    offset = Locale("en", zone).local(span.start).utcoffset() if span.start else None
    return {
        "zone": zone,
        "offsetSeconds": offset.total_seconds() if offset else 0,
        "from": format_instant(span.start) if span.start else None,
        "to": format_instant(span.end) if span.end else None,
        "panels": panels,
    }


def _instant(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise UsageError(Message("query.instant", name=name, value=text, example="2025-05-02T10:00:00Z")) from None


def _buckets(request: web.Request) -> int:
    text = request.query.get("buckets") or str(_DEFAULT_BUCKETS)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= _MAX_BUCKETS:
        raise UsageError(Message("query.whole_number", name="buckets", value=text, least="1", most=str(_MAX_BUCKETS)))
    return number


@routes.get("/api/sessions/{id}/recordings/{name}/thumbnail.jpg")
@allow(Role.OPERATOR)
async def thumbnail(request: web.Request) -> web.StreamResponse:
    """Send a small picture of a recording, or a placeholder if it has none."""
    server = resources(request)
    recording = await server.plans.find_recording(
        session_id_of(request), request.match_info["name"], caller(request).name
    )
    etag = hashlib.sha256(f"{recording.path!r} {recording.identity}".encode()).hexdigest()[:24]
    headers = {hdrs.CACHE_CONTROL: "private, no-cache", hdrs.ETAG: f'"{etag}"'}
    if any(one.value in (etag, "*") for one in request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        picture = await server.executor.run(
            WorkKind.THUMBNAILS, server.thumbnails.get, recording.path, recording.identity
        )
    except OSError as error:
        raise NotFoundError(Message("recording.unreadable", file=recording.source, reason=error.strerror)) from None
    return web.Response(body=picture, content_type="image/jpeg", headers=headers)
