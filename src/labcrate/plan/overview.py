"""The list of sessions, made without opening a recording, and their tags."""

import unicodedata
from dataclasses import dataclass

from labcrate.errors import DocumentError
from labcrate.lab.folder import EntryKind
from labcrate.messages.message import Message
from labcrate.model.session import Session, id_sort_key
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.planner import session_warnings
from labcrate.plan.recorder_files import recorder_entries

_NOT_A_FILE_IDS = {
    EntryKind.LINK: "session.file_is_link",
    EntryKind.OTHER: "session.file_is_no_file",
    EntryKind.UNREADABLE: "session.folder_unreadable",
}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with the number and size of its recordings."""

    id: str
    name: str | None
    span: TimeSpan
    status: str | None
    recordings: int
    size_bytes: int
    warnings: tuple[str, ...]


def session_rows(inventory: Inventory) -> list[SessionRow]:
    """Return all sessions in the order of their ids, one with a broken description with that error."""
    return [session_row(inventory, session_id) for session_id in inventory.ids]


def session_row(inventory: Inventory, session_id: str) -> SessionRow:
    """Return the row of one session."""
    try:
        session = inventory.session(session_id)
        warnings = [*session_warnings(session)]
        if session.is_active:
            warnings.append(Message("session.active"))
    except DocumentError as error:
        session, warnings = Session(session_id), [str(error)]
    entries = recorder_entries(inventory, session_id)
    count, size = len(entries), sum(one.size_bytes for one in entries)
    for entry in inventory.linked.get(session_id, ()):
        if entry.kind is not EntryKind.FILE:
            warnings.append(Message(_NOT_A_FILE_IDS[entry.kind], file=entry.path))
            continue
        try:
            identity = inventory.lab.identity(entry.path)
        except OSError:
            continue  # deleted since the walk
        size += identity.size_bytes
        count += bool(identity.size_bytes)  # an empty file is left out of the archive
    return SessionRow(session_id, session.name, session.span, session.status, count, size, tuple(warnings))


def sessions_with_tag(inventory: Inventory, tag: str) -> list[str]:
    """Return the ids of the sessions with a tag, ignoring case and space around it."""
    key, sessions = _comparable_tag(tag), inventory.book.sessions
    return sorted(
        (id for id, session in sessions.items() if key in map(_comparable_tag, session.tags)), key=id_sort_key
    )


def all_tags(inventory: Inventory) -> list[str]:
    """Return the tags of all sessions, sorted; different spellings of a tag are different tags."""
    return sorted({tag for session in inventory.book.sessions.values() for tag in session.tags if tag.strip()})


def _comparable_tag(tag: str) -> str:
    return unicodedata.normalize("NFC", tag).strip().casefold()
