"""A lab in the shape of the reference platform, with everything that goes wrong in real ones.

It has users with object-shaped files, a session without an end, a session whose ID is a UUID, registers with absolute
paths, names with milliseconds, topics with a room, secrets in notes, payloads, files and MP4 tags, and the files that
researchers add: EDF, WAV, PDF, MOV, CSV of spreadsheets.
"""

import json
import os
import struct
import wave
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy

PASSWORD = "Canary-Passw0rd-7"  # noqa: S105 - what must never leave
ADDRESS = "192.0.2.40"
PIN = "4711"
SSID = "Canary-Wifi-Name"
CANARIES = (PASSWORD, ADDRESS, SSID)
"""Texts that must not be in any member of an archive of this lab, in any spelling."""

UUID = "5f0f9b1e-6f0e-4f57-9f4e-0c2f3a0d7a11"
START = datetime(2025, 6, 10, 15, 30, 12, 40_000, UTC)
"""The start of session 7, which has no end."""

SENSOR_TOPIC, LOCK_TOPIC = "zigbee2mqtt/planta/t-cocina", "zigbee2mqtt/planta/cerradura"


def format_for_name(at: datetime) -> str:
    """Return a time as the platform writes it in names: ISO 8601 with ``-`` for ``:`` and ``.``, milliseconds last."""
    return f"{at:%Y-%m-%dT%H-%M-%S}-{at.microsecond // 1000:03}Z"


