"""Bringing an index of readings up to date with both files of a lab: what did not change is not read again."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count

import polars as pl

from labcrate.messages.message import Message
from labcrate.readings.load.csv_source import read_csv
from labcrate.readings.load.json_source import read_json
from labcrate.readings.load.json_stream import OtherFormError
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress
from labcrate.readings.load.segment_rows import ReadContext
from labcrate.readings.load.segments import SegmentInfo
from labcrate.readings.load.source_file import FileRead, OpenFile
from labcrate.readings.load.topics import TopicKind, TopicOwners, Topics, device_id
from labcrate.readings.store.manifest import Manifest, SourceInfo
from labcrate.readings.store.part_store import IndexDamagedError, PartStore
from labcrate.readings.store.parts import write_parts
from labcrate.readings.store.repeated_hours import (
    choose_instants,
    chosen_rows,
    decode_repeated,
    encode_repeated,
    repeated_rows,
)
from labcrate.readings.store.row_collector import RowCollector
from labcrate.readings.store.source_state import SourceFile


class _ReadAgainError(Exception):
    """Rows that were read already have another meaning now: all must be read again."""


def update_index(
    store: PartStore,
    old: Manifest | None,
    json: SourceFile | None,
    csv: SourceFile | None,
    topics: Topics,
    context: ReadContext,
    progress: ReadingProgress = NO_READING_PROGRESS,
) -> Manifest:
    """Return an index of the files as they are; None is a file that the lab does not have.

    ``progress`` is called with what is to be read and with the rows that were. New parts are written to ``store``;
    saving the index is left to the caller. Raises IndexWriteError.
    """
    at_once = False
    while True:
        update = _Update(store, old or Manifest(), topics, context, progress, at_once=at_once)
        try:
            return update.run(json, csv)
        except OtherFormError:
            old, at_once = None, True
        except (_ReadAgainError, IndexDamagedError):
            old = None
        finally:
            update.close()


@dataclass(slots=True)
class _NewSource:
    """One file as it is read; ``unchanged_before`` counts the unchanged segments before each of the new ones."""

    collector: RowCollector
    info: SourceInfo
    new: list[SegmentInfo] = field(default_factory=list)
    unchanged_before: list[int] = field(default_factory=list)
    repeated: list[pl.DataFrame] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)

    def in_file_order(self, unchanged: Sequence[SegmentInfo]) -> tuple[SegmentInfo, ...]:
        """Return all segments in the order of the file, so that faults are in one order however it was read."""
        found: list[SegmentInfo] = []
        done = 0
        for info, before in zip(self.new, self.unchanged_before, strict=True):
            found += [*unchanged[done:before], info]
            done = before
        return (*found, *unchanged[done:])


class _Update:
    def __init__(
        self,
        store: PartStore,
        old: Manifest,
        topics: Topics,
        context: ReadContext,
        progress: ReadingProgress,
        *,
        at_once: bool,
    ) -> None:
        self._store, self._old, self._topics, self._context, self._at_once = store, old, topics, context, at_once
        self._progress = progress
        self._sources = [_NewSource(RowCollector(store), SourceInfo()) for _ in range(2)]

    def close(self) -> None:
        """Delete what was written for the time of the update."""
        for source in self._sources:
            source.collector.delete()

    def run(self, json: SourceFile | None, csv: SourceFile | None) -> Manifest:
        """Return the new index."""
        ids = count(self._old.next_id)
        unread = [
            file
            for file, old in ((json, self._old.json), (csv, self._old.csv))
            if file is not None and not file.is_known(old.state)
        ]
        self._progress.begin(sum(found[0] for file in unread if (found := file.stat())))
        # Parsing the CSV runs mostly outside the interpreter's lock, in parallel with decoding the JSON.
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(self._read, self._sources[1], csv, self._old.csv, ids, is_json=False)
            try:
                self._read(self._sources[0], json, self._old.json, ids, is_json=True)
            finally:
                other.exception()
            other.result()
        sources = [source.info for source in self._sources]
        if not any(source.new or source.dropped for source in self._sources):
            return replace(self._old, json=sources[0], csv=sources[1])
        renamed = renamed_topics(sources, self._topics)
        if renamed != self._old.renamed and self._old.parts:
            raise _ReadAgainError
        repeated = self._resolve_repeated()
        for source, is_json in zip(self._sources, (True, False), strict=True):
            new_ids = [one.id for one in source.new]
            rows = chosen_rows(repeated, is_json=is_json)
            source.collector.add_rows(rows.filter(rows["segment"].is_in(new_ids)))
            if renamed:
                source.collector.rename_topics(renamed)
            source.collector.finish()
        olds = (self._old.json, self._old.csv)
        dropped = [
            [one for one in old.segments if one.id in source.dropped]
            for old, source in zip(olds, self._sources, strict=True)
        ]
        collectors = [source.collector for source in self._sources]
        parts = write_parts(self._store, self._old.parts, collectors[0], collectors[1], dropped)
        return Manifest(sources[0], sources[1], tuple(parts), renamed, encode_repeated(repeated), next(ids))

    def _read(
        self, source: _NewSource, file: SourceFile | None, old: SourceInfo, ids: Iterator[int], *, is_json: bool
    ) -> None:
        """Read one file: compare the known segments, and collect the rows of the others."""
        known_ids = {one.id for one in old.segments}
        if file is None:
            source.dropped = known_ids
            return
        if file.is_known(old.state):
            source.info = old
            return
        state = file.state()
        before = file.stat()
        try:
            read = self._read_segments(source, file, old, ids, is_json=is_json)
        except OSError as error:
            source.collector.delete()
            source.new.clear()
            source.unchanged_before.clear()
            source.repeated.clear()
            source.dropped = known_ids
            what = Message("readings.cannot_read", reason=error.strerror or "input/output error")
            source.info = SourceInfo(fatal=("", what), exists=True)
            return
        file.has_changed = file.stat() != before
        source.dropped = known_ids - {one.id for one in read.unchanged}
        source.info = SourceInfo(
            None if file.has_changed else state,
            read.form,
            read.in_time_order,
            source.in_file_order(read.unchanged),
            read.faults,
            read.fatal,
            exists=True,
        )

    def _read_segments(
        self, source: _NewSource, file: SourceFile, old: SourceInfo, ids: Iterator[int], *, is_json: bool
    ) -> FileRead:
        if file.file.seekable():
            file.file.seek(0)
        read = self._open(file.file, old.as_known() if old.exists else None, is_json=is_json)
        for segment in read.new_segments:
            info = replace(segment.info, id=next(ids))
            source.new.append(info)
            source.unchanged_before.append(len(read.unchanged))
            source.collector.add(segment, info.id)
            if segment.rows["second"].null_count() < segment.rows.height:
                source.repeated.append(repeated_rows(segment, info.id, is_json=is_json))
            self._progress.advance(0, info.rows)
        return read

    def _open(self, file: OpenFile, known: FileRead | None, *, is_json: bool) -> FileRead:
        if is_json:
            return read_json(file, self._context, known, at_once=self._at_once)
        return read_csv(file, self._context, known)

    def _resolve_repeated(self) -> pl.DataFrame:
        """Return all rows whose time occurs twice, decided. Raises _ReadAgainError if one was decided otherwise."""
        old = decode_repeated(self._old.repeated)
        gone = [one for source in self._sources for one in source.dropped]
        old = old.filter(~old["segment"].is_in(gone))
        new = [frame for source in self._sources for frame in source.repeated]
        if not old.height and not new:
            return old
        every = pl.concat([old, *new])
        sources = [
            (is_json, source.info.segments, source.info.in_time_order)
            for source, is_json in zip(self._sources, (True, False), strict=True)
        ]
        decided = choose_instants(every, sources)
        key = ["is_json", "segment", "place"]
        before = old.select(*key, "is_second").sort(key)
        now = decided.join(before, on=key, how="semi").select(*key, "is_second").sort(key)
        if not before.equals(now):
            raise _ReadAgainError
        return decided


def renamed_topics(sources: Sequence[SourceInfo], topics: Topics) -> dict[str, str]:
    """Return the topics that were made from a device_id, with the topic of that device, if the lab has only one."""
    kinds, made = lab_kinds(sources)
    missing = made - {topic for topic, _ in kinds}
    if not missing:
        return {}
    owners = TopicOwners(topics, kinds)
    found = {topic: owners.topic_of(device_id(topic, topics.base)) for topic in missing}
    return {topic: name for topic, name in found.items() if name is not None}


def lab_kinds(sources: Sequence[SourceInfo]) -> tuple[set[TopicKind], set[str]]:
    """Return the kinds of all topics that rows name, and the topics made from a device_id."""
    kinds: set[TopicKind] = set()
    made: set[str] = set()
    for source in sources:
        own = {topic for segment in source.segments for topic in segment.made_topics}
        kinds |= {kind for segment in source.segments for kind in segment.kinds if kind[0] not in own}
        made |= own
    return kinds, made
