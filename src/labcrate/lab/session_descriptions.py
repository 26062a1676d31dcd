"""Find the files and entries that describe each session, and check their ids.

A session's fields come from the first file that has them: ``session_data.json`` and ``config.json`` in its own
folder, ``data/user_*/sessions.json``, ``data/sessions.json``.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.device_files import FOLDER_NOT_READ, user_files
from labcrate.lab.folder import DATA, SESSION_FOLDER_PREFIX, LabFolder
from labcrate.lab.json_file import check_text_lengths, convert, key_place, list_entries, read_json, short_text
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import ID_RULE, has_leading_zero, is_session_id, normalize_id

SESSIONS_FILE = "sessions.json"
SESSIONS_LIST = f"{DATA}/{SESSIONS_FILE}"
SESSION_FILE = "session_data.json"
CONFIG_FILE = "config.json"


@dataclass(frozen=True, slots=True, eq=False)
class DescriptionSource:
    """A JSON object that describes a session: its file, its place there (``7``, ``[0]``), its user, its fields."""

    path: str
    where: str
    fields: Mapping[str, Any]
    user: str | None = None

    @property
    def place(self) -> str:
        """Return the file, with the key of the object if the file has several."""
        return Message("lab.key_in_file", file=self.path, key=self.where) if self.where else self.path


@dataclass(slots=True)
class SessionDescriptions:
    """All descriptions of sessions in the lab.

    ``sources``: by session, in order of precedence; empty for a session with a folder alone. ``broken``: the error of
    each session that cannot be used. ``problems``: all other errors. ``unreadable``: those of them that may hide
    sessions. ``invalid_ids``: texts in the place of an id that are not ids. ``rejected_sources``: objects of rejected
    entries. ``rejected_entries``: the errors of rejected entries, by session.
    """

    folders: Mapping[str, str]
    sources: dict[str, list[DescriptionSource]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[str, DocumentError] = field(default_factory=dict)
    problems: list[DocumentError] = field(default_factory=list)
    unreadable: list[DocumentError] = field(default_factory=list)
    invalid_ids: set[str] = field(default_factory=set)
    rejected_sources: list[DescriptionSource] = field(default_factory=list)
    rejected_entries: dict[str, list[DocumentError]] = field(default_factory=lambda: defaultdict(list))


def find_descriptions(lab: LabFolder) -> SessionDescriptions:
    """Find every description of a session; an error excludes only the file, entry or session that it is in."""
    found = SessionDescriptions(lab.session_folders())
    for session_id, folder in found.folders.items():
        _add_folder(lab, session_id, folder, found)
    for path, text in lab.misnamed_session_folders().items():
        found.invalid_ids.add(text)
        problem = Message("lab.folder_without_id", text=short_text(text), prefix=SESSION_FOLDER_PREFIX, rule=ID_RULE)
        found.problems.append(DocumentError(printable(path), "", problem))
    if unreadable := lab.unreadable_sessions_folder():
        _add_unreadable(found, DocumentError(unreadable.path, "", FOLDER_NOT_READ[unreadable.kind]))
    files, errors = user_files(lab, SESSIONS_FILE)
    for error in errors:
        _add_unreadable(found, error)
    for user, path in [*files.items(), (None, SESSIONS_LIST)]:
        _add_file(lab, path, user, found)
    _reject_conflicts(found)
    return found


def _add_unreadable(found: SessionDescriptions, error: DocumentError) -> None:
    found.problems.append(error)
    found.unreadable.append(error)


def _add_folder(lab: LabFolder, session_id: str, folder: str, found: SessionDescriptions) -> None:
    """Add the files in a session's own folder; if one cannot be parsed, only that session is broken."""
    sources = found.sources[session_id]
    for path in (f"{folder}/{SESSION_FILE}", f"{folder}/{CONFIG_FILE}"):
        try:
            value = read_json(lab, path)
            if value is not None:
                check_text_lengths(value, path, "")
                sources.append(DescriptionSource(path, "", convert(value, dict[str, Any], path, "")))
        except DocumentError as error:
            found.broken.setdefault(session_id, error)


