"""How long a cached plan is valid: while nothing changes that it depends on."""

import time
from dataclasses import dataclass

from labcrate.plan.inventory import Inventory
from labcrate.web.archives import page_waits
from labcrate.web.archives.dependencies import Dependencies
from labcrate.web.archives.inventory_cache import MANY_FILES, RECHECK_AFTER_S

_SLOW_READINGS_BYTES = 64 << 20


@dataclass(slots=True, eq=False)
class Validity:
    """What a plan depends on; ``valid_until_s`` and ``page_until_s`` are times of the monotonic clock.

    Until ``page_until_s`` it may be shown on a page although the content of its files has changed.
    """

    dependencies: Dependencies
    valid_until_s: float = 0.0
    page_until_s: float = 0.0

    @staticmethod
    def of_plan(dependencies: Dependencies, began_s: float) -> "Validity":
        """Return the validity of a plan that was begun at a time and is finished now."""
        now_s = time.monotonic()
        made = Validity(dependencies)
        if dependencies.readings_bytes > _SLOW_READINGS_BYTES:
            # A sensor message every second must not cause planning all the time.
            made.valid_until_s = 2 * now_s - began_s
        if now_s - began_s > page_waits.READINGS_WAIT_S:
            made.page_until_s = now_s + page_waits.MAX_AGE_S
        return made

    def is_current(self, inventory: Inventory, *, whole_plan: bool = True, for_page: bool = False) -> bool:
        """Return whether a new plan would be the same; ``for_page`` allows an old one for a short time."""
        now_s = time.monotonic()
        until_s = max(self.valid_until_s, self.page_until_s) if for_page else self.valid_until_s
        if now_s < until_s and self.dependencies.links_unchanged(inventory):
            return True
        same = self.dependencies.plan_unchanged if whole_plan else self.dependencies.archive_unchanged
        if not same(inventory):
            return False
        if len(self.dependencies) > MANY_FILES:
            self.valid_until_s = time.monotonic() + RECHECK_AFTER_S
        return True
