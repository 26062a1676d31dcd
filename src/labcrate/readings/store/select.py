"""Choosing the readings of a window and of some sensors from an index."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.selection import SelectedTopics, SensorSelection
from labcrate.readings.load.slice import LabCounts, Readings
from labcrate.readings.load.timestamps import instant_at
from labcrate.readings.load.topics import TopicOwners, Topics
from labcrate.readings.store.faults import source_problems
from labcrate.readings.store.index_rows import CutPart, IndexRows, cut_rows, window_limits
from labcrate.readings.store.manifest import KindCount, Manifest, PartInfo
from labcrate.readings.store.part_store import PartStore
from labcrate.readings.store.parts import count_kinds
from labcrate.readings.store.repeated_hours import decode_repeated
from labcrate.readings.store.update import lab_kinds


def select_readings(
    store: PartStore,
    manifest: Manifest,
    window: TimeSpan,
    selection: SensorSelection,
    topics: Topics,
    labels: tuple[str, str],
    on_damage: Callable[[], None] = lambda: None,
) -> Readings:
    """Return the readings of the window and of the selected sensors; ``labels`` name the files in problems.

    Raises IndexDamagedError.
    """
    start, end = window_limits(window)
    parts = list(_parts_inside(store, manifest.parts, start, end))
    kinds, made = lab_kinds(manifest.sources)
    kinds |= {(topic, True) for topic in made if topic not in manifest.renamed}
    inside = {(one.topic, one.whole) for part in parts for one in part.kinds}
    kinds |= inside
    owners, selected = TopicOwners(topics, kinds), selection.match_topics(kinds)
    chosen = [kind for kind in inside if selected.includes(*kind)]
    rows = IndexRows(store, parts, {kind: owners.device_id(*kind) for kind in inside}, chosen, on_damage)
    total_inside = sum(one.rows for part in parts for one in part.kinds)
    absent = selected.sensors_without(list(kinds))
    return Readings(
        rows=rows,
        window=window,
        topics=topics,
        both=rows.both,
        only_json=rows.json,
        only_csv=rows.csv,
        of_other_sensors=total_inside - rows.height,
        absent_sensors=absent,
        silent_sensors=tuple(label for label in selected.sensors_without(chosen) if label not in absent),
        ambiguous_sensors=selected.ambiguous_sensors,
        lab=_lab_counts(store, manifest, start, end, total_inside),
        problems=tuple(_problems(manifest, window, labels, selected)),
    )


def _parts_inside(store: PartStore, parts: Iterable[PartInfo], start: int | None, end: int | None) -> Iterator[CutPart]:
    for part in parts:
        if (start is not None and part.end_us < start) or (end is not None and part.start_us > end):
            continue
        from_us = start if start is not None and part.start_us < start else None
        to_us = end if end is not None and part.end_us > end else None
        if from_us is None and to_us is None:
            yield CutPart(part, part.kinds)
        else:
            kinds = _countcut_rows(store, part, from_us, to_us)
            if kinds:
                yield CutPart(part, kinds, from_us, to_us)


def _countcut_rows(store: PartStore, part: PartInfo, start: int | None, end: int | None) -> tuple[KindCount, ...]:
    rows = store.read_part(part, ["us", "topic", "payload", "json_segment", "csv_segment"])
    return tuple(count_kinds(cut_rows(rows, start, end)))


def _problems(
    manifest: Manifest, window: TimeSpan, labels: tuple[str, str], selected: SelectedTopics
) -> Iterator[ReadingsProblem]:
    def is_selected(topic: str) -> bool:
        return selected.includes(topic, True) or selected.includes(topic, False)

    repeated = decode_repeated(manifest.repeated)
    for source, label, is_json in zip(manifest.sources, labels, (True, False), strict=True):
        own = repeated.filter(pl.col("is_json") == is_json)
        yield from source_problems(source, label, window, own, is_selected)


def _lab_counts(store: PartStore, manifest: Manifest, start: int | None, end: int | None, inside: int) -> LabCounts:
    counts = [one for part in manifest.parts for one in part.kinds]
    both, json, csv = (sum(getattr(one, name) for one in counts) for name in ("both", "json", "csv"))
    parts = manifest.parts
    return LabCounts(
        json=both + json,
        csv=both + csv,
        total=both + json + csv,
        no_readings=_count_no_readings(manifest),
        first=instant_at(parts[0].start_us) if parts else None,
        last=instant_at(parts[-1].end_us) if parts else None,
        nearest=None if inside else _nearest(store, parts, start, end),
    )


def _count_no_readings(manifest: Manifest) -> int:
    """Return the number of messages that are no readings; of a topic in both files, that of the file with more."""
    counts: dict[str, int] = {}
    for source in manifest.sources:
        own: dict[str, int] = {}
        for segment in source.segments:
            for topic, count in segment.no_readings.items():
                own[topic] = own.get(topic, 0) + count
        for topic, count in own.items():
            counts[topic] = max(counts.get(topic, 0), count)
    return sum(counts.values())


def _nearest(store: PartStore, parts: Sequence[PartInfo], start: int | None, end: int | None) -> datetime | None:
    """Return the time of the reading closest to a window without any; the earlier one of two that are as close."""
    found: list[tuple[int, int]] = []
    for part in parts:
        times = [part.start_us, part.end_us]
        if start is not None and end is not None and part.start_us < start and part.end_us > end:
            times = store.read_part(part, ["us"])["us"].to_list()
        for us in times:
            if start is not None and us < start:
                found.append((start - us, us))
            if end is not None and us > end:
                found.append((us - end, us))
    return instant_at(min(found)[1]) if found else None
