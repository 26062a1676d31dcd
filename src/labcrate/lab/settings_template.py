"""The text of a fresh ``labcrate.toml``: every key with what it means, commented out, and what was found in the lab."""

import json
from collections.abc import Iterable

from labcrate.lab.folder import printable
from labcrate.lab.recorders import TYPES
from labcrate.lab.settings_suggestions import CameraFound, RecorderFound, Suggestions
from labcrate.lab.text import escaped_steering

_HEAD = """\
# labcrate.toml: what labcrate cannot know about this lab by itself.
# Every key is optional; a key is in force when the # before it is gone. Unknown keys are refused.

# Tells this lab from every other one. Keep it.
lab_id = {lab_id}

# The IANA zone of times in the lab's files that carry none.{zones}
# time_zone = {zone}

# Zigbee2MQTT's base topic.
# base_topic = "zigbee2mqtt"

# How readings' times are written where that is not ISO 8601 (letters of strptime). 02/03/2025 alone is no date
# that anybody can know: write %d/%m/%Y or %m/%d/%Y.
# date_formats = ["%d/%m/%Y %H:%M:%S"]

# What never goes into an archive: patterns as in .gitignore, from the lab's root.
# exclude = ["recordings/test/", "*.tmp"]

# After how many days the bytes of recordings are read again and compared with their checksums; 0 is always.
# confirm_days = 30

[session]
# How far the readings' window goes beyond the session on both sides.
# pad = "30s"
"""

_CAMERAS = """
# Cameras, by their id. time_zone: the zone of times in its files' names. offset_s: seconds to add to its times
# (its clock is 3.5 s slow: 3.5). name_pattern: how its files are named, without the extension; placeholders are
# {Y} {y} {m} {d} {H} {M} {S} {f} (milliseconds) {epoch} {camera} {any}.
"""

_RECORDERS = """
# Recorders that know no sessions: their files are found by time. type: frigate or motioneye; for others a pattern
# of the path below the folder, with the placeholders of name_pattern. zone: the zone of those times.
# longest: no file of it is longer. cameras: the recorder's word for a camera = the camera's id in this lab.
"""


def settings_text(lab_id: str, found: Suggestions, machine_zone: str) -> str:
    """Return a commented ``labcrate.toml`` in which only ``lab_id`` is in force."""
    zones = ", ".join(f"{zone} ({count})" for zone, count in found.zones)
    said = f"\n# Sessions of this lab name: {zones}." if zones else "\n# No session names one; this machine's is below."
    zone = found.zones[0][0] if found.zones else machine_zone
    cameras = [_camera(camera, zone) for camera in found.cameras or [CameraFound("1", "")]]
    examples = found.recorders or [RecorderFound("frigate", "/path/to/frigate/recordings", "")]
    recorders = [_recorder(recorder, zone) for recorder in examples]
    head = _HEAD.format(lab_id=toml_text(lab_id), zones=said, zone=toml_text(zone))
    return head + _CAMERAS + "".join(cameras) + _RECORDERS + "".join(recorders)


def _camera(camera: CameraFound, zone: str) -> str:
    key = camera.id if camera.id.isascii() and camera.id.isalnum() else toml_text(camera.id)
    lines = [f"[cameras.{key}]" + (f"  # {printable(camera.file)}" if camera.file else "")]
    if camera.name:
        lines.append(f"name = {toml_text(camera.name)}")
    elif not camera.file:
        lines.append('name = "kitchen"')
    if camera.prefix or not camera.file:
        lines.append(f"prefix = {toml_text(camera.prefix or 'cam1')}")
    lines += [f"time_zone = {toml_text(zone)}", "offset_s = 0.0", 'name_pattern = "{any}_{Y}{m}{d}{H}{M}{S}"']
    return _commented(lines)


def _recorder(recorder: RecorderFound, zone_of_lab: str) -> str:
    zone = TYPES[recorder.type].time_zone
    lines = ["[[recorder]]" + (f"  # it holds {printable(recorder.example)}" if recorder.example else "")]
    lines += [
        f"name = {toml_text(recorder.type)}",
        f"type = {toml_text(recorder.type)}",
        f"folder = {toml_text(printable(recorder.folder))}",
        f"pattern = {toml_text(TYPES[recorder.type].pattern)}  # the type's own; leave it out",
        f"zone = {toml_text(zone or zone_of_lab)}",
        'longest = "10m"',
        "cameras = { kitchen = 1 }",
    ]
    return _commented(lines)


def _commented(lines: Iterable[str]) -> str:
    return "#\n" + "".join(f"# {line}\n" for line in lines)


def toml_text(text: str) -> str:
    """Return a text as a basic string of TOML 1.0, with JSON's escapes; what steers a terminal is escaped as well."""
    return escaped_steering(json.dumps(text, ensure_ascii=False))
