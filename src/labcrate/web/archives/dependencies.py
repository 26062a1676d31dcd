"""What a plan was made from, to decide later whether a new plan would be the same."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime

from labcrate.export.prepare import unindexed_files
from labcrate.index.catalog import INDEX_FILE, Catalog
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import EntryKind
from labcrate.linking.filename import stem_of_mp4, stem_of_non_mp4
from labcrate.model.fixity import Identity
from labcrate.model.timespan import from_ns
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import Plan, SecretTreatment
from labcrate.plan.planner import CHECK_COMMAND
from labcrate.plan.recorder_files import linked_elsewhere
from labcrate.plan.session_time import registered_spans
from labcrate.plan.warnings import window_warnings
from labcrate.readings.load.file_names import CSV_FILE, JSON_FILE
from labcrate.web.archives.file_states import FileStates, TrackingLab

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Fields of an inventory of which the plan of a session uses only a part; it depends on all of every other field.
_PARTLY_USED_FIELDS = {
    "lab",
    "book",
    "registers",
    "own_registers",
    "rules",
    "linked",
    "unlinked",
    "problems",
    "secrets",
}


class Dependencies:
    """The inputs of one session's plan: the files that were read for it, and its part of the inventory.

    Make it before the plan, and plan with the inventory that ``tracked_inventory`` returns, which records what is read.
    ``messages`` are the states of the sensor messages that the inventory's secrets were read from. An archive depends
    on less than the plan, which also lists the files that are left out. The index matters only if it may know more
    now: while the plan lacks the fixity of files, and if files did not match their checksums.
    """

    def __init__(self, inventory: Inventory, messages: FileStates, session_id: str) -> None:
        self._session_id, self._inventory, self._whole_inventory = session_id, inventory, inventory
        self._root = inventory.lab.root
        self._lab = TrackingLab(
            inventory.lab, states=messages, unlinked=frozenset(self._unlinked_recordings(inventory))
        )
        self._state_folder = state_folder(self._root)
        self._index = self._state_of_index()
        self._plan: Plan | None = None
        self._unhashed, self._to_redact, self._has_damaged_files = dict[str, Identity](), set[str](), False

    def tracked_inventory(self, inventory: Inventory) -> Inventory:
        """Return an inventory for the plan, whose lab records everything that is read from it."""
        return replace(inventory, lab=self._lab)

    def set_plan(self, plan: Plan) -> None:
        """Set the finished plan: the time span of its readings, and the files whose fixity it lacks."""
        self._plan = plan
        redacted = {file.member for file in plan.secrecy.files if file.treatment is SecretTreatment.REDACTED}
        self._unhashed = {file.path: file.identity for file in unindexed_files(plan)}
        self._to_redact = {file.path for file in unindexed_files(plan) if file.member in redacted}
        self._has_damaged_files = any(one.command == CHECK_COMMAND for one in plan.missing)

    def __len__(self) -> int:
        """Return the number of files and folders whose states are compared for an archive."""
        return len(self._lab.read_files)

    @property
    def path_count(self) -> int:
        """Return the number of all files and folders whose states are stored."""
        return len(self._lab.read_files) + len(self._lab.read_unlinked)

    @property
    def readings_bytes(self) -> int:
        """Return how many bytes were read to find the session's readings."""
        return sum(self._lab.read_files.size_bytes(f"{self._root}/{path}") for path in (JSON_FILE, CSV_FILE))

    def links_unchanged(self, inventory: Inventory) -> bool:
        """Return whether the same files are linked to the session; their content may have changed."""
        if inventory is not self._inventory:
            if self._inputs_of(inventory) != self._inputs_of(self._inventory):
                return False
            self._inventory = inventory
        return True

    def archive_unchanged(self, inventory: Inventory) -> bool:
        """Return whether a new archive would have the same bytes, or still lack the fixity of a file."""
        return (
            self.links_unchanged(inventory)
            and self._lab.read_files.is_unchanged()
            and not self._all_hashed()
            and not (self._has_damaged_files and not self._index.is_unchanged())
        )

    def plan_unchanged(self, inventory: Inventory) -> bool:
        """Return whether a new plan would be the same, also for the files that are left out."""
        if not self.archive_unchanged(inventory) or not self._lab.read_unlinked.is_unchanged():
            return False
        if inventory is not self._whole_inventory:
            if (inventory.linked, inventory.unlinked) != (self._whole_inventory.linked, self._whole_inventory.unlinked):
                return False
            self._whole_inventory = inventory
        return True

    def latest_change(self, plan: Plan) -> datetime:
        """Return when the content of the archive last changed, or a later time; files of all sessions do not count.

        The dates of the packed files are not enough: a recording that is linked later may be older than all others.
        """
        # Linking or unlinking a file changes the register, and with it the date of the register's folder.
        folder = self._inventory.folder(self._session_id)
        paths = (*(file.path for file in plan.copied), *plan.session.description_files, folder)
        return max([plan.latest_change, *map(self._change_time, paths)])

    def _change_time(self, path: str) -> datetime:
        with suppress(OSError):
            return from_ns(
                os.lstat(self._inventory.files.disk_path(path) or "").st_ctime_ns
            )  # a new hard link also changes it
        return _EPOCH

    def _unlinked_recordings(self, inventory: Inventory) -> Iterator[str]:
        """Yield the paths of recordings that are linked to no session and not named by the session's own register."""
        folder, register = f"{inventory.folder(self._session_id)}/", inventory.own_registers.get(self._session_id)
        own = {one.file for one in register.files} if register else set()
        for entry in inventory.unlinked:
            if entry.kind is EntryKind.FILE and entry.path not in own and not entry.path.startswith(folder):
                name = entry.path.rpartition("/")[2]
                if stem_of_mp4(name) is not None or stem_of_non_mp4(name) is not None:
                    yield f"{self._root}/{entry.path}"

    def _all_hashed(self) -> bool:
        """Return whether the index now has everything that the plan lacks: fixity and results of the secret search.

        A new plan is not made before: while recordings are hashed, the index changes every second.
        """
        if not self._unhashed or self._index.is_unchanged():
            return False
        index = self._state_of_index()
        with Catalog.open(self._state_folder) as catalog:
            indexed = catalog.lookup(self._unhashed)
            fingerprint = self._inventory.secrets.secrets.fingerprint(catalog.search_key)
        hashed = all(
            one.fixity and one.search_with(fingerprint) and (one.patched or path not in self._to_redact)
            for path, one in indexed.items()
        )
        if not hashed:
            self._index = index  # no need to read it again until it changes
        return hashed

    def _state_of_index(self) -> FileStates:
        return FileStates([f"{self._state_folder}/{INDEX_FILE}"])

    def _inputs_of(self, inventory: Inventory) -> tuple[object, ...]:
        return _session_inputs(inventory, self._session_id), list(_window_warnings(inventory, self._plan))


