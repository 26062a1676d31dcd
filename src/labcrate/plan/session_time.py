"""Find the time of a session from which readings are included: as described, else estimated.

See docs/reference/lab-folder.md, "Sessions without an end".
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from msgspec import Struct

from labcrate.errors import DocumentError, UsageError
from labcrate.lab.folder import EntryKind, FolderEntry
from labcrate.lab.instants import convert_to_utc
from labcrate.lab.sensor_times import read_sensor_times
from labcrate.linking.judgement import judge_file
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe, TimeSource
from labcrate.model.session import Session
from labcrate.model.session_bound import (
    EndReason,
    EndSource,
    SessionBound,
    TimedFile,
    estimate_end,
    first_recording_start,
)
from labcrate.model.timespan import EMPTY_SPAN, TimeSpan, format_instant
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_rules import camera_key
from labcrate.plan.linked_files import ProbeFiles, RecordingFile
from labcrate.plan.options import ENDS_BEFORE, DataKind, Options
from labcrate.plan.recording_time import RecordingFacts, TimeContext, recording_time

_EVIDENCE_SOURCES = {
    TimeSource.REGISTER: EndSource.REGISTER,
    TimeSource.CONTAINER: EndSource.CONTAINER,
    TimeSource.CONTAINER_END: EndSource.CONTAINER,
    TimeSource.NAME: EndSource.NAME,
}


class SessionTime(Struct, frozen=True):
    """The time of a session, with warnings about it and problems of files that it was read from."""

    bound: SessionBound
    warnings: tuple[str, ...] = ()
    problems: tuple[DocumentError, ...] = ()

    @property
    def span(self) -> TimeSpan | None:
        """Return the time, or None if it is unknown, so that readings are included only on request."""
        return self.bound.span


SessionStarts = Sequence[tuple[str, datetime]]
"""Sessions by their ids, each with its start."""


def session_time(
    inventory: Inventory,
    session: Session,
    times: TimeContext,
    probe_files: ProbeFiles,
    undescribed_starts: Callable[[TimeContext], SessionStarts] | None = None,
) -> SessionTime:
    """Return the time of a session; its files are opened only if its description has no start or end.

    ``probe_files`` returns the probes of files. ``undescribed_starts`` returns what ``undescribed_session_starts``
    yields, from a cache.
    """
    if session.span.start is not None and session.span.end is not None:
        return SessionTime(SessionBound(session.span, EndReason.DESCRIBED))
    described = bool(session.description_files)
    recordings = list(_recording_times(inventory, session.id, times, probe_files))
    sensors = read_sensor_times(inventory.lab, session.id, inventory.folder(session.id), times.zone)
    evidence = [*recordings, *sensors.files]
    start = session.span.start if described else first_recording_start(recordings)
    span = TimeSpan(start, session.span.end)
    other_starts: SessionStarts = []
    if start:
        other_starts = (
            undescribed_starts(times)
            if undescribed_starts
            else list(undescribed_session_starts(inventory, times, probe_files, session.id))
        )
    bound = estimate_end(span, evidence, inventory.book.next_start(session.id, start, other_starts))
    warnings = list(_bound_warnings(bound, described=described))
    if bound.is_estimated and inventory.book.same_start(session.id, start, other_starts):
        warnings.append(Message("bound.same_start"))
    if sensors.assumed_utc and times.zone is None:
        warnings.append(Message("bound.zone_unknown"))
    return SessionTime(bound, tuple(warnings), sensors.problems)


def _recording_times(
    inventory: Inventory, session_id: str, times: TimeContext, probe_files: ProbeFiles
) -> Iterator[TimedFile]:
    """Yield when each recording of a session began and ended, if more than its modification time shows that."""
    recordings: dict[str, RecordingFile] = {}
    for entry in inventory.linked.get(session_id, ()):
        if entry.kind is EntryKind.FILE and (identity := _identity(inventory, entry.path)):
            verdict = judge_file(entry.path, session_id, inventory.rules)
            recordings[entry.path] = RecordingFile(entry.path, identity, verdict)
    probes = probe_files({path: recording.identity for path, recording in recordings.items()})
    ids = {camera_key(camera): camera.id for camera in inventory.cameras}
    for path, recording in recordings.items():
        probe, verdict = probes.get(path, Probe()), recording.verdict
        camera = ids.get(verdict.camera or "")
        time = recording_time(
            RecordingFacts(path, probe, recording.identity.mtime_ns, camera, verdict.prefix, session_id), times
        )
        source = _EVIDENCE_SOURCES.get(time.chosen.source)
        end = time.span.end or time.span.start
        if source and end:
            yield TimedFile(path, source, end, time.span.start)


def _identity(inventory: Inventory, path: str) -> Identity | None:
    try:
        return inventory.lab.identity(path)
    except OSError:
        return None  # deleted since the walk


def undescribed_session_starts(
    inventory: Inventory, times: TimeContext, probe_files: ProbeFiles, except_session: str | None = None
) -> Iterator[tuple[str, datetime]]:
    """Yield the starts of the sessions that only recordings name, without ``except_session``."""
    for other in inventory.linked:
        if other != except_session and other not in inventory.book.sessions:
            start = first_recording_start(_recording_times(inventory, other, times, probe_files))
            if start:
                yield other, start


def _bound_warnings(bound: SessionBound, *, described: bool) -> Iterator[str]:
    """Yield the warnings about an estimated time. They name no other session."""
    span, evidence = bound.span, bound.last_file
    if span is None:
        yield Message("bound.no_start" if bound.reason is EndReason.NO_START else "bound.no_evidence")
        return
    end = format_instant(span.end) if span.end else ""
    if bound.reason is EndReason.NEXT_SESSION:
        yield Message("bound.next_session", end=end)
    elif bound.reason is EndReason.MAX_LENGTH:
        yield Message("bound.longest", end=end)
    elif bound.reason is EndReason.LAST_FILE and evidence:
        yield Message("bound.evidence" if described else "bound.undescribed", end=end, file=printable(evidence.file))
    if bound.file_beyond:
        yield Message("bound.beyond", file=printable(bound.file_beyond.file), to=format_instant(bound.file_beyond.end))


def registered_spans(inventory: Inventory, entries: Iterable[FolderEntry] | None = None) -> Mapping[str, TimeSpan]:
    """Return the start and end of recordings (None: all) in the lab's registers, by the recording's path."""
    spans = _RegisteredSpans(inventory)
    return spans if entries is None else {entry.path: spans[entry.path] for entry in entries if entry.path in spans}


class _RegisteredSpans(Mapping[str, TimeSpan]):
    """The spans of all recordings, made when they are looked up: a plan needs only a few."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._entries = {one.name: one for one in inventory.registers.recordings if one.start or one.end}

    def __getitem__(self, path: str) -> TimeSpan:
        name = path.rpartition("/")[2]
        entry = self._entries[name]
        if not self._inventory.rules.register.of_name(name).is_unique:
            raise KeyError(path)
        return TimeSpan(entry.start, entry.end)

    def __iter__(self) -> Iterator[str]:
        every = chain(self._inventory.unlinked, *self._inventory.linked.values())
        return (entry.path for entry in every if entry.path in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def options_in_utc(options: Options, zone: str | None) -> Options:
    """Return the options with a span in UTC: its times without a zone are read in the IANA zone ``zone``, else as UTC.

    Raises UsageError for a span that then ends before it starts, or is outside the calendar.
    """
    span = options.span
    if not any(_times_without_zone(options)):
        return options
    try:
        start, end = (None if at is None else convert_to_utc(at, zone).instant for at in (span.start, span.end))
    except OverflowError:
        raise UsageError(Message("span.beyond_calendar")) from None
    if start and end and end < start:
        raise UsageError(ENDS_BEFORE)
    return dataclasses.replace(options, span=TimeSpan(start, end))


def describe_span_zone(given: Options, in_utc: Options, zone: str | None) -> Iterator[str]:
    """Yield in which zone the times of the span without a zone were read: as UTC if none is known."""
    for name, has_no_zone, at in zip(
        ("from", "to"), _times_without_zone(given), (in_utc.span.start, in_utc.span.end), strict=True
    ):
        if has_no_zone and at:
            yield (
                Message("span.in_zone", name=name, zone=zone, at=format_instant(at))
                if zone
                else Message("span.no_zone", name=name, at=format_instant(at))
            )


def refuse_empty_span(
    options: Options, session: Session, bound: SessionBound, window: TimeSpan, recordings: int | None
) -> None:
    """Raise UsageError with the session's time if the chosen span is outside it.

    ``recordings`` is the number of recordings that overlap the span, None while it is unknown: recordings may be
    outside the session's time, and are included if only recordings are chosen.
    """
    if options.span == TimeSpan() or window == EMPTY_SPAN or window.start is None or window.end is None:
        return
    if window.start <= window.end or (options.only is DataKind.RECORDINGS and recordings != 0):
        return
    start, end = (
        (bound_side or session_side)
        for bound_side, session_side in zip(_start_and_end(bound.span), _start_and_end(session.span), strict=True)
    )
    if start and end:
        raise UsageError(
            Message("span.outside", session=session.id, start=format_instant(start), end=format_instant(end))
        )
    raise UsageError(Message("span.before_start", session=session.id, start=format_instant(start or window.start)))


def _start_and_end(span: TimeSpan | None) -> tuple[datetime | None, datetime | None]:
    return (span.start, span.end) if span else (None, None)


def _times_without_zone(options: Options) -> tuple[bool, bool]:
    def has_no_zone(at: datetime | None) -> bool:
        return at is not None and at.tzinfo is None

    return has_no_zone(options.span.start), has_no_zone(options.span.end)
