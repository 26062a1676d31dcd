"""The export log for administrators: as JSON in pages, as CSV in whole."""

from collections.abc import Iterator
from itertools import islice

from aiohttp import hdrs, web

from labcrate.people.export_log import ExportLogFilter, ExportLogLine
from labcrate.people.export_log_formats import as_csv, line_object
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.pages.session_list import (
    LOG_OPTIONS,
    log_filter_of,
    refuse_empty_options,
    refuse_unknown_options,
    whole_number,
)
from labcrate.web.resources import ServerResources, resources

routes = web.RouteTableDef()

_NEVER_EMPTY = ("before", "limit")
_DEFAULT_LINES = 100
_MAX_LINES = 1000
_LINES_PER_WRITE = 5000


@routes.get("/api/log")
@allow(Role.ADMIN)
async def show_log(request: web.Request) -> web.Response:
    """Send the newest entries of the export log, or those before an entry."""
    server = resources(request)
    refuse_unknown_options(request.query, (*LOG_OPTIONS, *_NEVER_EMPTY))
    refuse_empty_options(request.query, _NEVER_EMPTY)
    log_filter, before = (
        log_filter_of(request.query, server.settings.time_zone),
        whole_number(request.query, "before", 1),
    )
    limit = whole_number(request.query, "limit", 1, _MAX_LINES) or _DEFAULT_LINES
    return json_response(await server.run_in_thread(_page, server, log_filter, before, limit))


def _page(server: ServerResources, log_filter: ExportLogFilter, before: int | None, limit: int) -> bytes:
    lines = list(islice(log_filter.find(server.export_log, before), limit + 1))
    shown = lines[:limit]
    more = len(lines) > limit
    return encode_json({"lines": list(map(line_object, shown)), "before": shown[-1].number if more else None})


@routes.get("/api/log.csv", allow_head=False)
@allow(Role.ADMIN)
async def download_log(request: web.Request) -> web.StreamResponse:
    """Send the matching entries of the export log as CSV, newest first."""
    server = resources(request)
    refuse_unknown_options(request.query, LOG_OPTIONS)
    found = log_filter_of(request.query, server.settings.time_zone).find(server.export_log)
    answer = web.StreamResponse(headers={hdrs.CONTENT_DISPOSITION: 'attachment; filename="labcrate-log.csv"'})
    answer.content_type, answer.charset = "text/csv", "utf-8"
    # Read before the response starts: a log that cannot be read is an error, not an empty table.
    text = await server.run_in_thread(_csv_lines, found)
    await answer.prepare(request)
    await answer.write(_HEADING)
    while text:
        await answer.write(text)
        text = await server.run_in_thread(_csv_lines, found)
    await answer.write_eof()
    return answer


# Spreadsheets only read a file as UTF-8 if it begins with this mark.
_HEADING = ("\ufeff" + as_csv([])).encode()


def _csv_lines(lines: Iterator[ExportLogLine]) -> bytes:
    return as_csv(islice(lines, _LINES_PER_WRITE), heading=False).encode()
