"""One line on each file of an archive: what the README, the crate and the data package have in common."""

from dataclasses import dataclass
from datetime import datetime

from labcrate.lab.folder import printable
from labcrate.lab.text import one_line
from labcrate.model.device import Camera
from labcrate.model.timespan import format_duration
from labcrate.plan.not_taken import NotTaken
from labcrate.plan.plan import FileKind, Plan, PlannedRecording, SessionFile


@dataclass(frozen=True, slots=True)
class Part:
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
    return (camera.name or one_line(f"camera {camera.id}")) if camera else "unknown camera"


def describe_recording(recording: PlannedRecording) -> str:
    """``Hall, 0:12, h264 640x360``, or what is wrong with it."""
    camera = camera_label(recording.camera)
    probe = recording.probe
    if not probe.readable:
        return f"{camera}; damaged: {(probe.problem or '').rstrip('.')}"
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


def as_line(one: NotTaken) -> str:
    """``sessions/Session42/.git/ (812 files): hidden files are never taken``."""
    count = f" ({plural(one.files, 'file')})" if one.path.endswith("/") else ""
    return f"{one.source}{count}: {one.rule.reason}"


def left_out_words(plan: Plan) -> str:
    """Count what is not in the archive though it may matter: '' where that is nothing."""
    said = []
    if plan.withheld:
        said.append(f"{plural(plan.withheld, 'file')} of the session {_were(plan.withheld)} not exported")
    if count := len(plan.near_misses):
        said.append(f"{plural(count, 'file')} elsewhere in the lab may be meant for it and {_were(count)} not exported")
    return ", and ".join(said)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """``1 recording``, ``2 recordings``, ``12,345 readings``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def describe_readings(plan: Plan) -> str:
    """How many readings of how many topics are in."""
    return f"{plural(len(plan.readings), 'reading')} of {plural(len(plan.readings.topic_names), 'topic')}"


def titled(plan: Plan) -> str:
    """The session's title; a part of a session is called so wherever it is named."""
    return f"{plan.session.title} (PARTIAL)" if plan.options.partial else plan.session.title
