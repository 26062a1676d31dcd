"""Times of recordings in an archive: real MP4s of cameras whose names, containers and files disagree."""

import csv
import io
import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from labcrate.video.synthetic import make_clip

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/spec/session_metadata.schema.json").read_text())
COPIED = datetime(2025, 11, 30, 1, 58, tzinfo=UTC)
Row = dict[str, str]


def clip(lab: Any, name: str, container: datetime | None) -> None:
    """Write a recording of two seconds whose file was copied half a year later."""
    path = lab.root / "recordings" / name
    make_clip(path, "Kitchen", container or COPIED, 2, creation_time=container is not None)
    os.utime(path, ns=(0, int(COPIED.timestamp()) * 10**9))


@pytest.fixture
def platform(lab: Any) -> Any:
    """Return two cameras as the reference platform names their files, and a session of one hour without a time zone."""
    lab.json(
        "data/cameras.json",
        {
            "5": {"id": 5, "name": "cocina", "recordingPrefix": "c05"},
            "6": {"id": 6, "name": "Sala", "recordingPrefix": "c06"},
        },
    )
    lab.session(8, startTime="2025-06-10T18:30:12.040Z", endTime="2025-06-10T19:30:12.040Z")
    return lab


def exported(lab: Any, cli: Any, target: Path) -> tuple[dict[str, Row], Any]:
    """Return the rows of recordings.csv by file name, and the metadata, which must follow the schema."""
    outcome = cli("export", "8", "--lab", lab.root, "-o", target)
    assert outcome.code == 0, outcome.err
    with zipfile.ZipFile(target) as archive:
        table = csv.DictReader(io.StringIO(archive.read("data/recordings.csv").decode()))
        metadata = json.loads(archive.read("data/session_metadata.json"))
    jsonschema.validate(metadata, SCHEMA)
    return {row["file"].rpartition("/")[2]: row for row in table}, metadata


def test_what_a_careful_technician_expects(platform: Any, cli: Any, tmp_path: Path) -> None:
    """Milliseconds, UTC names beside local containers, and a name without any zone: each with what the others said."""
    clip(platform, "c05_session8-2025-06-10T18-31-14-655Z.mp4", None)
    clip(platform, "c05_session8_20250610T184000Z.mp4", datetime(2025, 6, 10, 20, 40, tzinfo=UTC))
    clip(platform, "c05_session8_20250610183500.mp4", None)
    clip(platform, "c06_session8_20250610T185000Z.mp4", datetime(2025, 6, 10, 18, 50, 1, tzinfo=UTC))
    rows, metadata = exported(platform, cli, tmp_path / "8.zip")
    starts = {
        name: tuple(row[c] for c in ("start", "start_source", "start_uncertainty_s")) for name, row in rows.items()
    }
    assert starts == {
        "c05_session8-2025-06-10T18-31-14-655Z.mp4": ("2025-06-10T18:31:14.655Z", "file name", "1"),
        "c05_session8_20250610T184000Z.mp4": ("2025-06-10T18:40:00.000Z", "file name", "1"),
        "c05_session8_20250610183500.mp4": ("2025-06-10T18:35:00.000Z", "file name", "50400"),
        "c06_session8_20250610T185000Z.mp4": ("2025-06-10T18:50:00.000Z", "file name", "1"),
    }
    assert rows["c05_session8_20250610T184000Z.mp4"]["other_starts"] == (
        "MP4 creation time 2025-06-10T20:40:00.000Z (1 s); file modification time 2025-11-30T01:57:58.000Z (60.4 s)"
    )
    (claims,) = [r["startClaims"] for r in metadata["recordings"] if r["file"].endswith("T184000Z.mp4")]
    assert claims == [
        {"source": "file name", "start": "2025-06-10T18:40:00.000Z", "uncertaintySeconds": 1, "taken": True},
        {"source": "MP4 creation time", "start": "2025-06-10T20:40:00.000Z", "uncertaintySeconds": 1, "taken": False},
        {
            "source": "file modification time",
            "start": "2025-11-30T01:57:58.000Z",
            "uncertaintySeconds": 60.4,
            "taken": False,
        },
    ]
    (warning,) = [w for w in metadata["warnings"] if "cocina" in w or "Sala" in w]
    assert "in 1 of 3 recordings, by up to 2:00:00 (7,200 s)" in warning
    assert "writes local time" in warning
    assert "The file name of 1 recording shows no time zone" in warning
    assert "--time-zone" in warning
    assert not [w for w in metadata["warnings"] if "outside the session's time" in w]


