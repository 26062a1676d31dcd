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
from labcrate.lab.lab_files import source_of
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory
from labcrate.plan.options import Options
from labcrate.plan.planner import refuse_incomplete
from labcrate.plan.secrecy import refuse_secrets
from labcrate.web.archives.dependencies import Dependencies
from labcrate.web.archives.inventory_cache import BELIEVED_SECONDS, LARGE, InventoryCache

KEPT_SECONDS = 3600.0
"""How long an archive is kept after the last request for it."""

KEPT_BYTES = 64 << 20
"""How much memory all archives may take; the one of the last request is kept in any case."""

_MEMBER_BYTES = 4096
_PLACE_BYTES = 512
_MANY_READINGS_BYTES = 64 << 20

Key = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class Archive(Assembly):
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

    def checked(self, *, allow_incomplete: bool) -> "Archive":
        """Return itself. Raises IncompleteError where anything is missing, unless that is allowed.

        Raises SecretsError where a file holds a secret that is neither taken out nor allowed.
        """
        if not allow_incomplete:
            refuse_incomplete(self.plan.session, self.plan.missing)
        refuse_secrets(self.plan.session.id, self.plan.secrecy)
        return self


@dataclass(slots=True, eq=False)
class _Entry:
    """An archive that is kept; ``asked`` and ``believed_until`` are seconds of the monotonic clock."""

    key: Key
    archive: Archive
    dependencies: Dependencies
    size_bytes: int
    asked: float
    believed_until: float = 0.0

    def holds(self, inventory: Inventory, *, for_people: bool) -> bool:
        """Return whether a plan made now would come to the same."""
        now = time.monotonic()
        if now < self.believed_until and self.dependencies.same_links(inventory):
            return True
        same = self.dependencies.same_plan if for_people else self.dependencies.same_archive
        if not same(inventory):
            return False
        if len(self.dependencies) > LARGE:
            self.believed_until = time.monotonic() + BELIEVED_SECONDS
        return True

    def packs(self, path: str) -> bool:
        """Return whether a file is part of the archive."""
        return any(one.path == path for one in self.archive.plan.copied)


