"""The check of the lab or of one session, as a page and as JSON."""

from typing import Any

from aiohttp import web
from yarl import URL

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.report import LabReport, count_rules, report_as_json
from labcrate.errors import UsageError
from labcrate.linking.verdict import command_line
from labcrate.messages.message import Message
from labcrate.model.session import ID_RULE, is_session_id, normalize_id
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import allow
from labcrate.web.http.bodies import encode_json, json_response
from labcrate.web.http.urls import url
from labcrate.web.resources import resources

routes = web.RouteTableDef()

_SHOWN_PER_KIND = 10
_SHOWN_PER_PAGE = 100


@routes.get("/doctor")
@allow(Role.OPERATOR)
async def show_doctor(request: web.Request) -> web.Response:
    """Send the page of findings by kind; while the lab is being examined, a page that reloads."""
    server = resources(request)
    session_id = _session(request, may_be_empty=True)
    report = await server.doctor_reports.report_for_page(session_id)
    if report is None:
        doctor_url = url(server.settings, "/doctor")
        context = {
            "session": session_id,
            "reload_url": str(URL.build(path=doctor_url, query=_query(session=session_id))),
        }
        return await server.run_in_thread(server.pages.render, request, "doctor_waiting.html", status=202, **context)
    return await server.run_in_thread(_page, request, report)


@routes.get("/api/doctor")
@allow(Role.OPERATOR)
async def examine_lab(request: web.Request) -> web.Response:
    """Send the findings as JSON."""
    server = resources(request)
    report = await server.doctor_reports.report(_session(request))
    return json_response(await server.run_in_thread(_body, report))


def _body(report: LabReport) -> bytes:
    return encode_json(report_as_json(report))


def _session(request: web.Request, *, may_be_empty: bool = False) -> str | None:
    """Return the session ID in a query, None for the whole lab. Raises UsageError for an invalid ID."""
    text = request.query.get("session")
    if text is None or (may_be_empty and not text.strip()):
        return None
    session_id = normalize_id(text.strip())
    if not is_session_id(session_id):
        raise UsageError(Message("query.session_id", id=text[:100], rule=ID_RULE))
    return session_id


def _page(request: web.Request, report: LabReport) -> web.Response:
    server = resources(request)
    chosen = request.query.get("kind", "")
    only_kind = FindingKind(chosen) if chosen in list(FindingKind) else None
    doctor_url = url(server.settings, "/doctor")

    def page_url(kind: FindingKind | None = None, part: int | None = None) -> str:
        query = _query(session=report.session, kind=kind, part=None if part is None else str(part))
        return str(URL.build(path=doctor_url, query=query))

    return server.pages.render(
        request,
        "doctor.html",
        report=report,
        counts={str(severity): report.severity_counts[severity] for severity in Severity},
        groups=[
            _kind_group(kind, findings, request.query.get("part", "") if only_kind else None)
            for kind, findings in report.by_kind.items()
            if only_kind in (None, kind)
        ],
        only_kind=only_kind,
        page_url=page_url,
        command=command_line,
        badges={"problem": "bad", "warning": "warn", "hint": ""},
        at_most=_SHOWN_PER_KIND,
    )


def _query(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _kind_group(kind: FindingKind, findings: list[LabFinding], part: str | None) -> dict[str, Any]:
    """Return the first findings of one kind, or (``part``) one page of all of them, with their numbers."""
    size = _SHOWN_PER_KIND if part is None else _SHOWN_PER_PAGE
    pages = -(-len(findings) // size)
    number = min(pages, int(part)) if part and part.isascii() and part.isdigit() and len(part) < 6 else 1
    first = (max(1, number) - 1) * size
    shown = findings[first : first + size]
    return {
        "kind": kind,
        "total": len(findings),
        "rules": count_rules(findings) if kind is FindingKind.NEAR_MISS else [],
        "shown": shown,
        "first": first + 1,
        "last": first + len(shown),
        "part": max(1, number),
        "pages": pages,
    }
