"""Archives that are laid out and wait for whoever asks for a part of them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from weakref import WeakValueDictionary

from labcrate.archive.entity import Entity
from labcrate.archive.layout import BytesSource
from labcrate.catalog.index import Ending, Progress
from labcrate.config import ServeSettings
from labcrate.export.build import Assembly
from labcrate.export.inventory import Inventory
from labcrate.export.plan import CHECK_AGAIN, refuse_incomplete
from labcrate.export.prepare import prepared
from labcrate.export.secrecy import refuse_secrets
from labcrate.lab.folder import Lab
from labcrate.model.fixity import Identity
from labcrate.plan.options import Options
from labcrate.web.basis import Basis
from labcrate.web.snapshot import BELIEVED_SECONDS, LARGE, Snapshot

KEPT_SECONDS = 3600.0
"""How long an archive stands after it was last asked for."""

KEPT_BYTES = 64 << 20
"""How much memory all standing archives may take; the one that was asked for last stands in any case."""

_MEMBER_BYTES = 4096
_MANY_READINGS_BYTES = 64 << 20

Key = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class Archive:
    """One session's archive: its plan and its bytes, and the last change of what it is made of."""

    assembly: Assembly
    entity: Entity
    modified: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """What an export would hold, with its exact size; ``archive`` is None where whole files have to be read first."""

    assembly: Assembly
    archive: Archive | None

    def checked(self, *, allow_incomplete: bool) -> "Planned":
        """Itself. Raises IncompleteError where anything is missing, unless that is allowed.

        Raises SecretsError where a file holds a secret that is neither taken out nor allowed.
        """
        if not allow_incomplete:
            refuse_incomplete(self.assembly.plan.session, self.assembly.plan.missing)
        refuse_secrets(self.assembly.plan.session.id, self.assembly.plan.secrecy)
        return self


@dataclass(slots=True, eq=False)
class _Place:
    """A plan that stands; ``entity`` is None while the fixity of a file in it is not known."""

    key: Key
    assembly: Assembly
    entity: Entity | None
    basis: Basis
    size_bytes: int
    modified: datetime
    asked: float
    believed_until: float = 0.0

    def archive(self) -> Archive | None:
        """The archive, where its bytes are known."""
        return Archive(self.assembly, self.entity, self.modified) if self.entity else None

    def planned(self) -> Planned:
        """The plan, with the archive where that can be had."""
        return Planned(self.assembly, self.archive())

    def fresh(self, inventory: Inventory, *, for_people: bool) -> bool:
        """Whether making it again would come to the same."""
        now = time.monotonic()
        if now < self.believed_until and self.basis.links(inventory):
            return True
        check = self.basis.holds_for_people if for_people else self.basis.holds
        if not check(inventory):
            return False
        if len(self.basis) > LARGE:
            self.believed_until = time.monotonic() + BELIEVED_SECONDS
        return True