class ArchiveCache:
    """The latest archives of sessions. Methods read the disk: call them in a worker thread, several at a time may.

    ``workers`` is how many files a plan looks into at once (None: one per core).
    """

    def __init__(self, inventories: InventoryCache, workers: int | None = None) -> None:
        self._inventories, self._workers = inventories, workers
        self._lock = threading.Lock()
        self._current: dict[Key, _Entry] = {}
        self._by_etag: dict[tuple[str, str], _Entry] = {}
        self._unreadable: dict[str, tuple[Identity, str]] = {}

    def plan(
        self, session_id: str, options: Options, *, for_people: bool = True, progress: Progress | None = None
    ) -> Archive:
        """Return the archive as of now, planned if its inputs changed. What ``progress`` raises ends the planning.

        ``for_people``: its plan also says the same of everything that is left out, of which the bytes say nothing.
        Raises what Planner.plan does.
        """
        kept = self.kept(session_id, options, for_people=for_people)
        return kept or self._make((session_id, options), progress or Progress())

    def kept(self, session_id: str, options: Options, *, for_people: bool = True) -> Archive | None:
        """Return the archive that is kept, if a plan made now would come to the same."""
        entry = self._current.get((session_id, options))
        if entry is None or not entry.holds(self._inventories.inventory(), for_people=for_people):
            return None
        entry.asked = time.monotonic()
        return entry.archive

    def linked(self, session_id: str, options: Options) -> Archive | None:
        """Return the archive that is kept, if the same files are the session's, whatever is in them by now."""
        entry = self._current.get((session_id, options))
        same = entry and entry.dependencies.same_links(self._inventories.inventory())
        return entry.archive if entry and same else None

    def by_etag(self, session_id: str, etag: str) -> Archive | None:
        """Return the archive with just these bytes, if it is still kept: what a resumed download asks for.

        Whether its files are still what they were is seen when they are read.
        """
        with self._lock:
            entry = self._by_etag.get((session_id, etag))
            if entry is None:
                return None
            entry.asked = time.monotonic()
            return entry.archive

    def forget(self, archive: Archive) -> None:
        """Drop an archive that can no longer be read as it was planned."""
        with self._lock:
            for entry in [one for one in self._by_etag.values() if one.archive.entity is archive.entity]:
                self._drop(entry)

    def drop_file(self, path: str) -> None:
        """Drop everything that packs a file, because it turned out to hold other bytes."""
        with self._lock:
            for entry in self._entries():
                if entry.packs(path):
                    self._drop(entry)

    def leave_out(self, unreadable: Mapping[str, tuple[Identity, str]]) -> None:
        """Have plans say that files are missing which cannot be read, by path: the state of each, and why."""
        self._unreadable = {**self._unreadable, **unreadable}
        for path in unreadable:
            self.drop_file(path)

    def tidy(self) -> None:
        """Drop what was not asked for in an hour."""
        with self._lock:
            for entry in self._entries():
                if entry.asked < time.monotonic() - KEPT_SECONDS:
                    self._drop(entry)
            kept = {one.what for entry in self._entries() for one in entry.archive.plan.missing}
            self._unreadable = {path: one for path, one in self._unreadable.items() if source_of(path) in kept}

    def close(self) -> None:
        """Drop all of them; transfers that run keep what they need."""
        with self._lock:
            self._current.clear()
            self._by_etag.clear()

    def _make(self, key: Key, progress: Progress) -> Archive:
        began = time.monotonic()
        session_id, options = key
        inventory, messages = self._inventories.with_messages()
        dependencies = Dependencies(inventory, messages, session_id)
        with self._lock:
            same_session = [entry.archive for (other, _), entry in self._current.items() if other == session_id]
        assembly = prepare_from_index(
            dependencies.recorded(inventory_in_zone(inventory, options.time_zone)),
            session_id,
            options,
            progress=progress,
            workers=self._workers,
            unreadable=self._unreadable,
            same_session=same_session,
        )
        plan, layout = assembly.plan, assembly.layout
        dependencies.take_plan(plan)
        entity = None if unindexed_files(plan) else Entity(layout)
        if entity:
            hash(entity.etag)  # computed now, not while a request waits
        archive = Archive(plan, layout, assembly.parts, entity, dependencies.latest_change(plan))
        size_bytes = _size_of(assembly) + _PLACE_BYTES * dependencies.places
        entry = _Entry(key, archive, dependencies, size_bytes, time.monotonic())
        if dependencies.readings_bytes > _MANY_READINGS_BYTES:
            # A sensor message that comes every second must not have the server do nothing but plan.
            entry.believed_until = 2 * time.monotonic() - began
        with self._lock:
            self._keep(entry)
        return entry.archive

    def _keep(self, entry: _Entry) -> None:
        archive, session_id = entry.archive, entry.key[0]
        if archive.entity:
            etag = archive.entity.etag
            before = self._by_etag.get((session_id, etag))
            if before and before.archive.entity and _same_files(before.archive, archive):
                # The same bytes out of the same files: the documents that are kept already stay, the new ones do not.
                entity = before.archive.entity
                entry.archive = replace(archive, layout=entity.layout, entity=entity)
            self._by_etag[session_id, etag] = entry
        self._current[entry.key] = entry
        taken = 0
        for one in sorted(self._entries(), key=lambda one: -one.asked):
            taken += one.size_bytes
            if taken > KEPT_BYTES and one is not entry:
                self._drop(one)

    def _entries(self) -> set[_Entry]:
        return {*self._current.values(), *self._by_etag.values()}

    def _drop(self, entry: _Entry) -> None:
        if self._current.get(entry.key) is entry:
            del self._current[entry.key]
        entity = entry.archive.entity
        if entity and self._by_etag.get((entry.key[0], entity.etag)) is entry:
            del self._by_etag[entry.key[0], entity.etag]


def _same_files(one: Assembly, other: Assembly) -> bool:
    """Return whether two assemblies take the lab's files in the same states."""
    return (one.plan.recordings, one.plan.session_files) == (other.plan.recordings, other.plan.session_files)


def _size_of(assembly: Assembly) -> int:
    """Return about how many bytes of memory an assembly takes."""
    documents = sum(len(m.source.data) for m in assembly.layout.members if isinstance(m.source, BytesSource))
    rows = assembly.plan.readings.rows
    readings = 0 if rows is None else int(rows.estimated_size())
    return documents + readings + _MEMBER_BYTES * len(assembly.parts)