def as_iso(at: datetime) -> str:
    """Return a time as JavaScript writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def make_video(
    seconds: float = 2.0,
    *,
    created: datetime | None = None,
    tags: Mapping[str, str] | None = None,
    container: str = "mp4",
    movflags: str = "use_metadata_tags",
) -> bytes:
    """Return a real, small video of that many seconds (5 frames a second) with these tags."""
    file = BytesIO()
    options = {"movflags": movflags} if container in ("mp4", "mov") else {}
    with av.open(file, "w", format=container, options=options) as out:
        out.metadata.update(tags or {})
        if created:
            out.metadata["creation_time"] = created.isoformat()
        stream = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(round(seconds * 5)):
            picture = numpy.full((48, 64, 3), number * 9 % 256, numpy.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def make_wav() -> bytes:
    """Return a WAV file with a second of silence."""
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16000))
    return file.getvalue()


def make_edf() -> bytes:
    """Return an EDF file (European Data Format, 1992): a header of 512 bytes and one record of one signal."""
    fields = ("0", 8), ("P-03", 80), ("visit", 80), ("10.06.25", 8), ("15.30.12", 8), ("512", 8), ("", 44), ("1", 8)
    signal = ("EEG", 16), ("", 80), ("uV", 8), ("-100", 8), ("100", 8), ("-32768", 8), ("32767", 8), ("", 80), ("4", 8)
    header = b"".join(text.encode().ljust(width) for text, width in (*fields, ("1", 8), ("1", 4), *signal, ("", 32)))
    return header + struct.pack("<4h", 1, 2, 3, 4)


class PlatformLab:
    """A writer of the lab below a folder; ``root`` is that folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("recordings", "sessions", "data"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes | str, mtime: datetime = START + timedelta(minutes=10)) -> Path:
        """Write one file with a modification time."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(file, (mtime.timestamp(), mtime.timestamp()))
        return file

    def json(self, path: str, value: object) -> Path:
        """Write a JSON file as the platform does: indented by two."""
        return self.write(path, json.dumps(value, indent=2, ensure_ascii=False))

    def build(self) -> "PlatformLab":
        """Write all files of the lab."""
        self._users()
        self._shared()
        self._recordings()
        self._readings()
        self._own_folder()
        return self

    def _users(self) -> None:
        camera = {
            "ipAddress": ADDRESS, "username": "operator", "password": PASSWORD, "streamPath": "live", "port": "554",
            "isRecording": False, "status": "connected",
        }  # fmt: skip
        self.json(
            "data/user_2/cameras.json",
            {
                "5": {"name": "cocina", **camera, "userId": 2, "id": 5, "recordingPrefix": "c05"},
                "6": {"name": "Sala de estar", **camera, "userId": 2, "id": 6, "recordingPrefix": None},
            },
        )
        self.json("data/user_3/cameras.json", {"5": {"name": "taller", **camera, "id": 5, "recordingPrefix": "t05"}})
        self.json("data/user_2/sensors.json", {})
        self.json(
            "data/user_2/sessions.json",
            {
                "7": {
                    "id": 7, "userId": 2, "name": "desayuno P-03", "description": "cocina y salón",
                    "startTime": as_iso(START), "endTime": None, "status": "completed",
                    "notes": f"cámara: rtsp://operator:{PASSWORD}@{ADDRESS}:554/live; firmware 2.10.3.1; "
                    "TC 00:03:21:09; doi 10.5281/zenodo.1234",
                    "tags": ["piloto"],
                    "metadata": {
                        "devices": [
                            {"id": 5, "name": "cocina", "type": "camera"},
                            {"id": 6, "name": "Sala de estar", "type": "camera"},
                        ],
                        "participants": ["P-03"], "researcher": "R.", "userExperience": "media",
                    },
                },
                "8": {
                    "id": 8, "userId": 2, "name": "siesta P-04", "description": "",
                    "startTime": as_iso(START + timedelta(hours=3)), "endTime": as_iso(START + timedelta(hours=4)),
                    "status": "completed", "notes": None, "tags": [], "metadata": {},
                },
            },
        )  # fmt: skip
        self.json(
            "data/user_3/sessions.json",
            {
                "9": {
                    "id": 9, "userId": 3, "name": "P-05", "startTime": as_iso(START + timedelta(minutes=40)),
                    "endTime": as_iso(START + timedelta(minutes=50)), "status": "completed",
                }
            },
        )  # fmt: skip
        self.json(
            f"sessions/Session{UUID}/config.json",
            {
                "id": UUID, "title": "visita", "startTime": "2025-06-11T08:00:00.000Z",
                "endTime": "2025-06-11T08:30:00.000Z",
                "devices": {"cameras": [{"id": 5}], "sensors": ["t-cocina"]}, "participants": "P-05",
            },
        )  # fmt: skip
        self.json(f"sessions/Session{UUID}/session_data.json", {"sessionId": UUID, "title": "visita", "sensors": {}})

    def _shared(self) -> None:
        self.json("data/sessions.json", {})
        self.json("data/cameras.json", {})
        self.json("data/users.json", [{"username": "operator", "password": "$argon2id$never"}])
        self.json(
            "data/devices.json",
            [
                {"id": "0x00124b0022aa0001", "name": "t-cocina", "type": "EndDevice", "model": "WSDCGQ11LM"},
                {"id": "0x00124b0022aa0002", "name": "cerradura", "type": "EndDevice", "model": "LOCK-1"},
            ],
        )

    def _recordings(self) -> None:
        first = START + timedelta(seconds=2.615)
        name = f"c05_session7-{format_for_name(first)}"
        tags = {"comment": f"rtsp://operator:{PASSWORD}@{ADDRESS}/live"}
        self.write(f"recordings/{name}.mp4", make_video(tags=tags))
        self.json(f"recordings/{name}-sensors.json", {"cameraId": 5, "sessionId": 7, "messages": []})
        salon = START + timedelta(seconds=48)
        self.write(f"recordings/sala-de-estar_session7-{format_for_name(salon)}.mp4", make_video())
        self.write(f"recordings/c05-5-{format_for_name(START + timedelta(seconds=30))}.mp4", make_video())
        eight = START + timedelta(hours=3, minutes=5)
        self.write(f"recordings/c05_session8_{eight:%Y%m%d%H%M%S}.mp4", make_video())
        local = eight + timedelta(minutes=5)
        self.write(
            f"recordings/c05_session8_{local:%Y%m%dT%H%M%SZ}.mp4", make_video(created=local + timedelta(hours=2))
        )
        self.write(f"recordings/t05_session9-{format_for_name(START + timedelta(minutes=41))}.mp4", make_video())
        self.write(f"sessions/Session{UUID}/recordings/c05_session{UUID}_20250611T080000Z.mp4", make_video())
        self.json(
            "data/user_2/recordings.json",
            {
                "31": {
                    "cameraId": 5, "sessionId": 7, "filePath": f"/app/recordings/{name}.mp4",
                    "startTime": as_iso(first), "endTime": as_iso(first + timedelta(seconds=2)),
                    "id": 31, "status": "completed", "title": None,
                }
            },
        )  # fmt: skip

    def _readings(self) -> None:
        messages: dict[str, list[dict[str, Any]]] = {SENSOR_TOPIC: []}
        rows = ["timestamp,topic,device_id,temperature,humidity,motion,battery,linkquality,payload"]
        for minute in range(-10, 260, 1):
            at = as_iso(START + timedelta(minutes=minute))
            payload = {"temperature": 21 + minute / 100, "humidity": 50, "battery": 90, "linkquality": 80}
            messages[SENSOR_TOPIC].append({"timestamp": at, "payload": payload})
            text = json.dumps(payload).replace('"', '""')
            rows.append(f'"{at}","{SENSOR_TOPIC}","t-cocina","{payload["temperature"]}","50","","90","80","{text}"')
            lock = {"state": "LOCK", "pin_code": {"user": 1, "pin_code": PIN}, "wifi": {"ssid": SSID}}
            text = json.dumps(lock).replace('"', '""')
            rows.append(f'"{at}","{LOCK_TOPIC}","cerradura","","","","","","{text}"')
        self.json("data/zigbee-data.json", {"messages": messages, "topics": list(messages), "deviceCount": 1})
        self.write("data/zigbee-sensors.csv", "\n".join(rows) + "\n")

    def _own_folder(self) -> None:
        own = "sessions/Session7"
        row = f'"{as_iso(START + timedelta(seconds=60))}"'
        self.json(f"{own}/session_7_sensors.json", {"sessionId": 7, "data": []})
        traffic = "timestamp,topic,payload,sensor_id,battery,linkquality\n"
        payload = '"{""temperature"":21.4}"'
        self.write(
            f"{own}/mqtt_data/session_7_mqtt_traffic.csv", f'{traffic}{row},"{SENSOR_TOPIC}",{payload},"planta","",""\n'
        )
        self.write(f"{own}/mqtt_data/session_7_mqtt.log", "[2025-06-10T15:30:12.040Z] inicio\n")
        header = "timestamp,sensor_id,temperature,battery,linkquality\n"
        self.write(f"{own}/sensor_data/temperature_sensors.csv", f'{header}{row},"planta","21.4","",""\n')
        self.write(f"{own}/eeg/visit.edf", make_edf())
        self.write(f"{own}/audio/room.wav", make_wav())
        self.write(f"{own}/forms/consent.pdf", b"%PDF-1.4\n%%EOF\n")
        self.write(f"{own}/phone.mov", make_video(container="mov"))
        self.write(f"{own}/Thumbs.db", b"thumbs")
        self.write("sessions/Session8/wearable/acc.csv", "t;x;y;z\n0,00;1,2;0,1;9,8\n")
