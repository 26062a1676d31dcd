"""Suggest a ``labcrate.toml`` from the lab's own files: time zones, cameras, recorders. Secrets are left out."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcrate.errors import DocumentError
from labcrate.lab.device_files import CAMERAS
from labcrate.lab.folder import DATA, LabFolder
from labcrate.lab.json_file import read_json
from labcrate.lab.recorders import RECORDER_TYPES, scan_recorder
from labcrate.lab.sessions import read_sessions
from labcrate.messages.text import escape_steering, printable
from labcrate.model.lab_settings import Recorder
from labcrate.model.timespan import TimeSpan

_USER = "user_"
# A camera's name or prefix may contain the values of these fields; all other fields of a camera may be secret.
_PUBLIC_FIELDS = ("id", "name", "recordingPrefix", "isRecording", "status")
_SHORTEST_SECRET = 3


@dataclass(frozen=True, slots=True)
class SuggestedCamera:
    """A camera in a file of the lab; ``name`` and ``prefix`` are None if they contain an address or a secret."""

    id: str
    file: str
    name: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class SuggestedRecorder:
    """A folder inside the lab with files named by a known type of recorder; ``example`` is the path of one of them."""

    type: str
    folder: str
    example: str


@dataclass(frozen=True, slots=True)
class SettingsSuggestions:
    """Suggested settings. ``zones`` are the sessions' zones with their numbers, the most frequent first."""

    zones: tuple[tuple[str, int], ...] = ()
    cameras: tuple[SuggestedCamera, ...] = ()
    recorders: tuple[SuggestedRecorder, ...] = ()
    unreadable_files: tuple[str, ...] = ()


def suggest_settings(lab: LabFolder) -> SettingsSuggestions:
    """Return the settings that the lab's files suggest, and the files that cannot be read."""
    unreadable: list[str] = []
    cameras: list[SuggestedCamera] = []
    for path in _camera_files(lab):
        try:
            cameras += _find_cameras(path, read_json(lab, path))
        except DocumentError:
            unreadable.append(path)
    zones: Counter[str] = Counter()
    try:
        book = read_sessions(lab)
        zones.update(session.time_zone for session in book.sessions.values() if session.time_zone)
    except DocumentError as error:
        unreadable.append(error.file)
    recorders = tuple(_find_recorders(lab))
    return SettingsSuggestions(tuple(zones.most_common()), tuple(cameras), recorders, tuple(unreadable))


def _camera_files(lab: LabFolder) -> Iterator[str]:
    yield CAMERAS
    for name in _list_subfolders(lab.root / DATA):
        if name.startswith(_USER):
            yield f"{DATA}/{name}/cameras.json"


def _find_cameras(path: str, value: Any) -> Iterator[SuggestedCamera]:
    for id_, fields in value.items() if isinstance(value, dict) else ():
        if isinstance(fields, dict):
            yield SuggestedCamera(id_, path, _safe_text(fields, "name"), _safe_text(fields, "recordingPrefix"))


def _safe_text(fields: Mapping[str, Any], key: str) -> str | None:
    """Return a text of a camera, or None if it resembles an address or contains the value of another field."""
    text = fields.get(key)
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        return None
    others = [
        str(value) for name, value in fields.items() if name not in _PUBLIC_FIELDS and isinstance(value, str | int)
    ]
    dotted = text.replace(":", ".").split(".")
    if "://" in text or "@" in text or sum(part.isalnum() for part in dotted) > 3:
        return None
    return None if any(len(other) >= _SHORTEST_SECRET and other in text for other in others) else text


def _find_recorders(lab: LabFolder) -> Iterator[SuggestedRecorder]:
    """Yield the recorders in the lab's folders and their subfolders, each with the first file that matches."""
    top = [name for name in _list_subfolders(lab.root) if name not in (DATA, "sessions")]
    folders = [
        inner for name in top for inner in (name, *(f"{name}/{below}" for below in _list_subfolders(lab.root / name)))
    ]
    found: list[str] = []
    for folder in folders:
        if any(folder.startswith(f"{above}/") for above in found):
            continue
        for type_, known in RECORDER_TYPES.items():
            recorder = Recorder(folder, folder, known.pattern, "UTC", known.longest)
            try:
                segment = next(scan_recorder(lab.root / folder, recorder, TimeSpan()), None)
            except (DocumentError, OSError):
                continue
            if segment:
                found.append(folder)
                yield SuggestedRecorder(type_, folder, segment.path)
                break


