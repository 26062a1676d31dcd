"""Makes the plan of an export: the one place where lab, catalog, linking, readings and video meet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from labcrate.catalog.catalog import Catalog, Indexed
from labcrate.catalog.index import Ending, Progress, Wish, index_files
from labcrate.errors import IncompleteError
from labcrate.export.choosing import (
    Choice,
    choose,
    choose_sensors,
    chosen_window,
    readings_not_chosen,
    refuse_unknown_sensors,
)
from labcrate.export.contents import Missing, Only, Options, Plan, PlannedRecording, SessionFile
from labcrate.export.inventory import Inventory
from labcrate.export.not_taken import Why
from labcrate.export.recordings import Cameras, not_compared, plan_recordings, twins, warnings_about
from labcrate.export.selection import Found, select
from labcrate.export.sensors import involved_devices, load, readings_missing, readings_warnings
from labcrate.export.session_files import Excluded, OwnFiles, find_session_files
from labcrate.export.session_tables import ColumnsOf, with_columns
from labcrate.lab.documents import read_devices
from labcrate.lab.folder import printable
from labcrate.model.device import Device
from labcrate.model.fixity import Identity
from labcrate.model.recording import Probe
from labcrate.model.session import Session
from labcrate.model.timespan import TimeSpan
from labcrate.readings.slice import Readings


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans exports of one lab; ``progress`` is told about the indexing that a plan needs.

    In a ``hurry`` no file is read through for a plan that is not hashed: where that leaves its size open, it says so.
    ``excluded`` says which paths the lab keeps out of every archive, ``columns_of`` knows the tables of a platform.
    """

    inventory: Inventory
    catalog: Catalog
    progress: Progress = field(default_factory=Progress)
    workers: int | None = None
    hurry: bool = False
    excluded: Excluded = lambda _: False
    columns_of: ColumnsOf = lambda _name, _head: None

    def plan(
        self, session_id: str, options: Options = Options(), *, hashed: bool, allow_incomplete: bool = True
    ) -> Plan:
        """The plan of one session; ``hashed`` also computes the fixity that an archive needs.

        Raises NoSessionError, DocumentError, CatalogError, and IncompleteError unless that is allowed;
        it does so before the long work of hashing wherever it can.
        """
        lab, told = self.inventory.lab, self.inventory.session(session_id)
        devices = read_devices(lab)
        session, window = choose_sensors(options, told, devices), chosen_window(options, told)
        readings = self._readings(session, devices, window, options)
        selection = select(self.inventory, session, self._look)
        cameras = Cameras.of(self.inventory.cameras, session)
        own = find_session_files(self.inventory, session, selection, self.excluded)
        choice = choose(options, session, cameras, own.recordings, own.files, self._probed)
        missing = [*_still_running(session), *_missing(options, own, readings)]
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        recordings, files = self._index(choice, session, cameras, missing, hashed=hashed)
        near_misses = tuple(near for near in selection.near_misses if not self.excluded(near.path))
        excluded = len(selection.near_misses) - len(near_misses)
        if not allow_incomplete:
            refuse_incomplete(session, missing)
        return Plan(
            session=told,
            options=options,
            window=window,
            cameras=cameras.involved(recordings),
            devices=involved_devices(devices, session, readings),
            recordings=recordings,
            session_files=with_columns(lab, files, self.inventory.folder(session.id), self.columns_of),
            readings=readings,
            near_misses=near_misses,
            left_out=selection.left_out + Counter({Why.EXCLUDED.value: excluded} if excluded else {}),
            missing=tuple(missing),
            warnings=tuple(
                dict.fromkeys(
                    [
                        *session_warnings(session),
                        *selection.warnings,
                        *own.warnings,
                        *(w for recording in recordings for w in warnings_about(recording, session, cameras)),
                        *not_compared(recordings),
                        *(readings_warnings(readings, options) if options.only is not Only.RECORDINGS else ()),
                    ]
                )
            ),
            not_chosen=(*choice.not_chosen, *readings_not_chosen(options, readings)),
            not_taken=tuple(own.not_taken),
        )

    def _readings(self, session: Session, devices: Sequence[Device], window: TimeSpan, options: Options) -> Readings:
        if options.only is Only.RECORDINGS:
            return Readings(window=window)
        readings = load(self.inventory.lab, session, devices, window, options.base_topic, self.progress.check)
        refuse_unknown_sensors(options, self.inventory.session(session.id), readings.absent_sensors, devices)
        return readings

    def _index(
        self, choice: Choice, session: Session, cameras: Cameras, missing: list[Missing], *, hashed: bool
    ) -> tuple[tuple[PlannedRecording, ...], tuple[SessionFile, ...]]:
        """Hash and probe what goes in; what cannot be read is added to ``missing``."""
        same_named = set() if self.hurry else twins(choice.recordings)
        wishes = [Wish(f.path, f.identity, hash=hashed or f.path in same_named) for f in choice.recordings]
        wishes += [Wish(f.path, f.identity, hash=hashed, probe=False) for f in choice.session_files]
        indexed, failures = index_files(self.inventory.lab, self.catalog, wishes, _probe, self.progress, self.workers)
        missing += [Missing(printable(path), why, _TRY_AGAIN) for path, why in failures.items()]
        readable = [found for found in choice.recordings if found.path in indexed]
        recordings = plan_recordings(readable, indexed, session, cameras)
        return recordings, tuple(_with_fixity(choice.session_files, indexed))

    def _probed(self, found: Sequence[Found]) -> Mapping[str, Probe]:
        """Probe linked files, to tell which of them touch the chosen span."""
        return self._look({one.path: one.identity for one in found})

    def _look(self, candidates: Mapping[str, Identity]) -> Mapping[str, Probe]:
        """Probe files that are not linked, to tell when they were made."""
        wishes = [Wish(path, identity, hash=False) for path, identity in candidates.items()]
        ending = Ending(self.progress)
        indexed, _ = index_files(self.inventory.lab, self.catalog, wishes, _probe, ending, self.workers)
        return {path: known.probe for path, known in indexed.items() if known.probe}


