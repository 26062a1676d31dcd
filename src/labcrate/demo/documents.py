"""The JSON and CSV files of the sample lab, in the layout of a lab folder."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from labcrate.demo.sensors import BASE, SENSORS, DemoSensor, ZigbeeMessage
from labcrate.demo.story import CAMERAS, HALL, KITCHEN, LIVING_LAB, MORNING_ID, SPANS, TIME_ZONE, VISITOR_ID, DemoCamera
from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant

# These must never be exported: a search for them in an archive must find nothing.
CAMERA_USER, CAMERA_PASSWORD = "lab-camera", "not-for-export"
LOGIN_NAME, LOGIN_HASH = "lab-admin", "$2b$12$not.a.real.hash.but.never.exported.all.the.same.."
SECRETS = (CAMERA_USER, CAMERA_PASSWORD, LOGIN_NAME, LOGIN_HASH, *(camera.address for camera in CAMERAS))

# Session 42 has no sensors of the bathroom and the living room; session 43 names no sensors and gets all.
MORNING_SENSORS = tuple(sensor for sensor in SENSORS if not sensor.name.startswith(("bathroom", "living")))
CSV_COLUMNS = "timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload"


def lab_documents(messages: Sequence[ZigbeeMessage]) -> dict[str, bytes]:
    """Return every file that is not a video: path relative to the lab, and content."""
    morning, visitor = _morning(), _visitor()
    return {
        "data/sessions.json": _json([morning, visitor]),
        "data/cameras.json": _json({str(camera.id): _camera(camera) for camera in CAMERAS}),
        "data/devices.json": _json([_device(sensor, messages) for sensor in SENSORS]),
        "data/users.json": _json([{"id": 1, "username": LOGIN_NAME, "password": LOGIN_HASH, "role": "admin"}]),
        "data/zigbee-data.json": _json(_unified(messages)),
        "data/zigbee-sensors.csv": _unified_csv(messages),
        f"sessions/Session{MORNING_ID}/session_data.json": _json(morning),
        f"sessions/Session{MORNING_ID}/sensor_data/observer_notes.csv": (
            b"timestamp,note\n"
            b"2025-05-02T06:40:40Z,kettle on\n"
            b'2025-05-02T06:41:00Z,"washing machine starts, door was already shut"\n'
        ),
        f"sessions/Session{VISITOR_ID}/session_data.json": _json(visitor),
        f"sessions/Session{VISITOR_ID}/sensor_data/sensor_readings.json": _json(_own_readings(messages)),
        f"sessions/Session{VISITOR_ID}/sensor_data/sensor_readings.csv": _own_readings_csv(messages),
        "recordings/notes_session42.txt": b"Hall camera lost its network twice, see the gap.\n",
        # A file that macOS writes on some disks (AppleDouble): hidden, and not a video in spite of its name.
        "recordings/._kitchen_session42_20250502T064000Z.mp4": b"\0\5\26\7\0\2\0\0Mac OS X        ",
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _session(
    id_: str, name: str, description: str, cameras: Sequence[DemoCamera], sensors: Sequence[DemoSensor]
) -> dict[str, Any]:
    start, end = SPANS[id_].start, SPANS[id_].end
    return {
        "id": json_id(id_),
        "name": name,
        "description": description,
        "startTime": format_instant(start) if start else None,
        "endTime": format_instant(end) if end else None,
        "timeZone": TIME_ZONE,
        "status": "completed",
        "selectedDevices": {
            "cameras": [{"id": c.id, "name": c.name, "recordingPrefix": c.prefix} for c in cameras],
            "sensors": [{"id": sensor.id, "name": sensor.name} for sensor in sensors],
        },
    }


def _morning() -> dict[str, Any]:
    """Return session 42. Its metadata repeat a camera with its password, as the platform does."""
    title = "Morning routine, kitchen and hall"
    return {
        **_session(MORNING_ID, title, "Getting up, breakfast, laundry.", CAMERAS, MORNING_SENSORS),
        "notes": "The participant was informed about the cameras. The hall camera reconnected once.",
        "tags": ["pilot", "morning"],
        "metadata": {
            "researcher": "R. Ejemplo",
            "participants": ["P-07"],
            "labInfo": {"name": "Sample living lab", "room": "C32"},
            "selectedDevices": {"cameras": [_camera(KITCHEN)]},
        },
    }


def _visitor() -> dict[str, Any]:
    title = "Visitor at the door"
    return {
        **_session(
            VISITOR_ID, title, "A visitor rings while the morning session is still running.", (HALL, LIVING_LAB), ()
        ),
        "metadata": {"researcher": "R. Ejemplo", "participants": ["P-07", "P-11"]},
    }


def _camera(camera: DemoCamera) -> dict[str, Any]:
    return {
        "id": camera.id,
        "name": camera.name,
        "ipAddress": camera.address,
        "username": CAMERA_USER,
        "password": CAMERA_PASSWORD,
        "streamPath": "stream1",
        "port": "554",
        "recordingPrefix": camera.prefix,
    }


def _device(sensor: DemoSensor, messages: Sequence[ZigbeeMessage]) -> dict[str, Any]:
    last = [message for message in messages if message.topic == sensor.topic][-1]
    return {
        "id": sensor.id,
        "name": sensor.name,
        "type": sensor.type,
        "model": sensor.model,
        "manufacturer": sensor.manufacturer,
        "lastSeen": format_instant(last.at),
        "battery": last.payload.get("battery"),
        "linkquality": last.payload["linkquality"],
    }


def _unified(messages: Sequence[ZigbeeMessage]) -> dict[str, Any]:
    """Return the content of ``zigbee-data.json``: messages by topic."""
    in_json = [message for message in messages if message.in_json]
    topics: dict[str, list[dict[str, Any]]] = {}
    for message in in_json:
        topics.setdefault(message.topic, []).append(
            {"timestamp": format_instant(message.at), "payload": message.payload}
        )
    return {
        "messages": topics,
        "topics": list(topics),
        "deviceCount": len(SENSORS),
        "lastUpdated": format_instant(in_json[-1].at),
    }


def _unified_csv(messages: Sequence[ZigbeeMessage]) -> bytes:
    """Return the content of ``zigbee-sensors.csv``: every field quoted, quotes doubled, the header not quoted."""
    out = io.StringIO()
    out.write(CSV_COLUMNS + "\n")
    rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for message in messages:
        if message.in_csv:
            rows.writerow(_row(message))
    return out.getvalue().encode()


def _row(message: ZigbeeMessage) -> tuple[Any, ...]:
    payload = message.payload
    motion = payload.get("occupancy")
    return (
        format_instant(message.at),
        message.topic,
        message.topic.removeprefix(f"{BASE}/"),
        payload.get("temperature", ""),
        payload.get("humidity", ""),
        "" if motion is None else str(motion).lower(),
        payload.get("battery", ""),
        payload.get("linkquality", ""),
        json.dumps(payload, separators=(",", ":"), ensure_ascii=False),
    )


def _climate(messages: Sequence[ZigbeeMessage]) -> list[tuple[str, str, float, float]]:
    """Return time, sensor, temperature and humidity of the climate sensors' messages during session 43."""
    ids = {sensor.topic: sensor.id for sensor in SENSORS}
    return [
        (format_instant(message.at), ids[message.topic], message.payload["temperature"], message.payload["humidity"])
        for message in messages
        if SPANS[VISITOR_ID].contains(message.at) and "temperature" in message.payload
    ]


def _own_readings(messages: Sequence[ZigbeeMessage]) -> dict[str, Any]:
    keys = ("timestamp", "sensorId", "temperature", "humidity")
    readings = [dict(zip(keys, row, strict=True)) for row in _climate(messages)]
    return {"sessionId": json_id(VISITOR_ID), "readings": readings}


def _own_readings_csv(messages: Sequence[ZigbeeMessage]) -> bytes:
    rows = [",".join(map(str, row)) for row in _climate(messages)]
    return ("\n".join(["timestamp,sensorId,temperature,humidity", *rows]) + "\n").encode()
