"""A cache of outlines: plans of sessions without their readings, which are made without reading a sensor message."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from labcrate.export.prepare import inventory_in_zone, outline_from_index
from labcrate.index.indexing import Progress
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.plan.options import Options
from labcrate.plan.plan import Plan
from labcrate.web.archives.dependencies import Dependencies
from labcrate.web.archives.file_states import FileStates
from labcrate.web.archives.inventory_cache import InventoryCache
from labcrate.web.archives.validity import Validity

MAX_OUTLINES = 16
"""The maximum number of outlines that are kept."""

_Key = tuple[str, Options]


@dataclass(frozen=True, slots=True)
class _Outline:
    plan: Plan
    validity: Validity


class OutlineCache:
    """The latest outlines of sessions. Methods read the disk: call them in worker threads, also at the same time.

    ``unreadable`` returns the files that are not tried again, as in ``Planner``; ``workers`` is the number of files
    that are read at once (None: one per core).
    """

    def __init__(
        self,
        inventories: InventoryCache,
        unreadable: Callable[[], Mapping[str, tuple[Identity, Message]]],
        workers: int | None = None,
    ) -> None:
        self._inventories, self._unreadable, self._workers = inventories, unreadable, workers
        self._lock = threading.Lock()
        self._cached: OrderedDict[_Key, _Outline] = OrderedDict()

    def get(self, session_id: str, options: Options, *, for_page: bool = False) -> Plan | None:
        """Return the cached outline if it is current; ``for_page`` allows an old one as ``Validity.is_current``."""
        found = self._find(session_id, options)
        same = found and found.validity.is_current(self._inventories.inventory(), for_page=for_page)
        return found.plan if found and same else None

    def get_with_same_links(self, session_id: str, options: Options) -> Plan | None:
        """Return the cached outline, if the same files are linked to the session; their content may have changed."""
        found = self._find(session_id, options)
        same = found and found.validity.dependencies.links_unchanged(self._inventories.inventory())
        return found.plan if found and same else None

    def plan(self, session_id: str, options: Options, progress: Progress) -> Plan:
        """Return the outline of a session, made if its inputs changed. Raises what Planner.plan does."""
        if current := self.get(session_id, options):
            return current
        began_s = time.monotonic()
        inventory = self._inventories.inventory()
        dependencies = Dependencies(inventory, FileStates(), session_id)
        plan = outline_from_index(
            dependencies.tracked_inventory(inventory_in_zone(inventory, options.time_zone)),
            session_id,
            options,
            progress=progress,
            workers=self._workers,
            unreadable=self._unreadable(),
        )
        dependencies.set_plan(plan)
        with self._lock:
            self._cached[session_id, options] = _Outline(plan, Validity.of_plan(dependencies, began_s))
            while len(self._cached) > MAX_OUTLINES:
                self._cached.popitem(last=False)
        return plan

    def _find(self, session_id: str, options: Options) -> _Outline | None:
        with self._lock, suppress(KeyError):
            self._cached.move_to_end((session_id, options))
            return self._cached[session_id, options]
        return None
