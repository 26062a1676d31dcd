"""Folders as Frigate and motionEye write them, with real clips, beside a lab with a session."""

import json
import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from labcrate.video.synthetic import make_clip

START = datetime(2025, 5, 2, 8, tzinfo=UTC)
"""The start of session 42, which lasts five minutes."""

END = START + timedelta(minutes=5)
FRIGATE = """
[[recorder]]
name = "nvr"
type = "frigate"
folder = "{folder}"
cameras = {{ kitchen = 1 }}
"""
MOTIONEYE = """
[[recorder]]
name = "eye"
type = "motioneye"
folder = "{folder}"
zone = "Europe/Madrid"
cameras = {{ Camera1 = 1 }}
"""


@cache
def make_clip_bytes(seconds: float, created: datetime | None = None) -> bytes:
    """Return a real clip of a length in seconds, with a creation time if one is given."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path, "c", created or START, seconds, size=(64, 48), fps=1, creation_time=created is not None)
        return path.read_bytes()


def write_file(folder: Path, path: str, content: bytes, ended: datetime) -> Path:
    """Write a recorder's file; its modification time is the end of the recording."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (ended.timestamp(), ended.timestamp()))
    return file


def write_frigate_segment(folder: Path, camera: str, at: datetime, seconds: float = 10) -> Path:
    """Write a segment as ``move_segment`` in Frigate's ``record/maintainer.py`` names it: by its start in UTC."""
    utc = at.astimezone(UTC)
    return write_file(
        folder, f"{utc:%Y-%m-%d/%H}/{camera}/{utc:%M.%S}.mp4", make_clip_bytes(seconds), at + timedelta(seconds=seconds)
    )


def write_motioneye_film(
    folder: Path, camera: str, at: datetime, seconds: float = 10, *, created: datetime | None = None
) -> Path:
    """Write a film as motionEye's ``movie_filename`` names it: by the local time of its machine."""
    local = at.astimezone(ZoneInfo("Europe/Madrid"))
    content = make_clip_bytes(seconds, created)
    return write_file(folder, f"{camera}/{local:%Y-%m-%d/%H-%M-%S}.mp4", content, at + timedelta(seconds=seconds))


def describe_lab(lab: Any, *tables: str, **session: Any) -> None:
    """Give a lab two cameras, session 42 with the first one selected, and a ``labcrate.toml`` with recorders."""
    lab.cameras("cam1", "cam2")
    lab.session(42, timeZone="Europe/Madrid", selectedDevices={"cameras": [{"id": 1, "name": "Camera 1"}]}, **session)
    lab.write("labcrate.toml", "".join(tables))


def read_register(lab: Any, session_id: int | str = 42) -> list[dict[str, Any]]:
    """Return the entries of a session's own register."""
    file = lab.root / f"sessions/Session{session_id}/recordings.json"
    found: list[dict[str, Any]] = json.loads(file.read_text())["recordings"] if file.exists() else []
    return found
