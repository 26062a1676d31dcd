"""Loading the lab's readings of a window from both files as one set."""

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
    """Return the readings of ``sensors`` inside ``window`` (both ends included; an open side has no limit).

    Each file is a path, a file open for reading in binary, or None if the lab has none. Without sensors those of all
    are returned. ``devices`` map addresses to names; ``labels`` name the files in problems. ``zone`` is the IANA zone
    of times without one (None: UTC, with a warning); ``date_formats`` are the lab's own, for strptime (check them with
    `date_formats.check_date_format`). A fault becomes one of the problems, never an exception. Implements "Which
    readings" of the archive's specification.
    """
    topics = Topics(base_topic, tuple(devices))
    selection = SensorSelection(sensors, topics)
    if json_file is None and csv_file is None:
        return Readings(window=window, topics=topics, absent_sensors=selection.match_topics(()).sensors_without(()))
    # Imports Polars, which a lab without readings does not need.
    from labcrate.readings.load.load_files import load_files  # noqa: PLC0415

    rules = TimeRules(zone, date_formats)
    return load_files(json_file, csv_file, window, selection, topics, labels, rules)