def _add_file(lab: LabFolder, path: str, user: str | None, found: SessionDescriptions) -> None:
    """Add the entries of a file of many sessions; if it cannot be parsed, sessions in other files are still found."""
    try:
        value = read_json(lab, path)
        listed = [] if value is None else list(list_entries(value, path))
    except DocumentError as error:
        _add_unreadable(found, error)
        return
    for key, where, entry in listed:
        _add_entry(DescriptionSource(path, where, entry if isinstance(entry, dict) else {}, user), key, entry, found)


def _add_entry(source: DescriptionSource, key: str | None, entry: Any, found: SessionDescriptions) -> None:
    """Add one entry of a file under its id, or reject it."""
    own = declared_id(source.fields)
    ids = [normalize_id(text) for text in (key, own if isinstance(own, str) else None) if text is not None]
    problem = None
    if not isinstance(entry, dict):
        problem = Message("lab.session_no_object")
    elif own is not None and not isinstance(own, str):
        problem = Message("lab.session_id_type")
    elif not ids:
        problem = Message("lab.session_no_id")
    elif len(set(ids)) > 1:
        problem = Message("lab.session_id_differs", key=short_text(ids[0]), id=short_text(ids[1]))
    elif has_leading_zero(ids[0]):
        found.rejected_sources.append(source)  # neither a valid id nor, by the rule, an invalid one
        return
    elif not is_session_id(ids[0]):
        problem = Message("lab.session_id_invalid", text=short_text(ids[0]), rule=ID_RULE)
    if problem is None:
        try:
            check_text_lengths(entry, source.path, source.where)
        except DocumentError as error:
            found.broken.setdefault(ids[0], error)
        found.sources[ids[0]].append(source)
        return
    _reject_entry(source, ids, DocumentError(source.path, key_place(source.where), problem), found)


def _reject_entry(source: DescriptionSource, ids: list[str], error: DocumentError, found: SessionDescriptions) -> None:
    """Record the error of an invalid entry, by each session id in it."""
    found.problems.append(error)
    found.rejected_sources.append(source)
    for text in ids:
        if is_session_id(text):
            found.rejected_entries[text].append(error)
        elif not has_leading_zero(text):
            found.invalid_ids.add(text)


def declared_id(fields: Mapping[str, Any]) -> str | object | None:
    """Return the id in an object as text; None if it has none, the value itself if it is neither text nor number."""
    value = fields.get("id")
    if value is None:
        value = fields.get("sessionId")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _reject_conflicts(found: SessionDescriptions) -> None:
    """Mark sessions as broken that are described in two different ways, or only by rejected entries."""
    for session_id, sources in found.sources.items():
        if error := _conflict_error(session_id, sources):
            found.broken.setdefault(session_id, error)
    for session_id, errors in found.rejected_entries.items():
        if not found.sources.get(session_id):
            found.broken.setdefault(session_id, errors[0])
    known = {id(error) for error in found.broken.values()}
    found.problems = [error for error in found.problems if id(error) not in known]


def _conflict_error(session_id: str, sources: list[DescriptionSource]) -> DocumentError | None:
    """Return the error of a session that two users' files, or two entries of one file, describe differently."""
    listed = [source for source in sources if source.where]
    for group in ([one for one in listed if one.user is not None], [one for one in listed if one.user is None]):
        for other in group[1:]:
            first = group[0]
            if _content(first) == _content(other):
                continue
            if first.path == other.path:
                problem = Message("lab.session_twice_in_file", session=session_id, key=first.where)
            else:
                problem = Message("lab.session_twice", session=session_id, source=first.place)
            return DocumentError(other.path, key_place(other.where), problem)
    return None


def _content(source: DescriptionSource) -> dict[str, Any]:
    return {name: value for name, value in source.fields.items() if name not in ("id", "sessionId")}
