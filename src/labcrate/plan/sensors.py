"""Load a session's readings, warn about them, and describe the columns of the platform's tables."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BufferedIOBase, BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.model.device import Device
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan, format_instant
from labcrate.plan.options import Options
from labcrate.plan.plan import Missing, SessionFile
from labcrate.readings.load.file_names import CSV_FILE, JSON_FILE
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress
from labcrate.readings.load.selection import SensorSelection
from labcrate.readings.load.slice import Readings
from labcrate.readings.load.topics import Topics
from labcrate.readings.write.columns import Column, describe_platform_csv

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


ColumnsOf = Callable[[str, bytes], tuple[Column, ...] | None]
"""Returns the columns of a table by its path below the session's folder and its beginning; None if unknown."""

_HEAD_BYTES = 64 * 1024
_LARGE_BYTES = 1 << 20


def are_many_bytes(size_bytes: int) -> bool:
    """Return whether files of readings of this size in all get an index; smaller ones are read as fast as one."""
    return size_bytes >= _LARGE_BYTES


def describe_platform_table(name: str, head: bytes) -> tuple[Column, ...] | None:
    """Return the columns of a CSV that the reference platform writes into a session's folder, None for another."""
    try:
        line = head.partition(b"\n")[0].decode("utf-8-sig")
        return describe_platform_csv(name, next(csv.reader([line]), []))
    except (UnicodeDecodeError, csv.Error):
        return None


def with_columns(
    lab: LabFolder, files: Iterable[SessionFile], folder: str, columns_of: ColumnsOf
) -> tuple[SessionFile, ...]:
    """Return the files, with the columns of CSVs that have a known form."""
    return tuple(
        msgspec.structs.replace(file, columns=_columns(lab, file.path, folder, columns_of))
        if file.path.lower().endswith(".csv")
        else file
        for file in files
    )


