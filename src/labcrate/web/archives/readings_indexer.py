"""The background index of sensor messages, so that the first plan of a session reads only what was appended since.

It gives way to every plan and job: these need the same index, and show how much of it was read.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from labcrate.errors import LabcrateError
from labcrate.model.fixity import Identity
from labcrate.plan.inventory import Inventory
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.plan.message_secrets import collect_message_secrets
from labcrate.plan.readings_index import IndexedReadings, are_readings_indexed, index_readings, reading_file_states
from labcrate.readings.load.file_names import JSON_FILE
from labcrate.secrets.lab_secrets import LabSecrets, read_secrets
from labcrate.secrets.matcher import Matcher

_CERTAIN_AFTER_S = 3.0
"""The time in seconds after a change of a file within which another change may leave the file's times as they are."""

_TIME_FACTOR = 20
"""Of this much time, reading messages takes at most one part: a lab whose sensors always send keeps no core busy."""


class WorkPostponed(Exception):  # noqa: N818 - not an error
    """Raised while messages are read, when a plan or job needs the index itself."""


class ReadingsIndexer:
    """Keeps the index of readings up to date; ``step`` reads what has changed since the last one.

    ``is_needed`` is whether a plan or job is being made, which has priority; ``check`` is called often while messages
    are read, and what it raises ends that. Both clocks are in seconds, as those of the `Indexer`.
    """

    def __init__(
        self,
        is_needed: Callable[[], bool],
        check: Callable[[], None],
        base_topic: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_needed, self._check, self._base_topic = is_needed, check, base_topic
        self._clock, self._wall_clock = clock, wall_clock
        self._next_at_s = 0.0
        self._indexed_for: object = None
        self._secrets: LabSecrets | None = None
        self.is_reading, self.bytes_left = False, 0
        self.failures: tuple[tuple[str, str], ...] = ()

    def step(self, inventory: Inventory) -> None:
        """Read the messages that arrived since the last step, if it is time to. Raises what ``check`` raises."""
        if self._clock() < self._next_at_s or self._is_needed() or not are_readings_indexed(inventory.lab):
            return
        states = reading_file_states(inventory.lab)
        settings = inventory.settings
        depends_on = (
            states,
            inventory.devices,
            inventory.zone,
            settings.base_topic,
            settings.date_formats,
            inventory.secrets.secrets,
        )
        if depends_on == self._indexed_for:
            return
        began_s, self.is_reading = self._clock(), True
        try:
            found = self._index(inventory)
        except WorkPostponed:
            return
        except LabcrateError as error:
            self.failures = ((JSON_FILE, str(error)),)
            return
        finally:
            self.is_reading, self.bytes_left = False, 0
            self._next_at_s = self._clock() + _TIME_FACTOR * (self._clock() - began_s)
        self.failures = tuple((one.file, inventory.cleaner.text(one.what)) for one in found.unreadable)
        # Another message may arrive without a change of a file's times.
        self._indexed_for = depends_on if all(map(self._is_certain, states.values())) else None

    def begin(self, total_bytes: int) -> None:
        """Add to the bytes that are to be read."""
        self.bytes_left += total_bytes

    def advance(self, size_bytes: int, rows: int) -> None:  # noqa: ARG002 - bytes are counted
        """Count what was read. Raises as ``step`` does."""
        self.bytes_left = max(0, self.bytes_left - size_bytes)

    def _index(self, inventory: Inventory) -> IndexedReadings:
        # Searched here, they need not be searched before the next plan.
        collect = partial(collect_message_secrets, check=self._stop_or_postpone)
        self._secrets = read_secrets(inventory.lab, self._secrets or inventory.secrets, collect)
        if self._secrets.secrets != inventory.secrets.secrets:
            cleaner = LabCleaner(Matcher(self._secrets.secrets))
            inventory = replace(inventory, secrets=self._secrets, cleaner=cleaner)
        return index_readings(inventory, self._base_topic, self._stop_or_postpone, self)

    def _stop_or_postpone(self) -> None:
        self._check()
        if self._is_needed():
            raise WorkPostponed

    def _is_certain(self, state: Identity) -> bool:
        return abs(self._wall_clock() - state.mtime_ns / 1e9) >= _CERTAIN_AFTER_S