def _session_inputs(inventory: Inventory, session_id: str) -> tuple[object, ...]:
    """Return the parts of an inventory that the plan of one session depends on, without other sessions at its time."""
    session, own = inventory.book.sessions.get(session_id), inventory.linked.get(session_id, ())
    open_ended = session is None or session.span.start is None or session.span.end is None
    register = inventory.own_registers.get(session_id)
    shared = (one.name for one in fields(inventory) if one.compare and one.name not in _PARTLY_USED_FIELDS)
    return (
        *(getattr(inventory, name) for name in shared),
        session,
        session_id in inventory.book.broken,
        inventory.folder(session_id),
        own,
        register.files if register else (),
        linked_elsewhere(inventory, session_id),
        registered_spans(inventory, own),
        inventory.rules.prefixes.of_session(session_id),
        [(entry.path, inventory.rules.register.of_name(entry.path.rpartition("/")[2])) for entry in own],
        tuple(entry for entry in inventory.unlinked if entry.kind is not EntryKind.FILE),
        tuple(map(str, inventory.problems)),
        _next_sessions(inventory, session_id) if open_ended else None,
        inventory.secrets.secrets,
        tuple(map(str, inventory.secrets.problems)),
    )


def _window_warnings(inventory: Inventory, plan: Plan | None) -> Iterator[str]:
    """Yield the warnings about other sessions that took place in the time window of a plan."""
    session = plan and inventory.book.sessions.get(plan.session.id)
    if plan and session:
        yield from window_warnings(inventory, session, plan.window, plan.bound, plan.options)


def _next_sessions(inventory: Inventory, session_id: str) -> tuple[object, ...]:
    """Return what limits a session without an end: the starts of others, and the recordings of undescribed ones."""
    undescribed = {
        other: entries
        for other, entries in inventory.linked.items()
        if other != session_id and other not in inventory.book.sessions
    }
    return inventory.book.starts, undescribed
