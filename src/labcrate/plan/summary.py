"""Describe what a plan holds: files, sizes, counts, titles, and the span of a camera's recordings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from labcrate.linking.verdict import Rule
from labcrate.messages.message import Message
from labcrate.model.device import Camera
from labcrate.model.session import id_sort_key
from labcrate.model.timespan import Coverage, TimeSpan, format_duration, format_instant, measure_coverage
from labcrate.plan.not_taken import NotTaken, NotTakenRule
from labcrate.plan.plan import FileKind, Plan, PlannedRecording, SessionFile


class MemberDescription(Struct, frozen=True):
    """A file of the archive; ``sha256`` and ``size_bytes`` are None while they are unknown."""

    name: str
    description: str
    media_type: str
    size_bytes: int | None = None
    sha256: str | None = None
    modified: datetime | None = None


def format_size(size_bytes: int) -> str:
    """Return a size with its unit, in powers of 1000 as for disks and downloads: ``3.4 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def camera_label(camera: Camera | None) -> str:
    """Return the name of a camera on one line, or its id if it has no name."""
    if camera is None:
        return Message("camera.unknown")
    return camera.name or Message("camera.by_id", id=camera.id)


def describe_recording(recording: PlannedRecording) -> Message:
    """Return a recording's camera, length and video, or what is wrong with it: ``Hall, 0:12, h264 640x360``."""
    camera = camera_label(recording.camera)
    probe = recording.probe
    if not probe.is_readable:
        return Message("recording.described.damaged", camera=camera, problem=probe.problem or "")
    known = probe.duration_s is not None
    length = format_duration(probe.duration_s or 0) if known else Message("recording.no_length")
    size = f" {probe.width}x{probe.height}" if probe.width and probe.height else ""
    video = f"{probe.video_codec}{size}" if probe.video_codec else Message("recording.no_video")
    return Message("recording.described", camera=camera, length=length, video=video)


def describe_file(file: SessionFile) -> Message:
    """Return where a file of the session comes from, with the columns of a table of a known form."""
    if file.recording is not None:
        about = Message("file.described.sidecar", file=file.recording.rpartition("/")[2])
    else:
        is_sensor_data = file.kind is FileKind.SENSOR_DATA
        about = Message("file.described.sensor_data" if is_sensor_data else "file.described.other")
    if not file.columns:
        return about
    return Message("file.described.columns", about=about, columns=", ".join(column.name for column in file.columns))


def describe_not_taken(one: NotTaken) -> Message:
    """Return a file that stays out with the rule: ``sessions/Session42/.git/ (812 files): hidden files ...``."""
    if one.path.endswith("/"):
        return Message("not_taken.folder_line", file=one.source, count=one.files, reason=one.rule.reason)
    return Message("not_taken.line", file=one.source, reason=one.rule.reason)


_COUNTED_RULES = {
    Rule.OTHER_SESSION: "left_out.count.other_session",
    Rule.NO_SESSION: "left_out.count.no_session",
    Rule.NOT_A_RECORDING: "left_out.count.not_a_recording",
    Rule.HIDDEN: "left_out.count.hidden",
    Rule.SYMBOLIC_LINK: "left_out.count.symbolic_link",
    NotTakenRule.EXCLUDED: "left_out.count.excluded",
}


def describe_left_out(rule: str, count: int) -> Message:
    """Return the number of files that a rule leaves out: ``3 files of other sessions``."""
    id = {str(known): id for known, id in _COUNTED_RULES.items()}.get(str(rule))
    return Message(id, count=count) if id else Message("left_out.count", count=count, rule=rule)


def describe_not_exported(plan: Plan) -> str:
    """Return the number of files that may matter and are not in the archive; "" if there are none."""
    own = Message("not_exported.own", count=plan.withheld) if plan.withheld else ""
    near_misses = len(plan.near_misses)
    elsewhere = Message("not_exported.elsewhere", count=near_misses) if near_misses else ""
    return Message("not_exported.both", own=own, elsewhere=elsewhere) if own and elsewhere else own or elsewhere


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return a count with its noun: ``1 recording``, ``2 recordings``, ``12,345 readings``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def describe_readings(plan: Plan) -> str:
    """Return the number of readings and topics."""
    readings = Message("readings.count", count=len(plan.readings))
    return Message("readings.of_topics", readings=readings, count=len(plan.readings.topic_names))


def session_title(plan: Plan) -> str:
    """Return the session's title, marked as partial for a part of a session."""
    title = plan.session.title
    return Message("session.partial_title", title=title) if plan.options.is_partial else title


MAX_LISTED_RECORDINGS = 12
"""The most recordings of a camera that are listed one by one; more of them become a span."""

_MAX_LISTED_GAPS = 5


class CameraSpan(Struct, frozen=True):
    """All recordings of one camera; ``camera`` is None for those of unknown cameras, whose gaps mean nothing."""

    camera: Camera | None
    recordings: tuple[PlannedRecording, ...]
    covered: Coverage

    @property
    def name(self) -> str:
        """Return the name of the camera."""
        return camera_label(self.camera)

    @property
    def gaps(self) -> tuple[TimeSpan, ...]:
        """Return the gaps between the recordings."""
        return self.covered.gaps if self.camera else ()


def camera_spans(recordings: Iterable[PlannedRecording]) -> tuple[tuple[CameraSpan, ...], tuple[PlannedRecording, ...]]:
    """Return the spans of cameras with more than ``MAX_LISTED_RECORDINGS``, by camera id, and all other recordings."""
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


def describe_camera_span(span: CameraSpan) -> Iterator[Message]:
    """Yield lines about a camera's recordings: how many, when, how large, and their gaps."""
    covered = span.covered
    yield Message(
        "camera_span.summary",
        camera=span.name,
        count=covered.count,
        length=format_duration(covered.recorded.total_seconds()),
        size=format_size(covered.size_bytes),
    )
    if covered.span.start and covered.span.end:
        start, end = format_instant(covered.span.start), format_instant(covered.span.end)
        yield Message("camera_span.time", start=start, end=end)
    if span.camera is None:
        return
    if not span.gaps:
        yield Message("camera_span.no_gaps")
        return
    yield Message("camera_span.gaps", count=len(span.gaps), length=format_duration(covered.gap_seconds))
    for gap in span.gaps[:_MAX_LISTED_GAPS]:
        start = format_instant(gap.start) if gap.start else ""
        yield Message("camera_span.gap", length=format_duration(gap.seconds or 0), start=start)
    if len(span.gaps) > _MAX_LISTED_GAPS:
        yield Message("camera_span.more_gaps", count=len(span.gaps) - _MAX_LISTED_GAPS)
