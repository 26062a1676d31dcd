"""The lab's sensor readings: loaded from both unified files, cut to a session, written as tables.

Every name is imported on first use: the writers load Polars, which is not wanted where there is nothing to write.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labcrate.readings.columns import LONG_COLUMNS, Column, columns
    from labcrate.readings.load import CSV_FILE, JSON_FILE, load_readings
    from labcrate.readings.long_tables import write_sensor_csv, write_sensor_json
    from labcrate.readings.problems import Problem
    from labcrate.readings.slice import LabCounts, Readings
    from labcrate.readings.tables import write_zigbee_csv, write_zigbee_json
    from labcrate.readings.topics import BASE_TOPIC, device_id

__all__ = [
    "BASE_TOPIC",
    "CSV_FILE",
    "JSON_FILE",
    "LONG_COLUMNS",
    "Column",
    "LabCounts",
    "Problem",
    "Readings",
    "columns",
    "device_id",
    "load_readings",
    "write_sensor_csv",
    "write_sensor_json",
    "write_zigbee_csv",
    "write_zigbee_json",
]

# Where each name above is defined; hidden from type checkers, which read the imports instead.
if not TYPE_CHECKING:
    _HOMES = {
        "columns": ("LONG_COLUMNS", "Column", "columns"),
        "load": ("CSV_FILE", "JSON_FILE", "load_readings"),
        "long_tables": ("write_sensor_csv", "write_sensor_json"),
        "problems": ("Problem",),
        "slice": ("LabCounts", "Readings"),
        "tables": ("write_zigbee_csv", "write_zigbee_json"),
        "topics": ("BASE_TOPIC", "device_id"),
    }

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"labcrate.readings.{home}"), name)
        raise AttributeError(f"module 'labcrate.readings' has no attribute {name!r}")
