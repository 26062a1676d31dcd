"""Sessions and plans as JSON objects: the same on the command line and over HTTP."""

from typing import Any

from labcrate.export.assemble import Assembly
from labcrate.export.documents.metadata import not_taken_object
from labcrate.export.documents.secrets import secret_objects
from labcrate.lab.folder import printable
from labcrate.model.session import Session
from labcrate.model.session_id import json_id
from labcrate.model.timespan import format_instant
from labcrate.people.link_log import Link
from labcrate.plan.overview import SessionRow
from labcrate.plan.plan import NearMiss


def row_object(row: SessionRow) -> dict[str, Any]:
    """One row of the list of sessions."""
    return {
        "id": json_id(row.id),
        "name": row.name,
        "startTime": format_instant(row.span.start) if row.span.start else None,
        "endTime": format_instant(row.span.end) if row.span.end else None,
        "durationSeconds": row.span.seconds,
        "status": row.status,
        "recordings": row.recordings,
        "sizeBytes": row.size_bytes,
        "warnings": list(row.warnings),
    }


def session_object(row: SessionRow, session: Session) -> dict[str, Any]:
    """One session with all that its description says; times are UTC, beside the zone they are best shown in."""
    return row_object(row) | {
        "description": session.description,
        "notes": session.notes,
        "tags": list(session.tags),
        "researcher": session.researcher,
        "timeZone": session.time_zone,
        "cameras": [{"id": c.id, "name": c.name, "prefix": c.prefix} for c in session.cameras],
        "sensors": [{"id": s.id, "name": s.name} for s in session.sensors],
        "describedIn": list(session.described_in),
    }


def plan_object(assembly: Assembly) -> dict[str, Any]:
    """The plan of an export."""
    plan = assembly.plan
    recordings = {recording.member: recording for recording in plan.recordings}
    return {
        "session": json_id(plan.session.id),
        "name": plan.session.name,
        "state": str(plan.state),
        "sizeBytes": assembly.layout.total_size,
        "readings": len(plan.readings),
        "members": [
            {
                "name": part.name,
                "sizeBytes": part.size_bytes,
                "source": recordings[part.name].source if part.name in recordings else None,
                "why": recordings[part.name].verdict.reason if part.name in recordings else part.description,
            }
            for part in assembly.parts
        ],
        "partial": plan.options.partial,
        "notChosen": list(plan.not_chosen),
        "leftOut": dict(plan.left_out),
        "nearMisses": [near_miss_object(near_miss) for near_miss in plan.near_misses],
        "notTaken": [not_taken_object(one) for one in plan.not_taken],
        "missing": [{"what": m.what, "why": m.why, "remedy": m.remedy} for m in plan.missing],
        "warnings": list(plan.warnings),
        "secrets": secret_objects(plan.secrecy.files),
        "notSearched": list(plan.secrecy.not_searched),
        "notSearchedYet": list(plan.secrecy.pending),
    }


def near_miss_object(near_miss: NearMiss) -> dict[str, Any]:
    """A file that may have been meant for a session, why it is not taken, and what would fix that."""
    verdict = near_miss.verdict
    return {"file": near_miss.source, "kind": verdict.rule, "reason": verdict.reason, "remedy": verdict.remedy}


def link_object(link: Link) -> dict[str, Any]:
    """A near miss that was linked to a session; paths are relative to the lab folder."""
    return {
        "number": link.number,
        "session": json_id(link.session),
        "linkedAt": format_instant(link.linked),
        "who": link.who,
        "source": printable(link.source),
        "target": printable(link.target),
        "method": link.method,
        "undoneAt": format_instant(link.undone) if link.undone else None,
        "undoneBy": link.undone_by,
    }
