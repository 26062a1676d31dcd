"""Say what a session's register means for its plan: files gone or changed since, MP4s that were made."""

import shlex
from collections.abc import Iterator

from labcrate.lab.session_register import LinkedFile, lies_in, register_path
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import Missing


def no_longer_there(inventory: Inventory, session_id: str) -> Iterator[Missing]:
    """Yield the files of the lab that were linked by hand, and are gone or have changed since."""
    folder, session = inventory.book.folders.get(session_id), shlex.quote(session_id)
    for one in _files(inventory, session_id):
        state = _state(inventory, one.file)
        if state and one.means(state.size_bytes, state.mtime_ns, folder):
            continue
        why = "changed" if state else "gone"
        remedy = Message(f"hand_link.{why}.remedy", session=session)
        command: tuple[str, ...] | None = ("labcrate", "link", session_id, *([one.file] if state else ()))
        if lies_in(one.file, folder):  # it is no near miss, and taking the link back would move or remove it
            remedy = Message("hand_link.own.remedy", register=printable(register_path(folder or "")))
            command = None
        yield Missing(printable(one.file), Message(f"hand_link.{why}"), remedy, command)


def made_into_mp4(inventory: Inventory, session_id: str) -> frozenset[str]:
    """Return the paths of the videos of which the session has an MP4 that labcrate made, if they did not change."""
    linked = {entry.path for entry in inventory.linked.get(session_id, ())}
    made = set()
    for one in _files(inventory, session_id):
        if one.made_from is not None and one.file in linked:
            state = _state(inventory, one.made_from)
            # The MP4 was given the modification time of what it was made of.
            if state and state.mtime_ns == one.modified_ns:
                made.add(one.made_from)
    return frozenset(made)


def left_out_of_mp4(inventory: Inventory, session_id: str) -> Iterator[str]:
    """Yield a warning on each MP4 that labcrate made without its sound."""
    linked = {entry.path for entry in inventory.linked.get(session_id, ())}
    for one in _files(inventory, session_id):
        if one.made_from and one.left_out and one.file in linked:
            yield Message(
                "hand_link.no_sound",
                file=printable(one.file),
                codec=printable(one.left_out),
                original=printable(one.made_from),
            )


def _files(inventory: Inventory, session_id: str) -> Iterator[LinkedFile]:
    """The entries of the lab's own files; those of recorders are looked at where recorders are."""
    register = inventory.own_registers.get(session_id)
    return (one for one in register.files if not one.folder) if register else iter(())


def _state(inventory: Inventory, path: str) -> Identity | None:
    try:
        return inventory.lab.identity(path)
    except (OSError, ValueError):
        return None
