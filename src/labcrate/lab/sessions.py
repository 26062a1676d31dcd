"""Read the sessions of a lab, each from all files that describe it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from labcrate.errors import DocumentError
from labcrate.lab.device_selection import read_device_selection, recording_prefixes
from labcrate.lab.folder import LabFolder
from labcrate.lab.instants import ParsedTime, read_instant
from labcrate.lab.json_file import convert, key_place, short_text
from labcrate.lab.merge_descriptions import MergedDescription, merge_descriptions
from labcrate.lab.session_descriptions import DescriptionSource, SessionDescriptions, declared_id, find_descriptions
from labcrate.lab.text import NO_CLEANING, Cleaning
from labcrate.messages.message import Message
from labcrate.messages.text import printable, printable_lines
from labcrate.model.session import Session, id_sort_key, normalize_id
from labcrate.model.timespan import TimeSpan

_ZONE_KEYS = ("timeZone", "timezone", "time_zone", "tz")
_LONGEST_SHOWN = 60


class _SelectedFields(msgspec.Struct):
    cameras: list[dict[str, Any]] | None = None
    sensors: list[dict[str, Any] | str | int] | None = None


class _SessionFields(msgspec.Struct, rename="camel"):
    """The fields whose types are checked, the same in every file."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    status: str | None = None
    selected_devices: _SelectedFields | None = None
    notes: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


class LabSessions(Struct, frozen=True):
    """All sessions that have a description or a folder.

    ``broken`` has the error of each session that cannot be used. ``problems`` has all other errors: entries without a
    valid id, files that cannot be read. ``unreadable_files`` has those of them that may hide unknown sessions.
    ``invalid_ids`` are texts in the place of an id that are not ids. ``recording_prefixes`` are the prefixes of the
    cameras in all descriptions. ``starts`` has the id (None if unknown) and start of every session, broken ones too.
    """

    sessions: Mapping[str, Session]
    broken: Mapping[str, DocumentError]
    folders: Mapping[str, str]
    recording_prefixes: frozenset[str]
    problems: tuple[DocumentError, ...] = ()
    unreadable_files: tuple[DocumentError, ...] = ()
    invalid_ids: frozenset[str] = frozenset()
    starts: tuple[tuple[str | None, datetime], ...] = ()

    def get(self, session_id: str) -> Session | None:
        """Return a session, or None if it has no description. Raises DocumentError if its description is broken."""
        if session_id in self.broken:
            raise self.broken[session_id]
        return self.sessions.get(session_id)

    @property
    def known_ids(self) -> frozenset[str]:
        """Return every id in a description or folder name, invalid ones too: a file name may contain any of them."""
        return frozenset({*self.sessions, *self.broken, *self.folders, *self.invalid_ids})

    def next_start(
        self, session_id: str, start: datetime | None = None, others: Iterable[tuple[str, datetime]] = ()
    ) -> datetime | None:
        """Return the earliest start of any other session that is strictly after this session's start, or None.

        ``start`` replaces the start in this session's description. ``others`` are ids and starts of sessions that have
        recordings alone. Sessions that start at the same instant are ignored: see ``same_start``.
        """
        start = start or self._start(session_id)
        if start is None:
            return None
        return min((at for at in self._others(session_id, others) if at > start), default=None)

    def same_start(
        self, session_id: str, start: datetime | None = None, others: Iterable[tuple[str, datetime]] = ()
    ) -> bool:
        """Return whether another session starts at the same instant as this one."""
        start = start or self._start(session_id)
        return start is not None and start in self._others(session_id, others)

    def _start(self, session_id: str) -> datetime | None:
        session = self.sessions.get(session_id)
        return session.span.start if session else None

    def _others(self, session_id: str, others: Iterable[tuple[str, datetime]]) -> Iterator[datetime]:
        return (at for one, at in (*self.starts, *others) if one != session_id)


def read_sessions(
    lab: LabFolder, *, zone: str | None = None, zone_override: str | None = None, cleaning: Cleaning = NO_CLEANING
) -> LabSessions:
    """Read the descriptions of all sessions; an error in one file does not hide sessions in other files.

    ``zone`` is the IANA zone of times without a zone in sessions that have no zone; ``zone_override`` replaces both
    zones. ``cleaning`` is applied to texts: without one, the texts still contain secrets.
    """
    found = find_descriptions(lab)
    sessions: dict[str, Session] = {}
    broken = dict(found.broken)
    starts: list[tuple[str | None, datetime]] = []
    for session_id in sorted(found.sources.keys() - broken.keys(), key=id_sort_key):
        try:
            session = _read_session(session_id, found, zone, zone_override, cleaning)
        except DocumentError as error:
            broken[session_id] = error
            continue
        sessions[session_id] = session
        if session.span.start:
            starts.append((session_id, session.span.start))
    for session_id in sorted(broken, key=id_sort_key):
        sources = found.sources.get(session_id, ())
        starts += [(session_id, at) for source in sources for at in _parse_start(source, zone, zone_override)]
    starts += [(None, at) for source in found.rejected_sources for at in _parse_start(source, zone, zone_override)]
    every = [*(source for sources in found.sources.values() for source in sources), *found.rejected_sources]
    return LabSessions(
        sessions,
        {session_id: broken[session_id] for session_id in sorted(broken, key=id_sort_key)},
        found.folders,
        frozenset(prefix for source in every for prefix in recording_prefixes(source.fields)),
        tuple(found.problems),
        tuple(found.unreadable),
        frozenset(found.invalid_ids),
        tuple(starts),
    )


