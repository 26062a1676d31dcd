"""The documents of an archive, read by the tools of their formats."""

import json
import re
import shutil
import subprocess
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pandas as pd
import pytest

from labcrate.export.documents.datapackage import RECORDING_COLUMNS

EARLIER = datetime(2025, 5, 2, 8, 3, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/spec/session_metadata.schema.json").read_text())


@pytest.fixture
def archive(usual_lab: Any, cli: Any, tmp_path: Path) -> Path:
    """Return an archive with everything that is hard for documents: odd names, mixed types, nulls, nested values."""
    usual_lab.recording("recordings/cam1_session42_take 2 (küche) #1 100%.mp4", content=b"not a video at all")
    usual_lab.write("sessions/Session42/sensor_data/observer notes.txt", "quiet", EARLIER)
    usual_lab.zigbee_json(
        [
            (
                "2025-05-02T08:01:00.000Z",
                "zigbee2mqtt/lamp",
                {"state": "ON", "color": {"x": 1}, "level": 1, "ok": None},
            ),
            (
                "2025-05-02T08:01:01.000Z",
                "zigbee2mqtt/lamp",
                {"state": True, "level": 2.5, "text": 'a "quoted",\nline'},
            ),
            ("2025-05-02T08:01:02.000Z", "zigbee2mqtt/hall/pir", {"occupancy": True, "battery": 9.5, "timestamp": 7}),
            ("2025-05-02T08:01:02.000500Z", "zigbee2mqtt/plug/power", {"value": 12}),
        ]
    )
    target = tmp_path / "out.zip"
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", target)
    assert outcome.code == 0, outcome.err
    return target


def metadata_of(path: Path) -> Any:
    """Return the archive's session metadata."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("data/session_metadata.json"))


def test_metadata_is_valid_against_the_published_schema(archive: Path) -> None:
    """session_metadata.json validates against docs/spec, and the schema itself is a valid schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    metadata = metadata_of(archive)
    jsonschema.validate(metadata, SCHEMA)
    damaged = [r for r in metadata["recordings"] if not r["readable"]]
    assert [r["file"] for r in damaged] == ["recordings/cam1_session42_take 2 (küche) #1 100%.mp4"]


@pytest.mark.parametrize(
    ("change", "to"),
    [("state", "complete"), ("state", "fine"), ("formatVersion", 4), ("extra", 1)],
)
def test_the_schema_refuses_what_it_should(archive: Path, change: str, to: object) -> None:
    """A wrong state, another format version or an unknown field does not validate."""
    metadata = metadata_of(archive)
    assert metadata["warnings"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**metadata, change: to}, SCHEMA)


def test_rocrate_reads_the_zip(archive: Path) -> None:
    """ro-crate-py opens the ZIP as it is; every member but the crate's own file is an entity with size and hash."""
    from rocrate.rocrate import ROCrate  # noqa: PLC0415 - slow to import, for this test alone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crate = ROCrate(str(archive))
    with zipfile.ZipFile(archive) as opened:
        sizes = {info.filename: info.file_size for info in opened.infolist()}
    assert crate.root_dataset["identifier"] == "session-42"
    assert crate.root_dataset["temporalCoverage"] == "2025-05-02T08:00:00.000Z/2025-05-02T08:05:00.000Z"
    entities = {unquote(entity.id): entity for entity in crate.get_by_type("File")}
    assert set(entities) == set(sizes) - {"ro-crate-metadata.json"}
    for name, entity in entities.items():
        if name != "manifest-sha256.txt":
            assert int(entity["contentSize"]) == sizes[name]
            assert re.fullmatch("[0-9a-f]{64}", entity["sha256"])


