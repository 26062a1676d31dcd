"""Findings about one session: its description, its time, its recordings and its own folder."""

from collections.abc import Iterable, Iterator

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.recording_findings import LinkedRecording
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import Session
from labcrate.model.session_bound import EndReason, SessionBound
from labcrate.model.timespan import format_instant
from labcrate.plan.inventory import Inventory
from labcrate.plan.not_taken import NotTaken, NotTakenRule
from labcrate.plan.plan import Missing, NearMiss
from labcrate.plan.recordings import SessionCameras, may_overlap_session
from labcrate.plan.session_time import SessionStarts, SessionTime

_HARMLESS = frozenset(
    {NotTakenRule.EXCLUDED, NotTakenRule.HIDDEN, NotTakenRule.SYSTEM, NotTakenRule.LOCK, NotTakenRule.ARCHIVE}
)


def description_findings(session: Session) -> Iterator[LabFinding]:
    """Yield the warnings about a session's description, and whether the session is still active."""
    if session.is_active:
        yield LabFinding(
            FindingKind.ACTIVE,
            Severity.WARNING,
            Message("doctor.active"),
            Message("doctor.active.remedy"),
            session.id,
        )
    if not session.description_files:
        yield LabFinding(
            FindingKind.DESCRIPTION,
            Severity.WARNING,
            Message("doctor.undescribed", session=session.id),
            Message("doctor.undescribed.remedy"),
            session.id,
        )
    for warning in session.warnings:
        zone = isinstance(warning, Message) and warning.id == "session.no_zone"
        yield LabFinding(
            FindingKind.TIME_ZONE if zone else FindingKind.DESCRIPTION,
            Severity.WARNING,
            warning,
            Message("doctor.zone.remedy" if zone else "doctor.document.remedy"),
            session.id,
            places=tuple(map(printable, session.description_files)),
        )


def bound_findings(
    inventory: Inventory, session: Session, time: SessionTime, others: SessionStarts
) -> Iterator[LabFinding]:
    """Yield the end that is assumed for a session without a start or end, and the reason.

    ``others`` are the starts of sessions that no file describes.
    """
    bound = time.bound
    places = tuple(map(printable, session.description_files))
    if bound.reason is not EndReason.DESCRIBED:
        what, remedy, command = _describe_end(inventory, session, bound, others)
        severity = Severity.PROBLEM if bound.span is None else Severity.WARNING
        yield LabFinding(FindingKind.UNBOUNDED, severity, what, remedy, session.id, command, places)
    for warning in time.warnings:
        if isinstance(warning, Message) and warning.id == "bound.same_start":
            remedy = Message("doctor.end.same_start_remedy")
            yield LabFinding(FindingKind.UNBOUNDED, Severity.WARNING, warning, remedy, session.id, None, places)
        if isinstance(warning, Message) and warning.id == "bound.zone_unknown":
            remedy = Message("doctor.zone.remedy")
            yield LabFinding(FindingKind.TIME_ZONE, Severity.WARNING, warning, remedy, session.id)
    for problem in time.problems:
        place = f"{printable(problem.file)}, {problem.where}" if problem.where else printable(problem.file)
        remedy = Message("doctor.document.remedy")
        yield LabFinding(FindingKind.ROWS, Severity.WARNING, str(problem), remedy, session.id, places=(place,))


def _describe_end(
    inventory: Inventory, session: Session, bound: SessionBound, others: SessionStarts
) -> tuple[Message, Message, tuple[str, ...] | None]:
    """Return the known end of a session, the remedy, and the command that exports more."""
    if bound.span is None or bound.span.end is None:
        if bound.reason is EndReason.NO_START:
            return Message("doctor.end.no_start"), Message("doctor.end.no_start_remedy"), None
        what = Message("doctor.end.no_evidence")
        if next_ids := _next_session_ids(inventory, session, bound, others):
            what = Message("doctor.end.no_evidence_next", next=_format_ids(next_ids), start=_next_start_text(bound))
        return what, Message("doctor.end.no_evidence_remedy"), None
    latest, end = bound.last_file, format_instant(bound.span.end)
    next_ids = _next_session_ids(inventory, session, bound, others)
    file, source = (printable(latest.file), latest.source) if latest else ("", "")
    if bound.reason is EndReason.NEXT_SESSION:
        what = Message("doctor.end.next_session", end=end, next=_format_ids(next_ids), start=_next_start_text(bound))
    elif bound.reason is EndReason.MAX_LENGTH:
        what = Message("doctor.end.longest", end=end)
    elif next_ids:
        what = Message(
            "doctor.end.evidence_next",
            end=end,
            file=file,
            source=source,
            next=_format_ids(next_ids),
            start=_next_start_text(bound),
        )
    else:
        what = Message("doctor.end.evidence", end=end, file=file, source=source)
    if latest is None or latest.end <= bound.span.end:
        return what, Message("doctor.end.remedy"), None
    beyond = format_instant(latest.end)
    command = ("labcrate", "export", session.id, "--to", beyond)
    if bound.next_start is not None and latest.end >= bound.next_start:
        return what, Message("doctor.end.beyond_next", file=file, to=beyond, next=", ".join(next_ids)), command
    return what, Message("doctor.end.beyond", file=file, to=beyond), command


