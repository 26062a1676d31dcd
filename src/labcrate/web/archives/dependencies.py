"""What a plan was made from, to tell later whether it would come out the same."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType

from labcrate.catalog.catalog import INDEX_FILE, Catalog
from labcrate.catalog.state import state_folder
from labcrate.export.contents import Plan
from labcrate.export.inventory import Inventory
from labcrate.export.recorder_files import recorder_entries, recorder_paths
from labcrate.export.session_files import SIDECAR
from labcrate.export.session_time import registered_spans
from labcrate.lab.documents import DEVICES
from labcrate.lab.folder import Entry, Kind, Lab
from labcrate.model.fixity import Identity
from labcrate.model.timespan import from_ns
from labcrate.readings.load import CSV_FILE, JSON_FILE
from labcrate.web.archives.file_states import Look

_MOST_STRANGERS = 5000
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Basis:
    """All that one session's plan depends on; to be noted before the plan is made.

    An archive depends on less than the plan that people see: of what is left out it says nothing. ``readings_bytes``
    is how much had to be read to find the session's readings. ``unhashed`` are the files whose fixity the plan lacks;
    to be set when it is made. ``differing`` says that some hold other bytes than the index has checksums of: a look
    at them again may find them well, and changes the index.
    """

    unhashed: Mapping[str, Identity] = MappingProxyType({})
    differing = False

    def __init__(self, lab: Lab, inventory: Inventory, session_id: str) -> None:
        self._lab, self._session_id = lab, session_id
        self._own = self._whole = inventory
        self._folder = inventory.folder(session_id)
        self._session_files = self._walk()
        own = [entry.path for entry in inventory.linked.get(session_id, ()) if entry.kind is Kind.FILE]
        files = [entry.path for entry in self._session_files]
        beside = [path.rpartition(".")[0] + SIDECAR for path in own]
        self._look = Look(str(lab.root), [DEVICES, JSON_FILE, CSV_FILE, *files, *own, *beside])
        self._add_recorders_files()
        # A recording of no session may turn out to be made at the right time. Where very many lie about, only
        # their coming and going is noticed.
        strangers = [entry.path for entry in inventory.unlinked if entry.kind is Kind.FILE]
        self._strangers = Look(str(lab.root), strangers[:_MOST_STRANGERS])
        self._state_folder = state_folder(lab.root)
        self._index = self._look_at_index()
        self.readings_bytes = sum(_size(lab, path) for path in (JSON_FILE, CSV_FILE))

    def _add_recorders_files(self) -> None:
        """Look at the session's files of recorders."""
        files = self._own.files
        for path, _ in recorder_paths(self._own, [self._session_id]):
            if place := files.place(path):
                self._look.add(place)

    def __len__(self) -> int:
        """How many places there are to look at."""
        return len(self._look)

    def links(self, inventory: Inventory) -> bool:
        """Whether the same files are the session's, whatever is in them by now."""
        if inventory is not self._own:
            if _own_part(inventory, self._session_id) != _own_part(self._own, self._session_id):
                return False
            self._own = inventory
        return True

    def holds(self, inventory: Inventory) -> bool:
        """Whether an archive would have the same bytes, or still none while files have to be read for it."""
        return (
            self.links(inventory)
            and self._look.holds()
            and self._session_files == self._walk()
            and not self._all_hashed()
            and not (self.differing and not self._index.holds())
        )

    def holds_for_people(self, inventory: Inventory) -> bool:
        """Whether the plan would also say the same of everything that is left out."""
        if not self.holds(inventory) or not self._strangers.holds():
            return False
        if inventory is not self._whole:
            if (inventory.linked, inventory.unlinked) != (self._whole.linked, self._whole.unlinked):
                return False
            self._whole = inventory
        return True

    def _all_hashed(self) -> bool:
        """Whether the index has learned everything that the plan lacks: fixity, and what a search for secrets finds.

        Nothing less is worth another plan: while recordings are hashed, the index changes every second.
        """
        if not self.unhashed or self._index.holds():
            return False
        index = self._look_at_index()
        with Catalog.open(self._state_folder) as catalog:
            known = catalog.lookup(self.unhashed)
            fingerprint = self._own.secrets.secrets.fingerprint(catalog.search_key)
        self._index = index
        return all(one.fixity and one.searched(fingerprint) for one in known.values())

    def _look_at_index(self) -> Look:
        return Look(str(self._state_folder), [INDEX_FILE])

    def latest_change(self, plan: Plan) -> datetime:
        """When what the archive is made of was last changed, or something later, but for files that all sessions share.

        Its own dates do not tell that: a recording that is linked later may be older than all the others.
        """
        return max([plan.latest_change, *map(self._changed, self._own_files(plan))])

    def _own_files(self, plan: Plan) -> Iterator[str]:
        yield from (recording.path for recording in plan.recordings)
        yield from (file.path for file in plan.session_files)
        yield from plan.session.described_in
        # What is linked by an entry, or not any more, changes the register, and with it the date of its folder.
        yield self._folder

    def _changed(self, path: str) -> datetime:
        with suppress(OSError):
            return from_ns(os.lstat(self._own.files.place(path) or "").st_ctime_ns)  # a second name changes it too
        return _EARLIEST

    def _walk(self) -> tuple[Entry, ...]:
        return tuple(self._lab.walk(self._folder))


def _size(lab: Lab, path: str) -> int:
    try:
        return lab.identity(path).size_bytes
    except OSError:
        return 0


def _own_part(inventory: Inventory, session_id: str) -> tuple[object, ...]:
    session, own = inventory.book.sessions.get(session_id), inventory.linked.get(session_id, ())
    open_ended = session is None or session.span.start is None or session.span.end is None
    return (
        session,
        own,
        inventory.cameras,
        inventory.devices,
        inventory.settings,
        inventory.recorder_folders,
        recorder_entries(inventory, session_id),
        inventory.rules.prefixes.of_session(session_id),
        tuple(entry for entry in inventory.unlinked if entry.kind is not Kind.FILE),
        session_id in inventory.book.broken,
        tuple(map(str, inventory.problems)),
        registered_spans(inventory, own),
        [(entry.path, inventory.rules.register.of_name(entry.path.rpartition("/")[2])) for entry in own],
        _next_sessions(inventory, session_id) if open_ended else None,
        inventory.secrets.secrets,
    )


def _next_sessions(inventory: Inventory, session_id: str) -> tuple[object, ...]:
    """What bounds a session without an end: the starts of others, and the recordings of those nobody describes."""
    undescribed = {
        other: entries
        for other, entries in inventory.linked.items()
        if other != session_id and other not in inventory.book.sessions
    }
    return inventory.book.starts, undescribed
