"""Load a session's readings and say what is odd about them; name the columns of the platform's tables."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BufferedIOBase, BufferedReader, FileIO
from typing import TYPE_CHECKING

from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.device import Device
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.plan.options import Options
from labcrate.plan.plan import Missing, SessionFile
from labcrate.readings.load.load import CSV_FILE, JSON_FILE, load_readings
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.slice import Readings
from labcrate.readings.write.columns import Column, describe_platform_csv

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


ColumnsOf = Callable[[str, bytes], tuple[Column, ...] | None]
"""The columns of a table, from its path below the session's folder and its beginning; None for an unknown form."""

_HEAD_BYTES = 64 * 1024


def describe_platform_table(name: str, head: bytes) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the reference platform writes into a session's folder; None for any other."""
    try:
        line = head.partition(b"\n")[0].decode("utf-8-sig")
        return describe_platform_csv(name, next(csv.reader([line]), []))
    except (UnicodeDecodeError, csv.Error):
        return None


def with_columns(
    lab: LabFolder, files: Iterable[SessionFile], folder: str, columns_of: ColumnsOf
) -> tuple[SessionFile, ...]:
    """Return the files, the CSVs among them with their columns where their form is known."""
    return tuple(
        replace(file, columns=_columns(lab, file.path, folder, columns_of))
        if file.path.lower().endswith(".csv")
        else file
        for file in files
    )


def _columns(lab: LabFolder, path: str, folder: str, columns_of: ColumnsOf) -> tuple[Column, ...]:
    try:
        with os.fdopen(lab.open(path), "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:  # gone or closed since it was indexed: writing the archive will say so
        return ()
    return columns_of(path.removeprefix(f"{folder}/"), head) or ()


_REPAIR_FILE = "Correct or restore the file, or wait until the lab has finished writing it."


def load_session_readings(
    lab: LabFolder,
    session: Session,
    devices: Sequence[Device],
    window: TimeSpan,
    base_topic: str,
    zone: str | None = None,
    date_formats: tuple[str, ...] = (),
    check: Callable[[], None] = lambda: None,
) -> Readings:
    """The session's readings inside the window; a file that cannot be read is among their problems.

    ``zone`` is the IANA zone of times without one, ``date_formats`` the lab's own formats of times (strptime).
    ``check`` is called as the files are read; what it raises ends that.
    """
    with ExitStack() as stack:
        files: list[BufferedIOBase | None] = []
        open_problems = []
        for path in (JSON_FILE, CSV_FILE):
            try:
                files.append(stack.enter_context(BufferedReader(_InterruptibleFile(lab.open(path), check))))
            except (FileNotFoundError, NotADirectoryError):
                files.append(None)
            except OSError as error:
                files.append(None)
                open_problems.append(
                    ReadingsProblem(path, "", Message("readings.cannot_open", reason=str(error.strerror)), fatal=True)
                )
        readings = load_readings(
            files[0], files[1], window, session.sensors, devices, base_topic, zone=zone, date_formats=date_formats
        )
    return replace(readings, problems=(*open_problems, *readings.problems))


class _InterruptibleFile(FileIO):
    """A file; ``check`` is called before each piece of it is read."""

    def __init__(self, fd: int, check: Callable[[], None]) -> None:
        super().__init__(fd)
        self._check = check

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read a piece."""
        self._check()
        return super().readinto(buffer)


def readings_missing(readings: Readings) -> Iterator[Missing]:
    """The unified files of which nothing could be used."""
    for problem in readings.problems:
        if problem.incomplete:
            place = f"{problem.file}, {problem.where}" if problem.where else problem.file
            yield Missing(place, f"cannot be read: {problem.what}", _remedy(problem))


def _remedy(problem: ReadingsProblem) -> str:
    """What to do about a problem; most of those of whole files say it themselves."""
    if problem.about_dates:
        return "Write the format of its times into labcrate.toml (date_formats), and export again."
    if not problem.fatal:
        return "Correct or restore the row, and export again."
    return "Then export again." if "; " in problem.what else _REPAIR_FILE


def readings_warnings(readings: Readings, options: Options) -> Iterator[str]:
    """What is worth knowing about the readings."""
    whose = time_words(options)
    for problem in readings.problems:
        if not problem.incomplete:
            yield f"{problem}."
    if not len(readings):
        yield no_readings_warning(readings, whose)
    yield from map(str, readings.ambiguous_sensors)
    for name in readings.absent_sensors:
        yield absent_sensor_warning(name)
    for name in readings.silent_sensors:
        yield silent_sensor_warning(name, whose)


def time_words(options: Options) -> str:
    """Name the time that readings are taken from: the session's, or the chosen one."""
    return "the session's time" if options.span == TimeSpan() else "the chosen time"


def absent_sensor_warning(name: str) -> str:
    """Say of a selected sensor that the lab has nothing of it."""
    return f'Sensor "{printable(name)}" was selected, and the lab has no reading of a sensor of that name.'


def silent_sensor_warning(name: str, whose: str) -> str:
    """Say of a selected sensor that it sent nothing in a time, named by ``whose``."""
    return f'Sensor "{printable(name)}" was selected, and it sent nothing in {whose}.'


def no_readings_warning(readings: Readings, whose: str) -> str:
    """Say that a time, named by ``whose``, holds no reading, and what the lab has beside it."""
    if not readings.lab.total:
        return "The lab has no sensor readings at all."
    about = f"No sensor reading lies inside {whose}; the lab has {readings.lab.total:,}"
    if readings.of_other_sensors:
        return f"{about}, and {readings.of_other_sensors:,} inside that time are of sensors that were not selected."
    nearest = f", the nearest at {format_instant(readings.lab.nearest)}" if readings.lab.nearest else ""
    return f"{about}{nearest}."


def involved_devices(devices: Iterable[Device], session: Session, readings: Readings) -> tuple[Device, ...]:
    """The devices that the session selected or that sent a reading, in the lab's order."""
    involved = {readings.topics.owner_of(own, whole)[0] for own, whole in readings.kinds}
    involved |= {name for sensor in session.sensors for name in (sensor.id, sensor.name) if name}
    return tuple(d for d in devices if {d.id, d.id.lower(), d.name} & involved)
