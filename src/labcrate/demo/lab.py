"""Build the sample lab in an empty folder, or in one with an earlier sample lab."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from labcrate.demo import story
from labcrate.demo.documents import MORNING_SENSORS, SECRETS, lab_documents
from labcrate.demo.sensors import SENSORS, ZigbeeMessage, zigbee_messages
from labcrate.demo.story import Clip, VideoFile
from labcrate.errors import TargetError, UsageError
from labcrate.lab.folder import LabFolder
from labcrate.lab.session_register import read_session_register
from labcrate.messages.message import Message
from labcrate.video.synthetic import make_clip

# A list of the files of the sample lab, one path on each line. A folder without it is not a sample lab.
MARKER = ".labcrate/demo"


def prepare_folder(folder: Path, paths: Iterable[str]) -> None:
    """Make ``folder`` ready for files at ``paths``: create it, or remove the files of an earlier sample lab.

    Other files in the folder are not changed. Raises UsageError if the folder is not empty and not a sample lab, or if
    a path leads out of it; OSError from the file system.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(Message("demo.not_a_folder", folder=folder.name))
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / MARKER
    if not marker.is_file() and any(folder.iterdir()):
        raise UsageError(Message("demo.not_empty", folder=folder.name))
    former_paths = [line for line in marker.read_text("utf-8").splitlines() if line] if marker.is_file() else []
    for path in {*former_paths, *paths, MARKER}:
        _refuse_path_outside(folder, path)
    for path in former_paths:
        (folder / path).unlink(missing_ok=True)


def write_marker(folder: Path, paths: Iterable[str]) -> None:
    """Write the list of the sample lab's files into ``folder``."""
    marker = folder / MARKER
    marker.parent.mkdir(exist_ok=True)
    marker.write_text("".join(f"{path}\n" for path in sorted(paths)), "utf-8")


def _refuse_path_outside(folder: Path, path: str) -> None:
    """Raise UsageError for a path that leads out of the folder, by itself or through a symbolic link."""
    parts = PurePosixPath(path)
    steps = [folder / part for part in (parts, *parts.parents)[:-1]]
    if parts.is_absolute() or ".." in parts.parts or any(step.is_symlink() for step in steps):
        raise UsageError(Message("demo.path_leads_out", path=path, folder=folder.name))


WORKERS = 2  # more are not faster: drawing the pictures needs the interpreter's lock


@dataclass(frozen=True, slots=True)
class DemoLab:
    """The sample lab and the files in it, for an export of ``session_id``; paths are relative to ``root``.

    ``linked`` includes the ``damaged`` recording. ``near_misses`` has the files by kind. ``unrelated`` are the
    recordings of no session, ``other_session`` those of ``other_session_id``, ``not_recordings`` other files.
    ``readings`` is the number of readings in the export of ``session_id``; ``only_in_csv`` and ``only_in_json`` of them
    are in only one of the unified files. No string of ``secrets`` may ever be exported.
    """

    root: Path
    session_id: str
    other_session_id: str
    linked: tuple[str, ...]
    damaged: tuple[str, ...]
    near_misses: Mapping[str, str]
    unrelated: tuple[str, ...]
    other_session: tuple[str, ...]
    not_recordings: tuple[str, ...]
    devices: tuple[str, ...]
    readings: int
    only_in_csv: int
    only_in_json: int
    secrets: tuple[str, ...]


def build_demo_lab(folder: Path) -> DemoLab:
    """Build the sample lab in ``folder``: a missing or empty one, or one with an earlier sample lab.

    Of an earlier sample lab only its own files are replaced, and its links are removed. Raises UsageError if the
    folder has other files, TargetError if it cannot be written.
    """
    published = zigbee_messages()
    files = lab_documents(published)
    videos = story.video_files()
    paths = [*files, *(video.path for video in videos)]
    try:
        prepare_folder(folder, paths)
        write_marker(folder, paths)
        for path, content in files.items():
            _write_file(folder / path, content, story.FILES_MODIFIED.timestamp())
        _write_videos(folder, videos)
        _remove_link_registers(folder)
    except OSError as error:
        raise TargetError(Message("demo.cannot_write", folder=folder.name, reason=str(error.strerror))) from error
    return _describe(folder, videos, published)


def _remove_link_registers(folder: Path) -> None:
    """Remove the links that ``labcrate link`` wrote for an earlier sample lab, because its files are new."""
    lab = LabFolder(folder)
    for session_folder in lab.session_folders().values():
        register = read_session_register(lab, session_folder)
        if register.files:
            (folder / register.path).unlink()


def _write_videos(folder: Path, videos: tuple[VideoFile, ...]) -> None:
    """Encode each clip once, and write it to all files that show it."""
    clips = tuple({video.clip for video in videos})
    with TemporaryDirectory(prefix="labcrate-") as temp_folder, ThreadPoolExecutor(WORKERS) as pool:
        encoded = dict(zip(clips, pool.map(partial(_encode, Path(temp_folder)), clips), strict=True))
    for video in videos:
        content = encoded[video.clip]
        end = video.clip.start + timedelta(seconds=video.clip.seconds)
        _write_file(folder / video.path, content[: round(len(content) * video.size_share)], end.timestamp())


def _encode(temp_folder: Path, clip: Clip) -> bytes:
    path = (
        temp_folder / f"{clip.camera.prefix}-{clip.start.timestamp():.0f}-{clip.seconds:.0f}-{clip.creation_time}.mp4"
    )
    creation_time, zone = clip.creation_time, story.LOCAL
    make_clip(path, clip.camera.name, clip.start, clip.seconds, fps=4, creation_time=creation_time, time_zone=zone)
    return path.read_bytes()


def _write_file(path: Path, content: bytes, modified: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))


def _describe(folder: Path, videos: tuple[VideoFile, ...], published: tuple[ZigbeeMessage, ...]) -> DemoLab:
    topics = {sensor.topic for sensor in MORNING_SENSORS}
    span = story.SPANS[story.MORNING_ID]
    inside = [message for message in published if message.topic in topics and span.contains(message.at)]
    rest = [video.path for video in videos if not video.linked and video.near_miss is None]
    other = tuple(path for path in rest if f"session{story.VISITOR_ID}" in path)
    return DemoLab(
        root=folder,
        session_id=story.MORNING_ID,
        other_session_id=story.VISITOR_ID,
        linked=tuple(video.path for video in videos if video.linked),
        damaged=tuple(video.path for video in videos if video.size_share < 1),
        near_misses={video.near_miss: video.path for video in videos if video.near_miss},
        unrelated=tuple(path for path in rest if path not in other),
        other_session=other,
        not_recordings=tuple(path for path in lab_documents(published) if path.startswith(story.RECORDINGS)),
        devices=tuple(sensor.name for sensor in SENSORS),
        readings=len(inside),
        only_in_csv=sum(not message.in_json for message in inside),
        only_in_json=sum(not message.in_csv for message in inside),
        secrets=SECRETS,
    )
