"""What a plan was made from, to tell later whether it would come out the same."""

from labcrate.catalog.catalog import INDEX_FILE
from labcrate.catalog.state import state_folder
from labcrate.export.inventory import Inventory
from labcrate.lab.documents import DEVICES
from labcrate.lab.folder import SENSOR_DATA, SESSIONS, Entry, Kind, Lab
from labcrate.readings.load import CSV_FILE, JSON_FILE
from labcrate.web.looking import Look

_MOST_STRANGERS = 5000


class Basis:
    """All that one session's plan depends on; to be noted before the plan is made.

    An archive depends on less than the plan that people see: of what is left out it says nothing. ``readings_bytes``
    is how much had to be read to find the session's readings.
    """

    def __init__(self, lab: Lab, inventory: Inventory, number: int) -> None:
        self._lab, self._number = lab, number
        self._own = self._whole = inventory
        self._sensor_files = self._walk()
        own = [entry.path for entry in inventory.linked.get(number, ()) if entry.kind is Kind.FILE]
        files = [entry.path for entry in self._sensor_files]
        self._look = Look(str(lab.root), [DEVICES, JSON_FILE, CSV_FILE, *files, *own])
        # A recording of no session may turn out to be made at the right time. Where very many lie about, only
        # their coming and going is noticed.
        strangers = [entry.path for entry in inventory.unlinked if entry.kind is Kind.FILE]
        self._strangers = Look(str(lab.root), strangers[:_MOST_STRANGERS])
        self._index = Look(str(state_folder(lab.root)), [INDEX_FILE])
        self.readings_bytes = sum(_size(lab, path) for path in (JSON_FILE, CSV_FILE))

    def __len__(self) -> int:
        """How many places there are to look at."""
        return len(self._look)

    def links(self, inventory: Inventory) -> bool:
        """Whether the same files are the session's, whatever is in them by now."""
        if inventory is not self._own:
            if _own_part(inventory, self._number) != _own_part(self._own, self._number):
                return False
            self._own = inventory
        return True

    def holds(self, inventory: Inventory, *, indexed: bool) -> bool:
        """Whether an archive would have the same bytes.

        ``indexed``: every fixity was known, so that nothing which the index learns would make a difference.
        """
        return (
            self.links(inventory)
            and self._look.holds()
            and self._sensor_files == self._walk()
            and (indexed or self._index.holds())
        )

    def holds_for_people(self, inventory: Inventory, *, indexed: bool) -> bool:
        """Whether the plan would also say the same of everything that is left out."""
        if not self.holds(inventory, indexed=indexed) or not self._strangers.holds():
            return False
        if inventory is not self._whole:
            if (inventory.linked, inventory.unlinked) != (self._whole.linked, self._whole.unlinked):
                return False
            self._whole = inventory
        return True

    def _walk(self) -> tuple[Entry, ...]:
        return tuple(self._lab.walk(f"{SESSIONS}/Session{self._number}/{SENSOR_DATA}"))


def _size(lab: Lab, path: str) -> int:
    try:
        return lab.identity(path).size_bytes
    except OSError:
        return 0


def _own_part(inventory: Inventory, number: int) -> tuple[object, ...]:
    return (
        inventory.book.sessions.get(number),
        inventory.linked.get(number, ()),
        inventory.cameras,
        inventory.prefixes.names,
        tuple(entry for entry in inventory.unlinked if entry.kind is not Kind.FILE),
        number in inventory.book.broken,
    )
