"""Findings about the lab's sensor files: rows that cannot be read, sensors and devices without readings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.plan.inventory import Inventory
from labcrate.readings.load.selection import AmbiguousSensor, SensorSelection

if TYPE_CHECKING:
    from labcrate.readings.load.problems import ReadingsProblem
    from labcrate.readings.load.slice import Readings


def row_findings(
    readings: Readings, session_id: str | None, *, every_session_has_zone: bool = False
) -> Iterator[LabFinding]:
    """Yield each fault of the lab's sensor files: the file, the first line or key, the number of rows, and the fault.

    Times without a zone are no fault if every session has a zone: exports then read them in that zone.
    """
    for problem in readings.problems:
        place = f"{problem.file}, {problem.where}" if problem.where else problem.file
        no_zone = _is_no_zone(problem.what)
        if no_zone and every_session_has_zone:
            continue
        yield LabFinding(
            FindingKind.TIME_ZONE if no_zone else FindingKind.DOCUMENT if problem.fatal else FindingKind.ROWS,
            Severity.PROBLEM if problem.incomplete else Severity.WARNING,
            Message("doctor.zone.rows", place=place, count=problem.count)
            if no_zone
            else Message("doctor.rows", problem=str(problem)),
            Message("doctor.zone.remedy" if no_zone else _remedy(problem)),
            session_id,
            places=(printable(place),),
            count=problem.count,
        )


def _remedy(problem: ReadingsProblem) -> str:
    if problem.about_dates:
        return "doctor.rows.dates_remedy"
    return "doctor.missing.remedy" if problem.fatal else "doctor.rows.remedy"


def _is_no_zone(what: str) -> bool:
    # Imported late: loads Polars, which the reading of a file with a problem has loaded already.
    from labcrate.readings.load.segment_rows import NAIVE_TIME  # noqa: PLC0415

    return what.startswith(NAIVE_TIME)


def device_findings(inventory: Inventory, readings: Readings) -> Iterator[LabFinding]:
    """Yield the devices of the lab without readings; if the lab has no readings at all, yield that alone."""
    if not len(readings):
        if inventory.devices:
            yield LabFinding(
                FindingKind.SENSOR, Severity.HINT, Message("doctor.sensor.none"), Message("doctor.sensor.none_remedy")
            )
        return
    seen = {name for name, _ in readings.counts_per_device}
    silent = [d for d in inventory.devices if not seen & {d.id, d.id.lower(), d.name}]
    if silent:
        names = tuple(printable(device.name or device.id) for device in silent)
        yield LabFinding(
            FindingKind.SENSOR,
            Severity.HINT,
            Message("doctor.sensor.devices", count=len(names)),
            Message("doctor.sensor.devices_remedy"),
            places=names,
            count=len(names),
        )


@dataclass(frozen=True)
class LabSensors:
    """The topics of all readings of a lab, to find the selected sensors of each session that have none."""

    readings: Readings
    topic_kinds: frozenset[tuple[str, bool]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic_kinds", frozenset((t, whole) for t, _, whole in self.readings.topic_kinds))

    def findings(self, session: Session, span: TimeSpan | None) -> Iterator[LabFinding]:
        """Yield the selected sensors of a session that have no reading in the lab, or none during the session."""
        if not session.sensors:
            return
        selected = SensorSelection(session.sensors, self.readings.topics).match_topics(self.topic_kinds)
        absent = selected.sensors_without(list(self.topic_kinds))
        inside = self._inside(span) if span else ()
        silent = [label for label in selected.sensors_without(list(inside)) if label not in absent] if span else []
        yield from sensor_findings(session.id, absent, silent, selected.ambiguous_sensors)

    def _inside(self, span: TimeSpan) -> set[tuple[str, bool]]:
        """Return the topics that have a reading in a span."""
        return set() if self.readings.rows is None else self.readings.rows.kinds_inside(span)


def sensor_findings(
    session_id: str, absent: Iterable[str], silent: Iterable[str], ambiguous: Iterable[AmbiguousSensor]
) -> Iterator[LabFinding]:
    """Yield the selected sensors of a session without included readings, one finding for each reason."""
    groups = (
        ("absent", Severity.WARNING, [printable(name) for name in absent]),
        ("silent", Severity.HINT, [printable(name) for name in silent]),
    )
    for word, severity, names in groups:
        if names:
            yield LabFinding(
                FindingKind.SENSOR,
                severity,
                Message(f"doctor.sensor.{word}", count=len(names), session=session_id, names=", ".join(names)),
                Message(f"doctor.sensor.{word}_remedy"),
                session_id,
                places=tuple(names),
                count=len(names),
            )
    for one in ambiguous:
        yield LabFinding(
            FindingKind.SENSOR,
            Severity.WARNING,
            str(one),
            Message("doctor.sensor.ambiguous_remedy"),
            session_id,
            places=tuple(map(printable, one.topics)),
        )
