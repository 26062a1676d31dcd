"""What a lab's own files suggest for its ``labcrate.toml``: zones, cameras, recorders. Secrets are left out."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.documents import CAMERAS
from labcrate.lab.folder import DATA, Lab
from labcrate.lab.json_file import read_json
from labcrate.lab.recorders import TYPES, scan_recorder
from labcrate.lab.sessions import read_sessions
from labcrate.model.lab_settings import Recorder
from labcrate.model.timespan import TimeSpan

_USER = "user_"
# Of these fields a camera's name or prefix may say something; whatever else a camera's entry holds may open it.
_PLAIN = ("id", "name", "recordingPrefix", "isRecording", "status")
_SHORTEST_SECRET = 3


@dataclass(frozen=True, slots=True)
class CameraFound:
    """A camera that a file of the lab lists; ``name`` and ``prefix`` are None where they hold an address or secret."""

    id: str
    file: str
    name: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class RecorderFound:
    """A folder inside the lab whose files are named as a known recorder names them; ``example`` is one of them."""

    type: str
    folder: str
    example: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What was found. ``zones`` are the sessions' zones, the most frequent first; ``unread`` are files that broke."""

    zones: tuple[tuple[str, int], ...] = ()
    cameras: tuple[CameraFound, ...] = ()
    recorders: tuple[RecorderFound, ...] = ()
    unread: tuple[str, ...] = ()


def look_over(lab: Lab) -> Suggestions:
    """Return what the lab's files suggest; one that cannot be read is named and holds up nothing."""
    unread: list[str] = []
    cameras: list[CameraFound] = []
    for path in _camera_files(lab):
        try:
            cameras += _cameras(path, read_json(lab, path))
        except DocumentError:
            unread.append(path)
    zones: Counter[str] = Counter()
    try:
        book = read_sessions(lab)
        zones.update(session.time_zone for session in book.sessions.values() if session.time_zone)
    except DocumentError as error:
        unread.append(error.file)
    return Suggestions(tuple(zones.most_common()), tuple(cameras), tuple(_recorders(lab)), tuple(unread))


def _camera_files(lab: Lab) -> Iterator[str]:
    yield CAMERAS
    for name in _folders(lab.root / DATA):
        if name.startswith(_USER):
            yield f"{DATA}/{name}/cameras.json"


def _cameras(path: str, value: Any) -> Iterator[CameraFound]:
    for id_, fields in value.items() if isinstance(value, dict) else ():
        if isinstance(fields, dict):
            yield CameraFound(id_, path, _harmless(fields, "name"), _harmless(fields, "recordingPrefix"))


def _harmless(fields: Mapping[str, Any], key: str) -> str | None:
    """Return a camera's text, unless it looks like an address or holds what another field of the camera says."""
    said = fields.get(key)
    if not isinstance(said, str) or not said.strip() or not said.isprintable():
        return None
    others = [str(value) for name, value in fields.items() if name not in _PLAIN and isinstance(value, str | int)]
    dotted = said.replace(":", ".").split(".")
    if "://" in said or "@" in said or sum(part.isalnum() for part in dotted) > 3:
        return None
    return None if any(len(other) >= _SHORTEST_SECRET and other in said for other in others) else said


def _recorders(lab: Lab) -> Iterator[RecorderFound]:
    """Look for recorders in the lab's folders and in theirs; each search ends with the first file that fits."""
    top = [name for name in _folders(lab.root) if name not in (DATA, "sessions")]
    folders = [inner for name in top for inner in (name, *(f"{name}/{below}" for below in _folders(lab.root / name)))]
    found: list[str] = []
    for folder in folders:
        if any(folder.startswith(f"{above}/") for above in found):
            continue
        for type_, known in TYPES.items():
            recorder = Recorder(folder, folder, known.pattern, "UTC", known.longest)
            try:
                segment = next(scan_recorder(lab.root / folder, recorder, TimeSpan()), None)
            except (DocumentError, OSError):
                continue
            if segment:
                found.append(folder)
                yield RecorderFound(type_, folder, segment.path)
                break


def _folders(path: Path) -> list[str]:
    """Return the names of the folders in a folder, without hidden ones and symbolic links."""
    try:
        if path.is_symlink():
            return []
        with os.scandir(path) as listing:
            names = [e.name for e in listing if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return sorted(names)
