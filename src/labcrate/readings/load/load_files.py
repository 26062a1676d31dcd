"""Reading both files of readings at once, as one set of readings."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labcrate.messages.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.csv_source import read_csv
from labcrate.readings.load.json_source import read_json
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.selection import SensorSelection
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.source import FileReadings, OpenFile
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import Topics
from labcrate.readings.load.window import slice_readings

ReadingsFile = Path | OpenFile | None


def load_files(
    json_file: ReadingsFile,
    csv_file: ReadingsFile,
    window: TimeSpan,
    selection: SensorSelection,
    topics: Topics,
    labels: tuple[str, str],
    rules: TimeRules,
) -> Readings:
    """Return the readings of the window and of the selected sensors; see `load.load_readings`."""
    json_label, csv_label = labels
    # Parsing the CSV runs mostly outside the interpreter's lock, in parallel with decoding the JSON.
    with ThreadPoolExecutor(max_workers=1) as pool:
        csv = pool.submit(_read, csv_file, csv_label, lambda file: read_csv(file, csv_label, window, topics, rules))
        json = _read(json_file, json_label, lambda file: read_json(file, json_label, window, topics, rules))
        return slice_readings(json, csv.result(), window, selection, topics)


def _read(file: Path | OpenFile | None, label: str, read: Callable[[OpenFile], FileReadings]) -> FileReadings:
    try:
        if file is None:
            return FileReadings()
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return read(opened)
        return read(file)
    except OSError as error:
        what = Message("readings.cannot_read", reason=error.strerror or "input/output error")
        return FileReadings(problems=(ReadingsProblem(label, "", what, fatal=True),))
