"""The index of one lab's readings: which one fits, how it is brought up to date, and what happens if it cannot be."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import msgspec

from labcrate.messages.message import Message
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress
from labcrate.readings.load.segment_rows import ReadContext, ReadingTopics
from labcrate.readings.load.segments import Effect, RowFault
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import Topics
from labcrate.readings.store.manifest import Manifest, SourceInfo
from labcrate.readings.store.part_store import IndexDamagedError, IndexWriteError, MemoryStore, PartStore
from labcrate.readings.store.source_state import SourceFile
from labcrate.readings.store.update import update_index

_MOST_READS = 4
"""How often files that change while they are read are read again."""

KEEPS_CHANGING = Message("readings.keeps_changing")

Select = Callable[[PartStore, Manifest, Callable[[], None]], Readings]
"""Returns readings of an index in a store; the last argument deletes the index if it is damaged."""


class ReadingsIndex:
    """An index of readings in a store.

    It depends on the base topic and the names of devices, which show what is a reading, on the lab's formats of times,
    and, if some times have no zone, on the zone that these are read in.
    """

    def __init__(
        self, store: PartStore, topics: Topics, rules: TimeRules, progress: ReadingProgress = NO_READING_PROGRESS
    ) -> None:
        self._store, self._topics, self._progress = store, topics, progress
        self._context = ReadContext(ReadingTopics(topics), rules)
        named = msgspec.json.encode([topics.base, sorted(topics.names), rules.date_formats])
        self._key = sha256(named).hexdigest()[:24]
        self._zone_key = f"{self._key}-{sha256((rules.zone or '').encode()).hexdigest()[:8]}"

    def read(self, json: SourceFile | None, csv: SourceFile | None, select: Select) -> Readings:
        """Bring the index up to date with both files of the lab, and return what ``select`` finds in it.

        None is a file that the lab does not have. If the index cannot be written, the readings are kept in memory.
        """
        try:
            for _ in range(2):
                with self._store.lock():
                    manifest = self._update(self._store, json, csv)
                try:
                    return select(self._store, manifest, self.delete)
                except IndexDamagedError:
                    self.delete()
        except IndexWriteError:
            pass
        memory = MemoryStore()
        return select(memory, self._update(memory, json, csv), lambda: None)

    def delete(self) -> None:
        """Delete the index."""
        for key in (self._key, self._zone_key):
            self._store.delete(key)

    def _update(self, store: PartStore, json: SourceFile | None, csv: SourceFile | None) -> Manifest:
        # Times without a zone may appear later: then the index is one of this zone.
        old = store.load(self._zone_key) or store.load(self._key)
        before = new = update_index(store, old, json, csv, self._topics, self._context, self._progress)
        for _ in range(_MOST_READS - 1):
            if not any(file is not None and file.has_changed for file in (json, csv)):
                break
            before, new = new, update_index(store, new, json, csv, self._topics, self._context, self._progress)
        if new != old:
            key, other = self._key, self._zone_key
            if new.has_local_times:
                key, other = other, key
            store.save(key, new)
            store.delete(other)
        # This is not stored: the next load reads the file again.
        return replace(
            new,
            json=_with_doubt(json, before.json, new.json),
            csv=_with_doubt(csv, before.csv, new.csv),
        )


def _with_doubt(file: SourceFile | None, before: SourceInfo, last: SourceInfo) -> SourceInfo:
    """Return a file with the fault that it changed at every read, so that its rows may be of several moments.

    One that only grew has no such fault: all but the last segment of each stream were the same at two reads.
    """
    if file is None or not file.has_changed or last.fatal is not None:
        return last
    same = {one.id for one in last.segments} & {one.id for one in before.segments}
    may_grow = {one.stream: one.id for one in before.segments}.values()
    size_bytes, size_before = (sum(one.size_bytes for one in info.segments) for info in (last, before))
    if same and size_bytes > size_before and all(one.id in same or one.id in may_grow for one in before.segments):
        return last
    return replace(last, faults=(*last.faults, RowFault(KEEPS_CHANGING, "", Effect.ALWAYS)))
