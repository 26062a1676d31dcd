"""The index of readings: whatever the files of a lab become, it gives what reading them whole gives."""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load import csv_source, json_source, json_stream
from labcrate.readings.load.segments import SourceSegment
from labcrate.readings.load.slice import Readings
from labcrate.readings.store import folder_store, part_store, parts, row_collector
from labcrate.readings.store.folder_store import FolderStore
from labcrate.readings.store.load import load_readings

BEGIN = datetime(2025, 5, 2, 8, tzinfo=UTC)
MIDDLE = TimeSpan(BEGIN + timedelta(hours=9), BEGIN + timedelta(hours=25))
TOPICS = ("zigbee2mqtt/kitchen/a", "zigbee2mqtt/b", "zigbee2mqtt/b/availability")


def make_pieces_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every segment, run and part hold a few rows, as if the files were large."""
    monkeypatch.setattr(json_source.read_json, "__defaults__", (None, 100))
    monkeypatch.setattr(json_source, "_LINES_BYTES", 300)
    monkeypatch.setattr(json_stream, "PIECE_BYTES", 300)
    monkeypatch.setattr(json_stream, "_MERGE_BYTES", 100)
    monkeypatch.setattr(csv_source.read_csv, "__defaults__", (None, 300))
    monkeypatch.setattr(csv_source, "_SMALL", 150)
    monkeypatch.setattr(parts, "PART_READINGS", 6)
    monkeypatch.setattr(parts, "_FEW_READINGS", 2)
    monkeypatch.setattr(row_collector.RowCollector.__init__, "__defaults__", (500,))
    monkeypatch.setattr(part_store, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(folder_store, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(parts, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(folder_store, "_BLOCK_ROWS", 3)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every piece small in each test."""
    make_pieces_small(monkeypatch)


Message = tuple[str, str, dict[str, Any]]


def timestamps() -> st.SearchStrategy[str]:
    """Return times within two days, mostly distinct, in UTC, and a few that cannot be read."""
    seconds = st.integers(0, 170_000).map(lambda s: (BEGIN + timedelta(seconds=s)).isoformat().replace("+00:00", "Z"))
    return st.one_of(seconds, seconds, seconds, seconds, st.just("soon"))


def messages(*, local: bool) -> st.SearchStrategy[list[Message]]:
    """Return messages; ``local``: some of their times have no zone and lie around the end of summer time."""
    times = timestamps()
    if local:
        autumn = datetime(2025, 10, 26, 0, 30)  # noqa: DTZ001
        times = st.one_of(times, st.integers(0, 240).map(lambda m: (autumn + timedelta(minutes=m)).isoformat()))
    payloads = st.fixed_dictionaries({"t": st.integers(0, 3)}, optional={"u": st.sampled_from(["é", 1.50, {"x": [1]}])})
    return st.lists(st.tuples(times, st.sampled_from(TOPICS), payloads), max_size=12)


def as_topics(some: list[Message]) -> str:
    """Return the platform's JSON."""
    by_topic: dict[str, list[Any]] = {}
    for time, topic, payload in some:
        by_topic.setdefault(topic, []).append({"timestamp": time, "payload": payload})
    return json.dumps({"messages": by_topic, "topics": list(by_topic)}, ensure_ascii=False, indent=1)


def as_lines(some: list[Message]) -> str:
    """Return one message per line."""
    rows = [{"timestamp": time, "topic": topic, "payload": payload} for time, topic, payload in some]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_list(some: list[Message]) -> str:
    """Return a flat list."""
    rows = [{"timestamp": time, "topic": topic, "payload": payload} for time, topic, payload in some]
    return json.dumps(rows, ensure_ascii=False)


def as_csv(some: list[Message]) -> str:
    """Return the platform's CSV."""
    rows = []
    for time, topic, payload in some:
        text = json.dumps(payload, ensure_ascii=False).replace('"', '""')
        rows.append(f'"{time}","{topic}","{topic}","{text}"\n')
    return "timestamp,topic,device_id,payload\n" + "".join(rows)


