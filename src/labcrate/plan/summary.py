"""Say in a few words what a plan holds: files, sizes, counts, titles, one span for a camera's recordings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from labcrate.messages.text import printable
from labcrate.model.device import Camera
from labcrate.model.session import id_sort_key
from labcrate.model.timespan import Coverage, TimeSpan, format_duration, format_instant, measure_coverage
from labcrate.plan.not_taken import NotTaken
from labcrate.plan.plan import FileKind, Plan, PlannedRecording, SessionFile


@dataclass(frozen=True, slots=True)
class MemberDescription:
    """A file of the archive; ``sha256`` and ``size_bytes`` are None where they cannot be known yet."""

    name: str
    description: str
    media_type: str
    size_bytes: int | None = None
    sha256: str | None = None
    modified: datetime | None = None


def format_size(size_bytes: int) -> str:
    """A size for people, in powers of 1000 as disks and downloads have it: ``3.4 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def camera_label(camera: Camera | None) -> str:
    """Return what a camera is called, on one line: by its name, else by its id, which may hold any characters."""
    return (camera.name or printable(f"camera {camera.id}")) if camera else "unknown camera"


def describe_recording(recording: PlannedRecording) -> str:
    """``Hall, 0:12, h264 640x360``, or what is wrong with it."""
    camera = camera_label(recording.camera)
    probe = recording.probe
    if not probe.is_readable:
        return f"{camera}; damaged: {probe.problem}"
    length = format_duration(probe.duration_s) if probe.duration_s is not None else "unknown length"
    size = f" {probe.width}x{probe.height}" if probe.width and probe.height else ""
    return f"{camera}, {length}, {probe.video_codec or 'no video'}{size}"


def describe_file(file: SessionFile) -> str:
    """Say in a few words what a file of the session is, with the columns of a table of a known form."""
    if file.recording is not None:
        about = f"sensor data that the lab has beside {printable(file.recording.rpartition('/')[2])}"
    else:
        folder = " sensor_data" if file.kind is FileKind.SENSOR_DATA else ""
        about = f"as the session's own{folder} folder holds it"
    return f"{about}; columns: {', '.join(column.name for column in file.columns)}" if file.columns else about


def describe_not_taken(one: NotTaken) -> str:
    """``sessions/Session42/.git/ (812 files): hidden files are never taken``."""
    count = f" ({plural(one.files, 'file')})" if one.path.endswith("/") else ""
    return f"{one.source}{count}: {one.rule.reason}"


def describe_not_exported(plan: Plan) -> str:
    """Count what is not in the archive though it may matter: '' where that is nothing."""
    parts = []
    if plan.withheld:
        parts.append(f"{plural(plan.withheld, 'file')} of the session {_was_or_were(plan.withheld)} not exported")
    if count := len(plan.near_misses):
        parts.append(
            f"{plural(count, 'file')} elsewhere in the lab may be meant for it and {_was_or_were(count)} not exported"
        )
    return ", and ".join(parts)


def _was_or_were(count: int) -> str:
    return "was" if count == 1 else "were"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """``1 recording``, ``2 recordings``, ``12,345 readings``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def describe_readings(plan: Plan) -> str:
    """How many readings of how many topics are in."""
    return f"{plural(len(plan.readings), 'reading')} of {plural(len(plan.readings.topic_names), 'topic')}"


def session_title(plan: Plan) -> str:
    """The session's title; a part of a session is called so wherever it is named."""
    return f"{plan.session.title} (PARTIAL)" if plan.options.is_partial else plan.session.title


MAX_LISTED_RECORDINGS = 12
"""So many recordings of a camera are listed one by one; more are told as a span."""

_MAX_LISTED_GAPS = 5


@dataclass(frozen=True, slots=True)
class CameraSpan:
    """All recordings of one camera; ``camera`` is None for those of no known one, whose gaps tell nothing."""

    camera: Camera | None
    recordings: tuple[PlannedRecording, ...]
    covered: Coverage

    @property
    def name(self) -> str:
        """Return what the camera is called."""
        return camera_label(self.camera)

    @property
    def gaps(self) -> tuple[TimeSpan, ...]:
        """Return the gaps between the recordings."""
        return self.covered.gaps if self.camera else ()


def camera_spans(recordings: Iterable[PlannedRecording]) -> tuple[tuple[CameraSpan, ...], tuple[PlannedRecording, ...]]:
    """Divide recordings into the spans of cameras with more than ``LISTED_AT_MOST``, by camera id, and all others."""
    of_camera = defaultdict[str | None, list[PlannedRecording]](list)
    all_recordings = list(recordings)
    for recording in all_recordings:
        of_camera[recording.camera.id if recording.camera else None].append(recording)
    long_cameras = {camera_id for camera_id, found in of_camera.items() if len(found) > MAX_LISTED_RECORDINGS}
    spans = [
        CameraSpan(
            found[0].camera, tuple(found), measure_coverage((one.span, one.identity.size_bytes) for one in found)
        )
        for camera_id, found in sorted(of_camera.items(), key=lambda one: (one[0] is None, id_sort_key(one[0] or "")))
        if camera_id in long_cameras
    ]
    others = [one for one in all_recordings if (one.camera.id if one.camera else None) not in long_cameras]
    return tuple(spans), tuple(others)


def describe_camera_span(span: CameraSpan) -> Iterator[str]:
    """Yield lines on a camera's recordings: how many, when, how large, and their gaps."""
    covered, size = span.covered, format_size(span.covered.size_bytes)
    length = format_duration(covered.recorded.total_seconds())
    yield f"{span.name}: {plural(covered.count, 'recording')}, {length} in all, {size}"
    if covered.span.start and covered.span.end:
        start, end = format_instant(covered.span.start), format_instant(covered.span.end)
        yield f"{start} to {end}"
    if span.camera is None:
        return
    if not span.gaps:
        yield "no gap between two recordings"
        return
    yield f"{plural(len(span.gaps), 'gap')}, {format_duration(covered.gap_seconds)} in all:"
    for gap in span.gaps[:_MAX_LISTED_GAPS]:
        start = format_instant(gap.start) if gap.start else ""
        yield f"  {format_duration(gap.seconds or 0)} from {start}"
    if len(span.gaps) > _MAX_LISTED_GAPS:
        yield f"  and {len(span.gaps) - _MAX_LISTED_GAPS:,} more"
