"""A cache of the lab's inventory, which is read again only if the files that it was read from have changed."""

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
from labcrate.plan.message_secrets import collect_message_secrets
from labcrate.plan.overview import SessionRow, session_row
from labcrate.secrets.lab_secrets import MESSAGES, TABLE, LabSecrets, read_secrets
from labcrate.web.archives.file_states import FileStates, TrackingLab

MANY_FILES = 2000
"""A number of files whose comparison takes too long to be repeated for every request."""

RECHECK_AFTER_S = 1.0
"""The time in seconds for which a comparison of so many files is valid."""

_FINAL_AFTER_S = 600.0
_SIZES_RECHECK_AFTER_S = 10.0


class InventoryCache:
    """The lab's inventory. Methods read the disk: call them in worker threads, also at the same time.

    The inventory is current. Only in a lab with very many sessions it may be as old as ``RECHECK_AFTER_S``, or, while
    it is being read again, as old as that takes. ``recorders`` are the folders outside the lab that may be read.
    """

    def __init__(self, lab: LabFolder, recorders: Sequence[Path] = ()) -> None:
        self._lab, self._recorders = lab, recorders
        self._reading, self._reading_messages = threading.Lock(), threading.Lock()
        self._current: tuple[Inventory, FileStates] | None = None
        self._secrets: LabSecrets | None = None
        self._valid_until_s = 0.0
        self._rows = _SessionRows()

    def read_with_messages(self) -> tuple[Inventory, FileStates]:
        """Return the inventory with the secrets that sensor messages contain, and the states of the files read.

        Messages arrive every second, and are read only for an archive. Raises DocumentError.
        """
        with self._reading_messages:
            self.inventory()
            with self._reading:
                before, known = self._current, self._secrets
            if before is None or known is None:
                raise AssertionError("the lab was read, and there is no inventory")
            # Pages need the inventory meanwhile: millions of messages take seconds.
            tracking_lab = TrackingLab(self._lab, ignored=before[1])
            secrets = read_secrets(tracking_lab, known, collect_message_secrets)
            with self._reading:
                current = self._current
                if current is None or self._secrets is None or secrets.secrets != self._secrets.secrets:
                    return self._read(secrets), tracking_lab.read_files
                self._secrets = secrets
                return current[0], tracking_lab.read_files

    def inventory(self, *, fresh: bool = False) -> Inventory:
        """Return the inventory; with ``fresh`` it is current in any lab, for use after a change by the server itself.

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
        with self._reading:  # many requests at once cause one reading
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
        """Read the lab again; ``secrets`` are those that were found before."""
        # An inventory does not depend on sensor messages.
        tracking_lab = TrackingLab(self._lab, ignored={f"{self._lab.root}/{path}" for path in (MESSAGES, TABLE)})
        inventory = replace(read_inventory(tracking_lab, allowed=self._recorders, secrets=secrets), lab=self._lab)
        self._current, self._secrets = (inventory, tracking_lab.read_files), inventory.secrets
        return inventory

    def _is_still_valid(self) -> bool:
        return time.monotonic() < self._valid_until_s

    def rows(self) -> list[SessionRow]:
        """Return one row per session. Raises DocumentError.

        The size of a recording is final if it was not written for ten minutes. If very many were written more
        recently, all sizes may be ten seconds old.
        """
        return self._rows.update(self.inventory())


class _SessionRows:
    """The rows of the sessions; each is computed again if its session changes or one of its recordings grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inventory: Inventory | None = None
        self._known: dict[str, tuple[Session | None, tuple[FolderEntry, ...], SessionRegister | None, SessionRow]] = {}
        self._growing: dict[str, int] = {}
        self._valid_until_s = 0.0

    def update(self, inventory: Inventory) -> list[SessionRow]:
        """Return all rows, ordered by session id."""
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
    """Return whether a recording was written recently, and may still be written."""
    since = (time.time() - _FINAL_AFTER_S) * 1e9
    root = str(inventory.lab.root)
    for entry in entries:
        try:
            if entry.kind is EntryKind.FILE and os.lstat(f"{root}/{entry.path}").st_mtime_ns > since:
                return True
        except OSError:
            return True  # deleted since the scan
    return False
