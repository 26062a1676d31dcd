"""Check the files that were linked to a session by hand, and the MP4s that labcrate made of other videos."""

import shlex
from collections.abc import Iterator

from labcrate.lab.session_register import LinkedFile, is_in_session_folder, register_path
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import Missing


def missing_manual_links(inventory: Inventory, session_id: str) -> Iterator[Missing]:
    """Yield the files of the lab that were linked by hand and no longer exist or have changed since."""
    folder, session = inventory.book.folders.get(session_id), shlex.quote(session_id)
    for entry in _linked_files(inventory, session_id):
        state = _identity(inventory, entry.file)
        if state and entry.matches(state.size_bytes, state.mtime_ns, folder):
            continue
        reason = "changed" if state else "gone"
        remedy = Message(f"hand_link.{reason}.remedy", session=session)
        command: tuple[str, ...] | None = ("labcrate", "link", session_id, *([entry.file] if state else ()))
        if is_in_session_folder(entry.file, folder):  # no near miss; undoing the link would move or remove it
            remedy = Message("hand_link.own.remedy", register=printable(register_path(folder or "")))
            command = None
        yield Missing(printable(entry.file), Message(f"hand_link.{reason}"), remedy, command)


def converted_videos(inventory: Inventory, session_id: str) -> frozenset[str]:
    """Return the paths of the unchanged videos from which labcrate made an MP4 of the session."""
    linked = {entry.path for entry in inventory.linked.get(session_id, ())}
    converted = set()
    for entry in _linked_files(inventory, session_id):
        if entry.made_from is not None and entry.file in linked:
            state = _identity(inventory, entry.made_from)
            # The MP4 has the modification time of the video that it was made from.
            if state and state.mtime_ns == entry.modified_ns:
                converted.add(entry.made_from)
    return frozenset(converted)


def lost_sound_warnings(inventory: Inventory, session_id: str) -> Iterator[str]:
    """Yield a warning for each MP4 that labcrate made without the sound."""
    linked = {entry.path for entry in inventory.linked.get(session_id, ())}
    for entry in _linked_files(inventory, session_id):
        if entry.made_from and entry.left_out and entry.file in linked:
            yield Message(
                "hand_link.no_sound",
                file=printable(entry.file),
                codec=printable(entry.left_out),
                original=printable(entry.made_from),
            )


def _linked_files(inventory: Inventory, session_id: str) -> Iterator[LinkedFile]:
    """Return the register's entries of files of the lab, without those of recorders."""
    register = inventory.own_registers.get(session_id)
    return (entry for entry in register.files if not entry.folder) if register else iter(())


def _identity(inventory: Inventory, path: str) -> Identity | None:
    try:
        return inventory.lab.identity(path)
    except (OSError, ValueError):
        return None
