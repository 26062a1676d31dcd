"""``data/session_metadata.json``: the session, its recordings, sensors and warnings.

Its JSON Schema is docs/spec/session_metadata.schema.json.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from labcrate.archive.layout import FORMAT_VERSION
from labcrate.export.documents.secrets import secrecy_object
from labcrate.export.media_types import media_type
from labcrate.lab.device_files import CAMERAS, CAMERAS_FILE, DEVICES
from labcrate.lab.folder import DATA
from labcrate.model.device import Camera, Device
from labcrate.model.recording import StartCandidate
from labcrate.model.session import json_id
from labcrate.model.timespan import EMPTY_SPAN, format_instant, from_ns
from labcrate.plan import member_names as names
from labcrate.plan.not_taken import NotTaken
from labcrate.plan.plan import FileKind, Plan, PlannedRecording, SessionFile
from labcrate.plan.summary import describe_file

JsonObject = dict[str, Any]


def to_json(value: object) -> bytes:
    """Return a value as an indented JSON document in UTF-8, with a line feed at the end."""
    # In two steps: with an indent, the json module is four times slower.
    return msgspec.json.format(json.dumps(value, ensure_ascii=False).encode(), indent=2) + b"\n"


def session_metadata(plan: Plan, recordings: Sequence[JsonObject]) -> JsonObject:
    """Return the content of ``data/session_metadata.json``; ``recordings`` are from ``recording_object``."""
    return {
        "format": names.FORMAT,
        "formatVersion": FORMAT_VERSION,
        "state": str(plan.state),
        **({"selection": selection_object(plan)} if plan.options.is_partial else {}),
        **({"tablesLeftOut": list(plan.tables_left_out)} if plan.tables_left_out else {}),
        **({"parquetWriter": parquet_writer()} if plan.options.has_parquet else {}),
        "session": _session(plan),
        "recordings": recordings,
        "cameras": [_camera(camera) for camera in plan.cameras],
        "sensors": [device_object(device) for device in plan.devices],
        "sensorFiles": [
            {"file": f.member, "source": f.source} for f in plan.session_files if f.kind is FileKind.SENSOR_DATA
        ],
        "sessionFiles": [_session_file(f) for f in plan.session_files if f.kind is not FileKind.SENSOR_DATA],
        "readings": _readings(plan),
        "missing": [{"what": m.what, "why": m.why} for m in plan.missing],
        "warnings": list(plan.warnings),
        "notTaken": [not_taken_object(one) for one in plan.not_taken],
        "nearMissCount": len(plan.near_misses),
        "secrets": secrecy_object(plan.secrecy),
    }


def parquet_writer() -> str:
    """Return the program that writes Parquet tables, and its version, on which their bytes depend: ``Polars 1.35.1``.

    It is a part of archives with such tables, and so of their ETag.
    """
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and few archives have such tables

    return f"Polars {version('polars')}"


def not_taken_object(one: NotTaken) -> JsonObject:
    """Return a file of the session that is not in the archive, with the rule; ``files`` counts those of a folder."""
    return {"source": one.source, "rule": str(one.rule), "reason": one.rule.reason, "files": one.files}


def _session_file(file: SessionFile) -> JsonObject:
    return {
        "file": file.member,
        "source": file.source,
        "description": describe_file(file),
        "mediaType": media_type(file.member),
        "sizeBytes": file.size_bytes,
        "modified": format_instant(from_ns(file.identity.mtime_ns)),
        "sha256": file.fixity.sha256 if file.fixity else UNKNOWN_SHA256,
    }


def selection_object(plan: Plan) -> JsonObject:
    """Return what was chosen of the session, for the metadata of a partial archive."""
    options = plan.options
    return {
        "partial": True,
        "only": str(options.only),
        "cameras": list(options.cameras),
        "sensors": list(options.sensors),
        "from": instant_text(options.span.start),
        "to": instant_text(options.span.end),
        "notChosen": list(plan.not_chosen),
    }


def instant_text(value: datetime | None) -> str | None:
    """Return an instant in UTC as text for JSON."""
    return format_instant(value) if value else None


def local_time_text(value: datetime | None, zone: str | None) -> str | None:
    """Return an instant in the local time of a zone, with its offset: ``2025-05-02T21:40:00.000+02:00``."""
    return value.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds") if value and zone else None


def _session(plan: Plan) -> JsonObject:
    session, span, zone = plan.session, plan.session.span, plan.zone
    return {
        "id": json_id(session.id),
        "name": session.name,
        "description": session.description,
        "startTime": instant_text(span.start),
        "endTime": instant_text(span.end),
        "durationSeconds": span.seconds,
        "timeZone": zone,
        "startTimeLocal": local_time_text(span.start, zone),
        "endTimeLocal": local_time_text(span.end, zone),
        "status": session.status,
        "notes": session.notes,
        "tags": list(session.tags),
        "selectedCameras": [{"id": c.id, "name": c.name, "recordingPrefix": c.prefix} for c in session.cameras],
        "selectedSensors": [{"id": s.id, "name": s.name} for s in session.sensors],
        "describedIn": list(session.description_files),
        "described": session.all_fields,
        "removedKeys": list(session.removed_keys),
    }


def recording_object(recording: PlannedRecording) -> JsonObject:
    """Return one recording for the metadata."""
    probe, fixity = recording.probe, recording.fixity
    return {
        "file": recording.member,
        "source": recording.source,
        "alsoAt": list(recording.duplicate_paths),
        "linkedBy": recording.verdict.rule,
        "reason": recording.verdict.reason,
        "cameraId": recording.camera.id if recording.camera else None,
        "cameraName": recording.camera.name if recording.camera else None,
        "startTime": instant_text(recording.span.start),
        "endTime": instant_text(recording.span.end),
        "startSource": str(recording.start_source),
        "startUncertaintySeconds": json_number(recording.time.chosen.uncertainty_s),
        "startClaims": [_claim(claim) for claim in recording.time.candidates],
        "readable": probe.is_readable,
        "problem": probe.problem,
        "durationSeconds": probe.duration_s,
        "videoCodec": probe.video_codec,
        "width": probe.width,
        "height": probe.height,
        "frameRate": probe.frame_rate,
        "audioCodec": probe.audio_codec,
        "sizeBytes": recording.size_bytes,
        "modified": format_instant(from_ns(recording.identity.mtime_ns)),
        "sha256": fixity.sha256 if fixity else UNKNOWN_SHA256,
    }


def _claim(claim: StartCandidate) -> JsonObject:
    return {
        "source": str(claim.source),
        "start": instant_text(claim.start),
        "uncertaintySeconds": json_number(claim.uncertainty_s),
        "taken": claim.is_chosen,
    }


def json_number(value: float) -> float:
    """Return a number for JSON and CSV: 60 instead of 60.0."""
    return int(value) if value.is_integer() else value


# Takes the place of a hash that is not known yet, so that the size of the ZIP is exact before anything is hashed. No
# archive is made with it.
UNKNOWN_SHA256 = "0" * 64


def _camera(camera: Camera) -> JsonObject:
    return {"id": camera.id, "name": camera.name, "recordingPrefix": camera.prefix, **camera.extra}


# The current values in the lab's devices.json. They would give the same session other bytes tomorrow; the session's
# own values are in its readings.
VOLATILE = ("lastSeen", "battery", "linkquality")


def device_object(device: Device) -> JsonObject:
    """Return one Zigbee device, without the values that change with every message (see VOLATILE)."""
    return {
        "id": device.id,
        "name": device.name,
        "type": device.type,
        "model": device.model,
        "manufacturer": device.manufacturer,
        **device.extra,
    }


def devices_document(plan: Plan) -> JsonObject:
    """Return the content of ``data/devices.json``: only the cameras and Zigbee devices of this session."""
    return {
        "cameras": [_camera(camera) for camera in plan.cameras],
        "zigbee": [device_object(device) for device in plan.devices],
        "source": {"cameras": _camera_files(plan), "zigbee": DEVICES},
        "leftOut": list(VOLATILE),
    }


def _camera_files(plan: Plan) -> str:
    """Return the names of the lab's files that describe the cameras, separated by commas."""
    users = {user for camera in plan.cameras for user in camera.users}
    files = [CAMERAS] if None in users or not users else []
    return ", ".join([*files, *(f"{DATA}/user_{user}/{CAMERAS_FILE}" for user in sorted(users - {None}, key=str))])


def _readings(plan: Plan) -> JsonObject:
    readings = plan.readings
    return {
        "count": len(readings),
        "first": instant_text(readings.first),
        "last": instant_text(readings.last),
        "window": {
            "start": None if plan.window == EMPTY_SPAN else instant_text(plan.window.start),
            "end": None if plan.window == EMPTY_SPAN else instant_text(plan.window.end),
            "padSeconds": plan.pad.total_seconds(),
            "all": plan.options.all_readings,
            "endSource": str(plan.bound.reason),
        },
        "topics": readings.topic_names,
    }
