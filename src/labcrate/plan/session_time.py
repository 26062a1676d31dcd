"""The time of a session that readings are taken from: as described, else bounded by what is known of it.

docs/reference/lab-folder.md, "Sessions without an end".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from labcrate.errors import DocumentError, UsageError
from labcrate.lab.folder import Entry, Kind
from labcrate.lab.instants import in_zone
from labcrate.lab.sensor_times import read_sensor_times
from labcrate.linking.judging import judge
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.bound import Bound, Evidence, Reason, Told, bound_end, start_of_recordings
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe, TimeSource
from labcrate.model.session import Session
from labcrate.model.timespan import NO_TIME, TimeSpan, format_instant
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.options import ENDS_BEFORE, Only, Options
from labcrate.plan.recording_time import Evidence as RecordingEvidence
from labcrate.plan.recording_time import TimeContext, recording_time
from labcrate.plan.select import Found, Look

_TOLD = {
    TimeSource.REGISTER: Told.REGISTER,
    TimeSource.CONTAINER: Told.CONTAINER,
    TimeSource.CONTAINER_END: Told.CONTAINER,
    TimeSource.NAME: Told.NAME,
}


@dataclass(frozen=True, slots=True)
class SessionTime:
    """The bound of a session, and what is worth knowing about it."""

    bound: Bound
    warnings: tuple[str, ...] = ()
    problems: tuple[DocumentError, ...] = ()

    @property
    def span(self) -> TimeSpan | None:
        """The time; None where no readings may be taken without being told which."""
        return self.bound.span


Starts = Sequence[tuple[str, datetime]]
"""Sessions by their ids, each with its start."""


def session_time(
    inventory: Inventory,
    session: Session,
    times: TimeContext,
    look: Look,
    undescribed: Callable[[TimeContext], Starts] | None = None,
) -> SessionTime:
    """Return the time of a session; files are looked into only where its description does not say it.

    ``look`` gives the probes of files. ``undescribed`` gives the starts of all sessions that only recordings tell of,
    for who has them from another session already (see ``undescribed_starts``).
    """
    if session.span.start is not None and session.span.end is not None:
        return SessionTime(Bound(session.span, Reason.DESCRIBED))
    described = bool(session.described_in)
    recordings = list(_recordings(inventory, session.id, times, look))
    sensors = read_sensor_times(inventory.lab, session.id, inventory.folder(session.id), times.zone)
    evidence = [*recordings, *sensors.evidence]
    start = session.span.start if described else start_of_recordings(recordings)
    span = TimeSpan(start, session.span.end)
    others: Starts = []
    if start:
        others = undescribed(times) if undescribed else list(undescribed_starts(inventory, times, look, session.id))
    bound = bound_end(span, evidence, inventory.book.next_start(session.id, start, others))
    warnings = list(_about(bound, described=described))
    if bound.estimated and inventory.book.same_start(session.id, start, others):
        warnings.append(Message("bound.same_start"))
    if sensors.local and times.zone is None:
        warnings.append(Message("bound.zone_unknown"))
    return SessionTime(bound, tuple(warnings), sensors.problems)


def _recordings(inventory: Inventory, session_id: str, times: TimeContext, look: Look) -> Iterator[Evidence]:
    """When each recording of a session began and ended, where anything but its modification time says so."""
    found: dict[str, Found] = {}
    for entry in inventory.linked.get(session_id, ()):
        if entry.kind is Kind.FILE and (identity := _identity(inventory, entry.path)):
            verdict = judge(entry.path, session_id, inventory.rules)
            found[entry.path] = Found(entry.path, identity, verdict)
    probes = look({path: one.identity for path, one in found.items()})
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}
    for path, one in found.items():
        probe, verdict = probes.get(path, Probe()), one.verdict
        camera = ids.get(verdict.camera or "")
        time = recording_time(
            RecordingEvidence(path, probe, one.identity.mtime_ns, camera, verdict.prefix, session_id), times
        )
        told = _TOLD.get(time.taken.source)
        end = time.span.end or time.span.start
        if told and end:
            yield Evidence(path, told, end, time.span.start)


def _identity(inventory: Inventory, path: str) -> Identity | None:
    try:
        return inventory.lab.identity(path)
    except OSError:
        return None  # gone since the walk


def undescribed_starts(
    inventory: Inventory, times: TimeContext, look: Look, but: str | None = None
) -> Iterator[tuple[str, datetime]]:
    """Yield the starts of the sessions that only recordings tell of, ``but`` left out."""
    for other in inventory.linked:
        if other != but and other not in inventory.book.sessions:
            start = start_of_recordings(_recordings(inventory, other, times, look))
            if start:
                yield other, start


def _about(bound: Bound, *, described: bool) -> Iterator[str]:
    """What is worth knowing about a bound; no other session is named."""
    span, latest = bound.span, bound.evidence
    if span is None:
        yield Message("bound.no_start" if bound.reason is Reason.NO_START else "bound.no_evidence")
        return
    end = format_instant(span.end) if span.end else ""
    if bound.reason is Reason.NEXT_SESSION:
        yield Message("bound.next_session", end=end)
    elif bound.reason is Reason.LONGEST:
        yield Message("bound.longest", end=end)
    elif bound.reason is Reason.EVIDENCE and latest:
        yield Message("bound.evidence" if described else "bound.undescribed", end=end, file=printable(latest.file))
    if bound.beyond:
        yield Message("bound.beyond", file=printable(bound.beyond.file), to=format_instant(bound.beyond.end))


def registered_spans(inventory: Inventory, entries: Iterable[Entry] | None = None) -> Mapping[str, TimeSpan]:
    """Return the start and end that the lab's registers give to recordings (None: all), by the recording's path."""
    spans = _RegisteredSpans(inventory)
    return spans if entries is None else {entry.path: spans[entry.path] for entry in entries if entry.path in spans}


class _RegisteredSpans(Mapping[str, TimeSpan]):
    """The spans of all recordings, each made when it is looked up: a plan needs those of few."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._entries = {one.name: one for one in inventory.registers.entries if one.start or one.end}

    def __getitem__(self, path: str) -> TimeSpan:
        name = path.rpartition("/")[2]
        entry = self._entries[name]
        if not self._inventory.rules.register.of_name(name).counts:
            raise KeyError(path)
        return TimeSpan(entry.start, entry.end)

    def __iter__(self) -> Iterator[str]:
        every = chain(self._inventory.unlinked, *self._inventory.linked.values())
        return (entry.path for entry in every if entry.path in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def in_utc(options: Options, zone: str | None) -> Options:
    """The options with a span in UTC: its times without a zone are read in the IANA zone ``zone``, else as UTC.

    Raises UsageError for a span that then ends before it starts, or leaves the calendar.
    """
    span = options.span
    if not any(_without_zone(options)):
        return options
    try:
        start, end = (None if at is None else in_zone(at, zone).instant for at in (span.start, span.end))
    except OverflowError:
        raise UsageError("The chosen time lies, in UTC, before the year 1 or after 9999.") from None
    if start and end and end < start:
        raise UsageError(ENDS_BEFORE)
    return replace(options, span=TimeSpan(start, end))


def zone_said(asked: Options, read: Options, zone: str | None) -> Iterator[str]:
    """Say in which zone the times of the span were read that named none; as UTC where none is known."""
    for name, without, at in zip(("from", "to"), _without_zone(asked), (read.span.start, read.span.end), strict=True):
        if without and at:
            yield (
                Message("span.in_zone", name=name, zone=zone, at=format_instant(at))
                if zone
                else Message("span.no_zone", name=name, at=format_instant(at))
            )


def refuse_nothing(options: Options, session: Session, bound: Bound, window: TimeSpan, recordings: int | None) -> None:
    """Raise UsageError where a chosen span leaves nothing of the session's time, naming that.

    ``recordings`` is how many of those touch the span, None while that is not known: they may have been made outside
    the session's time, and are taken where only recordings are wanted.
    """
    if options.span == TimeSpan() or window == NO_TIME or window.start is None or window.end is None:
        return
    if window.start <= window.end or (options.only is Only.RECORDINGS and recordings != 0):
        return
    start, end = ((own or at) for own, at in zip(_sides(bound.span), _sides(session.span), strict=True))
    if start and end:
        raise UsageError(
            f"Session {session.id} lasted from {format_instant(start)} to {format_instant(end)}, and the chosen time "
            "lies outside; choose 'from' and 'to' within."
        )
    raise UsageError(
        f"Session {session.id} began at {format_instant(start or window.start)}, and the chosen time lies outside; "
        "choose a later 'to'."
    )


def _sides(span: TimeSpan | None) -> tuple[datetime | None, datetime | None]:
    return (span.start, span.end) if span else (None, None)


def _without_zone(options: Options) -> tuple[bool, bool]:
    def without(at: datetime | None) -> bool:
        return at is not None and at.tzinfo is None

    return without(options.span.start), without(options.span.end)
