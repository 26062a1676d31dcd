"""Show the sessions, the export log and the lab's key; remember a reader's language and theme."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Any

from aiohttp import web
from multidict import MultiDict
from yarl import URL

from labcrate.export.signing import public_key_of
from labcrate.people.export_log import Filter
from labcrate.people.log_lines import what
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow, caller, keeps_to_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import is_secure
from labcrate.web.http.urls import path_prefix, url
from labcrate.web.pages.i18n import COOKIE, LANGUAGES
from labcrate.web.pages.render import THEME_COOKIE, THEMES
from labcrate.web.pages.session_list import FILTERS, RowQuery, Rows, Sort, line_filter, row_query, whole_number
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import local_path, see

routes = web.RouteTableDef()

_ROWS = 50
_LINES = 100
_REMEMBERED = timedelta(days=365)


@routes.get("/")
@allow(Role.VIEWER)
@keeps_to_scope
async def show_sessions(request: web.Request) -> web.Response:
    """The sessions that a query finds, a page at a time; the newest first unless another order is asked for."""
    server = resources(request)
    query = row_query(request.query, server.settings.time_zone)
    if not request.query.get("limit"):
        query = replace(query, limit=_ROWS)
    if not request.query.get("sort"):
        query = replace(query, sort=Sort.START, descending=True)
    return await server.run_in_thread(_sessions_page, request, query)


@dataclass(frozen=True, slots=True)
class _Order:
    key: str
    descending: bool


def _sessions_page(request: web.Request, query: RowQuery) -> web.Response:
    server = resources(request)
    scope = caller(request).scope
    rows, found = server.listing.rows(scope), server.listing.find(query, scope)
    return server.pages.render(
        request,
        "sessions.html",
        lab_total=len(rows),
        statuses=sorted({row.status for row in rows if row.status}),
        filtered=any(request.query.get(name) for name in ("q", "status", "from", "to")),
        query=request.query,
        rows=found.rows,
        total=found.total,
        offset=query.offset,
        sort=_Order(query.sort, query.descending),
        **_addresses(request, query, found),
    )


def _addresses(request: web.Request, query: RowQuery, found: Rows) -> dict[str, Any]:
    """Where the other pages and orders of the same search are."""

    def again(**changes: str | None) -> str:
        kept = MultiDict(request.query)
        for name, value in changes.items():
            kept.popall(name, None)
            if value is not None:
                kept.add(name, value)
        return str(URL.build(path=url(resources(request).settings, "/"), query=kept))

    def ordered(key: Sort) -> str:
        # A second click turns the order around. Names and numbers begin low, times and sizes high.
        high = key not in (Sort.ID, Sort.NAME)
        down = not query.descending if key is query.sort else high
        return again(sort=key, order="desc" if down else "asc", offset=None)

    offset, limit = query.offset, query.limit
    return {
        "sorted_by": {str(key): ordered(key) for key in Sort},
        "previous": again(offset=str(max(0, offset - limit))) if offset else None,
        "next": again(offset=str(offset + limit)) if offset + limit < found.total else None,
    }


@routes.get("/log")
@allow(Role.ADMIN)
async def show_log(request: web.Request) -> web.Response:
    """What left the lab: the newest lines of the export log that fit."""
    server = resources(request)
    before = whole_number(request.query, "before", 1)
    return await server.run_in_thread(_log_page, request, line_filter(request.query, server.settings.time_zone), before)


def _log_page(request: web.Request, wanted: Filter, before: int | None) -> web.Response:
    server = resources(request)
    found = list(islice(wanted.find(server.export_log, before), _LINES + 1))
    lines, more = found[:_LINES], len(found) > _LINES
    kept = {name: value for name, value in request.query.items() if name in FILTERS and value.strip()}
    older = (
        URL.build(path=url(server.settings, "/log"), query=kept | {"before": str(lines[-1].number)}) if more else None
    )
    return server.pages.render(
        request,
        "log.html",
        lines=lines,
        query=request.query,
        filtered=bool(wanted),
        before=before,
        what=what,
        older=str(older) if older else None,
        csv=str(URL.build(path=url(server.settings, "/api/log.csv"), query=kept)),
    )


@routes.post("/language")
@allow(None)
async def choose_language(request: web.Request) -> web.Response:
    """Remember the language that somebody chose, and go back to where they were."""
    return await _remember(request, "language", COOKIE, tuple(LANGUAGES))


@routes.post("/theme")
@allow(None)
async def choose_theme(request: web.Request) -> web.Response:
    """Remember light or dark, or (any other word) leave it to the browser again."""
    return await _remember(request, "theme", THEME_COOKIE, THEMES)


async def _remember(request: web.Request, field: str, cookie: str, values: tuple[str, ...]) -> web.Response:
    fields = await read_form(request)
    response = see(request, local_path(fields.get("back", "")))
    settings = resources(request).settings
    value, path = fields.get(field, ""), path_prefix(settings) or "/"
    if value in values:
        response.set_cookie(
            cookie,
            value,
            max_age=int(_REMEMBERED.total_seconds()),
            path=path,
            secure=is_secure(settings),
            httponly=True,
            samesite="Lax",
        )
    else:
        response.del_cookie(cookie, path=path, secure=is_secure(settings), httponly=True, samesite="Lax")
    return response


@routes.get("/key")
@allow(Role.VIEWER)
@keeps_to_scope
async def show_key(request: web.Request) -> web.Response:
    """The public key, or that there is none and how to make one; the secret key is on no page."""
    return await resources(request).run_in_thread(_page, request)


def _page(request: web.Request) -> web.Response:
    server = resources(request)
    return server.pages.render(request, "key.html", key=public_key_of(server.lab))
