"""Turns a session's linked files into planned recordings: probed, timed, named, warned about."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from labcrate.catalog.catalog import Indexed
from labcrate.export.contents import PlannedRecording, TimeSource
from labcrate.export.naming import Names
from labcrate.export.selection import Found
from labcrate.export.when import recorded_span
from labcrate.lab.folder import printable
from labcrate.linking.filename import fold
from labcrate.model.device import Camera
from labcrate.model.fixity import Identity
from labcrate.model.session import SelectedCamera, Session
from labcrate.model.timespan import format_instant

FOLDER = "recordings"


@dataclass(frozen=True, slots=True)
class Cameras:
    """Finds the camera of a recording; the session's own word on a camera comes before the lab's."""

    by_prefix: Mapping[str, Camera]
    selected: Mapping[str, Camera]

    @classmethod
    def of(cls, lab: Iterable[Camera], session: Session) -> "Cameras":
        """The cameras of the lab with those that only the session knows."""
        by_id = {camera.id: camera for camera in lab}
        selected = {chosen.id: _merged(chosen, by_id.get(chosen.id)) for chosen in session.cameras}
        all_cameras = (by_id | selected).values()
        return cls({fold(camera.prefix): camera for camera in all_cameras if camera.prefix}, selected)

    def involved(self, recordings: Iterable[PlannedRecording]) -> tuple[Camera, ...]:
        """Those that the session selected or that a recording is of, by number."""
        involved = dict(self.selected)
        for recording in recordings:
            if recording.camera:
                involved.setdefault(recording.camera.id, recording.camera)
        return tuple(involved[key] for key in sorted(involved, key=lambda k: (len(k), k)))

    def of_recording(self, prefix: str | None) -> Camera | None:
        """The camera whose recordings begin with a prefix."""
        return self.by_prefix.get(fold(prefix)) if prefix else None


def _merged(chosen: SelectedCamera, known: Camera | None) -> Camera:
    if known is None:
        return Camera(chosen.id, chosen.name, chosen.prefix)
    return Camera(chosen.id, chosen.name or known.name, chosen.prefix or known.prefix, known.extra)


def twins(found: Iterable[Found]) -> set[str]:
    """Paths whose file has a namesake of the same size: only their hashes tell whether it is the same.

    Names of one file (hard links) are known to be the same.
    """
    groups = defaultdict(list)
    for item in found:
        groups[_name(item.path), item.identity.size_bytes].append(item)
    return {item.path for items in groups.values() if len({i.identity for i in items}) > 1 for item in items}


def plan_recordings(
    found: Iterable[Found], indexed: Mapping[str, Indexed], session: Session, cameras: Cameras
) -> tuple[PlannedRecording, ...]:
    """The recordings of the archive in the order of their names.

    The same name and bytes from two places go in once; the same name with other bytes goes in as
    ``name~2.mp4``.
    """
    names = Names()
    first: dict[tuple[str, str | Identity], int] = {}
    planned: list[PlannedRecording] = []
    for item in sorted(found, key=lambda f: (_name(f.path), f.path)):
        known = indexed[item.path]
        told_by: list[tuple[str, str | Identity]] = [(_name(item.path), item.identity), *_hash_of(item.path, known)]
        at = next((first[one] for one in told_by if one in first), len(planned))
        first |= dict.fromkeys(told_by, at)
        if at < len(planned):
            planned[at] = _also_at(planned[at], printable(item.path))
        else:
            planned.append(_planned(item, known, session, cameras, names))
    return tuple(planned)


def _hash_of(path: str, known: Indexed) -> Iterator[tuple[str, str]]:
    if known.fixity:
        yield _name(path), known.fixity.sha256


def _planned(item: Found, known: Indexed, session: Session, cameras: Cameras, names: Names) -> PlannedRecording:
    name = _name(item.path)
    if known.probe is None:
        raise AssertionError(f"{printable(item.path)} was planned without having been probed")
    span, source = recorded_span(name, known.probe, item.identity.mtime_ns, session.time_zone)
    return PlannedRecording(
        member=f"{FOLDER}/{names.take(name)}",
        path=item.path,
        also_at=(),
        identity=item.identity,
        fixity=known.fixity,
        probe=known.probe,
        span=span,
        time_source=source,
        verdict=item.verdict,
        camera=cameras.of_recording(item.verdict.prefix),
    )


def warnings_about(recording: PlannedRecording, session: Session, cameras: Cameras) -> Iterator[str]:
    """What is worth knowing about one recording."""
    name = recording.member
    if recording.probe.problem:
        yield f"{name} is damaged and kept as it is: {recording.probe.problem.rstrip('.')}."
    if recording.verdict.warning:
        yield f"{name}: {recording.verdict.warning}."
    original = recording.source.rpartition("/")[2]
    if printable(unicodedata.normalize("NFC", recording.path.rpartition("/")[2])) != name.rpartition("/")[2]:
        yield f"{name} is called {original} in the lab; that name is taken or cannot be written everywhere."
    camera = recording.camera
    if cameras.selected and camera and camera.id not in cameras.selected:
        yield f"{name} is of camera {camera.name or camera.id}, which the session had not selected."
    if recording.probe.readable and not recording.span.overlaps(session.span):
        hint = " That may be the time of a copy." if recording.time_source is TimeSource.MODIFIED else ""
        start = format_instant(recording.span.start) if recording.span.start else "unknown"
        yield f"{name} starts at {start} ({recording.time_source}), outside the session's time.{hint}"


def not_compared(recordings: Iterable[PlannedRecording]) -> Iterator[str]:
    """Says which recordings may turn out to be one: they share name and size, and were not read yet."""
    groups = defaultdict(list)
    for recording in recordings:
        groups[_name(recording.path), recording.identity.size_bytes].append(recording)
    for alike in groups.values():
        if len(alike) > 1 and not all(recording.fixity for recording in alike):
            yield (
                f"{', '.join(recording.source for recording in alike)} have one name and size, and may be the same. "
                "All of them are counted until they are read; the ZIP may turn out smaller."
            )


def _also_at(recording: PlannedRecording, path: str) -> PlannedRecording:
    return replace(recording, also_at=(*recording.also_at, path))


def _name(path: str) -> str:
    return path.rpartition("/")[2]