def _next_session_ids(inventory: Inventory, session: Session, bound: SessionBound, others: SessionStarts) -> list[str]:
    """Return the sorted IDs of the sessions that begin at the bound's next start; empty if none does.

    A session whose ID was refused is ``?``, if no other begins then.
    """
    at = bound.next_start
    starts = (*inventory.book.starts, *others)
    found = {one or "?" for one, start in starts if start == at and one != session.id} if at else set()
    return sorted(found - {"?"}) or sorted(found)


def _format_ids(ids: Iterable[str]) -> str:
    """Return IDs for brackets after a word, each with ``id`` before it: an ID may be a word itself."""
    return ", ".join(f"id {one}" for one in ids)


def _next_start_text(bound: SessionBound) -> str:
    return format_instant(bound.next_start) if bound.next_start else ""


def near_miss_findings(session_id: str, near_misses: Iterable[NearMiss]) -> Iterator[LabFinding]:
    """Yield each file that may belong to a session, with the remedy and its command."""
    for near in near_misses:
        verdict = near.verdict
        yield LabFinding(
            FindingKind.NEAR_MISS,
            Severity.WARNING,
            verdict.reason,
            verdict.remedy or "",
            session_id,
            verdict.command,
            (near.source,),
            rule=str(verdict.rule),
        )


def missing_findings(session_id: str | None, missing: Iterable[Missing]) -> Iterator[LabFinding]:
    """Yield what belongs to a session and cannot be exported."""
    for one in missing:
        kind, places = FindingKind.MISSING, (one.what,)
        yield LabFinding(kind, Severity.PROBLEM, one.sentence, one.remedy, session_id, one.command, places)


def recording_findings(
    session: Session, recordings: Iterable[LinkedRecording], cameras: SessionCameras
) -> Iterator[LabFinding]:
    """Yield damaged recordings, and one finding for all recordings that share a warning."""
    files_by_warning: dict[Message, list[str]] = {}
    for recording in recordings:
        if recording.probe.problem:
            yield LabFinding(
                FindingKind.DAMAGED,
                Severity.WARNING,
                Message("doctor.damaged", file=recording.source, problem=recording.probe.problem),
                Message("doctor.damaged.remedy"),
                session.id,
                places=(recording.source,),
            )
        for message in _recording_warnings(session, recording, cameras):
            files_by_warning.setdefault(message, []).append(recording.source)
    for message, places in files_by_warning.items():
        remedy = Message("doctor.recording.remedy")
        all_places = tuple(places)
        yield LabFinding(
            FindingKind.RECORDING, Severity.WARNING, message, remedy, session.id, places=all_places, count=len(places)
        )


def _recording_warnings(session: Session, recording: LinkedRecording, cameras: SessionCameras) -> Iterator[Message]:
    camera, verdict = recording.camera, recording.verdict
    if verdict.warning:
        yield Message("doctor.recording.linked", warning=verdict.warning)
    if cameras.selected and camera and not cameras.selects(verdict):
        yield Message("doctor.recording.not_selected", camera=printable(camera.name or camera.id))
    if recording.probe.is_readable and not may_overlap_session(session, recording.time):
        yield Message("doctor.recording.outside", source=recording.time.chosen.source)


def kept_out_findings(session_id: str, not_taken: Iterable[NotTaken]) -> Iterator[LabFinding]:
    """Yield the session's files that are not exported, one for each rule; omit those exported in another form."""
    by_rule: dict[NotTakenRule, list[NotTaken]] = {}
    for one in not_taken:
        if not one.rule.is_in_metadata:
            by_rule.setdefault(one.rule, []).append(one)
    for rule, found in by_rule.items():
        empty = rule is NotTakenRule.EMPTY
        yield LabFinding(
            FindingKind.EMPTY if empty else FindingKind.KEPT_OUT,
            Severity.HINT if rule in _HARMLESS else Severity.WARNING,
            Message("doctor.kept_out", count=sum(one.files for one in found), session=session_id, why=rule.reason),
            Message("doctor.empty.remedy" if empty else "doctor.kept_out.remedy"),
            session_id,
            ("labcrate", "plan", session_id),
            tuple(one.source for one in found),
            sum(one.files for one in found),
            str(rule),
        )