class Standing:
    """All archives that stand ready. Methods read the disk: call them in a worker thread, several at a time may."""

    def __init__(self, lab: Lab, snapshot: Snapshot, settings: ServeSettings) -> None:
        self._lab, self._snapshot, self._settings = lab, snapshot, settings
        self._lock = threading.Lock()
        self._current: dict[Key, _Place] = {}
        self._archives: dict[tuple[str, str], _Place] = {}
        self._flights: WeakValueDictionary[tuple[Key, str], _Flight] = WeakValueDictionary()

    def plan(
        self, session_id: str, options: Options, *, for_people: bool = True, progress: Progress | None = None
    ) -> Planned:
        """The plan as of now, kept or made; nothing is hashed for it. What ``progress`` raises ends the making.

        ``for_people``: it also says the same of everything that is left out, of which an archive says nothing.
        Raises what Planner.plan does.
        """
        key = (session_id, options)
        with self._flight(key, "planning"):
            kept = self.kept(session_id, options, for_people=for_people)
            return kept or self._made(key, hashed=False, progress=progress).planned()

    def kept(self, session_id: str, options: Options, *, for_people: bool = True) -> Planned | None:
        """The plan if it stands ready, and making it again would come to the same; that is only looked at."""
        place = self._current.get((session_id, options))
        if place is None or not place.fresh(self._snapshot.inventory(), for_people=for_people):
            return None
        place.asked = time.monotonic()
        return place.planned()

    def linked(self, session_id: str, options: Options) -> Planned | None:
        """The plan that stands if the same files are the session's, whatever is in them by now."""
        place = self._current.get((session_id, options))
        return place.planned() if place and place.basis.links(self._snapshot.inventory()) else None

    def archive(
        self, session_id: str, options: Options, *, allow_incomplete: bool = False, progress: Progress | None = None
    ) -> Archive:
        """The archive as of now; files whose fixity is not known are read first, and ``progress`` is told.

        What ``progress`` raises ends the reading. Raises what Planner.plan does.
        """
        key = (session_id, options)
        found = self._at_once(key, progress, allow_incomplete=allow_incomplete)
        if found is None:
            with self._flight(key, "hashing"):
                found = self._at_once(key, progress, allow_incomplete=allow_incomplete)  # another may have been first
                if found is None:
                    made = self._made(key, hashed=True, allow_incomplete=allow_incomplete, progress=progress)
                    found = made.archive()
        if found is None:
            raise AssertionError(f"session {session_id} was hashed, and a file's fixity is not known")
        return found

    def by_etag(self, session_id: str, etag: str) -> Archive | None:
        """The archive with just these bytes, if it still stands ready: what a resumed download asks for.

        Whether its files are still what they were is seen when they are read.
        """
        with self._lock:
            place = self._archives.get((session_id, etag))
            if place is None:
                return None
            place.asked = time.monotonic()
            return place.archive()

    def forget(self, archive: Archive) -> None:
        """Let go of an archive that can no longer be read as it was planned."""
        with self._lock:
            for session_id, etag in [at for at, place in self._archives.items() if place.entity is archive.entity]:
                self._drop(self._archives[session_id, etag])

    def drop_file(self, path: str) -> None:
        """Let go of everything that packs a file, because it turned out to hold other bytes."""
        with self._lock:
            for place in {*self._current.values(), *self._archives.values()}:
                if any(one.path == path for one in place.assembly.plan.copied):
                    self._drop(place)

    def tidy(self) -> None:
        """Let go of those that nobody has asked for in an hour."""
        with self._lock:
            for place in {*self._current.values(), *self._archives.values()}:
                if place.asked < time.monotonic() - KEPT_SECONDS:
                    self._drop(place)

    def close(self) -> None:
        """Let go of all of them; transfers that run keep what they need."""
        with self._lock:
            self._current.clear()
            self._archives.clear()

    def _at_once(self, key: Key, progress: Progress | None, *, allow_incomplete: bool) -> Archive | None:
        """The archive, or None where whole files have to be read first; ``progress`` hears of those alone."""
        found = self.plan(*key, for_people=False, progress=progress and Ending(progress))
        return found.checked(allow_incomplete=allow_incomplete).archive

    def _made(
        self, key: Key, *, hashed: bool, allow_incomplete: bool = True, progress: Progress | None = None
    ) -> _Place:
        began = time.monotonic()
        session_id, options = key
        inventory = self._snapshot.inventory(messages=True)
        basis = Basis(self._lab, inventory, session_id)
        with self._lock:
            same = [place for (other, _), place in self._current.items() if other == session_id]
        with prepared(
            self._lab, session_id, options, hashed=hashed, allow_incomplete=allow_incomplete, progress=progress,
            workers=self._settings.workers, inventory=inventory, hurry=True, refuse=hashed,
            standing=[place.assembly for place in same],
        ) as assembly:  # fmt: skip
            basis.unhashed = _unhashed(assembly)
            basis.differing = any(one.command == CHECK_AGAIN for one in assembly.plan.missing)
            entity = None if basis.unhashed else Entity(assembly.layout)
            if entity:
                hash(entity.etag)  # computed now, not while somebody waits
        changed = basis.latest_change(assembly.plan)
        place = _Place(key, assembly, entity, basis, _size_of(assembly), changed, time.monotonic())
        if basis.readings_bytes > _MANY_READINGS_BYTES and not hashed:
            # A sensor message that comes every second must not have the server do nothing but plan.
            place.believed_until = 2 * time.monotonic() - began
        with self._lock:
            self._keep(place)
        return place

    def _keep(self, place: _Place) -> None:
        before = place.entity and self._archives.get((place.key[0], place.entity.etag))
        if before and before.entity and _same_files(before.assembly, place.assembly):
            # The same bytes out of the same files: the documents that stand already are kept, the new ones are not.
            place.entity = before.entity
            place.assembly = replace(place.assembly, layout=before.entity.layout)
        self._current[place.key] = place
        if place.entity:
            self._archives[place.key[0], place.entity.etag] = place
        standing = sorted({*self._current.values(), *self._archives.values()}, key=lambda one: -one.asked)
        taken = 0
        for one in standing:
            taken += one.size_bytes
            if taken > KEPT_BYTES and one is not place:
                self._drop(one)

    def _drop(self, place: _Place) -> None:
        if self._current.get(place.key) is place:
            del self._current[place.key]
        if place.entity and self._archives.get((place.key[0], place.entity.etag)) is place:
            del self._archives[place.key[0], place.entity.etag]

    @contextmanager
    def _flight(self, key: Key, what: str) -> Iterator[None]:
        """Those who want the same wait for one another: the first does the work."""
        with self._lock:
            flight = self._flights.setdefault((key, what), _Flight())
        with flight.lock:
            yield


class _Flight:
    """Work on one archive that only one thread does at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def _unhashed(assembly: Assembly) -> dict[str, Identity]:
    """The files in it whose fixity is not known, or that were not searched for secrets."""
    return {file.path: file.identity for file in assembly.plan.copied if file.fixity is None or file.search is None}


def _same_files(one: Assembly, other: Assembly) -> bool:
    """Whether two assemblies take the lab's files in the same states."""
    return (one.plan.recordings, one.plan.session_files) == (other.plan.recordings, other.plan.session_files)


def _size_of(assembly: Assembly) -> int:
    """About how much memory an assembly takes."""
    documents = sum(len(m.source.data) for m in assembly.layout.members if isinstance(m.source, BytesSource))
    rows = assembly.plan.readings.rows
    readings = 0 if rows is None else int(rows.estimated_size())
    return documents + readings + _MEMBER_BYTES * len(assembly.parts)
