"""Which files describe which session: found, checked by id, and not yet read for what they say.

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
from labcrate.lab.json_file import check_text_lengths, convert, list_entries, read_json, short_text
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
        """The file, and the place in it where it holds more than this."""
        return f"{self.path}, key {self.where}" if self.where else self.path


@dataclass(slots=True)
class SessionDescriptions:
    """All descriptions of the lab.

    ``sources``: by session, the strongest first; a session that only its folder tells of has none. ``broken``: the
    error of each session that cannot be used. ``problems``: everything else that is wrong. ``unreadable``: those of
    them that hide sessions or parts of them. ``refused``: texts that stand for an id and are none. ``strays``:
    objects of refused entries. ``told``: errors of refused entries about sessions that other files describe.
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
    """Find every description of a session. Whatever is wrong costs the file, entry or session that it is about."""
    found = SessionDescriptions(lab.session_folders())
    for session_id, folder in found.folders.items():
        _add_folder(lab, session_id, folder, found)
    for path, text in lab.misnamed_session_folders().items():
        found.invalid_ids.add(text)
        remedy = f"{ID_RULE}; rename the folder"
        found.problems.append(
            DocumentError(
                printable(path), "", f"'{short_text(text)}' after {SESSION_FOLDER_PREFIX} is no id: {remedy}."
            )
        )
    if barred := lab.unreadable_sessions_folder():
        _add_unreadable(found, DocumentError(barred.path, "", FOLDER_NOT_READ[barred.kind]))
    files, closed = user_files(lab, SESSIONS_FILE)
    for error in closed:
        _add_unreadable(found, error)
    for user, path in [*files.items(), (None, SESSIONS_LIST)]:
        _add_file(lab, path, user, found)
    _reject_conflicts(found)
    return found


def _add_unreadable(found: SessionDescriptions, error: DocumentError) -> None:
    found.problems.append(error)
    found.unreadable.append(error)


def _add_folder(lab: LabFolder, session_id: str, folder: str, found: SessionDescriptions) -> None:
    """The files in a session's own folder: one that does not parse breaks that session alone."""
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
    """A file of many sessions: one that does not parse hides no session that another file describes."""
    try:
        value = read_json(lab, path)
        listed = [] if value is None else list(list_entries(value, path))
    except DocumentError as error:
        _add_unreadable(found, error)
        return
    for key, where, entry in listed:
        _add_entry(DescriptionSource(path, where, entry if isinstance(entry, dict) else {}, user), key, entry, found)


def _add_entry(source: DescriptionSource, key: str | None, entry: Any, found: SessionDescriptions) -> None:
    """Add one entry of a file under its id, or refuse it."""
    own = declared_id(source.fields)
    ids = [normalize_id(text) for text in (key, own if isinstance(own, str) else None) if text is not None]
    problem = None
    if not isinstance(entry, dict):
        problem = "is no object that describes a session; correct it."
    elif own is not None and not isinstance(own, str):
        problem = "its id is neither a text nor a whole number; correct it."
    elif not ids:
        problem = "the session has no id; give it one."
    elif len(set(ids)) > 1:
        problem = f"the key is '{short_text(ids[0])}', but the id in it is '{short_text(ids[1])}'; make them agree."
    elif has_leading_zero(ids[0]):
        found.rejected_sources.append(source)  # no id, and by the rule not a refused one either
        return
    elif not is_session_id(ids[0]):
        problem = f"'{short_text(ids[0])}' is no session id: {ID_RULE}."
    if problem is None:
        try:
            check_text_lengths(entry, source.path, source.where)
        except DocumentError as error:
            found.broken.setdefault(ids[0], error)
        found.sources[ids[0]].append(source)
        return
    _reject_entry(source, ids, DocumentError(source.path, f"key {source.where}", problem), found)


def _reject_entry(source: DescriptionSource, ids: list[str], error: DocumentError, found: SessionDescriptions) -> None:
    """Refuse an entry that cannot be meant; what it costs is the sessions that it alone tells of."""
    found.problems.append(error)
    found.rejected_sources.append(source)
    for text in ids:
        if is_session_id(text):
            found.rejected_entries[text].append(error)
        elif not has_leading_zero(text):
            found.invalid_ids.add(text)


def declared_id(fields: Mapping[str, Any]) -> str | object | None:
    """Return the id that an object gives itself, as a text; None without one, anything else if it is no id's type."""
    value = fields.get("id")
    if value is None:
        value = fields.get("sessionId")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _reject_conflicts(found: SessionDescriptions) -> None:
    """Refuse the sessions that cannot be meant: described in two ways, or by refused entries alone."""
    for session_id, sources in found.sources.items():
        if error := _conflict_error(session_id, sources):
            found.broken.setdefault(session_id, error)
    for session_id, errors in found.rejected_entries.items():
        if not found.sources.get(session_id):
            found.broken.setdefault(session_id, errors[0])
    known = {id(error) for error in found.broken.values()}
    found.problems = [error for error in found.problems if id(error) not in known]


def _conflict_error(session_id: str, sources: list[DescriptionSource]) -> DocumentError | None:
    """The error of an id that two users' files, or two entries of one file, describe differently."""
    listed = [source for source in sources if source.where]
    for group in ([one for one in listed if one.user is not None], [one for one in listed if one.user is None]):
        for other in group[1:]:
            first = group[0]
            if _content(first) == _content(other):
                continue
            if first.path == other.path:
                what = f"describes session {session_id} otherwise than key {first.where} of the same file"
            else:
                what = f"describes session {session_id} otherwise than {first.place}"
            remedy = "two sessions cannot have one id; give one of them another, or remove the wrong one."
            return DocumentError(other.path, f"key {other.where}", f"{what}; {remedy}")
    return None


def _content(source: DescriptionSource) -> dict[str, Any]:
    return {name: value for name, value in source.fields.items() if name not in ("id", "sessionId")}
