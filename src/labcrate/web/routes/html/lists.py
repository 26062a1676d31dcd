"""The pages of the sessions, the export log and the lab's key, and the choice of language and theme."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Any

from aiohttp import web
from multidict import MultiDict
from yarl import URL

from labcrate.export.signing import public_key_of
from labcrate.people.export_log import ExportLogFilter
from labcrate.people.export_log_formats import describe_contents
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow, caller, stays_in_scope
from labcrate.web.http.bodies import read_form
from labcrate.web.http.client_and_origin import is_secure
from labcrate.web.http.urls import path_prefix, url
from labcrate.web.pages.i18n import COOKIE, LANGUAGES
from labcrate.web.pages.render import THEME_COOKIE, THEMES
from labcrate.web.pages.session_list import (
    LOG_OPTIONS,
    SessionPage,
    SessionQuery,
    Sort,
    log_filter_of,
    session_query,
    whole_number,
)
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import local_path, redirect

routes = web.RouteTableDef()

_ROWS_PER_PAGE = 50
_LINES_PER_PAGE = 100
_COOKIE_AGE = timedelta(days=365)


@routes.get("/")
@allow(Role.VIEWER)
@stays_in_scope
async def show_sessions(request: web.Request) -> web.Response:
    """Send one page of the sessions that match a query, newest first unless another order is given."""
    server = resources(request)
    query = session_query(request.query, server.settings.time_zone)
    if not request.query.get("limit"):
        query = replace(query, limit=_ROWS_PER_PAGE)
    if not request.query.get("sort"):
        query = replace(query, sort=Sort.START, descending=True)
    return await server.run_in_thread(_sessions_page, request, query)


@dataclass(frozen=True, slots=True)
class _SortOrder:
    key: str
    descending: bool


def _sessions_page(request: web.Request, query: SessionQuery) -> web.Response:
    server = resources(request)
    scope = caller(request).scope
    rows, found = server.session_list.rows(scope), server.session_list.find(query, scope)
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
        sort=_SortOrder(query.sort, query.descending),
        **_page_urls(request, query, found),
    )


def _page_urls(request: web.Request, query: SessionQuery, found: SessionPage) -> dict[str, Any]:
    """Return the URLs of the other pages and orders of a search."""

    def with_changes(**changes: str | None) -> str:
        query_values = MultiDict(request.query)
        for name, value in changes.items():
            query_values.popall(name, None)
            if value is not None:
                query_values.add(name, value)
        return str(URL.build(path=url(resources(request).settings, "/"), query=query_values))

    def sorted_url(key: Sort) -> str:
        # A second click reverses the order. Names and IDs start ascending, times and sizes descending.
        descends_first = key not in (Sort.ID, Sort.NAME)
        descending = not query.descending if key is query.sort else descends_first
        return with_changes(sort=key, order="desc" if descending else "asc", offset=None)

    offset, limit = query.offset, query.limit
    return {
        "sorted_by": {str(key): sorted_url(key) for key in Sort},
        "previous": with_changes(offset=str(max(0, offset - limit))) if offset else None,
        "next": with_changes(offset=str(offset + limit)) if offset + limit < found.total else None,
    }


@routes.get("/log")
@allow(Role.ADMIN)
async def show_log(request: web.Request) -> web.Response:
    """Send the newest entries of the export log that match a query."""
    server = resources(request)
    before = whole_number(request.query, "before", 1)
    return await server.run_in_thread(
        _log_page, request, log_filter_of(request.query, server.settings.time_zone), before
    )


def _log_page(request: web.Request, log_filter: ExportLogFilter, before: int | None) -> web.Response:
    server = resources(request)
    found = list(islice(log_filter.find(server.export_log, before), _LINES_PER_PAGE + 1))
    lines, more = found[:_LINES_PER_PAGE], len(found) > _LINES_PER_PAGE
    query_values = {name: value for name, value in request.query.items() if name in LOG_OPTIONS and value.strip()}
    older = (
        URL.build(path=url(server.settings, "/log"), query=query_values | {"before": str(lines[-1].number)})
        if more
        else None
    )
    return server.pages.render(
        request,
        "log.html",
        lines=lines,
        query=request.query,
        filtered=bool(log_filter),
        before=before,
        what=describe_contents,
        older=str(older) if older else None,
        csv=str(URL.build(path=url(server.settings, "/api/log.csv"), query=query_values)),
    )


@routes.post("/language")
@allow(None)
async def choose_language(request: web.Request) -> web.Response:
    """Store the chosen language in a cookie, and redirect to the page that the form was on."""
    return await _set_preference(request, "language", COOKIE, tuple(LANGUAGES))


@routes.post("/theme")
@allow(None)
async def choose_theme(request: web.Request) -> web.Response:
    """Store the light or dark theme in a cookie, or delete it (any other value); redirect to the page of the form."""
    return await _set_preference(request, "theme", THEME_COOKIE, THEMES)


async def _set_preference(request: web.Request, field: str, cookie: str, values: tuple[str, ...]) -> web.Response:
    fields = await read_form(request)
    response = redirect(request, local_path(fields.get("back", "")))
    settings = resources(request).settings
    value, path = fields.get(field, ""), path_prefix(settings) or "/"
    if value in values:
        response.set_cookie(
            cookie,
            value,
            max_age=int(_COOKIE_AGE.total_seconds()),
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
@stays_in_scope
async def show_key(request: web.Request) -> web.Response:
    """Send the page of the public key, or of how to create one; the secret key is on no page."""
    return await resources(request).run_in_thread(_key_page, request)


def _key_page(request: web.Request) -> web.Response:
    server = resources(request)
    return server.pages.render(request, "key.html", key=public_key_of(server.lab))
