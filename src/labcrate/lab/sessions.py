"""The sessions that the lab's files describe: ``data/sessions.json`` and each session's own folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from labcrate.errors import DocumentError
from labcrate.lab.documents import convert, read_json
from labcrate.lab.folder import DATA, Lab
from labcrate.lab.redact import redact, redact_text
from labcrate.lab.text import one_line, visible
from labcrate.model.session import SelectedCamera, SelectedSensor, Session
from labcrate.model.session_id import RULE, is_session_id, normalized_id, sort_key
from labcrate.model.timespan import TimeSpan, parse_instant

SESSIONS_LIST = f"{DATA}/sessions.json"
SESSION_FILE = "session_data.json"

_ZONE_KEYS = ("timeZone", "timezone", "time_zone", "tz")


class _Camera(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    name: str | None = None
    recording_prefix: str | None = None


class _Sensor(msgspec.Struct):
    id: str | int | None = None
    name: str | None = None


class _Selected(msgspec.Struct):
    cameras: list[_Camera] | None = None
    sensors: list[_Sensor] | None = None


class _Session(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    name: str | None = None
    description: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    status: str | None = None
    selected_devices: _Selected | None = None
    notes: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SessionBook:
    """All sessions that files or folders tell of.

    ``broken`` holds the error of each session whose description does not parse: the others are
    still of use. ``prefixes`` are the recording prefixes that the sessions' cameras are given.
    """

    sessions: Mapping[str, Session]
    broken: Mapping[str, DocumentError]
    folders: Mapping[str, str]
    prefixes: frozenset[str]

    def get(self, number: str) -> Session | None:
        """The session as described, or None. Raises DocumentError when its description is broken."""
        if number in self.broken:
            raise self.broken[number]
        return self.sessions.get(number)


# A JSON object that describes a session: its file, its key in that file, its fields.
_Source = tuple[str, str, Mapping[str, Any]]


def read_sessions(lab: Lab) -> SessionBook:
    """Read every session's description. Raises DocumentError when ``data/sessions.json`` itself is broken."""
    folders = lab.session_folders()
    sources: dict[str, list[_Source]] = {number: [] for number in folders}
    broken: dict[str, DocumentError] = {}
    for key, number, value in _listed(lab):
        sources.setdefault(number, []).append((SESSIONS_LIST, key, value))
    for number, folder in folders.items():
        path = f"{folder}/{SESSION_FILE}"
        try:
            value = read_json(lab, path)
            if value is not None:
                sources[number].append((path, "", convert(value, dict[str, Any], path, "")))
        except DocumentError as error:
            broken[number] = error
    sessions = {}
    for number in sorted(sources.keys() - broken.keys(), key=sort_key):
        try:
            sessions[number] = _session(number, sources[number])
        except DocumentError as error:
            broken[number] = error
    prefixes = frozenset(p for source in sources.values() for _, _, value in source for p in _prefixes(value))
    return SessionBook(sessions, broken, folders, prefixes)


def _listed(lab: Lab) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The entries of ``data/sessions.json`` with their key and number."""
    value = read_json(lab, SESSIONS_LIST)
    if value is None:
        return
    for i, entry in enumerate(convert(value, list[dict[str, Any]], SESSIONS_LIST, "")):
        number = normalized_id(str(convert(entry.get("id"), str | int, SESSIONS_LIST, f"[{i}].id")))  # type: ignore[arg-type]
        if not is_session_id(number):
            raise DocumentError(SESSIONS_LIST, f"key [{i}].id", f"{number!r} is no session id: {RULE}.")
        yield f"[{i}]", number, entry


def _prefixes(value: Mapping[str, Any]) -> Iterator[str]:
    """Prefixes of a session's cameras, read without judging: a broken session's cameras count too."""
    cameras = _object(value.get("selectedDevices")).get("cameras")
    for camera in cameras if isinstance(cameras, list) else []:
        prefix = _object(camera).get("recordingPrefix")
        if isinstance(prefix, str) and prefix:
            yield prefix


def _session(number: str, objects: list[_Source]) -> Session:
    """One session out of all that describes it: a field in a later object wins over an earlier one's."""
    warnings: list[str] = []
    merged: dict[str, Any] = {}
    for path, key, value in objects:
        fields = convert(value, _Session, path, key)
        _instant(value, "startTime", path, key)
        _instant(value, "endTime", path, key)
        if fields.id is not None and str(fields.id) != number:
            warnings.append(f"{path} says id {fields.id}; the folder's number {number} is taken.")
        differing = sorted(k for k in merged.keys() & value.keys() if k != "id" and merged[k] != value[k])
        if differing:
            warnings.append(f"{SESSIONS_LIST} and {path} differ in {', '.join(differing)}; {path} is taken.")
        merged |= value
    path, key, _ = objects[-1] if objects else ("", "", {})
    return _build(number, merged, path, key, tuple(p for p, _, _ in objects), warnings)


