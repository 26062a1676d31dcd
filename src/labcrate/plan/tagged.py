"""The sessions that carry a tag."""

import unicodedata

from labcrate.model.session_id import sort_key
from labcrate.plan.inventory import Inventory


def tagged(inventory: Inventory, tag: str) -> list[str]:
    """Return the ids of the sessions that carry a tag now, compared without regard to case and to space around it."""
    key, sessions = _key(tag), inventory.book.sessions
    return sorted((id for id, session in sessions.items() if key in map(_key, session.tags)), key=sort_key)


def all_tags(inventory: Inventory) -> list[str]:
    """Return every tag that a session carries, sorted, each spelling of it by itself."""
    return sorted({tag for session in inventory.book.sessions.values() for tag in session.tags if tag.strip()})


def _key(tag: str) -> str:
    return unicodedata.normalize("NFC", tag).strip().casefold()
