"""The lab's sessions and recordings as of now, read again only when something changed."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from labcrate.export.inventory import Inventory, take_inventory
from labcrate.export.overview import SessionRow, session_row
from labcrate.lab.folder import Entry, Kind, Lab
from labcrate.lab.session_register import SessionRegister
from labcrate.model.fixity import Identity
from labcrate.model.session import Session
from labcrate.secrets.lab_files import MESSAGES, TABLE, LabSecrets, read_secrets
from labcrate.web.looking import Look

LARGE = 2000
"""Looking at so many places takes longer than a request should wait for each time."""

BELIEVED_SECONDS = 1.0
"""How long a look at so many places is believed."""

_STILL_GROWING_SECONDS = 600.0
_SIZES_BELIEVED_SECONDS = 10.0


class Snapshot:
    """What the lab holds. Its methods read the disk: call them in a worker thread, several at a time may.

    The inventory is as of the call. Only in a lab of very many sessions it may be as old as ``BELIEVED_SECONDS``,
    or, while it is being read again, as old as that takes. ``recorders`` are the folders outside the lab that may be
    read.
    """

    def __init__(self, lab: Lab, recorders: Sequence[Path] = ()) -> None:
        self._lab, self._recorders = lab, recorders
        self._reading = threading.Lock()
        self._current: tuple[Inventory, Look] | None = None
        self._secrets: LabSecrets | None = None
        self._believed_until = 0.0
        self._rows = _Rows()

    def inventory(self, *, now: bool = False, messages: bool = False) -> Inventory:
        """The inventory; with ``now`` as of this call in any lab, as after a change of one's own.

        With ``messages`` it also knows the secrets that sensors' messages hold by now: they come every second, and
        are read for an archive alone. Raises DocumentError.
        """
        inventory = self._as_described(now=now)
        if not messages:
            return inventory
        with self._reading:
            if self._secrets is None:
                return inventory
            secrets = read_secrets(self._lab, self._secrets)
            if secrets.secrets != self._secrets.secrets:
                return self._read(secrets)
            self._secrets = secrets
            return self._current[0] if self._current else inventory

    def _as_described(self, *, now: bool) -> Inventory:
        current = self._current
        if current and not now and len(current[1]) > LARGE and (self._believed() or self._reading.locked()):
            return current[0]
        with self._reading:  # many who ask at once cause one reading
            if self._current and not now and self._believed():
                return self._current[0]
            if self._current is None or not self._current[1].holds():
                self._read(self._secrets)
            current = self._current
            if current is None:
                raise AssertionError("the lab was read, and there is no inventory")
            if len(current[1]) > LARGE:
                self._believed_until = time.monotonic() + BELIEVED_SECONDS
            return current[0]

    def _read(self, secrets: LabSecrets | None) -> Inventory:
        """Read the lab anew; ``secrets`` are those that are known."""
        noting = _Noting(self._lab)
        for path in secrets.files if secrets else ():
            noting.note(path)  # it is read only if it has changed
        inventory = replace(take_inventory(noting, allowed=self._recorders, secrets=secrets), lab=self._lab)
        self._current, self._secrets = (inventory, noting.look), inventory.secrets
        return inventory

    def _believed(self) -> bool:
        return time.monotonic() < self._believed_until

    def rows(self) -> list[SessionRow]:
        """One row per session. Raises DocumentError.

        The size of a recording that nobody wrote to for ten minutes is taken as final; where very many were written
        to more lately, all sizes may be ten seconds old.
        """
        return self._rows.of(self.inventory())


class _Rows:
    """The rows of the sessions, each computed again when its session changed or a recording of it still grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inventory: Inventory | None = None
        self._known: dict[str, tuple[Session | None, tuple[Entry, ...], SessionRegister | None, SessionRow]] = {}
        self._growing: dict[str, int] = {}
        self._believed_until = 0.0

    def of(self, inventory: Inventory) -> list[SessionRow]:
        """All rows, in the order of their ids."""
        with self._lock:
            if inventory is not self._inventory:
                self._take(inventory)
            elif time.monotonic() >= self._believed_until:
                for session_id in list(self._growing):
                    self._compute(inventory, session_id)
            else:
                return [known[-1] for known in self._known.values()]
            if sum(self._growing.values()) > LARGE:
                self._believed_until = time.monotonic() + _SIZES_BELIEVED_SECONDS
            return [known[-1] for known in self._known.values()]

    def _take(self, inventory: Inventory) -> None:
        known, self._known = self._known, {}
        growing, self._growing = self._growing, {}
        for session_id in inventory.ids:
            before = known.get(session_id)
            state = (
                inventory.book.sessions.get(session_id),
                inventory.linked.get(session_id, ()),
                inventory.own_registers.get(session_id),
            )
            if before and session_id not in growing and session_id not in inventory.book.broken and before[:3] == state:
                self._known[session_id] = before
            else:
                self._compute(inventory, session_id)
        self._inventory = inventory

    def _compute(self, inventory: Inventory, session_id: str) -> None:
        session, entries = inventory.book.sessions.get(session_id), inventory.linked.get(session_id, ())
        register = inventory.own_registers.get(session_id)
        self._known[session_id] = (session, entries, register, session_row(inventory, session_id))
        self._growing.pop(session_id, None)
        if entries and ((session and session.active) or _grows(inventory, entries)):
            self._growing[session_id] = len(entries)


def _grows(inventory: Inventory, entries: tuple[Entry, ...]) -> bool:
    """Whether a recording was written to not long ago, and may be still."""
    since = (time.time() - _STILL_GROWING_SECONDS) * 1e9
    root = str(inventory.lab.root)
    for entry in entries:
        try:
            if entry.kind is Kind.FILE and os.lstat(f"{root}/{entry.path}").st_mtime_ns > since:
                return True
        except OSError:
            return True  # gone since the walk
    return False


class _Noting(Lab):
    """The lab, noting the state of every place before it is read."""

    def __init__(self, lab: Lab) -> None:
        self.root = lab.root
        self._prefix = f"{lab.root}/"
        self._noted: set[str] = set()
        self.look = Look(str(lab.root), ())

    def note(self, path: str) -> None:
        """Note the state of one place; the sensors' messages say nothing that an inventory is made of."""
        if path not in self._noted and path not in (MESSAGES, TABLE):
            self._noted.add(path)
            self.look.add(self._prefix + path)

    def read(self, path: str) -> bytes | None:
        self.note(path)
        return super().read(path)

    def open(self, path: str) -> int:
        self.note(path)
        return super().open(path)

    def identity(self, path: str) -> Identity:
        self.note(path)
        return super().identity(path)

    def walk(self, folder: str) -> Iterator[Entry]:
        self.look.add(self._prefix + folder)
        yield from super().walk(folder)

    def _scan(self, folder: str) -> tuple[list[os.DirEntry[str]], Entry | None]:
        self.look.add(self._prefix + folder)
        return super()._scan(folder)
