"""The events in the sample lab: the times of the two sessions, and the recordings of the three cameras.

Times are UTC. The two sessions overlap by a minute; the lab is in Madrid, two hours ahead of UTC in May.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from labcrate.model.timespan import TimeSpan

MORNING_ID, VISITOR_ID = "42", "43"
FIRST_START = datetime(2025, 5, 2, 6, 40, tzinfo=UTC)
SPANS = {
    MORNING_ID: TimeSpan(FIRST_START, FIRST_START + timedelta(seconds=150)),
    VISITOR_ID: TimeSpan(FIRST_START + timedelta(seconds=90), FIRST_START + timedelta(seconds=240)),
}
TIME_ZONE = "Europe/Madrid"
# A fixed offset for the clock in the picture, because a machine may have no database of time zones.
LOCAL = timezone(timedelta(hours=2), "CEST")
# The modification time of the lab's files: fixed, so that an export of the sample lab is the same everywhere.
FILES_MODIFIED = FIRST_START + timedelta(minutes=20)

SEGMENT_S = 30.0
SNIPPET_S = 5.0
RECORDINGS = "recordings"
OWN_FOLDER = f"sessions/Session{MORNING_ID}/recordings"


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A camera of the lab; ``address`` is from the range for documentation (RFC 5737)."""

    id: int
    name: str
    prefix: str
    address: str


KITCHEN = DemoCamera(1, "Kitchen", "kitchen", "192.0.2.11")
HALL = DemoCamera(2, "Hall", "hall", "192.0.2.12")
LIVING_LAB = DemoCamera(3, "Living lab", "c32_livinglab", "192.0.2.13")
CAMERAS = (KITCHEN, HALL, LIVING_LAB)


@dataclass(frozen=True, slots=True)
class Clip:
    """The content of a video: files with the same clip have the same bytes."""

    camera: DemoCamera
    start: datetime
    seconds: float = SEGMENT_S
    creation_time: bool = True


@dataclass(frozen=True, slots=True)
class VideoFile:
    """One video file: its path relative to the lab, its content, and its relation to session 42.

    ``near_miss`` is the kind of near miss; ``size_share`` is the part of the file that was written (1 is all).
    """

    path: str
    clip: Clip
    linked: bool = False
    near_miss: str | None = None
    size_share: float = 1.0


def video_files() -> tuple[VideoFile, ...]:
    """Return all video files of the sample lab."""
    return (*_morning(), *_visitor(), *_near_misses(), *_other_days())


def _at(seconds: float) -> datetime:
    return FIRST_START + timedelta(seconds=seconds)


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"


def _morning() -> Iterator[VideoFile]:
    """Yield the files of session 42: the kitchen has no gap, the hall one of 45 s and a damaged last file."""
    for seconds in (0, 30, 60, 90, 120):
        yield VideoFile(f"{RECORDINGS}/kitchen_session42_{_stamp(_at(seconds))}.mp4", Clip(KITCHEN, _at(seconds)), True)
    yield VideoFile(f"{RECORDINGS}/hall-session42-{_stamp(_at(0))}.mp4", Clip(HALL, _at(0)), True)
    yield VideoFile(f"{RECORDINGS}/hall_s42_{_stamp(_at(75))}.mp4", Clip(HALL, _at(75)), True)
    yield VideoFile(f"{RECORDINGS}/hall_s42_{_stamp(_at(105))}.mp4", Clip(HALL, _at(105)), True, size_share=0.6)
    yield VideoFile(f"{OWN_FOLDER}/c32_livinglab_{_stamp(_at(15))}.mp4", Clip(LIVING_LAB, _at(15)), True)
    undated = Clip(LIVING_LAB, _at(60), creation_time=False)
    yield VideoFile(f"{OWN_FOLDER}/overview.mp4", undated, True)


def _visitor() -> Iterator[VideoFile]:
    """Yield the files of session 43, which overlaps session 42."""
    for camera, seconds in ((LIVING_LAB, 95), (HALL, 140), (LIVING_LAB, 165)):
        path = f"{RECORDINGS}/{camera.prefix}_session43_{_stamp(_at(seconds))}.mp4"
        yield VideoFile(path, Clip(camera, _at(seconds)))


def _near_misses() -> Iterator[VideoFile]:
    """Yield a near miss of each kind: files that probably belong to session 42.

    The misspelt folder is ``Session042``, because ``session42`` would be right on a file system that ignores case.
    """
    stamp = _stamp(FIRST_START)
    names = {
        "unknown prefix": f"garden_session42_{stamp}.mp4",
        "ambiguous": f"garden_session42_session43_{stamp}.mp4",
        "no separator": f"kitchensession42_{stamp}.mp4",
        "separator inside the marker": f"kitchen_session_42_{stamp}.mp4",
        "leading zeros": f"kitchen_session042_{stamp}.mp4",
        "marker first": f"session42_kitchen_{stamp}.mp4",
        "bare number": f"kitchen_42_{stamp}.mp4",
        "number runs on": f"kitchen_session42b_{stamp}.mp4",
        "not MP4": f"kitchen_session42_{stamp}.mkv",
    }
    snippet = Clip(KITCHEN, FIRST_START, SNIPPET_S)
    for kind, name in names.items():
        yield VideoFile(f"{RECORDINGS}/{name}", snippet, near_miss=kind)
    yield VideoFile("sessions/Session042/recordings/a.mp4", snippet, near_miss="wrong folder name")
    same_time = Clip(LIVING_LAB, _at(50), SNIPPET_S)
    path = f"{RECORDINGS}/c32_livinglab_{_stamp(same_time.start)}.mp4"
    yield VideoFile(path, same_time, near_miss="right time, no ID")


def _other_days() -> Iterator[VideoFile]:
    """Yield recordings that belong to no session."""
    for camera, days in ((KITCHEN, 1), (HALL, 4)):
        start = FIRST_START - timedelta(days=days, hours=3)
        yield VideoFile(f"{RECORDINGS}/{camera.prefix}_{_stamp(start)}.mp4", Clip(camera, start, SNIPPET_S))
