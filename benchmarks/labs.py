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

import polars as pl

from labcrate.index.catalog import Catalog
from labcrate.index.records import IndexedFile
from labcrate.index.state_folder import state_folder
from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.video.synthetic import make_clip

BEGIN = datetime(2025, 5, 2, 8, tzinfo=UTC)
WINDOW = timedelta(hours=1)
_BLOCK = 8 << 20
_SENSORS = 100
_MANY_SECONDS = 2.0


def build_recordings_lab(lab: Path, count: int, size_bytes: int, readings: int) -> None:
    """Write one session with ``count`` recordings of that size, and ``readings`` inside it (0: no sensor files)."""
    _write_descriptions(lab, [1])
    clip = _make_clip(_MANY_SECONDS)
    (lab / "recordings").mkdir()
    for number in range(count):
        _write_recording(lab / f"recordings/cam{number % 4 + 1}_session1_{number:05}.mp4", clip, size_bytes)
    if readings:
        _write_readings(lab, readings, BEGIN, WINDOW / max(readings, 1))


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


def build_readings_lab(lab: Path, count: int) -> None:
    """Write readings of 100 sensors, ten a second, and one session of an hour in the middle of them."""
    begin = BEGIN - timedelta(seconds=count / 20)
    _write_descriptions(lab, [1])
    _write_readings(lab, count, begin, timedelta(milliseconds=100))


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


def _make_clip(seconds: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path, "cam1", BEGIN, seconds)
        return path.read_bytes()


def _write_recording(path: Path, clip: bytes, size_bytes: int) -> None:
    """Write a small real MP4, enlarged by a box of noise that players skip (ISO/IEC 14496-12, 8.1.2: ``free``)."""
    left = size_bytes - len(clip) - 16
    with path.open("wb") as file:
        file.write(clip + struct.pack(">I4sQ", 1, b"free", left + 16))
        while left:
            left -= file.write(os.urandom(min(left, _BLOCK)))


def _write_readings(lab: Path, count: int, begin: datetime, step: timedelta) -> None:
    """Write readings to both unified files: the sensors in turn, one every ``step``."""
    step_us = step // timedelta(microseconds=1)
    table = _make_table(begin, step_us, 0, 0)
    with (lab / "data/zigbee-sensors.csv").open("wb") as file:
        file.write((",".join(table.columns) + "\n").encode())
        for start in range(0, count, 500_000):
            rows = _make_table(begin, step_us, start, min(start + 500_000, count))
            rows.write_csv(file, include_header=False, quote_style="non_numeric")
    with (lab / "data/zigbee-data.json").open("wb") as file:
        file.write(b'{"messages":{')
        for sensor in range(min(_SENSORS, count)):
            rows = _make_table(begin, step_us, sensor, count, _SENSORS)
            messages = rows.select(
                pl.concat_str(
                    pl.lit('{"timestamp":"'), "timestamp", pl.lit('","payload":'), "payload", pl.lit("}")
                ).str.join(",")
            ).item()
            file.write(f'{"," if sensor else ""}"{rows["topic"][0]}":[{messages}]'.encode())
        file.write(b'},"topics":[]}')


def _make_table(begin: datetime, step_us: int, start: int, stop: int, by: int = 1) -> pl.DataFrame:
    """Return the readings with these numbers as rows of the lab's CSV."""
    number = pl.int_range(start, stop, by, eager=True).alias("n").to_frame()
    us = int(begin.timestamp()) * 1_000_000 + pl.col("n") * step_us
    values = number.select(
        pl.from_epoch(us, "us").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias("timestamp"),
        (pl.lit("sensor ") + (pl.col("n") % _SENSORS).cast(pl.String)).alias("device_id"),
        (((pl.col("n") * 7919) % 2000).cast(pl.Float64) / 100 + 10).round(2).alias("temperature"),
        (((pl.col("n") * 104729) % 5000).cast(pl.Float64) / 100 + 30).round(2).alias("humidity"),
        pl.when(pl.col("n") % 3 == 0).then(pl.lit("true")).otherwise(pl.lit("false")).alias("motion"),
        (100 - pl.col("n") // 1_000_000).alias("battery"),
        (pl.col("n") % 200 + 50).alias("linkquality"),
    )
    keys = {"temperature": "temperature", "humidity": "humidity", "occupancy": "motion", "battery": "battery"}
    pairs = [part for key, column in keys.items() for part in (pl.lit(f'"{key}":'), pl.col(column), pl.lit(","))]
    payload = pl.concat_str(pl.lit("{"), *pairs, pl.lit('"linkquality":'), "linkquality", pl.lit("}"))
    topic = pl.lit("zigbee2mqtt/") + pl.col("device_id")
    return values.select("timestamp", topic.alias("topic"), *values.columns[1:], payload.alias("payload"))


def _format_instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def main(kind: str, folder: str, *numbers: str) -> None:
    """Build one lab."""
    builders = {
        "recordings": build_recordings_lab,
        "segments": build_segments_lab,
        "sessions": build_sessions_lab,
        "registered": build_registered_lab,
        "readings": build_readings_lab,
        "sparse": build_sparse_lab,
    }
    builders[kind](Path(folder), *map(int, numbers))  # type: ignore[operator]


if __name__ == "__main__":
    main(*sys.argv[1:])