def test_the_sessions_zone_is_used(platform: Any, cli: Any, tmp_path: Path) -> None:
    """Names on the wall clock of the session's zone: beside a container in local time, a true one, and none."""
    platform.session(
        8, startTime="2025-06-10T18:30:12.040Z", endTime="2025-06-10T19:30:12.040Z", timeZone="Europe/Madrid"
    )
    local = datetime(2025, 6, 10, 20, 40, tzinfo=UTC)
    clip(platform, "c05_session8_20250610204000.mp4", local)
    clip(platform, "c06_session8_2025-06-10 20.40.00.mp4", local - timedelta(hours=2))
    clip(platform, "c06_session8_20250610204500.mp4", None)
    rows, metadata = exported(platform, cli, tmp_path / "8.zip")
    starts = {name: (row["start"], row["start_source"]) for name, row in rows.items()}
    assert starts == {
        "c05_session8_20250610204000.mp4": ("2025-06-10T18:40:00.000Z", "file name"),
        "c06_session8_2025-06-10 20.40.00.mp4": ("2025-06-10T18:40:00.000Z", "MP4 creation time"),
        "c06_session8_20250610204500.mp4": ("2025-06-10T18:45:00.000Z", "file name"),
    }
    (warning,) = [w for w in metadata["warnings"] if "Camera" in w]
    assert warning.startswith("Camera cocina: The start times disagree in 1 of 1 recording")


def test_a_container_without_a_clock_or_a_zone_for_the_name(platform: Any, cli: Any, tmp_path: Path) -> None:
    """A container of 2000 does not speak; one that speaks is not overruled by a name that was read as UTC."""
    clip(platform, "c05_session8_20250610T184000Z.mp4", datetime(2000, 1, 1, 0, 0, 12, tzinfo=UTC))
    clip(platform, "c06_session8_20250610204000.mp4", datetime(2025, 6, 10, 18, 40, tzinfo=UTC))
    rows, metadata = exported(platform, cli, tmp_path / "8.zip")
    assert "MP4 creation time" not in rows["c05_session8_20250610T184000Z.mp4"]["other_starts"]
    row = rows["c06_session8_20250610204000.mp4"]
    assert (row["start"], row["start_source"]) == ("2025-06-10T18:40:00.000Z", "MP4 creation time")
    assert row["other_starts"].startswith("file name 2025-06-10T20:40:00.000Z (50400 s)")
    (warning,) = [w for w in metadata["warnings"] if "Camera" in w]
    assert warning.startswith("Camera Sala: ")
    assert "--time-zone" in warning
    assert "local time" not in warning


def test_one_warning_however_many_recordings(platform: Any, cli: Any, tmp_path: Path) -> None:
    """Twelve recordings that disagree make one warning, with the largest difference."""
    for minute in range(12):
        name = f"c05_session8_20250610T18{minute + 40}00Z.mp4"
        clip(platform, name, datetime(2025, 6, 10, 18, minute + 40, 7 * minute % 50, tzinfo=UTC))
    _, metadata = exported(platform, cli, tmp_path / "8.zip")
    (warning,) = [w for w in metadata["warnings"] if "Camera" in w]
    # 7 s times 0 to 7 modulo 50 ...: the first agrees, the eighth is 49 s apart.
    assert "in 11 of 12 recordings, by up to 49.0 s" in warning


def test_right_time_without_an_id(platform: Any, cli: Any) -> None:
    """A recording in a folder of dates, of another recorder, is a near miss if any source puts it into the session."""
    (platform.root / "recordings/2025-06-10/18/kitchen").mkdir(parents=True)
    clip(platform, "2025-06-10/18/kitchen/45.10.mp4", None)
    clip(platform, "c05-5-2025-06-10T18-50-00-001Z.mp4", None)
    clip(platform, "c05-5-2025-06-10T20-50-00-001Z.mp4", None)
    out = cli("plan", "8", "--lab", platform.root).out
    assert "near miss (right time, no ID): recordings/2025-06-10/18/kitchen/45.10.mp4" in out
    assert "near miss (right time, no ID): recordings/c05-5-2025-06-10T18-50-00-001Z.mp4" in out
    assert "T20-50" not in out