def _build(
    number: str, merged: dict[str, Any], path: str, key: str, described_in: tuple[str, ...], warnings: list[str]
) -> Session:
    fields = convert(merged, _Session, path, key)
    span = TimeSpan(_instant(merged, "startTime", path, key), _instant(merged, "endTime", path, key))
    if span.start and span.end and span.end < span.start:
        raise DocumentError(path, f"{key} key endTime".strip(), "the session ends before it starts; correct the times.")
    for name in ("startTime", "endTime"):
        if merged.get(name) and _is_naive(merged[name]):
            warnings.append(f"{name} of the session carries no zone; it is taken as UTC.")
    zone = _zone(merged, warnings)
    removed: list[str] = []
    selected = fields.selected_devices or _Selected()
    return Session(
        id=number,
        name=_name(fields.name),
        description=_prose(fields.description),
        span=span,
        status=fields.status,
        cameras=tuple(
            SelectedCamera(_identifier(c.id, c.name), _name(c.name), c.recording_prefix or None)
            for c in selected.cameras or []
        ),
        sensors=tuple(
            SelectedSensor(_identifier(s.id, s.name), _plain(s.name))
            for s in selected.sensors or []
            if (s.id, s.name) != (None, None)
        ),
        notes=_prose(fields.notes),
        tags=tuple(one_line(redact_text(tag)) for tag in fields.tags or []),
        time_zone=zone,
        described=redact(merged, "", removed),
        described_in=described_in,
        removed_keys=tuple(removed),
        warnings=tuple(warnings),
    )


def _identifier(number: str | int | None, name: str | None) -> str:
    return str(number if number is not None else name or "")


def _name(text: str | None) -> str | None:
    return None if text is None else one_line(redact_text(text))


def _plain(text: str | None) -> str | None:
    # Compared with topics: left as it is but for secrets, and made visible where it is shown.
    return None if text is None else redact_text(text)


def _prose(text: str | None) -> str | None:
    return None if text is None else visible(redact_text(text))


def _instant(value: Mapping[str, Any], name: str, path: str, key: str) -> datetime | None:
    text = value.get(name)
    if text is None or text == "":
        return None
    try:
        return parse_instant(text)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        where = f"key {key}.{name}".replace(" .", " ")
        raise DocumentError(
            path, where, f"{text!r} is not a date and time; write it as 2025-05-02T19:40:00Z."
        ) from error


def _is_naive(text: str) -> bool:
    return datetime.fromisoformat(text.strip()).tzinfo is None


def _zone(merged: Mapping[str, Any], warnings: list[str]) -> str | None:
    """The IANA zone that the session names, at the top or in its metadata (labInfo included)."""
    metadata = _object(merged.get("metadata"))
    for place in (merged, metadata, _object(metadata.get("labInfo"))):
        for name in (place.get(key) for key in _ZONE_KEYS):
            if not isinstance(name, str) or not name:
                continue
            try:
                return ZoneInfo(name).key
            except (KeyError, ValueError, OSError):  # unknown, malformed, or a folder of the zone database
                warnings.append(f"The session's time zone {name!r} is no IANA zone; times are given in UTC alone.")
    return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
