"""Which files describe which session: found, checked by id, and not yet read for what they say.

A session's fields come from the first file that has them: ``session_data.json`` and ``config.json`` in its own
folder, ``data/user_*/sessions.json``, ``data/sessions.json``.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.documents import NOT_ENTERED, user_files
from labcrate.lab.folder import DATA, SESSION_FOLDER, Lab
from labcrate.lab.json_file import check_texts, convert, entries, read_json, short_text
from labcrate.messages.text import printable
from labcrate.model.session import RULE, has_leading_zero, is_session_id, normalized_id

SESSIONS_FILE = "sessions.json"
SESSIONS_LIST = f"{DATA}/{SESSIONS_FILE}"
SESSION_FILE = "session_data.json"
CONFIG_FILE = "config.json"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
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
class Descriptions:
    """All descriptions of the lab.

    ``sources``: by session, the strongest first; a session that only its folder tells of has none. ``broken``: the
    error of each session that cannot be used. ``problems``: everything else that is wrong. ``unreadable``: those of
    them that hide sessions or parts of them. ``refused``: texts that stand for an id and are none. ``strays``:
    objects of refused entries. ``told``: errors of refused entries about sessions that other files describe.
    """

    folders: Mapping[str, str]
    sources: dict[str, list[Source]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[str, DocumentError] = field(default_factory=dict)
    problems: list[DocumentError] = field(default_factory=list)
    unreadable: list[DocumentError] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    strays: list[Source] = field(default_factory=list)
    told: dict[str, list[DocumentError]] = field(default_factory=lambda: defaultdict(list))


def find_descriptions(lab: Lab) -> Descriptions:
    """Find every description of a session. Whatever is wrong costs the file, entry or session that it is about."""
    found = Descriptions(lab.session_folders())
    for session_id, folder in found.folders.items():
        _add_folder(lab, session_id, folder, found)
    for path, text in lab.refused_session_folders().items():
        found.refused.add(text)
        remedy = f"{RULE}; rename the folder"
        found.problems.append(
            DocumentError(printable(path), "", f"'{short_text(text)}' after {SESSION_FOLDER} is no id: {remedy}.")
        )
    if barred := lab.sessions_barred():
        _unreadable(found, DocumentError(barred.path, "", NOT_ENTERED[barred.kind]))
    files, closed = user_files(lab, SESSIONS_FILE)
    for error in closed:
        _unreadable(found, error)
    for user, path in [*files.items(), (None, SESSIONS_LIST)]:
        _add_file(lab, path, user, found)
    _settle(found)
    return found


def _unreadable(found: Descriptions, error: DocumentError) -> None:
    found.problems.append(error)
    found.unreadable.append(error)


def _add_folder(lab: Lab, session_id: str, folder: str, found: Descriptions) -> None:
    """The files in a session's own folder: one that does not parse breaks that session alone."""
    sources = found.sources[session_id]
    for path in (f"{folder}/{SESSION_FILE}", f"{folder}/{CONFIG_FILE}"):
        try:
            value = read_json(lab, path)
            if value is not None:
                check_texts(value, path, "")
                sources.append(Source(path, "", convert(value, dict[str, Any], path, "")))
        except DocumentError as error:
            found.broken.setdefault(session_id, error)


def _add_file(lab: Lab, path: str, user: str | None, found: Descriptions) -> None:
    """A file of many sessions: one that does not parse hides no session that another file describes."""
    try:
        value = read_json(lab, path)
        listed = [] if value is None else list(entries(value, path))
    except DocumentError as error:
        _unreadable(found, error)
        return
    for key, where, entry in listed:
        _add_entry(Source(path, where, entry if isinstance(entry, dict) else {}, user), key, entry, found)


def _add_entry(source: Source, key: str | None, entry: Any, found: Descriptions) -> None:
    """Add one entry of a file under its id, or refuse it."""
    own = own_id(source.fields)
    ids = [normalized_id(text) for text in (key, own if isinstance(own, str) else None) if text is not None]
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
        found.strays.append(source)  # no id, and by the rule not a refused one either
        return
    elif not is_session_id(ids[0]):
        problem = f"'{short_text(ids[0])}' is no session id: {RULE}."
    if problem is None:
        try:
            check_texts(entry, source.path, source.where)
        except DocumentError as error:
            found.broken.setdefault(ids[0], error)
        found.sources[ids[0]].append(source)
        return
    _refuse(source, ids, DocumentError(source.path, f"key {source.where}", problem), found)


def _refuse(source: Source, ids: list[str], error: DocumentError, found: Descriptions) -> None:
    """Refuse an entry that cannot be meant; what it costs is the sessions that it alone tells of."""
    found.problems.append(error)
    found.strays.append(source)
    for text in ids:
        if is_session_id(text):
            found.told[text].append(error)
        elif not has_leading_zero(text):
            found.refused.add(text)


def own_id(fields: Mapping[str, Any]) -> str | object | None:
    """Return the id that an object gives itself, as a text; None without one, anything else if it is no id's type."""
    value = fields.get("id")
    if value is None:
        value = fields.get("sessionId")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value


def _settle(found: Descriptions) -> None:
    """Refuse the sessions that cannot be meant: described in two ways, or by refused entries alone."""
    for session_id, sources in found.sources.items():
        if error := _conflict(session_id, sources):
            found.broken.setdefault(session_id, error)
    for session_id, errors in found.told.items():
        if not found.sources.get(session_id):
            found.broken.setdefault(session_id, errors[0])
    known = {id(error) for error in found.broken.values()}
    found.problems = [error for error in found.problems if id(error) not in known]


def _conflict(session_id: str, sources: list[Source]) -> DocumentError | None:
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


def _content(source: Source) -> dict[str, Any]:
    return {name: value for name, value in source.fields.items() if name not in ("id", "sessionId")}
