"""Loading the lab's readings of a window from both files as one set, through an index of them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path

from labcrate.messages.message import Message
from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.file_names import CSV_FILE, JSON_FILE
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress
from labcrate.readings.load.selection import SensorSelection
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import BASE_TOPIC, Topics
from labcrate.readings.store.manifest import Manifest
from labcrate.readings.store.part_store import MemoryStore, PartStore
from labcrate.readings.store.readings_index import ReadingsIndex
from labcrate.readings.store.select import select_readings
from labcrate.readings.store.source_state import SourceFile


def load_readings(
    json_file: Path | BufferedIOBase | None,
    csv_file: Path | BufferedIOBase | None,
    window: TimeSpan,
    sensors: Iterable[SelectedSensor] = (),
    devices: Sequence[Device] = (),
    base_topic: str = BASE_TOPIC,
    labels: tuple[str, str] = (JSON_FILE, CSV_FILE),
    zone: str | None = None,
    date_formats: tuple[str, ...] = (),
    store: PartStore | None = None,
    progress: ReadingProgress = NO_READING_PROGRESS,
) -> Readings:
    """Return the readings of ``sensors`` inside ``window`` (both ends included; an open side has no limit).

    Each file is a path, a file open for reading in binary, or None if the lab has none. Without sensors those of all
    are returned. ``devices`` map addresses to names; ``labels`` name the files in problems. ``zone`` is the IANA zone
    of times without one (None: UTC, with a warning); ``date_formats`` are the lab's own, for strptime (check them with
    `date_formats.check_date_format`). A fault becomes one of the problems, never an exception. Implements "Which
    readings" of the archive's specification.

    The index in ``store`` is brought up to date first, and made if there is none; without a store, or if it cannot be
    written, the readings are kept in memory. ``progress`` is called with what is to be read and with the rows that
    were.
    """
    topics = Topics(base_topic, tuple(devices))
    selection = SensorSelection(sensors, topics)
    problems: list[ReadingsProblem] = []
    with ExitStack() as stack:

        def open_source(file: Path | BufferedIOBase | None, label: str) -> SourceFile | None:
            try:
                opened = stack.enter_context(file.open("rb")) if isinstance(file, Path) else file
            except OSError as error:
                what = Message("readings.cannot_read", reason=error.strerror or "input/output error")
                problems.append(ReadingsProblem(label, "", what, fatal=True))
                return None
            return None if opened is None else SourceFile(opened)

        def select(store: PartStore, manifest: Manifest, on_damage: Callable[[], None]) -> Readings:
            return select_readings(store, manifest, window, selection, topics, labels, on_damage)

        json, csv = (open_source(file, label) for file, label in zip((json_file, csv_file), labels, strict=True))
        index = ReadingsIndex(store or MemoryStore(), topics, TimeRules(zone, date_formats), progress)
        readings = index.read(json, csv, select)
    return replace(readings, problems=(*problems, *readings.problems)) if problems else readings
