"""The labs of the benchmark: real lab folders, with recordings that begin as a camera's do.

Run as a child process (``python -m benchmarks.labs KIND FOLDER NUMBERS``), because its imports would count as memory
of the benchmark's other children.
"""

import json
import os
import struct
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.sensor_lab import FORTNIGHT, Timetable, append_to_csv, append_to_json, write_readings
from benchmarks.sensors import SENSORS

from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.index.state_folder import state_folder
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.video.synthetic import make_clip

BEGIN = datetime(2025, 5, 2, 8, tzinfo=UTC)
WINDOW = timedelta(hours=1)
_BLOCK = 8 << 20
_MANY_SECONDS = 2.0


def build_recordings_lab(lab: Path, count: int, size_bytes: int, readings: int) -> None:
    """Write one session with ``count`` recordings of that size, and ``readings`` inside it (0: no sensor files)."""
    _write_descriptions(lab, [1])
    clip = _make_clip(_MANY_SECONDS)
    (lab / "recordings").mkdir()
    for number in range(count):
        _write_recording(lab / f"recordings/cam{number % 4 + 1}_session1_{number:05}.mp4", clip, size_bytes)
    if readings:
        write_readings(lab, Timetable(BEGIN, readings, WINDOW))


def build_segments_lab(lab: Path, count: int, size_bytes: int) -> None:
    """Write one session, and ``count`` segments of ten seconds from a Frigate recorder with four cameras during it."""
    _write_descriptions(lab, [1])
    length = timedelta(seconds=10)
    session = lab / "sessions/Session1/session_data.json"
    described = json.loads(session.read_text()) | {"endTime": _format_instant(BEGIN + length * (count // 4))}
    session.write_text(json.dumps(described))
    (lab / "labcrate.toml").write_text('[[recorder]]\nname = "nvr"\ntype = "frigate"\nfolder = "nvr"\n')
    clip = _make_clip(length.total_seconds())
    for number in range(count):
        at = BEGIN + length * (number // 4)
        path = lab / f"nvr/{at:%Y-%m-%d/%H}/cam{number % 4 + 1}/{at:%M.%S}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_recording(path, clip, size_bytes)


def build_sessions_lab(lab: Path, recordings: int, sessions: int) -> None:
    """Write small recordings, half of them in the shared folder, half in the folders of their sessions."""
    _write_descriptions(lab, range(1, sessions + 1))
    clip = _make_clip(0.4)
    (lab / "recordings").mkdir()
    for number in range(recordings):
        session = number % sessions + 1
        folder = lab / "recordings" if number // sessions % 2 else lab / f"sessions/Session{session}/recordings"
        folder.mkdir(exist_ok=True)
        (folder / f"cam{number % 4 + 1}_session{session}_{number:06}.mp4").write_bytes(clip)


def build_registered_lab(lab: Path, recordings: int, sessions: int) -> None:
    """Write small recordings as the platform does: all in one folder, each with an entry in the register."""
    (lab / "data").mkdir(parents=True)
    (lab / "recordings").mkdir()
    clip = _make_clip(0.4)
    described = [
        {
            "id": n,
            "name": f"Session {n}",
            "startTime": _format_instant(start),
            "endTime": _format_instant(start + WINDOW),
        }
        for n in range(1, sessions + 1)
        for start in [BEGIN + timedelta(days=n - 1)]
    ]
    cameras = {str(n): {"name": f"Camera {n}", "recordingPrefix": f"cam{n}"} for n in range(1, 5)}
    register = {}
    for number in range(recordings):
        session, camera = number % sessions + 1, number // sessions % 4 + 1
        start = BEGIN + timedelta(days=session - 1, seconds=10 * (number // sessions))
        name = f"cam{camera}_session{session}-{start:%Y-%m-%dT%H-%M-%S-000Z}.mp4"
        (lab / "recordings" / name).write_bytes(clip)
        times = {"startTime": _format_instant(start), "endTime": _format_instant(start + timedelta(seconds=10))}
        entry = {"id": number, "cameraId": camera, "sessionId": session, "filePath": f"/app/recordings/{name}"}
        register[str(number)] = {**entry, **times, "status": "completed"}
    for file, value in (("cameras", cameras), ("sessions", described), ("recordings", register)):
        (lab / f"data/{file}.json").write_text(json.dumps(value))


def build_sparse_lab(lab: Path, count: int, size_bytes: int) -> None:
    """Write one session with ``count`` recordings of that size as sparse files, and their fixity in the index."""
    _write_descriptions(lab, [1])
    (lab / "recordings").mkdir()
    clip, known = _make_clip(_MANY_SECONDS), []
    for number in range(count):
        path = f"recordings/cam{number % 4 + 1}_session1_{number:05}.mp4"
        with (lab / path).open("wb") as file:
            file.write(clip)
            file.truncate(size_bytes)
        # The fixity is invented: hashing a terabyte of zeros would take ten minutes.
        fixity, probe = Fixity(size_bytes, number, f"{number:064x}"), Probe(None, _MANY_SECONDS, "h264", 320, 240, 25.0)
        known.append(IndexedFile(path, Identity.of((lab / path).stat()), fixity, probe))
    with Catalog.open(state_folder(lab)) as catalog:
        catalog.store(known)


def build_sensors_lab(lab: Path, count: int, pretty: int = 0) -> None:
    """Write readings of forty sensors over a fortnight, which is session 1; session 2 is an hour in its middle."""
    _write_descriptions(lab, [1, 2])
    middle = BEGIN + FORTNIGHT / 2
    for session, begin, end in ((1, BEGIN, BEGIN + FORTNIGHT), (2, middle, middle + WINDOW)):
        path = lab / f"sessions/Session{session}/session_data.json"
        times = {"startTime": _format_instant(begin), "endTime": _format_instant(end)}
        path.write_text(json.dumps(json.loads(path.read_text()) | times, indent=2))
        for camera in range(1, 5):
            at = begin + (end - begin) * camera / 5
            recording = lab / f"recordings/cam{camera}_session{session}-{at:%Y-%m-%dT%H-%M-%S-000Z}.mp4"
            recording.parent.mkdir(exist_ok=True)
            recording.write_bytes(_make_clip(_MANY_SECONDS, at))
    (lab / "data/devices.json").write_text(json.dumps([sensor.describe() for sensor in SENSORS], indent=2))
    write_readings(lab, Timetable(BEGIN, count), pretty=bool(pretty))


def append_readings(lab: Path, number: int, count: int, file: str) -> None:
    """Append readings of one minute shortly before the end of session 1; each number is another minute."""
    begin = BEGIN + FORTNIGHT - timedelta(hours=2) + timedelta(minutes=number % 100)
    append = {"csv": append_to_csv, "json": append_to_json}[file]
    append(lab, Timetable(begin, count, timedelta(minutes=1)))


def _write_descriptions(lab: Path, sessions: range | list[int]) -> None:
    (lab / "data").mkdir(parents=True)
    cameras = {str(n): {"name": f"Camera {n}", "recordingPrefix": f"cam{n}"} for n in range(1, 5)}
    (lab / "data/cameras.json").write_text(json.dumps(cameras))
    for number in sessions:
        folder = lab / f"sessions/Session{number}"
        folder.mkdir(parents=True)
        start = BEGIN + timedelta(days=number - 1)
        described = {
            "id": number,
            "name": f"Session {number}",
            "startTime": _format_instant(start),
            "endTime": _format_instant(start + WINDOW),
            "status": "completed",
            "selectedDevices": {"cameras": [{"id": str(n), "recordingPrefix": f"cam{n}"} for n in range(1, 5)]},
        }
        (folder / "session_data.json").write_text(json.dumps(described))


def _make_clip(seconds: float, begin: datetime = BEGIN) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path, "cam1", begin, seconds)
        return path.read_bytes()


def _write_recording(path: Path, clip: bytes, size_bytes: int) -> None:
    """Write a small real MP4, enlarged by a box of noise that players skip (ISO/IEC 14496-12, 8.1.2: ``free``)."""
    left = size_bytes - len(clip) - 16
    with path.open("wb") as file:
        file.write(clip + struct.pack(">I4sQ", 1, b"free", left + 16))
        while left:
            left -= file.write(os.urandom(min(left, _BLOCK)))


def _format_instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def main(kind: str, folder: str, *numbers: str) -> None:
    """Build one lab, or append to one."""
    builders = {
        "recordings": build_recordings_lab,
        "segments": build_segments_lab,
        "sessions": build_sessions_lab,
        "registered": build_registered_lab,
        "sensors": build_sensors_lab,
        "sparse": build_sparse_lab,
        "append-readings": append_readings,
    }
    builders[kind](Path(folder), *(int(one) if one.isdigit() else one for one in numbers))  # type: ignore[operator]


if __name__ == "__main__":
    main(*sys.argv[1:])
