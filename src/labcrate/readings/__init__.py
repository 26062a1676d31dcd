"""The lab's sensor readings: loaded from both unified files, cut to a session, written as tables."""

from labcrate.readings.columns import Column, columns
from labcrate.readings.load import CSV_FILE, JSON_FILE, load_readings
from labcrate.readings.long_tables import LONG_COLUMNS, write_sensor_csv, write_sensor_json
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
