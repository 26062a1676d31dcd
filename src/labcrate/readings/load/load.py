"""Loading the lab's readings of a window: both files at once, as one."""

from collections.abc import Iterable, Sequence
from io import BufferedIOBase
from pathlib import Path

from labcrate.model.device import Device
from labcrate.model.session import SelectedSensor
from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.selection import SensorSelection
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.time_rules import TimeRules
from labcrate.readings.load.topics import BASE_TOPIC, Topics

JSON_FILE = "data/zigbee-data.json"
CSV_FILE = "data/zigbee-sensors.csv"


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
) -> Readings:
    """Load the readings inside ``window`` (both ends included; an open side takes everything) of ``sensors``.

    Each file is a path, a file open for reading in binary, or None if the lab has none. With no sensors those of all
    are taken. ``devices`` tell which address goes by which name; ``labels`` name the files in problems. ``zone`` is the
    IANA zone of times that have none (None: UTC, with a warning); ``date_formats`` are the lab's own, as of strptime
    (check them with `date_formats.check_date_format`). What cannot be read is among the problems, never an exception.
    Implements "Which readings" of the archive's specification.
    """
    topics = Topics(base_topic, tuple(devices))
    selection = SensorSelection(sensors, topics)
    if json_file is None and csv_file is None:
        return Readings(window=window, topics=topics, absent_sensors=selection.match_topics(()).sensors_without(()))
    # Loads Polars: not for a lab without readings.
    from labcrate.readings.load.load_files import load_files  # noqa: PLC0415

    rules = TimeRules(zone, date_formats)
    return load_files(json_file, csv_file, window, selection, topics, labels, rules)
