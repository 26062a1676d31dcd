"""Find the earliest and latest time in the sensor files of a session's own folder, in their column ``timestamp``.

These are the files that the reference platform writes there: ``sensor_data/*_sensors.csv``,
``sensor_data/sensor_readings.csv`` and ``.json``, ``mqtt_data/session_42_mqtt_traffic.csv``.
"""

import codecs
import csv
import fnmatch
import io
import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

import msgspec
from msgspec import Struct

from labcrate.errors import DocumentError
from labcrate.lab.folder import SENSOR_DATA, EntryKind, LabFolder
from labcrate.lab.instants import read_instant
from labcrate.messages.message import Message
from labcrate.model.session_bound import EndSource, TimedFile

MQTT_DATA = "mqtt_data"

_COLUMN = "timestamp"
_LONGEST_LINE = 1 << 20
_DELIMITERS = ",;\t"
_COMMON_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII)


class SensorTimes(Struct, frozen=True):
    """The times of each sensor file, the errors of files, and whether times without a zone were read as UTC."""

    files: tuple[TimedFile, ...] = ()
    problems: tuple[DocumentError, ...] = ()
    assumed_utc: bool = False


class _TimestampRow(msgspec.Struct):
    timestamp: Any = None


class _ReadingsDocument(msgspec.Struct):
    readings: list[_TimestampRow] | None = None


_DECODER = msgspec.json.Decoder(_ReadingsDocument | list[_TimestampRow])


def read_sensor_times(lab: LabFolder, session_id: str, session_folder: str, zone: str | None = None) -> SensorTimes:
    """Return the times of the platform's sensor files in a session's folder; those without a zone are in ``zone``.

    Rows without a valid time are ignored; a file in which no row has a valid time is a problem.
    """
    files, problems, assumed_utc = [], [], False
    for path in _find_files(lab, session_id, session_folder):
        latest = _LatestTime(zone)
        try:
            fd = lab.open(path)
            with os.fdopen(fd, "rb") as file:
                _read_json(file, latest) if path.endswith(".json") else _read_csv(file, latest)
        except OSError as error:
            problems.append(DocumentError(path, "", Message("lab.file_unreadable", reason=error.strerror)))
            continue
        except _NoTimesError as error:
            problems.append(DocumentError(path, "", error.message))
            continue
        if latest.instant is not None:
            files.append(TimedFile(path, EndSource.SENSOR_FILE, latest.instant, latest.first))
            assumed_utc |= latest.assumed_utc
        elif latest.unreadable:
            problems.append(DocumentError(path, "", Message("lab.sensor_file_no_time")))
    return SensorTimes(tuple(files), tuple(problems), assumed_utc)


class _NoTimesError(Exception):
    """A file without a list of times."""

    def __init__(self, message: Message) -> None:
        self.message = message
        super().__init__(message)


class _LatestTime:
    """The latest of many times; ``first`` is the earliest, ``unreadable`` counts invalid times."""

    def __init__(self, zone: str | None) -> None:
        self.instant: datetime | None = None
        self.first: datetime | None = None
        self.assumed_utc = False
        self.unreadable = 0
        self._zone = zone
        self._low = self._high = ""

    def add(self, value: Any) -> None:
        """Add one time."""
        usual = type(value) is str and _COMMON_FORM.fullmatch(value) is not None
        # Texts of this form sort as their times do, so a text between two parsed ones need not be parsed.
        if usual and self._low <= value <= self._high:
            return
        try:
            read = read_instant(value, self._zone)
        except ValueError:
            self.unreadable += 1
            return
        self.assumed_utc |= read.has_no_zone and self._zone is None
        if usual:
            self._low, self._high = min(self._low or value, value), max(self._high, value)
        if self.instant is None or read.instant > self.instant:
            self.instant = read.instant
        if self.first is None or read.instant < self.first:
            self.first = read.instant


def _find_files(lab: LabFolder, session_id: str, session_folder: str) -> Iterator[str]:
    """Yield the paths of the platform's sensor files in a session's folder; links are not followed."""
    for entry in lab.walk(f"{session_folder}/{SENSOR_DATA}"):
        folder, _, name = entry.path.rpartition("/")
        ours = name in ("sensor_readings.csv", "sensor_readings.json") or fnmatch.fnmatchcase(name, "*_sensors.csv")
        if entry.kind is EntryKind.FILE and ours and folder == f"{session_folder}/{SENSOR_DATA}" and name[0] != ".":
            yield entry.path
    traffic = f"session_{session_id}_mqtt_traffic.csv"
    for entry in lab.walk(f"{session_folder}/{MQTT_DATA}"):
        if entry.kind is EntryKind.FILE and entry.path == f"{session_folder}/{MQTT_DATA}/{traffic}":
            yield entry.path


def _read_json(file: io.BufferedReader, latest: _LatestTime) -> None:
    # Read, not mapped: if the platform truncated a mapped file, the process would end with SIGBUS.
    text = file.read().removeprefix(codecs.BOM_UTF8)
    if not text:
        return
    try:
        document = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NoTimesError(Message("lab.sensor_file_no_list")) from None
    rows = document.readings or [] if isinstance(document, _ReadingsDocument) else document
    for row in rows:
        if row.timestamp is not None:
            latest.add(row.timestamp)


def _read_csv(file: io.BufferedReader, latest: _LatestTime) -> None:
    """Read each line on its own, so that a row cut off by a crash does not affect the rows after it."""
    begin = file.peek(4)[:2]
    encoding = "utf-16" if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with io.TextIOWrapper(file, encoding=encoding, errors="replace") as text:
        header = text.readline(_LONGEST_LINE)
        if not header.strip():
            return
        for delimiter in _DELIMITERS:
            names = [name.strip().lower() for name in _cells(header, delimiter)]
            if _COLUMN in names:
                _read_rows(text, delimiter, names.index(_COLUMN), latest)
                return
    raise _NoTimesError(Message("lab.sensor_file_no_column", column=_COLUMN))


def _read_rows(text: TextIO, delimiter: str, at: int, latest: _LatestTime) -> None:
    while line := text.readline(_LONGEST_LINE):
        if at == 0:
            cell = line.partition(delimiter)[0].strip().strip('"')
        else:
            cells = _cells(line, delimiter)
            cell = cells[at].strip() if at < len(cells) else ""
        if cell:
            latest.add(cell)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a null byte, or a field that never ends
        return []