def _probe(file: BinaryIO, path: str) -> Probe:
    # FFmpeg is loaded when there is something to probe; in an indexed lab there is not.
    from labcrate.video.probe import probe  # noqa: PLC0415

    return probe(file, path)


_TRY_AGAIN = "Make the file readable and whole, and export again."


def refuse_incomplete(session: Session, missing: Sequence[Missing]) -> None:
    """Raise IncompleteError when anything is missing, naming all of it with its remedy."""
    if missing:
        listed = "\n".join(f"  - {m.what} {m.why}. {m.remedy}" for m in missing)
        raise IncompleteError(
            f"Session {session.id} is incomplete and was not exported:\n{listed}\n"
            "  To pack the rest all the same, and have the archive say what is missing, add --allow-incomplete.",
            [(m.what, m.why, m.remedy) for m in missing],
        )


def _still_running(session: Session) -> Iterator[Missing]:
    if session.active:
        yield Missing(f"Session {session.id}", "is still active", "Stop it in the lab first.")


def _missing(options: Options, own: OwnFiles, readings: Readings) -> Iterator[Missing]:
    """What belongs to the session, was asked for, and cannot be read."""
    if options.only is not Only.SENSORS:
        yield from own.missing_recordings
    if options.only is not Only.RECORDINGS:
        yield from own.missing_files
        yield from readings_missing(readings)


def _with_fixity(files: Iterable[SessionFile], indexed: Mapping[str, Indexed]) -> Iterator[SessionFile]:
    for file in files:
        if file.path in indexed:
            yield replace(file, fixity=indexed[file.path].fixity)


def session_warnings(session: Session) -> Iterator[str]:
    """What is worth knowing about a session's description."""
    if not session.described_in:
        yield f"No file of the lab describes session {session.id}: its name, times and sensors are unknown."
    yield from session.warnings
    if session.span.start is None:
        yield "The session has no start time; readings from the first one on are included."
    if session.span.end is None and session.span.start is not None:
        yield "The session has no end time; readings up to the last one are included."