def _parse_start(source: DescriptionSource, zone: str | None, zone_override: str | None) -> Iterator[datetime]:
    """Yield the start time in a description that cannot be used otherwise: it may be the end of another session."""
    value = source.fields.get("startTime")
    try:
        if value:
            yield read_instant(value, zone_override or _find_zone(source.fields, []) or zone).instant
    except ValueError:
        return


def _read_session(
    session_id: str, found: SessionDescriptions, zone: str | None, zone_override: str | None, cleaning: Cleaning
) -> Session:
    """Return a session, read from all its descriptions. Raises DocumentError."""
    sources = found.sources[session_id]
    warnings = [
        Message("lab.entry_ignored", error=error.message) for error in found.rejected_entries.get(session_id, ())
    ]
    for source in sources:
        own = declared_id(source.fields)
        if not source.where and own is not None and (not isinstance(own, str) or normalize_id(own) != session_id):
            id = short_text(str(own))
            warnings.append(Message("lab.folder_id_used", file=source.path, id=id, session=session_id))
    merged = merge_descriptions(sources, None, [])
    own_zone = _find_zone(merged.fields, warnings)
    zone = zone_override or own_zone or zone
    if len(sources) > 1:  # whether their times differ depends on the zone
        merged = merge_descriptions(sources, zone, warnings)
    return _build_session(session_id, merged, own_zone, zone, warnings, cleaning)


def _build_session(
    session_id: str,
    merged: MergedDescription,
    own_zone: str | None,
    zone: str | None,
    warnings: list[Message],
    cleaning: Cleaning,
) -> Session:
    fields = _check_fields(merged)
    span = TimeSpan(*(_parse_time(merged, name, zone, warnings) for name in ("startTime", "endTime")))
    if span.start and span.end and span.end < span.start:
        source = merged.origin["endTime"]
        raise DocumentError(source.path, _field_place(source, "endTime"), Message("lab.ends_before_start"))
    selection = read_device_selection(merged.fields, cleaning)
    name = fields.get(merged.name_key)
    removed: list[str] = []
    return Session(
        id=session_id,
        name=None if name is None else printable(cleaning.text(name)),
        description=_clean_prose(fields.get("description"), cleaning),
        span=span,
        status=_single_line(cleaning.optional(fields.get("status"))),
        cameras=tuple(selection.cameras),
        sensors=tuple(selection.sensors),
        notes=_clean_prose(fields.get("notes"), cleaning),
        tags=tuple(printable(cleaning.text(tag)) for tag in fields.get("tags") or []),
        time_zone=own_zone,
        all_fields=cleaning.value(merged.all_fields, removed),
        description_files=tuple(dict.fromkeys(source.path for source in merged.sources)),
        removed_keys=tuple(removed),
        warnings=(*warnings, *selection.warnings),
        user=merged.user,
        untyped_devices=tuple(selection.untyped),
    )


def _check_fields(merged: MergedDescription) -> dict[str, Any]:
    """Return the merged fields of known type, after checking their types. Raises DocumentError."""
    checked: dict[str, Any] = {}
    for source in merged.sources:
        own = {name: value for name, value in merged.fields.items() if merged.origin[name] is source}
        fields = convert(own, _SessionFields, source.path, source.where)
        checked |= {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not None}
    return checked


def _single_line(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _clean_prose(text: str | None, cleaning: Cleaning) -> str | None:
    return None if text is None else printable_lines(cleaning.text(text))


def _parse_time(merged: MergedDescription, name: str, zone: str | None, warnings: list[Message]) -> datetime | None:
    value = merged.fields.get(name)
    if value is None:
        return None
    source = merged.origin[name]
    try:
        read = read_instant(value, zone)
    except ValueError:
        problem = Message("lab.not_a_time", value=repr(value)[:_LONGEST_SHOWN])
        raise DocumentError(source.path, _field_place(source, name), problem) from None
    if warning := _zone_warning(name, read, zone):
        warnings.append(warning)
    return read.instant


def _field_place(source: DescriptionSource, name: str) -> str:
    return key_place(f"{source.where}.{name}".lstrip("."))


def _zone_warning(name: str, read: ParsedTime, zone: str | None) -> Message | None:
    if read.has_no_zone and zone is None:
        return Message("session.no_zone", field=name)
    if read.is_ambiguous:
        return Message("lab.time_ambiguous", field=name, zone=zone)
    return None


def _find_zone(fields: Mapping[str, Any], warnings: list[Message]) -> str | None:
    """Return the IANA zone in the session's fields, its metadata or its labInfo, or None."""
    metadata = _object(fields.get("metadata"))
    for place in (fields, metadata, _object(metadata.get("labInfo"))):
        for name in (place.get(key) for key in _ZONE_KEYS):
            if not isinstance(name, str) or not name:
                continue
            try:
                return ZoneInfo(name).key
            except (KeyError, ValueError, OSError):  # unknown, malformed, or a folder of the zone database
                warnings.append(Message("lab.unknown_zone", zone=name))
    return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
