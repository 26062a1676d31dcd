"""Bring the lab's index of readings up to date before a plan needs it, with what plans compute of all readings."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from labcrate.lab.folder import LabFolder
from labcrate.model.fixity import Identity
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.plan.secrecy import clean_readings
from labcrate.plan.sensors import are_many_bytes, load_session_readings, readings_index_folder
from labcrate.readings.load.file_names import CSV_FILE, JSON_FILE
from labcrate.readings.load.problems import ReadingsProblem
from labcrate.readings.load.reading_progress import NO_READING_PROGRESS, ReadingProgress
from labcrate.readings.load.topics import BASE_TOPIC


@dataclass(frozen=True, slots=True)
class IndexedReadings:
    """How many readings the index has, and the files that could not be read."""

    count: int
    unreadable: tuple[ReadingsProblem, ...]


def reading_file_states(lab: LabFolder) -> dict[str, Identity]:
    """Return the states of the lab's files of readings; without those that cannot be opened."""
    found = {}
    for path in (JSON_FILE, CSV_FILE):
        with suppress(OSError):
            found[path] = lab.identity(path)
    return found


def are_readings_indexed(lab: LabFolder) -> bool:
    """Return whether the lab's files of readings are so large that they have an index."""
    return are_many_bytes(sum(state.size_bytes for state in reading_file_states(lab).values()))


def index_readings(
    inventory: Inventory,
    base_topic: str | None = None,
    check: Callable[[], None] = lambda: None,
    progress: ReadingProgress = NO_READING_PROGRESS,
) -> IndexedReadings:
    """Bring the index of the lab's readings up to date, and store the summaries of its parts.

    ``base_topic`` takes precedence over that of the lab's settings. ``check`` is called while files are read and
    between parts; an exception that it or ``progress`` raises ends the work, which is continued later. Raises
    CatalogError, and SourceChangedError if the index was deleted meanwhile.
    """
    from labcrate.readings.write.readings_summary import summarise_readings  # noqa: PLC0415 - imports Polars

    lab, settings = inventory.lab, inventory.settings
    readings = load_session_readings(
        lab,
        Session("lab"),
        inventory.devices,
        TimeSpan(),
        base_topic or settings.base_topic or BASE_TOPIC,
        inventory.zone,
        settings.date_formats,
        check,
        progress,
        readings_index_folder(lab),
    )
    cleaned, _ = clean_readings(readings, inventory.cleaner)
    summarise_readings(cleaned, check)
    return IndexedReadings(len(readings), tuple(one for one in readings.problems if one.fatal))