def test_frictionless_finds_the_package_valid(archive: Path) -> None:
    """frictionless validates three tables and the session's own file straight from the ZIP: types, sizes, hashes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from frictionless import Package  # noqa: PLC0415 - slow to import, for this test alone

        package = Package(str(archive))
        report = package.validate()
    assert report.valid, report.flatten(["rowNumber", "fieldNumber", "type", "message"])
    *tables, own = report.tasks
    assert [task.name for task in tables] == ["zigbee-sensors", "sensor-readings", "recordings"]
    assert all(task.stats["rows"] for task in tables)
    assert (own.name, own.type, own.stats["bytes"]) == ("sensor_data-observer-notes.txt", "file", 5)


def test_frictionless_finds_a_wrong_cell(archive: Path, tmp_path: Path) -> None:
    """The check above can fail: a text in a column of numbers is found."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    table = folder / "data/recordings.csv"
    table.write_text(table.read_text().replace(",320,", ",wide,"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from frictionless import Package  # noqa: PLC0415

        report = Package(str(folder / "datapackage.json")).validate()
    assert not report.valid


@pytest.mark.skipif(not shutil.which("unzip") or not shutil.which("sha256sum"), reason="needs unzip and sha256sum")
def test_sha256sum_agrees_after_unpacking(archive: Path, tmp_path: Path) -> None:
    """Info-ZIP unpacks the archive and sha256sum -c passes; the manifest names every other member."""
    folder = tmp_path / "unpacked"
    subprocess.run(
        ["unzip", "-q", archive, "-d", folder], check=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    checked = subprocess.run(
        ["sha256sum", "-c", "manifest-sha256.txt"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with zipfile.ZipFile(archive) as opened:
        assert len(checked.stdout.splitlines()) == len(opened.namelist()) - 1


def test_the_readme_needs_no_other_document(archive: Path) -> None:
    """The README names the session, its times and zone, every document, the warnings; no line is too wide to read."""
    with zipfile.ZipFile(archive) as opened:
        text = opened.read("README.txt").decode()
        names = opened.namelist()
    assert text.startswith("Session 42: Morning\n")
    assert "2025-05-02T08:00:00.000Z (2025-05-02T10:00:00.000+02:00 local)" in text
    assert "Europe/Madrid" in text
    assert 'complete, with warnings. Nothing is missing. See "Warnings".' in " ".join(text.split())
    assert "take 2 (küche) #1 100%.mp4 is damaged and is exported unchanged" in text.replace("\n ", "")
    for name in names:
        assert name in text
    for column, *_ in RECORDING_COLUMNS:
        assert f"\n{column} " in text
    assert max(map(len, text.splitlines())) <= 78


def test_the_readmes_pandas_lines_work(archive: Path) -> None:
    """The three lines that the README gives for pandas load the readings with their times."""
    with zipfile.ZipFile(archive) as opened:
        text = opened.read("README.txt").decode()
    (block,) = re.findall(r"without unpacking:\n((?:    .+\n)+)Python, with Polars", text)
    scope: dict[str, Any] = {}
    exec("\n".join(line.strip() for line in block.splitlines()).replace("ARCHIVE.zip", str(archive)), scope)  # noqa: S102
    readings = scope["readings"]
    assert str(readings["timestamp"].dtype).startswith("datetime64")
    assert readings["timestamp"].dt.tz is not None
    assert len(readings) == metadata_of(archive)["readings"]["count"]


def test_the_readmes_polars_lines_read_numbers_as_numbers(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's lines for Polars give the columns of numbers as numbers, though some of their cells are empty."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
        text = opened.read("README.txt").decode()
    (block,) = re.findall(r"with Polars, after unpacking:\n((?:    .+\n)+)R:", text)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec("\n".join(line.removeprefix("    ") for line in block.splitlines()), scope)  # noqa: S102
    readings = scope["readings"]
    assert len(readings) == metadata_of(archive)["readings"]["count"]
    assert all(readings[name].dtype.is_numeric() for name in ("temperature", "humidity"))


def test_recordings_csv_says_what_the_metadata_say(archive: Path) -> None:
    """One row per recording, with the same values as the metadata."""
    with zipfile.ZipFile(archive) as opened, opened.open("data/recordings.csv") as file:
        table = pd.read_csv(file)
    described = {r["file"]: r for r in metadata_of(archive)["recordings"]}
    assert set(table["file"]) == set(described)
    for _, row in table.iterrows():
        recording = described[row["file"]]
        assert (row["sha256"], row["size_bytes"], row["readable"]) == (
            recording["sha256"], recording["sizeBytes"], recording["readable"],
        )  # fmt: skip


def test_dates_come_from_the_session_alone(archive: Path) -> None:
    """Every generated document carries the same time, that of the session's last change, and so does the crate."""
    with zipfile.ZipFile(archive) as opened:
        crate = json.loads(opened.read("ro-crate-metadata.json"))
        times = {i.filename: i.date_time for i in opened.infolist() if not i.filename.startswith("recordings/")}
    assert times.pop("data/sensor_data/observer notes.txt") == (2025, 5, 2, 8, 3, 0)
    assert set(times.values()) == {(2025, 5, 2, 8, 5, 0)}
    (root,) = [entity for entity in crate["@graph"] if entity["@id"] == "./"]
    assert root["datePublished"] == "2025-05-02T08:05:00.000Z"
