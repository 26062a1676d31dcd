"""What is worth knowing about a session's files of recorders: one warning a camera, however many files it has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from labcrate.model.message import Message
from labcrate.model.session import Session
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.recordings import Cameras
from labcrate.plan.summary import camera_label


def recorder_warnings(recordings: Iterable[PlannedRecording], session: Session, cameras: Cameras) -> Iterator[str]:
    """Yield what the plan says about files of recorders, by camera; no other session is named."""
    by_camera = defaultdict[str, list[PlannedRecording]](list)
    for recording in recordings:
        if recording.of_recorder:
            by_camera[camera_label(recording.camera)].append(recording)
    for camera, same in sorted(by_camera.items()):
        yield from _about(camera, same, session, cameras)


def _about(camera: str, recordings: Sequence[PlannedRecording], session: Session, cameras: Cameras) -> Iterator[str]:
    damaged = [one for one in recordings if not one.probe.readable]
    if damaged:
        yield Message("recorder.damaged", camera=camera, count=len(damaged), first=damaged[0].member)
    if shared := sum(bool(one.verdict.also_linked_to) for one in recordings):
        yield Message("recorder.shared", camera=camera, count=shared)
    if cameras.selected and recordings[0].verdict.camera and not cameras.selects(recordings[0].verdict):
        yield Message("recorder.not_selected", camera=camera, count=len(recordings))
    outside = [one for one in recordings if one.probe.readable and not one.span.overlaps(session.span)]
    if outside:
        yield Message("recorder.outside", camera=camera, count=len(outside), first=outside[0].member)
