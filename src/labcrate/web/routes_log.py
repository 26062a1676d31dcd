"""What left the lab, for its administrators: as JSON a page at a time, as CSV all of it."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import hdrs, web

from labcrate.errors import UsageError
from labcrate.lab.text import visible
from labcrate.model.timespan import format_instant
from labcrate.people.exports import Line
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
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    return encoded({"lines": list(map(_line_object, shown)), "before": shown[-1].number if more else None})


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


_COLUMNS: Mapping[str, Callable[[Line], Any]] = {
    "number": lambda line: line.number,
    "begunAt": lambda line: format_instant(line.begun),
    "endedAt": lambda line: format_instant(line.ended) if line.ended else None,
    "who": lambda line: line.who,
    "via": lambda line: line.via,
    "address": lambda line: line.address,
    "session": lambda line: line.session,
    "options": lambda line: line.options,
    "etag": lambda line: line.etag,
    "start": lambda line: line.start,
    "length": lambda line: line.length,
    "total": lambda line: line.total,
    "bytesSent": lambda line: line.bytes_sent,
    "outcome": lambda line: line.outcome,
    "reason": lambda line: line.reason,
}


def _line_object(line: Line) -> dict[str, Any]:
    return {name: value(line) for name, value in _COLUMNS.items()}


def _rows(lines: Iterable[Line]) -> bytes:
    return _csv([_safe(value(line)) for value in _COLUMNS.values()] for line in lines)


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as RFC 4180 has them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


# Spreadsheets take a file for UTF-8 only when it begins with this mark.
_HEADING = "\ufeff".encode() + _csv([_COLUMNS])


def _safe(value: object) -> str:
    """A cell that no spreadsheet runs as a formula: names of users and sessions are others' words."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


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