@st.composite
def states(draw: st.DrawFn) -> list[tuple[str | None, str | None]]:
    """Return what the two files of a lab are, one after another: they grow, are rewritten, torn, deleted."""
    of = messages(local=draw(st.booleans()))
    write = draw(st.sampled_from([as_topics, as_topics, as_lines, as_list]))
    every = draw(of)
    found: list[tuple[str | None, str | None]] = []
    for _ in range(draw(st.integers(1, 4))):
        match draw(st.sampled_from(["grow", "grow", "grow", "drop", "replace", "behind", "torn", "gone"])):
            case "grow":
                every = every + draw(of)
            case "drop":
                every = every[draw(st.integers(0, len(every))) :]
            case "replace":
                every = draw(of)
            case "behind":
                found.append((write(every), as_csv(every[:-1])))
                continue
            case "torn":
                text, table = write(every), as_csv(every)
                cut = draw(st.integers(0, 40))
                found.append((text[: len(text) - cut], table[: max(40, len(table) - cut)]))
                continue
            case "gone":
                found.append((None, as_csv(every)) if draw(st.booleans()) else (write(every), None))
                continue
        found.append((write(every), as_csv(every)))
    return found


def load(folder: Path, index: Path | None, **options: Any) -> Readings:
    """Return the readings of the files in a folder, with or without an index."""
    files = [path if (path := folder / name).exists() else None for name in ("z.json", "z.csv")]
    store = None if index is None else FolderStore(index)
    return load_readings(files[0], files[1], options.pop("window", TimeSpan()), store=store, **options)


def write(folder: Path, name: str, text: str | None) -> None:
    """Write or delete a file."""
    if text is None:
        (folder / name).unlink(missing_ok=True)
    else:
        (folder / name).write_text(text, encoding="utf-8")


def assert_same(one: Readings, other: Readings) -> None:
    """Check that both have the same rows, counts and problems."""
    assert one.frame.equals(other.frame)
    assert (one.lab, one.both, one.only_json, one.only_csv) == (other.lab, other.both, other.only_json, other.only_csv)
    assert list(map(str, one.problems)) == list(map(str, other.problems))
    assert (one.first, one.last, one.topic_kinds) == (other.first, other.last, other.topic_kinds)
    assert one.counts_per_device == other.counts_per_device


@settings(max_examples=rounds(25, 300), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    every=states(),
    window=st.sampled_from([TimeSpan(), TimeSpan(BEGIN + timedelta(hours=9), BEGIN + timedelta(hours=25))]),
)
def test_an_index_that_grew_is_one_that_was_made_of_the_whole_files(every: Any, window: TimeSpan) -> None:
    """After every change of the files, rows, counts and problems are those of reading the files for the first time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for text, table in every:
            write(folder, "z.json", text)
            write(folder, "z.csv", table)
            options: dict[str, Any] = {"window": window, "zone": "Europe/Madrid"}
            assert_same(load(folder, folder / "index", **options), load(folder, None, **options))


def bigger(folder: Path, rows: int = 40) -> Callable[[int], None]:
    """Return a function that writes both files with so many rows."""

    def grow(count: int) -> None:
        some = [
            ((BEGIN + timedelta(minutes=n)).isoformat().replace("+00:00", "Z"), TOPICS[n % 2], {"t": n})
            for n in range(count)
        ]
        write(folder, "z.json", as_topics(some))
        write(folder, "z.csv", as_csv(some))

    grow(rows)
    return grow


def test_what_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a CSV that grew, only the rows from the last segment on are parsed; the parts before stay as they are."""
    grow = bigger(tmp_path, 400)
    index = tmp_path / "index"
    load(tmp_path, index)
    before = {path.name for path in index.glob("*.parquet")}
    read: list[int] = []
    add = row_collector.RowCollector.add

    def count_rows(self: row_collector.RowCollector, segment: SourceSegment, number: int) -> None:
        read.append(segment.info.rows)
        add(self, segment, number)

    monkeypatch.setattr(row_collector.RowCollector, "add", count_rows)
    grow(403)
    readings = load(tmp_path, index)
    assert len(readings) == 403
    assert sum(read) < 40
    assert len(before & {path.name for path in index.glob("*.parquet")}) > len(before) - 4