def _list_subfolders(path: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted, without hidden ones and symbolic links."""
    try:
        if path.is_symlink():
            return []
        with os.scandir(path) as listing:
            names = [e.name for e in listing if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return sorted(names)


_HEAD = """\
# labcrate.toml: settings of this lab that labcrate cannot find in the lab's files.
# Every key is optional; remove the # before a key to set it. Unknown keys are refused.

# The id of this lab, different from that of every other lab. Do not change it.
lab_id = {lab_id}

# The IANA zone of times without a zone in the lab's files.{zones}
# time_zone = {zone}

# Zigbee2MQTT's base topic.
# base_topic = "zigbee2mqtt"

# The format of readings' times, if it is not ISO 8601 (letters of strptime). 02/03/2025 alone is ambiguous: write
# %d/%m/%Y or %m/%d/%Y.
# date_formats = ["%d/%m/%Y %H:%M:%S"]

# Files that are never exported: patterns as in .gitignore, from the lab's root.
# exclude = ["recordings/test/", "*.tmp"]

# Recordings are compared with their checksums again after this many days; 0: at every export.
# confirm_days = 30

[session]
# Also include readings from this long before and after the session.
# pad = "30s"
"""

_CAMERAS = """
# Cameras, by their id. time_zone: the zone of the times in its file names. offset_s: seconds to add to its times
# (3.5 if its clock is 3.5 s slow). name_pattern: the pattern of its file names without the extension; placeholders
# are {Y} {y} {m} {d} {H} {M} {S} {f} (milliseconds) {epoch} {camera} {any}.
"""

_RECORDERS = """
# Recorders whose file names contain no session: files are found by their time. type: frigate or motioneye; for
# others, write a pattern of the path below the folder, with the placeholders of name_pattern. zone: the zone of the
# times in the paths. longest: the length of the longest file. cameras: the recorder's name of a camera = the camera's
# id in this lab.
"""


def settings_text(lab_id: str, found: SettingsSuggestions, machine_zone: str) -> str:
    """Return a commented ``labcrate.toml`` in which only ``lab_id`` is set."""
    zones = ", ".join(f"{zone} ({count})" for zone, count in found.zones)
    hint = (
        f"\n# Zones of this lab's sessions: {zones}." if zones else "\n# No session has one; this machine's is below."
    )
    zone = found.zones[0][0] if found.zones else machine_zone
    cameras = [_camera_section(camera, zone) for camera in found.cameras or [SuggestedCamera("1", "")]]
    examples = found.recorders or [SuggestedRecorder("frigate", "/path/to/frigate/recordings", "")]
    recorders = [_recorder_section(recorder, zone) for recorder in examples]
    head = _HEAD.format(lab_id=toml_text(lab_id), zones=hint, zone=toml_text(zone))
    return head + _CAMERAS + "".join(cameras) + _RECORDERS + "".join(recorders)


def _camera_section(camera: SuggestedCamera, zone: str) -> str:
    key = camera.id if camera.id.isascii() and camera.id.isalnum() else toml_text(camera.id)
    lines = [f"[cameras.{key}]" + (f"  # {printable(camera.file)}" if camera.file else "")]
    if camera.name:
        lines.append(f"name = {toml_text(camera.name)}")
    elif not camera.file:
        lines.append('name = "kitchen"')
    if camera.prefix or not camera.file:
        lines.append(f"prefix = {toml_text(camera.prefix or 'cam1')}")
    lines += [f"time_zone = {toml_text(zone)}", "offset_s = 0.0", 'name_pattern = "{any}_{Y}{m}{d}{H}{M}{S}"']
    return _comment_out(lines)


def _recorder_section(recorder: SuggestedRecorder, zone_of_lab: str) -> str:
    zone = RECORDER_TYPES[recorder.type].time_zone
    lines = ["[[recorder]]" + (f"  # contains {printable(recorder.example)}" if recorder.example else "")]
    lines += [
        f"name = {toml_text(recorder.type)}",
        f"type = {toml_text(recorder.type)}",
        f"folder = {toml_text(printable(recorder.folder))}",
        f"pattern = {toml_text(RECORDER_TYPES[recorder.type].pattern)}  # the pattern of the type; may be left out",
        f"zone = {toml_text(zone or zone_of_lab)}",
        'longest = "10m"',
        "cameras = { kitchen = 1 }",
    ]
    return _comment_out(lines)


def _comment_out(lines: Iterable[str]) -> str:
    return "#\n" + "".join(f"# {line}\n" for line in lines)


def toml_text(text: str) -> str:
    """Return a text as a basic string of TOML 1.0, with JSON's escapes and escapes of terminal controls."""
    return escape_steering(json.dumps(text, ensure_ascii=False))