def _columns(lab: LabFolder, path: str, folder: str, columns_of: ColumnsOf) -> tuple[Column, ...]:
    try:
        with os.fdopen(lab.open(path), "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:  # deleted or closed since it was indexed: writing the archive reports that
        return ()
    return columns_of(path.removeprefix(f"{folder}/"), head) or ()


def readings_index_folder(lab: LabFolder) -> Path:
    """Return the folder of a lab's index of readings. Raises CatalogError."""
    return state_folder(lab.root) / "readings"


def load_session_readings(
    lab: LabFolder,
    session: Session,
    devices: Sequence[Device],
    window: TimeSpan,
    base_topic: str,
    zone: str | None = None,
    date_formats: tuple[str, ...] = (),
    check: Callable[[], None] = lambda: None,
    progress: ReadingProgress = NO_READING_PROGRESS,
    index_folder: Path | None = None,
) -> Readings:
    """Return the session's readings inside the window; a file that cannot be read is among their problems.

    ``zone`` is the IANA zone of times without one, ``date_formats`` the lab's own formats of times (strptime).
    ``check`` is called while the files are read; an exception that it raises stops that. ``progress`` counts what is
    read. The index of large files is in ``index_folder``; None makes one in memory, as for small files.
    """
    with ExitStack() as stack:
        files: list[BufferedIOBase | None] = []
        open_problems = []
        for path in (JSON_FILE, CSV_FILE):
            try:
                file = _ObservedFile(lab.open(path), check, progress)
                files.append(stack.enter_context(BufferedReader(file)))
            except (FileNotFoundError, NotADirectoryError):
                files.append(None)
            except OSError as error:
                files.append(None)
                open_problems.append(
                    ReadingsProblem(path, "", Message("readings.cannot_open", error=error.strerror or ""), fatal=True)
                )
        if files == [None, None]:
            topics = Topics(base_topic, tuple(devices))
            absent = SensorSelection(session.sensors, topics).match_topics(()).sensors_without(())
            return Readings(window=window, topics=topics, absent_sensors=absent, problems=tuple(open_problems))
        # Imports Polars, which a lab without readings does not need.
        from labcrate.readings.store.folder_store import FolderStore  # noqa: PLC0415
        from labcrate.readings.store.load import load_readings  # noqa: PLC0415

        size_bytes = sum(os.fstat(file.fileno()).st_size for file in files if file is not None)
        store = FolderStore(index_folder) if index_folder is not None and are_many_bytes(size_bytes) else None
        readings = load_readings(
            files[0],
            files[1],
            window,
            session.sensors,
            devices,
            base_topic,
            zone=zone,
            date_formats=date_formats,
            store=store,
            progress=progress,
        )
    return replace(readings, problems=(*open_problems, *readings.problems))


class _ObservedFile(FileIO):
    """A file; ``check`` is called before each piece of it is read, and ``progress`` counts the piece."""

    def __init__(self, fd: int, check: Callable[[], None], progress: ReadingProgress) -> None:
        super().__init__(fd)
        self._check, self._progress = check, progress

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read a piece."""
        self._check()
        count = super().readinto(buffer)
        self._progress.advance(count, 0)
        return count

    def readall(self) -> bytes:
        """Read the rest."""
        self._check()
        data = super().readall()
        self._progress.advance(len(data), 0)
        return data


def readings_missing(readings: Readings) -> Iterator[Missing]:
    """Yield the sensor files, or parts of them, that could not be read and may hold readings of the session."""
    for problem in readings.problems:
        if problem.incomplete:
            place = Message("missing.place", file=problem.file, where=problem.where)
            yield Missing(
                place if problem.where else problem.file,
                Message("readings.missing", problem=problem.what),
                _remedy(problem),
            )


def _remedy(problem: ReadingsProblem) -> Message:
    """Return what to do about a problem; most problems of whole files have a remedy in their own text."""
    if problem.about_dates:
        return Message("readings.missing.dates")
    if problem.fault_id == "readings.keeps_changing":
        return Message("missing.export_again")
    if not problem.fatal:
        return Message("readings.missing.row")
    has_remedy = problem.fault_id != "readings.cannot_open"
    return Message("missing.export_again" if has_remedy else "missing.unreadable.remedy")


def readings_warnings(readings: Readings, options: Options) -> Iterator[str]:
    """Yield the warnings about the readings."""
    time = window_name(options)
    for problem in readings.problems:
        if not problem.incomplete:
            yield Message("readings.problem", problem=str(problem))
    if not len(readings):
        yield no_readings_warning(readings, time)
    yield from map(str, readings.ambiguous_sensors)
    for name in readings.absent_sensors:
        yield absent_sensor_warning(name)
    for name in readings.silent_sensors:
        yield silent_sensor_warning(name, time)


def window_name(options: Options) -> Message:
    """Return the name of the time whose readings are included: the session's, or the chosen one."""
    return Message("readings.session_time" if options.span == TimeSpan() else "readings.chosen_time")


def absent_sensor_warning(name: str) -> Message:
    """Return the warning that the lab has no reading of a selected sensor."""
    return Message("readings.absent_sensor", sensor=name)


def silent_sensor_warning(name: str, time: Message) -> Message:
    """Return the warning that a selected sensor sent nothing in the named time."""
    return Message("readings.silent_sensor", sensor=name, time=time)


def no_readings_warning(readings: Readings, time: Message) -> Message:
    """Return the warning that the named time has no reading, with what the lab has outside it."""
    total = readings.lab.total
    if not total:
        return Message("readings.none")
    if others := readings.of_other_sensors:
        return Message("readings.none_selected", time=time, total=total, count=others)
    if nearest := readings.lab.nearest:
        return Message("readings.none_inside.nearest", time=time, total=total, nearest=format_instant(nearest))
    return Message("readings.none_inside", time=time, count=total)


def involved_devices(devices: Iterable[Device], session: Session, readings: Readings) -> tuple[Device, ...]:
    """Return the devices that the session selected or that sent a reading, in the lab's order."""
    involved = {readings.topics.owner_of(own, whole)[0] for own, whole in readings.kinds}
    involved |= {name for sensor in session.sensors for name in (sensor.id, sensor.name) if name}
    return tuple(d for d in devices if {d.id, d.id.lower(), d.name} & involved)
