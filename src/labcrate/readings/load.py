"""Loading the lab's readings of a window: both files at once, as one."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.csv_source import read_csv
from labcrate.readings.json_source import read_json
from labcrate.readings.problems import Problem
from labcrate.readings.slice import Readings, slice_readings
from labcrate.readings.source import Opened, Source
from labcrate.readings.topics import BASE_TOPIC, Selection, Topics

JSON_FILE = "data/zigbee-data.json"
CSV_FILE = "data/zigbee-sensors.csv"


def load_readings(
    json_file: Path | Opened | None,
    csv_file: Path | Opened | None,
    window: TimeSpan,
    sensors: Iterable[SelectedSensor] = (),
    devices: Sequence[Device] = (),
    base_topic: str = BASE_TOPIC,
    labels: tuple[str, str] = (JSON_FILE, CSV_FILE),
) -> Readings:
    """Load the readings inside ``window`` (both ends included; an open side takes everything) of ``sensors``.

    Each file is a path, a file open for reading in binary, or None if the lab has none. With no sensors those of all
    are taken. ``devices`` tell which address goes by which name; ``labels`` name the files in problems. What cannot be
    read is among the problems, never an exception. Implements "Which readings" of the archive's specification.
    """
    topics = Topics(base_topic, tuple(devices))
    json_label, csv_label = labels
    # Parsing the CSV runs mostly outside the interpreter's lock, so it goes on while the JSON is decoded.
    with ThreadPoolExecutor(max_workers=1) as pool:
        csv = pool.submit(_read, csv_file, csv_label, lambda file: read_csv(file, csv_label, window, topics))
        json = _read(json_file, json_label, lambda file: read_json(file, json_label, window, topics))
        return slice_readings(json, csv.result(), window, Selection(sensors, topics), topics)


def _read(file: Path | Opened | None, label: str, read: Callable[[Opened], Source]) -> Source:
    try:
        if file is None:
            return Source()
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return read(opened)
        return read(file)
    except OSError as error:
        what = f"the file cannot be read ({error.strerror or 'input/output error'}); check its permissions and its disk"
        return Source(problems=(Problem(label, "", what, fatal=True),))
