"""Plans as JSON objects, and the parts of a plan that people of a study may see."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from labcrate.export.assemble import Assembly
from labcrate.export.documents.metadata import not_taken_object
from labcrate.export.documents.secrets import secret_objects
from labcrate.linking.judgement import LINKED_ELSEWHERE
from labcrate.linking.verdict import Rule
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import Session, json_id
from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.people.link_log import Link
from labcrate.plan.options import Options
from labcrate.plan.overview import SessionRow
from labcrate.plan.plan import NearMiss, Plan
from labcrate.plan.sensors import absent_sensor_warning, no_readings_warning, silent_sensor_warning, window_name
from labcrate.plan.session_time import options_in_utc


def row_object(row: SessionRow) -> dict[str, Any]:
    """Return one row of the list of sessions."""
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
    """Return one session with its whole description; times are UTC, ``timeZone`` is the zone to show them in."""
    return row_object(row) | {
        "description": session.description,
        "notes": session.notes,
        "tags": list(session.tags),
        "researcher": session.researcher,
        "timeZone": session.time_zone,
        "cameras": [{"id": c.id, "name": c.name, "prefix": c.prefix} for c in session.cameras],
        "sensors": [{"id": s.id, "name": s.name} for s in session.sensors],
        "describedIn": list(session.description_files),
    }


def plan_object(assembly: Assembly) -> dict[str, Any]:
    """Return the plan of an export."""
    plan = assembly.plan
    recordings = {recording.member: recording for recording in plan.recordings}
    return {
        "session": json_id(plan.session.id),
        "name": plan.session.name,
        "state": str(plan.state),
        "sizeBytes": assembly.layout.total_bytes,
        "readings": len(plan.readings),
        "members": [
            {
                "name": part.name,
                "sizeBytes": part.size_bytes,
                "source": recordings[part.name].source if part.name in recordings else None,
                "why": recordings[part.name].verdict.reason if part.name in recordings else part.description,
            }
            for part in assembly.descriptions
        ],
        "partial": plan.options.is_partial,
        "notChosen": list(plan.not_chosen),
        "tablesLeftOut": list(plan.tables_left_out),
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
    """Return a file that may belong to a session, why it is not included, and the remedy."""
    verdict = near_miss.verdict
    return {"file": near_miss.source, "kind": verdict.rule, "reason": verdict.reason, "remedy": verdict.remedy}


def link_object(link: Link) -> dict[str, Any]:
    """Return a near miss that was linked to a session; paths are relative to the lab folder."""
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


# These warnings say that there are other sessions at that time, or that they share something.
_ABOUT_OTHER_SESSIONS = ("bound.same_start", "recorder.shared", "window.reaches_other_session")
# A time does not show which session a file belongs to, and an ambiguous name names another session too.
_NOT_ONLY_THIS_SESSION = (Rule.RIGHT_TIME, Rule.AMBIGUOUS)


def own_near_misses(plan: Plan) -> tuple[NearMiss, ...]:
    """Return the near misses whose name, folder or register names the plan's session, and no other."""
    return tuple(one for one in plan.near_misses if one.verdict.rule not in _NOT_ONLY_THIS_SESSION)


def limit_to_study(assembly: Assembly) -> Assembly:
    """Return an assembly whose plan does not count, name or indicate anything of other sessions."""
    return replace(assembly, plan=limit_plan_to_study(assembly.plan))


def limit_plan_to_study(plan: Plan) -> Plan:
    """Return a plan that does not count, name or indicate anything of other sessions."""
    warnings = tuple(dict.fromkeys(_own_warnings(plan)))
    return replace(plan, near_misses=own_near_misses(plan), left_out={}, warnings=warnings)


def exceeds_session_time(plan: Plan, options: Options) -> bool:
    """Return whether the chosen time begins before, or ends after, the time of the plan's session.

    Raises UsageError for an invalid time.
    """
    chosen = options_in_utc(options, options.time_zone or plan.zone).span
    if chosen == TimeSpan():
        return False
    own = plan.bound.span
    if own is None or own.start is None or own.end is None:
        return True
    return bool((chosen.start and chosen.start < own.start) or (chosen.end and chosen.end > own.end))


def _own_warnings(plan: Plan) -> Iterator[str]:
    readings, time_owner = plan.readings, window_name(plan.options)
    replaced_by: dict[str, str] = {
        absent_sensor_warning(name): silent_sensor_warning(name, time_owner) for name in readings.absent_sensors
    }
    if not len(readings):
        at = "study.no_reading" if plan.options.span == TimeSpan() else "study.no_reading_chosen"
        replaced_by[no_readings_warning(readings, time_owner)] = Message(at)
    for warning in plan.warnings:
        message_id = getattr(warning, "id", None)
        if isinstance(warning, Message) and message_id == "bound.next_session":
            yield Message("study.bounded", end=warning.values["end"])
        elif isinstance(warning, Message) and message_id == "recording.warning" and LINKED_ELSEWHERE in warning:
            yield from _without_other_sessions(warning)
        elif message_id not in _ABOUT_OTHER_SESSIONS:
            yield replaced_by.get(warning, warning)


def _without_other_sessions(warning: Message) -> Iterator[Message]:
    """Yield a recording's warning without the part about other sessions, if anything is left."""
    inner = warning.values["warning"]
    if isinstance(inner, Message) and inner.id == "linking.two_warnings" and inner.values["second"] == LINKED_ELSEWHERE:
        yield Message(warning.id, file=warning.values["file"], warning=inner.values["first"])
