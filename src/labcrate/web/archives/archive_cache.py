"""Archives that are laid out, kept while nothing changes that they depend on."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from labcrate.archive.entity import Entity
from labcrate.archive.layout import BytesSource
from labcrate.export.assemble import Assembly
from labcrate.export.prepare import inventory_in_zone, prepare_from_index, unindexed_files
from labcrate.index.indexing import Progress
from labcrate.lab.lab_files import display_path
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory
from labcrate.plan.options import Options
from labcrate.plan.planner import refuse_incomplete
from labcrate.plan.secrecy import refuse_secrets
from labcrate.web.archives.dependencies import Dependencies
from labcrate.web.archives.inventory_cache import MANY_FILES, RECHECK_AFTER_S, InventoryCache

MAX_UNUSED_S = 3600.0
"""How long an archive is kept after the last request for it."""

MAX_CACHE_BYTES = 64 << 20
"""How much memory all archives may take; the one of the last request is kept in any case."""

_BYTES_PER_MEMBER = 4096
_BYTES_PER_PATH = 512
_SLOW_READINGS_BYTES = 64 << 20

CacheKey = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class PlannedArchive(Assembly):
    """One session's archive: its plan and its layout, and the last change of what it is made of.

    ``entity`` has its bytes; it is None while whole files have to be read first for their fixity.
    """

    entity: Entity | None
    modified: datetime

    @property
    def ready_entity(self) -> Entity:
        """Return the bytes of an archive that is known to have them."""
        if self.entity is None:
            raise AssertionError(f"the fixity of session {self.plan.session.id} is not known")
        return self.entity

    def check(self, *, allow_incomplete: bool) -> "PlannedArchive":
        """Return itself. Raises IncompleteError where anything is missing, unless that is allowed.

        Raises SecretsError where a file holds a secret that is neither taken out nor allowed.
        """
        if not allow_incomplete:
            refuse_incomplete(self.plan.session, self.plan.missing)
        refuse_secrets(self.plan.session.id, self.plan.secrecy)
        return self


@dataclass(slots=True, eq=False)
class _CacheEntry:
    """An archive that is kept; ``asked`` and ``believed_until`` are seconds of the monotonic clock."""

    key: CacheKey
    archive: PlannedArchive
    dependencies: Dependencies
    size_bytes: int
    last_used_s: float
    valid_until_s: float = 0.0

    def is_current(self, inventory: Inventory, *, whole_plan: bool) -> bool:
        """Return whether a plan made now would come to the same."""
        now = time.monotonic()
        if now < self.valid_until_s and self.dependencies.links_unchanged(inventory):
            return True
        same = self.dependencies.plan_unchanged if whole_plan else self.dependencies.archive_unchanged
        if not same(inventory):
            return False
        if len(self.dependencies) > MANY_FILES:
            self.valid_until_s = time.monotonic() + RECHECK_AFTER_S
        return True

    def contains_file(self, path: str) -> bool:
        """Return whether a file is part of the archive."""
        return any(one.path == path for one in self.archive.plan.copied)


class ArchiveCache:
    """The latest archives of sessions. Methods read the disk: call them in a worker thread, several at a time may.

    ``workers`` is how many files a plan looks into at once (None: one per core).
    """

    def __init__(self, inventories: InventoryCache, workers: int | None = None) -> None:
        self._inventories, self._workers = inventories, workers
        self._lock = threading.Lock()
        self._by_key: dict[CacheKey, _CacheEntry] = {}
        self._by_etag: dict[tuple[str, str], _CacheEntry] = {}
        self._unreadable: dict[str, tuple[Identity, str]] = {}

    def plan(
        self, session_id: str, options: Options, *, whole_plan: bool = True, progress: Progress | None = None
    ) -> PlannedArchive:
        """Return the archive as of now, planned if its inputs changed. What ``progress`` raises ends the planning.

        ``whole_plan``: its plan also says the same of everything that is left out, of which the bytes say nothing.
        Raises what Planner.plan does.
        """
        cached = self.get(session_id, options, whole_plan=whole_plan)
        return cached or self._plan_archive((session_id, options), progress or Progress())

    def get(self, session_id: str, options: Options, *, whole_plan: bool = True) -> PlannedArchive | None:
        """Return the archive that is kept, if a plan made now would come to the same."""
        entry = self._by_key.get((session_id, options))
        if entry is None or not entry.is_current(self._inventories.inventory(), whole_plan=whole_plan):
            return None
        entry.last_used_s = time.monotonic()
        return entry.archive

    def get_with_same_links(self, session_id: str, options: Options) -> PlannedArchive | None:
        """Return the archive that is kept, if the same files are the session's, whatever is in them by now."""
        entry = self._by_key.get((session_id, options))
        same = entry and entry.dependencies.links_unchanged(self._inventories.inventory())
        return entry.archive if entry and same else None

    def get_by_etag(self, session_id: str, etag: str) -> PlannedArchive | None:
        """Return the archive with just these bytes, if it is still kept: what a resumed download asks for.

        Whether its files are still what they were is seen when they are read.
        """
        with self._lock:
            entry = self._by_etag.get((session_id, etag))
            if entry is None:
                return None
            entry.last_used_s = time.monotonic()
            return entry.archive

    def remove(self, archive: PlannedArchive) -> None:
        """Drop an archive that can no longer be read as it was planned."""
        with self._lock:
            for entry in [one for one in self._by_etag.values() if one.archive.entity is archive.entity]:
                self._remove(entry)

    def remove_with_file(self, path: str) -> None:
        """Drop everything that packs a file, because it turned out to hold other bytes."""
        with self._lock:
            for entry in self._entries():
                if entry.contains_file(path):
                    self._remove(entry)

    def add_unreadable(self, unreadable: Mapping[str, tuple[Identity, str]]) -> None:
        """Have plans say that files are missing which cannot be read, by path: the state of each, and why."""
        self._unreadable = {**self._unreadable, **unreadable}
        for path in unreadable:
            self.remove_with_file(path)

    def remove_unused(self) -> None:
        """Drop what was not asked for in an hour."""
        with self._lock:
            for entry in self._entries():
                if entry.last_used_s < time.monotonic() - MAX_UNUSED_S:
                    self._remove(entry)
            missing = {one.what for entry in self._entries() for one in entry.archive.plan.missing}
            self._unreadable = {path: one for path, one in self._unreadable.items() if display_path(path) in missing}

    def close(self) -> None:
        """Drop all of them; transfers that run keep what they need."""
        with self._lock:
            self._by_key.clear()
            self._by_etag.clear()

    def _plan_archive(self, key: CacheKey, progress: Progress) -> PlannedArchive:
        began_s = time.monotonic()
        session_id, options = key
        inventory, messages = self._inventories.read_with_messages()
        dependencies = Dependencies(inventory, messages, session_id)
        with self._lock:
            same_session = [entry.archive for (other, _), entry in self._by_key.items() if other == session_id]
        assembly = prepare_from_index(
            dependencies.tracked_inventory(inventory_in_zone(inventory, options.time_zone)),
            session_id,
            options,
            progress=progress,
            workers=self._workers,
            unreadable=self._unreadable,
            same_session=same_session,
        )
        plan, layout = assembly.plan, assembly.layout
        dependencies.set_plan(plan)
        entity = None if unindexed_files(plan) else Entity(layout)
        if entity:
            hash(entity.etag)  # computed now, not while a request waits
        archive = PlannedArchive(plan, layout, assembly.descriptions, entity, dependencies.latest_change(plan))
        size_bytes = _memory_bytes(assembly) + _BYTES_PER_PATH * dependencies.path_count
        entry = _CacheEntry(key, archive, dependencies, size_bytes, time.monotonic())
        if dependencies.readings_bytes > _SLOW_READINGS_BYTES:
            # A sensor message that comes every second must not have the server do nothing but plan.
            entry.valid_until_s = 2 * time.monotonic() - began_s
        with self._lock:
            self._store(entry)
        return entry.archive

    def _store(self, entry: _CacheEntry) -> None:
        archive, session_id = entry.archive, entry.key[0]
        if archive.entity:
            etag = archive.entity.etag
            previous = self._by_etag.get((session_id, etag))
            if previous and previous.archive.entity and _have_same_files(previous.archive, archive):
                # The same bytes out of the same files: the documents that are kept already stay, the new ones do not.
                entity = previous.archive.entity
                entry.archive = replace(archive, layout=entity.layout, entity=entity)
            self._by_etag[session_id, etag] = entry
        self._by_key[entry.key] = entry
        total_bytes = 0
        for one in sorted(self._entries(), key=lambda one: -one.last_used_s):
            total_bytes += one.size_bytes
            if total_bytes > MAX_CACHE_BYTES and one is not entry:
                self._remove(one)

    def _entries(self) -> set[_CacheEntry]:
        return {*self._by_key.values(), *self._by_etag.values()}

    def _remove(self, entry: _CacheEntry) -> None:
        if self._by_key.get(entry.key) is entry:
            del self._by_key[entry.key]
        entity = entry.archive.entity
        if entity and self._by_etag.get((entry.key[0], entity.etag)) is entry:
            del self._by_etag[entry.key[0], entity.etag]


def _have_same_files(one: Assembly, other: Assembly) -> bool:
    """Return whether two assemblies take the lab's files in the same states."""
    return (one.plan.recordings, one.plan.session_files) == (other.plan.recordings, other.plan.session_files)


def _memory_bytes(assembly: Assembly) -> int:
    """Return about how many bytes of memory an assembly takes."""
    documents = sum(len(m.source.data) for m in assembly.layout.members if isinstance(m.source, BytesSource))
    rows = assembly.plan.readings.rows
    readings = 0 if rows is None else int(rows.estimated_size())
    return documents + readings + _BYTES_PER_MEMBER * len(assembly.descriptions)
