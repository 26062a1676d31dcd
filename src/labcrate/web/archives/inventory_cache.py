"""The lab's sessions and recordings as of now, read again only when something changed that they were read from."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labcrate.lab.folder import EntryKind, FolderEntry, LabFolder
from labcrate.lab.session_register import SessionRegister
from labcrate.model.session import Session
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.plan.overview import SessionRow, session_row
from labcrate.secrets.lab_secrets import MESSAGES, TABLE, LabSecrets, read_secrets
from labcrate.web.archives.file_states import FileStates, TrackingLab

MANY_FILES = 2000
"""To compare so many places takes longer than a request should wait for each time."""

RECHECK_AFTER_S = 1.0
"""How long a comparison of so many places counts, in seconds."""

_FINAL_AFTER_S = 600.0
_SIZES_RECHECK_AFTER_S = 10.0


class InventoryCache:
    """What the lab holds. Its methods read the disk: call them in a worker thread, several at a time may.

    The inventory is as of the call. Only in a lab of very many sessions it may be as old as ``RECHECK_AFTER_S``,
    or, while it is being read again, as old as that takes. ``recorders`` are the folders outside the lab that may be
    read.
    """

    def __init__(self, lab: LabFolder, recorders: Sequence[Path] = ()) -> None:
        self._lab, self._recorders = lab, recorders
        self._reading = threading.Lock()
        self._current: tuple[Inventory, FileStates] | None = None
        self._secrets: LabSecrets | None = None
        self._valid_until_s = 0.0
        self._rows = _SessionRows()

    def read_with_messages(self) -> tuple[Inventory, FileStates]:
        """Return the inventory with the secrets that sensors' messages hold by now, and the states of what was read.

        Messages come every second, and are read for an archive alone. Raises DocumentError.
        """
        self.inventory()
        with self._reading:
            if self._current is None or self._secrets is None:
                raise AssertionError("the lab was read, and there is no inventory")
            tracking_lab = TrackingLab(self._lab, ignored=self._current[1])
            secrets = read_secrets(tracking_lab, self._secrets)
            changed = secrets.secrets != self._secrets.secrets
            self._secrets = secrets
            return self._read(secrets) if changed else self._current[0], tracking_lab.read_files

    def inventory(self, *, fresh: bool = False) -> Inventory:
        """Return the inventory; with ``now`` as of this call in any lab, as after a change of one's own.

        Raises DocumentError.
        """
        current = self._current
        if (
            current
            and not fresh
            and len(current[1]) > MANY_FILES
            and (self._is_still_valid() or self._reading.locked())
        ):
            return current[0]
        with self._reading:  # many who ask at once cause one reading
            if self._current and not fresh and self._is_still_valid():
                return self._current[0]
            if self._current is None or not self._current[1].is_unchanged():
                self._read(self._secrets)
            current = self._current
            if current is None:
                raise AssertionError("the lab was read, and there is no inventory")
            if len(current[1]) > MANY_FILES:
                self._valid_until_s = time.monotonic() + RECHECK_AFTER_S
            return current[0]

    def _read(self, secrets: LabSecrets | None) -> Inventory:
        """Read the lab anew; ``secrets`` are those that are known."""
        # The sensors' messages say nothing that an inventory is made of.
        tracking_lab = TrackingLab(self._lab, ignored={f"{self._lab.root}/{path}" for path in (MESSAGES, TABLE)})
        inventory = replace(read_inventory(tracking_lab, allowed=self._recorders, secrets=secrets), lab=self._lab)
        self._current, self._secrets = (inventory, tracking_lab.read_files), inventory.secrets
        return inventory

    def _is_still_valid(self) -> bool:
        return time.monotonic() < self._valid_until_s

    def rows(self) -> list[SessionRow]:
        """Return one row per session. Raises DocumentError.

        The size of a recording that was not written to for ten minutes is taken as final; where very many were written
        to more lately, all sizes may be ten seconds old.
        """
        return self._rows.update(self.inventory())


class _SessionRows:
    """The rows of the sessions, each computed again when its session changed or a recording of it still grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inventory: Inventory | None = None
        self._known: dict[str, tuple[Session | None, tuple[FolderEntry, ...], SessionRegister | None, SessionRow]] = {}
        self._growing: dict[str, int] = {}
        self._valid_until_s = 0.0

    def update(self, inventory: Inventory) -> list[SessionRow]:
        """Return all rows, in the order of their ids."""
        with self._lock:
            if inventory is not self._inventory:
                self._set_inventory(inventory)
            elif time.monotonic() >= self._valid_until_s:
                for session_id in list(self._growing):
                    self._compute(inventory, session_id)
            else:
                return [known[-1] for known in self._known.values()]
            if sum(self._growing.values()) > MANY_FILES:
                self._valid_until_s = time.monotonic() + _SIZES_RECHECK_AFTER_S
            return [known[-1] for known in self._known.values()]

    def _set_inventory(self, inventory: Inventory) -> None:
        known, self._known = self._known, {}
        growing, self._growing = self._growing, {}
        for session_id in inventory.ids:
            previous = known.get(session_id)
            state = (
                inventory.book.sessions.get(session_id),
                inventory.linked.get(session_id, ()),
                inventory.own_registers.get(session_id),
            )
            if (
                previous
                and session_id not in growing
                and session_id not in inventory.book.broken
                and previous[:3] == state
            ):
                self._known[session_id] = previous
            else:
                self._compute(inventory, session_id)
        self._inventory = inventory

    def _compute(self, inventory: Inventory, session_id: str) -> None:
        session, entries = inventory.book.sessions.get(session_id), inventory.linked.get(session_id, ())
        register = inventory.own_registers.get(session_id)
        self._known[session_id] = (session, entries, register, session_row(inventory, session_id))
        self._growing.pop(session_id, None)
        if entries and ((session and session.is_active) or _is_growing(inventory, entries)):
            self._growing[session_id] = len(entries)


def _is_growing(inventory: Inventory, entries: tuple[FolderEntry, ...]) -> bool:
    """Whether a recording was written to not long ago, and may be still."""
    since = (time.time() - _FINAL_AFTER_S) * 1e9
    root = str(inventory.lab.root)
    for entry in entries:
        try:
            if entry.kind is EntryKind.FILE and os.lstat(f"{root}/{entry.path}").st_mtime_ns > since:
                return True
        except OSError:
            return True  # gone since the walk
    return False
