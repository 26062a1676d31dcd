"""A cache of planned archives, which are valid while nothing changes that they depend on."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from labcrate.archive.entity import Entity
from labcrate.archive.layout import BytesSource
from labcrate.errors import LabcrateError
from labcrate.export.assemble import Assembly
from labcrate.export.prepare import inventory_in_zone, prepare_from_index, unindexed_files
from labcrate.index.indexing import Progress
from labcrate.lab.lab_files import display_path
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.plan.planner import refuse_incomplete
from labcrate.plan.secrecy import refuse_secrets
from labcrate.web.archives.dependencies import Dependencies
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.job_progress import WorkCancelled
from labcrate.web.archives.validity import Validity

MAX_UNUSED_S = 3600.0
"""The time in seconds after its last request for which an archive is kept."""

MAX_CACHE_BYTES = 64 << 20
"""The maximum memory in bytes for all archives; that of the last request and its whole session are kept in any case."""

_BYTES_PER_MEMBER = 4096
_BYTES_PER_PATH = 512

CacheKey = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class PlannedArchive(Assembly):
    """The archive of one session: its plan, its layout, and the last change of its content.

    ``entity`` is its bytes; None while the fixity of a file or table is unknown, which must be read or written first.
    """

    entity: Entity | None
    modified: datetime

    @property
    def ready_entity(self) -> Entity:
        """Return the entity of an archive that must have one."""
        if self.entity is None:
            raise AssertionError(f"the fixity of session {self.plan.session.id} is not known")
        return self.entity

    def check(self, *, allow_incomplete: bool) -> "PlannedArchive":
        """Return the archive itself. Raises IncompleteError if anything is missing and that is not allowed.

        Raises SecretsError if a file contains a secret that is neither removed nor allowed.
        """
        if not allow_incomplete:
            refuse_incomplete(self.plan.session, self.plan.missing)
        refuse_secrets(self.plan.session.id, self.plan.secrecy)
        return self


@dataclass(slots=True, eq=False)
class _CacheEntry:
    """A cached archive; ``last_used_s`` is a time of the monotonic clock."""

    key: CacheKey
    archive: PlannedArchive
    validity: Validity
    size_bytes: int
    last_used_s: float

    def is_whole_of(self, other: "_CacheEntry") -> bool:
        """Return whether it is the archive of the whole session that another one is of, as pages show it."""
        session_id, options = self.key
        return session_id == other.key[0] and replace(options, base_topic=None, pad=options.pad or None) == Options()

    def contains_file(self, path: str) -> bool:
        """Return whether a file is part of the archive."""
        return any(one.path == path for one in self.archive.plan.copied)


class ArchiveCache:
    """The latest archives of sessions. Methods read the disk: call them in worker threads, also at the same time.

    ``workers`` is the number of files that a plan reads at once (None: one per core). ``on_whole_plan`` is called for
    each new plan of a whole session, before the plan is in the cache: what its page needs is ready then.
    """

    def __init__(
        self,
        inventories: InventoryCache,
        workers: int | None = None,
        on_whole_plan: Callable[[Plan], object] = lambda _: None,
    ) -> None:
        self._inventories, self._workers, self._on_whole_plan = inventories, workers, on_whole_plan
        self._lock = threading.Lock()
        self._by_key: dict[CacheKey, _CacheEntry] = {}
        self._by_etag: dict[tuple[str, str], _CacheEntry] = {}
        self._unreadable: dict[str, tuple[Identity, Message]] = {}
        self._is_stopping = False

    def plan(
        self, session_id: str, options: Options, *, whole_plan: bool = True, progress: Progress | None = None
    ) -> PlannedArchive:
        """Return the archive for a session, planning it if its inputs changed.

        With ``whole_plan``, the files that the plan leaves out are up to date too; the archive does not depend on them.
        What ``progress`` raises ends the planning. Raises what Planner.plan does.
        """
        cached = self.get(session_id, options, whole_plan=whole_plan)
        return cached or self._plan_archive((session_id, options), progress or Progress())

    def get(
        self, session_id: str, options: Options, *, whole_plan: bool = True, for_page: bool = False
    ) -> PlannedArchive | None:
        """Return the cached archive if it is current (see ``plan`` and ``Validity.is_current``), else None."""
        entry = self._by_key.get((session_id, options))
        if entry is None or not entry.validity.is_current(
            self._inventories.inventory(), whole_plan=whole_plan, for_page=for_page
        ):
            return None
        tables = entry.archive.table_files
        if entry.archive.entity is None and tables is not None and tables.can_be_completed():
            return None
        entry.last_used_s = time.monotonic()
        return entry.archive

    def get_with_same_links(self, session_id: str, options: Options) -> PlannedArchive | None:
        """Return the cached archive, if the same files are linked to the session; their content may have changed."""
        entry = self._by_key.get((session_id, options))
        same = entry and entry.validity.dependencies.links_unchanged(self._inventories.inventory())
        return entry.archive if entry and same else None

    def get_by_etag(self, session_id: str, etag: str) -> PlannedArchive | None:
        """Return the cached archive with an entity tag, for a resumed download; None if it is not cached.

        Whether its files are unchanged is checked when they are read.
        """
        with self._lock:
            entry = self._by_etag.get((session_id, etag))
            if entry is None:
                return None
            entry.last_used_s = time.monotonic()
            return entry.archive

    def remove(self, archive: PlannedArchive) -> None:
        """Remove an archive that can no longer be read as it was planned."""
        with self._lock:
            for entry in [one for one in self._by_etag.values() if one.archive.entity is archive.entity]:
                self._remove(entry)

    def remove_with_file(self, path: str) -> None:
        """Remove all archives with a file whose bytes turned out to differ from its checksum."""
        with self._lock:
            for entry in self._entries():
                if entry.contains_file(path):
                    self._remove(entry)

    def add_unreadable(self, unreadable: Mapping[str, tuple[Identity, Message]]) -> None:
        """Add files that cannot be read, by path, with state and reason: plans list them as missing."""
        self._unreadable = {**self._unreadable, **unreadable}
        for path in unreadable:
            self.remove_with_file(path)

    def unreadable(self) -> Mapping[str, tuple[Identity, Message]]:
        """Return the files that cannot be read, by path, with state and reason."""
        return self._unreadable

    def remove_unused(self) -> None:
        """Remove the archives that were not requested for ``MAX_UNUSED_S``."""
        with self._lock:
            for entry in self._entries():
                if entry.last_used_s < time.monotonic() - MAX_UNUSED_S:
                    self._remove(entry)
            missing = {one.what for entry in self._entries() for one in entry.archive.plan.missing}
            self._unreadable = {path: one for path, one in self._unreadable.items() if display_path(path) in missing}

    def stop(self) -> None:
        """End the writing of tables for downloads, because the server stops."""
        self._is_stopping = True

    def close(self) -> None:
        """Remove all archives; running transfers keep theirs."""
        with self._lock:
            self._by_key.clear()
            self._by_etag.clear()

    def _raise_if_stopping(self) -> None:
        if self._is_stopping:
            raise WorkCancelled

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
        if assembly.table_files:
            assembly.table_files.check_stop = self._raise_if_stopping
        plan, layout = assembly.plan, assembly.layout
        dependencies.set_plan(plan)
        entity = None if unindexed_files(plan) or not assembly.has_all_tables else Entity(layout)
        if entity:
            hash(entity.etag)  # computes the tag in this thread, before a request needs it
        archive = PlannedArchive(
            plan, layout, assembly.descriptions, assembly.table_files, entity, dependencies.latest_change(plan)
        )
        size_bytes = _memory_bytes(assembly) + _BYTES_PER_PATH * dependencies.path_count
        entry = _CacheEntry(key, archive, Validity.of_plan(dependencies, began_s), size_bytes, time.monotonic())
        if entry.is_whole_of(entry):
            with suppress(LabcrateError):  # the page computes it again, and gets the error
                self._on_whole_plan(plan)
        with self._lock:
            self._store(entry)
        return entry.archive

    def _store(self, entry: _CacheEntry) -> None:
        archive, session_id = entry.archive, entry.key[0]
        if archive.entity:
            etag = archive.entity.etag
            previous = self._by_etag.get((session_id, etag))
            if previous and previous.archive.entity and _have_same_files(previous.archive, archive):
                # The same bytes from the same files: keep the earlier documents and release the new ones.
                entity = previous.archive.entity
                entry.archive = replace(archive, layout=entity.layout, entity=entity)
            self._by_etag[session_id, etag] = entry
        self._by_key[entry.key] = entry
        # Every page of a session needs the whole of it, while its parts come and go.
        needed = {one for one in self._entries() if one is entry or one.is_whole_of(entry)}
        total_bytes = sum(one.size_bytes for one in needed)
        for one in sorted(self._entries() - needed, key=lambda one: -one.last_used_s):
            total_bytes += one.size_bytes
            if total_bytes > MAX_CACHE_BYTES:
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
    """Return whether two assemblies contain the same files of the lab in the same states."""
    return (one.plan.recordings, one.plan.session_files) == (other.plan.recordings, other.plan.session_files)


def _memory_bytes(assembly: Assembly) -> int:
    """Return the approximate memory of an assembly in bytes."""
    documents = sum(len(m.source.data) for m in assembly.layout.members if isinstance(m.source, BytesSource))
    rows = assembly.plan.readings.rows
    readings = 0 if rows is None else rows.memory_bytes
    return documents + readings + _BYTES_PER_MEMBER * len(assembly.descriptions)
