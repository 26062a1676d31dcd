"""What left the lab, for its administrators: as JSON a page at a time, as CSV all of it."""

from collections.abc import Iterable

from aiohttp import hdrs, web

from labcrate.errors import UsageError
from labcrate.lab.text import visible
from labcrate.people.exports import Line
from labcrate.people.lines import as_csv, line_object
from labcrate.people.roles import Role
from labcrate.web.access import allow
from labcrate.web.bodies import encoded, json_answer
from labcrate.web.login import EXPORT_LOG
from labcrate.web.site import work

routes = web.RouteTableDef()

_USUAL_LINES = 100
_MOST_LINES = 1000
_LINES_AT_ONCE = 5000
_LARGEST_NUMBER = 10**18 - 1


@routes.get("/api/log")
@allow(Role.ADMIN)
async def show_log(request: web.Request) -> web.Response:
    """The newest lines of the export log, or those before a line."""
    session, before = _number(request, "session", 0), _number(request, "before", 1)
    limit = _number(request, "limit", 1, _MOST_LINES) or _USUAL_LINES
    _refuse_others(request, ("session", "before", "limit"))
    return json_answer(await work(request.app, _page, request.app, session, before, limit))


def _page(app: web.Application, session: int | None, before: int | None, limit: int) -> bytes:
    lines = app[EXPORT_LOG].lines(session=session, before=before, limit=limit + 1)
    more = len(lines) > limit
    shown = lines[:limit]
    return encoded({"lines": list(map(line_object, shown)), "before": shown[-1].number if more else None})


@routes.get("/api/log.csv", allow_head=False)
@allow(Role.ADMIN)
async def download_log(request: web.Request) -> web.StreamResponse:
    """The whole export log for a spreadsheet, the newest line first."""
    session = _number(request, "session", 0)
    _refuse_others(request, ("session",))
    answer = web.StreamResponse(headers={hdrs.CONTENT_DISPOSITION: 'attachment; filename="labcrate-log.csv"'})
    answer.content_type, answer.charset = "text/csv", "utf-8"
    before: int | None = None
    # A first look before the answer begins: a log that cannot be read is an error, not an empty table.
    lines = await work(request.app, request.app[EXPORT_LOG].lines, session=session, limit=_LINES_AT_ONCE)
    await answer.prepare(request)
    await answer.write(_HEADING)
    while lines:
        await answer.write(await work(request.app, _rows, lines))
        before = lines[-1].number
        lines = await work(
            request.app, request.app[EXPORT_LOG].lines, session=session, before=before, limit=_LINES_AT_ONCE
        )
    await answer.write_eof()
    return answer


# Spreadsheets take a file for UTF-8 only when it begins with this mark.
_HEADING = ("\ufeff" + as_csv([])).encode()


def _rows(lines: list[Line]) -> bytes:
    return as_csv(lines, heading=False).encode()


def _number(request: web.Request, name: str, least: int, most: int = _LARGEST_NUMBER) -> int | None:
    given = request.query.getall(name, [])
    if not given:
        return None
    text = given[0]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
    if len(given) > 1 or not least <= number <= most:
        raise UsageError(f"{name} is {visible(', '.join(given))!r}; it is one whole number from {least} to {most}.")
    return number


def _refuse_others(request: web.Request, names: Iterable[str]) -> None:
    for name in request.query:
        if name not in names:
            raise UsageError(f"There is no option {visible(name)!r}; there are {', '.join(names)}.")
